"""One query, one ranked list: the search of the app, the command line and the studies.

A search keeps the distances of all cases. They also tell how near the first ones are
for this archive, and which case of another finding is nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hamming
from retrieval.codes.hashing import Codes
from retrieval.errors import SearchError
from retrieval.search.hits import Hit, Hits, ranked

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class RankedArchive:
    """All n cases of an archive, ranked for one query.

    sha256 : pixel checksum of the query; distances : int32 (n,), differing bits.
    """

    archive: Archive
    sha256: str
    distances: npt.NDArray[np.int32]

    @cached_property
    def same(self) -> tuple[int, ...]:
        """Rows of the query's own picture."""
        return tuple(self.archive.catalogue.positions_of(self.sha256))

    @cached_property
    def order(self) -> Rows:
        """Rows (n,) by (distance, id), nearest first; the query's own picture precedes its ties."""
        first = 2 * self.distances + 1
        first[list(self.same)] -= 1
        return hamming.order(first)

    def hits(self, k: int, allowed: Mask | None = None, *, without_self: bool = False) -> Hits:
        """The k nearest cases, of those `allowed` (n,); a case with the same picture is marked.

        without_self : leave out the cases with the query's own picture.
        """
        if k < 1:
            raise SearchError(f"Cannot show {k} matches; ask for at least 1.")
        order = self.order if allowed is None else self.order[allowed[self.order]]
        if without_self:
            order = order[~np.isin(order, self.same)]
        return self._hits(order[: k + 1], k)  # the extra one tells what follows the last hit

    def nearest_other(self, label: str) -> Hit | None:
        """The nearest case with another label that is not the query's own picture.

        None if the archive has no such case.
        """
        other = self.archive.catalogue.column("label")[self.order] != label
        other &= ~np.isin(self.order, self.same)
        if not other.any():
            return None
        place = int(other.argmax())
        start = max(place - 1, 0)  # with both neighbours, which may tie with it
        rows = self.order[start : place + 2]
        return replace(self._hits(rows, len(rows))[place - start], rank=place + 1)

    def counts(self) -> dict[str, npt.NDArray[np.intp]]:
        """For each label, how many cases (bits + 1,) differ in 0, 1, ... bits."""
        labels = self.archive.catalogue.column("label")
        return {
            name: np.bincount(self.distances[labels == name], minlength=self.archive.bits + 1)
            for name in self.archive.labels
        }

    def _hits(self, rows: Rows, k: int) -> Hits:
        found = [(int(row), int(self.distances[row])) for row in rows]
        entries = self.archive.catalogue.entries([row for row, _ in found[:k]])
        return ranked(found, entries, bits=self.archive.bits, sha256=self.sha256, same=self.same)


def search(archive: Archive, code: Codes, sha256: str) -> RankedArchive:
    """Rank an archive for one code (1, bytes) of a picture with this pixel checksum."""
    return RankedArchive(archive, sha256, hamming.distances(archive.codes, code)[0])
