"""Build and change archives: index a folder, add pictures, remove cases.

Every change writes new files beside the old ones and swaps the manifest, so
an archive that is being searched is never half of anything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval import catalogue, scans, storage
from retrieval import model as models
from retrieval.archive import (
    CATALOGUE,
    CODES,
    FEATURES,
    MANIFEST,
    SCHEMA,
    Archive,
    content_id,
    open_archive,
)
from retrieval.catalogue import Entry
from retrieval.datasets import Folder, own_group
from retrieval.errors import ArchiveError
from retrieval.hashing import Codes, Features
from retrieval.model import ID_LENGTH, Model
from retrieval.scans import Scan

PICTURES = ("link", "copy", "none")

Progress = Callable[[int, int], None]  # pictures done, pictures in all
Reader = Callable[[Path], Scan]


def index(
    folder: Folder,
    model: Model,
    out: Path,
    *,
    pictures: str = "link",
    read: Reader = scans.read,
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
    features, sha256 = _encode(paths, model, read, progress)
    entries = [
        Entry("", digest, case.label, case.patient_id, case.split, case.subtype, case.source,
              case.doi, case.note, _copy_name(digest) if pictures == "copy" else case.file)
        for case, digest in zip(folder.cases, sha256, strict=True)
    ]  # fmt: skip
    about = {
        "schema": SCHEMA,
        "name": out.name,
        "model": _model_link(model, out),
        "modality": model.modality,
        "columns": model.columns.tolist(),
        "pictures": _link(folder.root, out) if pictures == "link" else "",
    }
    _write(storage.create, out, about, model.codes(features), features, entries)
    if pictures == "copy":
        for path in paths:
            _keep_copy(out, read(path))
    return open_archive(out)


def add(
    archive: Archive, files: Sequence[Path], label: str, *, read: Reader = scans.read
) -> Archive:
    """Encode new pictures and add them under `label`; a picture that is there already is refused.

    The archive keeps its own 8-bit copy of each, which holds no patient tag.
    """
    if not label.strip():
        raise ArchiveError("New pictures need a label; give one with --label.")
    model = archive.model()
    decoded = [read(path) for path in files]
    known = set(archive.catalogue.column("sha256").tolist())
    for path, scan in zip(files, decoded, strict=True):
        if scan.sha256 in known:
            raise ArchiveError(f"{path.name} is in archive {archive.name} already; leave it out.")
        known.add(scan.sha256)
    _require_full_features(archive, model)
    features = model.encode([scan.pixels for scan in decoded])
    entries = []
    for scan in decoded:
        file = _copy_name(scan.sha256)
        _keep_copy(archive.folder, scan)
        group = own_group(file)
        entries.append(Entry("", scan.sha256, label, group, "", "", "added", "", "", file))
    return _rewrite(
        archive,
        np.concatenate([archive.codes, model.codes(features)]),
        np.concatenate([archive.features, features]),
        [*archive.catalogue.entries(), *entries],
    )


def remove(archive: Archive, ids: Iterable[str]) -> Archive:
    """Take the cases with these ids out; ArchiveError names the first that is not there."""
    held = archive.catalogue.column("id").tolist()
    unwanted = set(ids)
    missing = sorted(unwanted - set(held))
    if missing:
        raise ArchiveError(f"Archive {archive.name} has no case {missing[0]}; nothing was removed.")
    kept = np.array([case not in unwanted for case in held])
    if not kept.any():
        raise ArchiveError("This would empty the archive; remove its folder instead.")
    entries = archive.catalogue.entries()
    smaller = _rewrite(
        archive,
        archive.codes[kept],
        archive.features[kept],
        [entry for entry, keep in zip(entries, kept, strict=True) if keep],
    )
    for entry in (entry for entry, keep in zip(entries, kept, strict=True) if not keep):
        (archive.folder / "pictures" / entry.file).unlink(missing_ok=True)
    return smaller


def _copy_name(sha256: str) -> str:
    return f"{sha256[:ID_LENGTH]}.png"


def _keep_copy(archive: Path, scan: Scan) -> None:
    """Keep the 8-bit picture, which holds no patient tag, inside the archive's folder."""
    folder = archive / "pictures"
    folder.mkdir(exist_ok=True)
    storage.replace_bytes(folder / _copy_name(scan.sha256), scan.png())


def _encode(
    paths: Sequence[Path], model: Model, read: Reader, progress: Progress | None
) -> tuple[Features, list[str]]:
    rows, sha256 = [], []
    for done, path in enumerate(paths, start=1):
        scan = read(path)
        rows.append(model.encode([scan.pixels])[0])
        sha256.append(scan.sha256)
        if progress is not None:
            progress(done, len(paths))
    return np.stack(rows), sha256


def _require_full_features(archive: Archive, model: Model) -> None:
    if not np.array_equal(archive.columns, model.columns):
        raise ArchiveError(
            f"Archive {archive.name} stores {len(archive.columns)} features a picture, model "
            f"{model.name} computes {len(model.columns)}; add pictures with the model it names."
        )


def _rewrite(archive: Archive, codes: Codes, features: Features, entries: list[Entry]) -> Archive:
    about = {key: value for key, value in archive.about.items() if key != "files"}
    _write(storage.update, archive.folder, about, codes, features, entries)
    return open_archive(archive.folder)


def _write(
    save: Callable[..., None],
    folder: Path,
    about: storage.Json,
    codes: Codes,
    features: Features,
    entries: list[Entry],
) -> None:
    """Put rows in the order of their ids and save them with the manifest."""
    entries = _with_ids(entries)
    order = sorted(range(len(entries)), key=lambda row: entries[row].id)
    entries = [entries[row] for row in order]
    codes, features = np.ascontiguousarray(codes[order]), np.ascontiguousarray(features[order])
    about = {**about, "count": len(entries), "bits": codes.shape[1] * 8}
    about["id"] = content_id(codes, entries)
    save(
        folder,
        MANIFEST,
        about,
        {
            CODES: lambda path: np.save(path, codes, allow_pickle=False),
            FEATURES: lambda path: np.save(path, features, allow_pickle=False),
            CATALOGUE: lambda path: catalogue.write(path, entries),
        },
    )


def _with_ids(entries: list[Entry]) -> list[Entry]:
    """Give each entry its id: the start of its checksum, and a number for a second copy.

    Copies of one picture are numbered in the order of their file names'
    checksums, which says nothing of their labels.
    """
    by_name = sorted(entries, key=lambda entry: hashlib.sha256(entry.file.encode()).digest())
    seen: dict[str, int] = {}
    ids: dict[int, str] = {}
    for entry in by_name:
        start = entry.sha256[:ID_LENGTH]
        seen[start] = seen.get(start, 0) + 1
        ids[id(entry)] = start if seen[start] == 1 else f"{start}-{seen[start]}"
    return [replace(entry, id=ids[id(entry)]) for entry in entries]


def _model_link(model: Model, archive: Path) -> storage.Json:
    """How an archive names its model; one that ships is found by its id, wherever it lies."""
    for name in models.shipped():
        if models.load(name).id == model.id:
            return {"id": model.id, "name": name, "folder": ""}
    return {"id": model.id, "name": model.name, "folder": _link(model.folder, archive)}


def _link(target: Path, archive: Path) -> str:
    """The way from an archive's folder to another one, so that both can move together."""
    return Path(os.path.relpath(target.resolve(), archive.resolve())).as_posix()
