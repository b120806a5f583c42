"""The network layer by layer against the paper's table, and a feature against plain sums."""

import numpy as np
import pytest
import torch

from retrieval.encoding import encoder
from retrieval.encoding.encoder import (
    PaperNetwork,
    from_tensors,
    keep_rows,
    prepare,
    spec_named,
    to_tensors,
)
from retrieval.errors import ModelError

# layer, (channels, height, width): the paper's table, in the order it prints
TABLE = [
    ("Input", (1, 335, 580)),
    ("Conv2d", (32, 331, 576)),
    ("ReLU", (32, 331, 576)),
    ("MaxPool2d", (32, 165, 288)),
    ("Conv2d", (32, 161, 284)),
    ("ReLU", (32, 161, 284)),
    ("MaxPool2d", (32, 80, 142)),
    ("Conv2d", (64, 76, 138)),
    ("ReLU", (64, 76, 138)),
    ("MaxPool2d", (64, 38, 69)),
    ("Conv2d", (128, 34, 65)),
    ("ReLU", (128, 34, 65)),
    ("Linear", (512,)),
]


def test_thirteen_layers_of_the_paper():
    network = PaperNetwork(spec_named("paper"), rows=512)
    picture = torch.zeros(1, 1, 335, 580)
    found = [("Input", tuple(picture.shape[1:]))]
    with torch.inference_mode():
        wanted = network(picture)
        for stage in [*network.stages, network.full]:
            picture = stage(picture.flatten(1) if stage is network.full else picture)
            found.append((type(stage).__name__, tuple(picture.shape[1:])))
    assert found == TABLE
    assert torch.equal(picture, wanted)  # and nothing else stands between scan and features
    sizes = [tuple(stage.weight.shape) for stage in network.stages if hasattr(stage, "weight")]
    assert sizes == [(32, 1, 5, 5), (32, 32, 5, 5), (64, 32, 5, 5), (128, 64, 5, 5)]
    assert tuple(network.full.weight.shape) == (512, 282_880)


def small_picture(seed=0, shape=(70, 110)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_a_feature_by_hand():
    """Convolution, ReLU and pooling with loops over channels and offsets only."""
    torch.manual_seed(1)
    network = PaperNetwork(spec_named("small"), rows=8).eval()
    picture = prepare(small_picture(), spec_named("small"))
    maps = picture[None].astype(np.float64)
    for stage in network.stages:
        if isinstance(stage, torch.nn.Conv2d):
            weight = stage.weight.detach().numpy().astype(np.float64)
            height, width = maps.shape[1] - 4, maps.shape[2] - 4
            out = np.repeat(stage.bias.detach().numpy()[:, None, None], height, 1).repeat(width, 2)
            out = out.astype(np.float64)
            for dy in range(5):
                for dx in range(5):
                    window = maps[:, dy : dy + height, dx : dx + width]
                    out += np.tensordot(weight[:, :, dy, dx], window, axes=1)
            maps = out
        elif isinstance(stage, torch.nn.ReLU):
            maps = np.where(maps > 0, maps, 0)
        else:
            height, width = maps.shape[1] // 2 * 2, maps.shape[2] // 2 * 2
            corners = [maps[:, y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)]
            maps = np.max(corners, axis=0)
    weight = network.full.weight.detach().numpy().reshape(8, *maps.shape)
    expected = (weight * maps).sum(axis=(1, 2, 3)) + network.full.bias.detach().numpy()
    found = encoder.Encoder(spec_named("small"), network).encode([small_picture()])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_brightness_and_contrast_do_not_matter():
    picture = small_picture() * 0.5
    one, other = (prepare(p, spec_named("small")) for p in (picture, picture * 1.6 + 0.1))
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert one.shape == (96, 160) and one.dtype == np.float32
    assert abs(one.mean()) < 1e-5 and one.std() == pytest.approx(1, abs=1e-5)


def test_company_in_a_batch_changes_no_bit():
    torch.manual_seed(2)
    served = from_tensors(spec_named("small"), to_tensors(PaperNetwork(spec_named("small"))))
    pictures = [small_picture(seed) for seed in range(3)]
    together = served.encode(pictures)
    for row, picture in zip(together, pictures, strict=True):
        np.testing.assert_array_equal(served.encode([picture])[0], row)


def test_eight_bit_weights_are_close_and_pruned_rows_are_the_same():
    torch.manual_seed(3)
    network = PaperNetwork(spec_named("small"))
    tensors = to_tensors(network)
    served = from_tensors(spec_named("small"), tensors)
    step = np.abs(network.full.weight.detach().numpy()).max(axis=1, keepdims=True) / 127
    error = served.network.full.weight.numpy() - network.full.weight.detach().numpy()
    assert (np.abs(error) <= step / 2 * 1.001).all()
    rows = np.array([500, 3, 77])
    pruned = from_tensors(spec_named("small"), keep_rows(tensors, rows))
    pictures = [small_picture(seed) for seed in range(4)]
    full, few = served.encode(pictures), pruned.encode(pictures)
    np.testing.assert_allclose(few, full[:, rows], rtol=1e-5, atol=1e-6)
    assert tensors["full.values"].dtype == np.int8


def test_refusals():
    with pytest.raises(ModelError, match="no encoder 'vgg'"):
        spec_named("vgg")
    tensors = to_tensors(PaperNetwork(spec_named("small"), rows=4))
    tensors.pop("stages.0.weight")
    with pytest.raises(ModelError, match="do not fit"):
        from_tensors(spec_named("small"), tensors)
