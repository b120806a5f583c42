"""Many pictures -> ordered series, from what the header of each says of its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

BY_POSITION, BY_NUMBER, AS_GIVEN = "by position", "by number", "as given"


@dataclass(frozen=True)
class Place:
    """Where one picture stands among others.

    series : 16 hex digits, the same for pictures of one series, orientation and size;
        nobody gets back to the identifier of the series.
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
    """Order one group by what tells all its pictures apart, the position before the number."""
    order = AS_GIVEN
    for name, told in (("number", BY_NUMBER), ("position", BY_POSITION)):
        keys = {index: getattr(places[index], name, None) for index in indices}
        if None not in keys.values() and len(set(keys.values())) > 1:
            # a stable sort: pictures at one position stay in the order of their numbers
            indices, order = sorted(indices, key=keys.__getitem__), told
    return Series(tuple(indices), order)
