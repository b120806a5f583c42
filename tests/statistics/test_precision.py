"""Figures against every order of the ties, and against the source paper's printed values."""

import itertools

import numpy as np
import pytest

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
