"""Queries by source: against a slow count, with and without the query's own source."""

import json

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.evaluation.results import SOURCES, read_result
from retrieval.evaluation.studies import sources
from tests.stored import ROUNDED


@pytest.fixture(scope="module")
def covid():
    return open_archive("covid-ct")


def test_the_stored_result_is_what_the_archive_gives(covid, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert main(["sources", "covid-ct", "--split", "test", "--json", str(out)]) == 0
    found, stored = json.loads(out.read_text()), read_result(f"{SOURCES}covid-ct")
    apart = {"groups": [], "code": None}  # of that day, and of today
    assert {**found, **apart} == {**stored, **apart}
    for one, other in zip(found["groups"], stored["groups"], strict=True):
        assert one.keys() == other.keys() and one["labels"] == other["labels"]
        for name in one.keys() - {"source", "queries", "labels"}:
            assert one[name] == pytest.approx(other[name], abs=ROUNDED), name
    assert "| sources new to the archive | 91 covid |" in capsys.readouterr().out


def test_figures_are_those_of_rankings_written_as_loops(covid):
    """Ties are broken at random, many times, and the hits are counted."""
    found = {one.name: one for one in sources.measure(covid, covid.model(), "test").groups}
    column = {name: covid.catalogue.column(name) for name in ("label", "split", "source")}
    bits = np.unpackbits(np.asarray(covid.codes), axis=1)
    random = np.random.default_rng(0)
    archived = np.flatnonzero(column["split"] != "test")
    for name in ("medpix", "crawled"):
        seen = {"whole": [], "without": [], "instead": []}
        asked = (column["split"] == "test") & (column["source"] == name)
        for row in np.flatnonzero(asked):
            own = archived[column["source"][archived] == name]
            alike = archived[column["label"][archived] == column["label"][row]]
            for _ in range(20):
                instead = random.choice(alike, len(own), replace=False)  # all have the one label
                for key, dropped in (("whole", []), ("without", own), ("instead", instead)):
                    ranked = np.setdiff1d(archived, dropped)
                    apart = (bits[ranked] != bits[row]).sum(axis=1)
                    order = np.lexsort([random.random(len(ranked)), apart])[:10]
                    hits = column["label"][ranked][order] == column["label"][row]
                    seen[key].append(hits.mean())
        whole, without, instead = (np.mean(values) for values in seen.values())
        assert found[name].precision[0] == pytest.approx(whole, abs=0.01)
        assert found[name].without[0] == pytest.approx(without, abs=0.01)
        assert found[name].control[0] == pytest.approx(instead, abs=0.015)
        assert found[name].difference[0] == pytest.approx(without - instead, abs=0.02)


def test_a_source_that_the_archive_lacks_has_nothing_to_leave_out(covid):
    new = sources.measure(covid, covid.model(), "test").groups[0]
    assert new.name == sources.NEW
    assert new.without is new.control is new.difference is None


def test_sources_with_few_queries_are_summed_up_and_unnamed_ones_kept_apart():
    asked = np.array(["a"] * sources.FEWEST + ["b", "c", ""])
    names = sources.group_names(asked, np.array(["a", "b", ""]))
    last = [sources.OTHERS, sources.NEW, sources.UNKNOWN]
    assert names.tolist() == ["a"] * sources.FEWEST + last


def test_as_many_of_each_label_are_left_out_at_random():
    labels = np.array(["x"] * 30 + ["y"] * 30)
    own = np.zeros(60, dtype=bool)
    own[[0, 1, 2, 40]] = True
    draws = [sources.kept_instead(own, labels, np.random.default_rng(seed)) for seed in range(9)]
    assert all((~kept[:30]).sum() == 3 and (~kept[30:]).sum() == 1 for kept in draws)
    assert len({kept.tobytes() for kept in draws}) > 1


def test_too_little_left_is_refused():
    ten = np.arange(10)
    assert sources.precision(ten, ten < 4) == pytest.approx(0.4)
    for distance, relevant in ((ten[:9], ten[:9] < 4), (ten, ten < 0)):
        with pytest.raises(EvaluationError, match="too few cases are left"):
            sources.precision(distance, relevant)


def test_one_source_is_refused():
    archive = open_archive("sample-ct")
    with pytest.raises(EvaluationError, match="one source at most"):
        sources.measure(archive, archive.model(), "test")
