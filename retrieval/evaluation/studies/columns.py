"""What a set of columns is worth for retrieval: as bits, and as the real values they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from retrieval.codes import hamming, hashing
from retrieval.codes.hashing import Codes
from retrieval.evaluation.studies.choices import Columns, Sample
from retrieval.statistics.precision import (
    Floats,
    expected_average_precision,
    expected_hits,
    tie_groups,
)

DEPTHS = (1, 10, 50)
FLOATS = ("cosine", "euclidean")  # of the values themselves; of values standardised on train


class Trial:
    """Queries and the archive cases they are ranked against, with what is fitted on train.

    relevant : bool (queries, n), whether a query and a case have the same label.
    learned : how many of the features, the first ones, labels have made; all by default.
    """

    def __init__(
        self, train: Sample, gallery: Sample, queries: Sample, *, learned: int | None = None
    ) -> None:
        self.relevant = queries.cases.labels[:, None] == gallery.cases.labels
        made = train.features.shape[1] if learned is None else learned
        thresholds = hashing.balanced_thresholds(train.features, train.cases.labels, made)
        mean, deviation = train.features.mean(axis=0), train.features.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)  # a constant column says nothing
        self._bits = [hashing.to_bits(side.features, thresholds) for side in (gallery, queries)]
        self._values = [side.features for side in (gallery, queries)]
        self._standardised = [(side.features - mean) / scale for side in (gallery, queries)]

    def codes(self, columns: Columns) -> tuple[Codes, Codes]:
        """Packed codes of the archive cases and of the queries, one bit a column."""
        gallery, queries = (hashing.pack(bits[:, columns]) for bits in self._bits)
        return gallery, queries

    def distinct(self, columns: Columns) -> float:
        """Share of the archive's codes that are distinct."""
        gallery, _ = self.codes(columns)
        return len(np.unique(gallery, axis=0)) / len(gallery)

    def bits(self, columns: Columns) -> Floats:
        """Figures (queries, 4) of Hamming ranking: P@1, P@10, P@50, mAP, expected over ties."""
        return self._figures(hamming.distances(*self.codes(columns)))

    def floats(self, columns: Columns) -> dict[str, Floats]:
        """The same figures of the real values of these columns, for each name in FLOATS."""
        cosine = cosine_distances(*(values[:, columns] for values in self._values))
        euclidean = euclidean_distances(*(values[:, columns] for values in self._standardised))
        return dict(zip(FLOATS, map(self._figures, (cosine, euclidean)), strict=True))

    def _figures(self, distances: Iterable[npt.NDArray[np.generic]]) -> Floats:
        rows = zip(distances, self.relevant, strict=True)
        return np.stack([_query_figures(distance, relevant) for distance, relevant in rows])


def _query_figures(distance: npt.NDArray[np.generic], relevant: npt.NDArray[np.bool_]) -> Floats:
    groups = tie_groups(distance, relevant)
    depths = np.array(DEPTHS)
    precision = expected_hits(*groups, max(DEPTHS))[depths - 1] / depths
    return np.append(precision, expected_average_precision(*groups))


def cosine_distances(gallery: Floats, queries: Floats) -> Iterator[Floats]:
    """1 - cosine of every case (n, columns) with each query; 1 where a side is all zeros.

    Summed row by row, never as a matrix product, so that equal cases tie exactly.
    """
    units = _unit(gallery)
    for query in _unit(queries):
        yield 1 - (units * query).sum(axis=1)


def euclidean_distances(gallery: Floats, queries: Floats) -> Iterator[Floats]:
    """Euclidean distance of every case (n, columns) from each query, row by row."""
    for query in queries:
        yield np.sqrt(((gallery - query) ** 2).sum(axis=1))


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit
