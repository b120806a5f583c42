"""Where labelled queries come from: a folder of pictures, or the cases of an archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.archives import archive as archives
from retrieval.codes import model as models
from retrieval.codes.model import Model
from retrieval.data.folder import Folder, read_folder
from retrieval.errors import DataError
from retrieval.evaluation import cases
from retrieval.evaluation.cases import Cases
from retrieval.reading.sandbox import Decoder

Counter = Callable[..., None]


def query_cases(
    queries: str,
    model: Model,
    splits: Sequence[str] | None,
    bits: int | None,
    progress: Counter,
) -> Cases:
    """The pictures of a folder, encoded, or the stored cases of an archive."""
    source = source_of(queries, splits)
    if isinstance(source, Folder):
        with Decoder() as decoder:
            return cases.cases_of_folder(source, model, bits, read=decoder.read, progress=progress)
    source.require(model)
    return cases.cases_of_archive(source, model, bits).take(in_splits(source, splits))


def source_of(queries: str, splits: Sequence[str] | None) -> Folder | archives.Archive:
    """The folder of pictures, its splits alone, or the archive that `queries` names."""
    if Path(queries).is_dir() and not (Path(queries) / archives.MANIFEST).is_file():
        folder = read_folder(Path(queries))
        return folder.split(splits) if splits else folder
    if not Path(queries).exists() and queries not in archives.shipped():
        raise DataError(
            f"There is no folder and no archive {queries}; name the pictures to ask about."
        )
    return archives.open_archive(queries)


def labels_of(queries: str, splits: Sequence[str] | None) -> list[str]:
    """The distinct labels of a folder or archive, sorted, before anything is encoded."""
    source = source_of(queries, splits)
    if isinstance(source, Folder):
        return list(source.labels)
    return sorted(set(source.catalogue.column("label")[in_splits(source, splits)].tolist()))


def model_with(archive: archives.Archive, bits: int | None) -> Model:
    """The archive's model; SelectionError unless it can make codes of so many bits."""
    model = archive.model()
    if bits is not None:
        models.check_settings(len(model.ranking), bits, model.about["criterion"])
    return model


def in_splits(archive: archives.Archive, splits: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Which cases (n,) of an archive are in these splits; all of them if none is named."""
    if not splits:
        return np.ones(len(archive), dtype=bool)
    mask = np.isin(archive.catalogue.column("split"), splits)
    if not mask.any():
        raise DataError(f"Archive {archive.name} has no case in split {', '.join(splits)}.")
    return mask
