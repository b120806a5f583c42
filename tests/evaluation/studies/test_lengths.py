"""The comparison of code lengths against whole evaluations and differences in loops."""

import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import EvaluationError, ModelMismatch, PatientOverlap
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.curves import evaluate
from retrieval.evaluation.studies.choices import (
    Sample,
    chosen_orders,
    random_orders,
    sample_of_archive,
)
from retrieval.evaluation.studies.columns import DEPTHS, Trial
from retrieval.evaluation.studies.lengths import code_lengths, compare
from retrieval.statistics.intervals import DIFFERENCE, interval_of
from tests import small

DRAWS = 4


def queries_of(archive, model, split):
    stored = sample_of_archive(archive, model)
    return stored.take(stored.cases.splits == split)


@pytest.fixture(scope="module")
def comparison(archive, model):
    return compare(archive, model, queries_of(archive, model, "val"), draws=DRAWS, seed=3)


@pytest.fixture(scope="module")
def sides(archive, model):
    """The train and val samples; with val queries the train split is all that is ranked."""
    return queries_of(archive, model, "train"), queries_of(archive, model, "val")


def test_lengths():
    assert code_lengths(512) == [8, 16, 32, 64, 128, 256, 512]
    assert code_lengths(128) == [8, 16, 32, 64, 128]
    assert code_lengths(200) == [8, 16, 32, 64, 128, 200]


@pytest.mark.parametrize("bits", [8, 16, 32, 64, 128, 256, 512])
def test_mid_bits_are_what_an_evaluation_measures(archive, model, comparison, bits):
    """The model's own order is MID on the train split, so both ways must agree to the digit."""
    cases = cases_of_archive(archive, model, bits)
    whole = evaluate(
        archive, model, cases.take(cases.splits == "val"), protocol="official", bits=bits
    ).overall
    expected = [*(whole.at_k["precision"][:, k - 1] for k in DEPTHS), whole.map]
    found = comparison.lengths[bits].choices["MID"].bits.values
    np.testing.assert_allclose(found, np.stack(expected, axis=1))
    assert comparison.chance == pytest.approx(whole.chance)


def test_validation_queries_never_meet_test_pictures(comparison, folder):
    train = sum(case.split == "train" for case in folder.cases)
    assert comparison.archive_count == comparison.fitted_on == train
    assert (comparison.queries, comparison.patients) == (4, 2)


def test_test_queries_meet_val_pictures_that_chose_nothing(archive, model, folder):
    result = compare(archive, model, queries_of(archive, model, "test"), draws=2)
    splits = [case.split for case in folder.cases]
    assert result.archive_count == splits.count("train") + splits.count("val")
    assert result.fitted_on == splits.count("train")


@pytest.mark.parametrize("name", ["MID", "MIQ", "FCQ", "variance"])
@pytest.mark.parametrize("bits", [8, 64])
def test_differences_are_taken_query_by_query(comparison, sides, name, bits):
    train, queries = sides
    trial = Trial(train, train, queries)
    columns = chosen_orders(train)[name][:bits]
    own, floats = trial.bits(columns), trial.floats(columns)
    draws = [trial.bits(order[:bits]) for order in random_orders(512, DRAWS, 3)]
    found = comparison.lengths[bits].choices[name]
    mean = [sum(draw[q, 1] for draw in draws) / DRAWS for q in range(len(queries))]
    for figures, other in (
        (found.minus_random, mean),
        (found.minus_floats["cosine"], floats["cosine"][:, 1].tolist()),
        (found.minus_floats["euclidean"], floats["euclidean"][:, 1].tolist()),
    ):
        less = [mine - theirs for mine, theirs in zip(own[:, 1].tolist(), other, strict=True)]
        expected = interval_of(np.array(less), queries.cases.patients, DIFFERENCE)
        np.testing.assert_allclose(figures.values[:, 1], expected, atol=1e-12)
    random = comparison.lengths[bits].random
    np.testing.assert_allclose(random.draws, [draw.mean(axis=0) for draw in draws])
    np.testing.assert_allclose(random.bits.values[0, 1], sum(mean) / len(mean))


def test_all_columns_leave_nothing_to_choose(comparison):
    """At full length every choice is the same code, and chance of the draw plays no part."""
    last = comparison.lengths[512]
    for choice in last.choices.values():
        np.testing.assert_array_equal(choice.bits.values, last.choices["MID"].bits.values)
        np.testing.assert_allclose(choice.minus_random.values[0], 0, atol=1e-12)
        for name, figures in choice.floats.items():
            np.testing.assert_allclose(
                figures.values[0], last.choices["MID"].floats[name].values[0]
            )
    np.testing.assert_allclose(np.ptp(last.random.draws, axis=0), 0, atol=1e-12)


def test_a_shorter_code_begins_a_longer_one(comparison, sides):
    train, queries = sides
    trial = Trial(train, train, queries)
    for order in [*chosen_orders(train).values(), *random_orders(512, DRAWS, 3)]:
        whole = trial.codes(order)
        for bits in comparison.lengths:
            for longer, shorter in zip(whole, trial.codes(order[:bits]), strict=True):
                np.testing.assert_array_equal(longer[:, : bits // 8], shorter)


def test_a_longer_code_never_has_fewer_distinct(comparison):
    for name in ("MID", "MIQ", "FCQ", "variance"):
        shares = [length.choices[name].distinct for length in comparison.lengths.values()]
        assert shares == sorted(shares) and shares[-1] <= 1


def test_json_has_every_promised_figure(comparison, archive, model):
    result = json.loads(json.dumps(comparison.json()))
    assert result["archive"]["id"] == archive.id and result["model"]["id"] == model.id
    assert (result["splits"], result["features"], result["draws"]) == (["val"], 512, DRAWS)
    assert list(result["lengths"]) == ["8", "16", "32", "64", "128", "256", "512"]
    for length in result["lengths"].values():
        assert set(length) == {"MID", "MIQ", "FCQ", "variance", "random"}
        groups = [length["random"]["bits"]]
        for name in set(length) - {"random"}:
            choice = length[name]
            groups += [choice["bits"], choice["minus_random"]]
            groups += [*choice["floats"].values(), *choice["minus_floats"].values()]
        assert len(groups) == 25
        for group in groups:
            assert list(group["at_k"]) == ["1", "10", "50"]
            for figure in (group["map"], *(at["precision"] for at in group["at_k"].values())):
                assert -1 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
        spread = length["random"]["spread"]
        assert spread["lowest"]["map"] <= spread["highest"]["map"] and spread["deviation"]


def test_the_same_comparison_gives_the_same_figures(archive, model, comparison):
    again = compare(archive, model, queries_of(archive, model, "val"), draws=DRAWS, seed=3)
    assert again.json() == comparison.json()


def renamed(sample, **changes):
    """A sample with some of its cases' columns changed."""
    kept = {name: getattr(sample.cases, name) for name in sample.cases.__dataclass_fields__}
    return Sample(sample.features, Cases(**{**kept, **changes}))


def test_leaks_are_refused(archive, model):
    val = queries_of(archive, model, "val")
    with pytest.raises(EvaluationError, match="was trained on 16 of the queries"):
        compare(archive, model, queries_of(archive, model, "train"))
    with pytest.raises(PatientOverlap, match=r"1 patients stand both .* first p0"):
        compare(archive, model, renamed(val, patients=np.full(len(val), "p0")))
    train = queries_of(archive, model, "train").cases.sha256[: len(val)]
    with pytest.raises(PatientOverlap, match="under another patient"):
        compare(archive, model, renamed(val, sha256=train))


def test_train_queries_are_refused_by_a_model_that_never_saw_them(archive, model):
    """Their labels choose the columns all the same."""
    stranger = replace(model, trained_on=frozenset())
    with pytest.raises(EvaluationError, match="chosen on pictures of split train"):
        compare(archive, stranger, queries_of(archive, stranger, "train"))


def test_another_model_is_refused(archive, folder, model, tmp_path):
    other = small.build_model(tmp_path / "other", folder, seed=9)
    with pytest.raises(ModelMismatch):
        compare(archive, other, queries_of(archive, model, "val"))
