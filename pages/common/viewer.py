"""A viewer of one picture, or of two side by side, that windows and zooms in the browser.

The values travel once, deflated, and nothing is sent back. Streamlit never hashes
them: it samples large arrays, and would show one scan in place of another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from retrieval.reading.view import FULL_RANGE, View, Window

HOUNSFIELD = "HU"
# Keys 1, 2, 3 and 4, as in other viewers; the usual width and level of each.
PRESETS = (
    Window("Soft tissue", level=40, width=400),
    Window("Lung", level=-600, width=1500),
    Window("Bone", level=480, width=2500),
    Window("Brain", level=40, width=80),
)
KINDS = {"uint8": "<u1", "int16": "<i2", "uint16": "<u2"}  # as the browser reads them
LEVEL = 1  # three to ten times as fast as 6, a tenth larger

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "retrieval_viewer",
    html='<div class="retrieval-viewer"></div>',
    css=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "viewer.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True, eq=False)
class Pane:
    """A picture to show: `title` stands above it, `alt` says what it is; both plain text.

    group : pictures of one group, such as the slices of a series, are opened in the window
        and place that the one before was left in.
    """

    title: str
    alt: str
    view: View
    group: str = ""


def show(panes: Sequence[Pane], *, key: str, height: int = 420, ready: bool = False) -> None:
    """Show one picture, or two to compare, each at most `height` pixels high.

    ready : take the keys at once, without a click, unless something is being typed.

    A rerun with the same pictures keeps zoom and window; another picture resets them,
    unless it is of the same group.
    """
    if len(panes) not in (1, 2):
        raise ValueError(f"A viewer shows one picture or two, not {len(panes)}")
    _mount(
        key=key,
        data={
            "height": height,
            "ready": ready,
            "hounsfield": HOUNSFIELD,
            "presets": [asdict(preset) for preset in PRESETS],
            "panes": [_described(pane) for pane in panes],
        },
    )


def forget() -> None:
    """Drop what this visit's cache holds of its pictures."""
    _packed.clear()


def _described(pane: Pane) -> dict[str, Any]:
    """A pane as JSON; `id` tells the browser whether it has this very picture already."""
    view = pane.view
    rows, columns = view.values.shape
    about = {
        "unit": view.unit,
        "windows": [asdict(window) for window in view.windows],
        "whole": view.windows[0].name == FULL_RANGE,
        "inverted": view.inverted,
        "spacing": view.spacing,
        "at_detector": view.at_detector,
        "edges": view.edges,
        "shrunk": view.shrunk,
        "rows": rows,
        "columns": columns,
        "kind": view.values.dtype.name,
    }
    values = np.ascontiguousarray(view.values, dtype=KINDS[view.values.dtype.name])
    # The browser's JSON knows no infinity: better refused here than a page that does not open.
    digest = hashlib.sha256(json.dumps(about, allow_nan=False).encode())
    digest.update(values)
    name = digest.hexdigest()
    pixels = _packed(name, values)
    named = {"title": pane.title, "alt": pane.alt, "group": pane.group}
    return {**about, **named, "id": name, "pixels": pixels}


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _packed(digest: str, _values: NDArray[Any]) -> str:
    """Values (H, W) row by row, deflated, as base64: bytes within a dict do not arrive."""
    return base64.b64encode(zlib.compress(_values, LEVEL)).decode("ascii")
