"""Rank the cases of an evaluation for its queries: every distance is made once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from retrieval.codes import hamming
from retrieval.codes.hashing import Codes
from retrieval.codes.model import ID_LENGTH
from retrieval.evaluation.cases import Cases, Strings
from retrieval.statistics.rankings import Distances, Mask, Rankings

EXCLUDED_FIELDS = ("patients", "sha256")  # a query's own patient and picture are not ranked
AT_ONCE = 512  # queries

Part = Mask | slice


@dataclass(frozen=True, eq=False)
class Ranked:
    """Queries, the cases that they are ranked against, and every distance between them.

    distances : uint16 (queries, cases), 2 bytes each: 56 MB for 5,305 of both. `rankings` adds
    a byte for whether a case is ranked.
    without : a case that shares one of these fields with a query is not ranked for it.
    """

    cases: Cases
    queries: Cases
    distances: Distances
    without: tuple[str, ...] = EXCLUDED_FIELDS

    @classmethod
    def of(
        cls, cases: Cases, queries: Cases, *, without: tuple[str, ...] = EXCLUDED_FIELDS
    ) -> Ranked:
        """Compare every query with every case."""
        return cls(cases, queries, _distances(cases.codes, queries.codes), without)

    def take(self, rows: Part, columns: Part = slice(None)) -> Ranked:
        """Some of the queries against some of the cases."""
        return replace(
            self,
            cases=self.cases.take(columns),
            queries=self.queries.take(rows),
            distances=self.distances[rows][:, columns],
        )

    @cached_property
    def allowed(self) -> Mask:
        """Which cases (queries, cases) each query is ranked against."""
        allowed = np.ones(self.distances.shape, dtype=bool)
        for name in self.without:
            own, of_cases = _numbered(getattr(self.queries, name), getattr(self.cases, name))
            allowed &= of_cases != own[:, None]
        return allowed

    @cached_property
    def rankings(self) -> Rankings:
        """Ranked by what shares the query's label; EvaluationError if nothing is for a query."""
        return self.by("labels")

    def by(self, relevant: str) -> Rankings:
        """The same, with the cases relevant that share this field with the query."""
        return Rankings(
            bits=self.cases.codes.shape[1] * 8,
            distances=self.distances,
            allowed=self.allowed,
            gallery_labels=getattr(self.cases, relevant),
            labels=getattr(self.queries, relevant),
            patients=self.queries.patients,
            pictures=np.array([sha256[:ID_LENGTH] for sha256 in self.queries.sha256.tolist()]),
        )


def ranked_by_protocol(gallery: Cases, queries: Cases, protocol: str) -> tuple[Ranked, Ranked]:
    """The queries against the gallery, and against all cases that may show their own patient.

    The official gallery holds no slice of the queries' patients, so the second one has the queries
    themselves behind it. Otherwise it is the archive alone, each case asked of all.
    """
    if protocol == "official":
        everything = Ranked.of(gallery.joined(queries), queries)
        return everything.take(slice(None), slice(len(gallery))), everything
    ranked = Ranked.of(gallery, queries, without=() if protocol == "paper" else EXCLUDED_FIELDS)
    same = all(
        np.array_equal(getattr(gallery, name), getattr(queries, name))
        for name in ("codes", *EXCLUDED_FIELDS)
    )
    return ranked, ranked if same else Ranked.of(gallery, gallery)


def _distances(cases: Codes, queries: Codes) -> Distances:
    table = np.empty((len(queries), len(cases)), dtype=np.uint16)
    for start in range(0, len(queries), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        table[part] = hamming.distances(cases, queries[part])
    return table


def _numbered(first: Strings, second: Strings) -> tuple[npt.NDArray[np.intp], ...]:
    """Two arrays of names as numbers, equal where the names are: quicker to compare."""
    numbers = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    return numbers[: len(first)], numbers[len(first) :]
