"""The page to take away: what is on it, that nothing is cut off, and its table."""

import csv
import io
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from retrieval.errors import SettingError
from retrieval.imaging.regions import Region
from retrieval.reports.printing import PAGES
from retrieval.reports.sheet import NOT_FOR_DIAGNOSIS, Line, Sheet

GREY = np.linspace(0, 255, 80 * 100).reshape(80, 100).astype(np.uint8)
LONG = "An uncommonly long name of a finding that somebody typed in full, with commas"


def sheet(
    count=10, *, finding="Ground-glass opacity", chance=0.81, pictures=True, region=None,
    patient="patient-", examples=(),
):  # fmt: skip
    lines = [
        Line(n, f"{n:016x}", finding, f"{patient}{n}", n, 128, chance, GREY if pictures else None)
        for n in range(1, count + 1)
    ]
    searched = "Archive sample-ct (0123456789abcdef), model ct (fedcba9876543210), 128 bits."
    notes = ["10 nearest of 252: 6 Ground-glass opacity, 4 Clear lungs.", "No figure is given."]
    query = GREY if pictures else None
    return Sheet(lines, query, region, searched, notes, "27 November 2026", examples)


def test_a_refined_list_is_none_of_the_scans_own_distances():
    refined = sheet(examples=["Moved towards 0123."])
    said = [text.get_text() for text in refined.draw().texts]
    assert any("bits from the\nrefined query" in text for text in said)
    assert not any("differ" in text or "Moved" in text for text in said)
    assert b"Moved towards 0123." in refined.table()
    assert any("1 of 128 bits differ" in text.get_text() for text in sheet().draw().texts)


@pytest.mark.parametrize("size", PAGES)
@pytest.mark.parametrize("count", [1, 10, 50])
@pytest.mark.parametrize("finding", ["Clear lungs", LONG])
def test_every_text_lies_on_the_page_and_none_on_another(size, count, finding):
    region = Region(0.1, 0.2, 0.3, 0.4)
    patient, examples = "0123456789ABCDEF0123456789-", ["Moved towards 0123."]
    page = sheet(count, finding=finding, region=region, patient=patient, examples=examples).draw(
        size
    )
    renderer = FigureCanvasAgg(page).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in page.texts if text.get_text()]
    width, height = page.bbox.width, page.bbox.height
    for box in boxes:
        assert 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            assert not box.overlaps(other)


def test_patients_with_long_names_can_be_told_apart():
    page = sheet(patient="the-same-long-beginning-of-a-name-").draw("A4")
    named = [line for text in page.texts for line in text.get_text().split("\n")]
    named = [line for line in named if line.startswith("Patient ")]
    assert len(named) == len(set(named)) == 10


def test_the_same_page_as_file_and_picture():
    data = sheet().file("pdf")
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page ") == 1
    picture = Image.open(io.BytesIO(sheet().file("png", "Letter")))
    assert picture.size == (2550, 3300)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_the_letters_of_the_page_can_be_read(tmp_path):
    path = tmp_path / "page.pdf"
    path.write_bytes(sheet(pictures=False).file("pdf"))
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True).stdout
    ids = ("fedcba9876543210", f"Case {3:016x}")
    for wanted in ("Similar cases", "27 November 2026", "3 of 128 bits", *ids):
        assert wanted in text
    assert " ".join(NOT_FOR_DIAGNOSIS.split()) in " ".join(text.split())


def test_the_table_has_every_case_and_no_formula():
    found = sheet(12, finding="=HYPERLINK(1)", chance=None).file("csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(found)))
    assert len(rows) == 1 + 12 + 5
    assert rows[1][:6] == ["1", f"{1:016x}", "'=HYPERLINK(1)", "patient-1", "1", "128"]
    assert rows[1][6] == rows[1][7] == "" and rows[-1] == [NOT_FOR_DIAGNOSIS]


def test_another_size_is_refused():
    with pytest.raises(SettingError, match="A4"):
        sheet().draw("A5")
