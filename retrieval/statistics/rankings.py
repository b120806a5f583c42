"""Labelled queries, each ranked once: how far it lies from every case that it may meet.

Figures, chances and ties are all read from the same distances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retrieval.errors import EvaluationError
from retrieval.statistics.precision import Counts, Floats, expected_hits, tie_groups

NEIGHBOURS = 10  # cases that P@10 and the mean distance to the nearest look at

Strings = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
Distances = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Rankings:
    """n labelled queries and the gallery that each is ranked against.

    distances : uint16 (n, gallery), differing bits out of `bits`.
    allowed : bool (n, gallery), False for a query's own patient and own picture.
    gallery_labels : (gallery,); labels, patients, pictures : (n,), pictures being ids.

    A query and a case take 3 bytes: 84 MB for 5,305 of each. EvaluationError if a query has
    nothing to be ranked.
    """

    bits: int
    distances: Distances
    allowed: Mask
    gallery_labels: Strings
    labels: Strings
    patients: Strings
    pictures: Strings

    def __post_init__(self) -> None:
        if not self.allowed.any(axis=1).all():
            raise EvaluationError("A query has nothing to be compared with but its own patient.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Mask | npt.NDArray[np.intp]) -> Rankings:
        """The queries at these rows, or where a mask (n,) holds, against the same gallery."""
        return replace(
            self,
            distances=self.distances[rows],
            allowed=self.allowed[rows],
            labels=self.labels[rows],
            patients=self.patients[rows],
            pictures=self.pictures[rows],
        )

    def among(self, columns: Mask) -> Rankings:
        """The same queries against the cases where `columns` (gallery,) holds."""
        return replace(
            self,
            distances=self.distances[:, columns],
            allowed=self.allowed[:, columns],
            gallery_labels=self.gallery_labels[columns],
        )

    @property
    def fewest(self) -> int:
        """How many cases every query is ranked against at least."""
        return int(self.allowed.sum(axis=1).min())

    @cached_property
    def names(self) -> Strings:
        """All labels of gallery and queries, sorted: the columns of every table of chances."""
        return np.union1d(self.gallery_labels, self.labels)

    @cached_property
    def truth(self) -> npt.NDArray[np.intp]:
        """The place (n,) of each query's label among `names`."""
        return np.searchsorted(self.names, self.labels)

    @cached_property
    def gallery_truth(self) -> npt.NDArray[np.intp]:
        """The place (gallery,) of each case's label among `names`."""
        return np.searchsorted(self.names, self.gallery_labels)

    @cached_property
    def counts(self) -> tuple[tuple[Counts, Counts], ...]:
        """For each query the counts of `tie_groups`, with the cases of its label as relevant."""
        rows = zip(self.distances, self.allowed, self.truth, strict=True)
        return tuple(
            tie_groups(distances[mask], self.gallery_truth[mask] == label)
            for distances, mask, label in rows
        )

    def precision(self, k: int = NEIGHBOURS) -> Floats:
        """P@k (n,) of every query, expected over ties."""
        return np.array([expected_hits(*counts, k)[-1] for counts in self.counts]) / k

    @cached_property
    def chance(self) -> Floats:
        """The precision (n,) of a random order."""
        return np.array([relevant.sum() / totals.sum() for totals, relevant in self.counts])

    @cached_property
    def histograms(self) -> Counts:
        """Allowed cases (n, labels, bits + 1) of each label at each distance, for every query."""
        label, labels = self.gallery_truth, len(self.names)
        rows = zip(self.distances, self.allowed, strict=True)
        return np.stack(
            [histogram(row[mask], label[mask], labels, self.bits) for row, mask in rows]
        )


def histogram(
    distances: npt.NDArray[np.integer], label: npt.NDArray[np.intp], labels: int, bits: int
) -> Counts:
    """Cases (labels, bits + 1) of each label at each distance, from both for every case (n,)."""
    cell = label * (bits + 1) + distances.astype(np.intp)
    return np.bincount(cell, minlength=labels * (bits + 1)).reshape(labels, bits + 1)


def mean_nearest(histograms: Counts, k: int = NEIGHBOURS) -> Floats:
    """Mean distance (n,) to the k nearest cases, or to all where there are fewer."""
    reached = np.minimum(np.cumsum(histograms.sum(axis=1), axis=1), k)
    taken = np.diff(reached, prepend=0, axis=1)
    found: Floats = taken @ np.arange(taken.shape[1]) / reached[:, -1]
    return found
