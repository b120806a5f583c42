"""What ships, on the real pictures where they are: each finds itself, at distance 0."""

from pathlib import Path

import numpy as np
import pytest

from retrieval.archives.archive import open_archive
from retrieval.evaluation.jobs import evaluate_archive
from retrieval.evaluation.results import read_result
from retrieval.evaluation.studies.choices import sample_of_archive
from retrieval.evaluation.studies.lengths import DRAWS, compare
from retrieval.reading import decode
from retrieval.search.search import search
from tests.stored import ROUNDED, assert_alike, numbers

PICTURES = Path(__file__).parents[2] / "shared" / "data"
needs_pictures = pytest.mark.skipif(
    not PICTURES.is_dir(), reason="the pictures of COVID-CT and pneumonia are not on this machine"
)


@needs_pictures
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("covid-ct", 50),
        ("covid-ct-paper", 50),
        ("pneumonia-xray", 350),
        ("pneumonia-xray-paper", 1000),
    ],
)
def test_a_real_picture_finds_itself(name, step):
    archive = open_archive(name)
    model = archive.model()
    for entry in archive.catalogue.entries(range(0, len(archive), step)):
        scan = decode.read(PICTURES / archive.dataset / entry.file)
        found = search(archive, model.codes(model.encode([scan.pixels])), scan.sha256).hits(
            len(archive)
        )
        same = [hit for hit in found.hits if hit.identical]
        assert [(hit.entry.id, hit.distance) for hit in same] == [(entry.id, 0)]


@pytest.mark.parametrize("name", ["sample-ct", "sample-xray"])
def test_a_sample_finds_itself_from_its_own_pictures(name):
    archive = open_archive(name)
    model = archive.model()
    for entry in archive.catalogue.entries(range(0, len(archive), 40)):
        scan = decode.read(archive.picture(entry))
        code = model.codes(model.encode([scan.pixels]))
        assert scan.sha256 == entry.sha256
        found = search(archive, code, scan.sha256).hits(len(archive))
        assert [(h.entry.id, h.distance) for h in found.hits if h.identical] == [(entry.id, 0)]


@pytest.mark.parametrize(
    "name", ["covid-ct", "covid-ct-paper", "sample-ct", "sample-xray", "pneumonia-xray"]
)
def test_a_stored_result_is_what_its_archive_gives(name):
    """The official figures again, from the features that ship; chances and similarity too."""
    options = {"splits": ["test"], "protocol": "official", "bits": None}
    result, alike = evaluate_archive(name, name, **options, progress=lambda *_: None)
    found, stored = {**result.json(), "similarity": alike.json()}, read_result(f"{name}-official")
    stored.pop("code", None)  # of the day when it was stored; the figures are to be today's as well
    assert_alike(found, stored)


@pytest.mark.parametrize(("name", "draws"), [("covid-ct", DRAWS), ("covid-ct-paper", 2)])
def test_a_stored_comparison_is_what_its_archive_gives(name, draws):
    """The comparison of code lengths again; of the longer one, all but the random draws."""
    archive = open_archive(name)
    model = archive.model()
    queries = sample_of_archive(archive, model)
    queries = queries.take(queries.cases.splits == "test")
    found = compare(archive, model, queries, draws=draws).json()
    stored = read_result(f"lengths/{name}-test")
    assert [found[key]["id"] for key in ("archive", "model")] == [
        stored[key]["id"] for key in ("archive", "model")
    ]
    for bits, length in stored["lengths"].items():
        for choice in ("MID", "MIQ", "FCQ", "variance"):
            for part in ("bits", "floats", "minus_floats"):
                assert numbers(found["lengths"][bits][choice][part]) == pytest.approx(
                    numbers(length[choice][part]), abs=ROUNDED
                )
    if draws == stored["draws"]:
        assert_alike(found["lengths"], stored["lengths"])


def test_chances_of_new_ct_patients_come_true_and_the_surest_are_better():
    trust = read_result("covid-ct-official")["trust"]
    assert trust["calibration_error"]["value"] <= trust["calibration_error"]["perfect_high"]
    assert trust["gain_at_80"]["low"] > 0 and trust["cross_validated_queries"] == 0


@pytest.mark.parametrize(
    ("name", "expected", "fitted"),
    [
        ("covid-ct", {"test": 203, "train": 425, "val": 118}, ("train", "val")),
        ("covid-ct-paper", {"test": 203, "train": 425, "val": 118}, ("train",)),
        ("pneumonia-xray", {"test": 624, "train": 4197, "val": 484}, ("train",)),
    ],
)
def test_the_official_split_is_whole_and_apart(name, expected, fitted):
    archive = open_archive(name)
    splits, patients = archive.catalogue.column("split"), archive.catalogue.column("patient_id")
    counts = {str(split): int((splits == split).sum()) for split in np.unique(splits)}
    assert counts == expected
    # a picture that stands twice has a second id with a number
    ids = [id_.partition("-")[0] for id_ in archive.catalogue.column("id").tolist()]
    model = archive.model()
    beside = model.trained_on - set(ids)
    assert len(beside) == model.about["training"].get("beside", {}).get("pictures", 0)
    assert model.trained_on - beside == {
        id_ for id_, split in zip(ids, splits, strict=True) if split in fitted
    }
    groups = [set(patients[splits == split].tolist()) for split in counts]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
