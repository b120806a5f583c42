"""Two archives side by side: the stored results, and nothing against itself."""

import pytest

from retrieval.archives import archive as archives
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.curves import evaluate
from retrieval.evaluation.studies.side_by_side import compare
from tests.stored import ROUNDED


def test_means_are_those_of_the_stored_evaluations():
    names = ("covid-ct", "covid-ct-paper")
    found = compare(*(archives.open_archive(name) for name in names)).json()
    assert found["queries"] == 203
    for k, row in found["at_k"].items():
        for name, side in zip(names, ("first", "second"), strict=True):
            stored = results.read_result(f"{name}-official")["at_k"][k]["precision"]["value"]
            assert row[side] == pytest.approx(stored, abs=ROUNDED)
        assert row["difference"]["value"] == pytest.approx(row["first"] - row["second"])
        assert row["difference"]["low"] > 0  # the pretrained encoder is the better one


@pytest.mark.parametrize("protocol", ["official", "own-patient-out", "paper"])
def test_each_protocol_is_the_one_of_evaluate(protocol):
    archive = archives.open_archive("sample-ct")
    model = archive.model()
    cases = cases_of_archive(archive, model)
    asked = cases.take(cases.splits == "test")
    wanted = evaluate(archive, model, asked, protocol=protocol).json()["at_k"]
    found = compare(archive, archive, protocol=protocol).json()
    assert found["protocol"] == protocol
    assert found["archives"] == {"first": archive.id, "second": archive.id}
    for k, row in found["at_k"].items():
        assert row["first"] == row["second"] == pytest.approx(wanted[k]["precision"]["value"])


def test_progress_counts_the_queries_of_both():
    archive, steps = archives.open_archive("sample-ct"), []
    found = compare(archive, archive, progress=lambda *step: steps.append(step))
    asked = len(found.first)
    assert steps == [(asked, 2 * asked), (2 * asked, 2 * asked)]


def test_an_archive_does_not_differ_from_itself():
    archive = archives.open_archive("covid-ct")
    found = compare(archive, archive).json()["at_k"]["10"]["difference"]
    assert found["value"] == 0 and -0.02 < found["low"] < 0 < found["high"] < 0.02


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(EvaluationError, match="no protocol 'x'"):
        compare(*[archives.open_archive("sample-ct")] * 2, protocol="x")
    with pytest.raises(EvaluationError, match="share no test picture"):
        compare(archives.open_archive("sample-ct"), archives.open_archive("sample-xray"))
