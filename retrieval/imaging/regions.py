"""A region of a picture to search with: the encoder sees the crop alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retrieval.errors import SearchError
from retrieval.imaging.greys import FloatImage

SMALLEST = 16  # pixels a side: a smaller region or picture can be shown but not searched with
LEAST = 0.05  # smallest share of a side that a region spans


@dataclass(frozen=True)
class Region:
    """A rectangle in shares of the picture: left edge x, upper edge y, width and height."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        """SearchError for a rectangle that no picture has."""
        numbers = (self.x, self.y, self.width, self.height)
        inside = (
            all(math.isfinite(number) for number in numbers)
            and min(self.x, self.y) >= 0
            and min(self.width, self.height) >= LEAST
            and max(self.x + self.width, self.y + self.height) <= 1 + 1e-9
        )
        if not inside:
            raise SearchError(
                "A region is X,Y,WIDTH,HEIGHT in shares of the picture, inside it and at least "
                f"{LEAST:g} wide and high, such as 0.1,0.5,0.3,0.4."
            )

    @classmethod
    def between(cls, columns: tuple[float, float], rows: tuple[float, float]) -> Region:
        """From its left and right, and its upper and lower edge, in any order."""
        left, right = sorted(min(max(edge, 0.0), 1.0) for edge in columns)
        top, bottom = sorted(min(max(edge, 0.0), 1.0) for edge in rows)
        return cls(left, top, right - left, bottom - top)

    @classmethod
    def parsed(cls, text: str) -> Region:
        """From "X,Y,WIDTH,HEIGHT"; SearchError if it says anything else."""
        try:
            return cls(*(float(part) for part in text.split(",")))
        except (TypeError, ValueError):
            raise SearchError(
                f"{text!r} is no region; give X,Y,WIDTH,HEIGHT in shares of the picture, such as "
                "0.1,0.5,0.3,0.4."
            ) from None

    def pixels(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of a picture of this shape (H, W); SearchError if they are too few."""
        rows, columns = shape
        top, bottom = _edges(self.y, self.height, rows)
        left, right = _edges(self.x, self.width, columns)
        if min(bottom - top, right - left) < SMALLEST:
            raise SearchError(
                f"This region has {right - left} x {bottom - top} pixels of its picture; draw one "
                f"of at least {SMALLEST} x {SMALLEST}."
            )
        return slice(top, bottom), slice(left, right)

    def crop(self, pixels: FloatImage, margin: float = 0.0) -> FloatImage:
        """The region of a picture (H, W) as a picture of its own; SearchError if too small.

        Some networks cut off a `margin` of each side. For them the crop includes as much of
        the surroundings, or of the repeated edge of the picture, so that the network sees
        exactly the region.
        """
        rows, columns = self.pixels(pixels.shape)
        share = margin / (1 - 2 * margin)
        down, across = (round(share * (one.stop - one.start)) for one in (rows, columns))
        around = np.pad(pixels, ((down, down), (across, across)), mode="edge")
        return np.ascontiguousarray(
            around[rows.start : rows.stop + 2 * down, columns.start : columns.stop + 2 * across]
        )

    def key(self) -> str:
        """The same region as text that `parsed` reads."""
        return f"{self.x:.4f},{self.y:.4f},{self.width:.4f},{self.height:.4f}"


def _edges(start: float, length: float, side: int) -> tuple[int, int]:
    return round(start * side), min(round((start + length) * side), side)
