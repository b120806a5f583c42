"""One page to take away: a query, its nearest cases, and the archive and model of the search.

The same drawing gives a PDF and a picture; the table alone gives a CSV. Only the pixels
of the query's file enter: no name, no tag.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from retrieval.errors import SettingError
from retrieval.imaging.regions import Region
from retrieval.reports.printing import PAGES, as_bytes, print_style
from retrieval.reports.spreadsheet import as_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = 10  # cases on the page; the table has all of them
ACROSS = 5
MARGIN = 0.07  # of the page's width
NOT_FOR_DIAGNOSIS = "Research and teaching; not for diagnosis. Similar is not the same diagnosis."
COLUMNS = ("rank", "id", "label", "patient", "differing_bits", "bits", "chance", "notes")

Picture: TypeAlias = npt.NDArray[np.uint8]  # (H, W), greys


@dataclass(frozen=True, eq=False)
class Line:
    """One case; `chance` is that of sharing the query's finding, None if unknown.

    notes : further facts, in the table only.
    """

    rank: int
    id: str
    finding: str
    patient: str
    distance: int
    bits: int
    chance: float | None
    picture: Picture | None
    notes: str = ""


@dataclass(frozen=True, eq=False)
class Sheet:
    """The content of the page.

    query : its picture, or None for a stored case without one; region : the searched part.
    searched : archive, model and their ids; notes : sentences about the whole ranking.
    examples : sentences on the cases that refined the list, in the table only.
    """

    lines: Sequence[Line]
    query: Picture | None
    region: Region | None
    searched: str
    notes: Sequence[str]
    date: str
    examples: Sequence[str] = ()

    def table(self) -> bytes:
        """All cases as CSV; below them the searched archive, the notes and the date."""
        cases = [
            (
                line.rank, line.id, line.finding, line.patient, line.distance, line.bits,
                "" if line.chance is None else f"{line.chance:.2f}", line.notes,
            )
            for line in self.lines
        ]  # fmt: skip
        notes = (self.searched, *self.notes, *self.examples, self.date, NOT_FOR_DIAGNOSIS)
        return as_csv([COLUMNS, *cases, *([note] for note in notes)])

    def draw(self, size: str = "A4") -> Figure:
        """The page as a figure; SettingError for a size that is not in `printing.PAGES`."""
        if size not in PAGES:
            raise SettingError(f"There is no page {size!r}; choose one of {', '.join(PAGES)}.")
        with print_style():
            page = Figure(figsize=PAGES[size])
            page.text(MARGIN, 0.955, "Similar cases", size=16, weight="bold", va="top")
            page.text(1 - MARGIN, 0.952, self.date, size=9, ha="right", va="top")
            _query(page, self)
            for place, line in enumerate(self.lines[:DRAWN]):
                _case(page, line, place, moved=bool(self.examples))
            _foot(page, self)
        return page

    def file(self, kind: str, size: str = "A4") -> bytes:
        """The page as "pdf", "png" (300 dots an inch) or "svg", or the table as "csv"."""
        return self.table() if kind == "csv" else as_bytes(self.draw(size), kind)


def _query(page: Figure, sheet: Sheet) -> None:
    height = 0.27
    axes = _picture(page, (MARGIN, 0.64, 0.42, height), sheet.query)
    if sheet.region is not None and sheet.query is not None:
        rows, columns = sheet.query.shape
        box = sheet.region
        corner = (box.x * columns - 0.5, box.y * rows - 0.5)
        for colour, width in (("black", 3.0), ("white", 1.2)):  # visible on every grey
            axes.add_patch(
                Rectangle(
                    corner, box.width * columns, box.height * rows,
                    fill=False, edgecolor=colour, linewidth=width,
                )
            )  # fmt: skip
    part = " (the framed part)" if sheet.region is not None else ""
    page.text(MARGIN, 0.625, f"The scan asked about{part}", weight="bold", va="top")
    text = "\n\n".join(textwrap.fill(note, 46) for note in sheet.notes)
    page.text(0.54, 0.64 + height, text, size=9, va="top", linespacing=1.35)


def _case(page: Figure, line: Line, place: int, *, moved: bool) -> None:
    width = (1 - 2 * MARGIN) / ACROSS
    left = MARGIN + place % ACROSS * width
    top = 0.575 - place // ACROSS * 0.245
    _picture(page, (left, top - 0.125, width - 0.012, 0.125), line.picture)
    finding = textwrap.shorten(line.finding, 36, placeholder=" …")
    page.text(
        left, top - 0.133, textwrap.fill(f"{line.rank}. {finding}", 18), size=8, weight="bold",
        va="top",
    )  # fmt: skip
    apart = "bits from the\nrefined query" if moved else "bits differ"
    below = [f"{line.distance} of {line.bits} {apart}"]
    if line.chance is not None:
        below.append(f"{100 * line.chance:.0f} % likely to share\nthe scan's finding")
    below += [f"Patient {_short(line.patient)}", f"Case {line.id}"]
    page.text(left, top - 0.164, "\n".join(below), size=7, va="top", linespacing=1.25)


def _short(name: str, longest: int = 16) -> str:
    """A name without its middle if it is long; ends distinguish names best."""
    end = longest * 2 // 3
    return name if len(name) <= longest else f"{name[: longest - 1 - end]}…{name[-end:]}"


def _foot(page: Figure, sheet: Sheet) -> None:
    more = len(sheet.lines) - DRAWN
    if more > 0:
        page.text(MARGIN, 0.098, f"The table (CSV) lists {more} more.", size=8, va="top")
    page.text(MARGIN, 0.08, textwrap.fill(sheet.searched, 110), size=7.5, va="top")
    page.text(MARGIN, 0.045, NOT_FOR_DIAGNOSIS, size=9, weight="bold", va="top")


def _picture(
    page: Figure, place: tuple[float, float, float, float], picture: Picture | None
) -> Axes:
    axes = page.add_axes(place, xticks=[], yticks=[], anchor="NW")
    if picture is None:
        axes.text(0.5, 0.5, "Picture not\non this machine", ha="center", va="center", size=7)
        return axes
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.axis("off")
    return axes
