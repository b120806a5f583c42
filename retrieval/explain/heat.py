"""A map of evidence over a picture, in colours of even steps.

cividis rises evenly in lightness and looks the same to colour-blind readers (Nunez,
Anderton, Renslow, PLOS ONE 2018). Its opacity grows with the evidence; where evidence is
weak or negative, the picture stays grey.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from retrieval.imaging.greys import FloatImage, clipped

COLOURS = "cividis"
FIRST = 0.35  # part of the scale left out: its darkest blues are invisible on air
DENSEST, FAINTEST = 0.7, 0.1  # colour where evidence is strongest; evidence too faint to colour


def laid_over(
    picture: npt.NDArray[np.uint8], evidence: FloatImage, strongest: float
) -> npt.NDArray[np.uint8]:
    """A picture (H, W) with its map (h, w) in colour, uint8 (H, W, 3).

    strongest : evidence that gets the last colour, the same for both pictures of a pair.
    """
    share = clipped(evidence / max(strongest, 1e-12))
    size = (picture.shape[1], picture.shape[0])
    resized = Image.fromarray(share).resize(size, Image.Resampling.BICUBIC)
    smooth = clipped(np.asarray(resized, dtype=np.float32))
    colours = matplotlib.colormaps[COLOURS](FIRST + (1 - FIRST) * smooth)[:, :, :3] * 255
    weight = DENSEST * np.clip((smooth - FAINTEST) / (1 - FAINTEST), 0, 1)[:, :, None]
    mixed = np.rint(picture[:, :, None] * (1 - weight) + colours * weight)
    return np.asarray(mixed, dtype=np.uint8)


def scale_bar(width: int = 240, height: int = 12) -> npt.NDArray[np.uint8]:
    """The colours from none to most, over mid-grey, uint8 (height, width, 3)."""
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return laid_over(np.full((height, width), 60, dtype=np.uint8), ramp, 1.0)


def share_within(evidence: FloatImage, where: npt.NDArray[np.bool_]) -> float:
    """Share of the positive evidence that lies inside `where` (H, W)."""
    size = (evidence.shape[1], evidence.shape[0])
    part = Image.fromarray(where.astype(np.float32)).resize(size, Image.Resampling.BOX)
    towards = np.maximum(evidence, 0)
    total = float(towards.sum())
    return float((towards * np.asarray(part)).sum()) / total if total else 0.0


def frame_of(shape: tuple[int, int], share: float) -> npt.NDArray[np.bool_]:
    """The outer `share` of each side of a picture (H, W)."""
    inside = np.zeros(shape, dtype=bool)
    rows, columns = (round(share * side) for side in shape)
    inside[rows : shape[0] - rows, columns : shape[1] - columns] = True
    return ~inside


def lungs_of_slice(pixels: FloatImage) -> npt.NDArray[np.bool_] | None:
    """Roughly where the lungs of a CT slice (H, W) lie; None if they are not found.

    The lungs are the dark regions enclosed by the body, with their holes and bays filled
    and a small margin. Consolidation that reaches the rim of a lung is not included.
    """
    smooth = ndimage.gaussian_filter(pixels, 0.01 * min(pixels.shape))
    dark = smooth < (np.quantile(smooth, 0.05) + np.quantile(smooth, 0.95)) / 2
    labelled, count = ndimage.label(dark)
    if not count:
        return None
    rim = np.unique(np.concatenate([labelled[0], labelled[-1], labelled[:, 0], labelled[:, -1]]))
    sizes = np.bincount(labelled.ravel(), minlength=count + 1)
    sizes[np.concatenate([[0], rim])] = 0
    large = np.flatnonzero(sizes > 0.02 * pixels.size)
    if not len(large):
        return None
    lungs = np.isin(labelled, large)
    reach = max(round(0.06 * min(pixels.shape)), 1)
    padded = np.pad(lungs, 2 * reach)
    near = ndimage.distance_transform_edt(~padded) <= 2 * reach
    closed = ndimage.distance_transform_edt(near) > reach  # bays filled, with a margin
    filled = ndimage.binary_fill_holes(closed)
    return np.asarray(filled[2 * reach : -2 * reach, 2 * reach : -2 * reach], dtype=bool)
