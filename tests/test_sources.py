"""Queries by source: against a slow count, with and without the query's own source."""

import json

import numpy as np
import pytest

from retrieval import sources
from retrieval.__main__ import main
from retrieval.archive import open_archive
from retrieval.errors import EvaluationError
from retrieval.results import SOURCES, read_result


@pytest.fixture(scope="module")
def covid():
    return open_archive("covid-ct")


def test_the_stored_result_is_what_the_archive_gives(covid, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert main(["sources", "covid-ct", "--split", "test", "--json", str(out)]) == 0
    assert json.loads(out.read_text()) == read_result(f"{SOURCES}covid-ct")
    assert "| no picture in the archive | 91 |" in capsys.readouterr().out


def test_figures_are_those_of_rankings_written_as_loops(covid):
    """Ties are broken at random, many times, and the hits are counted."""
    found = {one.name: one for one in sources.measure(covid, covid.model(), "test").groups}
    column = {name: covid.catalogue.column(name) for name in ("label", "split", "source")}
    bits = np.unpackbits(np.asarray(covid.codes), axis=1)
    random = np.random.default_rng(0)
    archived = np.flatnonzero(column["split"] != "test")
    for name in ("medpix", "crawled"):
        means = {True: [], False: []}
        asked = (column["split"] == "test") & (column["source"] == name)
        for row in np.flatnonzero(asked):
            for without, kept in means.items():
                ranked = archived
                if without:
                    ranked = archived[column["source"][archived] != name]
                apart = (bits[ranked] != bits[row]).sum(axis=1)
                for _ in range(20):
                    order = np.lexsort([random.random(len(ranked)), apart])[:10]
                    kept.append(np.mean(column["label"][ranked][order] == column["label"][row]))
        assert found[name].queries == asked.sum()
        assert found[name].precision[0] == pytest.approx(np.mean(means[False]), abs=0.01)
        assert found[name].without[0] == pytest.approx(np.mean(means[True]), abs=0.01)
        assert found[name].chance_without < found[name].chance


def test_a_source_that_the_archive_lacks_has_nothing_to_leave_out(covid):
    new = sources.measure(covid, covid.model(), "test").groups[0]
    assert new.name == sources.NEW
    np.testing.assert_array_equal(new.precision, new.without)
    assert new.chance == new.chance_without


def test_sources_with_few_queries_are_summed_up():
    asked = np.array(["a"] * sources.FEWEST + ["b", "c"])
    names = sources.group_names(asked, np.array(["a", "b"]))
    assert names.tolist() == ["a"] * sources.FEWEST + [sources.OTHERS, sources.NEW]


def test_one_source_is_refused():
    archive = open_archive("sample-ct")
    with pytest.raises(EvaluationError, match="one source at most"):
        sources.measure(archive, archive.model(), "test")
