"""What the app offers follows what the folders hold, and nothing is opened twice."""

from dataclasses import replace

import pytest

from pages.common.shell import archives as shown
from pages.common.shell import pictures
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.data.folder import read_folder
from tests import small
from tests.pages.visiting import counted, ranks, sample_bytes, started, uploaded


@pytest.fixture
def own(folder, model, tmp_path, monkeypatch):
    """An archive beside the shipped ones that a test may change."""
    made = indexing.index(folder, model, tmp_path / "archives" / "own")
    monkeypatch.setenv(shown.ARCHIVES_VARIABLE, str(tmp_path / "archives"))
    return made


def offered():
    return shown.offered()[0]


def test_an_unchanged_archive_is_opened_once(own):
    assert offered()["own"] is offered()["own"]


def test_changed_cases_chances_and_maps_are_noticed_without_a_restart(own):
    before = offered()["own"]
    calibration = archives.open_archive("covid-ct").calibration
    indexing.calibrate(own.folder, replace(calibration, bits=own.bits))
    calibrated = offered()["own"]
    assert calibrated.id == before.id and before.calibration is None
    assert calibrated.calibration is not None
    indexing.remove(own.folder, [own.catalogue.entries([0])[0].id])
    smaller = offered()["own"]
    assert len(smaller) == len(own) - 1 and smaller.points is None
    indexing.lay_out(own.folder)
    assert offered()["own"].points is not None


def test_an_archive_that_is_gone_is_no_longer_offered(own, tmp_path):
    assert "own" in offered()
    own.folder.rename(tmp_path / "elsewhere")
    assert "own" not in offered() and not shown.offered()[1]


def test_a_damaged_archive_is_named_and_offered_again_when_it_is_mended(own):
    manifest = own.folder / archives.MANIFEST
    whole = manifest.read_bytes()
    manifest.write_bytes(b"{}")
    found, problems = shown.offered()
    assert "own" not in found and problems == ["Archive own is damaged or of another version."]
    manifest.write_bytes(whole)
    assert "own" in offered() and not shown.offered()[1]


def test_a_folder_that_is_not_there_offers_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv(shown.ARCHIVES_VARIABLE, str(tmp_path / "nowhere"))
    assert set(offered()) == set(archives.shipped())


def test_a_rerun_with_matches_opens_no_archive(monkeypatch):
    app = uploaded(started(), sample_bytes())
    opened = counted(monkeypatch, archives, "open_archive")
    assert ranks(app.run()) and not opened
    assert not started().exception and not opened


def test_pictures_are_counted_anew_when_some_come_or_go(monkeypatch, tmp_path, model):
    written = small.write_folder(tmp_path / "folder", patients=2)
    archive = indexing.index(read_folder(written), model, tmp_path / "archive")
    assert pictures.here(archive) == len(archive)
    looked_up = counted(monkeypatch, archives.Archive, "picture")
    assert pictures.here(archive) == len(archive) and not looked_up
    moved = written / archive.catalogue.entries([0])[0].file
    moved.rename(tmp_path / "away.png")
    assert pictures.here(archive) == len(archive) - 1
    (tmp_path / "away.png").rename(moved)
    assert pictures.here(archive) == len(archive)
