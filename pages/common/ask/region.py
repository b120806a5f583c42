"""Asking with a part of the scan: drawn with the mouse, or set by its edges."""

from __future__ import annotations

import base64
import io

import plotly.graph_objects as go
import streamlit as st
from PIL import Image, ImageDraw

from pages.common.ask import upload
from pages.common.shell import engine, palette, state, texts
from retrieval.errors import RetrievalError
from retrieval.imaging.regions import LEAST, Region

EDGES = tuple(range(0, 101, 5))
USUAL = (25, 75)
SHOWN = 520  # pixels, of the picture to draw on
THUMB = 220
GRID = 24  # invisible points: a box can only be drawn where there is something to select


def chosen(scan: upload.ChosenScan) -> Region | None:
    """The part of this scan that is asked with; None for all of it."""
    return _key(scan).get()


def control(scan: upload.ChosenScan) -> None:
    """The part that is asked with and how to drop it, or the way to choose one."""
    if scan.stored:
        return
    held = chosen(scan)
    if held is None:
        if st.button("Search with a part of it", icon=":material/crop_free:"):
            _dialog(scan)
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Only the framed part was asked about**")
        framed = _framed(_preview(scan), held)
        st.image(framed, width=THUMB, output_format="PNG", alt="Your scan with the part framed")
        st.caption(described(held))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Use the whole scan",
                icon=":material/fullscreen:",
                on_click=_key(scan).clear,
            )
            if st.button("Another part", icon=":material/crop_free:"):
                _dialog(scan)


def described(region: Region) -> str:
    """A region in words."""
    left, right = round(100 * region.x), round(100 * (region.x + region.width))
    top, bottom = round(100 * region.y), round(100 * (region.y + region.height))
    return f"From {left} to {right} % of the width and {top} to {bottom} % of the height."


@st.dialog("Search with a part of the scan", width="large", icon=":material/crop_free:")
def _dialog(scan: upload.ChosenScan) -> None:
    st.markdown(
        "Drag a box over the picture, or set its edges below. The search then sees this part only, "
        "as if it were the whole scan."
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        event = st.plotly_chart(
            _drawing_board(_preview(scan)),
            key=state.region_control("draw", scan.digest),
            on_select="rerun",
            selection_mode="box",
            config={"displayModeBar": False, "scrollZoom": False},
            theme=None,
            width="content",
            alt="Your scan; drag a box over it, or use the two edges controls",
        )
    drawn = _drawn(event)
    with right:
        columns = _edges("Left and right edge", state.region_control("x", scan.digest))
        rows = _edges("Upper and lower edge", state.region_control("y", scan.digest))
        st.caption("A box drawn on the picture counts before these edges.")
    wanted = drawn or _region(columns, rows)
    with right:
        if wanted is None:
            st.warning(f"Make the part at least {100 * LEAST:.0f} % wide and high.")
            return
        framed = _framed(_preview(scan), wanted)
        st.image(framed, width=THUMB, output_format="PNG", alt="The part to search with, framed")
        st.caption(described(wanted))
        if st.button("Search with this part", icon=":material/search:"):
            _use(scan, wanted)


def _use(scan: upload.ChosenScan, wanted: Region) -> None:
    """Ask with the part if it has pixels enough."""
    try:
        wanted.pixels(engine.scan(scan.data, scan.digest, upload.frame(scan)).pixels.shape)
    except RetrievalError as error:
        st.error(texts.plain(str(error)), icon=":material/error:")
        return
    _key(scan).set(wanted)
    st.rerun()


def _edges(label: str, key: str) -> tuple[int, int]:
    return st.select_slider(
        label, EDGES, value=USUAL, key=key, format_func=lambda edge: f"{edge} %"
    )


def _region(columns: tuple[int, int], rows: tuple[int, int]) -> Region | None:
    if columns[0] == columns[1] or rows[0] == rows[1]:
        return None
    return Region.between(_shares(columns), _shares(rows))


def _shares(edges: tuple[float, ...]) -> tuple[float, float]:
    return edges[0] / 100, edges[-1] / 100


def _drawn(event: object) -> Region | None:
    """The box that was drawn, if one was."""
    boxes = getattr(getattr(event, "selection", None), "box", None) or []
    if not boxes:
        return None
    try:
        return Region.between(_shares(tuple(boxes[-1]["x"])), _shares(tuple(boxes[-1]["y"])))
    except RetrievalError:
        return None  # a click, or a line


def _drawing_board(picture: Image.Image) -> go.Figure:
    """The picture under axes from 0 to 100 % that a box can be drawn on."""
    width, height = picture.size
    scale = SHOWN / max(width, height)
    steps = [100 * (step + 0.5) / GRID for step in range(GRID)]
    figure = go.Figure(
        go.Scatter(
            x=[x for x in steps for _ in steps],
            y=[y for _ in steps for y in steps],
            mode="markers",
            marker={"opacity": 0, "size": 6},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hoverinfo="skip",
        )
    )
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    figure.add_layout_image(
        source=source, xref="x", yref="y", x=0, y=0, sizex=100, sizey=100,
        xanchor="left", yanchor="top", sizing="stretch", layer="below",
    )  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        width=round(width * scale), height=round(height * scale), dragmode="select",
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False,
        xaxis={**hidden, "range": [0, 100]}, yaxis={**hidden, "range": [100, 0]},
        newselection={"line": {"color": palette.REGION, "width": 3, "dash": "solid"}},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return figure


def _framed(picture: Image.Image, region: Region) -> Image.Image:
    shown = picture.convert("RGB")
    width, height = shown.size
    box = [
        region.x * width,
        region.y * height,
        (region.x + region.width) * width - 1,
        (region.y + region.height) * height - 1,
    ]
    line = max(round(max(shown.size) / 120), 2)
    draw = ImageDraw.Draw(shown)
    draw.rectangle(box, outline="black", width=2 * line)
    draw.rectangle(box, outline=palette.REGION, width=line)
    return shown


def _preview(scan: upload.ChosenScan) -> Image.Image:
    decoded = engine.scan(scan.data, scan.digest, upload.frame(scan))
    return Image.fromarray(decoded.preview(SHOWN))


def _key(scan: upload.ChosenScan) -> state.Key[Region | None]:
    return state.region(scan.digest, upload.frame(scan))
