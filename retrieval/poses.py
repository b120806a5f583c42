"""A scan as people may bring it: upright or not, a negative, cropped, framed, of other tone.

All functions take pixels float32 (H, W) in [0, 1] and return the same kind. Mirror
images are among the variations and not among the faults: a slice seen from above
cannot be told from a mirrored one seen from below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from retrieval import disturbances
from retrieval.greys import FloatImage

ORIENTATIONS = ("upright", "upside down", "turned")
Random = np.random.Generator

CUT = 0.15  # of a side, at most, in a variation
FRAME = 0.16
LIGHT, DARK = np.float32(0.94), np.float32(0.25)  # a window's grey, and its letters


@dataclass(frozen=True)
class Change:
    """One change that leaves a scan right, and what it does in a sentence."""

    apply: Callable[[FloatImage], FloatImage]
    description: str


def posed(pixels: FloatImage, orientation: str, inverted: bool, quarter: int = 1) -> FloatImage:
    """The upright scan in another pose; `quarter` says how often "turned" turns it to the left."""
    if orientation == "upside down":
        pixels = pixels[::-1]
    elif orientation == "turned":
        pixels = np.rot90(pixels, quarter)
    return np.ascontiguousarray(1 - pixels if inverted else pixels)


def varied(pixels: FloatImage, random: Random) -> FloatImage:
    """A random crop, tone, sharpness and grain, each now and then, and often mirrored."""
    for change in (_cropped, _toned, _sharpened_or_softened, _grained):
        if random.random() < 0.4:
            pixels = change(pixels, random)
    return pixels[:, ::-1] if random.random() < 0.5 else pixels


def framed(pixels: FloatImage, random: Random) -> FloatImage:
    """Bars of one grey along some of the sides."""
    height, width = pixels.shape
    shares = random.uniform(0, FRAME, 4) * random.integers(0, 2, 4)
    top, bottom, left, right = np.rint(shares * [height, height, width, width]).astype(int)
    grey = random.choice([0.0, 1.0, float(LIGHT), random.random()])
    return np.pad(pixels, ((top, bottom), (left, right)), constant_values=np.float32(grey))


def _cropped(pixels: FloatImage, random: Random) -> FloatImage:
    shares = random.uniform(0, CUT, 4) * random.integers(0, 2, 4)
    sides = dict(zip(("top", "bottom", "left", "right"), map(float, shares), strict=True))
    return disturbances.crop(pixels, **sides)


def _toned(pixels: FloatImage, random: Random) -> FloatImage:
    factor = float(np.exp(random.uniform(-0.5, 0.5)))
    if random.random() < 0.5:
        return disturbances.gamma(pixels, power=factor)
    return disturbances.window(pixels, contrast=factor)


def _sharpened_or_softened(pixels: FloatImage, random: Random) -> FloatImage:
    """Blurred, or with its edges raised; the width goes with the side, as the network sees it."""
    width = random.uniform(0.5, 1.5) * max(min(pixels.shape) / 256, 0.5)
    soft = ndimage.gaussian_filter(pixels, width)
    if random.random() < 0.5:
        return soft
    return np.clip(pixels + random.uniform(0.3, 1.5) * (pixels - soft), 0, 1).astype(np.float32)


def _grained(pixels: FloatImage, random: Random) -> FloatImage:
    grain = random.normal(scale=random.uniform(0, 0.05), size=pixels.shape)
    return np.clip(pixels + grain, 0, 1).astype(np.float32)


def _bars(pixels: FloatImage, grey: float, share: float = 0.08) -> FloatImage:
    pads = [(round(share * side),) * 2 for side in pixels.shape]
    return np.pad(pixels, pads, constant_values=np.float32(grey))


def screenshot(pixels: FloatImage) -> FloatImage:
    """The scan in the window of a viewer: a light frame, wider above, with dark letters."""
    height, width = pixels.shape
    above, side = max(8, round(0.12 * height)), max(4, round(0.05 * width))
    shot = np.pad(pixels, ((above, side), (side, side)), constant_values=LIGHT)
    rows = slice(above // 3, 2 * above // 3)
    for start in range(side, shot.shape[1] // 2, 3 * side):
        shot[rows, start : start + 2 * side : 2] = DARK
    return shot


RIGHT: dict[str, Change] = {
    "mirrored": Change(lambda pixels: pixels[:, ::-1].copy(), "Left and right are swapped."),
    "cropped": Change(
        lambda pixels: disturbances.crop(pixels, top=0.1, bottom=0.1, left=0.1, right=0.1),
        "10 % are cut off on each side.",
    ),
    "screenshot": Change(screenshot, "A light window frame with a title is around it."),
    "white-border": Change(lambda pixels: _bars(pixels, 1), "White bars of 8 % are around it."),
    "black-border": Change(lambda pixels: _bars(pixels, 0), "Black bars of 8 % are around it."),
}
