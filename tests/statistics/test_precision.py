"""Figures against every order of the ties, and against the source paper's printed values."""

import itertools

import numpy as np
import pytest

from retrieval.statistics.intervals import balanced_interval, bootstrap_interval, paired_difference
from retrieval.statistics.precision import query_figures, tie_groups


def figures_of_order(order, relevant_in_all, depth):
    """P, recall, F, both APs at k = 1..depth and AP of one fixed order, by counting."""
    rows, hits, precisions = [], 0, []
    for k in range(1, depth + 1):
        if order[k - 1]:
            hits += 1
            precisions.append(hits / k)
        precision, recall = hits / k, hits / relevant_in_all
        f_score = 2 * precision * recall / (precision + recall) if hits else 0.0
        both = (
            sum(precisions) / min(k, relevant_in_all),
            sum(precisions) / hits if hits else 0.0,
        )
        rows.append((precision, recall, f_score, *both))
    return np.array(rows), sum(precisions) / relevant_in_all


@pytest.mark.parametrize("seed", range(12))
def test_figures_are_means_over_all_orders_of_the_ties(seed):
    random = np.random.default_rng(seed)
    totals = random.integers(1, 5, random.integers(1, 4))
    relevant = np.array([random.integers(0, total + 1) for total in totals])
    relevant[random.integers(len(totals))] = max(1, relevant[random.integers(len(totals))])
    relevant = np.minimum(relevant, totals)
    if not relevant.sum():
        relevant[0] = 1
    depth, found = int(totals.sum()), int(relevant.sum())
    ties = [
        list(itertools.permutations([1] * hits + [0] * (total - hits)))
        for total, hits in zip(totals, relevant, strict=True)
    ]
    results = [
        figures_of_order(sum(orders, ()), found, depth) for orders in itertools.product(*ties)
    ]
    expected = np.mean([rows for rows, _ in results], axis=0)
    figures = query_figures(totals, relevant, depth)
    for column, name in enumerate(("precision", "recall", "f_score", "ap", "ap_paper")):
        np.testing.assert_allclose(getattr(figures, name), expected[:, column], err_msg=name)
    assert figures.average_precision == pytest.approx(np.mean([ap for _, ap in results]))


@pytest.mark.parametrize(
    ("hits_at", "printed"),
    [
        ((1, 2, 3, 5), 95.00),
        ((1, 2, 4, 5), 88.75),
        ((1, 3, 4, 5), 80.42),
        ((2, 3, 4, 5), 67.92),
        ((1, 2, 5), 86.67),
        ((1, 4, 5), 70.00),
        ((1, 2, 3, 4), 100.00),
    ],
)
def test_average_precision_of_the_source_paper(hits_at, printed):
    """Its Table values for 5 retrieved; the print cuts 80.416 to 80.41 and rounds others."""
    relevant = np.array([int(rank in hits_at) for rank in range(1, 6)])
    figures = query_figures(np.ones(5, dtype=int), relevant, 5)
    assert 100 * figures.ap_paper[4] == pytest.approx(printed, abs=0.011)
    assert 100 * figures.precision[4] == 20 * len(hits_at)


def test_a_constant_code_scores_chance():
    relevant = np.random.default_rng(0).random(400) < 0.3
    figures = query_figures(*tie_groups(np.zeros(400, dtype=int), relevant), 100)
    np.testing.assert_allclose(figures.precision, relevant.mean())


def test_no_order_of_rows_changes_a_figure():
    random = np.random.default_rng(1)
    distance, relevant = random.integers(0, 6, 200), random.random(200) < 0.4
    shuffled = random.permutation(200)
    one = query_figures(*tie_groups(distance, relevant), 50)
    other = query_figures(*tie_groups(distance[shuffled], relevant[shuffled]), 50)
    np.testing.assert_array_equal(one.ap_paper, other.ap_paper)
    np.testing.assert_array_equal(one.precision, other.precision)


def test_no_figure_exceeds_one():
    figures = query_figures(np.array([193]), np.array([192]), 100)
    assert figures.ap_paper.max() <= 1 and figures.ap.max() <= 1 and figures.precision.max() <= 1


def test_past_the_end_of_a_small_archive():
    figures = query_figures(np.array([1, 1]), np.array([1, 0]), 4)
    np.testing.assert_allclose(figures.precision, [1, 1 / 2, 1 / 3, 1 / 4])
    np.testing.assert_allclose(figures.recall, 1)
    np.testing.assert_allclose(figures.ap_paper, 1)


def test_nothing_relevant_scores_nothing():
    figures = query_figures(np.array([3]), np.array([0]), 3)
    assert figures.average_precision == 0
    assert not figures.recall.any() and not figures.ap_paper.any() and not figures.ap.any()


def test_the_interval_draws_patients_not_pictures():
    """Ten copies of each patient's value must give the interval of the patients alone."""
    random = np.random.default_rng(2)
    patients = random.random((40, 3))
    groups = np.arange(40)
    mean, low, high = bootstrap_interval(patients, groups)
    many = bootstrap_interval(np.repeat(patients, 10, axis=0), np.repeat(groups, 10))
    np.testing.assert_allclose(mean, patients.mean(axis=0))
    np.testing.assert_allclose(many, (mean, low, high))
    spread = patients.std(axis=0, ddof=1) / np.sqrt(40)
    np.testing.assert_allclose(high - low, 2 * 1.96 * spread, rtol=0.12)


def test_a_paired_difference_is_the_mean_of_differences():
    random = np.random.default_rng(4)
    hard = random.random((30, 1))
    groups = np.arange(30) // 2
    mean, low, high = paired_difference(hard + 0.1, hard, groups)
    np.testing.assert_allclose((mean, low, high), 0.1)  # what all queries share has no spread
    other = random.random((30, 1))
    mean, low, high = paired_difference(other, hard, groups)
    assert mean == pytest.approx((other - hard).mean()) and low < mean < high


def test_one_list_for_all_queries_is_worth_nothing_when_balanced():
    """Nine in ten of the archive and of the queries have one label."""
    labels = np.array(["common"] * 90 + ["rare"] * 10)
    values = np.where(labels == "common", 0.9, 0.1)  # P@10 of one and the same list
    mean, low, high = balanced_interval(values, labels, np.arange(100))
    assert (mean, low, high) == pytest.approx((0.5, 0.5, 0.5))
    noisy = values + np.random.default_rng(0).normal(0, 0.05, 100)
    mean, low, high = balanced_interval(noisy, labels, np.arange(100))
    by_label = [noisy[labels == name].mean() for name in ("common", "rare")]
    assert mean == pytest.approx(np.mean(by_label)) and low < mean < high
    spread = np.hypot(noisy[:90].std() / 90**0.5, noisy[90:].std() / 10**0.5) / 2
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.2)
