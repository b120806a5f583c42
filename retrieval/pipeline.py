"""Whole jobs that join the parts: train a model, evaluate or calibrate an archive, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from retrieval import archive as archives
from retrieval import encoding, evaluation, indexing, storage, trust
from retrieval import model as models
from retrieval.archive import Archive
from retrieval.calibration import Calibration
from retrieval.datasets import Folder, read_folder
from retrieval.errors import ArchiveError, DataError, EvaluationError, ModelError
from retrieval.evaluation import Cases, Evaluation
from retrieval.fitting import cross_fitted, fit
from retrieval.model import Model
from retrieval.reliability import Reliability
from retrieval.sandbox import Decoder

Counter = Callable[..., None]


def train_model(
    root: Path,
    out: Path,
    *,
    settings: Mapping[str, float],
    encoder_name: str,
    modality: str,
    bits: int,
    criterion: str,
    progress: Callable[[str], Counter],
) -> Model:
    """Train on the train split of `root` alone and write a full model to `out`.

    `settings` are fields of the encoder's recipe; the others keep their defaults.
    A folder without splits is training data as a whole. Checkpoints lie in
    `out`.partial until the model is written; the same command goes on from them.
    """
    from retrieval.encoder import spec_named
    from retrieval.training import Recipe, drop_checkpoints, train
    from retrieval.transfer import TransferRecipe, transfer

    spec = spec_named(encoder_name)  # whatever can be refused is refused before the long work
    recipe = (TransferRecipe if spec.pretrained else Recipe)(**settings)
    models.check_settings(spec.features, bits, criterion)
    storage.require_free(out, ModelError)
    folder = training_split(read_folder(root))
    with Decoder() as decoder:
        scans = encoding.read_all(
            [folder.path(case) for case in folder.cases], decoder.read, progress("Read")
        )
    checkpoints = out.with_name(f"{out.name}.partial")
    labels = [case.label for case in folder.cases]
    patients = [case.patient_id or f"only {case.file}" for case in folder.cases]
    pixels = [scan.pixels for scan in scans]
    tensors = (transfer if spec.pretrained else train)(
        pixels,
        labels,
        patients,
        spec=spec,
        recipe=recipe,
        checkpoints=checkpoints,
        progress=progress("Pass"),
    )
    checksums = [scan.sha256 for scan in scans]
    made = models.build(
        out,
        tensors,
        pixels,
        labels,
        encoder_name=encoder_name,
        modality=modality,
        bits=bits,
        criterion=criterion,
        trained_on=checksums,
        training={
            "recipe": asdict(recipe),
            "pictures": len(folder),
            "patients": len(set(patients)),
            "labels": list(folder.labels),
            "data": storage.fingerprint(sorted(zip(checksums, labels, strict=True))),
        },
        progress=progress("Encoded"),
    )
    drop_checkpoints(checkpoints)
    return made


def training_split(folder: Folder) -> Folder:
    """The cases that a model may be fitted on; a test case never is."""
    splits = {case.split for case in folder.cases}
    if splits == {""}:
        return folder
    if "train" not in splits:
        raise DataError(f"{folder.root} has no picture in split train; mark some in images.csv.")
    return folder.split(["train"])


def evaluate_archive(
    where: str,
    queries: str,
    *,
    splits: Sequence[str] | None,
    protocol: str,
    bits: int | None,
    progress: Counter,
) -> Evaluation:
    """Evaluate an archive with the pictures of a folder, or the stored cases of an archive."""
    evaluation.check_protocol(protocol)
    archive = archives.open_archive(where)
    model = archive.model()
    if bits is not None:
        models.check_settings(len(model.ranking), bits, model.about["criterion"])
    cases = _query_cases(queries, model, splits, bits, progress)
    result = evaluation.evaluate(archive, model, cases, protocol=protocol, bits=bits)
    if protocol == "paper":  # finds the query itself, of which no chance is given
        return result
    gallery = evaluation.gallery_for(archive, model, cases, protocol, bits)
    return replace(result, trust=trust.measured(gallery, cases, model, archive))


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
    evidence = trust.evidence_of(gallery, cases)
    calibration = fit(evidence, archive.id)
    return calibration, trust.summed_up(evidence, cross_fitted(evidence), len(evidence))


def calibrate(
    where: str, queries: str, *, splits: Sequence[str], out: Path | None, progress: Counter
) -> tuple[Archive, Reliability]:
    """Fit a calibration and store it in the archive, or in a copy of it at `out`."""
    archive = archives.open_archive(where)
    if out is not None:
        storage.require_free(out, ArchiveError)
    elif archives.is_shipped(archive.folder):
        raise ArchiveError(
            f"Archive {archive.name} comes with the project and stays as it is; "
            "write a calibrated copy with --out."
        )
    calibration, figures = fit_trust(archive, queries, splits=splits, progress=progress)
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
    if Path(queries).is_dir() and not (Path(queries) / archives.MANIFEST).is_file():
        folder = read_folder(Path(queries))
        chosen = folder.split(splits) if splits else folder
        with Decoder() as decoder:
            return evaluation.cases_of_folder(
                chosen, model, bits, read=decoder.read, progress=progress
            )
    if not Path(queries).exists() and queries not in archives.shipped():
        raise DataError(
            f"There is no folder and no archive {queries}; name the pictures to ask about."
        )
    return _stored_cases(archives.open_archive(queries), model, splits, bits)


def _stored_cases(
    archive: Archive, model: Model, splits: Sequence[str] | None, bits: int | None
) -> Cases:
    archive.require(model)
    cases = evaluation.cases_of_archive(archive, model, bits)
    if splits:
        mask = [split in splits for split in cases.splits.tolist()]
        if not any(mask):
            raise DataError(f"Archive {archive.name} has no case in split {', '.join(splits)}.")
        cases = cases.take(np.array(mask))
    return cases


def verify(target: str) -> str:
    """Check an archive or a model, by folder or shipped name; one sentence if all is well."""
    if target in models.shipped() or (Path(target) / models.MANIFEST).is_file():
        model = models.load(target)
        models.verify(model)
        return f"Model {model.name} ({model.id}) is whole."
    archive = archives.open_archive(target)
    archives.verify(archive)
    return f"Archive {archive.name} ({archive.id}) with {len(archive)} cases is whole."
