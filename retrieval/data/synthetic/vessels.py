"""Volume-filling trees: the arteries, veins and small airways of one lung."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .anatomy import SIDES, Anatomy
from .organs import hilum
from .regions import lung_distance, mediastinum_distance
from .shapes import Grid, Point, Tube

Points: TypeAlias = NDArray[np.float64]

_TWIG = 0.62
_BRANCHING = 0.36


@dataclass(frozen=True)
class Vessels:
    """The blood vessels of both lungs and the bronchi that run along the arteries."""

    blood: tuple[Tube, ...]
    bronchi: tuple[Tube, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, chest: Anatomy) -> "Vessels":
        """Trees at random that fill both lungs."""
        blood: list[Tube] = []
        bronchi: list[Tube] = []
        for side in SIDES:
            room = lung_points(chest, side)
            root = np.array(hilum(chest, side))
            below = np.add(root, (side * -4.0, 8.0, 22.0))
            arteries = grow(rng, root, rng.choice(room, 640, axis=0, replace=False))
            blood += arteries + grow(rng, below, rng.choice(room, 460, axis=0, replace=False))
            bronchi += accompany(arteries)
        return cls(tuple(blood), tuple(bronchi))


def lung_points(chest: Anatomy, side: int, depth: float = 3.0, step: float = 7.0) -> Points:
    """Points (n, 3) as x, y, z in mm inside one lung, at least `depth` mm under the pleura."""
    reach_x, reach_y = chest.half_width, chest.half_depth
    grid = Grid(
        np.arange(0, 1.2 * chest.lung_height, step, dtype=np.float32),
        np.arange(-reach_y, reach_y, step, dtype=np.float32),
        np.arange(-reach_x, reach_x, step, dtype=np.float32),
    )
    lung = lung_distance(chest, grid, side, mediastinum_distance(chest, grid))
    z, y, x = np.nonzero(lung < -depth)
    return np.stack([grid.x[x], grid.y[y], grid.z[z]], axis=1).astype(np.float64)


def grow(rng: np.random.Generator, root: Points, targets: Points) -> list[Tube]:
    """A tree from `root` (3,) to every target (n, 3), split in two again and again."""
    targets = targets + rng.uniform(-3.5, 3.5, targets.shape)
    tubes: list[Tube] = []
    waiting: list[tuple[Points, Points]] = [(root, targets)]
    while waiting:
        start, group = waiting.pop()
        if len(group) == 1:
            tubes.append(_branch(start, group[0], 1))
            continue
        towards = group.mean(axis=0) - start
        end = start + towards * rng.uniform(0.30, 0.5) + rng.normal(size=3) * 1.2
        tubes.append(_branch(start, end, len(group)))
        waiting += [(end, half) for half in _split(group)]
    return tubes


def accompany(arteries: list[Tube]) -> list[Tube]:
    """The bronchi beside the larger arteries."""
    return [_beside(artery) for artery in arteries if artery.start_radius > 0.9]


def _branch(start: Points, end: Points, leaves: int) -> Tube:
    radius = _TWIG * leaves**_BRANCHING
    return Tube(_point(start), _point(end), radius, 0.85 * radius)


def _split(group: Points) -> tuple[Points, Points]:
    centred = group - group.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    # An eigenvector comes with either sign; fix it, so that every machine grows the same tree.
    axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
    order = np.argsort(centred @ axis, kind="stable")
    half = len(group) // 2
    return group[order[:half]], group[order[half:]]


def _beside(artery: Tube) -> Tube:
    shift = 2.1 * artery.start_radius
    inward = -1.0 if artery.start[0] > 0 else 1.0
    start = (artery.start[0] + 0.8 * inward * shift, artery.start[1] - 0.6 * shift, artery.start[2])
    shift = 2.1 * artery.end_radius
    end = (artery.end[0] + 0.8 * inward * shift, artery.end[1] - 0.6 * shift, artery.end[2])
    return Tube(start, end, 0.85 * artery.start_radius, 0.85 * artery.end_radius)


def _point(position: Points) -> Point:
    return float(position[0]), float(position[1]), float(position[2])
