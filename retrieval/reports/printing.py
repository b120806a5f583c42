"""Drawing for paper: one style, two sizes of page, and a figure as the bytes of a file.

matplotlib draws everything for paper, so that one drawing gives the page, the picture
and the vector file. Its settings are global, so a lock guards them.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_pdf import PdfPages

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

DPI = 300
PAGES = {"A4": (8.27, 11.69), "Letter": (8.5, 11.0)}  # inches, upright
STYLE: dict[RcKeyType, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": "black",
    "axes.labelcolor": "black",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same page on every machine
    "font.size": 9,
    "text.parse_math": False,  # labels and titles are what people typed, "$" and all
    "pdf.fonttype": 42,  # letters stay letters: they can be searched and copied
    "svg.fonttype": "path",
    "svg.hashsalt": "retrieval",  # the same drawing gives the same bytes
}
_LOCK = threading.RLock()


@contextmanager
def print_style() -> Iterator[None]:
    """Draw and save inside this context: black on white in every theme of the screen."""
    with _LOCK, matplotlib.rc_context(STYLE):
        yield


def as_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as a file of `kind`: "svg", "png" (300 dots an inch) or "pdf"."""
    out = io.BytesIO()
    with print_style():
        figure.savefig(out, format=kind, dpi=DPI, metadata=_undated(kind))
    return out.getvalue()


def as_pdf(pages: Sequence[Figure]) -> bytes:
    """Several figures as the pages of one PDF."""
    out = io.BytesIO()
    with print_style(), PdfPages(out, metadata=_undated("pdf")) as file:
        for page in pages:
            file.savefig(page)
    return out.getvalue()


def _undated(kind: str) -> dict[str, None]:
    """Metadata without a date: equal drawings give equal files."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
