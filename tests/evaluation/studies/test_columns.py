"""Figures of sets of columns against all orders of the ties, one picture at a time."""

from itertools import permutations, product
from math import sqrt

import numpy as np
import pytest

from retrieval.codes.hashing import fit_thresholds
from retrieval.evaluation.studies.columns import (
    DEPTHS,
    FLOATS,
    Trial,
    cosine_distances,
    euclidean_distances,
)
from tests.evaluation.studies.test_choices import sample

TRAIN, GALLERY, QUERIES = (
    sample(["train"] * 20),
    sample(["train"] * 6, seed=1),
    sample(["val"] * 5, seed=2),
)
CHOSEN = [np.arange(8), np.array([3, 1, 15, 2, 9, 8, 0, 4]), np.arange(16)[::-1]]


def figures(hits):
    """P@1, P@10, P@50 and average precision of one order of relevant and other cases."""
    found = [i for i, hit in enumerate(hits, start=1) if hit]
    average = sum((n + 1) / i for n, i in enumerate(found)) / len(found) if found else 0
    return [*(sum(hits[:k]) / k for k in DEPTHS), average]


def over_ties(distances, relevant):
    """Mean of `figures` over every order that sorts the distances."""
    groups = [
        list(permutations([r for d, r in zip(distances, relevant, strict=True) if d == value]))
        for value in sorted(set(distances))
    ]
    return np.mean([figures(sum(order, ())) for order in product(*groups)], axis=0)


def relevant(query):
    return (GALLERY.cases.labels == QUERIES.cases.labels[query]).tolist()


@pytest.mark.parametrize("columns", CHOSEN)
def test_bits(columns):
    trial = Trial(TRAIN, GALLERY, QUERIES)
    middle = fit_thresholds(TRAIN.features)
    bits = [
        [[value > middle[c] for c, value in enumerate(row)] for row in side.features]
        for side in (GALLERY, QUERIES)
    ]
    expected = []
    for number, query in enumerate(bits[1]):
        distances = [sum(case[c] != query[c] for c in columns) for case in bits[0]]
        expected.append(over_ties(distances, relevant(number)))
    np.testing.assert_allclose(trial.bits(columns), expected)
    distinct = {tuple(case[c] for c in columns) for case in bits[0]}
    assert trial.distinct(columns) == len(distinct) / 6


@pytest.mark.parametrize("columns", CHOSEN)
def test_floats(columns):
    mean = [sum(column) / 20 for column in TRAIN.features.T]
    deviation = [
        sqrt(sum((x - m) ** 2 for x in column) / 20)
        for column, m in zip(TRAIN.features.T, mean, strict=True)
    ]

    def cosine(case, query):
        dot, one, other = (
            sum(a[c] * b[c] for c in columns)
            for a, b in ((case, query), (case, case), (query, query))
        )
        return 1 - dot / sqrt(one * other)

    def euclidean(case, query):
        return sqrt(sum(((case[c] - query[c]) / deviation[c]) ** 2 for c in columns))

    found = Trial(TRAIN, GALLERY, QUERIES).floats(columns)
    assert tuple(found) == FLOATS
    for name, distance in (("cosine", cosine), ("euclidean", euclidean)):
        expected = [
            over_ties([distance(case, query) for case in GALLERY.features], relevant(number))
            for number, query in enumerate(QUERIES.features)
        ]
        np.testing.assert_allclose(found[name], expected)


def test_equal_cases_tie_exactly_and_an_empty_one_is_far():
    random = np.random.default_rng(3)
    row = random.normal(size=37)
    gallery = np.stack([random.normal(size=37), row, np.zeros(37), row])
    query = random.normal(size=(1, 37))
    for distances in (cosine_distances, euclidean_distances):
        (found,) = distances(gallery, query)
        assert found[1] == found[3] != found[0]
    (found,) = cosine_distances(gallery, query)
    assert found[2] == 1
    assert next(cosine_distances(gallery, np.zeros((1, 37)))).tolist() == [1] * 4


def test_a_column_that_is_constant_on_train_changes_nothing():
    constant = TRAIN.features.copy()
    constant[:, 5] = 2.0
    train = type(TRAIN)(constant, TRAIN.cases)
    trial = Trial(train, GALLERY, QUERIES)
    assert np.isfinite(trial.floats(np.arange(16))["euclidean"]).all()


def test_a_shorter_code_begins_a_longer_one():
    trial = Trial(TRAIN, GALLERY, QUERIES)
    order = CHOSEN[2]
    for longer, shorter in zip(trial.codes(order), trial.codes(order[:8]), strict=True):
        np.testing.assert_array_equal(longer[:, :1], shorter)
