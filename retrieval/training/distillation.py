"""Distillation epochs, before any label: the paper's convolutions imitate a pretrained network.

Knowledge distillation (Hinton, Vinyals, Dean, 2015) from ImageNet's maps (`lite`) at each
position: a linear layer on a position of the last map predicts the values of the tapped maps
there. A picture gives hundreds of such targets and only one label, and unlabelled pictures
can be used too. The linear layer is dropped afterwards.
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
from retrieval.encoding.lite import (
    FIXED_BLOCKS,
    STAGES,
    TAPS,
    LiteBody,
    imagenet_body,
    laid_out,
    tapped,
)
from retrieval.training.augmentation import sometimes_changed, standardise, transforms, zoomed
from retrieval.training.loop import Rows, Task

STAGE = "lesson"  # of a run, before its epochs with labels
AT_ONCE = 16  # pictures
WINDOWS = 2  # of each picture, half as high and half as wide: a third of the positions, and time
SEEN = sum(STAGES[tap][-1] for tap in TAPS)  # values of the teacher at a position


class Settings(Protocol):
    """The fields of a recipe that distillation reads."""

    @property
    def lesson_rate(self) -> float:
        """Learning rate of the distillation epochs."""

    @property
    def seed(self) -> int:
        """The start of everything random."""


@dataclass(frozen=True)
class Teacher:
    """ImageNet's maps of pictures, read at the positions of the paper's last map."""

    body: LiteBody
    spec: EncoderSpec

    @torch.no_grad()
    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The tapped maps of whole pictures (B, 1, H, W) in [0, 1]."""
        side = [SPECS["lite"].height, SPECS["lite"].width]
        small = transforms.functional.resize(pictures, side, antialias=True)
        front = self.body.front((small * 2 - 1).contiguous(memory_format=torch.channels_last))
        return [found.float() for found in tapped(front, self.body.blocks[FIXED_BLOCKS:])]

    def at(self, maps: Sequence[Tensor], corners: Tensor, size: tuple[int, int]) -> Tensor:
        """Values (B, SEEN, h, w) at the positions of maps (h, w) of windows at `corners` (B, 2)."""
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
    """The paper's convolutions, and a linear layer on each position of their last map."""

    centre: Tensor
    spread: Tensor

    def __init__(self, network: PaperNetwork) -> None:
        super().__init__()
        self.stages = network.stages
        self.head = nn.Conv2d(CHANNELS[-1], SEEN, 1)
        self.register_buffer("centre", torch.zeros(SEEN, 1, 1))
        self.register_buffer("spread", torch.ones(SEEN, 1, 1))


def lessons(network: PaperNetwork, own: Tensor, others: Tensor, recipe: Settings) -> Task:
    """The task that trains `network`'s convolutions in place, without labels.

    `own` and `others` are pictures (n, 1, H, W) in [0, 1]. Rows of the task count `own`
    first, then `others`. In a pass each own picture comes twice, each other one once.
    """
    where = next(network.parameters()).device
    body = laid_out(imagenet_body().to(where), torch.channels_last)
    teacher = Teacher(body, network.spec)
    pupil = laid_out(Pupil(network).to(where), torch.channels_last)
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
            said: Tensor = pupil.head(pupil.stages(parts)).float()
        size = (said.shape[2], said.shape[3])
        seen = torch.cat([teacher.at(maps, corner, size) for corner in corners])
        # clamped, so that a few outliers do not dominate a step
        return (said - (seen - pupil.centre) / pupil.spread).square().clamp(max=25)

    size = (network.spec.height, network.spec.width)
    change = transforms.RandomChoice([sometimes_changed(size, 0.9, 1.3), zoomed(size)])
    groups = [{"params": list(pupil.parameters()), "lr": recipe.lesson_rate}]
    return Task(pupil, groups, draw, change, errors, lambda found, _: found.mean(), STAGE)


def _windows(pictures: Tensor, high: int, wide: int) -> tuple[list[Tensor], Tensor]:
    """Random windows of (B, 1, H, W): corners (B, 2) of each round, and all windows as a batch."""
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
    """Bring the targets to mean 0 and spread 1 over all positions (h, w) of the pictures."""
    where = pupil.centre.device
    parts = []
    for start in range(0, len(pictures), AT_ONCE):
        some = pictures[start : start + AT_ONCE].to(where)
        corners = torch.zeros(len(some), 2)
        found = teacher.at(teacher.maps(some), corners, size)
        found = found.flatten(2).double()  # (B, SEEN, positions)
        parts.append((found.sum(dim=(0, 2)), found.square().sum(dim=(0, 2))))
    sums, squares = (sum(column) for column in zip(*parts, strict=True))
    count = size[0] * size[1] * len(pictures)
    centre = sums / count
    spread = (squares / count - centre.square()).clamp_min(0).sqrt()
    pupil.centre.copy_(centre[:, None, None])
    pupil.spread.copy_(spread[:, None, None] + 1e-3)
