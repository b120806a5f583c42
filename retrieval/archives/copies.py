"""The copies of its pictures that an archive carries: 8 bits, and no patient tag.

Those of the pictures that were indexed with it lie in one pack, those that came later in a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from retrieval import storage
from retrieval.archives.archive import COPIES, PACK, Archive, copy_name
from retrieval.codes.from_files import PathReader
from retrieval.codes.model import ID_LENGTH
from retrieval.errors import ArchiveError
from retrieval.reading import packs
from retrieval.reading.packs import Pack
from retrieval.reading.scan import Scan

_NAME = rf"[0-9a-f]{{{ID_LENGTH}}}\.png"
OWN_COPY = re.compile(rf"{_NAME}|\.{_NAME}{re.escape(storage.PARTIAL)}")  # or one half written


def again(path: Path, sha256: str, read: PathReader) -> Scan:
    """A picture once more: all of them at once might not fit in memory."""
    scan = read(path)
    if scan.sha256 != sha256:
        raise ArchiveError(f"{path.name} changed while it was read; try again.")
    return scan


def pack_writer(paths: Mapping[str, Path], read: PathReader) -> dict[str, storage.Writer]:
    """The writer of a pack with a copy of each of these files, given by their checksums."""

    def copies() -> Iterator[tuple[str, bytes]]:
        for sha256 in sorted(paths):
            yield copy_name(sha256), again(paths[sha256], sha256, read).png()

    return {PACK: lambda path: packs.write(path, copies())}


def smaller_pack_writer(pack: Pack | None, used: set[str]) -> dict[str, storage.Writer]:
    """The writer of a pack without the copies that are not used any more; none if all are."""
    if pack is None or pack.names <= used:
        return {}
    parts = ((name, pack.read(name)) for name in sorted(pack.names & used))
    return {PACK: partial(packs.write, parts=parts)}


def keep(archive: Path, scan: Scan) -> None:
    """Keep a copy in the archive's folder of them."""
    folder = archive / COPIES
    folder.mkdir(exist_ok=True)
    storage.replace_bytes(folder / copy_name(scan.sha256), scan.png())


def drop_unused(archive: Archive) -> None:
    """Delete the archive's own copies of cases that it does not hold, and packs with such.

    Known by their names, the start of a checksum, in the archive's own folder of copies.
    """
    if archive.pack is not None:
        for path in storage.written(archive.folder, PACK):
            if path != archive.pack.path:
                path.unlink(missing_ok=True)
    folder = archive.folder / COPIES
    if folder.is_symlink() or not folder.is_dir():
        return
    used = set(archive.catalogue.column("file").tolist())
    for path in folder.iterdir():
        if OWN_COPY.fullmatch(path.name) and path.name not in used and path.is_file():
            path.unlink(missing_ok=True)
