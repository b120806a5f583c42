"""What a detector, a reconstruction kernel or a copy does to a scan: sharpness, grain, compression.

None of them has to do with a finding. Widths are in pixels of a picture whose
shorter side has `SIDE`, about what the encoders see, and grow with the picture;
the blocks of a JPEG have 8 pixels whatever its size, so a large picture loses less.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from retrieval.imaging.greys import FloatImage

SIDE = 256


def blurred(pixels: FloatImage, *, width: float) -> FloatImage:
    """(H, W) in [0, 1] smoothed by a Gaussian of this spread."""
    return ndimage.gaussian_filter(pixels, width * _unit(pixels), mode="nearest")


def sharpened(pixels: FloatImage, *, amount: float) -> FloatImage:
    """(H, W) plus `amount` times what a blur of one pixel takes away (an unsharp mask)."""
    lost = pixels - blurred(pixels, width=1.0)
    return np.clip(pixels + np.float32(amount) * lost, 0, 1)


def grained(pixels: FloatImage, *, spread: float) -> FloatImage:
    """(H, W) with grain of this spread, of the range of greys; always the same grain."""
    height, width = pixels.shape
    drawn = [max(1, round(side / max(1.0, _unit(pixels)))) for side in pixels.shape]
    grain = np.random.default_rng(0).normal(size=drawn).astype(np.float32)
    as_large = Image.fromarray(grain).resize((width, height), Image.Resampling.BILINEAR)
    even = np.asarray(as_large) / max(float(np.std(as_large)), 1e-6)
    return np.clip(pixels + np.float32(spread) * even, 0, 1)


def compressed(pixels: FloatImage, *, quality: int) -> FloatImage:
    """(H, W) in [0, 1], written as a JPEG of this quality (1 to 95) and read again."""
    file = io.BytesIO()
    greys = np.rint(pixels * 255).astype(np.uint8)
    Image.fromarray(greys).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), dtype=np.float32) / 255


def _unit(pixels: FloatImage) -> float:
    return min(pixels.shape) / SIDE
