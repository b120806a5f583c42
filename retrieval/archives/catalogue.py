"""The metadata of each case of an archive, in one SQLite table.

Rows are in the order of their ids, so a row's position is also its place in the
archive's codes and features.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.codes.model import ID_LENGTH
from retrieval.errors import ArchiveError


@dataclass(frozen=True)
class Entry:
    """One case of an archive; `file` is relative to the archive's pictures.

    id : the start of `sha256`, and for a further copy of the picture a number after a hyphen.
    """

    id: str
    sha256: str
    label: str
    patient_id: str
    split: str
    subtype: str
    source: str
    doi: str
    note: str
    file: str


COLUMNS = tuple(field.name for field in fields(Entry))
CHUNK = 500  # positions asked for in one statement; SQLite allows about a thousand


class Catalogue:
    """A read-only catalogue file, held open: it can be read even after a newer one replaced it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()  # one connection, used by every thread in turn
        # immutable: no lock file, since a catalogue is never written in place
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.DatabaseError:
            raise self._damaged() from None
        weakref.finalize(self, self._connection.close)
        self._rows("SELECT count(*) FROM cases")
        self._columns: dict[str, npt.NDArray[np.str_]] = {}

    def entries(self, positions: Sequence[int] | None = None) -> list[Entry]:
        """The entries at these positions, in their order; all of them by default."""
        query = f"SELECT {', '.join(COLUMNS)} FROM cases"
        if positions is None:
            return [Entry(*row) for row in self._rows(f"{query} ORDER BY position")]
        wanted = [int(place) for place in positions]
        found: dict[int, Entry] = {}
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            marks = ", ".join("?" * len(chunk))
            text = f"SELECT position, {', '.join(COLUMNS)} FROM cases WHERE position IN ({marks})"
            found |= {place: Entry(*row) for place, *row in self._rows(text, chunk)}
        return [found[place] for place in wanted]

    def column(self, name: str) -> npt.NDArray[np.str_]:
        """One column of all cases, in order of position; read once, and not to be written to."""
        if name not in COLUMNS:
            raise ArchiveError(f"A catalogue has no column {name!r}; it has {', '.join(COLUMNS)}.")
        if name not in self._columns:
            rows = self._rows(f"SELECT {name} FROM cases ORDER BY position")
            column = np.array([value for (value,) in rows], dtype=np.str_)
            column.flags.writeable = False
            self._columns[name] = column
        return self._columns[name]

    def positions_of(self, sha256: str) -> list[int]:
        """The positions of the picture with this pixel checksum: usually none or one."""
        rows = self._rows(
            "SELECT position FROM cases WHERE sha256 = ?1 AND (id = ?2 OR id BETWEEN ?2 || '-' "
            "AND ?2 || '.') ORDER BY position",  # found by the index of ids: "." follows "-"
            [sha256, sha256[:ID_LENGTH]],
        )
        return [position for (position,) in rows]

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError:
            raise self._damaged() from None

    def _damaged(self) -> ArchiveError:
        return ArchiveError(f"{self.path} is damaged; make or download the archive again.")


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write a new catalogue; the entries must come in the order of their ids."""
    connection = sqlite3.connect(path)
    try:
        kinds = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
        connection.execute(
            f"CREATE TABLE cases (position INTEGER PRIMARY KEY, {kinds}, UNIQUE (id))"
        )
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        connection.executemany(
            f"INSERT INTO cases VALUES ({marks})",
            ((position, *astuple(entry)) for position, entry in enumerate(entries)),
        )
        connection.commit()
    finally:
        connection.close()
