"""A pack: many small files kept as one, a zip in which each of them lies as it is.

Any tool can open it. Nothing in it is compressed again, so no part is larger than the pack.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeAlias
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from retrieval.errors import ArchiveError

DAMAGE = (OSError, ValueError, KeyError, RuntimeError, EOFError, struct.error, BadZipFile)


class Pack:
    """An open pack; thread-safe.

    path : where it lies.
    names : of its parts. They are looked up as they are, so that none leads anywhere else.
    """

    def __init__(self, path: Path) -> None:
        """Open the pack at `path`; ArchiveError if it is damaged."""
        self.path = path
        self._lock = Lock()
        try:
            self._zip = ZipFile(path)
        except DAMAGE:
            raise self._damaged() from None
        stored = (part for part in self._zip.infolist() if part.compress_type == ZIP_STORED)
        self.names = frozenset(part.filename for part in stored)

    def read(self, name: str) -> bytes:
        """The bytes of a part; ArchiveError if there is none, or it fails its checksum."""
        if name not in self.names:
            raise self._damaged()
        try:
            with self._lock:
                return self._zip.read(name)
        except DAMAGE:
            raise self._damaged() from None

    def _damaged(self) -> ArchiveError:
        return ArchiveError(f"{self.path} is damaged; make or download the archive again.")


@dataclass(frozen=True)
class Part:
    """One file of a pack, asked for its name and bytes like a path."""

    pack: Pack
    name: str

    def __str__(self) -> str:
        return str(self.pack.path / self.name)

    def read_bytes(self) -> bytes:
        """Its bytes; ArchiveError if they are damaged."""
        return self.pack.read(self.name)


File: TypeAlias = Path | Part


def write(path: Path, parts: Iterable[tuple[str, bytes]]) -> None:
    """Write a pack of these names and bytes; the same ones make the same pack on any day."""
    with ZipFile(path, "w", ZIP_STORED) as pack:
        for name, data in parts:
            pack.writestr(ZipInfo(name), data)
