"""Precision, recall, F and average precision of a ranking with ties, in expectation.

Hamming distances take few values, so many archive cases tie. Which of them
comes first says nothing about the method: every figure here is the mean over
all orders of the ties, in closed form. A constant code scores chance.

A ranking is given as two counts for each distinct distance, nearest first:
`totals` (groups,) cases at that distance, `relevant` (groups,) of them with the
query's label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln  # type: ignore[import-untyped, unused-ignore]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
NAMES = {  # of the figures, in the columns of a table
    "precision": "Precision",
    "recall": "Recall",
    "f_score": "F-score",
    "ap": "AP",
    "ap_paper": "AP (paper's)",
}


def tie_groups(
    distances: npt.NDArray[np.generic], relevant: npt.NDArray[np.bool_]
) -> tuple[Counts, Counts]:
    """Counts (totals, relevant) for each distinct value of distances (n,), nearest first."""
    group = np.unique(distances, return_inverse=True)[1]
    return np.bincount(group), np.bincount(group, weights=relevant).astype(np.int64)


@dataclass(frozen=True, eq=False)
class QueryFigures:
    """Expected figures of one query at k = 1..K, each (K,), and over the whole ranking.

    precision = h / k, recall = h / R, f_score = 2 h / (k + R), with h hits among k
    and R relevant cases in the archive. Both APs sum the precisions at the hits:
    `ap` divides by the most hits that k could hold, min(k, R), and `ap_paper`, the
    source paper's, by h. `average_precision` is of the whole ranking, divided by R.
    """

    precision: Floats
    recall: Floats
    f_score: Floats
    ap: Floats
    ap_paper: Floats
    average_precision: float


def query_figures(totals: Counts, relevant: Counts, depth: int) -> QueryFigures:
    """All figures of one query for k = 1..depth; past the archive's end nothing more is found."""
    k = np.arange(1, depth + 1, dtype=np.float64)
    hits = expected_hits(totals, relevant, depth)
    at_hits = _precision_at_hits(totals, relevant)
    found = float(relevant.sum())
    return QueryFigures(
        precision=hits / k,
        recall=hits / found if found else np.zeros(depth),
        f_score=2 * hits / (k + found),
        ap=_expected_ap(at_hits, found, k),
        ap_paper=expected_ap_paper(totals, relevant, depth, at_hits),
        average_precision=expected_average_precision(totals, relevant),
    )


def expected_hits(totals: Counts, relevant: Counts, depth: int) -> Floats:
    """Mean number of relevant cases among the first k, for k = 1..depth."""
    ends = np.concatenate([[0], np.cumsum(totals)])
    found = np.concatenate([[0], np.cumsum(relevant)])
    hits: Floats = np.interp(np.arange(1, depth + 1), ends, found)  # linear within a tie
    return hits


def expected_average_precision(totals: Counts, relevant: Counts) -> float:
    """Mean average precision of the whole ranking, divided by all relevant cases; 0 without one."""
    found = float(relevant.sum())
    at_hits = _precision_at_hits(totals, relevant)
    return float(min(at_hits.sum() / found, 1.0)) if found else 0.0


def _expected_ap(at_hits: Floats, found: float, k: Floats) -> Floats:
    """Mean AP at each k (K,), divided by min(k, R): a hit missed among the first k costs."""
    if not found:
        return np.zeros(len(k))
    sums = np.cumsum(at_hits)[np.minimum(k.astype(np.intp), len(at_hits)) - 1]
    values: Floats = np.minimum(sums / np.minimum(k, found), 1.0)
    return values


def _precision_at_hits(totals: Counts, relevant: Counts) -> Floats:
    """For each rank i, the mean of [case i is relevant] x (relevant among the first i) / i.

    Their sum over the ranking, divided by all relevant cases, is the mean average
    precision: McSherry, Najork, "Computing information retrieval performance
    measures efficiently in the presence of tied scores", ECIR 2008.
    """
    group = np.repeat(np.arange(len(totals)), totals)
    rank = np.arange(1, len(group) + 1)
    before = np.cumsum(totals) - totals
    found = np.cumsum(relevant) - relevant
    size, hits = totals[group], relevant[group]
    earlier = (rank - before[group] - 1) * (hits - 1) / np.maximum(size - 1, 1)
    return hits / size * (found[group] + 1 + earlier) / rank


def expected_ap_paper(totals: Counts, relevant: Counts, depth: int, at_hits: Floats) -> Floats:
    """Mean over tie orders of (1/h) x sum over the hits i <= k of (hits up to i) / i, k = 1..depth.

    h, the hits among the first k, varies only through the tie that k cuts. The
    j hits among the s places it gets are hypergeometric; given j, any order of
    them is as likely. An AP without a hit is 0. `at_hits` is `_precision_at_hits`.
    """
    terms = np.concatenate([[0.0], np.cumsum(at_hits)])
    ends, found = np.cumsum(totals), np.cumsum(relevant)
    last = int(ends[-1])
    values = np.zeros(depth)
    for k in range(1, min(depth, last) + 1):
        group = int(np.searchsorted(ends, k))
        start, earlier = int(ends[group] - totals[group]), int(found[group] - relevant[group])
        places = k - start
        hits, chance = _hypergeometric(int(totals[group]), int(relevant[group]), places)
        step = np.arange(places)
        weight = 1.0 / (start + 1 + step)
        each = (earlier + 1) * weight.sum()
        more = (hits - 1) / max(places - 1, 1) * (step * weight).sum()
        within = hits / places * (each + more)
        share = np.divide(
            terms[start] + within, earlier + hits, out=np.zeros(len(hits)), where=earlier + hits > 0
        )
        values[k - 1] = chance @ share
    values[last:] = values[min(depth, last) - 1]
    return np.minimum(values, 1.0)


def _hypergeometric(size: int, relevant: int, drawn: int) -> tuple[Floats, Floats]:
    """Possible numbers of relevant cases among `drawn` of `size`, and their chances."""
    hits = np.arange(max(0, drawn - (size - relevant)), min(drawn, relevant) + 1, dtype=np.float64)
    log = (
        _log_choose(relevant, hits)
        + _log_choose(size - relevant, drawn - hits)
        - _log_choose(size, np.float64(drawn))
    )
    chance = np.exp(log)
    return hits, chance / chance.sum()  # gammaln rounds


def _log_choose(n: int, k: npt.NDArray[np.float64] | np.float64) -> Floats:
    logs: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return logs
