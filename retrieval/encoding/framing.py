"""Which part of a picture a network sees: inside uniform margins, and off the border.

Collimation, padding, letters and the crop show at the border of a picture. They
differ between hospitals and, by chance, between findings.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from retrieval.imaging.greys import FloatImage

EVEN = 0.016  # spread of a row or column of one grey with noise: 4 of 255
LEAST = 0.5  # share of a side that trimming leaves; a picture with less is not trimmed

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def seen_box(pixels: FloatImage, margin: float) -> Box:
    """The box of (H, W) without its uniform margins and then without `margin` of each side.

    A margin of 0 gives the whole picture.
    """
    height, width = pixels.shape
    if not margin:
        return 0.0, 0.0, float(width), float(height)
    top, bottom = _extent(pixels.std(axis=1))
    left, right = _extent(pixels.std(axis=0))
    down, across = margin * (bottom - top), margin * (right - left)
    return left + across, top + down, right - across, bottom - down


def _extent(spread: FloatImage) -> tuple[int, int]:
    """First and one past the last row, or column, that holds more than one grey."""
    busy = np.flatnonzero(spread > EVEN)
    if not len(busy) or busy[-1] + 1 - busy[0] < LEAST * len(spread):
        return 0, len(spread)
    return int(busy[0]), int(busy[-1]) + 1


def placed(values: FloatImage, box: Box, size: tuple[int, int]) -> FloatImage:
    """Extend a map (h, w) of the part inside `box` to the whole picture of `size` (H, W).

    Cells keep their size, rounded to whole cells; those outside the box hold 0.
    """
    left, top, right, bottom = box
    height, width = size
    tall, wide = (bottom - top) / values.shape[0], (right - left) / values.shape[1]
    before = round(top / tall), round(left / wide)
    after = round((height - bottom) / tall), round((width - right) / wide)
    return np.pad(values, tuple(zip(before, after, strict=True)))
