"""Whether an archive's calibration holds for many labelled queries."""

from __future__ import annotations

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.statistics import reliability
from retrieval.statistics.calibration import Calibration, prevalence
from retrieval.statistics.fitting import cross_fitted, obstacle
from retrieval.statistics.precision import Floats
from retrieval.statistics.rankings import Rankings
from retrieval.statistics.reliability import Reliability


def summed_up(rankings: Rankings, chances: Floats, refitted: int) -> Reliability:
    """Whether chances (n, labels) of ranked queries come true."""
    return reliability.measure(
        chances,
        prevalence(rankings.histograms),
        rankings.truth,
        rankings.patients,
        rankings.precision(),
        refitted=refitted,
    )


def measured(rankings: Rankings, model: Model, archive: Archive) -> Reliability | None:
    """Whether an archive's calibration holds for labelled queries; None where that has no meaning.

    Queries that the model was trained on are left out. Those of patients that the calibration
    was fitted on get chances by cross-validation, or are left out if too few.
    """
    calibration = archive.calibration
    if calibration is None or calibration.bits != rankings.bits:
        return None
    unseen = ~model.saw_each(rankings.pictures)
    if not unseen.any():
        return None
    asked = rankings.take(unseen)
    each = zip(asked.pictures.tolist(), asked.patients.tolist(), strict=True)
    fitted = np.array([calibration.was_fitted_on(*one) for one in each], dtype=bool)
    if fitted.any() and obstacle(asked.take(fitted)):
        asked, fitted = asked.take(~fitted), fitted[~fitted]
    if not len(asked):
        return None
    return summed_up(asked, _honest_chances(asked, calibration, fitted), int(fitted.sum()))


def _honest_chances(rankings: Rankings, calibration: Calibration, fitted: np.ndarray) -> Floats:
    chances = calibration.chances(rankings.histograms)
    if calibration.informative and fitted.any():
        # take() may drop labels that only other queries have, which no case has either
        again = rankings.take(fitted)
        chances[np.ix_(fitted, np.isin(rankings.names, again.names))] = cross_fitted(again)
    return chances
