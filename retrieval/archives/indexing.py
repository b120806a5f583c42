"""Build and change archives: index a folder, add pictures, remove cases.

Every change is made under the archive's lock: new files are written beside
the old ones and the manifest is swapped, so that a search in progress, or a
stop at any moment, meets the old archive or the new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from retrieval import storage
from retrieval.archives import archive as archives
from retrieval.archives import catalogue, copies
from retrieval.archives.archive import (
    CALIBRATION,
    CATALOGUE,
    CODES,
    FEATURES,
    LAYOUT,
    LAYOUT_OF,
    MANIFEST,
    SCHEMA,
    Archive,
    content_id,
)
from retrieval.archives.catalogue import Entry
from retrieval.archives.map import MOST, layout
from retrieval.archives.patients import Identify, groups_of
from retrieval.codes import from_files
from retrieval.codes import model as models
from retrieval.codes.from_files import PathReader, Progress
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.data.folder import Folder, patient_group
from retrieval.errors import ArchiveError
from retrieval.reading import decode
from retrieval.statistics.calibration import Calibration

PICTURES = ("link", "copy", "none")


def index(
    folder: Folder,
    model: Model,
    out: Path,
    *,
    pictures: str = "link",
    read: PathReader = decode.read,
    progress: Progress | None = None,
) -> Archive:
    """Encode every picture of `folder` and write a new archive at `out`.

    `pictures` is one of PICTURES: the archive remembers where they lie ("link"),
    holds 8-bit copies without any tag ("copy"), or knows nothing of them ("none").
    """
    storage.require_free(out, ArchiveError)
    if pictures not in PICTURES:
        raise ArchiveError(f"Pictures can be {', '.join(PICTURES)}, not {pictures!r}.")
    paths = [folder.path(case) for case in folder.cases]
    features, checksums = from_files.encode_all(paths, model, read, progress)
    entries = _entries(folder, checksums, copied=pictures == "copy")
    about = {
        "schema": SCHEMA,
        "name": out.name,
        "model": _model_link(model, out),
        "modality": model.modality,
        "columns": model.columns.tolist(),
        "dataset": folder.root.resolve().name,
        "pictures": _link(folder.root, out) if pictures == "link" else "",
    }

    codes = model.codes(features)
    about, writers = _content(about, codes, features, entries)
    if pictures == "copy":
        writers |= copies.pack_writer(dict(zip(checksums, paths, strict=True)), read)
    order = sorted(range(len(entries)), key=lambda row: entries[row].id)
    if len(codes) <= MOST:
        writers |= _layout_writer(codes[order])
        about[LAYOUT_OF] = about["id"]
    storage.create(out, MANIFEST, about, writers)
    return archives.open_archive(out)


def add(
    where: str | Path,
    files: Sequence[Path],
    label: str,
    *,
    patients: Sequence[str] = (),
    identify: Identify | None = None,
    read: PathReader = decode.read,
) -> Archive:
    """Encode new pictures and add them under `label`; a picture that is there already is refused.

    patients : the id of each file's patient, blank where it is not known; by default of none.
    identify : tells whom a file names, where `patients` does not say it.
    The archive keeps its own 8-bit copy of each picture, which holds no patient tag.
    """
    label = label.strip()
    if not label:
        raise ArchiveError("New pictures need a label; give one with --label.")
    with _changing(where) as archive:
        model = archive.model()
        _require_same_features(archive, model)
        features, checksums = from_files.encode_all(files, model, read)
        _refuse_known(archive, files, checksums)
        for path, sha256 in zip(files, checksums, strict=True):
            copies.keep(archive.folder, copies.again(path, sha256, read))
        held = archive.catalogue.entries()
        groups, about = groups_of(archive.about, files, patients, identify)
        added = [_added(*one, label) for one in zip(checksums, groups, strict=True)]
        return _rewrite(
            replace(archive, about=about),
            np.concatenate([archive.codes, model.codes(features)]),
            np.concatenate([archive.features, features]),
            [*held, *_with_ids(added, {entry.id for entry in held})],
        )


def remove(where: str | Path, ids: Iterable[str]) -> Archive:
    """Take the cases with these ids out; ArchiveError names the first that is not there."""
    unwanted = set(ids)
    with _changing(where) as archive:
        held = archive.catalogue.column("id").tolist()
        missing = sorted(unwanted - set(held))
        if missing:
            raise ArchiveError(
                f"Archive {archive.name} has no case {missing[0]}; nothing was removed."
            )
        kept = np.array([case not in unwanted for case in held])
        if not kept.any():
            raise ArchiveError("This would empty the archive; remove its folder instead.")
        entries = archive.catalogue.entries()
        left = [entry for entry, keep in zip(entries, kept, strict=True) if keep]
        smaller = _rewrite(archive, archive.codes[kept], archive.features[kept], left)
        copies.drop_unused(smaller)
        return smaller


def lay_out(where: str | Path) -> Archive:
    """Make an archive's map anew, for the cases that it holds now."""
    with _changing(where) as archive:
        if len(archive) > MOST:
            raise ArchiveError(
                f"Archive {archive.name} holds {len(archive)} cases; a map shows {MOST} at most."
            )
        about = {**archive.about, LAYOUT_OF: archive.id}
        storage.update(archive.folder, MANIFEST, about, _layout_writer(np.asarray(archive.codes)))
        return archives.open_archive(archive.folder)


def _layout_writer(codes: Codes) -> dict[str, storage.Writer]:
    points = layout(codes)
    return {LAYOUT: lambda path: np.save(path, points, allow_pickle=False)}


def calibrate(where: Path, calibration: Calibration) -> Archive:
    """Store a calibration in an archive, in place of an older one."""
    with _changing(where) as archive:
        writers = _calibration_writer(archive, calibration)
        storage.update(archive.folder, MANIFEST, archive.about, writers)
        return archives.open_archive(archive.folder)


def calibrated_copy(archive: Archive, calibration: Calibration, out: Path) -> Archive:
    """Write a copy of an archive that holds this calibration; the archive stays as it is."""
    storage.require_free(out, ArchiveError)

    def come_along(fresh: Path) -> None:
        if (archive.folder / archives.COPIES).is_dir():
            shutil.copytree(archive.folder / archives.COPIES, fresh / archives.COPIES)

    link = archive.about["pictures"]
    about = {
        **archive.about,
        "name": out.name,
        "model": _model_link(archive.model(), out),
        "pictures": link and _link(archive.folder / link, out),
    }
    same: dict[str, storage.Writer] = {
        name: partial(shutil.copyfile, storage.data_file(archive.folder, about, name))
        for name in about["files"]
    }
    writers = {**same, **_calibration_writer(archive, calibration)}
    storage.create(out, MANIFEST, about, writers, come_along)
    return archives.open_archive(out)


def _calibration_writer(archive: Archive, calibration: Calibration) -> dict[str, storage.Writer]:
    if calibration.bits != archive.bits:
        raise ArchiveError(
            f"A calibration of {calibration.bits} bits does not fit archive {archive.name} with "
            f"{archive.bits}; calibrate it itself."
        )
    return {CALIBRATION: lambda path: storage.replace_json(path, calibration.json())}


@contextmanager
def _changing(where: str | Path) -> Iterator[Archive]:
    """The newest state of an archive, held so that nobody else changes it meanwhile.

    Copies that an earlier change left behind when it was stopped go first.
    """
    folder = archives.open_archive(where).folder
    if archives.is_shipped(folder):
        raise ArchiveError(
            f"Archive {folder.name} comes with the project and stays as it is; "
            "index a folder of your own and change that."
        )
    with storage.locked(folder):
        newest = archives.open_archive(folder)
        copies.drop_unused(newest)
        yield newest


def _entries(folder: Folder, checksums: Sequence[str], *, copied: bool) -> list[Entry]:
    """The catalogue entries of a folder's cases, with their ids."""
    names = {case.file: _name_digest(case.file) for case in folder.cases}
    pairs = sorted(zip(folder.cases, checksums, strict=True), key=lambda pair: names[pair[0].file])
    entries = [
        Entry("", digest, case.label, patient_group(case.patient_id, digest), case.split,
              case.subtype, case.source, case.doi, case.note,
              archives.copy_name(digest) if copied else case.file)
        for case, digest in pairs
    ]  # fmt: skip
    numbered = dict(zip((case.file for case, _ in pairs), _with_ids(entries, set()), strict=True))
    return [numbered[case.file] for case in folder.cases]


def _name_digest(file: str) -> bytes:
    return hashlib.sha256(file.encode()).digest()


def _with_ids(entries: Sequence[Entry], taken: set[str]) -> list[Entry]:
    """Give each entry its id: the start of its checksum, and a number for a further copy.

    Copies of one picture are numbered in the order given; an index sorts them by
    their file names' checksums, which say nothing of their labels.
    """
    numbered, taken = [], set(taken)
    for entry in entries:
        start = fresh = entry.sha256[:ID_LENGTH]
        number = 1
        while fresh in taken:
            number += 1
            fresh = f"{start}-{number}"
        taken.add(fresh)
        numbered.append(replace(entry, id=fresh))
    return numbered


def _added(sha256: str, patient: str, label: str) -> Entry:
    group, file = patient_group(patient, sha256), archives.copy_name(sha256)
    return Entry("", sha256, label, group, "", "", "added", "", "", file)


def _refuse_known(archive: Archive, files: Sequence[Path], checksums: Sequence[str]) -> None:
    seen: set[str] = set()
    for path, sha256 in zip(files, checksums, strict=True):
        if sha256 in seen or archive.catalogue.positions_of(sha256):
            raise ArchiveError(f"{path.name} is in archive {archive.name} already; leave it out.")
        seen.add(sha256)


def _require_same_features(archive: Archive, model: Model) -> None:
    if not np.array_equal(archive.columns, model.columns):
        raise ArchiveError(
            f"Archive {archive.name} stores {len(archive.columns)} features a picture, model "
            f"{model.name} computes {len(model.columns)}; index the pictures again with it."
        )


def _rewrite(archive: Archive, codes: Codes, features: Features, entries: list[Entry]) -> Archive:
    about, writers = _content(archive.about, codes, features, entries)
    writers |= copies.smaller_pack_writer(archive.pack, {entry.file for entry in entries})
    storage.update(archive.folder, MANIFEST, about, writers)
    return archives.open_archive(archive.folder)


def _content(
    about: storage.Json, codes: Codes, features: Features, entries: list[Entry]
) -> tuple[storage.Json, dict[str, storage.Writer]]:
    """Manifest and file writers of an archive, with its rows in the order of their ids."""
    order = sorted(range(len(entries)), key=lambda row: entries[row].id)
    entries = [entries[row] for row in order]
    codes, features = np.ascontiguousarray(codes[order]), np.ascontiguousarray(features[order])
    about = {**about, "count": len(entries), "bits": codes.shape[1] * 8}
    about["id"] = content_id(codes, entries)
    return about, {
        CODES: lambda path: np.save(path, codes, allow_pickle=False),
        FEATURES: lambda path: np.save(path, features, allow_pickle=False),
        CATALOGUE: lambda path: catalogue.write(path, entries),
    }


def _model_link(model: Model, archive: Path) -> storage.Json:
    """How an archive names its model; a shipped model is found by its id and needs no folder."""
    for name in models.shipped():
        if models.load(name).id == model.id:
            return {"id": model.id, "name": name, "folder": ""}
    return {"id": model.id, "name": model.name, "folder": _link(model.folder, archive)}


def _link(target: Path, archive: Path) -> str:
    """The relative path from an archive's folder to another, so that both can move together."""
    return Path(os.path.relpath(target.resolve(), archive.resolve())).as_posix()
