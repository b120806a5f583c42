"""mRMR against the orders of Peng's own program and against loops written from the formulae."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import check_estimator

from retrieval.cli import bench
from retrieval.codes.selection import MRMRSelector, _information_terms
from retrieval.errors import SelectionError

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "mrmr.json"


def information(first, second):
    """Mutual information in bits, pair by pair from its definition."""
    n = len(first)
    pairs, left, right = Counter(zip(first, second, strict=True)), Counter(first), Counter(second)
    return sum(
        count / n * math.log2(count * n / (left[a] * right[b])) for (a, b), count in pairs.items()
    )


def loop_oracle(states, labels, count, combine):
    """Greedy mRMR one column at a time; the first column wins a tie."""
    columns = [tuple(column) for column in np.asarray(states).T]
    relevance = [information(column, labels) for column in columns]
    chosen = [max(range(len(columns)), key=lambda j: (relevance[j], -j))]
    while len(chosen) < count:
        best, best_score = None, -math.inf
        for j, column in enumerate(columns):
            if j in chosen:
                continue
            redundancy = sum(information(column, columns[i]) for i in chosen) / len(chosen)
            score = combine(relevance[j], redundancy)
            if score > best_score + 1e-9:
                best, best_score = j, score
        chosen.append(best)
    return chosen


def noisy_copies(seed, n=90, columns=14, classes=2):
    """Features of which some follow the label and some repeat others."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    features = random.normal(size=(n, columns))
    features[:, ::3] += labels[:, None] * random.uniform(0.3, 1.5, features[:, ::3].shape[1])
    features[:, 1::4] = features[:, ::4][:, : features[:, 1::4].shape[1]] + random.normal(
        scale=0.5, size=features[:, 1::4].shape
    )
    return features, labels


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the golden orders are not beside the checkout")
@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("criterion", ["MID", "MIQ"])
def test_order_is_that_of_pengs_program(case, criterion):
    golden = json.loads(GOLDEN.read_text())[case]
    selector = MRMRSelector(golden["select"], criterion=criterion, discretise=False)
    selector.fit(golden["states"], golden["labels"])
    assert selector.ranking_.tolist() == golden[criterion]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("criterion", "combine"),
    [("MID", lambda d, r: d - r), ("MIQ", lambda d, r: d / (r + 0.0001))],
)
def test_order_is_that_of_the_loops(seed, criterion, combine):
    features, labels = noisy_copies(seed, classes=2 + seed % 2)
    mean, deviation = features.mean(axis=0), features.std(axis=0, ddof=1)
    states = np.where(features > mean + deviation, 1, np.where(features < mean - deviation, -1, 0))
    expected = loop_oracle(states, labels.tolist(), 9, combine)
    assert MRMRSelector(9, criterion=criterion).fit(features, labels).ranking_.tolist() == expected


def test_fcq_is_f_over_mean_correlation():
    features, labels = noisy_copies(7, n=120)
    groups = [features[labels == label] for label in np.unique(labels)]
    overall = features.mean(axis=0)
    between = sum(len(g) * (g.mean(axis=0) - overall) ** 2 for g in groups) / (len(groups) - 1)
    within = sum(((g - g.mean(axis=0)) ** 2).sum(axis=0) for g in groups) / (
        len(features) - len(groups)
    )
    relevance = between / within
    correlation = np.abs(np.corrcoef(features.T))
    chosen = [int(np.argmax(relevance))]
    while len(chosen) < 10:
        score = relevance / np.maximum(correlation[:, chosen].mean(axis=1), 0.001)
        score[chosen] = -np.inf
        chosen.append(int(np.argmax(score)))
    selector = MRMRSelector(10, criterion="FCQ").fit(features, labels)
    np.testing.assert_allclose(selector.relevance_, relevance)
    assert selector.ranking_.tolist() == chosen


@pytest.mark.parametrize("criterion", ["MID", "MIQ", "FCQ"])
def test_dead_columns_come_last_but_where_repeating_costs_more(criterion):
    features, labels = noisy_copies(3)
    features[:, [2, 5]] = 0.0
    ranking = MRMRSelector(features.shape[1], criterion=criterion).fit(features, labels).ranking_
    dead = {2, 5}
    assert sorted(ranking) == list(range(features.shape[1]))
    if criterion != "MID":
        assert set(ranking[-2:].tolist()) == dead
        return
    first = int(np.argmax(np.isin(ranking, [*dead])))  # nothing told, nothing repeated: worth 0
    relevance, redundancy = _information_terms(MRMRSelector()._states(features), labels)
    for place in range(1, first + 1):
        worth = relevance - np.mean([redundancy(column) for column in ranking[:place]], axis=0)
        live = [column for column in ranking[place:] if column not in dead]
        assert (worth[live].max() > 0) == (place < first)
    assert 1 < first < len(ranking) - 2 and ranking[first + 1] in dead


def test_the_paper_s_size_in_the_order_of_the_loops():
    """128 of 512 features from 600 pictures, one pair of columns at a time."""
    features, labels = bench._features(np.random.default_rng(0))
    expected = bench._loop_mrmr(features, labels, 128)
    assert MRMRSelector(128).fit(features, labels).ranking_.tolist() == expected.tolist()


def test_a_shorter_selection_is_the_start_of_a_longer_one():
    features, labels = noisy_copies(1)
    long = MRMRSelector(12).fit(features, labels)
    short = MRMRSelector(5).fit(features, labels)
    assert short.ranking_.tolist() == long.ranking_[:5].tolist()


def test_names_and_values_are_in_the_order_of_choice():
    features, labels = noisy_copies(2)
    selector = MRMRSelector(6).fit(features, labels)
    ranking = selector.ranking_
    assert np.any(np.diff(ranking) < 0)  # not the column order
    chosen = selector.transform(features)
    np.testing.assert_array_equal(chosen, features[:, ranking])
    np.testing.assert_array_equal(selector.get_support(indices=True), ranking)
    assert set(np.flatnonzero(selector.get_support())) == set(ranking.tolist())
    assert selector.get_feature_names_out().tolist() == [f"x{column}" for column in ranking]
    whole = selector.inverse_transform(chosen)
    np.testing.assert_array_equal(whole, np.where(selector.get_support(), features, 0))
    with pytest.raises(SelectionError, match="Cannot put back 5 columns; 6 were chosen"):
        selector.inverse_transform(chosen[:, :5])


def test_a_table_keeps_its_names():
    features, labels = noisy_copies(2)
    table = pd.DataFrame(features, columns=[*"abcdefghijklmn"])
    selector = MRMRSelector(6).set_output(transform="pandas").fit(table, labels)
    names = table.columns[selector.ranking_]
    pd.testing.assert_frame_equal(selector.transform(table), table[names])


@pytest.mark.parametrize("criterion", ["MID", "MIQ", "FCQ"])
@pytest.mark.parametrize("count", [1, 2])
def test_scikit_learns_own_checks_pass(criterion, count):
    check_estimator(MRMRSelector(count, criterion=criterion), on_skip=None)


def test_refuses_what_it_cannot_do():
    features, labels = noisy_copies(0)
    with pytest.raises(SelectionError, match=r"Cannot choose 15 of 14 feature\(s\)"):
        MRMRSelector(15).fit(features, labels)
    with pytest.raises(SelectionError, match="no criterion 'best'"):
        MRMRSelector(3, criterion="best").fit(features, labels)
    with pytest.raises(SelectionError, match="All labels are the same"):
        MRMRSelector(3).fit(features, np.full(len(labels), "covid"))
    with pytest.raises(SelectionError, match="every label is distinct"):
        MRMRSelector(3, criterion="FCQ").fit(features, np.arange(len(labels)))
    with pytest.raises(ValueError, match="requires y"):
        MRMRSelector(3).fit(features, None)
    features[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        MRMRSelector(3).fit(features, labels)
    selector = MRMRSelector(3).fit(features[1:], labels[1:])
    with pytest.raises(ValueError, match="features"):
        selector.transform(features[1:, :5])
