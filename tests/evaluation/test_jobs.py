"""Command line, page and report against an oracle that shuffles ties and counts by hand."""

import json

import numpy as np
import pytest

from pages.common.shell import texts
from retrieval.__main__ import main
from retrieval.archives.archive import open_archive
from retrieval.reports import booklet, curves
from tests.pages.visiting import at_page, control

SHUFFLES = 300
KS = (1, 5, 10, 20)


def counted(order, relevant_in_all, k):
    """Precision, recall, F and both APs of one order of 0 and 1, by counting."""
    hits, sums = 0, 0.0
    for rank, hit in enumerate(order[:k], start=1):
        if hit:
            hits += 1
            sums += hits / rank
    precision, recall = hits / k, hits / relevant_in_all
    f_score = 2 * precision * recall / (precision + recall) if hits else 0.0
    return precision, recall, f_score, sums / min(k, relevant_in_all), sums / hits if hits else 0.0


@pytest.fixture(scope="module")
def oracle():
    """Means over shuffled ties of the sample's test queries: {k: five figures}, one mAP."""
    archive = open_archive("sample-ct")
    random = np.random.default_rng(0)
    codes = [int.from_bytes(row.tobytes(), "big") for row in np.asarray(archive.codes)]
    entries = archive.catalogue.entries()
    queries = [number for number, entry in enumerate(entries) if entry.split == "test"]
    gallery = [number for number, entry in enumerate(entries) if entry.split != "test"]
    sums, whole = {k: np.zeros(5) for k in KS}, 0.0
    for query in queries:
        far = np.array([(codes[query] ^ codes[other]).bit_count() for other in gallery])
        alike = np.array([entries[other].label == entries[query].label for other in gallery])
        for _ in range(SHUFFLES):
            order = alike[np.lexsort((random.random(len(gallery)), far))].tolist()
            for k in KS:
                sums[k] += counted(order, sum(order), k)
            whole += counted(order, sum(order), len(order))[3]
    times = SHUFFLES * len(queries)
    return {k: values / times for k, values in sums.items()}, whole / times


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What `evaluate --json` writes."""
    out = tmp_path_factory.mktemp("whole") / "result.json"
    command = ["evaluate", "sample-ct", "--queries", "sample-ct", "--split", "test"]
    assert main([*command, "--protocol", "official", "--json", str(out)]) == 0
    return json.loads(out.read_text())


def test_the_command_lines_figures_are_the_oracles(written, oracle):
    figures, whole = oracle
    for k in KS:
        found = [written["at_k"][str(k)][name]["value"] for name in curves.NAMES]
        np.testing.assert_allclose(found, figures[k], atol=0.006)  # the shuffles' own spread
    assert written["map"]["value"] == pytest.approx(whole, abs=0.003)


def test_page_report_and_files_show_the_same_figures(written):
    app = control(at_page(texts.EVALUATION.file), "measured").select("sample-ct").run()
    shown = app.table[0].value.set_index("k")
    for k in ("5", "10", "20"):
        for name, cell in zip(curves.NAMES, shown.loc[k], strict=True):
            figure = written["at_k"][k][name]
            assert cell == texts.interval((figure["value"], figure["low"], figure["high"]))
    by_label = app.table[1].value.set_index("Queries")
    for name, found in written["per_label"].items():
        assert by_label.loc[texts.label(name), "Number"] == str(found["queries"])
    _, _, rows = booklet.groups_table(written)
    assert [row[0] for row in rows] == ["All", *written["per_label"]]
    assert rows[0][4] == curves.percent(written["at_k"]["10"]["precision"])
