"""One query, one ranked list."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.archives.indexing import index
from retrieval.codes import hamming
from retrieval.data.folder import read_folder
from retrieval.errors import SearchError
from retrieval.reading import decode
from retrieval.search.search import search
from tests import small


@pytest.fixture(scope="module")
def seen(folder, archive, model):
    """One case of the archive asked about."""
    scan = decode.read(folder.path(folder.cases[5]))
    return search(archive, model.codes(model.encode([scan.pixels])), scan.sha256)


def sorted_by_hand(archive, code, k):
    """The k nearest (position, distance) by (distance, position), counted bit by bit."""
    bits = np.unpackbits(archive.codes ^ code, axis=1).sum(axis=1).tolist()
    return sorted(enumerate(bits), key=lambda pair: (pair[1], pair[0]))[:k]


def test_hits_are_sorted_by_distance_and_id(folder, archive, model):
    for case in folder.cases[:8]:
        code = model.codes(model.encode([decode.read(folder.path(case)).pixels]))
        ranking = search(archive, code, "of another picture")
        for k in (1, 7, len(archive), len(archive) + 5):
            found = [(hit.position, hit.distance) for hit in ranking.hits(k).hits]
            assert found == sorted_by_hand(archive, code, k)
            nearest = hamming.rank(archive.codes, code, k)
            assert [place for place, _ in found] == nearest.positions[0].tolist()
    with pytest.raises(SearchError, match="at least 1"):
        ranking.hits(0)


def test_the_same_picture_comes_before_its_ties(archive):
    constant = replace(archive, codes=np.zeros_like(archive.codes))
    for entry in archive.catalogue.entries()[3:20:4]:
        hits = search(constant, constant.codes[:1], entry.sha256).hits(3)
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
    assert search(alone, alone.codes[:1], "none").nearest_other("bar") is None


def test_counts_hold_every_case_once(seen, archive):
    counts = seen.counts()
    labels = archive.catalogue.column("label")
    assert sum(table.sum() for table in counts.values()) == len(archive)
    for name, table in counts.items():
        assert table.shape == (archive.bits + 1,)
        far = np.repeat(np.arange(archive.bits + 1), table)
        np.testing.assert_array_equal(far, np.sort(seen.distances[labels == name]))
