"""Whether text is written into a picture: three letters in a row, lighter than their ground.

Rougher and far faster than `overlays`, for a warning with every picture. Names
and dates have three letters or more; a single mark of a side is not looked for.
Sizes are in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from retrieval.imaging.greys import FloatImage, averaged
from retrieval.imaging.spots import TOUCHING, count_of, largest_of, steps, sum_of

LONGEST = 1024  # larger pictures are shrunk: their letters are larger too
STROKES = 9  # wider than any stroke of a letter
RISE, CONTRAST = 0.2, 0.3  # above the ground: of each pixel, and of the brightest of a letter
SHARP = 0.45  # step at the rim as a share of the contrast
HEIGHTS = (4, 40)
MOST = 1000  # spots compared with each other
BY_CHANCE = 0.05  # share of the spots in noise that stand in a row

Boxes = npt.NDArray[np.int64]  # (n, 4): top, bottom, left, right


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
    boxes = np.array([[rows.start, rows.stop, columns.start, columns.stop]
                      for rows, columns in ndimage.find_objects(labelled)])  # fmt: skip
    height, width = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]
    contrast = largest_of(labelled, hat, count)
    filled = count_of(labelled, solid, count) / (height * width)
    rim = np.where(ndimage.binary_erosion(solid, border_value=1), 0, labelled)
    step = sum_of(rim, steps(pixels), count) / count_of(rim, rim > 0, count)
    letter = (
        (height >= HEIGHTS[0])
        & (height <= HEIGHTS[1])
        & (width <= 1.6 * height)
        & ((filled > 0.15) & (filled < 0.97))
        & (contrast >= CONTRAST)
        & (step >= SHARP * contrast)
    )
    return boxes[letter][:MOST]


def _follows(boxes: Boxes) -> npt.NDArray[np.bool_]:
    """Which letter (column) comes next to the right of which (row): on a line, of one height."""
    top, bottom, left, right = boxes.T
    height = bottom - top
    higher = np.maximum.outer(height, height)
    gap = np.subtract.outer(left, right).T  # from the right of the row's to the left of the other
    return (
        (gap >= -1)
        & (gap <= higher)
        & (np.abs(np.subtract.outer(bottom, bottom)) <= np.maximum(1, 0.25 * higher))
        & (np.minimum.outer(height, height) >= 0.75 * higher)
        & ~np.eye(len(boxes), dtype=bool)
    )
