"""The inside of the lungs on a CT slice: air, disease, fissures, vessels and bronchi."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .ct_patient import Slice
from .findings import fissure_distance
from .shapes import Field, Tube, coverage, paint, tube_distance

AIR, BLOOD, FLUID, BRONCHUS = -1000.0, 50.0, 30.0, -250.0


def paint_lung(canvas: Field, cut: Slice, side: int) -> None:
    """Paint one lung, with what disease has put into it, onto a canvas of HU in place."""
    chest, grid, lung = cut.chest, cut.grid, cut.lungs[side]
    inside = coverage(lung, cut.soft)
    if not inside.any():
        return
    sag = chest.gravity * grid.y[None, :, None] / chest.half_depth
    filled = cut.patient.disease.filling(chest, grid, lung, side)
    air = chest.lung_air + sag + 9 * cut.tissue + 7 * cut.streaks
    content = air + filled * (FLUID - air)
    fissure = np.abs(fissure_distance(chest, grid, side)) - 0.5
    content += 90 * coverage(fissure, 1.8) * (1 - filled)
    _twigs(content, cut, filled, side)
    paint(canvas, inside, content)


def _twigs(content: Field, cut: Slice, filled: Field, side: int) -> None:
    """Draw the vessels and the bronchi of one lung into its content, in place."""
    z, reach = float(cut.grid.z[0]), 0.5 * cut.patient.scanner.thickness
    for tube in _flattened(cut.patient.vessels.blood, z, reach, side):
        _thin_tube(content, cut, tube, 0.0, BLOOD)
    for tube in _flattened(cut.patient.vessels.bronchi, z, 0.0, side):
        visible = 1.0 if tube.start_radius > 1.5 else filled
        _thin_tube(content, cut, tube, 0.8, BRONCHUS + (FLUID - BRONCHUS) * filled, visible)
        _thin_tube(content, cut, tube, 0.0, AIR + 60, visible)


def _flattened(tubes: tuple[Tube, ...], z: float, reach: float, side: int) -> Iterator[Tube]:
    """The tubes of one side that meet the slice, their heights shrunk to its thickness.

    A slice averages over its thickness, so a tube that leaves it at a slant is seen
    longer than a plane without thickness would cut it.
    """
    shrink = 1.5 / (1.5 + reach)
    for tube in tubes:
        start, end = tube.start[2] - z, tube.end[2] - z
        thick = tube.start_radius + reach + 1
        if tube.start[0] * side > 0 and min(start, end) < thick and max(start, end) > -thick:
            yield replace(
                tube,
                start=(*tube.start[:2], z + shrink * start),
                end=(*tube.end[:2], z + shrink * end),
            )


def _thin_tube(
    content: Field,
    cut: Slice,
    tube: Tube,
    wall: float,
    hounsfield: float | Field,
    visible: float | Field = 1.0,
) -> None:
    """Paint a tube, `wall` mm thicker than it is, as far as `visible` (0 to 1) says."""
    spans, part = cut.grid.window(*tube.bounds(wall + 1))
    if 0 in part.shape:
        return
    share = coverage(tube_distance(part, tube) - wall, cut.soft)
    if isinstance(visible, np.ndarray):
        share *= visible[spans]
    value = hounsfield[spans] if isinstance(hounsfield, np.ndarray) else hounsfield
    content[spans] += share * (value - content[spans])
