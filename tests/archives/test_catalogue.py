"""The catalogue: what is written is read, by position, column and checksum."""

import numpy as np
import pytest

from retrieval.archives import catalogue
from retrieval.archives.catalogue import COLUMNS, Catalogue, Entry
from retrieval.errors import ArchiveError

CHECKSUMS = [f"{n % 3:064x}"[::-1] for n in range(5)]
NUMBERS = ("", "", "", "-2", "-2")  # the first picture and the second one stand twice


def entry(n):
    case = f"{CHECKSUMS[n][:16]}{NUMBERS[n]}"
    return Entry(case, CHECKSUMS[n], f"label {n % 2}", f"p{n}", "train", "", "s", "", "it's",
                 f"{n}.png")  # fmt: skip


ENTRIES = sorted((entry(n) for n in range(5)), key=lambda one: one.id)


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
    for sha256 in CHECKSUMS:
        own = [place for place, one in enumerate(ENTRIES) if one.sha256 == sha256]
        assert written.positions_of(sha256) == own
    assert [len(written.positions_of(sha256)) for sha256 in CHECKSUMS[:3]] == [2, 2, 1]
    assert written.positions_of(CHECKSUMS[0][:-1] + "1") == []  # of the same id, had it one
    assert written.positions_of("") == []
    assert written.positions_of("' OR '1'='1") == []


def test_a_picture_is_found_by_the_index_of_ids(written):
    plans = []
    written._connection.set_trace_callback(plans.append)
    written.positions_of(CHECKSUMS[0])
    found = written._rows(f"EXPLAIN QUERY PLAN {plans[0]}")
    assert not any("SCAN" in str(row) for row in found), found


def test_reading_leaves_no_file_behind(written):
    written.entries()
    assert [path.name for path in written.path.parent.iterdir()] == ["cases.sqlite"]


def test_refusals(written, tmp_path):
    with pytest.raises(ArchiveError, match="no column 'colour'"):
        written.column("colour")
    written.path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(ArchiveError, match="is damaged"):
        written.entries()
