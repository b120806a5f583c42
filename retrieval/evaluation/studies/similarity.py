"""Whether codes carry how alike pictures are, and not only their class.

A code can answer every query rightly and still be one word for each class:
then few codes are distinct, rank 10 cuts large ties, a picture does not find
the other slices of its own patient, and a finer distinction that nobody trained
cannot be read from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.codes.hashing import Codes
from retrieval.evaluation.cases import Cases, Strings, divided
from retrieval.evaluation.rankings import EXCLUDED_FIELDS, precision_at, rankings
from retrieval.statistics.intervals import SHARE, bootstrap_interval, figure, interval_of
from retrieval.statistics.precision import Floats, expected_hits
from retrieval.storage import Json

RANK = 10

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ties:
    """What rank 10 cuts, each float64 (3,): value, low, high.

    beyond : mean number of cases at the distance of rank 10 that do not fit
    among the first 10; the order of the ids alone keeps them out.
    cut : share of the queries with at least one such case.
    """

    queries: int
    beyond: Floats
    cut: Floats

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        return {"queries": self.queries, "beyond": figure(self.beyond), "cut": figure(self.cut)}


@dataclass(frozen=True, eq=False)
class OwnPatient:
    """Recall at 10 of the other slices of a query's own patient, float64 (3,)."""

    queries: int
    recall: Floats

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        return {"queries": self.queries, "recall_at_10": figure(self.recall)}


@dataclass(frozen=True, eq=False)
class Subtypes:
    """P@10 for a distinction inside a class, float64 (3,), and that of a random ranking."""

    queries: int
    precision: Floats
    chance: float

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        return {
            "queries": self.queries,
            "precision_at_10": figure(self.precision),
            "chance": self.chance,
        }


@dataclass(frozen=True, eq=False)
class Similarity:
    """All figures of one evaluation; None where no case can be asked.

    cases : pictures among which codes are compared; distinct : distinct codes / cases.
    """

    cases: int
    distinct: float
    ties: Ties
    own_patient: OwnPatient | None
    subtypes: Subtypes | None

    def json(self) -> Json:
        """The value of `similarity` in what `evaluate --json` writes."""
        return {
            "cases": self.cases,
            "distinct_codes": self.distinct,
            "ties_at_10": self.ties.json(),
            "own_patient": self.own_patient.json() if self.own_patient else None,
            "subtypes": self.subtypes.json() if self.subtypes else None,
        }


def measure(gallery: Cases, queries: Cases, *, protocol: str) -> Similarity:
    """The figures beside an evaluation of `queries` against `gallery`.

    Ties follow the ranking that the protocol makes, and subtypes leave out the
    query's own patient. Distinct codes and own patients are those of the archive
    alone; under the official protocol, whose gallery has no slice of the queries'
    patients, they are those of queries and gallery together, and only the queries ask.
    """
    both = queries.joined(gallery)
    official = protocol == "official"
    pool = both if official else gallery
    finer = divided(both.labels, both.subtypes)
    return Similarity(
        cases=len(pool),
        distinct=distinct_share(pool.codes),
        ties=ties_at_rank(gallery, queries, without=() if protocol == "paper" else EXCLUDED_FIELDS),
        own_patient=own_patient_recall(
            pool, np.arange(len(pool)) < (len(queries) if official else len(pool))
        ),
        subtypes=subtype_precision(
            gallery.take(finer[len(queries) :]), queries.take(finer[: len(queries)])
        ),
    )


def distinct_share(codes: Codes) -> float:
    """Number of distinct codes among codes (n, bytes), divided by n."""
    return len(np.unique(codes, axis=0)) / len(codes)


def ties_at_rank(
    gallery: Cases, queries: Cases, *, without: Sequence[str] = EXCLUDED_FIELDS
) -> Ties:
    """How many cases share the distance of rank 10 and do not fit among the first 10.

    With t cases at that distance and b nearer ones, b + t - 10 do not fit: a plain
    count, with nothing drawn. An archive of fewer than 10 cases cuts no tie.
    `without` as in `evaluation.rankings`.
    """
    beyond = np.zeros(len(queries))
    for number, (totals, _) in enumerate(rankings(gallery, queries, without=without)):
        ends = np.cumsum(totals)
        last = min(int(np.searchsorted(ends, RANK)), len(ends) - 1)
        beyond[number] = max(int(ends[last]) - RANK, 0)
    values = np.stack([beyond, beyond > 0], axis=1)
    figures = bootstrap_interval(values, queries.patients, [(0, len(gallery)), SHARE])
    return Ties(len(queries), *np.stack(figures, axis=1))


def own_patient_recall(cases: Cases, asked: Mask) -> OwnPatient | None:
    """Recall at 10 of a case's own patient among all cases, expected over ties.

    Found among the first 10 / min(10, other slices), over the cases where `asked`
    (n,) holds and whose patient has another picture; None if there is none. The
    picture itself, and a copy of it, is not ranked.
    """
    queries = cases.take(asked & np.isin(cases.patients, _with_several_pictures(cases)))
    if not len(queries):
        return None
    counts = rankings(cases, queries, relevant="patients", without=("sha256",))
    recall = [
        expected_hits(totals, own, RANK)[-1] / min(RANK, int(own.sum())) for totals, own in counts
    ]
    return OwnPatient(len(queries), interval_of(np.array(recall), queries.patients))


def subtype_precision(gallery: Cases, queries: Cases) -> Subtypes | None:
    """P@10 of the cases' subtypes among cases that all have one, such as bacteria and virus.

    The query's own patient and picture are left out. A query is not asked if
    nothing else is left; None if no query is.
    """
    queries = queries.take(_has_strangers(gallery, queries))
    if not len(queries):
        return None
    values, chance = precision_at(gallery, queries, RANK, relevant="subtypes")
    return Subtypes(len(queries), interval_of(values, queries.patients), float(chance.mean()))


def _with_several_pictures(cases: Cases) -> Strings:
    pairs = np.unique(np.stack([cases.patients, cases.sha256], axis=1), axis=0)
    patients, pictures = np.unique(pairs[:, 0], return_counts=True)
    return patients[pictures > 1]


def _has_strangers(gallery: Cases, queries: Cases) -> Mask:
    found = [
        ((gallery.patients != patient) & (gallery.sha256 != sha256)).any()
        for patient, sha256 in zip(queries.patients, queries.sha256, strict=True)
    ]
    return np.array(found, dtype=bool)
