"""Tables as CSV files that spreadsheets open as text and numbers, without formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TypeAlias

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # starts of a cell that a spreadsheet calculates

Cell: TypeAlias = str | int | float | None


def as_csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Rows as UTF-8 with a byte order mark for spreadsheets; no text becomes a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def harmless(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula; numbers, also as text, are unchanged."""
    if not isinstance(cell, str) or not cell.startswith(FORMULAS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
