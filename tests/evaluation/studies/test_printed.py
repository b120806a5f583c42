"""The paper's queries: their numbering, and means put together by hand."""

import numpy as np
import pytest

from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.evaluation.results import read_result
from retrieval.evaluation.studies import printed


def test_numbers_follow_file_names_covid_first():
    archive = open_archive("covid-ct")
    order = printed.numbered(archive)
    entries = archive.catalogue.entries(order.tolist())
    assert [entry.label for entry in entries] == ["covid"] * 349 + ["noncovid"] * 397
    files = [entry.file for entry in entries]
    assert files[:349] == sorted(files[:349]) and files[349:] == sorted(files[349:])
    assert sorted(order.tolist()) == list(range(746))


def _hits(bits, labels, own, k):
    """Expected cases of the query's label among the k nearest, itself included."""
    distance = (bits != bits[own]).sum(axis=1)
    relevant = labels == labels[own]
    edge = np.sort(distance)[k - 1]
    inside, tied = distance < edge, distance == edge
    return relevant[inside].sum() + (k - inside.sum()) * relevant[tied].mean()


@pytest.mark.parametrize("name", ["covid-ct", "covid-ct-paper"])
def test_means_are_those_of_plain_rankings(name):
    archive = open_archive(name)
    facts = read_result("paper-printed")
    found = printed.compare(archive, archive.model(), facts)
    order, labels = printed.numbered(archive), archive.catalogue.column("label")
    bits = np.unpackbits(np.asarray(archive.codes), axis=1)
    for k in (5, 20):
        values = [_hits(bits, labels, order[number - 1], k) / k for number in facts["queries_by_k"]]
        assert found["at_k"][str(k)]["precision"] == pytest.approx(np.mean(values))
        assert found["at_k"][str(k)]["printed"]["precision"] in (0.88, 0.78)
    for number, row in zip(facts["queries_by_k"], found["per_query"]["10"], strict=True):
        assert row["query"] == number
        assert row["hits"] == pytest.approx(_hits(bits, labels, order[number - 1], 10))
        assert 0 <= row["ap"] <= row["ap_paper"] <= 1
    assert [row["printed"]["hits"] for row in found["per_query"]["10"]][:3] == [10, 7, 8]
    assert len(found["per_query_at_5"]) == 47  # three of fifty numbers are illegible
    assert list(found["by_query_count_at_5"]) == ["5", "10", "20", "30", "40", "50"]


def test_another_archive_is_refused(archive, model):
    with pytest.raises(EvaluationError, match="is not the whole of COVID-CT"):
        printed.compare(archive, model, read_result("paper-printed"))
