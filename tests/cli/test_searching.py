"""search and inspect: the contract that scripts rely on, and the same in words."""

import json

import pytest
from PIL import Image

from retrieval.archives.archive import open_archive
from retrieval.cli import searching
from retrieval.trust.answer import NO_INFORMATION, Answer
from tests import small
from tests.cli.calling import call
from tests.reading.test_dicom import made, saved

NEITHER = "This looks like neither a chest CT slice nor"


def searched(*arguments):
    return json.loads(call("search", *arguments, "--json").stdout)


def test_search_json(world):
    done = call("search", world.archive, world.picture, "-k", 4, "--json")
    answer = json.loads(done.stdout)
    assert f"00-0.png: {NEITHER}" in done.stderr
    assert set(answer) == {"query", "hits"} and len(answer["query"]["sha256"]) == 64
    assert [warning.startswith(NEITHER) for warning in answer["query"]["warnings"]] == [True]
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4]
    assert set(answer["hits"][0]) == {
        "rank", "id", "distance", "bits", "label", "patient_id", "file", "identical",
    }  # fmt: skip
    first = answer["hits"][0]
    assert (first["distance"], first["bits"], first["identical"]) == (0, 32, True)
    assert (first["label"], first["patient_id"]) == ("bar", "p0")
    without = searched(world.archive, world.picture, "-k", 4, "--without-self")
    assert [hit["id"] for hit in without["hits"][:3]] == [hit["id"] for hit in answer["hits"][1:]]


def test_search_in_words(world):
    done = call("search", world.archive, world.picture)
    *hits, trust = done.stdout.splitlines()
    assert "identical picture" in hits[0] and "  p0  " in hits[0] and len(hits) == 10
    assert trust == "No chance is given: the archive is not calibrated."


def test_both_forms_say_the_warnings_of_the_scan_itself(world, tmp_path):
    scan = tmp_path / "scan.dcm"
    scan.write_bytes(saved(made(BurnedInAnnotation="YES")))
    done = call("search", world.archive, scan, "--json")
    warnings = json.loads(done.stdout)["query"]["warnings"]
    assert any("burned" in warning for warning in warnings) and len(warnings) > 1
    said = call("search", world.archive, scan).stderr
    assert said == done.stderr == "".join(f"scan.dcm: {warning}\n" for warning in warnings)


def test_a_patient_who_is_not_known_is_null_and_unknown(world, tmp_path):
    for number in range(2):
        (tmp_path / "folder" / "a").mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(small.picture("disk", number))
        picture.save(tmp_path / "folder" / "a" / f"{number}.png")
    done = call("index", tmp_path / "folder", "--model", world.model, "--out", tmp_path / "archive")
    assert done.stderr.endswith("Patients are not known; intervals are over pictures.\n")
    hits = searched(tmp_path / "archive", world.picture)["hits"]
    assert [hit["patient_id"] for hit in hits] == [None, None]
    text = call("search", tmp_path / "archive", world.picture).stdout
    assert text.count("patient unknown") == 2 and "picture:" not in text


def test_text_and_json_agree_on_the_trust_of_a_calibrated_archive(tmp_path):
    sample = open_archive("sample-ct")
    picture = tmp_path / "drawn.png"
    picture.write_bytes(sample.picture(sample.catalogue.entries([0])[0]).read_bytes())
    trust = searched("covid-ct", picture)["trust"]
    text = call("search", "covid-ct", picture).stdout
    assert set(trust["chances"]) == {"covid", "noncovid"} and not trust["answered"]
    for label, chance in trust["chances"].items():
        assert f"{label} {chance:.2f}" in text
    assert "rely on no chance" in text
    part = call("search", "covid-ct", picture, "--region", "0.2,0.2,0.5,0.5").stdout
    assert part.endswith("No chance is given for a part of a scan.\n")


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (
            Answer({"b": 0.1, "a": 0.9}, True, 0.5, False, True, ""),
            ["Chance of the same finding: a 0.90, b 0.10."],
        ),
        (
            Answer({"a": 0.6, "b": 0.4}, False, 0.5, False, False, ""),
            [
                "Chance of the same finding: a 0.60, b 0.40.",
                "80 % of the held-out queries were more certain than this; rely on no chance. "
                "The archive changed since its chances were fitted; rely on none of them.",
            ],
        ),
        (
            Answer({"a": 0.5, "b": 0.5}, False, 0.5, False, True, NO_INFORMATION),
            ["Chance of the same finding: a 0.50, b 0.50.", NO_INFORMATION],
        ),
        (Answer(None, False, None, False, True, "Far: no chance."), ["Far: no chance."]),
        (None, ["No chance is given: the archive is not calibrated."]),
    ],
)  # fmt: skip
def test_trust_in_words(answer, lines):
    assert searching._trust_lines(answer, of_part=False) == lines


def test_inspect(world, tmp_path):
    (tmp_path / "empty.dcm").write_bytes(b"")
    done = call("inspect", world.picture, tmp_path / "empty.dcm", "--json", expect=1)
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert set(good) == set(bad) == {
        "file", "ok", "format", "width", "height", "frames", "modality", "warnings", "error",
    }  # fmt: skip
    assert good["ok"] and (good["format"], good["width"], good["height"]) == ("PNG", 96, 72)
    assert not bad["ok"] and bad["error"] == "The file is empty; copy or export it again."
    assert "PNG, 96 x 72" in call("inspect", world.picture).stdout
