"""Precision at other shares of a finding, against archives drawn anew."""

import numpy as np
import pytest

from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.ranking import Ranked
from retrieval.evaluation.studies import prevalence
from retrieval.evaluation.studies.prevalence import at_share
from retrieval.statistics.precision import expected_hits, tie_groups


@pytest.fixture(scope="module")
def counts():
    random = np.random.default_rng(0)
    relevant = np.arange(400) < 200
    distances = np.where(relevant, random.binomial(64, 0.3, 400), random.binomial(64, 0.4, 400))
    return distances, relevant


def test_at_its_own_share_nothing_changes(counts):
    totals, relevant = tie_groups(*counts)
    wanted = expected_hits(totals, relevant, 10)[-1] / 10
    assert at_share(totals, relevant, relevant.sum() / totals.sum()) == pytest.approx(wanted)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
def test_as_the_mean_over_archives_drawn_anew(counts, share):
    distances, relevant = counts
    random = np.random.default_rng(1)
    found = []
    for _ in range(2000):
        number = round(400 * share)
        own = random.choice(distances[relevant], number)
        other = random.choice(distances[~relevant], 400 - number)
        drawn = np.concatenate([own, other])
        order = np.lexsort((random.random(400), drawn))
        found.append((order[:10] < number).mean())
    assert at_share(*tie_groups(*counts), share) == pytest.approx(np.mean(found), abs=0.03)


def test_a_code_that_knows_nothing_finds_the_share():
    totals, relevant = np.array([100]), np.array([40])
    for share in (0.5, 0.2, 0.05, 0.01):
        assert at_share(totals, relevant, share) == pytest.approx(share)


def test_one_kind_of_case_alone():
    assert at_share(np.array([5]), np.array([5]), 0.01) == 1.0
    assert at_share(np.array([5]), np.array([0]), 0.5) == 0.0


def test_measured_on_an_archive(archive, model):
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    gallery = cases.take(cases.splits == "train")
    found = prevalence.measure(gallery, queries)
    wanted = Ranked.of(gallery, queries).rankings.precision(10)
    np.testing.assert_allclose(found.as_it_is, wanted)
    assert list(found.json()) == ["as it is", "0.5", "0.2", "0.05", "0.01"]
    assert (np.diff(found.precision, axis=1) <= 1e-12).all()  # rarer is harder
