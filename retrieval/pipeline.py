"""Whole jobs that join the parts: evaluate or calibrate an archive, compare lengths, verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval import archive as archives
from retrieval import evaluation, indexing, intake, storage, trust
from retrieval import model as models
from retrieval.archive import Archive
from retrieval.calibration import Calibration
from retrieval.datasets import Folder, read_folder
from retrieval.disturbances import named
from retrieval.errors import ArchiveError, DataError, EvaluationError
from retrieval.evaluation import Cases, Evaluation
from retrieval.evidence import Evidence
from retrieval.fitting import cross_fitted, fit
from retrieval.model import ID_LENGTH, Model, recipe_id
from retrieval.reliability import Reliability
from retrieval.sandbox import Decoder
from retrieval.studies import choices, lengths, similarity
from retrieval.studies.audit import Audit, audit
from retrieval.studies.lengths import Comparison
from retrieval.studies.similarity import Similarity

Counter = Callable[..., None]


def evaluate_archive(
    where: str,
    queries: str,
    *,
    splits: Sequence[str] | None,
    protocol: str,
    bits: int | None,
    progress: Callable[[str], Counter],
) -> tuple[Evaluation, Similarity]:
    """Evaluate an archive with the pictures of a folder, or the stored cases of an archive."""
    evaluation.check_protocol(protocol)
    archive = archives.open_archive(where)
    model = _model_with(archive, bits)
    cases = _query_cases(queries, model, splits, bits, progress("Encoded"))
    gallery = evaluation.gallery_for(archive, model, cases, protocol, bits)
    result = evaluation.evaluate_against(
        gallery, archive, model, cases, protocol, progress=progress("Ranked")
    )
    if protocol != "paper":  # there a query finds itself, and of such no chance is given
        result = replace(result, trust=trust.measured(gallery, cases, model, archive))
    return result, similarity.measure(gallery, cases, protocol=protocol)


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
    cases = _query_cases(queries, model, splits, None, progress)
    _refuse_test_pictures(evaluation.cases_of_archive(archive, model), cases)
    gallery = evaluation.gallery_for(archive, model, cases, "official")
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


def _query_cases(
    queries: str,
    model: Model,
    splits: Sequence[str] | None,
    bits: int | None,
    progress: Counter,
) -> Cases:
    """The pictures of a folder, encoded, or the stored cases of an archive."""
    source = _source(queries, splits)
    if isinstance(source, Folder):
        with Decoder() as decoder:
            return evaluation.cases_of_folder(
                source, model, bits, read=decoder.read, progress=progress
            )
    source.require(model)
    return evaluation.cases_of_archive(source, model, bits).take(_in_splits(source, splits))


def compare_lengths(
    where: str, queries: str, *, splits: Sequence[str] | None, protocol: str, progress: Counter
) -> Comparison:
    """Compare ways to choose an archive's bits, asked with a folder's pictures or stored cases."""
    evaluation.check_protocol(protocol)
    if protocol != "official":
        raise EvaluationError(
            "Code lengths are compared for new patients alone, since the bits are chosen on the "
            "train split; use --protocol official."
        )
    archive = archives.open_archive(where)
    model = archive.model()
    source = _source(queries, splits)
    if isinstance(source, Folder):
        with Decoder() as decoder:
            sample = choices.sample_of_folder(source, model, read=decoder.read, progress=progress)
    else:
        source.require(model)
        sample = choices.sample_of_archive(source, model).take(_in_splits(source, splits))
    return lengths.compare(archive, model, sample)


def _source(queries: str, splits: Sequence[str] | None) -> Folder | archives.Archive:
    """The folder of pictures, its splits alone, or the archive that `queries` names."""
    if Path(queries).is_dir() and not (Path(queries) / archives.MANIFEST).is_file():
        folder = read_folder(Path(queries))
        return folder.split(splits) if splits else folder
    if not Path(queries).exists() and queries not in archives.shipped():
        raise DataError(
            f"There is no folder and no archive {queries}; name the pictures to ask about."
        )
    return archives.open_archive(queries)


def audit_archive(
    where: str,
    queries: Path,
    *,
    splits: Sequence[str] | None,
    changes: Sequence[str] | None,
    bits: int | None,
    progress: Counter,
) -> Audit:
    """Ask an archive with the pictures of a folder under each named change; all by default."""
    applied = named(changes)
    archive = archives.open_archive(where)
    model = _model_with(archive, bits)
    folder = read_folder(queries)
    chosen = folder.split(splits) if splits else folder
    with Decoder() as decoder:
        return audit(
            archive, model, chosen, applied, bits=bits, read=decoder.read, progress=progress
        )


def _model_with(archive: archives.Archive, bits: int | None) -> Model:
    """The archive's model; SelectionError unless it can make codes of so many bits."""
    model = archive.model()
    if bits is not None:
        models.check_settings(len(model.ranking), bits, model.about["criterion"])
    return model


def _in_splits(archive: archives.Archive, splits: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Which cases (n,) of an archive are in these splits; all of them if none is named."""
    if not splits:
        return np.ones(len(archive), dtype=bool)
    mask = np.isin(archive.catalogue.column("split"), splits)
    if not mask.any():
        raise DataError(f"Archive {archive.name} has no case in split {', '.join(splits)}.")
    return mask


def verify(target: str) -> str:
    """Check an archive, model or gate, by folder or shipped name; one sentence if all is well."""
    if (Path(target) / intake.MANIFEST).is_file():
        gate = intake.Gate.load(Path(target))
        gate.verify()
        return f"Gate {gate.id} is whole."
    if target in models.shipped() or (Path(target) / models.MANIFEST).is_file():
        model = models.load(target)
        models.verify(model)
        return f"Model {model.name} ({model.id}) is whole."
    archive = archives.open_archive(target)
    archives.verify(archive)
    lost = sum(archive.picture(entry) is None for entry in archive.catalogue.entries())
    pictures = f" Pictures that are not where it looks for them: {lost}." if lost else ""
    return f"Archive {archive.name} ({archive.id}) with {len(archive)} cases is whole.{pictures}"
