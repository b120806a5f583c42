"""Axial CT slices of a synthetic chest, drawn in Hounsfield units."""

import numpy as np
from numpy.typing import NDArray

from .anatomy import LEFT, RIGHT, SIDES, Anatomy
from .bones import Bone, breastbone, disc_share, ribs, shoulder_blades, vertebrae
from .ct_patient import CtPatient, Slice
from .organs import airways, aorta, great_vessels, heart, oesophagus
from .parenchyma import AIR, paint_lung
from .regions import body_distance, dome_distance, muscle_distance
from .scanner import acquire, window
from .shapes import Field, Tube, coverage, paint, smooth_overlap, tubes_distance

FAT, MUSCLE, SKIN, DISC, LIVER = -100.0, 50.0, 20.0, 85.0, 60.0
LUNG_LEVEL, LUNG_WIDTH = -600.0, 1500.0


def draw_hounsfield(patient: CtPatient, z: float, pixels: int) -> Field:
    """One slice at z mm: float32 HU (pixels, pixels), the circle's outside at -2000."""
    cut = Slice(patient, z, pixels)
    canvas = np.full(cut.grid.shape, AIR, np.float32)
    _wall(canvas, cut)
    _cavity(canvas, cut)
    _bones(canvas, cut)
    for side in SIDES:
        paint_lung(canvas, cut, side)
    _airways(canvas, cut)
    rng = np.random.Generator(np.random.PCG64([*patient.grain_seed, round(z * 100) + 10**6]))
    return acquire(canvas[0], patient.scanner, rng)


def draw_ct(patient: CtPatient, index: int, pixels: int = 288) -> NDArray[np.uint8]:
    """Slice `index` of a patient in the lung window: uint8 (pixels, pixels)."""
    hounsfield = draw_hounsfield(patient, patient.slice_level(index), pixels)
    return window(hounsfield, LUNG_LEVEL, LUNG_WIDTH)


def _wall(canvas: Field, cut: Slice) -> None:
    chest, grid = cut.chest, cut.grid
    muscle = muscle_distance(chest, grid)
    back = grid.y[None, :, None] - _back(chest) + 0 * muscle
    body = smooth_overlap(body_distance(chest, grid, muscle), back, 16)
    _table(canvas, cut)
    paint(canvas, coverage(body, cut.soft), SKIN)
    paint(canvas, coverage(body + 2.2, cut.soft), FAT + 8 * cut.tissue)
    paint(canvas, coverage(muscle, cut.soft), MUSCLE + 6 * cut.tissue)
    layer = np.abs(cut.cage - 14 - 0.45 * chest.muscle - 3 * cut.tissue)
    plane = coverage(layer - 1.4, 2.0) * np.clip(cut.streaks + 0.3, 0, 1)
    paint(canvas, plane * coverage(muscle + 3, 2.0), FAT)


def _back(chest: Anatomy) -> float:
    """The y in mm of the skin that the table flattens."""
    return chest.spine_y + 66 + 0.5 * chest.fat


def _table(canvas: Field, cut: Slice) -> None:
    x = cut.grid.x[None, None, :]
    y = cut.grid.y[None, :, None]
    top = _back(cut.chest) + cut.patient.scanner.table_gap - 0.0011 * x * x
    paint(canvas, coverage(np.abs(y - top) - 1.2, 1.2), -250)
    paint(canvas, coverage(np.abs(y - top - 26 - 0.0004 * x * x) - 1.6, 1.2), -120)


def _cavity(canvas: Field, cut: Slice) -> None:
    chest, grid = cut.chest, cut.grid
    paint(canvas, coverage(cut.cage, cut.soft), FAT + 12 + 10 * cut.tissue)
    for side, hounsfield in ((RIGHT, LIVER), (LEFT, LIVER - 10)):
        below = np.maximum(-dome_distance(chest, grid, side) + 1, cut.cage + 1)
        below = np.maximum(below, -side * grid.x[None, None, :] - 12)
        paint(canvas, coverage(below, cut.soft), hounsfield + 4 * cut.tissue)
    muscle = 0.45 * chest.blood + 28
    paint(canvas, coverage(tubes_distance(grid, heart(chest), 10), 2.5), muscle)
    chambers = tuple(
        Tube(part.start, part.end, 0.74 * part.start_radius, 0.74 * part.end_radius)
        for part in heart(chest)
    )
    paint(canvas, coverage(tubes_distance(grid, chambers, 4), 3), chest.blood)
    vessels = (*aorta(chest), *great_vessels(chest))
    paint(canvas, coverage(tubes_distance(grid, vessels, 3), cut.soft), chest.blood)
    gullet = tubes_distance(grid, oesophagus(chest), 3)
    paint(canvas, coverage(gullet, cut.soft), MUSCLE - 10)


def _bones(canvas: Field, cut: Slice) -> None:
    chest, grid = cut.chest, cut.grid
    spine = vertebrae(chest, grid)
    for bone in (ribs(chest, grid), breastbone(chest, grid), shoulder_blades(chest, grid), spine):
        _bone(canvas, bone, cut)
    disc = disc_share(chest, grid) * (grid.y[None, :, None] < chest.spine_y + 12)
    paint(canvas, disc * coverage(spine.distance, cut.soft), DISC)


def _bone(canvas: Field, bone: Bone, cut: Slice) -> None:
    paint(canvas, coverage(bone.distance, cut.soft), bone.cortex)
    spongy = bone.marrow + 35 * cut.streaks
    paint(canvas, coverage(bone.distance + bone.thickness, cut.soft), spongy)


def _airways(canvas: Field, cut: Slice) -> None:
    lumen = tubes_distance(cut.grid, airways(cut.chest), 2)
    paint(canvas, coverage(lumen - 1.6, cut.soft), np.maximum(canvas, -60))
    paint(canvas, coverage(lumen, cut.soft), AIR + 15)
