"""From an original COVID-CT file to the picture that is used: grey, masked, at most 600 pixels."""

import hashlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONG_SIDE = 600


def derive(content: bytes, *, masked: bool) -> Image.Image:
    """Turn a published picture into the 8-bit grey one that models are trained on."""
    with Image.open(BytesIO(content)) as picture:
        pixels = _grey(picture)
    # Mask first: resizing would smear the hidden text over the edge of the mask.
    image = Image.fromarray(_without_corner(pixels) if masked else pixels)
    longest = max(image.size)
    if longest <= LONG_SIDE:
        return image
    width, height = (round(side * LONG_SIDE / longest) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def pixels_sha256(image: Image.Image) -> str:
    """Return the digest of a grey picture's size and pixels, the same for any file format."""
    size = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()


def _grey(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith(("I", "F")):
        return _stretched(np.asarray(picture, dtype=np.float64))
    opaque = Image.new("RGBA", picture.size, "black")
    opaque.alpha_composite(picture.convert("RGBA"))
    return np.asarray(opaque.convert("L"))


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = values.min(), values.max()
    levels: NDArray[np.uint8] = np.rint((values - low) * (255 / max(high - low, 1))).astype(
        np.uint8
    )
    return levels


def _without_corner(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cover the top right corner, where a date of birth stands, with one grey value."""
    height, width = pixels.shape
    bottom, left = round(0.075 * height), int(0.70 * width)
    covered = pixels.copy()
    covered[:bottom, left:] = int(np.median(pixels[bottom : 2 * bottom, left:]))
    return covered
