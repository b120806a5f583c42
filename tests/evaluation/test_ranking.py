"""Each query of an evaluation is ranked once, and who is left out."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.codes import hamming
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.jobs import evaluate_archive
from retrieval.evaluation.ranking import AT_ONCE, Ranked, ranked_by_protocol


def of_codes(codes):
    count = len(codes)
    names = np.array([f"{number}" for number in range(count)])
    blank = np.full(count, "")
    return Cases(codes, np.full(count, "one"), names, blank, names, blank)


@pytest.fixture
def compared(monkeypatch):
    """Codes of every query that was compared with others, in order."""
    asked = []
    distances = hamming.distances

    def counting(archive, queries):
        asked.extend(queries.tolist())
        return distances(archive, queries)

    monkeypatch.setattr(hamming, "distances", counting)
    return asked


@pytest.mark.parametrize(
    ("name", "protocol", "split"),
    [
        ("sample-ct", "own-patient-out", None),
        ("sample-ct", "paper", None),
        ("sample-ct", "official", "test"),
        ("covid-ct", "official", "test"),  # whose calibration is measured as well
    ],
)
def test_each_query_is_ranked_once(compared, name, protocol, split):
    result, alike = evaluate_archive(
        name, name, splits=split and [split], protocol=protocol, bits=None,
        progress=lambda _: lambda *_: None,
    )  # fmt: skip
    assert len(compared) == result.overall.queries
    assert alike.ties.queries == result.overall.queries
    assert (result.trust is not None) == (name == "covid-ct")


def test_some_of_an_archive_asks_it_and_its_cases_look_for_their_own_patients(
    compared, archive, model
):
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    ranked, everything = ranked_by_protocol(cases, queries, "own-patient-out")
    assert len(compared) == len(queries) + len(cases)
    assert (len(ranked.queries), len(everything.queries)) == (len(queries), len(cases))


def test_distances_are_the_same_in_parts_and_fit_their_type():
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (AT_ONCE + 3, 4), dtype=np.uint8)
    cases = of_codes(codes)
    found = Ranked.of(cases, cases)
    assert found.distances.dtype == np.uint16
    bits = np.unpackbits(codes, axis=1).astype(int)
    for row in (0, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2):
        np.testing.assert_array_equal(found.distances[row], np.abs(bits - bits[row]).sum(axis=1))


def test_own_patient_and_picture_are_left_out_of_what_is_taken_too(archive, model):
    cases = cases_of_archive(archive, model)
    twin = cases.sha256.copy()
    twin[5] = twin[0]
    cases = replace(cases, sha256=twin)
    ranked = Ranked.of(cases, cases)
    for row in range(len(cases)):
        expected = (cases.patients != cases.patients[row]) & (twin != twin[row])
        np.testing.assert_array_equal(ranked.allowed[row], expected)
    rows, columns = cases.splits == "test", cases.splits == "train"
    part = ranked.take(rows, columns)
    np.testing.assert_array_equal(part.allowed, ranked.allowed[rows][:, columns])
    np.testing.assert_array_equal(part.distances, ranked.distances[rows][:, columns])
    assert Ranked.of(cases, cases, without=()).rankings.fewest == len(cases)


def test_the_official_gallery_is_followed_by_the_queries(archive, model):
    cases = cases_of_archive(archive, model)
    queries, gallery = cases.take(cases.splits == "test"), cases.take(cases.splits == "train")
    ranked, everything = ranked_by_protocol(gallery, queries, "official")
    assert ranked.cases.sha256.tolist() == gallery.sha256.tolist()
    np.testing.assert_array_equal(ranked.distances, hamming.distances(gallery.codes, queries.codes))
    assert everything.cases.sha256[len(gallery) :].tolist() == queries.sha256.tolist()
