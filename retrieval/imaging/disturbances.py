"""Named changes of a scan that leave its finding as it was, for an audit.

Each takes pixels float32 (H, W) in [0, 1] and returns the same kind; nothing is
random. A ranking that follows the finding hardly moves under them. A ranking that
follows letters, borders, window, crop or grain moves. `border-only` is the opposite:
it takes the finding away, and the ranking should then be no better than chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image
from scipy import ndimage

from retrieval.errors import SettingError
from retrieval.imaging.greys import FloatImage, clipped
from retrieval.imaging.overlays import find_margins, find_marks
from retrieval.imaging.spots import TOUCHING, Mask
from retrieval.imaging.textures import blurred, compressed, grained, sharpened

GREY = 0.5  # what replaces borders: the same in every picture
FRAME = 0.04  # share of each side that counts as border even where it is not uniform
KEPT = 0.1  # share of each side that `border-only` leaves


@dataclass(frozen=True)
class Disturbance:
    """One change: pixels -> pixels, and what it does in a sentence."""

    apply: Callable[[FloatImage], FloatImage]
    description: str


def mask_text(pixels: FloatImage) -> FloatImage:
    """Fill letters, arrows and boxes from their surroundings."""
    marks = find_marks(pixels)
    return _filled(pixels, ndimage.binary_dilation(marks, TOUCHING)) if marks.any() else pixels


def _filled(pixels: FloatImage, hidden: Mask) -> FloatImage:
    """Each hidden pixel becomes its nearest visible one, then the seams are smoothed."""
    nearest = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled = pixels[tuple(nearest)]
    smooth = ndimage.uniform_filter(filled, 5, mode="nearest")
    return clipped(np.where(hidden, smooth, pixels))


def mask_borders(pixels: FloatImage) -> FloatImage:
    """Replace uniform margins and an outer frame by one grey."""
    return np.where(find_margins(pixels) | ~_middle(pixels.shape, FRAME), GREY, pixels).astype(
        np.float32
    )


def mask_both(pixels: FloatImage) -> FloatImage:
    """`mask_text`, then `mask_borders`."""
    return mask_borders(mask_text(pixels))


def border_only(pixels: FloatImage) -> FloatImage:
    """Leave the outer tenth of each side; the middle becomes the mean grey of that frame."""
    middle = _middle(pixels.shape, KEPT)
    return np.where(middle, pixels[~middle].mean(), pixels).astype(np.float32)


def _middle(shape: tuple[int, ...], share: float) -> Mask:
    inside = np.zeros(shape, dtype=bool)
    rows, columns = (max(1, round(share * side)) for side in shape)
    inside[rows:-rows, columns:-columns] = True
    return inside


def window(pixels: FloatImage, *, contrast: float) -> FloatImage:
    """Spread greys away from the middle (contrast > 1: a narrower window) or towards it."""
    return clipped((pixels - 0.5) * np.float32(contrast) + 0.5)


def gamma(pixels: FloatImage, *, power: float) -> FloatImage:
    """Raise greys to a power: above 1 darker, below 1 brighter."""
    return clipped(pixels ** np.float32(power))


def zoom_out(pixels: FloatImage, *, share: float) -> FloatImage:
    """Add black on all sides, so that the scan fills 1 - share of the picture."""
    pads = [(round(side * share / (1 - share) / 2),) * 2 for side in pixels.shape]
    return np.pad(pixels, pads)


def crop(pixels: FloatImage, *, top: float, bottom: float, left: float, right: float) -> FloatImage:
    """Cut off these shares of the height and of the width."""
    height, width = pixels.shape
    rows = slice(round(top * height), height - round(bottom * height))
    columns = slice(round(left * width), width - round(right * width))
    return pixels[rows, columns].copy()


def stretch_width(pixels: FloatImage, *, factor: float) -> FloatImage:
    """Make the picture wider or narrower, its height kept."""
    height, width = pixels.shape
    image = Image.fromarray(pixels, mode="F")
    size = (max(1, round(width * factor)), height)
    return clipped(np.asarray(image.resize(size, Image.Resampling.BILINEAR)))


def rotate(pixels: FloatImage, *, degrees: float) -> FloatImage:
    """Turn the picture about its middle; what comes in at the corners repeats the edge."""
    turned = ndimage.rotate(pixels, degrees, reshape=False, order=1, mode="nearest")
    return clipped(turned)


DISTURBANCES: dict[str, Disturbance] = {
    "mask-text": Disturbance(
        mask_text, "Letters, arrows and boxes are filled from their surroundings."
    ),
    "mask-borders": Disturbance(
        mask_borders, "Uniform margins and the outer 4 % of each side become one grey."
    ),
    "mask-both": Disturbance(mask_both, "Letters and arrows, and then borders, are masked."),
    "window-narrow": Disturbance(
        partial(window, contrast=1.4), "Contrast around the middle grey is 1.4 times as strong."
    ),
    "window-wide": Disturbance(
        partial(window, contrast=0.7), "Contrast around the middle grey is 0.7 times as strong."
    ),
    "gamma-dark": Disturbance(
        partial(gamma, power=1.4), "Greys are raised to the power 1.4, which darkens them."
    ),
    "gamma-bright": Disturbance(
        partial(gamma, power=0.7), "Greys are raised to the power 0.7, which brightens them."
    ),
    "scale-out": Disturbance(
        partial(zoom_out, share=0.1), "Black is added on all sides; the scan fills 90 % of a side."
    ),
    "scale-in": Disturbance(
        partial(crop, top=0.05, bottom=0.05, left=0.05, right=0.05),
        "The middle 90 % of each side is kept.",
    ),
    "aspect-wide": Disturbance(
        partial(stretch_width, factor=1.25), "The picture is made 1.25 times as wide."
    ),
    "aspect-narrow": Disturbance(
        partial(stretch_width, factor=0.8), "The picture is made 0.8 times as wide."
    ),
    "crop": Disturbance(
        partial(crop, top=0.05, bottom=0.1, left=0.1, right=0.06),
        "5 to 10 % are cut off, from each side another share.",
    ),
    "rotate": Disturbance(partial(rotate, degrees=5), "The picture is turned by 5 degrees."),
    "deform-tall": Disturbance(
        partial(crop, top=0.12, bottom=0.12, left=0.0, right=0.0),
        "An eighth is cut off above and below: to the network the chest looks 1.3 times as tall.",
    ),
    "deform-wide": Disturbance(
        partial(crop, top=0.0, bottom=0.0, left=0.12, right=0.12),
        "An eighth is cut off on the left and right: the chest looks 1.3 times as wide.",
    ),
    "texture-blur": Disturbance(
        partial(blurred, width=1.0), "The picture is blurred by one 256th of its shorter side."
    ),
    "texture-sharp": Disturbance(
        partial(sharpened, amount=1.0),
        "Edges are sharpened by what a blur of one 256th of the shorter side takes away.",
    ),
    "texture-grain": Disturbance(
        partial(grained, spread=0.03), "Grain is added, with a spread of 3 % of the greys."
    ),
    "texture-copy": Disturbance(
        partial(compressed, quality=30), "The picture is saved as a JPEG of quality 30."
    ),
    "border-only": Disturbance(
        border_only, "Only the outer tenth of each side is left; the middle is its mean grey."
    ),
}


def named(names: Sequence[str] | None = None) -> dict[str, Disturbance]:
    """The changes of these names, all by default; `scale` stands for every `scale-...`.

    SettingError names the first that is not known.
    """
    chosen: dict[str, Disturbance] = {}
    for name in DISTURBANCES if names is None else names:
        found = {
            key: change
            for key, change in DISTURBANCES.items()
            if key == name or key.startswith(f"{name}-")
        }
        if not found:
            raise SettingError(f"There is no change {name!r}; choose {', '.join(DISTURBANCES)}.")
        chosen |= found
    return chosen
