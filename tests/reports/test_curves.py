"""Curves and tables of an evaluation on paper: their numbers are those of the result."""

import csv
import io
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from pages.common.shell import palette
from retrieval.__main__ import main
from retrieval.errors import SettingError
from retrieval.evaluation import results
from retrieval.reports import booklet, curves, printing
from retrieval.statistics import reliability

ENDS = ("value", "low", "high")


@pytest.fixture(scope="module", params=["covid-ct-official", "pneumonia-xray-paper"])
def result(request):
    return results.read_result(request.param)


def test_the_drawn_line_is_the_result(result):
    axes = curves.precision(result).axes[0]
    line = next(line for line in axes.lines if line.get_label() == "All queries")
    wanted = [result["at_k"][str(k)]["precision"]["value"] for k in range(5, 51)]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(5, 51))
    np.testing.assert_array_equal(line.get_ydata(), wanted)


def test_findings_have_the_colours_of_the_screen(result):
    lines = {line.get_label(): line for line in curves.precision(result).axes[0].lines}
    labels = sorted(result["per_label"])
    for label, colour in zip(labels, palette.LABELS, strict=False):
        assert lines[f"Queries: {label}"].get_color() == colour
    assert lines["All queries"].get_color() == palette.ALL_QUERIES


def test_lines_differ_without_colour(result):
    for draw in (curves.precision, curves.precision_recall):
        lines = [line for line in draw(result).axes[0].lines if line.get_label()[0] != "_"]
        looks = {(line.get_linestyle(), line.get_marker()) for line in lines}
        assert len(looks) == len(lines) >= 3


@pytest.mark.parametrize("name", curves.DRAWINGS)
def test_no_text_is_cut_off(result, name):
    if name not in results.drawable(result):
        assert name in reliability.OF_TRUST and "trust" not in result
        return
    figure = curves.DRAWINGS[name](result)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = figure.bbox.width, figure.bbox.height
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            if text.get_text():
                box = text.get_window_extent(renderer)
                assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height


def test_code_lengths_are_those_of_the_comparison():
    found = results.read_result("lengths/covid-ct-paper-test")
    line = next(
        line for line in curves.code_lengths(found).axes[0].lines
        if line.get_label() == "mRMR (MID)"
    )  # fmt: skip
    assert line.get_xdata().tolist() == [int(length) for length in found["lengths"]]
    first = found["lengths"]["8"]["MID"]["bits"]["at_k"]["10"]["precision"]["value"]
    assert line.get_ydata()[0] == first


def test_tables_hold_every_figure(result):
    rows = list(csv.reader(io.StringIO(
        curves.as_csv(curves.head_of(result), curves.rows_of(result)).decode("utf-8-sig")
    )))  # fmt: skip
    assert len(rows) == 101 and rows[0] == list(curves.head_of(result))
    for row in rows[1:]:
        wanted = result["at_k"][row[0]]
        cells = [wanted[name][end] for name in curves.measured(result) for end in ENDS]
        np.testing.assert_allclose([float(cell) for cell in row[1:]], cells, atol=5e-7)


def test_latex_has_a_cell_for_each_column_and_no_bare_sign():
    text = curves.as_latex(("k_1", "50 %"), [("a&b", "{c}\\"), ("#", "~^$")]).decode()
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert lines[1] == r"a\&b & \{c\}\textbackslash{} \\"
    assert lines[0] == r"k\_1 & 50 \% \\"
    assert r"\# & \textasciitilde{}\textasciicircum{}\$" in lines[2]


@pytest.mark.parametrize(
    ("name", "size"), [("covid-ct-official", "A4"), ("pneumonia-xray-paper", "Letter")]
)
def test_a_report_has_its_pages_with_everything_on_them(name, size):
    assert size in printing.PAGES
    result = results.read_result(name)
    data = booklet.report("A title", result, size=size)
    pages = 8 if "trust" in result else 6
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page ") == pages
    shorter = results.read_result("lengths/covid-ct-test")
    audit = results.read_result("audit/covid-ct")
    data = booklet.report("A title", result, changed=audit, shorter=shorter, size=size)
    assert data.count(b"/Type /Page ") == pages + 2


def test_texts_of_a_report_stay_on_its_pages(result):
    changed = results.read_result("audit/covid-ct")
    rows = booklet._audit_table(changed)
    for page in (
        booklet._front("A title", result, "Letter"),
        booklet._with_table(*rows, "Letter"),
        booklet._with_table("T", tuple("abcdef"), curves.shown_rows(result, booklet.TABLE), "A4"),
        booklet._with_table(*booklet.groups_table(result), "A4"),
    ):
        renderer = FigureCanvasAgg(page).get_renderer()
        boxes = [text.get_window_extent(renderer) for text in page.texts if text.get_text()]
        for number, box in enumerate(boxes):
            assert 0 <= box.x0 and box.x1 <= page.bbox.width
            assert 0 <= box.y0 and box.y1 <= page.bbox.height
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_another_page_is_refused(result):
    with pytest.raises(SettingError):
        booklet.report("A title", result, size="A3")


def test_the_command_writes_a_report_and_the_figures(tmp_path, capsys):
    source = results.RESULTS / "covid-ct-official.json"
    out = tmp_path / "report.pdf"
    command = ["document", "booklet"]
    assert main([*command, str(source), "--out", str(out), "--figures", str(tmp_path / "f")]) == 0
    assert out.read_bytes().startswith(b"%PDF")
    made = {path.name for path in (tmp_path / "f").iterdir()}
    assert {"precision.svg", "precision.png", "figures.csv", "figures.tex"} <= made
    with Image.open(tmp_path / "f" / "precision.png") as picture:
        assert picture.info["dpi"][0] == pytest.approx(300, abs=1)
    assert "report.pdf" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "none.json"), "--out", str(out)]) == 1
    assert "none.json" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_the_report_says_what_was_measured(result, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(booklet.report("COVID-CT, measured", result))
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True).stdout
    assert "COVID-CT, measured" in text and result["model"]["id"] in text
    assert f"{100 * result['at_k']['10']['precision']['value']:.1f} %" in text


def test_the_reliability_diagram_shows_the_measured_points():
    found = results.read_result("covid-ct-official")
    points = found["trust"]["reliability"]
    drawn = curves.reliability(found).axes[0].containers[0].lines[0]
    np.testing.assert_allclose(
        drawn.get_xdata().astype(float), [point["mean_chance"] for point in points]
    )
    np.testing.assert_allclose(
        drawn.get_ydata().astype(float), [point["observed"] for point in points]
    )
    line = curves.coverage(found).axes[0].lines[0]
    at = {point["coverage"]: point["p_at_10"] for point in found["trust"]["risk_coverage"]}
    np.testing.assert_allclose(line.get_xdata(), list(at))
    np.testing.assert_allclose(line.get_ydata(), list(at.values()))
