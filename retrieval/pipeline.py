"""Whole jobs that join the parts: train a model, evaluate an archive, verify a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from retrieval import archive as archives
from retrieval import encoding, evaluation, similarity, storage
from retrieval import model as models
from retrieval.audit import Audit, audit
from retrieval.datasets import Folder, read_folder
from retrieval.disturbances import named
from retrieval.errors import DataError, ModelError
from retrieval.evaluation import Evaluation
from retrieval.model import Model
from retrieval.sandbox import Decoder
from retrieval.similarity import Similarity

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
) -> tuple[Evaluation, Similarity]:
    """Evaluate an archive with the pictures of a folder, or the stored cases of an archive."""
    evaluation.check_protocol(protocol)
    archive = archives.open_archive(where)
    model = _model_with(archive, bits)
    if Path(queries).is_dir() and not (Path(queries) / archives.MANIFEST).is_file():
        folder = read_folder(Path(queries))
        chosen = folder.split(splits) if splits else folder
        with Decoder() as decoder:
            cases = evaluation.cases_of_folder(
                chosen, model, bits, read=decoder.read, progress=progress
            )
    elif not Path(queries).exists() and queries not in archives.shipped():
        raise DataError(
            f"There is no folder and no archive {queries}; name the pictures to ask about."
        )
    else:
        cases = _stored_cases(archives.open_archive(queries), model, splits, bits)
    result = evaluation.evaluate(archive, model, cases, protocol=protocol, bits=bits)
    gallery = evaluation.gallery_of(archive, model, cases, protocol=protocol, bits=bits)
    return result, similarity.measure(gallery, cases, protocol=protocol)


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


def _stored_cases(
    archive: archives.Archive, model: Model, splits: Sequence[str] | None, bits: int | None
) -> evaluation.Cases:
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
