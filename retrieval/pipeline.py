"""Whole jobs that join the parts: train a model, evaluate an archive, verify a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval import archive as archives
from retrieval import choices, encoding, evaluation, lengths, storage
from retrieval import model as models
from retrieval.datasets import Folder, read_folder
from retrieval.errors import DataError, EvaluationError, ModelError
from retrieval.evaluation import Evaluation
from retrieval.lengths import Comparison
from retrieval.model import Model
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
    from retrieval.checkpoints import drop_checkpoints
    from retrieval.encoder import spec_named
    from retrieval.training import Recipe, train
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
    source = _source(queries, splits)
    if isinstance(source, Folder):
        with Decoder() as decoder:
            cases = evaluation.cases_of_folder(
                source, model, bits, read=decoder.read, progress=progress
            )
    else:
        source.require(model)
        cases = evaluation.cases_of_archive(source, model, bits).take(_in_splits(source, splits))
    return evaluation.evaluate(archive, model, cases, protocol=protocol, bits=bits)


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


def _in_splits(archive: archives.Archive, splits: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Which cases (n,) of an archive are in these splits; all of them if none is named."""
    if not splits:
        return np.ones(len(archive), dtype=bool)
    mask = np.isin(archive.catalogue.column("split"), splits)
    if not mask.any():
        raise DataError(f"Archive {archive.name} has no case in split {', '.join(splits)}.")
    return mask


def verify(target: str) -> str:
    """Check an archive or a model, by folder or shipped name; one sentence if all is well."""
    if target in models.shipped() or (Path(target) / models.MANIFEST).is_file():
        model = models.load(target)
        models.verify(model)
        return f"Model {model.name} ({model.id}) is whole."
    archive = archives.open_archive(target)
    archives.verify(archive)
    return f"Archive {archive.name} ({archive.id}) with {len(archive)} cases is whole."
