"""Whether stated chances come true, and what leaving doubtful queries unanswered gains.

Reliability looks at the largest chance of each query and at whether that label
is the query's (Guo et al., "On calibration of modern neural networks", ICML
2017); where labels share the largest chance, each counts as its part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.statistics.intervals import (
    bootstrap_interval,
    effective,
    enough,
    figure,
    patient_draws,
    sum_of_means,
    wilson,
)
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

OF_TRUST = ("reliability", "coverage")  # names of the curves that need what is measured here
BINS = 10
LEAST_IN_BIN = 10  # queries; fewer queries make fewer bins
ROUNDS = 2000
COVERAGES = np.arange(100, 0, -5) / 100
MAIN = 0.8  # the coverage whose gain is given with an interval
LEAST = 1e-6  # chance below which a log loss does not grow
LOG_LOSS, BRIER = (0.0, -float(np.log(LEAST))), (0.0, 2.0)  # what these scores can be
PLACES = 9  # decimals in which chances must differ not to tie

Strings = npt.NDArray[np.str_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Reliability:
    """How far the stated chances of some held-out queries can be believed.

    scores : log loss and Brier score of the chances and of the plain shares of labels,
        (3,): value, low, high; 95 % over patients.
    points : (bins, 5): queries, mean chance, share that came true, and its 95 % interval.
    error : expected calibration error; perfect : (2,) the 95 % range of that of a
        predictor whose chances are true, at these queries and patients.
    coverage : (20, 2), share answered and P@10 of the answered; gain : (3,), P@10 at
        80 % less P@10 of all. aurc : area under 1 - P@10 over coverage; risk : 1 - P@10 of all.
    refitted : queries that the calibration was fitted on, so measured by cross-validation.
    """

    queries: int
    patients: int
    refitted: int
    scores: dict[str, Floats]
    error: float
    perfect: Floats
    points: Floats
    coverage: Floats
    gain: Floats
    aurc: float
    risk: float

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        names = ("queries", "mean_chance", "observed", "low", "high")
        low, high = self.perfect.tolist()
        return {
            "queries": self.queries,
            "patients": self.patients,
            "cross_validated_queries": self.refitted,
            **{name: figure(column) for name, column in self.scores.items()},
            "calibration_error": {
                "value": self.error,
                "perfect_low": low,
                "perfect_high": high,
            },
            "reliability": [
                {**dict(zip(names, row, strict=True)), "queries": int(row[0])}
                for row in self.points.tolist()
            ],
            "risk_coverage": [
                {"coverage": share, "p_at_10": value} for share, value in self.coverage.tolist()
            ],
            "gain_at_80": figure(self.gain),
            "aurc": self.aurc,
            "risk": self.risk,
        }


def measure(
    chances: Floats,
    shares: Floats,
    truth: Places,
    patients: Strings,
    precision: Floats,
    *,
    refitted: int = 0,
) -> Reliability:
    """Sum up chances (n, labels) of queries with labels `truth` (n,) and P@10 `precision` (n,).

    `shares` (n, labels) are the plain shares of labels, which the chances have to beat.
    """
    right, bins = share_right(chances, truth), equal_count_bins(largest(chances))
    scores = {
        "log_loss": log_loss(chances, truth),
        "log_loss_of_shares": log_loss(shares, truth),
        "brier": brier(chances, truth),
        "brier_of_shares": brier(shares, truth),
    }
    columns = np.stack(list(scores.values()), axis=1)
    figures = bootstrap_interval(columns, patients, (LOG_LOSS, LOG_LOSS, BRIER, BRIER))
    places = np.arange(1, len(truth) + 1) / len(truth)
    kept = answered_mean(largest(chances), precision, np.append(COVERAGES, places))
    return Reliability(
        queries=len(truth),
        patients=len(np.unique(patients)),
        refitted=refitted,
        scores=dict(zip(scores, figures.T, strict=True)),
        error=float(calibration_error(largest(chances), right, bins)),
        perfect=perfect_range(chances, patients, bins),
        points=reliability_points(largest(chances), right, patients, bins),
        coverage=np.stack([COVERAGES, kept[: len(COVERAGES)]], axis=1),
        gain=coverage_gain(largest(chances), precision, patients),
        aurc=float((1 - kept[len(COVERAGES) :]).mean()),
        risk=float(1 - precision.mean()),
    )


def log_loss(chances: Floats, truth: Places) -> Floats:
    """Minus the log of the true label's chance (n,), in nats; at most -log(LEAST)."""
    return -np.log(np.maximum(chances[np.arange(len(truth)), truth], LEAST))


def brier(chances: Floats, truth: Places) -> Floats:
    """Squared differences between chances and outcome, summed over labels: (n,), 0 to 2.

    Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    scores: Floats = ((chances - np.eye(chances.shape[1])[truth]) ** 2).sum(axis=1)
    return scores


def largest(chances: Floats) -> Floats:
    """The largest chance (n,) of each query; those that differ in rounding alone are equal."""
    largest_of_each: Floats = chances.max(axis=1).round(PLACES)
    return largest_of_each


def share_right(chances: Floats, truth: Places) -> Floats:
    """1 where the label of the largest chance is the true one, a part of 1 where labels tie."""
    return _top(chances)[np.arange(len(truth)), truth]


def _top(chances: Floats) -> Floats:
    top = chances.round(PLACES) == largest(chances)[:, None]
    shares: Floats = top / top.sum(axis=1, keepdims=True)
    return shares


def equal_count_bins(values: Floats) -> Places:
    """Bins (n,) from the smallest values to the largest, equally full but for ties, which stay."""
    bins = max(min(BINS, len(values) // LEAST_IN_BIN), 1)
    group, size = np.unique(values, return_inverse=True, return_counts=True)[1:]
    middle = np.cumsum(size) - size / 2  # of the ranks that tie
    return np.unique((middle / len(values) * bins).astype(np.intp), return_inverse=True)[1][group]


def calibration_error(chance: Floats, right: Floats, bins: Places) -> Floats:
    """Mean difference between chance (n,) and outcome, bin by bin, of `right` (..., n)."""
    member = bins[:, None] == np.arange(bins.max() + 1)
    error: Floats = np.abs((right - chance) @ member).sum(axis=-1) / len(bins)
    return error


def perfect_range(chances: Floats, patients: Strings, bins: Places, *, seed: int = 0) -> Floats:
    """The 95 % range (2,) of the calibration error if every stated chance were true.

    Pictures of one patient share one finding. So one number is drawn a patient,
    and each of its queries takes the label at that number of its own chances laid
    end to end: every label keeps its chance, and queries with the same chances
    come out the same. It is the closest that a patient's queries can go together;
    drawn one by one they would give a narrower range, as if there were more patients.
    """
    patient = np.unique(patients, return_inverse=True)[1]
    random = np.random.default_rng(seed)
    ends = np.cumsum(chances, axis=1)[:, :-1]
    top, chance = _top(chances), largest(chances)
    errors = np.empty(ROUNDS)
    for number in range(ROUNDS):
        drawn = (random.random(patient.max() + 1)[patient, None] >= ends).sum(axis=1)
        errors[number] = calibration_error(chance, top[np.arange(len(top)), drawn], bins)
    return np.percentile(errors, [2.5, 97.5])


def reliability_points(chance: Floats, right: Floats, patients: Strings, bins: Places) -> Floats:
    """One row a bin: queries, mean chance, share right, and its 95 % interval (bins, 5).

    Wilson's interval, with the patients of the bin as trials: slices of one
    patient succeed and fail together, and a bootstrap of few that all succeed has no width.
    """
    rows = []
    for number in range(bins.max() + 1):
        inside = bins == number
        share, trials = float(right[inside].mean()), len(np.unique(patients[inside]))
        rows.append([inside.sum(), chance[inside].mean(), share, *wilson(share, trials)])
    return np.array(rows, dtype=np.float64)


def answered_mean(
    chance: Floats, values: Floats, coverages: Floats, weights: Floats | None = None
) -> Floats:
    """Mean of values (n,) over the surest queries, for each share of them that is answered.

    Expected over ties of the chance (n,), and linear within a query that a share cuts.
    """
    weights = np.ones(len(values)) if weights is None else weights
    group = np.unique(-chance, return_inverse=True)[1]
    size = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights))])
    total = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights * values))])
    wanted = coverages * size[-1]
    gained: Floats = np.interp(wanted, size, total) / wanted
    return gained


def coverage_gain(chance: Floats, precision: Floats, patients: Strings) -> Floats:
    """P@10 of the surest 80 % less P@10 of all (3,): value, low, high; paired over patients."""
    shares = np.array([MAIN, 1.0])
    kept, whole = answered_mean(chance, precision, shares)
    if not enough(precision[:, None], patients)[0]:
        return _cautious_gain(kept, whole, patients)
    patient, drawn = patient_draws(patients, rounds=ROUNDS)
    pairs = [
        answered_mean(chance, precision, shares, times[patient].astype(np.float64))
        for times in drawn
    ]
    low, high = np.percentile([kept - whole for kept, whole in pairs], [2.5, 97.5])
    gain = kept - whole
    return np.array([gain, min(low, gain), max(high, gain)])


def _cautious_gain(kept: float, whole: float, patients: Strings) -> Floats:
    """The same for few patients, by Wilson's intervals of the surest 80 % and of the rest.

    The gain is a fifth of the difference of the two.
    """
    weight = 1 - MAIN
    trials = effective(np.unique(patients, return_counts=True)[1])
    rest = (whole - MAIN * kept) / weight
    low, high = wilson(rest, weight * trials)
    parts = [[kept, *wilson(kept, MAIN * trials)], [-rest, -high, -low]]
    return sum_of_means(weight * np.array(parts).T, independent=False)
