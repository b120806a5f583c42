"""The page of measured figures."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from pages.common.measured import figures
from pages.common.shell import palette, texts
from retrieval.evaluation import results
from retrieval.reports import booklet, curves
from tests.pages.visiting import at_page, control


@pytest.mark.parametrize("report", figures.reports(), ids=lambda report: report.protocol)
def test_the_figures_are_those_of_the_stored_results(report):
    about = json.loads((results.RESULTS / f"{report.archive}-{report.protocol}.json").read_text())
    app = control(at_page("evaluation.py"), "measured").select(report.archive).run()
    app = control(app, "protocol").select(report.protocol).run()
    assert not app.exception
    table = app.table[0].value
    assert table["k"].tolist() == [str(k) for k in (5, 10, 15, 20, 30, 40, 50, 100)]
    columns = ("precision", "recall", "f_score", "ap", "ap_paper")
    columns = [name for name in columns if name in about["at_k"]["1"]]
    for _, row in table.iterrows():
        for name, cell in zip(columns, row.tolist()[1:], strict=True):
            figure = about["at_k"][row["k"]][name]
            shown = [float(part) for part in re.findall(r"[\d.]+", cell)]
            expected = [100 * figure[part] for part in ("value", "low", "high")]
            assert shown == pytest.approx(expected, abs=0.051)
    ids = f"{texts.measured_on(about)}."
    assert any(caption.value.endswith(ids) for caption in app.caption)


def test_no_figure_at_more_matches_than_there_are():
    """Precision at 50 of 22 cases would count places that nothing can fill."""
    report = next(one for one in figures.reports() if one.protocol == "official")
    small = {**report.about, "archive": {"id": "x", "count": 22}}
    assert figures.Report("x", {**small, "fewest_ranked": 9}).within((5, 9, 10)) == [5, 9]
    del small["fewest_ranked"]  # as in results of before they said so
    assert figures.Report("x", small).within((5, 10, 22, 23, 50)) == [5, 10, 22]
    itself = figures.Report("x", {**small, "protocol": "paper"})
    assert itself.within((5, 22, 23)) == [5, 22]  # each query finds itself, one of the 22
    left_out = figures.Report("x", {**small, "protocol": "own-patient-out"})
    assert left_out.within((5, 21, 22)) == [5, 21]  # or is left out of them

    def show(report):
        from pages.common.measured import measured

        measured.show(report)

    app = AppTest.from_function(show, args=(left_out,), default_timeout=60).run()
    assert not app.exception
    assert [one.label for one in app.metric] == [
        "Precision at 5",
        "Precision at 10",
        "Random order",
    ]
    assert app.table[0].value["k"].tolist() == ["5", "10", "15", "20"]
    lines = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert max(lines[1]["x"]) == 21 and not any("P at 50" in table.value for table in app.table)
    _, head, _ = booklet.groups_table(left_out.about)  # nor on paper, nor in the files
    assert head == ("Queries", "Number", "Random", "P@5", "P@10", "Mean AP")
    assert [row[0] for row in curves.rows_of(left_out.about)] == [str(k) for k in range(1, 22)]
    for count in (5, 4, 1):  # too few for a curve, and for any figure at all
        tiny = figures.Report("x", {**left_out.about, "archive": {"id": "x", "count": count}})
        app = AppTest.from_function(show, args=(tiny,), default_timeout=60).run()
        assert not app.exception and len(app.get("plotly_chart")) == 0
        assert booklet.report("A small one", tiny.about).startswith(b"%PDF")


def test_the_honest_protocol_comes_first():
    app = at_page("evaluation.py")
    assert control(app, "protocol").value == "official"


def test_the_chart_holds_every_curve_and_the_printed_points():
    app = control(at_page("evaluation.py"), "measured").select("covid-ct").run()
    app = control(app, "protocol").select("paper").run()
    chart = app.get("plotly_chart")[0]
    figure = json.loads(chart.proto.spec)
    lines = {trace["name"]: trace for trace in figure["data"]}
    report = next(
        one for one in figures.reports() if (one.archive, one.protocol) == ("covid-ct", "paper")
    )
    assert report.archive in figures.printed(report.archive)["archives"]
    assert len(lines) == 4 + len(report.labels)
    assert lines["All queries"]["x"] == list(range(5, 51))
    assert lines["All queries"]["y"][5] == report.figure("precision", 10)[0]
    printed = next(trace for name, trace in lines.items() if "paper" in name)
    assert dict(zip(printed["x"], printed["y"], strict=True))[10] == 0.85
    axis = figure["layout"]["xaxis"]
    assert axis["tickfont"]["color"] == axis["title"]["font"]["color"] == palette.INKS["light"]
