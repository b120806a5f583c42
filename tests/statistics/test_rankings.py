"""Counts of cases by label and distance, against loops."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import EvaluationError
from retrieval.statistics.rankings import mean_nearest
from tests import simulated


def masked():
    made, _ = simulated.rankings(12)
    allowed = np.random.default_rng(5).random(made.distances.shape) < 0.7
    return replace(made, allowed=allowed)


def test_histograms_count_the_allowed_cases_of_each_label():
    made = masked()
    for query, table in enumerate(made.histograms):
        for place, name in enumerate(made.names):
            for distance in range(simulated.BITS + 1):
                expected = sum(
                    allowed and label == name and d == distance
                    for allowed, label, d in zip(
                        made.allowed[query], made.gallery_labels, made.distances[query], strict=True
                    )
                )
                assert table[place, distance] == expected


def test_mean_distance_to_the_nearest_and_precision():
    made = masked()
    for query in range(len(made)):
        allowed = made.allowed[query]
        distances = made.distances[query][allowed].astype(int)
        assert mean_nearest(made.histograms)[query] == pytest.approx(np.sort(distances)[:10].mean())
        hit = made.gallery_labels[allowed] == made.labels[query]
        cut = np.sort(distances)[9]
        sure, tied = distances < cut, distances == cut
        expected = hit[sure].sum() + (10 - sure.sum()) * hit[tied].mean()
        assert made.precision()[query] == pytest.approx(expected / 10)


def test_fewer_cases_than_neighbours():
    table = np.zeros((1, 2, 9), dtype=int)
    table[0, 0, 2] = table[0, 1, 8] = 1
    assert mean_nearest(table)[0] == 5


def test_take_keeps_what_belongs_together():
    made = masked()
    part = made.take(made.labels != "a")
    assert set(part.labels) == {"b", "c"} and part.names.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(part.histograms, made.histograms[made.labels != "a"])


def test_counts_are_those_of_each_query_alone():
    made = masked()
    assert made.fewest == min(row.sum() for row in made.allowed)
    for query, (totals, relevant) in enumerate(made.counts):
        distances = made.distances[query][made.allowed[query]].tolist()
        hit = made.gallery_labels[made.allowed[query]] == made.labels[query]
        values = sorted(set(distances))
        assert totals.tolist() == [distances.count(value) for value in values]
        of_label = [d for d, right in zip(distances, hit, strict=True) if right]
        assert relevant.tolist() == [of_label.count(value) for value in values]
        assert made.chance[query] == pytest.approx(hit.mean())


def test_fewer_cases_are_those_that_remain():
    made = masked()
    kept = made.gallery_labels != "b"
    fewer = made.among(kept)
    assert set(fewer.gallery_labels) == {"a", "c"} and len(fewer) == len(made)
    expected = made.histograms[:, [0, 2]]
    np.testing.assert_array_equal(fewer.histograms[:, np.isin(fewer.names, ["a", "c"])], expected)


def test_a_query_that_meets_nothing_is_refused():
    made = masked()
    with pytest.raises(EvaluationError, match="nothing to be compared with"):
        made.among(np.zeros(len(made.gallery_labels), dtype=bool))
