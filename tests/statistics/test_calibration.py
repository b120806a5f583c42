"""Chances from distances, against the formula written out case by case."""

import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.statistics.calibration import Calibration, abstain, chance
from tests import simulated

PLAIN = Calibration(
    bits=simulated.BITS,
    temperature=0.1,
    slope=0.7,
    threshold=0.6,
    informative=True,
    quantiles=tuple(np.linspace(4, 8, 101).tolist()),
    archive_id="abc",
    patients=20,
    pictures=("0" * 16, "1" * 16),
)
NAMES = tuple("abcdefghijkl")


@pytest.mark.parametrize("names", [("a", "b"), NAMES])
@pytest.mark.parametrize("slope", [0.0, 0.7, 1.0, 4.0])
def test_chances_follow_the_formula(names, slope):
    made, _ = simulated.rankings(6, names=names)
    calibration = replace(PLAIN, slope=slope)
    found = calibration.chances(made.histograms)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    for query, row in enumerate(found):
        oracle = simulated.slow_chances(
            made.distances[query], made.gallery_labels, names, temperature=0.1, slope=slope
        )
        np.testing.assert_allclose(row, oracle)
        single = chance(calibration, made.distances[query], made.gallery_labels)
        np.testing.assert_allclose([single[name] for name in names], oracle)


def test_ties_weigh_alike_and_no_order_matters():
    made, _ = simulated.rankings(1)
    order = np.random.default_rng(3).permutation(len(made.gallery_labels))
    one = chance(PLAIN, made.distances[0], made.gallery_labels)
    other = chance(PLAIN, made.distances[0][order], made.gallery_labels[order])
    assert one == other


def test_codes_that_say_nothing_give_the_shares_of_the_labels():
    labels = np.array(["a"] * 3 + ["b"] * 7)
    assert chance(PLAIN, np.full(10, 9), labels) == pytest.approx({"a": 0.3, "b": 0.7})


def test_an_archive_with_more_of_a_label_shifts_the_odds_by_that_factor_alone():
    made, _ = simulated.rankings(1, names=("a", "b"))
    distances, labels = made.distances[0], made.gallery_labels
    again = labels == "b"
    before = chance(PLAIN, distances, labels)
    after = chance(PLAIN, np.append(distances, distances[again]), np.append(labels, labels[again]))
    assert after["b"] / after["a"] == pytest.approx(2 * before["b"] / before["a"])


def test_a_label_without_a_case_has_no_chance():
    table = np.zeros((1, 3, simulated.BITS + 1), dtype=int)
    table[0, 0, 0] = table[0, 2, simulated.BITS] = 4
    found = replace(PLAIN, temperature=0.01, slope=1.0).chances(table)[0]
    assert found[1] == 0 and found.sum() == pytest.approx(1) and 0 < found[2] < 1e-40


def test_abstention():
    assert not abstain(PLAIN, {"a": 0.6, "b": 0.4})
    assert abstain(PLAIN, {"a": 0.59, "b": 0.41})
    assert abstain(replace(PLAIN, informative=False), {"a": 1.0, "b": 0.0})


def test_novelty_is_the_share_of_held_out_queries_that_were_nearer():
    assert [PLAIN.novelty(d) for d in (0, 4, 6, 8, 9)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert PLAIN.is_novel(8) and not PLAIN.is_novel(7.95)
    constant = replace(PLAIN, quantiles=(5.0,) * 101)
    assert [constant.novelty(d) for d in (4, 5, 6)] == [0, 0, 1]
    assert constant.is_novel(5.1) and not constant.is_novel(5)


def test_json_and_back():
    assert Calibration.from_json(json.loads(json.dumps(PLAIN.json()))) == PLAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"slope": -1.0},
        {"slope": float("nan")},
        {"temperature": 0.0},
        {"threshold": "high"},
        {"quantiles": [1.0, 2.0]},
        {"quantiles": [float(101 - place) for place in range(101)]},
        {"bits": "128"},
        {"informative": "yes"},
        {"archive_id": None},
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(changes):
    with pytest.raises((ValueError, TypeError)):
        Calibration.from_json({**PLAIN.json(), **changes})
    with pytest.raises(KeyError):
        Calibration.from_json({"slope": 1.0})
