"""Folders that are either whole or not there.

A folder is data files plus one manifest (JSON) that names them with size and
sha256. Data files carry part of their checksum in their name, so an update
writes new files beside the old ones and then replaces the manifest in one
step: a reader, or a stop at any moment, sees the old state or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrieval.errors import RetrievalError

Json = dict[str, Any]
Writer = Callable[[Path], None]  # writes one file at the path given

BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(value: object) -> str:
    """Hex SHA-256 of a JSON value, the same for equal values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def require_free(folder: Path, error: type[RetrievalError]) -> None:
    """Raise `error` if there is something at `folder` already, other than an empty folder."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise error(f"{folder} is not empty; choose another --out or remove it.")


def create(folder: Path, manifest: str, about: Json, writers: Mapping[str, Writer]) -> None:
    """Make `folder`, which must be free, with its manifest and the files that `writers` write.

    Everything is written in a sibling folder that takes the name at the end.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".partial", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        update(fresh, manifest, about, writers)
        if folder.exists():
            folder.rmdir()
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def update(folder: Path, manifest: str, about: Json, writers: Mapping[str, Writer]) -> None:
    """Write new data files into `folder`, then replace its manifest, then drop the old files."""
    files = {name: _write(folder, name, writer) for name, writer in writers.items()}
    replace_json(folder / manifest, {**about, "files": files})
    kept = {entry["name"] for entry in files.values()}
    for name in files:
        stem, suffix = os.path.splitext(name)
        for old in folder.glob(f"{stem}-{'[0-9a-f]' * 12}{suffix}"):
            if old.name not in kept:
                old.unlink(missing_ok=True)


def _write(folder: Path, name: str, writer: Writer) -> Json:
    """Write one file under a name that holds part of its checksum; its manifest entry."""
    stem, suffix = os.path.splitext(name)
    fresh = folder / f".{stem}.partial{suffix}"
    writer(fresh)
    _flush(fresh)
    digest = sha256_of(fresh)
    final = folder / f"{stem}-{digest[:12]}{suffix}"
    entry = {"name": final.name, "bytes": fresh.stat().st_size, "sha256": digest}
    os.replace(fresh, final)
    return entry


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a whole file in one step: the old content, or the new, is there at any moment."""
    fresh = path.with_name(f".{path.name}.partial")
    fresh.write_bytes(data)
    _flush(fresh)
    os.replace(fresh, path)


def replace_json(path: Path, value: Json) -> None:
    """Write a JSON object in one step, one line for each of its keys."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()
    )
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    replace_bytes(path, text.encode())


def read_manifest(folder: Path, manifest: str, schema: int, error: type[RetrievalError]) -> Json:
    """The manifest of a whole folder; `error` with one sentence where it is not usable."""
    path = folder / manifest
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        found = about["schema"]
        names = [(entry["name"], entry["bytes"]) for entry in about["files"].values()]
    except FileNotFoundError:
        raise error(
            f"{folder} holds no {manifest}; it is not finished or not of this kind."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise error(f"{path} is damaged; make or download the folder again.") from None
    if found != schema:
        raise error(f"{path} has schema {found}, this version reads {schema}; make it again.")
    for name, size in names:
        file = folder / Path(name).name
        if not file.is_file() or file.stat().st_size != size:
            raise error(f"{file} is missing or cut off; make or download the folder again.")
    return about


def data_file(folder: Path, about: Json, name: str) -> Path:
    """Where the file that the manifest calls `name` lies."""
    return folder / Path(about["files"][name]["name"]).name


def verify(folder: Path, about: Json, error: type[RetrievalError]) -> None:
    """Check every data file against its sha256; `error` names the first that differs."""
    for name in about["files"]:
        path = data_file(folder, about, name)
        if sha256_of(path) != about["files"][name]["sha256"]:
            raise error(f"{path} does not match its checksum; make or download the folder again.")
