"""Clear lungs, ground-glass and consolidation: disease as a share of the air it replaces."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .anatomy import LEFT, RIGHT, SIDES, Anatomy
from .noise import Waves
from .shapes import Field, Grid, Point, clipped, ellipsoid_distance, smooth_overlap
from .vessels import lung_points


class Finding(StrEnum):
    """The labels of the sample."""

    CLEAR = "clear"
    GROUND_GLASS = "ground-glass"
    CONSOLIDATION = "consolidation"


@dataclass(frozen=True)
class Patch:
    """One diseased region: an ellipsoid in mm on one side; `filled` is the share of air it takes.

    `lobe` is 1 behind the oblique fissure, -1 before it, and 0 if the fissure does not bound it.
    """

    centre: Point
    radii: Point
    side: int
    lobe: int
    filled: float


@dataclass(frozen=True)
class Disease:
    """The patches of one patient, the texture of their borders, and their edge in mm."""

    patches: tuple[Patch, ...]
    border: Waves
    mottle: Waves
    edge: float
    raggedness: float
    unevenness: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        chest: Anatomy,
        finding: Finding,
        levels: tuple[float, float],
        extent: float = 1.0,
    ) -> "Disease":
        """Disease at random, its centres between two levels, its radii scaled by `extent`."""
        waves = Waves.draw(rng, 34), Waves.draw(rng, 9)
        if finding is Finding.GROUND_GLASS:
            patches = _hazy_patches(rng, chest, levels, extent)
            return cls(patches, *waves, edge=15, raggedness=6.0, unevenness=0.2)
        if finding is Finding.CONSOLIDATION:
            patches = _dense_patches(rng, chest, levels, extent)
            return cls(patches, *waves, edge=9, raggedness=5.0, unevenness=0.03)
        return cls((), *waves, edge=1, raggedness=0, unevenness=0)

    def filling(self, chest: Anatomy, grid: Grid, lung: Field, side: int) -> Field:
        """The share of air replaced by fluid, 0 to 1, in the lung of one side."""
        filled = np.zeros(grid.shape, np.float32)
        patches = [patch for patch in self.patches if patch.side == side]
        if not patches:
            return filled
        border = self.raggedness * (self.border.on(grid) + 0.4 * self.mottle.on(grid))
        for patch in patches:
            region: Field = ellipsoid_distance(grid, patch.centre, patch.radii) + border
            if patch.lobe:
                outside = -patch.lobe * fissure_distance(chest, grid, side)
                region = smooth_overlap(region, outside + self.edge / 2, 3)
            share = _smoothstep(0.5 - region / self.edge) * patch.filled
            filled = np.maximum(filled, share)
        texture = 1 + self.unevenness * self.mottle.on(grid)
        return clipped(filled * texture) * (lung < 2)


def fissure_distance(chest: Anatomy, grid: Grid, side: int) -> Field:
    """The distance in mm behind (positive) or before the oblique fissure of one lung."""
    z, y, x = grid.mesh()
    bend = 9 * np.cos((np.abs(x) - 70) / 26) + (4 if side == RIGHT else 0)
    plane = y - chest.half_depth * (0.78 - 1.45 * (z / chest.lung_height - 0.18)) - bend
    distance: Field = plane * 0.75
    return distance


def _hazy_patches(
    rng: np.random.Generator, chest: Anatomy, levels: tuple[float, float], extent: float
) -> tuple[Patch, ...]:
    one_sided = rng.random() < 0.25
    sides = [int(rng.choice(SIDES))] if one_sided else list(SIDES)
    patches = []
    for side in sides:
        rim = _candidates(rng, chest, side, levels, outer=True)
        for centre in rim[: rng.integers(3, 6)]:
            flat, high = extent * rng.uniform(16, 30), extent * rng.uniform(15, 32)
            radii = (flat * rng.uniform(0.8, 1.3), flat * rng.uniform(0.8, 1.4), high)
            patches.append(Patch(centre, radii, side, 0, rng.uniform(0.28, 0.5)))
    return tuple(patches)


def _dense_patches(
    rng: np.random.Generator, chest: Anatomy, levels: tuple[float, float], extent: float
) -> tuple[Patch, ...]:
    first = LEFT if rng.random() < 0.5 else RIGHT
    sides = (first, -first) if rng.random() < 0.3 else (first,)
    patches = []
    for side in sides:
        choice = _candidates(rng, chest, side, levels, outer=False)[:4]
        # The fissure would cut a region beside it to a sliver, so take the farthest centre.
        behind = [_behind_fissure(chest, centre, side) for centre in choice]
        best = int(np.argmax(np.abs(behind)))
        lobe = 1 if behind[best] > 0 else -1
        width, depth, height = extent * rng.uniform((30, 28, 30), (50, 44, 50))
        core, rim = (width, depth, height), (width + 9, depth + 9, height + 9)
        patches.append(Patch(choice[best], core, side, lobe, rng.uniform(0.95, 1.0)))
        patches.append(Patch(choice[best], rim, side, lobe, rng.uniform(0.15, 0.4)))
    return tuple(patches)


def _candidates(
    rng: np.random.Generator,
    chest: Anatomy,
    side: int,
    levels: tuple[float, float],
    outer: bool,
) -> list[Point]:
    """Eight places in one lung, more of them low and to the back."""
    points = lung_points(chest, side, depth=6.0)
    across, ahead = points[:, 0] / chest.half_width, points[:, 1] / chest.half_depth
    level = points[:, 2] / chest.lung_height
    weight = np.exp(2 * ahead) * ((level > levels[0]) & (level < levels[1]))
    weight *= np.hypot(across, ahead) > 0.78 if outer else np.abs(across) > 0.40
    order = rng.choice(len(points), size=8, replace=False, p=weight / weight.sum())
    return [(float(x), float(y), float(z)) for x, y, z in points[order]]


def _behind_fissure(chest: Anatomy, point: Point, side: int) -> float:
    here = Grid(*(np.array([point[i]], np.float32) for i in (2, 1, 0)))
    return float(fissure_distance(chest, here, side)[0, 0, 0])


def _smoothstep(share: Field) -> Field:
    unit = clipped(share)
    return unit * unit * (3 - 2 * unit)
