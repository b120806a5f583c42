"""Two archives side by side: the stored results, and nothing against itself."""

import pytest

from retrieval.archives import archive as archives
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.evaluation.studies.side_by_side import compare


def test_means_are_those_of_the_stored_evaluations():
    names = ("covid-ct", "covid-ct-paper")
    found = compare(*(archives.open_archive(name) for name in names)).json()
    assert found["queries"] == 203
    for k, row in found["at_k"].items():
        for name, side in zip(names, ("first", "second"), strict=True):
            stored = results.read_result(f"{name}-official")["at_k"][k]["precision"]["value"]
            assert row[side] == pytest.approx(stored)
        assert row["difference"]["value"] == pytest.approx(row["first"] - row["second"])
        assert row["difference"]["low"] > 0  # the pretrained encoder is the better one


def test_an_archive_does_not_differ_from_itself():
    archive = archives.open_archive("covid-ct")
    found = compare(archive, archive).json()["at_k"]["10"]["difference"]
    assert found["value"] == 0 and -0.02 < found["low"] < 0 < found["high"] < 0.02


def test_archives_of_other_pictures_cannot_be_compared():
    with pytest.raises(EvaluationError, match="share no test picture"):
        compare(archives.open_archive("sample-ct"), archives.open_archive("sample-xray"))
