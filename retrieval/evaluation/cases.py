"""Labelled pictures with their codes: the two sides of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import from_files
from retrieval.codes.from_files import PathReader, Progress
from retrieval.codes.hashing import Codes
from retrieval.codes.model import Model
from retrieval.data.folder import Folder, patient_group
from retrieval.reading import decode

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Cases:
    """Codes with what an evaluation must know about each picture; arrays of length n."""

    codes: Codes
    labels: Strings
    patients: Strings
    splits: Strings
    sha256: Strings
    subtypes: Strings  # blank where none is known

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, part: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Cases:
        """The cases where a mask (n,) holds, or those at these rows."""
        return Cases(*(getattr(self, field.name)[part] for field in fields(self)))

    def joined(self, others: Cases) -> Cases:
        """These cases and then the others."""
        pairs = ((getattr(self, f.name), getattr(others, f.name)) for f in fields(self))
        return Cases(*(np.concatenate(pair) for pair in pairs))


def cases_of_archive(archive: Archive, model: Model, bits: int | None = None) -> Cases:
    """An archive's cases, with codes of its own length or recomputed from its features."""
    codes = (
        np.asarray(archive.codes)
        if bits is None
        else model.codes(np.asarray(archive.features), bits, archive.columns)
    )
    names = ("label", "patient_id", "split", "sha256", "subtype")
    return Cases(codes, *(archive.catalogue.column(name) for name in names))


def cases_of_folder(
    folder: Folder,
    model: Model,
    bits: int | None = None,
    *,
    read: PathReader = decode.read,
    progress: Progress | None = None,
) -> Cases:
    """Encode the pictures of a folder as queries."""
    paths = [folder.path(case) for case in folder.cases]
    features, sha256 = from_files.encode_all(paths, model, read, progress)
    return describe(folder, model.codes(features, bits), sha256)


def describe(folder: Folder, codes: Codes, sha256: Sequence[str]) -> Cases:
    """Codes (n, bytes) and checksums (n) of a folder's pictures with what the folder says."""
    groups = [
        patient_group(case.patient_id, digest)
        for case, digest in zip(folder.cases, sha256, strict=True)
    ]
    return Cases(
        codes,
        np.array([case.label for case in folder.cases]),
        np.array(groups),
        np.array([case.split for case in folder.cases]),
        np.array(sha256),
        np.array([case.subtype for case in folder.cases]),
    )


def divided(labels: Strings, subtypes: Strings) -> npt.NDArray[np.bool_]:
    """Which cases have a subtype inside a label that has several.

    Where normal pictures have the one subtype "normal", training told it apart already.
    """
    pairs = np.unique(np.stack([labels, subtypes], axis=1)[subtypes != ""], axis=0)
    names, count = np.unique(pairs[:, 0], return_counts=True)
    inside: npt.NDArray[np.bool_] = (subtypes != "") & np.isin(labels, names[count > 1])
    return inside
