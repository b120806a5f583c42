"""An archive as one query sees it: how far off every case lies, and which of them to read.

A search keeps the nearest; a reader also asks how near that is for this archive,
and what the nearest case of another finding looks like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from retrieval import hamming
from retrieval.archive import Archive
from retrieval.errors import SearchError
from retrieval.hashing import Codes
from retrieval.hits import Hit, Hits

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Around:
    """All n cases of an archive around one query.

    distances : int32 (n,), differing bits; order : intp (n,), rows nearest first, by
        (distance, id) with the query's own picture before its ties.
    same : rows of the query's own picture; sha256 : its pixel checksum.
    """

    archive: Archive
    sha256: str
    distances: npt.NDArray[np.int32]
    order: npt.NDArray[np.intp]
    same: tuple[int, ...]

    def hits(self, k: int, allowed: Mask | None = None) -> Hits:
        """The k nearest cases, of those `allowed` (n,): the same as `Archive.search`."""
        if k < 1:
            raise SearchError(f"Cannot show {k} matches; ask for at least 1.")
        order = self.order if allowed is None else self.order[allowed[self.order]]
        found = [(int(row), int(self.distances[row])) for row in order[: k + 1]]
        return self.archive.hits(found, k, self.sha256, self.same)

    def nearest_other(self, label: str) -> Hit | None:
        """The nearest case with another label that is not the query's own picture.

        None where the archive has no other.
        """
        other = self.archive.catalogue.column("label")[self.order] != label
        other &= ~np.isin(self.order, self.same)
        if not other.any():
            return None
        place = int(other.argmax())
        start = max(place - 1, 0)  # with both neighbours, which may tie with it
        found = [(int(row), int(self.distances[row])) for row in self.order[start : place + 2]]
        hits = self.archive.hits(found, len(found), self.sha256, self.same)
        return replace(hits[place - start], rank=place + 1)

    def counts(self) -> dict[str, npt.NDArray[np.intp]]:
        """For each label, how many cases (bits + 1,) differ in 0, 1, ... bits."""
        labels = self.archive.catalogue.column("label")
        return {
            name: np.bincount(self.distances[labels == name], minlength=self.archive.bits + 1)
            for name in self.archive.labels
        }


def around(archive: Archive, code: Codes, sha256: str) -> Around:
    """Every case as seen from one code (1, bytes) of a picture with this pixel checksum."""
    return arranged(archive, hamming.distances(archive.codes, code)[0], sha256)


def arranged(archive: Archive, distances: npt.NDArray[np.int32], sha256: str) -> Around:
    """The same from distances (n,) that are known already."""
    same = archive.catalogue.positions_of(sha256)
    later = np.ones(len(distances), dtype=np.int8)
    later[same] = 0
    order = np.lexsort((later, distances))  # stable: rows stand in the order of their ids
    return Around(archive, sha256, distances, order, tuple(same))
