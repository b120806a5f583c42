"""The bones as a frontal X-ray sees them: thickness maps in mm of compact bone."""

from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import RIB_LAYER, SIDES, Anatomy
from .bones import DISC_SPACING, rib_fall
from .regions import cage_level
from .shapes import Field, Grid, Point, Tube, coverage, tube_distance

Course: TypeAlias = list[Point]


def frontal_bones(chest: Anatomy, grid: Grid) -> Field:
    """All bones on a frontal grid (one y): float32 (rows, columns), mm of compact bone."""
    bone = spine(chest, grid)
    for side in SIDES:
        for number in range(-1, 11):
            bone += rib(chest, grid, number, side)
        bone += collar_bone(chest, grid, side)
        bone += shoulder_blade(chest, grid, side)
        bone += upper_arm(chest, grid, side)
    smooth: Field = ndimage.gaussian_filter(bone, 0.6)
    return smooth


def rib(chest: Anatomy, grid: Grid, number: int, side: int) -> Field:
    """One rib, its back half and its front half one upon the other."""
    tip = 0.80 if number < 7 else 0.68
    turn = np.linspace(0.06, tip, 44)
    z = rib_fall(chest, turn) + chest.rib_phase + number * chest.rib_pitch
    across, ahead = np.sin(np.pi * turn), np.cos(np.pi * turn)
    radius = 1 / cage_level(chest, across, ahead, z) + 0.5 * RIB_LAYER
    x, y = side * radius * across, radius * ahead
    weight = np.interp(turn / tip, (0.07, 0.5, 0.75, 0.93, 1.0), (0.8, 0.6, 0.42, 0.3, 0.05))
    path = [(float(x[i]), float(y[i]), float(z[i])) for i in range(len(turn))]
    return shell(grid, path, 5.8, 1.15, weight)


def shell(
    grid: Grid,
    path: Course,
    radius: float,
    cortex: float,
    weight: NDArray[np.float64] | None = None,
) -> Field:
    """A hollow bone along a path (x, y, z), thicker where it runs along the ray."""
    nearest = np.full((len(grid.z), len(grid.x)), 1e3, np.float32)
    share = np.ones_like(nearest)
    for i, (start, end) in enumerate(pairwise(path)):
        tube = Tube((start[0], 0, start[2]), (end[0], 0, end[2]), radius, radius)
        (rows, _, columns), part = grid.window(*tube.bounds(2))
        if 0 in part.shape:
            continue
        distance = tube_distance(part, tube)[:, 0, :]
        seen = max(np.hypot(end[0] - start[0], end[2] - start[2]), 1e-3)
        slant = min(np.sqrt(1 + ((end[1] - start[1]) / seen) ** 2), 2.2)
        closer = distance < nearest[rows, columns]
        here = slant if weight is None else slant * weight[i]
        share[rows, columns] = np.where(closer, here, share[rows, columns])
        nearest[rows, columns] = np.minimum(nearest[rows, columns], distance)
    return wall_chord(nearest + radius, radius, cortex) * share


def wall_chord(offset: Field, radius: float, cortex: float) -> Field:
    """The path in mm through the wall of a tube, at `offset` mm from its axis, marrow a quarter."""
    outer = np.sqrt(np.maximum(radius**2 - offset**2, 0))
    inner = np.sqrt(np.maximum((radius - cortex) ** 2 - offset**2, 0))
    chord: Field = 2 * (outer - 0.75 * inner)
    return chord


def collar_bone(chest: Anatomy, grid: Grid, side: int) -> Field:
    """The clavicle: a shallow S from the breastbone up to the shoulder."""
    stations, levels = (13, 26, 50, 80, 110, 150), (0.175, 0.165, 0.145, 0.105, 0.075, 0.065)
    across = np.linspace(13, 150, 24)
    level = np.interp(across, stations, levels)
    path = [chest.place(side * float(x), 0, float(u)) for x, u in zip(across, level, strict=True)]
    return shell(grid, path, 5.8, 1.5)


def shoulder_blade(chest: Anatomy, grid: Grid, side: int) -> Field:
    """The scapula turned out of the lung: a thin blade, its borders and its spine."""
    corners = [(104, 0.06), (124, 0.55), (158, 0.12)]
    upper, lower, socket = (chest.place(side * x, 0, level) for x, level in corners)
    ridge = [chest.place(side * 104, 0, 0.14), chest.place(side * 160, 0, 0.03)]
    blade = coverage(_triangle(grid, upper, lower, socket), 2) * 1.3
    blade += shell(grid, [lower, socket], 4.2, 1.4)
    blade += 0.7 * shell(grid, [upper, lower], 2.4, 1.0)
    return blade + 0.8 * shell(grid, ridge, 4.5, 1.2)


def upper_arm(chest: Anatomy, grid: Grid, side: int) -> Field:
    """The head and the shaft of the humerus, beside the chest."""
    head = chest.place(side * 180, 0, 0.10)
    elbow = chest.place(side * 206, 0, 0.9)
    return 0.4 * shell(grid, [head, head], 23, 7.0) + shell(grid, [head, elbow], 11, 3.2)


def spine(chest: Anatomy, grid: Grid) -> Field:
    """The vertebral column: bodies between discs, pedicles, spinous processes."""
    x, z = grid.x[None, :], grid.z[:, None]
    phase = (z - chest.rib_phase) / DISC_SPACING
    within = (phase - np.floor(phase)) * DISC_SPACING
    body = np.clip((np.minimum(within, DISC_SPACING - within) - 1.8) / 1.5, 0, 1)
    endplate = np.exp(-(((np.minimum(within, DISC_SPACING - within) - 3.2) / 1.1) ** 2))
    half_width = 15.5 + 2.5 * np.clip(z / chest.lung_height, 0, 1.2) + 1.5 * endplate
    waist = np.sqrt(np.maximum(1 - (x / half_width) ** 2, 0))
    bone = waist * (3.3 * body + 0.8 * endplate)
    for side in SIDES:
        pedicle = np.hypot((x - side * 11.5) / 3.6, (within - 9) / 4.6)
        bone += 2.2 * np.clip(1.35 - pedicle, 0, 0.5) * (pedicle > 0.45)
        process = np.hypot((x - side * 24) / 12, (within - 7.5 + 0.06 * np.abs(x)) / 3.6)
        bone += 1.5 * np.clip(1.2 - process, 0, 0.6)
    spinous = np.hypot(x / 2.8, (within - 19) / 4.5)
    bone += 2.4 * np.clip(1.3 - spinous, 0, 0.7)
    # The bones of the neck are smaller than those of the chest.
    scale = np.clip(0.9 + 2.2 * z / chest.lung_height, 0.4, 1)
    return np.asarray(bone * scale, dtype=np.float32)


def _triangle(grid: Grid, *corners: Point) -> Field:
    """The signed distance in mm to a triangle given by corners (x, y, z), y ignored."""
    x, z = grid.x[None, :], grid.z[:, None]
    distance = np.full((len(grid.z), len(grid.x)), -1e3, np.float32)
    for i in range(3):
        (ax, _, az), (bx, _, bz), (cx, _, cz) = (corners[(i + j) % 3] for j in range(3))
        length = np.hypot(bx - ax, bz - az)
        side = ((x - ax) * (bz - az) - (z - az) * (bx - ax)) / length
        inner = (cx - ax) * (bz - az) - (cz - az) * (bx - ax)
        distance = np.maximum(distance, -np.sign(inner) * side)
    return distance
