"""Fit the two numbers of a calibration on held-out queries.

The slope is that of Platt, "Probabilistic outputs for support vector machines",
1999, with his smoothed targets against over-fitting; the temperature is one of four.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from retrieval.errors import EvaluationError
from retrieval.statistics.calibration import (
    QUANTILES,
    Calibration,
    group_of,
    log_chances,
    neighbourhood,
    prevalence,
)
from retrieval.statistics.evidence import Evidence
from retrieval.statistics.intervals import UNBOUNDED, interval_of
from retrieval.statistics.precision import Floats
from retrieval.statistics.rankings import Rankings, mean_nearest
from retrieval.statistics.reliability import log_loss

# Smaller temperatures look at fewer cases. That the choice starts at 0.05 follows from COVID-CT's
# val split (56 patients): cross-validated log loss 0.461, but 0.489 with 41 steps from 0.01 to 1.
TEMPERATURES = (0.05, 0.1, 0.2, 0.5)
STEEPEST = 50.0
COVERAGE = 0.8  # share of the held-out queries that are answered
FOLDS = 5
FEWEST = 2 * FOLDS  # patients


def fit(evidence: Evidence, archive_id: str = "") -> Calibration:
    """Temperature, slope, threshold and novelty table of held-out queries, always the same.

    Where the cross-validated log loss is not below that of the plain shares, by
    the 95 % interval over patients, the slope is 0: the chances are the shares.
    EvaluationError where there are too few queries to fit on.
    """
    fitted, searched = evidence.fitted, evidence.searched
    if found := obstacle(fitted):
        raise EvaluationError(found)
    plain = log_loss(prevalence(fitted.histograms), fitted.truth)
    gain = plain - log_loss(cross_fitted(fitted), fitted.truth)
    informative = bool(interval_of(gain, fitted.patients, UNBOUNDED)[1] > 0)
    temperature, slope = _fit_two(fitted) if informative else (TEMPERATURES[-1], 0.0)
    # Of the archive as it is searched, or other shares are answered and novel than are stated.
    # No query's label enters what is read here, and the chances are fitted without test cases.
    tables = searched.histograms
    largest = np.exp(log_chances(*neighbourhood(tables, temperature), slope)).max(axis=1)
    edge = np.quantile(largest, 1 - COVERAGE, method="lower")
    return Calibration(
        bits=searched.bits,
        temperature=temperature,
        slope=slope,
        threshold=math.floor(edge * 1e6) / 1e6,  # a last digit on another machine refuses nobody
        informative=informative,
        quantiles=tuple(np.quantile(mean_nearest(tables), np.linspace(0, 1, QUANTILES)).tolist()),
        archive_id=archive_id,
        patients=len(np.unique(searched.patients)),
        pictures=tuple(sorted(searched.pictures.tolist())),
        groups=tuple(sorted({group_of(patient) for patient in searched.patients.tolist()})),
    )


def cross_fitted(rankings: Rankings) -> Floats:
    """Chances (n, labels) of every query, fitted on the patients of the other four fifths."""
    fold = patient_folds(rankings)
    chances = np.zeros((len(rankings), len(rankings.names)))
    for number in np.unique(fold):
        temperature, slope = _fit_two(rankings, fold != number)
        left_out = rankings.histograms[fold == number]
        chances[fold == number] = np.exp(log_chances(*neighbourhood(left_out, temperature), slope))
    return chances


def patient_folds(rankings: Rankings, seed: int = 0) -> npt.NDArray[np.intp]:
    """A number 0..FOLDS-1 (n,) for every query, one for each patient, the labels dealt evenly."""
    patients, first, of_query = np.unique(rankings.patients, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(patients))
    order = shuffled[np.argsort(rankings.truth[first][shuffled], kind="stable")]
    fold = np.empty(len(patients), dtype=np.intp)
    fold[order] = np.arange(len(patients)) % FOLDS
    return fold[of_query]


def obstacle(rankings: Rankings) -> str:
    """Why nothing can be fitted on these queries, as a sentence; empty if it can."""
    if len(np.unique(rankings.patients)) < FEWEST or len(np.unique(rankings.labels)) < 2:
        return (
            f"A calibration needs queries of at least {FEWEST} patients and 2 labels; "
            "name more pictures with --queries."
        )
    if (prevalence(rankings.histograms)[np.arange(len(rankings)), rankings.truth] == 0).any():
        return "Some queries have a label that no case they are compared with has; leave them out."
    return ""


def _fit_two(rankings: Rankings, mask: npt.NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Temperature and slope with the least log loss of the queries in `mask` (all by default).

    For one temperature the loss is convex in the slope.
    """
    mask = np.ones(len(rankings), dtype=bool) if mask is None else mask
    tables = rankings.histograms[mask]
    targets = _smoothed(rankings, mask)
    best = (math.inf, 0.0, 0.0)
    for temperature in TEMPERATURES:
        logs = neighbourhood(tables, temperature)
        found = minimize_scalar(
            _loss, bounds=(0.0, STEEPEST), args=(*logs, targets), method="bounded"
        )
        best = min(best, (float(found.fun), temperature, float(found.x)))
    return best[1:]


def _smoothed(rankings: Rankings, mask: npt.NDArray[np.bool_]) -> Floats:
    """Targets (n, labels): the true label, with as many patients as labels mixed in by share.

    Platt mixes in cases; patients are counted here, since their slices repeat each other.
    """
    labels = len(rankings.names)
    mixed = labels / (len(np.unique(rankings.patients[mask])) + labels)
    known = np.eye(labels)[rankings.truth[mask]]
    return (1 - mixed) * known + mixed * prevalence(rankings.histograms[mask])


def _loss(slope: float, shares: Floats, means: Floats, targets: Floats) -> float:
    logs = log_chances(shares, means, slope)
    # a label without a case has target 0 and the logarithm of chance 0
    return -float((targets * np.where(targets > 0, logs, 0)).sum(axis=1).mean())
