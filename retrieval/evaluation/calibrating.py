"""Fit how far an archive's rankings can be trusted, on held-out queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval import storage
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.archives.archive import Archive
from retrieval.codes.model import ID_LENGTH, recipe_id
from retrieval.errors import ArchiveError, EvaluationError
from retrieval.evaluation import protocols, trust
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.queries import Counter, query_cases
from retrieval.statistics.calibration import Calibration
from retrieval.statistics.evidence import Evidence
from retrieval.statistics.fitting import cross_fitted, fit
from retrieval.statistics.reliability import Reliability


def fit_trust(
    archive: Archive, queries: str, *, splits: Sequence[str] = ("val",), progress: Counter
) -> tuple[Calibration, Reliability]:
    """Fit a calibration on a folder's pictures or stored cases, and cross-validate it on them.

    They are ranked against the archive's other splits but test. EvaluationError if
    one is of a test patient, if the model was trained on one, or if a patient or
    picture stands on both sides.
    """
    if "test" in splits:
        raise EvaluationError(
            "Nothing may be fitted on split test; name another one, such as --split val."
        )
    model = archive.model()
    cases = query_cases(queries, model, splits, None, progress)
    _refuse_test_pictures(cases_of_archive(archive, model), cases)
    gallery = protocols.gallery_for(archive, model, cases, "official")
    return _fitted(archive, trust.evidence_of(gallery, cases))


def fit_on_evidence(archive: Archive, evidence: Evidence) -> tuple[Calibration, Reliability]:
    """Fit a calibration on the evidence of a cross-fit, and cross-validate it there."""
    if evidence.bits != archive.bits:
        raise EvaluationError(
            f"The evidence has codes of {evidence.bits} bits and archive {archive.name} of "
            f"{archive.bits}; cross-fit with the same --bits."
        )
    model = archive.model()
    about, training = model.about, model.about["training"]
    made = recipe_id(
        about["encoder"],
        about["criterion"],
        training.get("recipe", {}),
        training.get("beside", {}).get("data", ""),
    )
    if evidence.recipe and evidence.recipe != made:
        raise EvaluationError(
            f"The evidence is of models trained in another way than archive {archive.name}'s; "
            "cross-fit with the settings of that one."
        )
    column = archive.catalogue.column
    pictures = [sha256[:ID_LENGTH] for sha256 in column("sha256").tolist()]
    held = set(zip(pictures, column("label").tolist(), strict=True))
    asked = list(zip(evidence.pictures.tolist(), evidence.labels.tolist(), strict=True))
    if not held.issuperset(asked):
        raise EvaluationError(
            f"Some of the evidence is about pictures or labels that archive {archive.name} does "
            "not hold; cross-fit the pictures that were indexed."
        )
    test = column("split") == "test"
    patients = np.isin(evidence.patients, column("patient_id")[test])
    if patients.any() or np.isin(evidence.pictures, np.array(pictures)[test]).any():
        raise EvaluationError(
            "Some of the evidence comes from the archive's test split, on which nothing may be "
            "fitted; cross-fit the other splits."
        )
    seen = model.trained_on
    if training.get("start") or not seen.issuperset(evidence.pictures.tolist()):
        raise EvaluationError(
            f"Archive {archive.name}'s model began with another one, or was not trained on all "
            "pictures of the evidence; cross-fit what it was trained on, from the beginning."
        )
    return _fitted(archive, evidence)


def _fitted(archive: Archive, evidence: Evidence) -> tuple[Calibration, Reliability]:
    calibration = fit(evidence, archive.id)
    return calibration, trust.summed_up(evidence, cross_fitted(evidence), len(evidence))


def calibrate(
    where: str,
    queries: str | None,
    *,
    splits: Sequence[str] = ("val",),
    evidence: Path | None = None,
    out: Path | None = None,
    progress: Counter,
) -> tuple[Archive, Reliability]:
    """Fit a calibration and store it in the archive, or in a copy of it at `out`.

    Fitted on held-out queries, or on the `evidence` of cross-fitting the recipe of
    the archive's model where that model itself was trained on all splits but test.
    """
    archive = archives.open_archive(where)
    if out is not None:
        storage.require_free(out, ArchiveError)
    elif archives.is_shipped(archive.folder):
        raise ArchiveError(
            f"Archive {archive.name} comes with the project and stays as it is; "
            "write a calibrated copy with --out."
        )
    if evidence is None:
        calibration, figures = fit_trust(archive, queries, splits=splits, progress=progress)
    else:
        calibration, figures = fit_on_evidence(archive, Evidence.load(evidence))
    if out is None:
        return indexing.calibrate(archive.folder, calibration), figures
    return indexing.calibrated_copy(archive, calibration, out), figures


def _refuse_test_pictures(archive: Cases, queries: Cases) -> None:
    test = archive.take(archive.splits == "test")
    kept_back = np.isin(queries.sha256, test.sha256) | np.isin(queries.patients, test.patients)
    if kept_back.any():
        raise EvaluationError(
            f"{kept_back.sum()} of the queries are pictures or patients of the archive's test "
            "split, on which nothing may be fitted; leave them out."
        )
