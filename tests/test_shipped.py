"""What ships, on the real pictures where they are: each finds itself, at distance 0."""

from pathlib import Path

import numpy as np
import pytest

from retrieval import scans
from retrieval.archive import open_archive
from retrieval.choices import sample_of_archive
from retrieval.evaluation import cases_of_archive, evaluate
from retrieval.lengths import DRAWS, compare
from retrieval.results import read_result

PICTURES = Path(__file__).parents[2] / "shared" / "data" / "covid-ct"
needs_pictures = pytest.mark.skipif(
    not PICTURES.is_dir(), reason="the COVID-CT pictures are not on this machine"
)


@needs_pictures
@pytest.mark.parametrize("name", ["covid-ct", "covid-ct-paper"])
def test_a_real_picture_finds_itself(name):
    archive = open_archive(name)
    model = archive.model()
    for entry in archive.catalogue.entries(range(0, len(archive), 50)):
        scan = scans.read(PICTURES / entry.file)
        found = archive.search(model.codes(model.encode([scan.pixels])), scan.sha256, len(archive))
        same = [hit for hit in found.hits if hit.identical]
        assert [(hit.entry.id, hit.distance) for hit in same] == [(entry.id, 0)]


def test_the_sample_finds_itself_from_its_own_pictures():
    archive = open_archive("sample-ct")
    model = archive.model()
    for entry in archive.catalogue.entries(range(0, len(archive), 40)):
        scan = scans.read(archive.picture(entry))
        code = model.codes(model.encode([scan.pixels]))
        assert scan.sha256 == entry.sha256
        found = archive.search(code, scan.sha256, len(archive))
        assert [(h.entry.id, h.distance) for h in found.hits if h.identical] == [(entry.id, 0)]


@pytest.mark.parametrize("name", ["covid-ct", "covid-ct-paper", "sample-ct"])
def test_a_stored_result_is_what_its_archive_gives(name):
    """The official figures again, from the features that ship."""
    archive = open_archive(name)
    model = archive.model()
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    assert evaluate(archive, model, queries, protocol="official").json() == read_result(
        f"{name}-official"
    )


def numbers(value):
    """All numbers of a JSON value, in order."""
    parts = value.values() if isinstance(value, dict) else [value]
    return [n for part in parts for n in (numbers(part) if isinstance(part, dict) else [part])]


@pytest.mark.parametrize(("name", "draws"), [("covid-ct", DRAWS), ("covid-ct-paper", 2)])
def test_a_stored_comparison_is_what_its_archive_gives(name, draws):
    """The comparison of code lengths again; of the longer one, all but the random draws."""
    archive = open_archive(name)
    model = archive.model()
    queries = sample_of_archive(archive, model)
    queries = queries.take(queries.cases.splits == "val")
    found = compare(archive, model, queries, draws=draws).json()
    stored = read_result(f"lengths/{name}-val")
    assert [found[key]["id"] for key in ("archive", "model")] == [
        stored[key]["id"] for key in ("archive", "model")
    ]
    for bits, length in stored["lengths"].items():
        for choice in ("MID", "MIQ", "FCQ", "variance"):
            for part in ("bits", "floats", "minus_floats"):
                assert numbers(found["lengths"][bits][choice][part]) == pytest.approx(
                    numbers(length[choice][part]), abs=1e-9
                )
    if draws == stored["draws"]:
        assert numbers(found["lengths"]) == pytest.approx(numbers(stored["lengths"]), abs=1e-9)


@pytest.mark.parametrize("name", ["covid-ct", "covid-ct-paper"])
def test_the_official_split_is_whole_and_apart(name):
    archive = open_archive(name)
    splits, patients = archive.catalogue.column("split"), archive.catalogue.column("patient_id")
    counts = {str(split): int((splits == split).sum()) for split in np.unique(splits)}
    assert counts == {"test": 203, "train": 425, "val": 118}
    assert archive.model().trained_on == {
        id_
        for id_, split in zip(archive.catalogue.column("id").tolist(), splits, strict=True)
        if split == "train"
    }
    groups = [set(patients[splits == split].tolist()) for split in counts]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
