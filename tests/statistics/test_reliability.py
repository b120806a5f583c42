"""Measures of chances against loops, permutations and another library's interval."""

import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from retrieval.statistics import intervals, reliability
from retrieval.statistics.reliability import (
    answered_mean,
    calibration_error,
    equal_count_bins,
    measure,
)


def drawn(n, labels=3, seed=0):
    """Random chances (n, labels) and a true label drawn from each."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.ones(labels), n)
    truth = np.array([random.choice(labels, p=row) for row in chances])
    return chances, truth


def alone(n):
    return np.array([f"p{number}" for number in range(n)])


def test_scores_by_hand():
    chances, truth = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]), np.array([0, 0])
    np.testing.assert_allclose(reliability.brier(chances, truth), [0.14, 1.5])
    np.testing.assert_allclose(
        reliability.log_loss(chances, truth), [-math.log(0.7), -math.log(1e-6)]
    )


def test_labels_that_share_the_largest_chance_count_in_part():
    chances = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]])
    np.testing.assert_allclose(
        reliability.share_right(chances, np.array([1, 2, 0])), [0.5, 0.0, 1.0]
    )


def test_calibration_error_by_loops():
    chances, truth = drawn(103)
    top = chances.max(axis=1)
    right = (chances.argmax(axis=1) == truth).astype(float)
    order = np.argsort(top)
    expected = 0.0
    for bin_ in range(10):
        inside = [q for place, q in enumerate(order) if int((place + 0.5) / 103 * 10) == bin_]
        expected += len(inside) / 103 * abs(right[inside].mean() - top[inside].mean())
    assert calibration_error(top, right, equal_count_bins(top)) == pytest.approx(expected)


def test_bins_are_equally_full_but_for_ties():
    assert set(np.bincount(equal_count_bins(np.random.default_rng(0).random(200)))) == {20}
    assert equal_count_bins(np.full(50, 0.5)).tolist() == [0] * 50
    assert equal_count_bins(np.arange(7)).max() == 0
    tied = equal_count_bins(np.repeat([0.1, 0.2, 0.9], [30, 30, 40]))
    assert [len(set(tied[a:b].tolist())) for a, b in ((0, 30), (30, 60), (60, 100))] == [1, 1, 1]


def test_true_chances_stay_in_the_range_of_true_chances():
    chances, _ = drawn(150)
    bins = equal_count_bins(reliability.largest(chances))
    low, high = reliability.perfect_range(chances, alone(150), bins)
    random = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        truth = np.array([random.choice(3, p=row) for row in chances])
        right = reliability.share_right(chances, truth)
        inside += low <= calibration_error(reliability.largest(chances), right, bins) <= high
    assert 180 <= inside <= 199


def test_queries_of_one_patient_come_out_together():
    """One patient, one chance: all right or all wrong, so the error is 0.3 or 0.7."""
    chances = np.tile([0.7, 0.3], (40, 1))
    bins = equal_count_bins(chances[:, 0])
    together = reliability.perfect_range(chances, np.full(40, "p"), bins)
    apart = reliability.perfect_range(chances, alone(40), bins)
    np.testing.assert_allclose(together, [0.3, 0.7])
    two = reliability.perfect_range(chances, np.repeat(["p", "q"], [30, 10]), bins)
    np.testing.assert_allclose(two, [0.05, 0.7])  # 0, 10, 30 or 40 of 40 are right
    assert apart[1] < 0.2


def test_intervals_are_wilsons():
    for right, trials in ((0, 4), (3, 7), (9, 9), (50, 80)):
        expected = binomtest(right, trials).proportion_ci(method="wilson")
        np.testing.assert_allclose(
            intervals.wilson(right / trials, trials), [expected.low, expected.high], atol=1e-6
        )


def test_points_count_patients_as_trials():
    chances, truth = drawn(60)
    patients = np.repeat(alone(20), 3)
    top, right = reliability.largest(chances), reliability.share_right(chances, truth)
    bins = equal_count_bins(top)
    points = reliability.reliability_points(top, right, patients, bins)
    assert points[:, 0].tolist() == [10] * 6
    for number, row in enumerate(points):
        inside = bins == number
        trials = len(set(patients[inside].tolist()))
        assert row[1:3] == pytest.approx([top[inside].mean(), right[inside].mean()])
        assert row[3:] == pytest.approx(intervals.wilson(right[inside].mean(), trials))


def test_answered_mean_is_the_mean_over_all_orders_of_ties():
    chance = np.array([0.9, 0.7, 0.7, 0.7, 0.5, 0.5])
    values = np.array([1.0, 0.2, 0.8, 0.3, 0.0, 0.6])
    orders = [
        order
        for order in itertools.permutations(range(6))
        if all(chance[a] >= chance[b] for a, b in itertools.pairwise(order))
    ]
    for kept in range(1, 7):
        expected = np.mean([values[list(order[:kept])].mean() for order in orders])
        assert answered_mean(chance, values, np.array([kept / 6]))[0] == pytest.approx(expected)


def test_weights_are_repeated_queries():
    random = np.random.default_rng(1)
    chance, values, times = random.random(9), random.random(9), random.integers(0, 4, 9)
    shares = np.array([0.2, 0.8, 1.0])
    np.testing.assert_allclose(
        answered_mean(chance, values, shares, times.astype(float)),
        answered_mean(np.repeat(chance, times), np.repeat(values, times), shares),
    )


def test_gain_is_paired_and_none_where_all_chances_are_equal():
    values = np.random.default_rng(2).random(50)
    np.testing.assert_allclose(
        reliability.coverage_gain(np.full(50, 0.5), values, alone(50)), 0, atol=1e-12
    )
    gain, low, high = reliability.coverage_gain(values, values, alone(50))
    surest = np.sort(values)[10:].mean()
    assert gain == pytest.approx(surest - values.mean()) and 0 < low < gain < high


def test_a_gain_of_few_patients_or_of_equal_precisions_keeps_a_width():
    random = np.random.default_rng(6)
    for patients, precision in ((6, random.random(12)), (50, np.ones(100)), (1, np.ones(2))):
        groups = alone(patients).repeat(2)
        gain, low, high = reliability.coverage_gain(random.random(len(groups)), precision, groups)
        assert -0.2 <= low < high <= 0.2 and low <= gain <= high
    assert (low, high) == pytest.approx((-0.2, 0.2))  # of one patient


def test_all_together():
    chances, truth = drawn(80)
    shares = np.full((80, 3), 1 / 3)
    precision = np.random.default_rng(3).random(80)
    patients = np.repeat(alone(20), 4)
    made = measure(chances, shares, truth, patients, precision, refitted=5)
    result = json.loads(json.dumps(made.json()))
    assert (result["queries"], result["patients"]) == (80, 20)
    assert result["cross_validated_queries"] == 5
    assert result["log_loss_of_shares"]["value"] == pytest.approx(math.log(3))
    assert result["brier_of_shares"]["value"] == pytest.approx(2 / 3)
    assert result["brier"]["value"] == pytest.approx(reliability.brier(chances, truth).mean())
    assert sum(point["queries"] for point in result["reliability"]) == 80
    assert [point["coverage"] for point in result["risk_coverage"]] == pytest.approx(
        np.arange(1, 0, -0.05)
    )
    assert result["risk_coverage"][0]["p_at_10"] == pytest.approx(precision.mean())
    surest = precision[np.argsort(-chances.max(axis=1))]
    risks = [1 - surest[:kept].mean() for kept in range(1, 81)]
    assert result["aurc"] == pytest.approx(np.mean(risks))
    assert result["risk"] == pytest.approx(1 - precision.mean())
    assert result["gain_at_80"]["value"] == pytest.approx(surest[:64].mean() - precision.mean())
    assert measure(chances, shares, truth, patients, precision, refitted=5).json() == made.json()
