"""Fit how far an archive's rankings can be trusted, on held-out queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval import storage
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.archives.archive import Archive
from retrieval.codes.model import ID_LENGTH, Model, recipe_id
from retrieval.errors import ArchiveError, EvaluationError, PatientOverlap
from retrieval.evaluation import trust
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.queries import Counter, query_cases
from retrieval.evaluation.ranking import Ranked
from retrieval.statistics.calibration import Calibration
from retrieval.statistics.evidence import Evidence
from retrieval.statistics.fitting import cross_fitted, fit
from retrieval.statistics.rankings import Rankings
from retrieval.statistics.reliability import Reliability


def fit_trust(
    archive: Archive, queries: str, *, splits: Sequence[str] = ("val",), progress: Counter
) -> tuple[Calibration, Reliability]:
    """Fit a calibration on a folder's pictures or stored cases, and cross-validate it on them.

    Each is ranked against the whole archive but its own patient. EvaluationError if one is of
    a test patient, or of a patient that the model was trained on.
    """
    if "test" in splits:
        raise EvaluationError(
            "Nothing may be fitted on split test; name another one, such as --split val."
        )
    model = archive.model()
    asked = query_cases(queries, model, splits, None, progress)
    held = cases_of_archive(archive, model)
    _refuse_test_pictures(held, asked)
    _refuse_training_patients(held, asked, model)
    return _fitted(archive, evidence_of(held, asked))


def evidence_of(held: Cases, asked: Cases) -> Evidence:
    """What queries say of an archive's cases, each without its own patient and picture."""
    kept_back = held.splits == "test"
    if kept_back.all():
        raise EvaluationError("The archive holds nothing but split test; index other splits too.")
    return Evidence(Ranked.of(held, asked).rankings, kept_back)


def fit_on_evidence(archive: Archive, evidence: Evidence) -> tuple[Calibration, Reliability]:
    """Fit a calibration on the evidence of a cross-fit, and cross-validate it there.

    EvaluationError unless the archive's model was trained on the pictures of the evidence in
    the same way, and the archive holds them outside of its test split.
    """
    _refuse_other_pictures(evidence.searched, archive)
    _refuse_other_models(evidence, archive, archive.model())
    return _fitted(archive, evidence)


def _fitted(archive: Archive, evidence: Evidence) -> tuple[Calibration, Reliability]:
    calibration, fitted = fit(evidence, archive.id), evidence.fitted
    return calibration, trust.summed_up(fitted, cross_fitted(fitted), len(fitted))


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
    if evidence is not None:
        calibration, figures = fit_on_evidence(archive, Evidence.load(evidence))
    elif queries is not None:
        calibration, figures = fit_trust(archive, queries, splits=splits, progress=progress)
    else:
        raise EvaluationError("Nothing to fit on; name --queries or --evidence.")
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


def _refuse_training_patients(archive: Cases, queries: Cases, model: Model) -> None:
    seen = int(model.saw_each(queries.sha256).sum())
    if seen:
        raise EvaluationError(
            f"The model was trained on {seen} of the queries; a calibration needs queries that it "
            "never saw."
        )
    trained = archive.patients[model.saw_each(archive.sha256)]
    known = np.intersect1d(queries.patients, trained)
    if len(known):
        raise PatientOverlap(
            f"The model was trained on other pictures of {len(known)} patients of the queries, "
            f"first {known[0]}; leave them out."
        )


def _refuse_other_models(evidence: Evidence, archive: Archive, model: Model) -> None:
    if evidence.searched.bits != archive.bits:
        raise EvaluationError(
            f"The evidence has codes of {evidence.searched.bits} bits and archive {archive.name} "
            f"of {archive.bits}; cross-fit with the same --bits."
        )
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
    asked = evidence.searched.pictures.tolist()
    if training.get("start") or not model.trained_on.issuperset(asked):
        raise EvaluationError(
            f"Archive {archive.name}'s model began with another one, or was not trained on all "
            "pictures of the evidence; cross-fit what it was trained on, from the beginning."
        )


def _refuse_other_pictures(asked: Rankings, archive: Archive) -> None:
    column = archive.catalogue.column
    pictures = np.array([sha256[:ID_LENGTH] for sha256 in column("sha256").tolist()])
    held = set(zip(pictures.tolist(), column("label").tolist(), strict=True))
    if not held.issuperset(zip(asked.pictures.tolist(), asked.labels.tolist(), strict=True)):
        raise EvaluationError(
            f"Some of the evidence is about pictures or labels that archive {archive.name} does "
            "not hold; cross-fit the pictures that were indexed."
        )
    test = column("split") == "test"
    patients = np.isin(asked.patients, column("patient_id")[test])
    if patients.any() or np.isin(asked.pictures, pictures[test]).any():
        raise EvaluationError(
            "Some of the evidence comes from the archive's test split, on which nothing may be "
            "fitted; cross-fit the other splits."
        )
