"""The catalogue: what is written is read, by position, column and checksum."""

import numpy as np
import pytest

from retrieval.archives import catalogue
from retrieval.archives.catalogue import COLUMNS, Catalogue, Entry
from retrieval.errors import ArchiveError

ENTRIES = [
    Entry(
        f"{n:02}",
        f"sha{n % 3}",
        f"label {n % 2}",
        f"p{n}",
        "train",
        "",
        "s",
        "",
        "it's",
        f"{n}.png",
    )
    for n in range(5)
]


@pytest.fixture
def written(tmp_path):
    catalogue.write(tmp_path / "cases.sqlite", ENTRIES)
    return Catalogue(tmp_path / "cases.sqlite")


def test_entries_come_back_in_the_order_asked_for(written):
    assert written.entries() == ENTRIES
    assert written.entries([3, 0, 3]) == [ENTRIES[3], ENTRIES[0], ENTRIES[3]]
    assert written.entries(np.array([4])) == [ENTRIES[4]]


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(written, name):
    assert written.column(name).tolist() == [getattr(entry, name) for entry in ENTRIES]


def test_positions_of_a_picture(written):
    assert written.positions_of("sha1") == [1, 4]
    assert written.positions_of("sha1' OR '1'='1") == []


def test_reading_leaves_no_file_behind(written):
    written.entries()
    assert [path.name for path in written.path.parent.iterdir()] == ["cases.sqlite"]


def test_refusals(written, tmp_path):
    with pytest.raises(ArchiveError, match="no column 'colour'"):
        written.column("colour")
    written.path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(ArchiveError, match="is damaged"):
        written.entries()
