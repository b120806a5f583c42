"""Folders that are either whole or not there.

A folder is data files plus one manifest (JSON) that names them with size and
sha256. Data files carry part of their checksum in their name, so an update
writes new files beside the old ones and then replaces the manifest in one
step: a stop at any moment leaves the old state or the new one. The files of the
previous state are kept until the next update, for readers that have just opened it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retrieval.errors import RetrievalError

Json = dict[str, Any]
Writer = Callable[[Path], object]  # writes one file at the path given

BLOCK = 1 << 20
PARTIAL = ".partial"


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
    """Raise `error` unless a new folder can be made at `folder`; an empty one may be there."""
    if folder.is_symlink() or folder.resolve() == Path.cwd() or not folder.name:
        raise error(f"{folder} cannot become the new folder; name one that is not there yet.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise error(f"{folder} is not empty; choose another --out or remove it.")
    _require_writable_parent(folder, error)


def require_file(path: Path, error: type[RetrievalError]) -> None:
    """Raise `error` unless a file can be written at `path`; its parent folder is made."""
    if not path.name or path.is_dir():
        raise error(f"{path} is a folder; name a file to write.")
    _require_writable_parent(path, error)


def _require_writable_parent(path: Path, error: type[RetrievalError]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise error(f"{path.parent} cannot be made; choose another place.") from None
    if not os.access(path.parent, os.W_OK):
        raise error(f"{path.parent} cannot be written to; choose another place.")


def create(
    folder: Path,
    manifest: str,
    about: Json,
    writers: Mapping[str, Writer],
    fill: Callable[[Path], None] | None = None,
) -> None:
    """Make `folder`, which must be free, with its manifest and the files that `writers` write.

    Everything is written in a sibling folder that takes the name at the end;
    `fill` may put more into that folder before the manifest.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.parent / f".{folder.name}-{secrets.token_hex(4)}{PARTIAL}"
    fresh.mkdir()
    try:
        if fill is not None:
            fill(fresh)
        update(fresh, manifest, about, writers)
        if folder.exists():
            folder.rmdir()
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process that changes `folder`; waits for another one to finish.

    The system releases the lock when its holder ends, even after a crash.
    """
    with (folder / ".lock").open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def update(folder: Path, manifest: str, about: Json, writers: Mapping[str, Writer]) -> None:
    """Write new data files into `folder`, then replace its manifest, then drop older files.

    Files that `about` names and `writers` does not write stay as they are.
    Callers that change a folder others may change too hold `locked` around it.
    """
    for stale in folder.glob(f".*{PARTIAL}*"):
        if stale.is_file():  # a folder belongs to an `index` into this one that was stopped
            stale.unlink()
    before = _named_files(folder / manifest)
    files = {name: _write(folder, name, writer) for name, writer in writers.items()}
    kept_files = about.get("files", {})
    about = {key: value for key, value in about.items() if key not in ("files", "digest")}
    about["files"] = {**kept_files, **files}
    replace_json(folder / manifest, {**about, "digest": fingerprint(about)})
    kept = before | {entry["name"] for entry in files.values()}
    for name in files:
        for old in written(folder, name):
            if old.name not in kept:
                old.unlink(missing_ok=True)


def written(folder: Path, name: str) -> list[Path]:
    """Where the file that a manifest calls `name` lies, as it is now and as it was before."""
    stem, suffix = os.path.splitext(name)
    return sorted(folder.glob(f"{stem}-{'[0-9a-f]' * 12}{suffix}"))


def _named_files(manifest: Path) -> set[str]:
    """Names of the data files before an update; empty if the manifest is absent or damaged."""
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return {entry["name"] for entry in files.values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def _write(folder: Path, name: str, writer: Writer) -> Json:
    """Write one file under a name that holds part of its checksum; returns its manifest entry."""
    stem, suffix = os.path.splitext(name)
    fresh = folder / f".{stem}{PARTIAL}{suffix}"
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
    fresh = path.with_name(f".{path.name}{PARTIAL}")
    try:
        fresh.write_bytes(data)
        _flush(fresh)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def replace_json(path: Path, value: Json, *, compact: bool = False) -> None:
    """Write a JSON object in one step, one line for each of its keys; `compact` without spaces."""
    separators = (",", ":") if compact else (", ", ": ")
    lines = (
        f"{json.dumps(key)}{separators[1]}"
        f"{json.dumps(item, ensure_ascii=False, separators=separators)}"
        for key, item in value.items()
    )
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    replace_bytes(path, text.encode())


def read_manifest(folder: Path, manifest: str, schema: int, error: type[RetrievalError]) -> Json:
    """The manifest of a whole folder; `error` with one sentence where it is not usable."""
    path = folder / manifest
    try:
        about: Json = json.loads(path.read_text(encoding="utf-8"))
        found, digest = about["schema"], about.pop("digest")
        names = [(entry["name"], entry["bytes"]) for entry in about["files"].values()]
    except FileNotFoundError:
        raise error(f"{folder} holds no {manifest}; it is unfinished or no such folder.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise error(f"{path} is damaged; make or download the folder again.") from None
    if found != schema:
        raise error(f"{path} has schema {found}, this version reads {schema}; make it again.")
    if fingerprint(about) != digest:
        raise error(f"{path} was changed by hand or damaged; make or download the folder again.")
    for name, size in names:
        file = folder / Path(name).name
        if not file.is_file() or file.stat().st_size != size:
            raise error(f"{file} is missing or cut off; make or download the folder again.")
    return about


def data_file(folder: Path, about: Json, name: str) -> Path:
    """Where the file that the manifest calls `name` lies; KeyError if it names none."""
    return folder / Path(about["files"][name]["name"]).name


def verify(folder: Path, about: Json, error: type[RetrievalError]) -> None:
    """Check every data file against its sha256; `error` names the first that differs."""
    for name in about["files"]:
        path = data_file(folder, about, name)
        if sha256_of(path) != about["files"][name]["sha256"]:
            raise error(f"{path} does not match its checksum; make or download the folder again.")
