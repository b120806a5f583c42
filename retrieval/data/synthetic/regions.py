"""The large regions of the chest as signed distances: cage, mediastinum, lungs, wall."""

import numpy as np

from .anatomy import LEFT, RIB_LAYER, SIDES, Anatomy
from .organs import airways, aorta, fat_pads, great_vessels, heart, shoulders
from .shapes import (
    Field,
    Grid,
    Tube,
    ellipsoid_distance,
    smooth_overlap,
    smooth_union,
    tube_distance,
    tubes_distance,
)

PLEURA = 3.0


def cage_axes(chest: Anatomy, z: Field) -> tuple[Field, Field, Field]:
    """The half width, and the half depth to the front and to the back, in mm at heights z."""
    climb = np.clip(z / (0.48 * chest.lung_height), 0, 1)
    rise = np.sqrt(1 - (1 - climb) ** 2)
    flare = 0.94 + 0.06 * np.clip(z / chest.lung_height, 0, 1)
    return (
        chest.half_width * (0.50 + 0.50 * rise) * flare,
        chest.half_depth * (0.58 + 0.42 * rise),
        chest.half_depth * (0.82 + 0.18 * rise),
    )


def cage_level(chest: Anatomy, x: Field, y: Field, z: Field) -> Field:
    """Distance from the axis of the rib cage, 1 on its inner face."""
    width, front, back = cage_axes(chest, z)
    ahead = y < 0
    depth = np.where(ahead, front, back)
    power = np.where(ahead, chest.squareness - 0.28, chest.squareness).astype(np.float32)
    return (np.abs(x / width) ** power + np.abs(y / depth) ** power) ** (1 / power)


def cage_distance(chest: Anatomy, grid: Grid) -> Field:
    """The signed distance in mm to the inner face of the rib cage."""
    z, y, x = grid.mesh()
    level = cage_level(chest, x, y, z)
    radius = np.sqrt(x * x + y * y)
    return radius * (1 - 1 / np.maximum(level, 1e-3))


def dome_distance(chest: Anatomy, grid: Grid, side: int) -> Field:
    """How far in mm each point lies above (negative) one dome of the diaphragm."""
    z, y, x = grid.mesh()
    reach = 0.56 * chest.half_width
    offset = ((x - side * 0.48 * chest.half_width) / reach) ** 2 + ((y + 8) / (1.15 * reach)) ** 2
    top = chest.dome + (chest.dome_lag if side == LEFT else 0.0)
    height = chest.lung_height * (top + 0.15 * offset)
    steepness = np.sqrt(1 + (0.3 * chest.lung_height / reach) ** 2 * offset)
    return (z - height) / steepness


def mediastinum_distance(chest: Anatomy, grid: Grid) -> Field:
    """The signed distance in mm to everything between the lungs, pleura draped over it."""
    z, y, x = grid.mesh()
    organs = tubes_distance(grid, (*aorta(chest), *great_vessels(chest)), 10)
    organs = smooth_union(organs, tubes_distance(grid, heart(chest), 14), 10)
    organs = smooth_union(organs, tubes_distance(grid, fat_pads(chest), 10), 10)
    organs = smooth_union(organs, tubes_distance(grid, (*airways(chest)[:3],), 8), 10)
    spine = Tube((0, chest.spine_y, 0), (0, chest.spine_y + 60, 0), 19, 25)
    flat = Grid(np.zeros(1, np.float32), grid.y, grid.x)
    organs = smooth_union(organs, tube_distance(flat, spine), 16)
    widening = np.clip(0.24 - z / chest.lung_height, 0, 0.24)
    septum = np.abs(x - 2) - (2 + 85 * widening) + 0 * y
    return smooth_union(organs, septum, 10) - PLEURA


def lung_distance(chest: Anatomy, grid: Grid, side: int, mediastinum: Field) -> Field:
    """The signed distance in mm to one lung."""
    x = grid.mesh()[2]
    peak = 0.34 * chest.lung_height
    capped = Grid(np.minimum(grid.z, peak), grid.y, grid.x)
    centre = (side * 0.47 * chest.half_width, 0.12 * chest.half_depth, peak)
    cap = ellipsoid_distance(
        capped, centre, (0.60 * chest.half_width, 1.12 * chest.half_depth, peak)
    )
    lung = smooth_overlap(cage_distance(chest, grid), cap, 12)
    lung = smooth_overlap(lung, -mediastinum, 7)
    lung = smooth_overlap(lung, dome_distance(chest, grid, side), 8)
    return smooth_overlap(lung, -side * x + 0 * lung, 4)


def muscle_distance(chest: Anatomy, grid: Grid) -> Field:
    """The signed distance in mm to the muscles of the chest wall."""
    z, y, x = grid.mesh()
    upper = np.clip(1 - z / (0.6 * chest.lung_height), 0, 1)
    beside_spine = np.exp(-(((np.abs(x) - 26) / 26) ** 2)) * np.clip(y / 60, 0, 1)
    pectoral = np.exp(-(((np.abs(x) - 62) / 34) ** 2)) * np.clip(-y / 50, 0, 1) * upper
    layer = chest.muscle * (0.75 + 0.9 * upper + 0.7 * beside_spine + 1.1 * pectoral)
    wall = cage_distance(chest, grid) - RIB_LAYER - layer
    spine = Tube((0, chest.spine_y + 30, 0), (0, chest.spine_y + 46, 0), 20, 18)
    flat = Grid(np.zeros(1, np.float32), grid.y, grid.x)
    wall = smooth_union(wall, tube_distance(flat, spine), 20)
    return smooth_union(wall, tubes_distance(grid, shoulders(chest), 20), 25)


def body_distance(chest: Anatomy, grid: Grid, muscle: Field) -> Field:
    """The signed distance in mm to the skin."""
    _, y, x = grid.mesh()
    sag = 0.55 + 0.45 * np.clip((np.abs(x) - 30) / 80, 0, 1) + 0.25 * np.clip(-y / 80, 0, 1)
    body: Field = muscle - chest.fat * sag
    if chest.breast > 0:
        for side in SIDES:
            centre = chest.place(side * 84, -84 - chest.fat, 0.56)
            size = (56.0, 26 + 1.2 * chest.breast, 62.0)
            body = smooth_union(body, ellipsoid_distance(grid, centre, size), 34)
    return body
