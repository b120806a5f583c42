"""Which part of a picture a network sees: inside uniform margins, and off the border.

Collimation, padding, letters and the way a picture was cut stand at its border,
and differ between hospitals and, by chance, between findings.
"""

from __future__ import annotations

import numpy as np

from retrieval.imaging.greys import FloatImage

EVEN = 0.016  # spread of a row or column that holds nothing but one grey and noise: 4 of 255
LEAST = 0.5  # share of a side that trimming leaves; a picture with less is not trimmed

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def seen_box(pixels: FloatImage, margin: float) -> Box:
    """What is left of (H, W) without uniform margins and then `margin` of each side.

    Without a margin to leave out, all of it.
    """
    height, width = pixels.shape
    if not margin:
        return 0.0, 0.0, float(width), float(height)
    top, bottom = _extent(pixels.std(axis=1))
    left, right = _extent(pixels.std(axis=0))
    down, across = margin * (bottom - top), margin * (right - left)
    return left + across, top + down, right - across, bottom - down


def _extent(spread: np.ndarray) -> tuple[int, int]:
    """First and one past the last row, or column, that holds more than one grey."""
    busy = np.flatnonzero(spread > EVEN)
    if not len(busy) or busy[-1] + 1 - busy[0] < LEAST * len(spread):
        return 0, len(spread)
    return int(busy[0]), int(busy[-1]) + 1


def placed(values: FloatImage, box: Box, size: tuple[int, int]) -> FloatImage:
    """A map (h, w) of the part inside `box` as one of the whole picture of `size` (H, W).

    Cells keep their size as far as whole cells can; outside they hold 0.
    """
    left, top, right, bottom = box
    height, width = size
    tall, wide = (bottom - top) / values.shape[0], (right - left) / values.shape[1]
    before = round(top / tall), round(left / wide)
    after = round((height - bottom) / tall), round((width - right) / wide)
    return np.pad(values, tuple(zip(before, after, strict=True)))
