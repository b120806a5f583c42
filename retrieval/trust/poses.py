"""Poses of a scan as users may upload it: turned, inverted, cropped, framed, of other tone.

All functions take pixels float32 (H, W) in [0, 1] and return the same kind. A mirror
image is a variation and no fault: a slice seen from above cannot be told from a
mirrored one seen from below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from retrieval.imaging import disturbances
from retrieval.imaging.greys import FloatImage, clipped, eight_bit

ORIENTATIONS = ("upright", "upside down", "turned")
Random: TypeAlias = np.random.Generator

CUT = 0.15  # of a side, at most, in a variation
FRAME = 0.16
LIGHT, DARK = 240, 60  # greys of a window and its letters, of 255


@dataclass(frozen=True)
class Change:
    """One change after which a scan is still right, and what it does in a sentence."""

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
    """A random crop, tone, sharpness and grain, each with a chance of 0.4; mirrored with 0.5."""
    for change in (_cropped, _toned, _sharpened_or_softened, _grained):
        if random.random() < 0.4:
            pixels = change(pixels, random)
    return pixels[:, ::-1] if random.random() < 0.5 else pixels


def framed(pixels: FloatImage, random: Random) -> FloatImage:
    """Bars of one grey along some of the sides."""
    height, width = pixels.shape
    shares = random.uniform(0, FRAME, 4) * random.integers(0, 2, 4)
    top, bottom, left, right = np.rint(shares * [height, height, width, width]).astype(int)
    grey = random.choice([0.0, 1.0, LIGHT / 255, random.random()])
    return np.pad(pixels, ((top, bottom), (left, right)), constant_values=np.float32(grey))


def titled(pixels: FloatImage, random: Random) -> FloatImage:
    """A bar along the top or bottom with boxes in it, like letters and buttons from afar."""
    height, width = pixels.shape
    bar = np.full((max(8, round(random.uniform(0.05, 0.2) * height)), width), random.random())
    ink, size = random.random(), max(2, round(random.uniform(0.2, 0.6) * len(bar)))
    column, row = 0, int(random.integers(0, len(bar) - size + 1))
    while column < random.uniform(0.3, 1) * width:
        column += int(random.integers(1, size + 1))
        letter = int(random.integers(1, size + 1))
        bar[row : row + size, column : column + letter] = ink
        column += letter
    parts = (bar.astype(np.float32), pixels)
    return np.concatenate(parts if random.random() < 0.7 else parts[::-1])


def cut_closely(pixels: FloatImage, random: Random) -> FloatImage:
    """Up to 12 % cut off on every side."""
    return _cut(pixels, random.uniform(0, 0.12, 4))


def middle(pixels: FloatImage) -> FloatImage:
    """The picture without the outer 12 % of each side, where a viewer's frame may be."""
    return _cut(pixels, np.full(4, 0.12))


def _cropped(pixels: FloatImage, random: Random) -> FloatImage:
    return _cut(pixels, random.uniform(0, CUT, 4) * random.integers(0, 2, 4))


def _cut(pixels: FloatImage, shares: npt.NDArray[np.float64]) -> FloatImage:
    sides = dict(zip(("top", "bottom", "left", "right"), map(float, shares), strict=True))
    return disturbances.crop(pixels, **sides)


def _toned(pixels: FloatImage, random: Random) -> FloatImage:
    factor = float(np.exp(random.uniform(-0.5, 0.5)))
    if random.random() < 0.5:
        return disturbances.gamma(pixels, power=factor)
    return disturbances.window(pixels, contrast=factor)


def _sharpened_or_softened(pixels: FloatImage, random: Random) -> FloatImage:
    """Blurred or sharpened, by a width relative to the shorter side."""
    width = random.uniform(0.5, 1.5) * max(min(pixels.shape) / 256, 0.5)
    soft: FloatImage = ndimage.gaussian_filter(pixels, width)
    if random.random() < 0.5:
        return soft
    return clipped(pixels + random.uniform(0.3, 1.5) * (pixels - soft))


def _grained(pixels: FloatImage, random: Random) -> FloatImage:
    grain = random.normal(scale=random.uniform(0, 0.05), size=pixels.shape)
    return clipped(pixels + grain)


def _bars(pixels: FloatImage, grey: float, share: float = 0.08) -> FloatImage:
    pads = [(round(share * side),) * 2 for side in pixels.shape]
    return np.pad(pixels, pads, constant_values=np.float32(grey))


def screenshot(pixels: FloatImage) -> FloatImage:
    """The scan in the window of a viewer: a light frame, wider above, with a line of text."""
    height, width = pixels.shape
    above, side = max(12, round(0.12 * height)), max(4, round(0.05 * width))
    window = Image.new("L", (width + 2 * side, height + above + side), LIGHT)
    font = ImageFont.load_default(above / 2)
    ImageDraw.Draw(window).text((side, above / 5), "Viewer  Series 3  41/96", DARK, font=font)
    shot = eight_bit(np.asarray(window))
    shot[above : above + height, side : side + width] = pixels
    return shot


RIGHT: dict[str, Change] = {
    "mirrored": Change(lambda pixels: pixels[:, ::-1].copy(), "Left and right are swapped."),
    "cropped": Change(
        lambda pixels: _cut(pixels, np.full(4, 0.05)), "The middle 90 % of each side is kept."
    ),
    "closely-cropped": Change(
        lambda pixels: _cut(pixels, np.full(4, 0.1)), "The middle 80 % of each side is kept."
    ),
    "screenshot": Change(screenshot, "A light window frame with a title is around it."),
    "white-border": Change(lambda pixels: _bars(pixels, 1), "White bars of 8 % are around it."),
    "black-border": Change(lambda pixels: _bars(pixels, 0), "Black bars of 8 % are around it."),
}
