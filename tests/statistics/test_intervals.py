"""Intervals against other libraries, loops, printed examples and simulated patients."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap, ttest_1samp

from retrieval.errors import EvaluationError
from retrieval.statistics.intervals import (
    DIFFERENCE,
    FEW,
    SHARE,
    UNBOUNDED,
    balanced_interval,
    bootstrap_interval,
    cautious_interval,
    effective,
    enough,
    interval_of,
    paired_difference,
    sum_of_means,
    wilson,
)

COVERED = 0.86  # of the samples of each kind of patients, at any number of them


def test_many_patients_have_the_bootstrap_of_another_library():
    values = np.random.default_rng(1).beta(5, 2, 60)
    found = interval_of(values, np.arange(60))
    other = bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=0)
    ends = other.confidence_interval
    np.testing.assert_allclose(found, [values.mean(), ends.low, ends.high], atol=0.004)


def test_patients_are_drawn_whole():
    """By loops over the same draws, for patients with 1 to 4 queries."""
    random = np.random.default_rng(2)
    groups = np.append(np.arange(FEW), random.integers(0, FEW, 30))
    values = random.random(len(groups))
    means = []
    for drawn in np.random.default_rng(0).multinomial(FEW, np.full(FEW, 1 / FEW), size=2000):
        rows = [value for value, patient in zip(values, groups, strict=True)
                for _ in range(drawn[patient])]  # fmt: skip
        means.append(np.mean(rows))
    expected = [values.mean(), *np.percentile(means, [2.5, 97.5])]
    np.testing.assert_allclose(interval_of(values, groups), expected)


@pytest.mark.parametrize("patients", [4, FEW])
def test_copies_of_a_patients_queries_change_nothing(patients):
    values, groups = np.random.default_rng(3).random((patients, 3)), np.arange(patients)
    many = bootstrap_interval(values.repeat(10, axis=0), groups.repeat(10))
    np.testing.assert_allclose(many, bootstrap_interval(values, groups))


@pytest.mark.parametrize("patients", range(2, FEW))
def test_few_patients_who_are_right_or_wrong_have_wilsons_interval(patients):
    for right in range(patients + 1):
        found = interval_of((np.arange(patients) < right) * 1.0, np.arange(patients))
        expected = binomtest(right, patients).proportion_ci(method="wilson")
        np.testing.assert_allclose(
            found, [right / patients, expected.low, expected.high], atol=1e-6
        )


def test_three_right_patients_may_be_luck():
    np.testing.assert_allclose(interval_of(np.ones(3), np.arange(3)), [1, 0.4385, 1], atol=1e-4)


def test_many_patients_who_are_all_right_are_not_all_there_are():
    low = binomtest(200, 200).proportion_ci(method="wilson").low
    np.testing.assert_allclose(interval_of(np.ones(200), np.arange(200)), [1, low, 1], atol=1e-6)


def test_one_patient_leaves_all_open():
    assert interval_of(np.full(5, 0.7), np.zeros(5)).tolist() == pytest.approx([0.7, 0, 1])
    found = paired_difference(np.full((5, 1), 0.7), np.full((5, 1), 0.2), np.zeros(5))
    assert found[:, 0].tolist() == pytest.approx([0.5, -1, 1])
    assert interval_of(np.ones(2), np.zeros(2), UNBOUNDED).tolist() == [1, -np.inf, np.inf]


def test_patients_who_scatter_little_come_near_students_interval():
    values = np.random.default_rng(4).normal(0.6, 0.1, 300)
    found = cautious_interval(values[:, None], np.arange(300))[:, 0]
    ends = ttest_1samp(values, 0).confidence_interval()
    np.testing.assert_allclose(found[1:], ends, atol=0.003)
    assert found[1] < ends.low and ends.high < found[2]


@pytest.mark.parametrize("patients", [2, 5, 19])
def test_without_bounds_it_is_students_interval(patients):
    values = np.random.default_rng(5).normal(3, 40, patients)
    ends = ttest_1samp(values, 0).confidence_interval()
    found = interval_of(values, np.arange(patients), UNBOUNDED)
    np.testing.assert_allclose(found, [values.mean(), ends.low, ends.high])


def test_bounds_scale_the_interval():
    values, groups = np.random.default_rng(6).random((7, 1)), np.arange(7)
    found = bootstrap_interval(values, groups)
    for low, high in (DIFFERENCE, (0, 13.8), (5, 6)):
        scaled = bootstrap_interval(low + (high - low) * values, groups, (low, high))
        np.testing.assert_allclose(scaled, low + (high - low) * found)
    both = bootstrap_interval(np.hstack([values, values]), groups, [SHARE, DIFFERENCE])
    np.testing.assert_array_equal(both[:, :1], found)
    assert (both[2] - both[1])[1] > (both[2] - both[1])[0]


def test_a_figure_beyond_its_bounds_is_refused():
    for values in (np.array([0.5, 1.1]), np.array([0.5, -0.1])):
        with pytest.raises(EvaluationError, match="outside"):
            interval_of(values, np.arange(2))


def test_patients_with_unequal_queries_count_for_fewer():
    assert effective(np.array([7, 7, 7])) == pytest.approx(3)
    assert effective(np.array([1, 1, 98])) == pytest.approx(100**2 / (98**2 + 2))
    groups = np.repeat([0, 1, 2], [1, 1, 98])
    found = interval_of(np.ones(100), groups)
    assert found[1] == pytest.approx(wilson(1, effective(np.array([1, 1, 98])))[0])


def test_where_a_bootstrap_is_enough():
    values = np.stack([np.ones(FEW), np.arange(FEW) / FEW], axis=1)
    assert enough(values, np.arange(FEW)).tolist() == [False, True]
    assert enough(values[1:], np.arange(FEW - 1)).tolist() == [False, False]
    slices = np.tile([0.0, 1.0], FEW)[:, None]  # patients are alike, their queries are not
    assert not enough(slices, np.arange(FEW).repeat(2))[0]


def test_a_paired_difference_is_the_mean_of_differences():
    random = np.random.default_rng(4)
    hard, other = random.random((2, 60, 1)) * 0.9
    groups = np.arange(60) // 2
    mean, low, high = paired_difference(hard + 0.1, hard, groups)
    assert mean == pytest.approx(0.1) and 0.05 < low < mean < high < 0.15
    mean, low, high = paired_difference(other, hard, groups)
    assert mean == pytest.approx((other - hard).mean()) and low < mean < high


def patients_of(kind, patients, samples, random):
    """Values (queries, samples), groups (queries,), true mean and bounds of simulated patients."""
    alone, size = np.arange(patients), (patients, samples)
    if kind == "slices":
        groups = alone.repeat(1 + alone % 7)
        chance = random.beta(0.8 * 7 / 3, 0.2 * 7 / 3, size)[groups]
        return (random.random(chance.shape) < chance) * 1.0, groups, 0.8, SHARE
    if kind == "precisions":
        return random.beta(4.889, 1.222, size), alone, 0.8, SHARE
    if kind == "changes":
        moved = np.clip(random.normal(0.05, 0.2, size), -1, 1)
        return np.where(random.random(size) < 0.7, 0, moved), alone, 0.015, DIFFERENCE
    return (random.random(size) < kind) * 1.0, alone, kind, SHARE


@pytest.mark.parametrize("kind", [0.5, 0.9, 0.98, "slices", "precisions", "changes"])
def test_intervals_hold_the_truth_at_any_number_of_patients(kind):
    random = np.random.default_rng(0)
    for patients in (2, 3, 5, 10, FEW - 1, FEW, 30, 60):
        values, groups, truth, bounds = patients_of(kind, patients, 1000, random)
        _, low, high = bootstrap_interval(values, groups, bounds)
        inside = (low <= truth + 1e-6) & (truth - 1e-6 <= high)
        assert inside.mean() >= COVERED, patients


def test_labels_are_weighed_alike_however_many_queries_they_have():
    """Nine in ten of the archive and of the queries have one label."""
    labels = np.array(["common"] * 90 + ["rare"] * 30)
    values = np.where(labels == "common", 0.75, 0.25)  # P@10 of one and the same list
    mean, low, high = balanced_interval(values, labels, np.arange(120))
    assert mean == pytest.approx(0.5) and 0.47 < low < 0.5 < high < 0.53
    noisy = values + np.random.default_rng(0).normal(0, 0.05, 120)
    mean, low, high = balanced_interval(noisy, labels, np.arange(120))
    by_label = [noisy[labels == name].mean() for name in ("common", "rare")]
    assert mean == pytest.approx(np.mean(by_label)) and low < mean < high
    spread = np.hypot(noisy[:90].std() / 90**0.5, noisy[90:].std() / 30**0.5) / 2
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_a_label_of_one_patient_leaves_its_own_part_open():
    """Twenty of one label are right, one of another is wrong: a draw may lack the other."""
    labels = np.array(["many"] * 20 + ["one"])
    mean, low, high = balanced_interval((labels == "many") * 1.0, labels, np.arange(21))
    least = binomtest(20, 20).proportion_ci(method="wilson").low
    assert (mean, low, high) == pytest.approx((0.5, 0.5 - (1 - least) / 2, 1))


def test_labels_that_share_a_patient_may_err_together():
    labels, values = np.array(["a", "b"] * 5), np.tile([0.9, 0.6], 5)
    shared = balanced_interval(values, labels, np.arange(10) // 2)
    apart = balanced_interval(values, labels, np.arange(10))
    assert shared[0] == apart[0] and shared[1] < apart[1] and apart[2] < shared[2]
    ends = [interval_of(values[labels == name], np.arange(5)) for name in "ab"]
    np.testing.assert_allclose(shared, np.mean(ends, axis=0))


@pytest.mark.parametrize("sizes", [(25, 3), (12, 4), (2, 2, 30)])
def test_balanced_intervals_hold_the_truth(sizes):
    random = np.random.default_rng(0)
    labels = np.arange(len(sizes)).repeat(sizes)
    chances = np.array([0.9, 0.6, 0.3])[: len(sizes)]
    held = 0
    for _ in range(300):
        values = (random.random(len(labels)) < chances[labels]) * 1.0
        _, low, high = balanced_interval(values, labels, np.arange(len(labels)), rounds=50)
        held += low <= chances.mean() <= high
    assert held >= 0.9 * 300


def test_a_difference_of_two_shares_is_newcombes():
    """56 of 70 less 48 of 80 in Statistics in Medicine 17, 1998, table II, method 10."""
    low, high = wilson(48 / 80, 80)
    parts = np.array([[56 / 70, *wilson(56 / 70, 70)], [-48 / 80, -high, -low]]).T
    found = sum_of_means(parts, independent=True)
    np.testing.assert_allclose(found, [0.2, 0.0524, 0.3339], atol=5e-5)


SHARES = st.sampled_from([0.0, 0.3, 0.5, 1.0]) | st.floats(0, 1)
QUERIES = st.lists(st.tuples(SHARES, st.integers(0, 29), st.sampled_from("ab")), min_size=1)


@settings(max_examples=150, deadline=None)
@given(QUERIES)
@example([(1.0, patient, "a") for patient in range(20)] + [(0.0, 20, "b")])
def test_every_interval_has_a_width_and_keeps_its_bounds(queries):
    values, groups, labels = (np.array(column) for column in zip(*queries, strict=True))
    found = interval_of(values, groups)
    balanced = balanced_interval(values, labels, groups)
    moved = interval_of(values - 0.5, groups, DIFFERENCE)
    assert found[0] == pytest.approx(values.mean())
    assert balanced[0] == pytest.approx(
        np.mean([values[labels == name].mean() for name in set(labels.tolist())])
    )
    for (value, low, high), (least, most) in (
        (found, SHARE), (balanced, SHARE), (moved, DIFFERENCE)
    ):  # fmt: skip
        assert least - 1e-12 <= low <= value <= high <= most + 1e-12
        assert high - low > 1e-3 or len(np.unique(groups)) >= FEW


@settings(max_examples=80, deadline=None)
@given(QUERIES, st.randoms(use_true_random=False))
def test_the_order_of_queries_plays_no_part(queries, random):
    shuffled = random.sample(queries, len(queries))
    (values, groups, labels), (others, of_others, names) = (
        [np.array(column) for column in zip(*rows, strict=True)] for rows in (queries, shuffled)
    )
    np.testing.assert_allclose(interval_of(values, groups), interval_of(others, of_others))
    np.testing.assert_allclose(
        balanced_interval(values, labels, groups), balanced_interval(others, names, of_others)
    )
