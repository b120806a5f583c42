"""Augmentation keeps shape and range, follows the seed, and imports beside a CPU torch."""

import pytest
import torch

from retrieval.augmentation import (
    RandomFrame,
    RandomGamma,
    RandomTexture,
    augmentation,
    sometimes_changed,
    standardise,
    transforms,
)
from retrieval.encoder import prepare, spec_named


@pytest.mark.parametrize("change", [
    augmentation((40, 60)),
    sometimes_changed((40, 60), 0.8),
    sometimes_changed((40, 60), 0.8, texture=0.9),
    RandomTexture(),
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


def test_textures_blur_sharpen_and_roughen():
    """Against a picture of soft waves: its steps grow and shrink, and no grey moves far."""
    across = torch.linspace(0, 25, 64)
    picture = (0.5 + 0.3 * torch.sin(across) * torch.sin(across)[:, None])[None]
    torch.manual_seed(0)
    changed = [RandomTexture()(picture) for _ in range(60)]
    roughness = [float(one.diff(dim=2).diff(dim=2).abs().mean()) for one in changed]
    plain = float(picture.diff(dim=2).diff(dim=2).abs().mean())
    assert min(roughness) < 0.97 * plain and max(roughness) > 1.5 * plain
    assert max(float((one - picture).abs().mean()) for one in changed) < 0.08


def test_training_and_serving_standardise_alike():
    """A picture of the input's own size goes the same way through both."""
    spec = spec_named("small")
    picture = torch.rand(spec.height, spec.width, generator=torch.Generator().manual_seed(2))
    served = torch.from_numpy(prepare(picture.numpy(), spec))
    torch.testing.assert_close(standardise(picture[None, None])[0, 0], served, atol=1e-5, rtol=1e-5)


def test_torchvision_transforms_load():
    assert transforms.__name__ == "torchvision.transforms.v2"
