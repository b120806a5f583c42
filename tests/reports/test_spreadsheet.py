"""Tables as spreadsheets open them: no label becomes a formula, and numbers stay numbers."""

import csv
import io

import pytest

from retrieval.reports.spreadsheet import as_csv, harmless


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+cmd", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1"])
def test_text_that_would_be_calculated_is_marked(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-0.011", "+0.5", "pneumonia", "", 3, -2.5, None])
def test_numbers_and_plain_text_stay(cell):
    assert harmless(cell) == cell


def test_a_table_is_read_back():
    data = as_csv([["a", "b"], ["=1+1", -0.5], ['é, "x"', None]])
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows == [["a", "b"], ["'=1+1", "-0.5"], ['é, "x"', ""]]
