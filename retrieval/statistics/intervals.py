"""Intervals of 95 %: a bootstrap over patients where it can be trusted, else one of Wilson's kind.

A percentile bootstrap knows no patient but those at hand. Of three patients who are all
right it says [1, 1]. So a figure of fewer than FEW patients, or one in which all patients
are alike, gets `cautious_interval`.

How many percent of 2000 samples have the truth in their interval, by a bootstrap alone -> here:

    patients                      2          5         10         19         20         60
    0 or 1, mean 0.5      50 -> 100   94 -> 94   98 -> 98   94 -> 94   96 -> 96   95 -> 95
    0 or 1, mean 0.9       18 -> 99   41 -> 92   63 -> 93   84 -> 96  87 -> 100   94 -> 94
    0 or 1, mean 0.98       4 -> 96   10 -> 90   19 -> 98   30 -> 95  32 -> 100  70 -> 100
    slices, mean 0.8       39 -> 98   80 -> 98   86 -> 98   91 -> 98   90 -> 90   94 -> 94
    precisions            50 -> 100  81 -> 100  89 -> 100   92 -> 98   93 -> 93   94 -> 94
    changes               28 -> 100  56 -> 100  78 -> 100  87 -> 100   88 -> 88   92 -> 92

Slices are 1 to 7 beta-binomial answers of a patient, correlated by 0.3; precisions are beta with
mean 0.8 and deviation 0.15; changes are 0 for 7 in 10 patients, else normal, 0.05 and 0.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]

from retrieval.errors import EvaluationError
from retrieval.statistics.precision import Counts, Floats

NORMAL = 1.959964  # half-width of a 95 % interval in standard deviations
SHARE = (0.0, 1.0)  # what a share, such as a precision, can be
DIFFERENCE = (-1.0, 1.0)  # what the difference of two shares can be
UNBOUNDED = (-np.inf, np.inf)
FEW = 20  # patients; from there on a bootstrap holds the truth in at least 88 % of samples
UNSEEN = 0.5  # patients at a bound that a variance allows for
ROUNDING = 1e-9  # figures that differ by less are alike

Groups = npt.NDArray[np.generic]


def bootstrap_interval(
    values: Floats,
    groups: Groups,
    bounds: npt.ArrayLike = SHARE,
    *,
    seed: int = 0,
    rounds: int = 2000,
) -> Floats:
    """Mean of values (queries, figures) and its 95 % interval over patients: (3, figures).

    Whole patients are drawn with replacement, since slices of one patient
    succeed and fail together. Where that misleads, `cautious_interval` takes its place.

    bounds : least and largest possible value, (2,) of all figures or (figures, 2).
    EvaluationError if a value lies outside.
    """
    limits = _limits(values, bounds)
    sums, count = _by_patient(values, groups)
    drawn = patient_draws(groups, seed=seed, rounds=rounds)[1]
    means = (drawn @ sums) / (drawn @ count)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    mean = values.mean(axis=0)
    # Sums differ in the last digit.
    found = np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)])
    few = ~enough(values, groups)
    found[:, few] = cautious_interval(values[:, few], groups, limits[few])
    return found


def interval_of(values: Floats, groups: Groups, bounds: npt.ArrayLike = SHARE) -> Floats:
    """`bootstrap_interval` of one figure of each query, (queries,): (3,)."""
    return bootstrap_interval(values[:, None], groups, bounds)[:, 0]


def paired_difference(changed: Floats, unchanged: Floats, groups: Groups) -> Floats:
    """Mean of changed - unchanged, shares (queries, figures) both, and its interval as above.

    Both are figures of the same queries: what makes a query hard falls out of the difference.
    """
    return bootstrap_interval(changed - unchanged, groups, DIFFERENCE)


def enough(values: Floats, groups: Groups) -> npt.NDArray[np.bool_]:
    """For which figures of values (queries, figures) a bootstrap over patients holds: (figures,).

    That takes FEW patients, and means of theirs that are not all alike.
    """
    sums, count = _by_patient(values, groups)
    apart: npt.NDArray[np.bool_] = np.ptp(sums / count[:, None], axis=0) > ROUNDING
    return apart & (len(count) >= FEW)


def cautious_interval(values: Floats, groups: Groups, bounds: npt.ArrayLike = SHARE) -> Floats:
    """Mean of values (queries, figures) and an interval that holds for few patients: (3, figures).

    Wilson's interval between the bounds, with `effective` patients as trials. Patients who
    scatter less than all or nothing count as more trials: those that would give their own
    variance, less Student's penalty for estimating it (Korn, Graubard, "Confidence intervals
    for proportions with small expected number of positive counts estimated from survey data",
    Survey Methodology 24, 1998). In that variance an UNSEEN patient counts, who may be at
    either bound, so that patients who are all alike leave a width. One patient leaves all open.

    Without finite bounds it is Student's interval, and patients who are all alike leave no width.
    """
    limits = _limits(values, bounds)
    ends = _students if np.isinf(limits).any() else _wilsons
    sums, count = _by_patient(values, groups)
    low, high = ends(sums / count[:, None], count, *limits.T)
    mean = values.mean(axis=0)
    return np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)])


def balanced_interval(
    values: Floats, labels: Groups, groups: Groups, *, seed: int = 0, rounds: int = 2000
) -> Floats:
    """Mean over the labels of the mean share of values (queries,), and its 95 % interval: (3,).

    A list that is the same for every query scores 1 / labels for P@k where every label of the
    archive is asked for, however unequal the labels are in queries and archive; the plain mean
    gives it the share of the commoner.

    Where each label has `enough` patients, patients are drawn from all. A draw that lacks a
    label, once in 10^8 draws at most, says nothing of it and is left out. Else the labels' own
    intervals are added up by `sum_of_means`.
    """
    names, label = np.unique(labels, return_inverse=True)
    masks = [label == number for number in range(len(names))]
    if not all(enough(values[mask, None], groups[mask])[0] for mask in masks):
        parts = np.stack([interval_of(values[mask], groups[mask]) for mask in masks], axis=1)
        patients = sum(len(np.unique(groups[mask])) for mask in masks)
        return sum_of_means(parts / len(names), independent=patients == len(np.unique(groups)))
    patient, drawn = patient_draws(groups, seed=seed, rounds=rounds)
    sums, counts = np.zeros((2, patient.max() + 1, len(names)))
    np.add.at(sums, (patient, label), values)
    np.add.at(counts, (patient, label), 1.0)
    mean = (sums.sum(axis=0) / counts.sum(axis=0)).mean()
    held = drawn @ counts
    whole = held.all(axis=1)
    means = ((drawn @ sums)[whole] / held[whole]).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return np.array([mean, min(low, mean), max(high, mean)])


def sum_of_means(parts: Floats, *, independent: bool) -> Floats:
    """The sum of means with intervals (3, parts), and its own interval: (3,).

    Of independent means the distances to the ends add up as squares do (Zou, Donner,
    "Construction of confidence limits about effect measures: a general approach", Statistics in
    Medicine 27, 2008). Means that share patients may err together; their distances add up plainly.
    """
    order = 2 if independent else 1
    value, low, high = parts
    mean = value.sum()
    below, above = (np.linalg.norm(reach, ord=order) for reach in (value - low, high - value))
    return np.array([mean, mean - below, mean + above])


def patient_draws(
    groups: Groups, *, seed: int = 0, rounds: int = 2000
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


def effective(count: Floats | Counts) -> float:
    """How many patients with equally many queries tell as much as these with count (patients,).

    Kish, "Survey sampling", 1965; as if all queries of a patient came out the same.
    """
    return float(count.sum() ** 2 / (count**2).sum())


def wilson(share: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share seen in so many trials (Wilson, 1927); all of 0 to 1 for one."""
    if trials <= 1:
        return 0.0, 1.0
    square = NORMAL**2
    middle = share + square / (2 * trials)
    half = NORMAL * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def _limits(values: Floats, bounds: npt.ArrayLike) -> Floats:
    """Bounds (figures, 2) of values (queries, figures); EvaluationError if one lies outside."""
    limits = np.broadcast_to(np.asarray(bounds, dtype=np.float64), (values.shape[1], 2))
    if (values < limits[:, 0] - ROUNDING).any() or (values > limits[:, 1] + ROUNDING).any():
        raise EvaluationError("A figure lies outside what it is said to be able to be.")
    return limits


def _by_patient(values: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Sums (patients, figures) of values (queries, figures), and queries (patients,)."""
    patient = np.unique(groups, return_inverse=True)[1]
    count = np.bincount(patient).astype(np.float64)
    sums = np.zeros((len(count), values.shape[1]))
    np.add.at(sums, patient, values)
    return sums, count


def _wilsons(means: Floats, count: Floats, least: Floats, most: Floats) -> Floats:
    """Ends (2, figures) of `cautious_interval` between finite bounds."""
    span = most - least
    of_patient = (means - least) / span
    share, spread = _moments(of_patient, count)
    at_bounds = (share**2 + (1 - share) ** 2) / 2
    known = len(count) - 1
    variance = (known * spread + UNSEEN * at_bounds) / (known + UNSEEN)
    gained = share * (1 - share) / variance * (NORMAL / _student(count)) ** 2
    trials = effective(count) * np.maximum(gained, 1)
    ends = np.array([wilson(*pair) for pair in zip(share, trials, strict=True)])
    found: Floats = least + span * ends.reshape(-1, 2).T
    return found


def _students(means: Floats, count: Floats, *_: Floats) -> Floats:
    """Ends (2, figures) of Student's interval; infinite for one patient."""
    mean, spread = _moments(means, count)
    if len(count) == 1:
        return np.outer([-np.inf, np.inf], np.ones(len(mean)))
    half = _student(count) * np.sqrt(spread / effective(count))
    return np.stack([mean - half, mean + half])


def _moments(means: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Mean over queries, and variance of one patient about it, of means (patients, figures)."""
    weight = count / count.sum()
    mean = weight @ means
    unbiased = len(count) / max(len(count) - 1, 1)
    return mean, unbiased * effective(count) * (weight**2 @ (means - mean) ** 2)


def _student(count: Floats) -> float:
    """Half-width of Student's interval in standard errors, for effective patients less one."""
    freedom = effective(count) - 1
    return float(stdtrit(freedom, 0.975)) if freedom > 0 else np.inf
