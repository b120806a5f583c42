"""Augmentation keeps shape and range, follows the seed, and imports beside a CPU torch."""

import numpy as np
import pytest
import torch

from retrieval.encoding.encoder import prepare, spec_named
from retrieval.imaging import textures
from retrieval.training.augmentation import (
    RandomFrame,
    RandomGamma,
    RandomTexture,
    RandomWindow,
    _crop,
    augmentation,
    sometimes_changed,
    standardise,
    transforms,
    zoomed,
)


@pytest.mark.parametrize("change", [
    augmentation((40, 60)),
    sometimes_changed((40, 60), 0.8),
    sometimes_changed((40, 60), 0.8, texture=0.9),
    RandomTexture(),
    RandomWindow(),
    zoomed((40, 60)),
])  # fmt: skip
def test_shape_range_and_seed(change):
    picture = torch.rand(1, 40, 60, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    first = [change(picture) for _ in range(5)]
    torch.manual_seed(1)
    again = [change(picture) for _ in range(5)]
    for one, other in zip(first, again, strict=True):
        assert one.shape == picture.shape and torch.equal(one, other)
        assert one.min() >= 0 and one.max() <= 1
    assert not torch.equal(first[0], first[1])


def test_gamma_is_a_power_between_its_limits():
    torch.manual_seed(0)
    powers = [
        float(
            torch.log(RandomGamma(0.5, 2.0)(torch.full((1, 1, 1), 0.5)))
            / torch.log(torch.tensor(0.5))
        )
        for _ in range(300)
    ]
    assert 0.5 <= min(powers) < 0.55 and 1.85 < max(powers) <= 2.0


def test_a_share_of_nothing_changes_only_the_side():
    picture = torch.rand(1, 40, 60, generator=torch.Generator().manual_seed(0))
    change = sometimes_changed((40, 60), 0.0)
    torch.manual_seed(3)
    seen = [change(picture) for _ in range(20)]
    assert all(torch.equal(one, picture) or torch.equal(one, picture.flip(2)) for one in seen)
    assert any(torch.equal(one, picture) for one in seen)
    assert any(torch.equal(one, picture.flip(2)) for one in seen)


def test_a_frame_covers_margins_only():
    torch.manual_seed(0)
    picture = torch.full((1, 50, 80), 0.5)
    for _ in range(20):
        framed = RandomFrame(1.0, 0.1)(picture)
        assert torch.equal(framed[:, 5:-5, 8:-8], picture[:, 5:-5, 8:-8])
        assert set(framed.unique().tolist()) in ({0.5, 0.0}, {0.5, 1.0}, {0.5})
    assert RandomFrame(0.0, 0.1)(picture) is picture


def textured(monkeypatch, *, sharpness=0.5, strength=0.0, coarse=1.0, quality=1.0, seed=0):
    """An edge from 0.3 to 0.6 changed by chosen draws; those by default change nothing."""
    picture = torch.full((1, 64, 64), 0.3)
    picture[..., 32:] = 0.6
    torch.manual_seed(seed)
    draws = torch.tensor([sharpness, strength, coarse, quality])
    with monkeypatch.context() as patched:
        patched.setattr(torch, "rand", lambda count: draws[:count])
        return picture, RandomTexture()(picture)


def test_draws_in_the_middle_leave_a_picture_as_it_is(monkeypatch):
    picture, changed = textured(monkeypatch)
    torch.testing.assert_close(changed, picture)


def test_low_draws_blur_and_high_ones_sharpen_an_edge(monkeypatch):
    def slope(changed):
        return float(changed[0, 32].diff().max())

    _, blurred = textured(monkeypatch, sharpness=1 / 2.4)  # 1 pixel wide
    assert slope(blurred) == pytest.approx(0.3 / (2 * np.pi) ** 0.5, rel=0.01)
    _, sharpened = textured(monkeypatch, sharpness=1.0)
    taken = 0.3 - slope(blurred)
    assert slope(sharpened) == pytest.approx(0.3 + RandomTexture.SHARPENING * taken, rel=0.01)


@pytest.mark.parametrize("coarse", [1.0, 0.4])
def test_grain_has_the_drawn_spread_fine_or_coarse(monkeypatch, coarse):
    picture, changed = textured(monkeypatch, strength=0.7, coarse=coarse)
    grain = (changed - picture)[0]
    assert float(grain.std()) == pytest.approx(RandomTexture.GRAIN * 0.49, rel=0.05)
    alike = float((grain[:, 1:] * grain[:, :-1]).mean() / grain.square().mean())
    assert alike > 0.6 if coarse < 0.5 else abs(alike) < 0.05


def test_a_low_draw_compresses(monkeypatch):
    _, changed = textured(monkeypatch, strength=0.5, quality=0.0)
    _, plain = textured(monkeypatch, strength=0.5)
    expected = textures.compressed(plain[0].numpy(), quality=RandomTexture.QUALITY)
    np.testing.assert_array_equal(changed[0].numpy(), expected)
    assert float((changed - plain).abs().max()) > 0.02


def test_no_share_of_textures_draws_nothing():
    picture = torch.rand(1, 40, 60, generator=torch.Generator().manual_seed(0))
    change = sometimes_changed((40, 60), 1.0)
    assert "RandomTexture" not in str(change)
    assert "RandomTexture" in str(sometimes_changed((40, 60), 1.0, texture=0.1))
    assert change(picture).shape == picture.shape


@pytest.mark.parametrize("size", [(96, 96), (96, 166), (335, 580)])
def test_a_crop_keeps_the_shape_of_a_picture_within_its_ratios(size):
    """Of a picture that holds its own places; ratios are of shares of its sides, not of pixels."""
    rows = torch.linspace(0, 1, size[0])[:, None].expand(size)
    columns = torch.linspace(0, 1, size[1])[None].expand(size)
    crop = _crop(size, 0.5, (0.8, 1.25))
    found = []
    for seed in range(60):
        torch.manual_seed(seed)
        places = crop(torch.stack([rows, columns]))
        down = float(places[0, -1].mean() - places[0, 0].mean())
        across = float(places[1, :, -1].mean() - places[1, :, 0].mean())
        found.append((down * across, across / down))
    area, ratio = np.array(found).T
    assert area.min() > 0.47 and area.max() > 0.85
    assert ratio.min() > 0.77 and ratio.max() < 1.3
    assert ratio.min() < 0.9 and ratio.max() > 1.1
    assert len(set(ratio.round(3))) > 30  # and not one crop again and again


def test_training_and_serving_standardise_alike():
    """A picture of the input's own size goes the same way through both."""
    spec = spec_named("small")
    picture = torch.rand(spec.height, spec.width, generator=torch.Generator().manual_seed(2))
    served = torch.from_numpy(prepare(picture.numpy(), spec))
    torch.testing.assert_close(standardise(picture[None, None])[0, 0], served, atol=1e-5, rtol=1e-5)


def test_torchvision_transforms_load():
    assert transforms.__name__ == "torchvision.transforms.v2"
