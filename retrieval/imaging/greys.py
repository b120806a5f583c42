"""Grey values: from colours, through windows and tables, to float32 in [0, 1]."""

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import BlankScan

FloatImage: TypeAlias = NDArray[np.float32]
ByteImage: TypeAlias = NDArray[np.uint8]

COLOUR_TOLERANCE = 8  # grey levels: the chroma noise of a grey JPEG is smaller


def extent(values: NDArray[Any]) -> tuple[float, float]:
    """Darkest and brightest of some numbers; refuses a picture of one value or of NaN."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not math.isfinite(high - low):
        raise BlankScan("Some pixels are not finite numbers; export the picture again.")
    if low == high:
        raise BlankScan("Every pixel has the same value; choose a picture that shows something.")
    return low, high


def stretch(values: NDArray[Any], low: float, high: float) -> FloatImage:
    """Scale numbers to float32 [0, 1], `low` being 0 and `high` 1."""
    wide = widened(values)
    one = wide.dtype.type
    return clipped((wide - one(low)) / one(high - low))


def widened(values: NDArray[Any]) -> NDArray[np.floating]:
    """Numbers as float32, or as float64 where they have more than 16 bits."""
    return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)


def clipped(values: NDArray[np.floating]) -> FloatImage:
    """Numbers cut to [0, 1], as float32."""
    unit: FloatImage = np.clip(values, 0, 1).astype(np.float32, copy=False)
    return unit


def grey(colour: ByteImage) -> tuple[ByteImage, tuple[str, ...]]:
    """Turn uint8 RGB (H, W, 3) to uint8 (H, W) by the luma of ITU-R 601, with its warning."""
    luma = np.asarray(Image.fromarray(colour).convert("L"))
    red, green, blue = np.moveaxis(colour, 2, 0)  # far faster than a maximum over axis 2
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    differs = int((high - low).max()) > COLOUR_TOLERANCE
    notes = ("This is a colour picture; it was turned to grey.",) if differs else ()
    return luma, notes


def eight_bit(levels: ByteImage) -> FloatImage:
    """Scale uint8 (H, W) to float32 [0, 1], 255 being 1."""
    return levels.astype(np.float32) / np.float32(255)


def window(values: NDArray[np.floating], level: float, width: float) -> FloatImage:
    """Values through a linear window to float32 [0, 1] (PS3.3 C.11.2.1.3.2)."""
    return clipped((values - level) / width + 0.5)


def looked_up(values: NDArray[Any], first: int, table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values through a lookup table whose first entry stands for `first` (PS3.3 C.11.1)."""
    index = np.clip(values.astype(np.float64) - first, 0, table.size - 1)
    return table[index.astype(np.intp)]


def averaged(values: NDArray[Any], longest: int) -> NDArray[Any]:
    """Values (H, W), or float32 averages of their areas where a side is over `longest`."""
    height, width = values.shape
    times = max(height, width) / longest
    if times <= 1:
        return values
    size = (max(1, round(width / times)), max(1, round(height / times)))
    wide = Image.fromarray(values.astype(np.float32, copy=False))
    return np.asarray(wide.resize(size, Image.Resampling.BOX))
