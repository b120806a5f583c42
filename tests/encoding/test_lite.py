"""The pretrained body against another implementation of the same network, and its folded form."""

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from retrieval.encoding import lite
from retrieval.encoding.encoder import (
    Encoder,
    from_tensors,
    keep_rows,
    new_network,
    spec_named,
    to_tensors,
)
from retrieval.errors import ModelError

SPEC = spec_named("lite")


@pytest.fixture(scope="module")
def body():
    return lite.imagenet_body()


def test_every_map_is_that_of_the_reference(body):
    """Colour input with batch normalisation there; one grey channel, folded, here."""
    import importlib.resources

    reference = EfficientNet.from_name("efficientnet-lite0").eval()
    with importlib.resources.files(lite.PACKAGE).joinpath(lite.FILE).open("rb") as file:
        reference.load_state_dict(torch.load(file, weights_only=True))
    found = []
    for block in (0, 2, 4, 7, 10, 14):  # the last of each of the six stages
        reference._blocks[block].register_forward_hook(lambda *call: found.append(call[2]))
    picture = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        reference.extract_features(picture.repeat(1, 3, 1, 1))
        maps = body.maps(picture)
    assert len(maps) == len(found) == 6
    for ours, theirs in zip(maps, found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("side", [5, 6, 7, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
def test_padding_keeps_every_position(side, kernel, stride):
    """TensorFlow's SAME: ceil(side / stride) positions, the odd pad at the end."""
    convolution = lite.SameConv(lite._Shape(1, 1, kernel, stride))
    picture = torch.rand(1, 1, side, side + 1)
    out = convolution(picture)[0, 0].detach().numpy()
    weight, bias = convolution.weight[0, 0].detach().numpy(), convolution.bias.item()
    grid = picture[0, 0].numpy()
    for (row, column), value in np.ndenumerate(out):
        total = bias
        for dy in range(kernel):
            for dx in range(kernel):
                y = row * stride + dy - pad_before(side, kernel, stride)
                x = column * stride + dx - pad_before(side + 1, kernel, stride)
                if 0 <= y < grid.shape[0] and 0 <= x < grid.shape[1]:
                    total += weight[dy, dx] * grid[y, x]
        assert value == pytest.approx(total, abs=1e-5)
    assert out.shape == (-(-side // stride), -(-(side + 1) // stride))


def pad_before(side, kernel, stride):
    return max((-(-side // stride) - 1) * stride + kernel - side, 0) // 2


def pictures(count=3):
    random = np.random.default_rng(0)
    return [random.random((60, 90), dtype=np.float32) for _ in range(count)]


@pytest.fixture(scope="module")
def network(body):
    torch.manual_seed(0)
    network = new_network(SPEC)
    network.body = body
    return network.eval()


def test_pooled_maps_are_those_of_each_view(network):
    """The trained view first, by the maps of the whole body; then the untouched stages."""
    pictures = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    both = lite.LiteBody()
    both.load_state_dict(network.body.state_dict())
    for number, block in enumerate(network.still):
        both.blocks[lite.FIXED_BLOCKS + number] = block
    expected = []
    with torch.inference_mode():
        for body in (network.body, both.eval()):
            for tap in lite.TAPS:
                maps = body.maps(pictures)[tap].numpy().astype(np.float64)
                expected += [maps.mean(axis=(2, 3)), np.sqrt(maps.var(axis=(2, 3)) + 1e-6)]
        found = network.pooled(pictures).numpy()
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-3, atol=1e-4)


def test_a_mirrored_picture_has_the_same_features(network):
    encoder = Encoder(SPEC, network)
    one = encoder.encode(pictures())
    mirrored = encoder.encode([np.ascontiguousarray(p[:, ::-1]) for p in pictures()])
    np.testing.assert_allclose(one, mirrored, rtol=1e-3, atol=1e-3)


def test_stored_rows_give_the_same_features(network):
    tensors = to_tensors(network)
    assert tensors["body.stem.weight"].dtype == np.float16
    assert tensors["still.0.convolutions.0.weight"].dtype == np.float16
    rows = np.array([150, 3])
    full = from_tensors(SPEC, tensors).encode(pictures())
    few = from_tensors(SPEC, keep_rows(tensors, rows)).encode(pictures())
    assert full.shape == (3, 224)
    np.testing.assert_allclose(few, full[:, rows], rtol=1e-5, atol=1e-5)


def test_missing_weights_are_said(monkeypatch):
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="ImageNet weights are missing"):
        lite.imagenet_body()
