"""Whole evaluations against a slow one that goes through pictures one by one."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from retrieval.archives import indexing
from retrieval.archives.archive import open_archive
from retrieval.data.folder import read_folder
from retrieval.errors import EvaluationError, ModelMismatch, PatientOverlap
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import cases_of_archive, cases_of_folder
from retrieval.evaluation.curves import evaluate, evaluation_of, figures_of_queries
from retrieval.evaluation.ranking import Ranked
from retrieval.evaluation.results import reach
from tests import small


def expected_precision(gallery, query, k):
    """Mean precision at k over ties, from sorted distances; `gallery` holds (code, hit)."""
    bits = np.unpackbits(query)
    ranked = sorted((int((np.unpackbits(code) != bits).sum()), hit) for code, hit in gallery)
    cut = ranked[min(k, len(ranked)) - 1][0]
    sure = [hit for distance, hit in ranked if distance < cut]
    tied = [hit for distance, hit in ranked if distance == cut]
    return (sum(sure) + (min(k, len(ranked)) - len(sure)) * sum(tied) / len(tied)) / k


def slow_precision(archive, folder, model, k, allowed):
    """Mean over the folder's cases of `expected_precision` among the rows `allowed` admits."""
    entries = archive.catalogue.entries()
    queries = cases_of_folder(folder, model)
    values = []
    for number, case in enumerate(folder.cases):
        gallery = [
            (code, entry.label == case.label)
            for code, entry in zip(np.asarray(archive.codes), entries, strict=True)
            if allowed(entry, case, queries.sha256[number])
        ]
        values.append(expected_precision(gallery, queries.codes[number], k))
    return np.mean(values)


@pytest.mark.parametrize("k", [1, 3, 10, 40])
def test_own_patient_is_left_out(archive, folder, model, k):
    result = evaluate(archive, model, cases_of_folder(folder, model))
    oracle = slow_precision(
        archive,
        folder,
        model,
        k,
        lambda entry, case, sha: entry.patient_id != case.patient_id and entry.sha256 != sha,
    )
    assert result.overall.at_k["precision"][0, k - 1] == pytest.approx(oracle)
    assert result.overall.queries == 24 and result.archive_count == 24


def test_the_fewest_cases_that_a_query_meets_are_counted(archive, folder, model):
    cases = cases_of_archive(archive, model)
    patients = np.array(["a"] * 20 + ["b"] * 3 + ["c"])
    grouped = replace(cases, patients=patients, labels=np.full(24, "one"))
    ranked = Ranked.of(grouped, grouped)
    result = evaluation_of(ranked, archive, model, "own-patient-out")
    assert result.json()["fewest_ranked"] == reach(result.json()) == 4
    values = figures_of_queries(ranked.rankings)
    precise = (values[:, :100] == 1).all(axis=0)  # all share the label: what is short is places
    assert precise[:4].all() and not precise[4:].any()
    itself = evaluate(archive, model, cases_of_folder(folder, model), protocol="paper").json()
    assert itself["fewest_ranked"] == reach(itself) == 24


@pytest.mark.parametrize("k", [1, 5, 10])
def test_official_protocol_ranks_the_other_splits(archive, folder, model, k):
    test = folder.split(["test"])
    result = evaluate(archive, model, cases_of_folder(test, model), protocol="official")
    oracle = slow_precision(
        archive, test, model, k, lambda entry, case, sha: entry.split in ("train", "val")
    )
    assert result.overall.at_k["precision"][0, k - 1] == pytest.approx(oracle)
    assert result.archive_count == sum(case.split != "test" for case in folder.cases)


def test_validation_queries_never_meet_test_pictures(archive, folder, model):
    result = evaluate(
        archive, model, cases_of_folder(folder.split(["val"]), model), protocol="official"
    )
    assert result.archive_count == sum(case.split == "train" for case in folder.cases)


def test_cases_without_splits_are_refused_in_words_of_their_own(archive, folder, model):
    cases = cases_of_archive(archive, model)
    loose = replace(cases, splits=np.full(len(cases), ""))
    with pytest.raises(EvaluationError, match="names no splits"):
        protocols.gallery_rows(loose, loose)
    with pytest.raises(EvaluationError, match="nothing but the split"):
        validation = cases.take(cases.splits == "val")
        protocols.gallery_rows(validation, validation)
    with pytest.raises(EvaluationError, match="no split left that is not asked about"):
        protocols.gallery_rows(cases, cases)  # as without --split


def test_paper_protocol_counts_the_query_itself(archive, folder, model):
    result = evaluate(archive, model, cases_of_folder(folder, model), protocol="paper")
    oracle = slow_precision(archive, folder, model, 5, lambda *_: True)
    assert result.overall.at_k["precision"][0, 4] == pytest.approx(oracle)


def test_stored_cases_and_encoded_pictures_agree(archive, folder, model):
    stored = evaluate(archive, model, cases_of_archive(archive, model)).json()
    encoded = evaluate(archive, model, cases_of_folder(folder, model)).json()
    assert {k: v for k, v in stored.items() if k != "per_label"}["map"]["value"] == pytest.approx(
        encoded["map"]["value"]
    )


def test_a_constant_code_scores_chance(archive, folder, model):
    cases = cases_of_archive(archive, model)
    constant = replace(cases, codes=np.zeros_like(cases.codes))
    rankings = Ranked.of(constant, constant).rankings
    values = figures_of_queries(rankings)
    for k in (1, 5, 22):
        np.testing.assert_allclose(values[:, k - 1], rankings.chance)


def test_json_has_every_promised_figure(archive, folder, model):
    result = json.loads(json.dumps(evaluate(archive, model, cases_of_folder(folder, model)).json()))
    assert list(result["at_k"]) == [str(k) for k in range(1, 101)]
    assert result["queries"] == 24 and result["archive"]["count"] == 24
    assert result["model"]["id"] == model.id and result["protocol"] == "own-patient-out"
    assert set(result["per_label"]) == {"bar", "disk"}
    for group in (result, *result["per_label"].values()):
        figures = [group["map"], *(f for at in group["at_k"].values() for f in at.values())]
        assert len(figures) == 501
        for figure in figures:
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1


def test_the_same_evaluation_gives_the_same_figures(archive, folder, model):
    one, other = (evaluate(archive, model, cases_of_archive(archive, model)) for _ in range(2))
    assert one.json() == other.json()


def test_code_length_can_be_chosen(archive, folder, model):
    result = evaluate(archive, model, cases_of_archive(archive, model, 8), bits=8)
    assert result.bits == 8


def test_leaks_are_refused(archive, folder, model, tmp_path):
    cases = cases_of_folder(folder.split(["train"]), model)
    with pytest.raises(EvaluationError, match="was trained on 16 of the queries"):
        evaluate(archive, model, cases, protocol="official")
    test = cases_of_folder(folder.split(["test"]), model)
    renamed = replace(test, patients=np.full(len(test), "p0"))
    with pytest.raises(PatientOverlap, match=r"1 patients stand both .* first p0"):
        evaluate(archive, model, renamed, protocol="official")
    root = tmp_path / "copy"
    shutil.copytree(folder.root, root)
    target, source = folder.split(["test"]).cases[0], folder.split(["val"]).cases[0]
    shutil.copy(root / source.file, root / target.file)
    copied = cases_of_folder(read_folder(root).split(["test"]), model)
    with pytest.raises(PatientOverlap, match="under another patient"):
        evaluate(archive, model, copied, protocol="official")


def test_a_blank_patient_is_not_somebody_of_the_same_file_name(model, tmp_path):
    """Two folders with other pictures under the same names are strangers to each other."""
    for number, name in enumerate(("one", "two")):
        for label in small.LABELS:
            (tmp_path / name / label).mkdir(parents=True)
            for seed in range(4):
                drawn = small.picture(label, 40 + 10 * number + seed)
                Image.fromarray(drawn).save(tmp_path / name / label / f"{seed}.png")
    archive = indexing.index(read_folder(tmp_path / "one"), model, tmp_path / "archive")
    queries = cases_of_folder(read_folder(tmp_path / "two"), model)
    result = evaluate(archive, model, queries)
    assert result.overall.chance == pytest.approx(0.5)
    assert result.overall.at_k["precision"][0, 7] == pytest.approx(0.5)


def test_queries_the_model_was_trained_on_are_counted(archive, folder, model):
    result = evaluate(archive, model, cases_of_folder(folder, model))
    assert result.seen == result.json()["queries_seen_in_training"] == 16


def test_other_refusals(archive, folder, model, tmp_path):
    cases = cases_of_folder(folder, model)
    with pytest.raises(EvaluationError, match="no protocol 'lenient'"):
        evaluate(archive, model, cases, protocol="lenient")
    with pytest.raises(ModelMismatch):
        evaluate(archive, small.build_model(tmp_path / "other", folder, seed=9), cases)
    only = indexing.index(folder.split(["test"]), model, tmp_path / "only")
    with pytest.raises(EvaluationError, match="nothing but the split"):
        evaluate(
            open_archive(only.folder), model, cases_of_archive(only, model), protocol="official"
        )


def test_a_subtype_under_two_labels_is_two_groups(archive, folder, model):
    cases = cases_of_archive(archive, model)
    rows = np.arange(len(cases))
    cases = replace(cases, subtypes=np.where(rows % 2, "mild", "severe"))
    found = evaluate(archive, model, cases).per_subtype
    labels = np.unique(cases.labels).tolist()
    assert set(found) == {f"{label}: {name}" for label in labels for name in ("mild", "severe")}
    own = replace(cases, subtypes=np.char.add(cases.labels, np.where(rows % 2, "-1", "-2")))
    assert (
        sum(curves.queries for curves in evaluate(archive, model, own).per_subtype.values()) == 24
    )
