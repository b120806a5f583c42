"""What is known about each case of an archive, in one SQLite table.

Rows stand in the order of their ids, so a row's position is also its place in
the archive's codes and features.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.errors import ArchiveError


@dataclass(frozen=True)
class Entry:
    """One case of an archive; `file` is relative to the archive's pictures."""

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


@dataclass(frozen=True)
class Catalogue:
    """A read-only catalogue file; every call opens it anew, so threads can share one."""

    path: Path

    def entries(self, positions: Sequence[int] | None = None) -> list[Entry]:
        """The entries at these positions, in their order; all of them by default."""
        query = f"SELECT {', '.join(COLUMNS)} FROM cases"
        with _reading(self.path) as connection:
            if positions is None:
                return [Entry(*row) for row in connection.execute(f"{query} ORDER BY position")]
            one = f"{query} WHERE position = ?"
            return [
                Entry(*connection.execute(one, (int(place),)).fetchone()) for place in positions
            ]

    def column(self, name: str) -> npt.NDArray[np.str_]:
        """One column of all cases, in order of position."""
        if name not in COLUMNS:
            raise ArchiveError(f"A catalogue has no column {name!r}; it has {', '.join(COLUMNS)}.")
        with _reading(self.path) as connection:
            rows = connection.execute(f"SELECT {name} FROM cases ORDER BY position").fetchall()
        return np.array([value for (value,) in rows], dtype=np.str_)

    def positions_of(self, sha256: str) -> list[int]:
        """Where the picture with this pixel checksum stands: usually nowhere or once."""
        with _reading(self.path) as connection:
            rows = connection.execute(
                "SELECT position FROM cases WHERE sha256 = ? ORDER BY position", (sha256,)
            )
            return [position for (position,) in rows]


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write a new catalogue; the entries must come in the order of their ids."""
    connection = sqlite3.connect(path)
    try:
        kinds = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
        connection.execute(
            f"CREATE TABLE cases (position INTEGER PRIMARY KEY, {kinds}, UNIQUE (id))"
        )
        connection.execute("CREATE INDEX by_sha256 ON cases (sha256)")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        connection.executemany(
            f"INSERT INTO cases VALUES ({marks})",
            ((position, *astuple(entry)) for position, entry in enumerate(entries)),
        )
        connection.commit()
    finally:
        connection.close()


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    # immutable: no lock file beside a catalogue that nobody ever writes in place
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        yield connection
    except sqlite3.DatabaseError:
        raise ArchiveError(f"{path} is damaged; make or download the archive again.") from None
    finally:
        connection.close()
