"""How far every case of an archive lies from the query, so that "near" has a scale.

Plain HTML: a chart library would keep a reader waiting for a picture of 200 bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.common.matches import sentences
from pages.common.shell import palette, texts
from retrieval.search.hits import Hits

HEIGHT = 26  # pixels of a row of bars
NAME_WIDTH = "8.5rem"


def show(counts: Mapping[str, npt.NDArray[np.intp]], hits: Hits, *, filtered: bool) -> None:
    """A row of bars for each label; `counts` (bits + 1,) cases at each distance.

    The rows are shaded up to the last of `hits`.
    """
    together, reach = sum(counts.values()), hits[len(hits) - 1].distance
    farthest = int(np.flatnonzero(together)[-1])
    middle = int(np.searchsorted(np.cumsum(together), together.sum() / 2))
    said = sentences.scale(hits, int(together.sum()), middle, filtered=filtered)
    highest = max(int(table.max()) for table in counts.values())
    rows = [
        _row(texts.label(name), table[: farthest + 1] / highest, reach, colour)
        for (name, table), colour in zip(counts.items(), _colours(len(counts)), strict=True)
    ]
    st.html(
        '<div role="img" aria-label="Bars of distances, in words below" style="font-size:0.8rem">'
        f"{''.join(rows)}{_axis(farthest)}</div>"
    )
    st.caption(texts.plain(said))


def _colours(count: int) -> list[str]:
    return [palette.LABELS[number % len(palette.LABELS)] for number in range(count)]


def _row(name: str, heights: npt.NDArray[np.floating], reach: int, colour: str) -> str:
    bars = "".join(
        f'<div style="flex:1;margin:0 0.5px;height:{100 * height:.1f}%;background:{colour}"></div>'
        for height in heights.tolist()
    )
    shade = (
        '<div style="position:absolute;inset:0 auto 0 0;background:currentColor;opacity:0.14;'
        f'width:{100 * (reach + 1) / len(heights):.2f}%"></div>'
    )
    box = (
        f'<div style="position:relative;display:flex;align-items:flex-end;height:{HEIGHT}px;'
        f'border-bottom:1px solid {colour}">{shade}{bars}</div>'
    )
    return _line(escape(texts.shortened(name, 24)), box)


def _axis(farthest: int) -> str:
    ends = (
        '<div style="display:flex;justify-content:space-between;opacity:0.75">'
        f"<span>0 bits: identical codes</span><span>{farthest} bits</span></div>"
    )
    return _line("", ends)


def _line(left: str, right: str) -> str:
    return (
        '<div style="display:flex;align-items:center;gap:0.6rem;margin-bottom:2px">'
        f'<div style="flex:0 0 {NAME_WIDTH};text-align:right;overflow:hidden;'
        f'text-overflow:ellipsis;white-space:nowrap">{left}</div>'
        f'<div style="flex:1;min-width:0">{right}</div></div>'
    )
