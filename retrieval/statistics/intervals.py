"""Intervals of 95 %: bootstrap over patients, and Wilson's for a share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.statistics.precision import Counts, Floats

NORMAL = 1.959964  # half-width of a 95 % interval in standard deviations


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
