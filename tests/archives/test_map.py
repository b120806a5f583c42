"""The map of an archive: made with it, not shown when it no longer fits, and measured."""

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.archives.map import kept, layout
from retrieval.errors import ArchiveError


@pytest.fixture
def own(folder, model, tmp_path):
    return indexing.index(folder, model, tmp_path / "own")


def test_an_archive_is_made_with_its_map(own):
    points = np.asarray(own.points)
    assert points.shape == (len(own), 2) and points.dtype == np.float32
    assert np.abs(points).max() == pytest.approx(1)
    np.testing.assert_array_equal(points, layout(np.asarray(own.codes)))  # rows as the codes'
    archives.verify(own)


def test_a_changed_archive_has_no_map_until_it_is_made_anew(own, capsys):
    entry = own.catalogue.entries([0])[0]
    changed = indexing.remove(own.folder, [entry.id])
    assert changed.points is None
    assert main(["map", str(own.folder)]) == 0
    assert f"{len(own) - 1} cases" in capsys.readouterr().out
    again = archives.open_archive(own.folder)
    assert again.points.shape == (len(own) - 1, 2) and again.id == changed.id
    archives.verify(again)


def test_a_large_archive_is_made_without_a_map(folder, model, tmp_path, monkeypatch):
    """Every distance to every other would not fit in memory."""
    monkeypatch.setattr(indexing, "MOST", 20)
    large = indexing.index(folder, model, tmp_path / "large")
    assert len(large) > 20 and large.points is None
    archives.verify(large)
    with pytest.raises(ArchiveError, match="a map shows 20 at most"):
        indexing.lay_out(large.folder)


def test_a_case_alone_has_a_map_of_itself(own, capsys):
    indexing.remove(own.folder, own.catalogue.column("id").tolist()[1:])
    assert main(["map", str(own.folder)]) == 0
    assert "1 case" in capsys.readouterr().out


def test_shipped_archives_stay_as_they_are(capsys):
    assert main(["map", "sample-ct"]) == 1
    assert "comes with the project" in capsys.readouterr().err


@pytest.mark.parametrize("name", archives.shipped())
def test_every_shipped_archive_has_a_map_that_keeps_more_than_chance(name):
    archive = archives.open_archive(name)
    points = np.asarray(archive.points)
    some = np.arange(min(len(archive), 800))
    codes = np.asarray(archive.codes)[some]
    shuffled = np.random.default_rng(0).permutation(points[some])
    assert kept(codes, points[some]) > 2 * kept(codes, shuffled)


def test_kept_by_brute_force():
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (20, 4), dtype=np.uint8)
    points = random.normal(size=(20, 2)).astype(np.float32)
    bits = np.unpackbits(codes, axis=1)
    shares = []
    for row in range(20):
        others = [other for other in range(20) if other != row]
        by_code = {other: int((bits[other] != bits[row]).sum()) for other in others}
        reach = sorted(by_code.values())[2]
        near = sorted(others, key=lambda other, row=row: np.hypot(*(points[other] - points[row])))
        shares.append(np.mean([by_code[other] <= reach for other in near[:3]]))
    assert kept(codes, points, k=3) == pytest.approx(np.mean(shares))


def test_groups_of_codes_stand_together():
    random = np.random.default_rng(0)
    centres = random.integers(0, 2, (3, 64)).repeat(20, axis=0)
    codes = np.packbits(centres ^ (random.random(centres.shape) < 0.03), axis=1)
    points = layout(codes)
    group = np.arange(60) // 20
    middle = np.array([points[group == one].mean(axis=0) for one in range(3)])
    away = np.square(points[:, None] - middle).sum(axis=2)
    assert (away.argmin(axis=1) == group).all()


def test_too_few_cases_have_no_shape():
    assert not layout(np.zeros((5, 2), np.uint8)).any()
