"""Before any label: the paper's convolutions learn what a pretrained network sees in a picture.

Knowledge distillation (Hinton, Vinyals, Dean, 2015) from ImageNet's maps (`lite`), place by
place: each position of the last map is to give, by one linear layer, what the tapped maps hold
at that place. A picture is hundreds of such lessons, where a label is one, and pictures that
nobody labelled teach as well. The layer is then left away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.encoding.encoder import (
    CHANNELS,
    FIRST,
    REACH,
    SPECS,
    STEP,
    EncoderSpec,
    PaperNetwork,
)
from retrieval.encoding.lite import FIXED_BLOCKS, STAGES, TAPS, LiteBody, imagenet_body, tapped
from retrieval.training.augmentation import sometimes_changed, standardise, transforms, zoomed
from retrieval.training.loop import Rows, Task

STAGE = "lesson"  # of a run, beside its epochs
AT_ONCE = 16  # pictures
WINDOWS = 2  # of each picture, half as high and half as wide: a third of the places, and time
SEEN = sum(STAGES[tap][-1] for tap in TAPS)  # values that the teacher has at a place


class Settings(Protocol):
    """What the lessons need to know of a recipe."""

    lesson_rate: float
    seed: int


@dataclass(frozen=True)
class Teacher:
    """ImageNet's maps of pictures, read at the places that the paper's network looks at."""

    body: LiteBody
    spec: EncoderSpec

    @torch.no_grad()
    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The tapped maps of pictures (B, 1, H, W) in [0, 1], whole."""
        side = [SPECS["lite"].height, SPECS["lite"].width]
        small = transforms.functional.resize(pictures, side, antialias=True)
        front = self.body.front((small * 2 - 1).contiguous(memory_format=torch.channels_last))
        return [found.float() for found in tapped(front, self.body.blocks[FIXED_BLOCKS:])]

    def at(self, maps: Sequence[Tensor], corners: Tensor, size: tuple[int, int]) -> Tensor:
        """Values (B, SEEN, h, w) where a map (h, w) of windows from `corners` (B, 2) looks."""
        shape = (self.spec.height, self.spec.width)
        lines = []
        for axis in (0, 1):
            places = corners[:, axis, None] + STEP * torch.arange(size[axis]) + FIRST
            lines.append(2 * (places + 0.5) / shape[axis] - 1)  # in [-1, 1]
        rows = lines[0][:, :, None].expand(-1, -1, size[1])
        columns = lines[1][:, None, :].expand(-1, size[0], -1)
        grid = torch.stack([columns, rows], dim=-1).to(maps[0])
        return torch.cat(
            [
                nn.functional.grid_sample(found, grid, padding_mode="border", align_corners=False)
                for found in maps
            ],
            dim=1,
        )


class Pupil(nn.Module):
    """The paper's convolutions, and a linear layer on each place of their last map."""

    def __init__(self, network: PaperNetwork) -> None:
        super().__init__()
        self.stages = network.stages
        self.head = nn.Conv2d(CHANNELS[-1], SEEN, 1)
        self.register_buffer("centre", torch.zeros(SEEN, 1, 1))
        self.register_buffer("spread", torch.ones(SEEN, 1, 1))


def lessons(network: PaperNetwork, own: Tensor, others: Tensor, recipe: Settings) -> Task:
    """The task that teaches `network`'s convolutions, which are changed in place.

    Pictures (n, 1, H, W) in [0, 1]: `own` ones, and `others` that need no label. The loop runs
    on both, one after the other; of a pass, own pictures have twice the others' turns.
    """
    where = next(network.parameters()).device
    teacher = Teacher(imagenet_body().to(where, memory_format=torch.channels_last), network.spec)
    pupil = Pupil(network).to(where, memory_format=torch.channels_last)
    _centre(pupil, teacher, own, network.map_size)
    high, wide = (
        max((side + 1) // 2, REACH + STEP) for side in (network.spec.height, network.spec.width)
    )

    def draw(epoch: int) -> Iterator[Rows]:
        random = np.random.default_rng((recipe.seed, epoch))
        rows = np.concatenate([np.tile(np.arange(len(own)), 2), len(own) + np.arange(len(others))])
        random.shuffle(rows)
        for start in range(0, len(rows), AT_ONCE):
            yield rows[start : start + AT_ONCE]

    def errors(pictures: Tensor) -> Tensor:
        with torch.autocast(pictures.device.type, torch.bfloat16):
            maps = teacher.maps(pictures)
        corners, parts = _windows(standardise(pictures), high, wide)
        with torch.autocast(pictures.device.type, torch.bfloat16):
            said = pupil.head(pupil.stages(parts)).float()
        size = (said.shape[2], said.shape[3])
        seen = torch.cat([teacher.at(maps, corner, size) for corner in corners])
        # A few values lie far out; they shall not rule a step.
        return (said - (seen - pupil.centre) / pupil.spread).square().clamp(max=25)

    size = (network.spec.height, network.spec.width)
    change = transforms.RandomChoice([sometimes_changed(size, 0.9, 1.3), zoomed(size)])
    groups = [{"params": list(pupil.parameters()), "lr": recipe.lesson_rate}]
    return Task(pupil, groups, draw, change, errors, lambda found, _: found.mean(), STAGE)


def _windows(pictures: Tensor, high: int, wide: int) -> tuple[list[Tensor], Tensor]:
    """Random windows of (B, 1, H, W): corners (B, 2) of each round, and all of them as a batch."""
    count, _, height, width = pictures.shape
    corners, parts = [], []
    for _ in range(WINDOWS):
        tops = torch.randint(0, height - high + 1, (count,))
        lefts = torch.randint(0, width - wide + 1, (count,))
        corners.append(torch.stack([tops, lefts], dim=1))
        parts += [
            picture[:, top : top + high, left : left + wide]
            for picture, (top, left) in zip(pictures, corners[-1].tolist(), strict=True)
        ]
    return corners, torch.stack(parts).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _centre(pupil: Pupil, teacher: Teacher, pictures: Tensor, size: tuple[int, int]) -> None:
    """Bring what is to be learned to mean 0 and spread 1 over all places (h, w) of the pictures."""
    where = pupil.centre.device
    parts = []
    for start in range(0, len(pictures), AT_ONCE):
        some = pictures[start : start + AT_ONCE].to(where)
        corners = torch.zeros(len(some), 2)
        found = teacher.at(teacher.maps(some), corners, size)
        found = found.flatten(2).double()  # (B, SEEN, places)
        parts.append((found.sum(dim=(0, 2)), found.square().sum(dim=(0, 2))))
    sums, squares = (sum(column) for column in zip(*parts, strict=True))
    count = size[0] * size[1] * len(pictures)
    centre = sums / count
    spread = (squares / count - centre.square()).clamp_min(0).sqrt()
    pupil.centre.copy_(centre[:, None, None])
    pupil.spread.copy_(spread[:, None, None] + 1e-3)
