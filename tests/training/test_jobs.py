"""Training jobs: what may be fitted on, and cross-fitting against folds put together by hand."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval.codes import model as models
from retrieval.data.folder import read_folder
from retrieval.errors import DataError, ModelError, PatientOverlap, SettingError, TrainingError
from retrieval.evaluation import curves
from retrieval.evaluation.results import rounded
from retrieval.statistics.evidence import Evidence
from retrieval.training import cross_fitting, jobs
from retrieval.training.cross_fitting import cross_fit, patient_folds
from retrieval.training.jobs import Plan, TrainingSet, training_split
from tests import small

PLAN = Plan("small", "CT", 32, "MID", {"epochs": 0, "seed": 3})


def quiet(_):
    return lambda *_: None


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return small.write_folder(tmp_path_factory.mktemp("pictures") / "folder", patients=16)


@pytest.fixture(scope="module")
def job(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("job") / "run"
    result, evidence = cross_fit(root, out, PLAN, splits=["train", "val"], folds=3, progress=quiet)
    return out, result, evidence


def test_only_named_splits_are_fitted_on_and_test_never(root):
    folder = read_folder(root)
    assert {case.split for case in training_split(folder).cases} == {"train"}
    both = training_split(folder, ["train", "val"])
    assert {case.split for case in both.cases} == {"train", "val"}
    with pytest.raises(DataError, match="ever fitted on split test"):
        training_split(folder, ["train", "test"])


def pictures(labels, patients):
    n = len(labels)
    blank = np.full(n, "")
    return TrainingSet([None] * n, np.array(labels), np.array(patients), blank, blank)


def test_folds_keep_patients_whole_and_labels_even():
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), random.integers(1, 5, 60))
    labels = np.where(patients % 2, "disk", "bar")
    fold = patient_folds(pictures(labels, patients.astype(str)), 5, seed=0)
    for patient in range(60):
        assert len(set(fold[patients == patient])) == 1
    for number in range(5):
        assert abs((labels[fold == number] == "bar").mean() - (labels == "bar").mean()) < 0.15
    other = patient_folds(pictures(labels, patients.astype(str)), 5, seed=1)
    assert not np.array_equal(fold, other)


def test_too_few_patients_cannot_be_dealt():
    with pytest.raises(DataError, match="at least 3 patients of each label"):
        patient_folds(pictures(["bar", "bar", "disk", "disk", "disk"], list("aabcd")), 3, seed=0)


def test_each_picture_is_asked_of_the_model_that_never_saw_its_patient(root, job):
    out, result, evidence = job
    pictures = jobs.read_training_set(root, ["train", "val"], quiet)
    fold = patient_folds(pictures, 3, seed=3)
    assert result.overall.queries == len(pictures) and result.protocol == "cross-fitted"
    values = np.zeros((len(pictures), len(curves.FIGURES) * curves.DEPTH + 1))
    for number in range(3):
        model = models.load(out / f"fold-{number}")
        own, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        assert not any(model.saw(sha256) for sha256 in pictures.sha256[own])
        assert all(model.saw(sha256) for sha256 in pictures.sha256[others])
        bits = np.unpackbits(model.codes(model.encode(pictures.pixels)), axis=1)
        distance = (bits[own, None] != bits[None, others]).sum(axis=2)
        assert np.array_equal(evidence.distances[np.ix_(own, others)], distance)
        assert not evidence.allowed[np.ix_(own, own)].any()
        values[own, 9] = [
            np.interp(
                10,
                np.concatenate([[0], np.cumsum(np.bincount(row))]),
                np.concatenate([[0], np.cumsum(np.bincount(row, weights=right))]),
            )
            / 10
            for row, right in zip(
                distance, pictures.labels[others] == pictures.labels[own, None], strict=True
            )
        ]
    assert result.overall.at_k["precision"][0, 9] == pytest.approx(values[:, 9].mean())


def test_results_are_stored_and_a_second_run_uses_the_models(root, job, monkeypatch):
    out, result, evidence = job
    stored = json.loads((out / cross_fitting.RESULT).read_text())
    assert stored.pop("code")["id"] and stored == rounded(result.json())
    stored = Evidence.load(out / cross_fitting.EVIDENCE)
    assert np.array_equal(stored.distances, evidence.distances) and stored.bits == 32
    monkeypatch.setattr(cross_fitting, "learn", lambda *_: pytest.fail("trained again"))
    again, _ = cross_fit(root, out, PLAN, splits=["train", "val"], folds=3, progress=quiet)
    assert again.json() == result.json()


def test_models_of_another_recipe_are_refused(root, job):
    other = Plan("small", "CT", 32, "MID", {"epochs": 0, "seed": 3, "margin": 0.5})
    with pytest.raises(TrainingError, match="other pictures or settings"):
        cross_fit(root, job[0], other, splits=["train", "val"], folds=3, progress=quiet)


def test_a_picture_under_two_patients_is_not_cross_fitted(root, tmp_path):
    """One fold would be asked about it, and its model have learned it under the other patient."""
    twins = tmp_path / "twins"
    shutil.copytree(root, twins)
    rows = [line.split(",") for line in (twins / "images.csv").read_text().splitlines()]
    place = {name: rows[0].index(name) for name in ("file", "label", "patient_id", "split")}
    held = [row for row in rows[1:] if row[place["split"]] == "train"]
    one = held[0]
    other = next(
        row
        for row in held
        if row[place["label"]] == one[place["label"]]
        and row[place["patient_id"]] != one[place["patient_id"]]
    )
    shutil.copy(twins / one[place["file"]], twins / other[place["file"]])
    with pytest.raises(PatientOverlap, match="1 pictures stand under more than one patient"):
        cross_fit(twins, tmp_path / "folds", PLAN, splits=["train", "val"], progress=quiet)


def test_what_a_start_has_seen_is_seen_by_what_follows(root, job, tmp_path):
    """Else a model could learn the test pictures of another folder and be asked about them."""
    first = models.load(job[0] / "fold-0")
    plan = Plan("small", "CT", 32, "MID", {"epochs": 0, "seed": 3}, start=str(first.folder))
    made = jobs.train_model(root, tmp_path / "next", plan, progress=quiet)
    own = {sha256[:16] for sha256 in jobs.read_training_set(root, None, quiet).sha256.tolist()}
    assert made.trained_on == first.trained_on | own
    with pytest.raises(SettingError, match="starts from no model"):
        cross_fit(root, tmp_path / "folds", plan, progress=quiet)


def test_pictures_beside_are_seen_too_and_need_lessons(root, job, tmp_path):
    """What taught without a label is training data: nothing of it can be asked about later."""
    beside = tmp_path / "loose"
    beside.mkdir()
    Image.fromarray(small.picture("disk", 999)).save(beside / "new.png")
    own = read_folder(root)
    (beside / "own.png").write_bytes(own.path(own.cases[0]).read_bytes())
    plan = Plan("small", "CT", 32, "MID", {"epochs": 0, "lessons": 1}, beside=beside)
    found = jobs.read_training_set(root, ["train", "val"], quiet, beside)
    assert len(found.beside) == 1 and not set(found.beside) & set(found.sha256.tolist())
    assert found.take(np.arange(3)).beside is found.beside
    made = jobs.train_model(root, tmp_path / "next", plan, progress=quiet)
    read = jobs.read_training_set(root, None, quiet, beside)
    seen = {sha256[:16] for sha256 in (*read.sha256.tolist(), *read.beside)}
    assert made.trained_on == seen and len(made.trained_on) > len(read)
    assert made.about["training"]["beside"]["pictures"] == 1
    assert "beside" not in models.load(job[0] / "fold-0").about["training"]
    for encoder, settings in (("small", {}), ("lite", {})):
        with pytest.raises(SettingError, match="lessons of the paper's network"):
            Plan(encoder, "CT", 32, "MID", settings, beside=beside).check()
    with pytest.raises(SettingError, match="leave --lessons or --start away"):
        Plan("small", "CT", 32, "MID", {"lessons": 1}, start=str(made.folder)).check()


def test_what_is_kept_for_a_test_does_not_teach_beside(root, tmp_path):
    """A table with splits is refused before anything is read; so is a folder with nothing new."""
    plan = Plan("small", "CT", 32, "MID", {"epochs": 0, "lessons": 1}, beside=root)

    def unread(_):
        pytest.fail("a picture was read")

    for beside, why in ((root, "names splits"), (tmp_path / "none", "is not a folder")):
        with pytest.raises(DataError, match=why):
            jobs.train_model(root, tmp_path / "next", replace(plan, beside=beside), progress=unread)
    above = tmp_path / "above"
    shutil.copytree(root, above / "deeper")
    (above / "linked").mkdir()
    shutil.copy(root / "images.csv", above / "linked" / "Images.CSV")
    plain = tmp_path / "plain"
    shutil.copytree(root / "images", plain)
    (above / "linked" / "pictures").symlink_to(plain, target_is_directory=True)
    # The table above the pictures, below the folder, and beside a link to them.
    for beside in (root / "images", above / "deeper" / "..", above / "linked" / "pictures"):
        with pytest.raises(DataError, match="names splits"):
            jobs.read_training_set(root, ["train"], quiet, beside)
    copies = tmp_path / "copies"
    shutil.copytree(root / "images", copies)
    (copies / "._x.png").write_text("what a desktop leaves behind")
    found = jobs.read_training_set(root, ["train"], quiet, copies)
    assert len(found.beside) == len(read_folder(root)) - len(found)
    folder = read_folder(root)
    for case in folder.cases:
        if case.split != "train":
            (copies / folder.path(case).name).unlink()
    with pytest.raises(DataError, match="only pictures that"):
        jobs.read_training_set(root, ["train"], quiet, copies)


def test_pictures_beside_belong_to_the_recipe(root, tmp_path):
    plan = Plan("small", "CT", 32, "MID", {"epochs": 0, "lessons": 1, "seed": 3})
    ids = []
    for number in (None, 1, 2):
        beside = tmp_path / f"loose-{number}"
        if number:
            beside.mkdir()
            Image.fromarray(small.picture("disk", 1000 + number)).save(beside / "new.png")
        found = replace(plan, beside=beside if number else None)
        pictures = jobs.read_training_set(root, ["train", "val"], quiet, found.beside)
        ids.append(cross_fitting._recipe_id(found, pictures))
    assert len(set(ids)) == 3


def test_a_cross_fit_needs_two_folds_and_says_of_what_recipe_it_is(root, job, tmp_path):
    for folds in (1, 0, -2):
        with pytest.raises(SettingError, match="2 folds or more"):
            cross_fit(root, tmp_path / "folds", PLAN, folds=folds, progress=quiet)
    about = models.load(job[0] / "fold-0").about
    made = models.recipe_id(about["encoder"], about["criterion"], about["training"]["recipe"])
    assert job[2].recipe == made
    other = models.recipe_id(about["encoder"], "MIQ", about["training"]["recipe"])
    assert made != other


def test_a_start_must_be_a_full_model_of_the_same_network(root, job, tmp_path):
    full = models.load(job[0] / "fold-0")
    models.prune(full, tmp_path / "pruned")
    Plan("small", "CT", 32, "MID", {}, start=str(full.folder)).check()
    with pytest.raises(ModelError, match="is pruned"):
        Plan("small", "CT", 32, "MID", {}, start=str(tmp_path / "pruned")).check()
    for network in ("paper", "lite"):
        with pytest.raises(ModelError, match="another network"):
            Plan(network, "CT", 32, "MID", {}, start=str(full.folder)).check()
