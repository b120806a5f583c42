"""A synthetic chest before the X-ray tube: attenuation added up along the rays."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from .anatomy import LEFT, SIDES, Anatomy
from .findings import Disease, Finding
from .noise import Waves
from .organs import airways
from .regions import cage_axes, lung_distance, mediastinum_distance
from .shapes import Field, Grid, Point, Tube, coverage, smooth_union, tube_distance
from .skeleton import frontal_bones
from .vessels import Vessels

WATER = 0.0165
BONE = 0.052
# Neck and shoulders: levels as shares of the lung height, half widths and depths in mm.
_OUTLINE = (
    (-0.60, -0.30, -0.20, -0.12, -0.05, 0.04, 0.16, 0.30, 0.42),
    (58, 60, 76, 108, 146, 178, 190, 176, 100),
    (120, 125, 132, 140, 148, 152, 150, 120, 60),
)


@dataclass(frozen=True)
class XrayPatient:
    """Everything about one patient that the exposures have in common."""

    chest: Anatomy
    vessels: Vessels
    disease: Disease
    tissue: Waves
    seed: tuple[int, int]

    @classmethod
    def draw(cls, seed: int, number: int, finding: Finding) -> "XrayPatient":
        """Patient `number`; the finding changes the disease and nothing else."""
        rng = np.random.Generator(np.random.PCG64([seed, number, 11]))
        chest = Anatomy.draw(rng)
        vessels, tissue = Vessels.draw(rng, chest), Waves.draw(rng, 70)
        sick = np.random.Generator(np.random.PCG64([seed, number, 12]))
        disease = Disease.draw(sick, chest, finding, (0.25, 0.80), 1.65)
        return cls(chest, vessels, disease, tissue, (seed, number))


@dataclass(frozen=True)
class Attenuation:
    """The line integral of attenuation on a frontal grid: float32 (z, x)."""

    grid: Grid
    depth: Field


def frontal_grid(chest: Anatomy, step: float) -> Grid:
    """A grid with a single y, wide enough for any exposure."""
    half = 1.62 * chest.half_width
    return Grid(
        np.arange(-0.55 * chest.lung_height, 1.62 * chest.lung_height, step, dtype=np.float32),
        np.zeros(1, np.float32),
        np.arange(-half, half, step, dtype=np.float32),
    )


def attenuation(patient: XrayPatient, step: float = 1.25) -> Attenuation:
    """What the X-rays lose on their way through one patient."""
    chest, grid = patient.chest, frontal_grid(patient.chest, step)
    water = soft_tissue(chest, grid) * (1 + 0.012 * patient.tissue.on(grid)[:, 0, :])
    air, filled = lung_air(patient, grid)
    # Vessels and bronchi end at the pleura, where the air column runs out.
    aerated = np.clip(air / 25, 0, 1)
    water -= air
    water += 0.85 * _chords(grid, patient.vessels.blood, 0.52) * aerated
    water -= 0.8 * _chords(grid, patient.vessels.bronchi, 0.8) * np.clip(filled / 45, 0, 1)
    water -= 0.75 * _chords(grid, airways(chest), 6.5)
    water -= stomach_bubble(chest, grid)
    depth = WATER * np.maximum(water, 0) + BONE * frontal_bones(chest, grid)
    return Attenuation(grid, depth.astype(np.float32))


def soft_tissue(chest: Anatomy, grid: Grid) -> Field:
    """The thickness in mm of the body without its air, float32 (z, x)."""
    x, z = grid.x[None, :], grid.z[:, None]
    wall = 13 + chest.muscle + chest.fat
    width, front, back = cage_axes(chest, np.maximum(z, 0))
    trunk = (width + wall, 0.92 * (front + back) + 1.5 * wall)
    level = z / chest.lung_height
    half = np.interp(level, _OUTLINE[0], _OUTLINE[1]) * (chest.half_width / 130)
    depth = np.interp(level, _OUTLINE[0], _OUTLINE[2]) * (chest.half_depth / 95)
    body = np.maximum(_slab(x, half, depth), _slab(x, *trunk) * (z > 0))
    for tube in _arms(chest):
        chord = _chord(tube_distance(grid, tube)[:, 0, :], tube.start_radius)
        body = -smooth_union(-body, -chord, 30)
    body = np.maximum(body - 7.5, 0) + breasts(chest, grid)
    return np.asarray(ndimage.gaussian_filter(body, 3.0), dtype=np.float32)


def _slab(x: Field, half_width: Field, depth: Field) -> Field:
    return depth * np.maximum(1 - np.abs(x / half_width) ** 2.6, 0) ** (1 / 2.6)


def breasts(chest: Anatomy, grid: Grid) -> Field:
    """The thickness in mm that breasts add, float32 (z, x)."""
    x, z = grid.x[None, :], grid.z[:, None]
    size = max(chest.breast, 0)
    total = np.zeros((len(grid.z), len(grid.x)), np.float32)
    for side in SIDES:
        level = np.hypot(
            (x - side * 0.6 * chest.half_width) / 62, (z - 0.68 * chest.lung_height) / 55
        )
        total += 1.7 * size * np.sqrt(np.maximum(1 - level**2, 0))
    return total


def lung_air(patient: XrayPatient, grid: Grid) -> tuple[Field, Field]:
    """The air column of both lungs and the part that disease has filled, both in mm (z, x)."""
    chest = patient.chest
    coarse = Grid(
        np.arange(-10, 1.45 * chest.lung_height, 3.0, dtype=np.float32),
        np.arange(-110, 110, 7.0, dtype=np.float32),
        np.arange(-1.1 * chest.half_width, 1.1 * chest.half_width, 3.0, dtype=np.float32),
    )
    between = mediastinum_distance(chest, coarse)
    air = np.zeros((len(coarse.z), len(coarse.x)), np.float32)
    filled = np.zeros_like(air)
    for side in SIDES:
        lung = lung_distance(chest, coarse, side, between)
        share = coverage(lung, 5.0) * 7.0 * (-chest.lung_air / 1000)
        fluid = share * patient.disease.filling(chest, coarse, lung, side)
        filled += fluid.sum(axis=1)
        air += (share - fluid).sum(axis=1)
    return _resampled(air, coarse, grid), _resampled(filled, coarse, grid)


def stomach_bubble(chest: Anatomy, grid: Grid) -> Field:
    """The air in the stomach under the left dome, flat below: mm (z, x)."""
    x, _, z = chest.place(LEFT * 58, 0, chest.dome + chest.dome_lag + 0.13)
    radii = (27.0, 17.0)
    level = np.hypot((grid.x[None, :] - x) / radii[0], (grid.z[:, None] - z) / radii[1])
    above_fluid = np.clip((z + 7 - grid.z[:, None]) / 2.5, 0, 1)
    air: Field = 38 * np.sqrt(np.maximum(1 - level**2, 0)) * above_fluid
    return air


def _arms(chest: Anatomy) -> tuple[Tube, ...]:
    arms = (chest.tubes(1, (side * 172, 0, 0.14, 40), (side * 206, 0, 0.9, 42)) for side in SIDES)
    return tuple(tube for arm in arms for tube in arm)


def _chords(grid: Grid, tubes: tuple[Tube, ...], smallest: float) -> Field:
    """The path in mm through all tubes of at least `smallest` mm radius, float32 (z, x)."""
    total = np.zeros((len(grid.z), len(grid.x)), np.float32)
    for tube in tubes:
        if tube.start_radius >= smallest:
            flat = replace(tube, start=_frontal(tube.start), end=_frontal(tube.end))
            (rows, _, columns), part = grid.window(*flat.bounds(1))
            if 0 not in part.shape:
                total[rows, columns] += _tube_path(part, tube)
    return total


def _tube_path(grid: Grid, tube: Tube) -> Field:
    """The path in mm through one tube cut flat at both ends, so that joints count once."""
    x, z = grid.x[None, :] - tube.start[0], grid.z[:, None] - tube.start[2]
    dx, dy, dz = (end - start for start, end in zip(tube.start, tube.end, strict=True))
    seen = max(float(np.hypot(dx, dz)), 0.5)
    along = (x * dx + z * dz) / seen**2
    offset = (x * dz - z * dx) / seen
    radius = tube.start_radius + along * (tube.end_radius - tube.start_radius)
    path = 2 * np.sqrt(np.maximum(radius * radius - offset * offset, 0))
    slant = min(float(np.hypot(seen, dy)) / seen, 1.7)
    return path * ((along >= 0) & (along < 1)) * slant


def _frontal(point: Point) -> Point:
    return point[0], 0.0, point[2]


def _chord(distance: Field, radius: float) -> Field:
    offset = distance + radius
    return 2 * np.sqrt(np.maximum(radius * radius - offset * offset, 0))


def _resampled(coarse: Field, source: Grid, target: Grid) -> Field:
    """A map (z, x) carried over from a coarser grid, zero outside it."""
    z, x = np.meshgrid(target.z, target.x, indexing="ij")
    where = [
        (z - source.z[0]) / (source.z[1] - source.z[0]),
        (x - source.x[0]) / (source.x[1] - source.x[0]),
    ]
    values = ndimage.map_coordinates(coarse, where, order=1, mode="constant")
    return np.asarray(values, dtype=np.float32)
