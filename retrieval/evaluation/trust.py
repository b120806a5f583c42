"""Whether an archive's calibration holds for many labelled queries."""

from __future__ import annotations

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes.hamming import distances
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.evaluation.cases import Cases
from retrieval.evaluation.rankings import allowed_cases
from retrieval.statistics import reliability
from retrieval.statistics.calibration import Calibration, prevalence
from retrieval.statistics.evidence import Evidence
from retrieval.statistics.fitting import cross_fitted, obstacle
from retrieval.statistics.precision import Floats
from retrieval.statistics.reliability import Reliability


def evidence_of(gallery: Cases, queries: Cases) -> Evidence:
    """What the queries' distances to the gallery say, each without its own patient and picture."""
    return Evidence(
        bits=gallery.codes.shape[1] * 8,
        distances=distances(gallery.codes, queries.codes).astype(np.uint16),
        allowed=np.stack(list(allowed_cases(gallery, queries))),
        gallery_labels=gallery.labels,
        labels=queries.labels,
        patients=queries.patients,
        pictures=np.array([sha256[:ID_LENGTH] for sha256 in queries.sha256.tolist()]),
    )


def summed_up(evidence: Evidence, chances: Floats, refitted: int) -> Reliability:
    """Whether chances (n, labels) of the evidence's queries come true."""
    return reliability.measure(
        chances,
        prevalence(evidence.histograms),
        evidence.truth,
        evidence.patients,
        evidence.precision,
        refitted=refitted,
    )


def measured(gallery: Cases, queries: Cases, model: Model, archive: Archive) -> Reliability | None:
    """Whether an archive's calibration holds for labelled queries; None where that has no meaning.

    Queries that the model was trained on are left out. Those that the calibration
    was fitted on get chances by cross-validation, or are left out if too few.
    """
    calibration = archive.calibration
    if calibration is None or calibration.bits != gallery.codes.shape[1] * 8:
        return None
    unseen = ~model.saw_each(queries.sha256)
    if not unseen.any():
        return None
    evidence = evidence_of(gallery, queries.take(unseen))
    fitted = np.isin(evidence.pictures, calibration.pictures)
    if fitted.any() and obstacle(evidence.take(fitted)):
        evidence, fitted = evidence.take(~fitted), fitted[~fitted]
    if not len(evidence):
        return None
    return summed_up(evidence, _honest_chances(evidence, calibration, fitted), int(fitted.sum()))


def _honest_chances(evidence: Evidence, calibration: Calibration, fitted: np.ndarray) -> Floats:
    chances = calibration.chances(evidence.histograms)
    if calibration.informative and fitted.any():
        # take() may drop labels that only other queries have, which no case has either
        again = evidence.take(fitted)
        chances[np.ix_(fitted, np.isin(evidence.names, again.names))] = cross_fitted(again)
    return chances
