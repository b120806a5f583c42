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
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

NORMAL = 1.959964  # half-width of a 95 % interval in standard deviations
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
    return np.interp(np.arange(1, depth + 1), ends, found)  # linear within a tie


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
    return np.minimum(sums / np.minimum(k, found), 1.0)


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
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def bootstrap_interval(
    values: Floats, groups: npt.NDArray[np.generic], *, seed: int = 0, rounds: int = 2000
) -> Floats:
    """Mean of values (queries, figures) and its 95 % interval over patients: (3, figures).

    Whole patients are drawn with replacement, since slices of one patient
    succeed and fail together.
    """
    patient, drawn = patient_draws(groups, seed=seed, rounds=rounds)
    count = np.bincount(patient).astype(np.float64)
    sums = np.zeros((len(count), values.shape[1]))
    np.add.at(sums, patient, values)
    means = (drawn @ sums) / (drawn @ count)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    mean = values.mean(axis=0)
    # Sums differ in the last digit.
    return np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)])


def interval_of(values: Floats, groups: npt.NDArray[np.generic]) -> Floats:
    """`bootstrap_interval` of one figure of each query, (queries,): (3,)."""
    return bootstrap_interval(values[:, None], groups)[:, 0]


def balanced_interval(
    values: Floats,
    labels: npt.NDArray[np.generic],
    groups: npt.NDArray[np.generic],
    *,
    seed: int = 0,
    rounds: int = 2000,
) -> Floats:
    """Mean over the labels of the mean of values (queries,), and its 95 % interval: (3,).

    A list that is the same for every query scores 1 / labels for P@k where every label of the
    archive is asked for, however unequal the labels are in queries and archive; the plain mean
    gives it the share of the commoner.
    """
    patient, drawn = patient_draws(groups, seed=seed, rounds=rounds)
    names, label = np.unique(labels, return_inverse=True)
    sums, counts = np.zeros((2, patient.max() + 1, len(names)))
    np.add.at(sums, (patient, label), values)
    np.add.at(counts, (patient, label), 1.0)
    mean = (sums.sum(axis=0) / counts.sum(axis=0)).mean()
    with np.errstate(invalid="ignore"):  # a draw may hold no patient of a label
        means = np.nanmean((drawn @ sums) / (drawn @ counts), axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return np.array([mean, min(low, mean), max(high, mean)])


def patient_draws(
    groups: npt.NDArray[np.generic], *, seed: int = 0, rounds: int = 2000
) -> tuple[npt.NDArray[np.intp], Counts]:
    """Each query's patient as a number (queries,), and how often each is drawn (rounds, patients).

    As many patients are drawn, with replacement, as there are.
    """
    patient = np.unique(groups, return_inverse=True)[1]
    patients = int(patient.max()) + 1
    share = np.full(patients, 1 / patients)
    return patient, np.random.default_rng(seed).multinomial(patients, share, size=rounds)


def figure(column: Floats) -> dict[str, float]:
    """A value with its interval (3,), as results are written."""
    return dict(zip(("value", "low", "high"), (float(number) for number in column), strict=True))


def paired_difference(
    changed: Floats, unchanged: Floats, groups: npt.NDArray[np.generic]
) -> Floats:
    """Mean of changed - unchanged, each (queries, figures), and its interval as above.

    Both are figures of the same queries: what makes a query hard falls out of the difference.
    """
    return bootstrap_interval(changed - unchanged, groups)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """95 % interval of a share seen in so many trials (Wilson, 1927)."""
    square = NORMAL**2
    middle = share + square / (2 * trials)
    half = NORMAL * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)
