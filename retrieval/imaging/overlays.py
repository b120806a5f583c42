"""Finds what was laid over a scan or around it: letters, arrows, boxes, uniform margins.

These are rules on shape, place and sharpness, for an audit and not for reading.
Text is looked for in the corners and at the edges, where it usually stands. Vessels
and lesions lie in the rest of the picture, so a mark there must be sharp, of an
extreme tone, and on even ground. Lengths are shares of the shorter side.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from retrieval.imaging.greys import FloatImage
from retrieval.imaging.spots import TOUCHING, Mask, Spots, outline

LEVELS = (0.15, 0.45)  # letters in noise hang together at the first, apart at the second
STROKE = 0.06  # widest stroke of a letter
EVEN = 0.03  # spread of a row or column that is one tone
DEEPEST = 0.25  # widest margin, as a share of its side


def find_marks(pixels: FloatImage) -> Mask:
    """Where letters, arrows and boxes are, as far as they are found; bool (H, W)."""
    field = chest_field(pixels)
    width = max(5, int(STROKE * min(pixels.shape)) | 1)
    found = find_boxes(pixels)
    for hat, light in zip(_hats(pixels, (width, width)), (True, False), strict=True):
        for level in LEVELS:
            found |= _letters(pixels, hat, hat > level, field, light=light)
    return found | find_arrows(pixels)


def find_boxes(pixels: FloatImage) -> Mask:
    """Thin lines along rows and columns that meet: boxes and rulers."""
    length = max(10, round(0.06 * min(pixels.shape)))
    found = np.zeros(pixels.shape, dtype=bool)
    for across, along in zip(_hats(pixels, (5, 1)), _hats(pixels, (1, 5)), strict=True):
        rows = ndimage.binary_opening(across > 0.1, np.ones((1, length)))
        columns = ndimage.binary_opening(along > 0.1, np.ones((length, 1)))
        together, _ = ndimage.label(ndimage.binary_dilation(rows | columns, TOUCHING), TOUCHING)
        meeting = np.intersect1d(together[rows], together[columns])
        found |= (rows | columns) & np.isin(together, meeting[meeting > 0])
    return found


def find_arrows(pixels: FloatImage) -> Mask:
    """Small spots of one extreme tone that end within a pixel, anywhere in the picture."""
    shorter, area = min(pixels.shape), pixels.size
    top = 0.97 * np.quantile(pixels, 0.999)
    found = np.zeros(pixels.shape, dtype=bool)
    for solid in (pixels <= 0.05, pixels >= top):
        spots = Spots.of(solid)
        if spots is None:
            continue
        tone = spots.mean(pixels)
        gap, spread = spots.around(pixels, 1.5, 3.5)
        first, _ = spots.around(pixels, 0, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            jump = np.abs(first - tone) / np.abs(gap - tone)
        drawn = (
            (spots.area >= max(12, 0.0004 * area))
            & (spots.area <= 0.0035 * area)
            & (spots.longer >= 0.03 * shorter)
            & (spots.longer <= 0.3 * shorter)
            & (np.abs(gap - tone) >= 0.35)
            & (jump >= 0.4)
            & (spread <= 0.25)
            & (spots.on_edge == 0)
        )
        found |= spots.where(drawn)
    return found


def _letters(pixels: FloatImage, hat: FloatImage, solid: Mask, field: Mask, *, light: bool) -> Mask:
    """The letters among the spots of a hat, lighter or darker than what is around them."""
    spots = Spots.of(solid)
    if spots is None:
        return np.zeros(pixels.shape, dtype=bool)
    shorter = min(pixels.shape)
    contrast, sharp = spots.largest(hat), spots.sharpness(pixels, hat)
    ground, spread = spots.around(pixels, 1.5, 4.5)
    tone = spots.largest(pixels) if light else -spots.largest(-pixels)
    top = np.quantile(pixels, 0.995)
    letter = (
        _where_text_stands(spots, field)
        & (((tone >= 0.93 * top) | (ground < 0.35)) if light else (tone <= 0.25))
        & (spots.longer >= max(4, 0.018 * shorter))
        & (spots.longer <= 0.4 * shorter)
        & (spots.shorter <= 0.17 * shorter)
        & (spots.area >= 6)
        & (spots.radius <= max(2.3, 0.02 * shorter))
        & (spots.on_edge < 0.3)
        & ((sharp >= 0.33) & (contrast >= 0.22) & (spread <= 0.16))
    )
    drawn = (  # stricter limits, because vessels and lesions are searched too
        ((tone >= 0.98 * top) if light else (tone <= 0.06))
        & (spots.longer >= max(6, 0.025 * shorter))
        & (spots.longer <= 0.2 * shorter)
        & (spots.area >= 14)
        & (spots.radius <= 0.035 * shorter)
        & ((sharp >= 0.58) & (contrast >= 0.6) & (spread <= 0.12))
    )
    return spots.where(letter | drawn)


def _where_text_stands(spots: Spots, field: Mask) -> Mask:
    """Which spots lie close to an edge, or in a corner and off the chest."""
    height, width = field.shape
    to_row = np.minimum(spots.row, height - spots.row)
    to_column = np.minimum(spots.column, width - spots.column)
    corner: Mask = (to_row < 0.22 * height) & (to_column < 0.3 * width) & (spots.mean(field) < 0.5)
    edge: Mask = np.minimum(to_row, to_column) < 0.07 * min(height, width)
    return corner | edge


def chest_field(pixels: FloatImage) -> Mask:
    """Roughly the lungs and what lies between them, bool (H, W); an ellipse if none are found."""
    height, width = pixels.shape
    shorter = min(height, width)
    dark = ndimage.gaussian_filter(pixels, 0.01 * shorter) < _otsu(pixels)
    dark = ndimage.binary_opening(dark, iterations=max(1, round(0.01 * shorter)))
    labelled, _ = ndimage.label(dark)
    lungs = np.isin(labelled, _inner(labelled, least=0.01, edge=outline(labelled.shape)))
    if not lungs.any():
        return _ellipse(height, width)
    reach = max(1, round(0.06 * shorter))
    wide = ndimage.distance_transform_edt(~np.pad(lungs, reach)) <= reach
    closed = ndimage.distance_transform_edt(wide) > 0.7 * reach
    closed = ndimage.binary_fill_holes(closed)[reach:-reach, reach:-reach]
    # from the first to the last lung pixel of each row
    return np.logical_or.accumulate(closed, axis=1) & np.flip(
        np.logical_or.accumulate(np.flip(closed, 1), axis=1), 1
    )


def _ellipse(height: int, width: int) -> Mask:
    rows, columns = np.mgrid[:height, :width]
    away = ((rows / height - 0.5) / 0.38) ** 2 + ((columns / width - 0.5) / 0.42) ** 2
    inside: Mask = away < 1
    return inside


def find_margins(pixels: FloatImage) -> Mask:
    """Uniform strips along the sides, and black ground that reaches the edge; bool (H, W)."""
    found = np.zeros(pixels.shape, dtype=bool)
    for turn in range(4):
        turned, mask = np.rot90(pixels, turn), np.rot90(found, turn)  # views
        uneven = turned.std(axis=1) > EVEN
        depth = int(uneven.argmax()) if uneven.any() else len(uneven)
        mask[: min(depth, int(DEEPEST * len(uneven)))] = True
    black, _ = ndimage.label(ndimage.binary_opening(pixels <= 0.05, TOUCHING, border_value=1))
    edge = ndimage.binary_dilation(found, TOUCHING, border_value=1)  # of what the strips enclose
    outer = np.setdiff1d(black[edge], [0, *_inner(black, least=0, edge=edge)])
    return found | np.isin(black, outer)


def _inner(labelled: npt.NDArray[np.integer], *, least: float, edge: Mask) -> npt.NDArray[np.intp]:
    """Labelled regions that are not outer ground: off the edge, or half in the middle."""
    height, width = labelled.shape
    count = int(labelled.max()) + 1
    area = np.bincount(labelled.ravel(), minlength=count)
    middle = labelled[height // 5 : height - height // 5, width // 5 : width - width // 5]
    central = np.bincount(middle.ravel(), minlength=count)
    off = np.ones(count, dtype=bool)
    off[labelled[edge]] = False
    inner = (off | (central >= 0.5 * area)) & (area >= least * labelled.size)
    inner[0] = False
    return np.flatnonzero(inner)


def _otsu(pixels: FloatImage) -> float:
    """The grey level that parts dark from bright best (Otsu 1979)."""
    count, edges = np.histogram(pixels, bins=256, range=(0, 1))
    level = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(count), np.cumsum(count * level)
    spread = below * (below[-1] - below)
    between = (total[-1] * below / below[-1] - total) ** 2 / np.maximum(spread, 1)
    return float(level[between.argmax()])


def _hats(pixels: FloatImage, size: tuple[int, int]) -> tuple[FloatImage, FloatImage]:
    """How much each pixel is lighter, and darker, than anything of this size at its place."""
    rows, columns = (2 * side for side in size)
    wide = np.pad(pixels, ((rows, rows), (columns, columns)), mode="edge")
    inside = (slice(rows, -rows), slice(columns, -columns))
    light = wide - ndimage.grey_opening(wide, size=size)
    dark = ndimage.grey_closing(wide, size=size) - wide
    return light[inside], dark[inside]
