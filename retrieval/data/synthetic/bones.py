"""The bones of the chest wall, in three dimensions."""

from dataclasses import dataclass

import numpy as np

from .anatomy import RIB_LAYER, SIDES, Anatomy
from .regions import cage_distance
from .shapes import Field, Grid, Tube, clipped, tube_distance

DISC_SPACING = 25.0
DISC_HEIGHT = 5.0


@dataclass(frozen=True)
class Bone:
    """The signed distance in mm to the surface of a bone, and the HU within."""

    distance: Field
    cortex: float
    marrow: float
    thickness: float


def rib_fall(chest: Anatomy, turn: Field) -> Field:
    """How far in mm a rib has fallen at `turn`: 0 at the spine, 1 at the breastbone."""
    swing = 0.5 - 0.5 * np.cos(np.minimum(turn, 0.8) * (np.pi / 0.8))
    return chest.rib_drop * (0.6 * swing + 0.5 * np.minimum(turn, 0.8))


def ribs(chest: Anatomy, grid: Grid) -> Bone:
    """All ribs; the front ends, of cartilage, are left out."""
    z, y, x = grid.mesh()
    turn = np.arctan2(np.abs(x), y) / np.pi
    fallen = z - rib_fall(chest, turn) - chest.rib_phase
    off_centre = (fallen / chest.rib_pitch - np.round(fallen / chest.rib_pitch)) * chest.rib_pitch
    depth = cage_distance(chest, grid) - 0.5 * RIB_LAYER
    half_depth, half_height = 4.2, 5.4
    level = np.sqrt((depth / half_depth) ** 2 + (off_centre / half_height) ** 2)
    end = np.maximum((turn - 0.80) * 300, (13 - np.abs(x)) * 1.0)
    return Bone(np.maximum((level - 1) * half_depth, end), 620, 95, 1.5)


def breastbone(chest: Anatomy, grid: Grid) -> Bone:
    """The manubrium and the body of the sternum."""
    z, y, x = grid.mesh()
    level = z / chest.lung_height
    width = 17 + 12 * np.clip((0.30 - level) / 0.12, 0, 1)
    front = cage_distance(chest, grid) - 0.55 * RIB_LAYER
    bone = np.sqrt((x / width) ** 2 + (front / 6) ** 2) - 1
    outside = np.maximum((y + 20) / 5, np.maximum(0.12 - level, level - 0.74) * 60)
    return Bone(np.maximum(bone * 6, outside), 450, 85, 1.5)


def vertebrae(chest: Anatomy, grid: Grid) -> Bone:
    """The vertebral bodies with their arches, canal left open."""
    _, y, x = grid.mesh()
    depth = y - chest.spine_y
    body = (np.sqrt((x / 17.5) ** 2 + (depth / 14.5) ** 2) - 1) * 15
    bone = np.minimum(body, _arch(grid, chest.spine_y))
    canal = 8.5 - np.sqrt((x / 1.15) ** 2 + (depth - 20) ** 2)
    return Bone(np.maximum(bone, canal), 480, 115, 1.6)


def disc_share(chest: Anatomy, grid: Grid) -> Field:
    """Where along the spine discs replace bone, 0 to 1."""
    phase = (grid.z[:, None, None] - chest.rib_phase) / DISC_SPACING
    gap = np.abs(phase - np.round(phase)) * DISC_SPACING
    return clipped(0.5 * DISC_HEIGHT + 0.5 - gap)


def _arch(grid: Grid, spine_y: float) -> Field:
    """The pedicles, laminae, transverse and spinous processes."""
    tubes = [Tube((0, spine_y + 33, 0), (0, spine_y + 54, 0), 3.6, 3.0)]
    for side in SIDES:
        tubes += [
            Tube((side * 12, spine_y + 8, 0), (side * 14, spine_y + 22, 0), 4.0, 4.5),
            Tube((side * 14, spine_y + 22, 0), (0, spine_y + 34, 0), 4.2, 3.4),
            Tube((side * 15, spine_y + 21, 0), (side * 33, spine_y + 31, 0), 4.4, 4.6),
        ]
    return _flat_distance(grid, tubes)


def shoulder_blades(chest: Anatomy, grid: Grid) -> Bone:
    """The scapulae: a thin blade, thick at its outer border, with its spine higher up."""
    z = grid.mesh()[0]
    level = float(np.mean(grid.z)) / chest.lung_height
    tubes = []
    for side in SIDES:
        reach = np.clip((0.66 - level) / 0.5, 0.08, 1)
        inner = chest.place(side * (90 - 8 * reach), 82 + 6 * reach, level)
        outer = chest.place(side * (98 + 44 * reach), 78 - 46 * reach, level)
        tubes.append(Tube((*inner[:2], 0), (*outer[:2], 0), 1.9, 3.0))
        if level < 0.22:
            ridge = chest.place(side * 138, 74, level)
            middle = tuple(np.add(inner, outer) / 2)
            tubes.append(Tube((*middle[:2], 0), (*ridge[:2], 0), 2.2, 3.0))
    flat = _flat_distance(grid, tubes) + 0 * z
    ended = np.maximum(flat, (level - 0.64) * chest.lung_height)
    return Bone(ended, 560, 110, 1.2)


def _flat_distance(grid: Grid, tubes: list[Tube]) -> Field:
    """The distance in mm to tubes drawn in one axial plane, the same at every z."""
    flat = Grid(np.zeros(1, np.float32), grid.y, grid.x)
    total = np.full(flat.shape, 1e3, np.float32)
    for tube in tubes:
        spans, part = flat.window(*tube.bounds(6))
        if 0 not in part.shape:
            total[spans] = np.minimum(total[spans], tube_distance(part, tube))
    return total
