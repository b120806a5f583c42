"""Whether text is written into a picture: three letters in a row, lighter than their ground.

This is rougher and far faster than `overlays`, so that every picture can be
checked. Names and dates have three letters or more; a single side mark is not
looked for. Sizes are in pixels.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from retrieval.imaging.greys import FloatImage, averaged
from retrieval.imaging.spots import (
    TOUCHING,
    Boxes,
    Mask,
    boxes_of,
    count_of,
    largest_of,
    steps,
    sum_of,
)

LONGEST = 1024  # larger pictures are shrunk: their letters are larger too
STROKES = 9  # wider than any stroke of a letter
RISE, CONTRAST = 0.2, 0.3  # above the ground: for each pixel, and for a letter's brightest one
SHARP = 0.45  # step at the rim as a share of the contrast
HEIGHTS = (4, 40)
MOST = 1000  # spots compared with each other
BY_CHANCE = 0.05  # share of the spots in noise that stand in a row


def are_written_in(pixels: FloatImage) -> bool:
    """Whether letters in a row are found in a picture (H, W)."""
    boxes = _letter_like(averaged(pixels, LONGEST))
    follows = _follows(boxes)
    between = follows.any(axis=0) & follows.any(axis=1)
    in_a_row = between | follows[between].any(axis=0) | follows[:, between].any(axis=1)
    return bool(in_a_row.sum() > BY_CHANCE * len(boxes))


def _letter_like(pixels: FloatImage) -> Boxes:
    """The boxes of light spots with the size, the sharp edge and the contrast of a letter."""
    hat = ndimage.white_tophat(pixels, size=(STROKES, STROKES), mode="nearest")
    solid = hat > RISE
    labelled, count = ndimage.label(solid, TOUCHING)
    if not count:
        return np.empty((0, 4), dtype=np.int64)
    boxes = boxes_of(labelled)
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    contrast = largest_of(labelled, hat, count)
    filled = count_of(labelled, solid, count) / (height * width)
    rim = np.where(ndimage.binary_erosion(solid, border_value=1), 0, labelled)
    step = sum_of(rim, steps(pixels), count) / count_of(rim, rim > 0, count)
    letter: Mask = (
        (height >= HEIGHTS[0])
        & (height <= HEIGHTS[1])
        & (width <= 1.6 * height)
        & ((filled > 0.15) & (filled < 0.97))
        & (contrast >= CONTRAST)
        & (step >= SHARP * contrast)
    )
    return boxes[letter][:MOST]


def _follows(boxes: Boxes) -> Mask:
    """Whether a letter (column) is next to the right of another (row), in line and as high."""
    top, bottom, left, right = boxes.T
    height = bottom - top
    higher = np.maximum.outer(height, height)
    gap = np.subtract.outer(left, right).T  # from the right of the row's to the left of the other
    follows: Mask = (
        (gap >= -1)
        & (gap <= higher)
        & (np.abs(np.subtract.outer(bottom, bottom)) <= np.maximum(1, 0.25 * higher))
        & (np.minimum.outer(height, height) >= 0.75 * higher)
        & ~np.eye(len(boxes), dtype=bool)
    )
    return follows
