"""Calibrated archives from fit to search, on small pictures; and what ships, on its val split."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval.__main__ import main
from retrieval.archives import archive as archives
from retrieval.archives import indexing
from retrieval.archives.archive import open_archive
from retrieval.codes import hamming
from retrieval.data.folder import read_folder
from retrieval.errors import ArchiveError, EvaluationError, PatientOverlap
from retrieval.evaluation import calibrating, jobs, trust
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.rankings import allowed_cases
from retrieval.reading import decode
from retrieval.statistics.fitting import fit
from retrieval.trust.answer import (
    ARCHIVED,
    FAR,
    NEAR_TRAINED,
    NO_INFORMATION,
    STRANGE,
    TRAINED_ON,
    UNLIKE,
    Answer,
    gives_chances,
    judge,
    withheld,
)
from tests import small


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """96 pictures of 48 patients, a model of the train split, an archive, a calibrated copy."""
    root = tmp_path_factory.mktemp("trust")
    folder = read_folder(small.write_folder(root / "folder", patients=48))
    model = small.build_model(root / "model", folder)
    archive = indexing.index(folder, model, root / "archive")
    calibrating.calibrate(
        str(archive.folder), str(root / "folder"), splits=["val"], out=root / "calibrated",
        progress=quiet,
    )  # fmt: skip
    return root


@pytest.fixture
def own(world, tmp_path):
    """A calibrated archive that a test may change."""
    archive = open_archive(world / "calibrated")
    return indexing.calibrated_copy(archive, archive.calibration, tmp_path / "own")


def quiet(*_):
    pass


def fresh_scan(tmp_path, seed=1234):
    Image.fromarray(small.picture("disk", seed)).save(tmp_path / "fresh.png")
    return decode.read(tmp_path / "fresh.png")


def judged(archive, scan):
    model = archive.model()
    code = model.codes(model.encode([scan.pixels]))
    return asked(archive, hamming.distances(archive.codes, code)[0], scan.sha256)


def asked(archive, distance, sha256, **flags):
    why = withheld(archive, archive.model(), distance, sha256, **flags)
    return judge(archive, distance, why)


def test_the_copy_is_the_same_archive_with_a_calibration(world):
    before, after = open_archive(world / "archive"), open_archive(world / "calibrated")
    assert before.calibration is None and after.calibration.archive_id == after.id == before.id
    archives.verify(after)
    assert after.name == "calibrated" and after.model().id == before.model().id
    entry = after.catalogue.entries([0])[0]
    assert after.picture(entry).samefile(before.picture(entry))
    assert len(after.calibration.pictures) == 24 and after.calibration.patients == 12


def test_the_calibration_is_what_fit_trust_gives(world):
    archive = open_archive(world / "calibrated")
    calibration, figures = calibrating.fit_trust(archive, str(world / "folder"), progress=quiet)
    assert calibration == archive.calibration
    assert (figures.queries, figures.patients, figures.refitted) == (24, 12, 24)
    stored, _ = calibrating.fit_trust(archive, str(world / "archive"), progress=quiet)
    assert stored == replace(calibration, slope=stored.slope, quantiles=stored.quantiles)
    assert stored.slope == pytest.approx(calibration.slope, abs=1e-3)


def test_the_gallery_of_a_fit_is_what_is_neither_val_nor_test(world, monkeypatch):
    seen = []
    keep = trust.evidence_of
    monkeypatch.setattr(trust, "evidence_of", lambda *sides: (seen.append(sides), keep(*sides))[1])
    calibrating.fit_trust(open_archive(world / "archive"), str(world / "archive"), progress=quiet)
    gallery, queries = seen[0]
    assert set(gallery.splits.tolist()) == {"train"} and set(queries.splits.tolist()) == {"val"}


def test_evidence_leaves_out_the_own_patient_and_picture(world):
    archive = open_archive(world / "archive")
    cases = cases_of_archive(archive, archive.model())
    evidence = trust.evidence_of(cases, cases)
    bits = np.unpackbits(np.asarray(archive.codes), axis=1).astype(int)
    assert evidence.distances.dtype == np.uint16
    for query in range(0, len(cases), 7):
        expected = np.abs(bits - bits[query]).sum(axis=1)
        np.testing.assert_array_equal(evidence.distances[query], expected)
        np.testing.assert_array_equal(
            evidence.allowed[query], cases.patients != cases.patients[query]
        )
    assert evidence.pictures[0] == cases.sha256[0][:16]
    kept = np.stack(list(allowed_cases(cases, cases, without=())))
    assert kept.all()


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [(("test",), "split test"), (("val", "test"), "split test"), (("train",), "was trained on")],
)
def test_a_fit_sees_neither_test_nor_training_pictures(world, splits, sentence):
    archive = open_archive(world / "archive")
    for queries in (world / "folder", world / "archive"):
        with pytest.raises(EvaluationError, match=sentence):
            calibrating.fit_trust(archive, str(queries), splits=splits, progress=quiet)


@pytest.mark.parametrize(("split", "sentence"), [("test", "test split"), ("train", "both among")])
@pytest.mark.parametrize("same", ["picture", "patient"])
def test_a_fit_knows_pictures_and_patients_by_whatever_split_they_are_called(
    world, tmp_path, split, sentence, same
):
    """A picture, or another one of its patient, in a folder that calls it val."""
    shutil.copytree(world / "folder", tmp_path / "folder")
    with (tmp_path / "folder" / "images.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    victim = next(row for row in rows if row["split"] == split)
    wolf = next(row for row in rows if row["split"] == "val")
    if same == "picture":
        shutil.copy(world / "folder" / victim["file"], tmp_path / "folder" / wolf["file"])
    rows = [row for row in rows if row["split"] == "val"]
    if same == "patient":
        wolf["patient_id"] = victim["patient_id"]
    with (tmp_path / "folder" / "images.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(EvaluationError, match=sentence) as caught:
        calibrating.fit_trust(
            open_archive(world / "archive"), str(tmp_path / "folder"), progress=quiet
        )
    assert isinstance(caught.value, PatientOverlap) == (split == "train")


def test_a_new_scan_gets_the_chances_of_the_whole_archive(own, tmp_path):
    scan = fresh_scan(tmp_path)
    answer = judged(own, scan)
    bits = np.unpackbits(np.asarray(own.codes), axis=1).astype(int)
    model = own.model()
    code = np.unpackbits(model.codes(model.encode([scan.pixels])), axis=1).astype(int)
    distance = np.abs(bits - code).sum(axis=1)
    labels, calibration = own.catalogue.column("label"), own.calibration
    scores = {
        name: (labels == name).mean()
        * np.exp(-distance[labels == name] / (32 * calibration.temperature)).mean()
        ** calibration.slope
        for name in small.LABELS
    }
    expected = {name: score / sum(scores.values()) for name, score in scores.items()}
    assert answer.chances == pytest.approx(expected) and answer.current
    assert answer.novelty == calibration.novelty(np.sort(distance)[:10].mean())
    sure = calibration.informative and max(expected.values()) >= calibration.threshold
    assert answer.answered == sure and bool(answer.why) != calibration.informative


def test_no_chance_for_a_picture_that_is_known(own, world, tmp_path):
    folder = read_folder(world / "folder")
    for split, reason in (("train", TRAINED_ON), ("val", ARCHIVED)):
        case = next(case for case in folder.cases if case.split == split)
        answer = judged(own, decode.read(folder.path(case)))
        assert (answer.chances, answer.novelty, answer.answered) == (None, None, False)
        assert answer.why == f"{reason}: no chance is given."
    assert judged(open_archive(world / "archive"), fresh_scan(tmp_path)) is None


def test_no_chance_for_a_copy_of_a_training_picture_nor_for_a_stranger(own, tmp_path):
    """A saved copy has other pixels, so another checksum, and nearly the same code."""
    model, splits = own.model(), own.catalogue.column("split")
    near = hamming.distances(own.codes, own.codes)[np.flatnonzero(splits == "train")[0]]
    assert asked(own, near, "f" * 64).why.startswith(NEAR_TRAINED)
    scan = fresh_scan(tmp_path)
    code = model.codes(model.encode([scan.pixels]))
    distance = hamming.distances(own.codes, code)[0]
    assert judged(own, scan).chances
    for flags, reason in (({"unlike": True}, UNLIKE), ({"strange": True}, STRANGE)):
        answer = asked(own, distance, scan.sha256, **flags)
        assert answer.chances is None and answer.why.startswith(reason) and not answer.answered
        assert answer.novel == ("strange" in flags)


def test_a_query_far_from_all_cases_gets_a_reason_instead_of_a_chance(own, tmp_path, monkeypatch):
    monkeypatch.setattr(type(own.calibration), "is_novel", lambda *_: True)
    answer = judged(own, fresh_scan(tmp_path))
    assert answer.novel and answer.chances is None and not answer.answered
    assert answer.why == f"{FAR}: no chance is given."


def test_an_archive_gives_chances_while_they_are_its_own_and_say_something(own, world):
    assert gives_chances(own) == own.calibration.informative
    assert not gives_chances(open_archive(world / "archive"))
    telling = indexing.calibrate(own.folder, replace(own.calibration, informative=True))
    assert gives_chances(telling)
    smaller = indexing.remove(own.folder, [own.catalogue.entries([0])[0].id])
    assert smaller.calibration is not None and not gives_chances(smaller)


def test_an_uninformative_calibration_answers_nobody(own, tmp_path):
    dull = replace(own.calibration, informative=False, slope=0.0, threshold=0.0)
    answer = judged(indexing.calibrate(own.folder, dull), fresh_scan(tmp_path))
    assert answer.chances == pytest.approx({"bar": 0.5, "disk": 0.5})
    assert not answer.answered and answer.why == NO_INFORMATION


@pytest.mark.parametrize(
    "changes", [{"answered": False}, {"novel": True}, {"current": False}, {"chances": None}]
)
def test_no_hit_gets_a_chance_that_would_mislead(changes):
    sure = Answer({"a": 0.9, "b": 0.1}, True, 0.5, False, True, "")
    assert [sure.chance_of(label) for label in ("a", "b", "c")] == [0.9, 0.1, 0.0]
    assert replace(sure, **changes).chance_of("a") is None


def test_search_json_gains_chances_and_keeps_its_keys(own, world, tmp_path, capsys, monkeypatch):
    scan = fresh_scan(tmp_path)
    assert main(["search", str(own.folder), str(tmp_path / "fresh.png"), "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)  # a disk is no chest scan
    assert drawn["trust"]["chances"] is None and UNLIKE in drawn["trust"]["why"]
    assert {hit["chance"] for hit in drawn["hits"]} == {None}
    monkeypatch.setattr("retrieval.__main__._warn_of_looks", lambda *_: False)
    outputs = []
    for archive in (world / "archive", own.folder):
        assert main(["search", str(archive), str(tmp_path / "fresh.png"), "--json"]) == 0
        outputs.append(json.loads(capsys.readouterr().out))
    plain, gained = outputs
    assert set(plain) == {"query", "hits"} and "chance" not in plain["hits"][0]
    answer = gained["trust"]
    assert set(answer) == {
        "answered", "novelty", "novel", "chances", "fitted_on_this_archive", "why",
    }  # fmt: skip
    assert sum(answer["chances"].values()) == pytest.approx(1)
    stated = answer["answered"] and not answer["novel"]
    assert [hit.pop("chance") for hit in gained["hits"]] == [
        answer["chances"][hit["label"]] if stated else None for hit in plain["hits"]
    ]
    assert (gained["query"], gained["hits"]) == (plain["query"], plain["hits"])
    assert gained["query"]["sha256"] == scan.sha256
    known = world / "folder" / "images" / "00-0.png"
    assert main(["search", str(own.folder), str(known), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert [hit["chance"] for hit in hits] == [None] * 10


def test_adding_and_removing_keep_the_calibration_and_mark_it(own, tmp_path):
    fresh_scan(tmp_path)
    grown = indexing.add(own.folder, [tmp_path / "fresh.png"], "disk")
    archives.verify(grown)
    assert grown.calibration == own.calibration and grown.calibration.archive_id != grown.id
    assert not judged(grown, fresh_scan(tmp_path, 77)).current
    new = next(entry.id for entry in grown.catalogue.entries() if entry.source == "added")
    back = indexing.remove(own.folder, [new])
    archives.verify(back)
    assert back.calibration == own.calibration and back.calibration.archive_id == back.id


def test_calibrating_again_replaces_and_a_reader_keeps_its_own(own):
    other = replace(own.calibration, slope=3.0)
    changed = indexing.calibrate(own.folder, other)
    archives.verify(changed)
    assert (changed.calibration, changed.id) == (other, own.id)
    assert len(list(own.folder.glob("calibration-*.json"))) == 2  # the state before, for readers
    np.testing.assert_array_equal(changed.codes, own.codes)


def test_pictures_that_an_archive_carries_come_along(world, tmp_path):
    model = open_archive(world / "archive").model()
    folder = read_folder(world / "folder").split(["val"])
    carrying = indexing.index(folder, model, tmp_path / "carrying", pictures="copy")
    calibration = open_archive(world / "calibrated").calibration
    copy = indexing.calibrated_copy(carrying, calibration, tmp_path / "deep" / "copy")
    entry = copy.catalogue.entries([0])[0]
    assert copy.carries(copy.picture(entry)) and copy.pack.path.parent == copy.folder
    assert copy.picture(entry).read_bytes() == carrying.picture(entry).read_bytes()
    assert copy.model().id == model.id


def test_damage_to_a_calibration_is_noticed(own):
    path = next(own.folder.glob("calibration-*.json"))
    text = path.read_text()
    path.write_text(text.replace("true", "trus").replace("false", "falso"))
    with pytest.raises(ArchiveError, match="damaged"):
        open_archive(own.folder)
    path.write_text(text[:-10])
    with pytest.raises(ArchiveError, match="cut off"):
        open_archive(own.folder)


def test_a_calibration_of_another_code_length_is_no_calibration(own):
    with pytest.raises(ArchiveError, match="64 bits does not fit"):
        indexing.calibrate(own.folder, replace(own.calibration, bits=64))
    assert open_archive(own.folder).calibration == own.calibration


def test_a_shipped_archive_is_calibrated_as_a_copy_only(tmp_path):
    with pytest.raises(ArchiveError, match="calibrated copy with --out"):
        calibrating.calibrate("covid-ct", "covid-ct", splits=["val"], out=None, progress=quiet)
    with pytest.raises(ArchiveError, match="comes with the project"):
        indexing.calibrate("covid-ct", None)


def evaluated(archive, queries, **options):
    options = {"splits": ["val"], "protocol": "official", "bits": None, **options}
    return jobs.evaluate_archive(str(archive), str(queries), **options, progress=quiet)[0]


def test_evaluate_gains_trust(world):
    result = evaluated(world / "calibrated", world / "folder")
    _, figures = calibrating.fit_trust(
        open_archive(world / "archive"), str(world / "folder"), progress=quiet
    )
    assert open_archive(world / "calibrated").calibration.informative
    assert result.json()["trust"] == figures.json()  # cross-validated, as the fit saw them
    p_at_10 = result.json()["trust"]["risk_coverage"][0]["p_at_10"]
    assert p_at_10 == pytest.approx(result.overall.at_k["precision"][0, 9])
    plain = evaluated(world / "archive", world / "folder")
    assert "trust" not in plain.json()
    assert {**result.json(), "trust": None} == {**plain.json(), "trust": None}


def test_trust_counts_queries_that_neither_model_nor_fit_saw(world):
    fitted = evaluated(world / "calibrated", world / "archive").trust
    assert (fitted.queries, fitted.refitted) == (24, 24)
    mixed = evaluated(
        world / "calibrated", world / "archive", splits=None, protocol="own-patient-out"
    )
    assert mixed.overall.queries == 96 and mixed.seen == 48
    assert (mixed.trust.queries, mixed.trust.refitted) == (48, 24)


def test_too_few_fitted_queries_are_left_out(world, tmp_path):
    shutil.copytree(world / "folder", tmp_path / "few")
    lines = (tmp_path / "few" / "images.csv").read_text().splitlines()
    val = [line for line in lines if ",val," in line]
    (tmp_path / "few" / "images.csv").write_text("\n".join([lines[0], *val[:6]]) + "\n")
    assert evaluated(world / "calibrated", tmp_path / "few").trust is None


def test_no_trust_where_it_has_no_meaning(world):
    options = {"splits": None, "protocol": "paper"}
    assert evaluated(world / "calibrated", world / "archive", **options).trust is None
    assert evaluated(world / "calibrated", world / "archive", bits=16).trust is None
    train = {"splits": ["train"], "protocol": "own-patient-out"}
    assert evaluated(world / "calibrated", world / "archive", **train).trust is None


def test_the_command_line_prints_what_the_calibration_amounts_to(world, tmp_path, capsys):
    arguments = [str(world / "archive"), "--queries", str(world / "folder")]
    assert main(["calibrate", *arguments, "--out", str(tmp_path / "made")]) == 0
    said = capsys.readouterr().out
    assert "is calibrated on 24 queries of 12 patients" in said
    assert "Chances (24 queries, cross-validated): log loss" in said
    assert main(["evaluate", str(tmp_path / "made"), *arguments[1:], "--split", "val",
                 "--json", str(tmp_path / "out.json")]) == 0  # fmt: skip
    assert "Chances (24 queries, cross-validated): log loss" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["trust"]["queries"] == 24


def test_a_shipped_archive_with_signal_and_one_without():
    """On the val split; the paper's network gives the shares, and answers nobody."""
    name = "pneumonia-xray"
    calibration, figures = calibrating.fit_trust(open_archive(name), name, progress=quiet)
    scores = {name: values[0] for name, values in figures.scores.items()}
    assert calibration.informative and figures.queries == 484
    assert scores["log_loss"] < scores["log_loss_of_shares"] - 0.1
    assert figures.gain[1] > 0
    stored = open_archive(name).calibration
    assert stored.json() == calibration.json()
    name = "covid-ct-paper"
    calibration, _ = calibrating.fit_trust(open_archive(name), name, progress=quiet)
    assert not calibration.informative and calibration.slope == 0


def test_evidence_of_cross_fitting_calibrates_too(world, tmp_path):
    """As if each query had been asked of its own fold's model."""
    archive = open_archive(world / "archive")
    cases = cases_of_archive(archive, archive.model())
    fitting = cases.take(archive.model().saw_each(cases.sha256))
    test = cases.take(cases.splits == "test")
    evidence = trust.evidence_of(fitting, fitting)
    evidence.save(tmp_path / "evidence.npz")
    options = {"evidence": tmp_path / "evidence.npz", "progress": quiet}
    made, _ = calibrating.calibrate(str(world / "archive"), None, out=tmp_path / "made", **options)
    assert made.calibration.json() == fit(evidence, archive.id).json()
    replace(evidence, recipe="another").save(tmp_path / "evidence.npz")
    with pytest.raises(EvaluationError, match="trained in another way"):
        calibrating.calibrate(str(world / "archive"), None, out=tmp_path / "other", **options)
    trust.evidence_of(fitting, test).save(tmp_path / "evidence.npz")
    with pytest.raises(EvaluationError, match="comes from the archive's test split"):
        calibrating.calibrate(str(world / "archive"), None, out=tmp_path / "other", **options)
    unseen = cases.take(cases.splits != "test")
    trust.evidence_of(unseen, unseen).save(tmp_path / "evidence.npz")
    with pytest.raises(EvaluationError, match="was not trained on all"):
        calibrating.calibrate(str(world / "archive"), None, out=tmp_path / "other", **options)
    (tmp_path / "evidence.npz").write_bytes(b"nothing")
    with pytest.raises(EvaluationError, match="holds no evidence"):
        calibrating.calibrate(str(world / "archive"), None, out=tmp_path / "other", **options)
