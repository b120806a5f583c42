"""The encoder: one scan in, a vector of deep features out.

The paper's sub-network has 13 layers and both halves of the Siamese pair share
its weights, so one network is enough: a pair is two calls of it. Other networks
stand behind the same call: they give features by a last linear layer, `full`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from retrieval.encoding.framing import placed, seen_box
from retrieval.encoding.lite import (
    FIXED_BLOCKS,
    LiteBody,
    LiteNetwork,
    imagenet_body,
    laid_out,
    pool,
)
from retrieval.errors import ModelError
from retrieval.imaging.greys import FloatImage

Tensors: TypeAlias = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class EncoderSpec:
    """Shape of an encoder: input height and width in pixels, and features out.

    pretrained : the body starts from ImageNet weights.
    kept : how many features are unsupervised; they are the last ones.
    kept_per_learned : how many of those follow each learned one in a code.
    margin : share of each side that is cut off, after uniform margins, before encoding.
    """

    name: str
    height: int
    width: int
    features: int = 512
    pretrained: bool = False
    kept: int = 0
    kept_per_learned: int = 1
    margin: float = 0.0


# "small" has the paper's 13 layers on a smaller picture: for tests and quick trials.
SPECS = {
    spec.name: spec
    for spec in (
        EncoderSpec("paper", 335, 580),
        EncoderSpec("small", 96, 160),
        EncoderSpec("lite", 256, 256, 224, pretrained=True, kept=96, kept_per_learned=3),
        EncoderSpec(
            "lite-inner", 256, 256, 224, pretrained=True, kept=96, kept_per_learned=3, margin=0.05
        ),
    )
}
CHANNELS = (32, 32, 64, 128)  # of the paper's four convolutions
KERNEL = 5
# The last map's positions lie STEP pixels apart, each sees REACH pixels in height and width, and
# the first one's middle is at FIRST: what four such convolutions and three halvings come to.
STEP, REACH, FIRST = 8, 68, 33.5


def spec_named(name: str) -> EncoderSpec:
    """The encoder called `name`; ModelError if there is none."""
    if name not in SPECS:
        raise ModelError(f"There is no encoder {name!r}; choose one of {', '.join(SPECS)}.")
    return SPECS[name]


def map_size(spec: EncoderSpec) -> tuple[int, int]:
    """Height and width of the paper network's last map: (34, 65) for the paper's input."""
    height, width = spec.height, spec.width
    for _ in CHANNELS[:-1]:
        height, width = (height - KERNEL + 1) // 2, (width - KERNEL + 1) // 2
    return height - KERNEL + 1, width - KERNEL + 1


class PaperNetwork(nn.Module):
    """The paper's 13-layer sub-network: (B, 1, H, W) -> (B, rows) float32.

    Layers 1-12 are four 5x5 convolutions without padding, each with a ReLU and
    the first three with a 2x2 max-pool; layer 13 is fully connected and sits
    directly on the last feature map, so a feature is a plain sum over its
    positions. A pruned network has fewer rows than `spec.features`.
    """

    def __init__(self, spec: EncoderSpec, rows: int | None = None) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        before = 1
        for number, channels in enumerate(CHANNELS, start=1):
            stages += [nn.Conv2d(before, channels, KERNEL), nn.ReLU()]
            before = channels
            if number < len(CHANNELS):
                stages.append(nn.MaxPool2d(2))
        self.spec = spec
        self.map_size = map_size(spec)
        self.stages = nn.Sequential(*stages)
        self.full = nn.Linear(before * math.prod(self.map_size), rows or spec.features)

    def forward(self, pictures: Tensor) -> Tensor:
        """Features (B, rows) of pictures (B, 1, H, W)."""
        features: Tensor = self.full(self.stages(pictures).flatten(1))
        return features

    def shares(self, picture: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """The exact map of sum(coefficients * features) over one picture (1, 1, H, W).

        coefficients (rows,) -> (map (h, w), constant): the map's sum and the constant add
        up to that number, since layer 13 sums over the positions of the last map.
        """
        maps = self.stages(picture)[0]  # (128, h, w)
        weights = (coefficients @ self.full.weight).view(maps.shape)
        return (maps * weights).sum(dim=0), coefficients @ self.full.bias


Network = PaperNetwork | LiteNetwork


def new_network(spec: EncoderSpec, rows: int | None = None) -> Network:
    """An untrained network of this shape, with `rows` of its features only if given."""
    rows = rows or spec.features
    return LiteNetwork(rows) if spec.pretrained else PaperNetwork(spec, rows)


def seen(pixels: FloatImage, spec: EncoderSpec) -> FloatImage:
    """What the network sees of (H, W) in [0, 1], at its size (spec.height, spec.width).

    The picture is stretched to the input's shape, as the paper's table implies.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    resized = image.resize(
        (spec.width, spec.height), Image.Resampling.BILINEAR, box=seen_box(pixels, spec.margin)
    )
    return np.asarray(resized, dtype=np.float32)


def prepare(pixels: FloatImage, spec: EncoderSpec) -> FloatImage:
    """Fit a scan to the network: (H, W) in [0, 1] -> (spec.height, spec.width)."""
    return scaled(seen(pixels, spec), spec)


def scaled(fitted: FloatImage, spec: EncoderSpec) -> FloatImage:
    """The result of `seen` in the range that the network expects.

    For the paper's network each picture is standardised by itself (mean 0, spread 1).
    This removes overall brightness and contrast and needs no other pictures. ImageNet
    weights expect the range [-1, 1] instead.
    """
    if spec.pretrained:
        return fitted * 2 - 1
    standard: FloatImage = (fitted - fitted.mean()) / max(float(fitted.std()), 1e-6)
    return standard


@dataclass(frozen=True)
class Encoder:
    """A network ready to serve; `encode` is its only use."""

    spec: EncoderSpec
    network: Network

    def encode(self, scans: Sequence[FloatImage]) -> npt.NDArray[np.float32]:
        """Features (B, rows) of B pictures, each (H, W) in [0, 1] of any size.

        One picture goes through at a time: a batch's result may depend on its
        size in the last bit, and the same picture must always get the same code.
        """
        return self.encode_seen([self.seen(pixels) for pixels in scans])

    def seen(self, pixels: FloatImage) -> FloatImage:
        """What the network sees of a picture (H, W) in [0, 1], at the size of its input."""
        return seen(pixels, self.spec)

    def encode_seen(self, fitted: Sequence[FloatImage]) -> npt.NDArray[np.float32]:
        """Features (B, rows) of B pictures as `seen` gives them, without framing them again."""
        rows = [self._one(scaled(picture, self.spec)) for picture in fitted]
        return np.stack(rows) if rows else np.empty((0, self.network.full.out_features), np.float32)

    @torch.inference_mode()
    def _one(self, picture: FloatImage) -> npt.NDArray[np.float32]:
        batch = torch.from_numpy(picture)[None, None]  # (1, 1, H, W)
        features: Tensor = self.network(batch.contiguous(memory_format=torch.channels_last))
        return features[0].numpy()

    def shares(
        self, pixels: FloatImage, coefficients: npt.NDArray[np.float32]
    ) -> tuple[FloatImage, float]:
        """Where in a picture (H, W) the sum of coefficients (rows,) * features comes from.

        A map (h, w) that covers the whole picture, and a constant: together they sum to
        that number, up to rounding. What the network does not see holds 0.
        """
        found, constant = self._shares(self.seen(pixels), coefficients)
        return self.placed(found, pixels), constant

    def shares_beyond(
        self, pixels: FloatImage, other: FloatImage, coefficients: npt.NDArray[np.float32]
    ) -> FloatImage:
        """The map of `shares` less that of another picture, cell by cell of what is seen."""
        found = self.shares_beyond_seen(self.seen(pixels), self.seen(other), coefficients)
        return self.placed(found, pixels)

    def shares_beyond_seen(
        self, fitted: FloatImage, other: FloatImage, coefficients: npt.NDArray[np.float32]
    ) -> FloatImage:
        """The same map (h, w) for pictures as `seen` gives them, covering only these."""
        found, less = (self._shares(picture, coefficients)[0] for picture in (fitted, other))
        return found - less

    def placed(self, values: FloatImage, pixels: FloatImage) -> FloatImage:
        """A map (h, w) of what the network sees of a picture, as one of the whole picture."""
        return placed(values, seen_box(pixels, self.spec.margin), pixels.shape)

    @torch.inference_mode()
    def _shares(
        self, fitted: FloatImage, coefficients: npt.NDArray[np.float32]
    ) -> tuple[FloatImage, float]:
        batch = torch.from_numpy(scaled(fitted, self.spec))[None, None]
        found, constant = self.network.shares(
            batch.contiguous(memory_format=torch.channels_last), torch.from_numpy(coefficients)
        )
        return found.numpy(), float(constant)


@dataclass(frozen=True)
class FrozenBackbone:
    """Pooled maps of a picture by ImageNet's weights, without any training on labels."""

    body: LiteBody

    @classmethod
    def load(cls) -> FrozenBackbone:
        """From the weights of the installed package; ModelError without it."""
        return cls(laid_out(imagenet_body(), torch.channels_last))

    @torch.inference_mode()
    def pooled(self, pixels: FloatImage) -> npt.NDArray[np.float32]:
        """Means and spreads float32 (lite.POOLED,) of a picture (H, W) in [0, 1] of any size."""
        batch = torch.from_numpy(prepare(pixels, SPECS["lite"]))[None, None]
        front = self.body.front(batch.contiguous(memory_format=torch.channels_last))
        return pool(front, self.body.blocks[FIXED_BLOCKS:])[0].numpy()


def quantise_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a (rows, n) matrix to int8, one float32 scale a row: weight ~ values * scale."""
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127.0
    return torch.round(weight / scale).to(torch.int8), scale[:, 0]


def to_tensors(network: Network) -> dict[str, npt.NDArray[np.generic]]:
    """The network's weights as named arrays, ready to be stored.

    The paper's fully connected layer takes 8 bits a weight, a pretrained body 16.
    Rounding here, before features are computed for selection and thresholds,
    means that a pruned copy carries the very same rows: its codes stay the same.
    """
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    if isinstance(network, LiteNetwork):
        arrays = {name: value.contiguous().numpy() for name, value in state.items()}
        return {
            name: array.astype(np.float16) if name.startswith(("body.", "still.")) else array
            for name, array in arrays.items()
        }
    values, scale = quantise_rows(state.pop("full.weight"))
    arrays = {name: value.contiguous().numpy() for name, value in state.items()}
    return {**arrays, "full.values": values.numpy(), "full.scale": scale.numpy()}


def keep_rows(tensors: Tensors, rows: npt.NDArray[np.intp]) -> dict[str, npt.NDArray[np.generic]]:
    """The same weights with only the given rows of the fully connected layer, in that order."""
    return {
        name: np.ascontiguousarray(array[rows]) if name.startswith("full.") else array
        for name, array in tensors.items()
    }


def shared_positions(tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """The same weights, smaller where all positions of a map share one weight in layer 13.

    There `full.values` (rows, 128 * h * w) becomes (rows, 128); `all_positions` undoes it.
    """
    found = dict(tensors)
    if "full.values" in found:
        maps = found["full.values"].reshape(len(found["full.values"]), CHANNELS[-1], -1)
        if (maps == maps[:, :, :1]).all():
            found["full.values"] = maps[:, :, 0]
    return found


def all_positions(spec: EncoderSpec, tensors: Tensors) -> dict[str, npt.NDArray[np.generic]]:
    """The weights as `to_tensors` gives them, from `shared_positions`; others stay as they are."""
    found = dict(tensors)
    if "full.values" in found and found["full.values"].shape[1:] == (CHANNELS[-1],):
        found["full.values"] = found["full.values"].repeat(math.prod(map_size(spec)), axis=1)
    return found


def from_tensors(spec: EncoderSpec, tensors: Tensors) -> Encoder:
    """Rebuild the encoder from `to_tensors` or `keep_rows`; ModelError if the shapes disagree."""
    state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
    try:
        if "full.values" in state:
            values, scale = state.pop("full.values"), state.pop("full.scale")
            state["full.weight"] = values.float() * scale[:, None]
        network = new_network(spec, rows=len(state["full.weight"]))
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"The weights do not fit the encoder {spec.name!r}; train or download the model again."
        ) from error
    network.eval().requires_grad_(False)
    return Encoder(spec, laid_out(network, torch.channels_last))
