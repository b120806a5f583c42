"""Signed distances on a patient grid: the few primitives every organ is built from.

Axes follow DICOM: x grows to the patient's left, y to the back. z grows towards
the feet, with 0 mm at the tips of the lungs. All lengths are millimetres. A
signed distance is negative inside a shape.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.floating]  # float32 on a Grid, float64 for float64 positions
Point: TypeAlias = tuple[float, float, float]  # x, y, z in mm


@dataclass(frozen=True)
class Grid:
    """The sample positions along z, y and x: three float32 arrays in mm."""

    z: Field
    y: Field
    x: Field

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of samples along z, y and x."""
        return len(self.z), len(self.y), len(self.x)

    def mesh(self) -> tuple[Field, Field, Field]:
        """z, y, x as arrays that broadcast to `shape`."""
        return self.z[:, None, None], self.y[None, :, None], self.x[None, None, :]

    def window(self, low: Point, high: Point) -> tuple[tuple[slice, slice, slice], "Grid"]:
        """The slices and the part of the grid between two corners given as (x, y, z)."""
        spans = [
            slice(int(axis.searchsorted(low[i])), int(axis.searchsorted(high[i], "right")))
            for axis, i in ((self.z, 2), (self.y, 1), (self.x, 0))
        ]
        part = Grid(self.z[spans[0]], self.y[spans[1]], self.x[spans[2]])
        return (spans[0], spans[1], spans[2]), part


@dataclass(frozen=True)
class Tube:
    """A round cone from `start` to `end`, both (x, y, z) in mm, with a radius at each end."""

    start: Point
    end: Point
    start_radius: float
    end_radius: float

    def bounds(self, margin: float) -> tuple[Point, Point]:
        """Opposite corners of the box that holds the tube and `margin` mm around it."""
        reach = max(self.start_radius, self.end_radius) + margin
        pairs = list(zip(self.start, self.end, strict=True))
        low = [min(pair) - reach for pair in pairs]
        high = [max(pair) + reach for pair in pairs]
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def tube_distance(grid: Grid, tube: Tube) -> Field:
    """The signed distance in mm to a tube, one float32 per grid sample."""
    z, y, x = grid.mesh()
    ax, ay, az = tube.start
    dx, dy, dz = (end - start for start, end in zip(tube.start, tube.end, strict=True))
    length_squared = max(dx * dx + dy * dy + dz * dz, 1e-6)
    along = ((x - ax) * dx + (y - ay) * dy + (z - az) * dz) / length_squared
    along = np.clip(along, 0, 1)
    gap = (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2 + (z - az - along * dz) ** 2
    radius = tube.start_radius + along * (tube.end_radius - tube.start_radius)
    distance: Field = np.sqrt(gap) - radius
    return distance


def ellipsoid_distance(grid: Grid, centre: Point, radii: Point) -> Field:
    """The first-order signed distance in mm to an ellipsoid given as (x, y, z)."""
    z, y, x = grid.mesh()
    dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
    rx, ry, rz = radii
    level = np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2 + (dz / rz) ** 2)
    slope = np.sqrt((dx / rx**2) ** 2 + (dy / ry**2) ** 2 + (dz / rz**2) ** 2)
    distance: Field = level * (level - 1) / np.maximum(slope, 1e-6)
    return distance


def smooth_union(first: Field, second: Field, blend: float) -> Field:
    """The union of two distances with the crease between them rounded over `blend` mm."""
    mix = np.maximum(blend - np.abs(first - second), 0) / blend
    return np.minimum(first, second) - mix * mix * (blend / 4)


def smooth_overlap(first: Field, second: Field, blend: float) -> Field:
    """The intersection of two distances with the edge rounded over `blend` mm."""
    return -smooth_union(-first, -second, blend)


def tubes_distance(grid: Grid, tubes: tuple[Tube, ...], blend: float) -> Field:
    """The smooth union of many tubes; far from all of them the distance is a large number."""
    total = np.full(grid.shape, 1e3, np.float32)
    for tube in tubes:
        spans, part = grid.window(*tube.bounds(2 * blend + 6))
        if 0 not in part.shape:
            total[spans] = smooth_union(total[spans], tube_distance(part, tube), blend)
    return total


def coverage(distance: Field, softness: float) -> Field:
    """The share of each sample inside a shape, 0 to 1, for an edge `softness` mm wide."""
    return clipped(0.5 - distance / softness)


def clipped(values: Field) -> Field:
    """Values cut to [0, 1], of the same type."""
    unit: Field = np.clip(values, 0, 1)
    return unit


def grey(values: Field) -> NDArray[np.uint8]:
    """Values as 8-bit grey: 0 and below black, 1 and above white."""
    return np.round(clipped(values) * 255).astype(np.uint8)


def paint(canvas: Field, share: Field, value: float | Field) -> None:
    """Cover `canvas` in place with `value`, as far as `share` (0 to 1) says."""
    canvas += share * (value - canvas)
