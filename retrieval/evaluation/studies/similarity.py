"""Whether codes carry how alike pictures are, and not only their class.

A code can answer every query rightly and still be one word for each class:
then few codes are distinct, rank 10 cuts large ties, a picture does not find
the other slices of its own patient, and a finer distinction that nobody trained
cannot be read from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retrieval.codes.hashing import Codes
from retrieval.evaluation.cases import Cases, Strings, divided
from retrieval.evaluation.ranking import EXCLUDED_FIELDS, Ranked
from retrieval.statistics.intervals import SHARE, bootstrap_interval, figure, interval_of
from retrieval.statistics.precision import Floats, expected_hits
from retrieval.statistics.rankings import Rankings
from retrieval.storage import Json

RANK = 10


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


def measure(ranked: Ranked, everything: Ranked) -> Similarity:
    """The figures beside an evaluation, from what `ranked_by_protocol` gives.

    Ties follow the ranking that the protocol makes, and subtypes leave out the
    query's own patient. Distinct codes and own patients are those of `everything`.
    """
    return Similarity(
        cases=len(everything.cases),
        distinct=distinct_share(everything.cases.codes),
        ties=ties_at_rank(ranked.rankings),
        own_patient=own_patient_recall(everything),
        subtypes=subtype_precision(ranked),
    )


def distinct_share(codes: Codes) -> float:
    """Number of distinct codes among codes (n, bytes), divided by n."""
    return len(np.unique(codes, axis=0)) / len(codes)


def ties_at_rank(rankings: Rankings) -> Ties:
    """How many cases share the distance of rank 10 and do not fit among the first 10.

    With t cases at that distance and b nearer ones, b + t - 10 do not fit: a plain
    count, with nothing drawn. An archive of fewer than 10 cases cuts no tie.
    """
    beyond = np.zeros(len(rankings))
    for number, (totals, _) in enumerate(rankings.counts):
        ends = np.cumsum(totals)
        last = min(int(np.searchsorted(ends, RANK)), len(ends) - 1)
        beyond[number] = max(int(ends[last]) - RANK, 0)
    values = np.stack([beyond, beyond > 0], axis=1)
    most = rankings.distances.shape[1]
    figures = bootstrap_interval(values, rankings.patients, [(0, most), SHARE])
    return Ties(len(rankings), figures[:, 0], figures[:, 1])


def own_patient_recall(everything: Ranked) -> OwnPatient | None:
    """Recall at 10 of a query's own patient among all cases, expected over ties.

    Found among the first 10 / min(10, other slices), over the queries whose patient has
    another picture; None if there is none. The picture itself, and a copy of it, is not ranked.
    """
    several = np.isin(everything.queries.patients, _with_several_pictures(everything.cases))
    if not several.any():
        return None
    rankings = replace(everything.take(several), without=("sha256",)).by("patients")
    recall = [
        expected_hits(totals, own, RANK)[-1] / min(RANK, int(own.sum()))
        for totals, own in rankings.counts
    ]
    return OwnPatient(len(rankings), interval_of(np.array(recall), rankings.patients))


def subtype_precision(ranked: Ranked) -> Subtypes | None:
    """P@10 of the subtypes of labels that have several, such as bacteria and virus.

    Among the cases that have one too; the query's own patient and picture are left out. A
    query is not asked if nothing else is left; None if no query is.
    """
    both = ranked.queries.joined(ranked.cases)
    finer = divided(both.labels, both.subtypes)
    some = ranked.take(finer[: len(ranked.queries)], finer[len(ranked.queries) :])
    some = replace(some, without=EXCLUDED_FIELDS)
    some = some.take(np.asarray(some.allowed.any(axis=1)))
    if not len(some.queries):
        return None
    rankings = some.by("subtypes")
    return Subtypes(
        len(rankings),
        interval_of(rankings.precision(RANK), rankings.patients),
        float(rankings.chance.mean()),
    )


def _with_several_pictures(cases: Cases) -> Strings:
    pairs = np.unique(np.stack([cases.patients, cases.sha256], axis=1), axis=0)
    patients, pictures = np.unique(pairs[:, 0], return_counts=True)
    return patients[pictures > 1]
