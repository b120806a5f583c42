"""The archive as one query sees it."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval import scans
from retrieval.around import around
from retrieval.datasets import read_folder
from retrieval.errors import SearchError
from retrieval.indexing import index
from tests import small


@pytest.fixture(scope="module")
def seen(folder, archive, model):
    """One case of the archive asked about."""
    scan = scans.read(folder.path(folder.cases[5]))
    return around(archive, model.codes(model.encode([scan.pixels])), scan.sha256)


def test_hits_are_those_of_a_search(seen, folder, archive, model):
    for case in folder.cases[:8]:
        scan = scans.read(folder.path(case))
        code = model.codes(model.encode([scan.pixels]))
        mine = around(archive, code, scan.sha256)
        for k in (1, 7, len(archive), len(archive) + 5):
            assert mine.hits(k) == archive.search(code, scan.sha256, k)
    with pytest.raises(SearchError, match="at least 1"):
        seen.hits(0)


def test_the_same_picture_comes_before_its_ties(archive):
    constant = replace(archive, codes=np.zeros_like(archive.codes))
    for entry in archive.catalogue.entries()[3:20:4]:
        for hits in (
            around(constant, constant.codes[:1], entry.sha256).hits(3),
            constant.search(constant.codes[:1], entry.sha256, 3),
        ):
            assert hits[0].entry == entry and hits[0].identical and hits[0].tied
            rest = [hit.position for hit in hits.hits[1:]]
            assert rest == sorted(rest) and not hits[1].identical


def test_allowed_cases_alone_are_ranked_and_keep_their_order(seen, archive):
    labels = archive.catalogue.column("label")
    whole = [hit.entry.id for hit in seen.hits(len(archive)).hits if hit.entry.label == "disk"]
    hits = seen.hits(len(archive), labels == "disk")
    assert [hit.entry.id for hit in hits.hits] == whole
    assert [hit.rank for hit in hits.hits] == list(range(1, len(whole) + 1))
    assert hits.beyond is None and seen.hits(2, labels == "disk").beyond is not None
    assert len(seen.hits(3, labels == "nothing")) == 0


@pytest.mark.parametrize("label", small.LABELS)
def test_the_nearest_of_another_label(seen, archive, label):
    ranking = seen.hits(len(archive)).hits
    assert any(hit.identical for hit in ranking)  # which tells the reader nothing
    assert seen.nearest_other(label) == next(
        hit for hit in ranking if hit.entry.label != label and not hit.identical
    )


def test_an_archive_of_one_label_has_no_other(model, tmp_path):
    folder = read_folder(small.write_folder(tmp_path / "folder", patients=1))
    alone = index(folder, model, tmp_path / "archive")
    assert around(alone, alone.codes[:1], "none").nearest_other("bar") is None


def test_counts_hold_every_case_once(seen, archive):
    counts = seen.counts()
    labels = archive.catalogue.column("label")
    assert sum(table.sum() for table in counts.values()) == len(archive)
    for name, table in counts.items():
        assert table.shape == (archive.bits + 1,)
        far = np.repeat(np.arange(archive.bits + 1), table)
        np.testing.assert_array_equal(far, np.sort(seen.distances[labels == name]))
