"""Many pictures -> ordered series, and directions in the body.

Directions have the letters of PS3.3 C.7.6.1.1.1: L R, A P, H F. Patient
coordinates grow to the left, to the back and to the head (PS3.3 C.7.6.2.1.1).
The directions that a file states are checked here before they are used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Edges: TypeAlias = tuple[str, str, str, str]  # what lies at the left, right, top and bottom
Axes: TypeAlias = NDArray[np.float64]  # (2, 3): along a row, along a column
GROWING, FALLING = "LPH", "RAF"  # by patient coordinate x, y, z
OPPOSITE = dict(zip(GROWING + FALLING, FALLING + GROWING, strict=True))
TOLERANCE = 0.01  # of the lengths and the right angle of direction cosines


def axes(cosines: Sequence[float]) -> Axes | None:
    """Six direction cosines as two unit vectors (2, 3); None unless they are at right angles."""
    numbers = np.array(cosines, dtype=np.float64)
    if numbers.shape != (6,) or not np.isfinite(numbers).all():
        return None
    pair = numbers.reshape(2, 3)
    with np.errstate(over="ignore", invalid="ignore"):
        products = pair @ pair.T
    return pair if np.abs(products - np.eye(2)).max() <= TOLERANCE else None


def edges_of_axes(pair: Axes) -> Edges | None:
    """The edges nearest to the directions of rows and columns; None if they are contradictory."""
    right, bottom = (_nearest(direction) for direction in pair)
    return _edges(right, bottom)


def edges_of_letters(orientation: Sequence[str]) -> Edges | None:
    """The edges of a PatientOrientation such as ["L", "FP"] (along a row, along a column).

    Only the first letter of each is used; None for anything else.
    """
    if len(orientation) != 2:
        return None
    if not all(re.fullmatch("[LRAPHF]{1,3}", letters) for letters in orientation):
        return None
    right, bottom = (letters[0] for letters in orientation)
    return _edges(right, bottom)


def along_normal(pair: Axes, corner: Sequence[float]) -> float | None:
    """How far a slice's corner (3,) in mm lies along the slice normal (PS3.3 C.7.6.2.1.1)."""
    point = np.array(corner, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        return None
    return float(np.cross(*pair) @ point)


def _nearest(direction: NDArray[np.float64]) -> str:
    axis = int(np.abs(direction).argmax())
    return GROWING[axis] if direction[axis] > 0 else FALLING[axis]


def _edges(right: str, bottom: str) -> Edges | None:
    if bottom in (right, OPPOSITE[right]):
        return None
    return OPPOSITE[right], right, OPPOSITE[bottom], bottom


BY_POSITION, BY_NUMBER, AS_GIVEN = "by position", "by number", "as given"


@dataclass(frozen=True)
class Place:
    """The place of one picture among others.

    series : 16 hex digits, the same for pictures of one series, orientation and size; the
        identifier of the series cannot be recovered from them.
    position : millimetres along the slice normal, or None.
    number : the instance number, or None.
    """

    series: str
    position: float | None
    number: int | None
    modality: str
    rows: int
    columns: int


@dataclass(frozen=True)
class Series:
    """Pictures that belong together, in order.

    indices : into the sequence that was arranged.
    order : "by position", "by number" or "as given".
    """

    indices: tuple[int, ...]
    order: str


def arrange(places: Sequence[Place | None]) -> list[Series]:
    """Group pictures by series, the largest first; a picture without a place stands alone."""
    groups: dict[str | int, list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        groups[index if place is None else place.series].append(index)
    found = [_ordered(group, places) for group in groups.values()]
    return sorted(found, key=lambda series: -len(series.indices))


def _ordered(indices: list[int], places: Sequence[Place | None]) -> Series:
    """Order one group by position, else by number, if all its pictures have one and they differ."""
    order = AS_GIVEN
    for name, told in (("number", BY_NUMBER), ("position", BY_POSITION)):
        keys: dict[int, float] = {
            index: key
            for index in indices
            if (key := getattr(places[index], name, None)) is not None
        }
        if len(keys) == len(indices) and len(set(keys.values())) > 1:
            # a stable sort: pictures at one position stay in the order of their numbers
            indices, order = sorted(indices, key=keys.__getitem__), told
    return Series(tuple(indices), order)
