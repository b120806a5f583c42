"""What a detector, a reconstruction kernel or a copy does to a scan: sharpness, grain, compression.

None of these changes has to do with a finding. Widths are in pixels of a picture
whose shorter side has `SIDE`, about what the encoders see, and grow with the
picture. The blocks of a JPEG have 8 pixels in every picture, so a large one loses less.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from retrieval.imaging.greys import FloatImage, clipped, eight_bit

SIDE = 256


def blurred(pixels: FloatImage, *, width: float) -> FloatImage:
    """(H, W) in [0, 1] smoothed by a Gaussian of this spread."""
    smooth: FloatImage = ndimage.gaussian_filter(pixels, width * _unit(pixels), mode="nearest")
    return smooth


def sharpened(pixels: FloatImage, *, amount: float) -> FloatImage:
    """(H, W) plus `amount` times what a blur of one pixel takes away (an unsharp mask)."""
    lost = pixels - blurred(pixels, width=1.0)
    return clipped(pixels + np.float32(amount) * lost)


def grained(pixels: FloatImage, *, spread: float) -> FloatImage:
    """(H, W) with grain of this spread, of the range of greys; always the same grain."""
    height, width = pixels.shape
    drawn = [max(1, round(side / max(1.0, _unit(pixels)))) for side in pixels.shape]
    grain = np.random.default_rng(0).normal(size=drawn).astype(np.float32)
    as_large = Image.fromarray(grain).resize((width, height), Image.Resampling.BILINEAR)
    large = np.asarray(as_large, dtype=np.float32)
    even = large / max(float(large.std()), 1e-6)
    return clipped(pixels + np.float32(spread) * even)


def compressed(pixels: FloatImage, *, quality: int) -> FloatImage:
    """(H, W) in [0, 1], written as a JPEG of this quality (1 to 95) and read again."""
    file = io.BytesIO()
    greys = np.rint(pixels * 255).astype(np.uint8)
    Image.fromarray(greys).save(file, "JPEG", quality=quality)
    return eight_bit(np.asarray(Image.open(file)))


def _unit(pixels: FloatImage) -> float:
    """Pixels of this picture (H, W) for one of a picture whose shorter side has SIDE."""
    height, width = pixels.shape
    return float(min(height, width) / SIDE)
