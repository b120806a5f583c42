"""Other hospitals' slices: figures against plain loops, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval.archives.archive import open_archive
from retrieval.archives.indexing import index
from retrieval.cli.travel import below_chance_line
from retrieval.data.folder import read_folder
from retrieval.errors import EvaluationError, ModelMismatch, PatientOverlap, SettingError
from retrieval.evaluation import results
from retrieval.evaluation.cases import cases_of_archive, cases_of_folder
from retrieval.evaluation.jobs import measure_travel
from retrieval.evaluation.studies import travel
from retrieval.evaluation.studies.travel import NOT_TEST, Place, Source
from retrieval.imaging.disturbances import DISTURBANCES
from retrieval.reading import decode
from retrieval.reports import travel_table
from tests import small
from tests.cli.calling import call
from tests.evaluation.test_protocols import expected_precision

AXIS = {"stripe": "bar"}
MAPPED = ("--label-map", "stripe=bar")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A hospital of its own: other patients, darker pictures, another word for bars."""
    root = small.write_folder(tmp_path_factory.mktemp("other") / "elsewhere", patients=24)
    for path in (root / "images").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[::-1] // 2).save(path)
    table = root / "images.csv"
    text = table.read_text().replace(",bar,p", ",stripe,q").replace(",disk,p", ",disk,q")
    table.write_text(text)
    return read_folder(root)


@pytest.fixture(scope="module")
def there(elsewhere, model, tmp_path_factory):
    """The other hospital as an archive: nothing needs to be encoded to ask it, or to ask."""
    return index(elsewhere, model, tmp_path_factory.mktemp("archives") / "elsewhere").folder


@pytest.fixture(scope="module")
def ask(archive, there, model):
    """`measure_travel` of the other hospital's val cases in the archive, or as is said."""

    def asked(*galleries, queries=f"{there}:val", **more):
        options = {"axis": AXIS, "changes": None, "hospital_out": False, **more}
        return measure_travel(
            str(model.folder), galleries or [str(archive.folder)], queries,
            progress=lambda *_: None, **options,
        )  # fmt: skip

    return asked


def loop(gallery, queries, k):
    """P@k and the chance of every query, case by case; both sides are (Cases, axis)."""
    (cases, names), (asked, own) = gallery, queries
    found = []
    for code, word in zip(asked.codes, asked.labels.tolist(), strict=True):
        label = own.get(word, word)
        hits = [names.get(other, other) == label for other in cases.labels.tolist()]
        precision = expected_precision(zip(cases.codes, hits, strict=True), code, k)
        found.append((precision, np.mean(hits)))
    return np.array(found)


@pytest.mark.parametrize("k", [1, 10])
def test_figures_are_those_of_a_loop_over_a_mixed_gallery(ask, archive, elsewhere, there, model, k):
    found = ask(str(archive.folder), f"{there}:train").json()
    ours, theirs = cases_of_archive(archive, model), elsewhere.split(["train"])
    kept = ours.take(ours.splits != "test")
    gallery = kept.joined(cases_of_folder(theirs, model))
    queries = cases_of_folder(elsewhere.split(["val"]), model)
    expected = loop((gallery, AXIS), (queries, AXIS), k)
    assert found["queries"] == 12 and found["archive"]["count"] == 20 + 24
    assert [one["count"] for one in found["archive"]["sources"]] == [20, 24]
    assert found["at_k"][str(k)]["precision"]["value"] == pytest.approx(expected[:, 0].mean())
    assert found["chance"] == pytest.approx(expected[:, 1].mean())
    assert list(found["per_label"]) == ["disk", "stripe"]
    for word, part in found["per_label"].items():
        rows = expected[queries.labels == word]
        assert part["queries"] == len(rows) == 6
        assert part["at_k"][str(k)]["precision"]["value"] == pytest.approx(rows[:, 0].mean())
        assert part["chance"] == pytest.approx(rows[:, 1].mean())
    assert found["axis"] == {"disk": "disk", "stripe": "bar"}
    trained = [one["trained_on"] for one in found["archive"]["sources"]]
    assert trained == [16, 0] and found["asked"]["trained_on"] == 0


def test_masked_queries_are_ranked_by_the_codes_of_masked_pictures(ask, archive, elsewhere, model):
    found = ask(queries=f"{elsewhere.root}:val", changes=["mask-both"]).json()
    folder = elsewhere.split(["val"])
    pixels = [decode.read(folder.path(case)).pixels for case in folder.cases]
    masked = [DISTURBANCES["mask-both"].apply(one) for one in pixels]
    kept = cases_of_archive(archive, model)
    kept = kept.take(kept.splits != "test")
    queries = cases_of_folder(folder, model)
    plain = loop((kept, {}), (queries, AXIS), 10)[:, 0].mean()
    queries = replace(queries, codes=model.codes(model.encode(masked)))
    after = loop((kept, {}), (queries, AXIS), 10)[:, 0].mean()
    effect = found["changes"]["mask-both"]
    assert effect["precision_at_10"]["value"] == pytest.approx(after)
    assert effect["difference"]["value"] == pytest.approx(after - plain)


def test_a_hospital_asks_itself_without_the_patient_of_the_query(ask, there, model):
    found = ask(str(there), queries=str(there)).json()
    cases = cases_of_archive(open_archive(str(there)), model)
    cases = cases.take(cases.splits != "test")
    expected = [
        loop((cases.take(cases.patients != patient), AXIS), (queries, AXIS), 10)
        for patient in np.unique(cases.patients)
        for queries in [cases.take(cases.patients == patient)]
    ]
    assert found["queries"] == found["archive"]["count"] == 36
    precision, chance = np.concatenate(expected).mean(axis=0)
    assert found["at_k"]["10"]["precision"]["value"] == pytest.approx(precision)
    assert found["chance"] == pytest.approx(chance)
    assert travel_table.against(found).endswith(", own patient left out")


def test_codes_that_say_nothing_score_chance(archive, model):
    cases = cases_of_archive(archive, model)
    cases = replace(cases, codes=np.zeros_like(cases.codes))
    train, val = (cases.take(cases.splits == split) for split in ("train", "val"))
    galleries, queries = [Source.of("here", train, {})], Source.of("here", val, {})
    found = travel.measure(model, galleries, queries).json()
    assert found["at_k"]["10"]["precision"]["value"] == pytest.approx(found["chance"])
    assert not any(map(travel_table.below_chance, found["per_label"].values()))
    assert list(found["at_k"]) == ["1", "5", "10"]  # of 16 cases no list of 50 can be made


def test_the_hospital_of_the_queries_is_left_out_by_name(ask, archive, there):
    mixed = [str(archive.folder), f"{there}:train"]
    left_out, alone = ask(*mixed, hospital_out=True).json(), ask(mixed[0]).json()
    assert left_out == alone and alone != ask(*mixed).json()
    for galleries in (mixed[:1], mixed[1:]):
        with pytest.raises(EvaluationError, match="left out only of a gallery that holds"):
            ask(*galleries, hospital_out=True)


@pytest.mark.parametrize(
    ("text", "where", "splits"),
    [
        ("covid-ct", "covid-ct", NOT_TEST),
        ("a/covid-ct:train,val", "a/covid-ct", ("train", "val")),
        ("covid-ct:test", "covid-ct", ("test",)),
        ("C:/scans", "C:/scans", NOT_TEST),
        ("C:/scans:val", "C:/scans", ("val",)),
        ("covid-ct:tset", "covid-ct:tset", NOT_TEST),
        (":val", ":val", NOT_TEST),
    ],
)
def test_a_place_is_named_with_or_without_splits(text, where, splits):
    assert Place.named(text) == Place(where, splits)


def test_labels_of_one_side_only_are_refused(ask):
    with pytest.raises(EvaluationError, match="bar, disk and those of elsewhere are disk, stripe;"):
        ask(axis={})
    with pytest.raises(SettingError, match="'stripes'; the labels are bar, disk, stripe"):
        ask(axis={"stripes": "bar"})


def test_patients_and_pictures_on_both_sides_are_refused(ask, archive, folder, tmp_path):
    here = f"{archive.folder}:train,val"
    with pytest.raises(PatientOverlap, match=r"8 patients stand both .* first p0; keep all"):
        ask(here, queries=f"{folder.root}:train", axis={})
    copy = tmp_path / "copy"
    shutil.copytree(folder.root, copy)
    table = copy / "images.csv"
    table.write_text(table.read_text().replace(",p", ",other-"))
    with pytest.raises(PatientOverlap, match=r"16 pictures stand both .* under another patient"):
        ask(here, queries=f"{copy}:train", axis={})


def test_a_picture_in_two_galleries_is_refused(ask, archive):
    with pytest.raises(EvaluationError, match="16 pictures stand in two of the galleries"):
        ask(f"{archive.folder}:train", f"{archive.folder}:train,val")


def test_archives_of_another_model_are_refused(ask, elsewhere, folder, tmp_path):
    other = small.build_model(tmp_path / "model", folder, seed=9)
    made = index(elsewhere.split(["val"]), other, tmp_path / "elsewhere")
    with pytest.raises(ModelMismatch, match="was built with model"):
        ask(str(made.folder))
    with pytest.raises(ModelMismatch, match="was built with model"):
        ask(queries=str(made.folder))


def test_what_cannot_be_measured_is_refused(ask, archive):
    with pytest.raises(EvaluationError, match="no pictures to change; name the folder"):
        ask(queries=f"{archive.folder}:test", axis={}, changes=["mask-both"])
    with pytest.raises(EvaluationError, match="has 4 cases to be compared with, too few"):
        ask(f"{archive.folder}:val", queries=f"{archive.folder}:test", axis={})


def test_the_command_prints_what_it_writes(archive, elsewhere, model, tmp_path):
    out = tmp_path / "out.json"
    done = call(
        "study", "travel", model.folder, "--gallery", archive.folder,
        "--queries", f"{elsewhere.root}:val", *MAPPED, "--changes", "mask-both", "--json", out,
    )  # fmt: skip
    found = json.loads(out.read_text())
    assert found == results.rounded(found)
    first, mapped, second, *lines = done.stdout.splitlines()
    assert first == "small: elsewhere (12, val) against all (20, train + val; trained on 16)."
    assert mapped == "Labels of the queries count: stripe as bar."
    assert "12 queries against 20 cases, 32 bits, protocol travel; 95 %" in second
    assert [line.split()[0] for line in lines if "Found" not in line] == [
        "all", "disk", "stripe", "mask-both",
    ]  # fmt: skip


def test_the_table_marks_a_finding_that_is_found_less_often_than_by_chance(ask, monkeypatch):
    found = json.loads(json.dumps(ask().json()))
    figure = {"value": -0.25, "low": -0.5, "high": 0.0}
    effect = {"precision_at_10": {**figure, "value": 0.75}, "difference": figure}
    found["changes"]["mask-both"] = effect
    for word, value in (("disk", 0.9), ("stripe", 0.1)):
        found["per_label"][word]["at_k"]["10"]["precision"]["value"] = value
    monkeypatch.setattr(travel_table, "within", lambda folder: [f"{folder}one"])
    monkeypatch.setattr(travel_table, "read_result", {"travel/one": found}.__getitem__)
    row = travel_table.travel_table().splitlines()[2]
    assert row.startswith(
        "| `small` | elsewhere (12, val) | all (20, train + val; trained on 16) |"
    )
    chances = [found["per_label"][word]["chance"] for word in ("disk", "stripe")]
    findings = f"disk 0.900 ({chances[0]:.3f}), **stripe 0.100 ({chances[1]:.3f})**"
    assert row.endswith(f"| {findings} | 0.750 (-0.250 [-0.500, +0.000]) |")
    assert [*below_chance_line(found)] == ["Found less often than by chance: stripe."]


@pytest.mark.parametrize("name", results.within(results.TRAVELS))
def test_no_stored_result_looked_at_a_test_split(name):
    found = results.read_result(name)
    sources = [found["asked"], *found["archive"]["sources"]]
    assert "test" not in {split for source in sources for split in source["splits"]}
    assert found["axis"].keys() == found["per_label"].keys()
