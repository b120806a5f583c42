"""The map of an archive, and the case that was chosen on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st

from pages.common.ask import upload
from pages.common.measured import charts
from pages.common.shell import choices, palette, pictures, state, texts
from retrieval.archives import map as layouts
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.search import search
from retrieval.search.hits import Hit

HEIGHT = 620
NEIGHBOURS = 6


def chart(archive: Archive, allowed: npt.NDArray[np.bool_] | None) -> int | None:
    """The map; the row of the case that was clicked, or None."""
    mask = None if allowed is None else allowed.tobytes()
    figure, rows = _figure(archive.state, mask, charts.ink()["color"], archive)
    typed = _rows(archive, _typed()) if _typed() else []
    if len(typed) == 1:
        figure = _marked(figure, archive, typed[0])
    event = st.plotly_chart(
        figure,
        key=f"map-{archive.id}",
        on_select=_clicked,
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": True},
        width="stretch",
        alt=f"Map of {len(rows)} cases; type a case's id beside it to choose without a mouse",
    )
    st.caption(
        f"{texts.count(len(rows), 'case')}. Wheel to zoom, drag to move, click to choose. Only "
        f"nearness means something: of each case's {layouts.NEAREST} nearest on the map, "
        f"{100 * _kept(archive.state, archive):.0f} % are among its nearest by code."
    )
    points = event.selection.points if event and event.selection else []
    return int(points[0]["customdata"]) if points else None


def _typed() -> str:
    """The case id, or the start of one, that was typed beside the map."""
    return state.TYPED_CASE.get().strip()


def _marked(figure: go.Figure, archive: Archive, row: int) -> go.Figure:
    """A copy of the map with rings about one case and, smaller, about its neighbours."""
    near = [hit.position for hit in _nearest(archive, row)]
    points = np.asarray(archive.points)[[row, *near]]
    marked = go.Figure(figure)
    marked.add_scattergl(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        mode="markers",
        name="The case and its nearest by code",
        marker={
            "symbol": "circle-open",
            "size": [22] + [13] * len(near),
            "line": {"width": 2.5},
            "color": palette.CHOSEN,
        },
        hoverinfo="skip",
    )
    return marked


def _clicked() -> None:
    """A click chooses anew, whatever id was typed before."""
    state.TYPED_CASE.set("")


@st.cache_data(max_entries=16, show_spinner="Measuring the map")
def _kept(state: str, _archive: Archive) -> float:
    return layouts.kept(np.asarray(_archive.codes), np.asarray(_archive.points))


@st.cache_resource(max_entries=16, show_spinner=False)
def _figure(
    state: str, mask: bytes | None, ink: str, _archive: Archive
) -> tuple[go.Figure, npt.NDArray[np.intp]]:
    """The chart of the cases that a mask (n,) of bools leaves, and their rows."""
    allowed = np.ones(len(_archive), dtype=bool)
    if mask is not None:
        allowed = np.frombuffer(mask, dtype=bool)
    column = _archive.catalogue.column("label")
    points = np.asarray(_archive.points)
    figure = go.Figure()
    for place, label in enumerate(_archive.labels):
        rows = np.flatnonzero(allowed & (column == label))
        turn = place % len(palette.LABELS)
        figure.add_scattergl(
            x=points[rows, 0],
            y=points[rows, 1],
            customdata=rows,
            mode="markers",
            name=texts.label(label),
            marker={
                "color": palette.LABELS[turn],
                "symbol": palette.LABEL_SYMBOLS[turn],
                "size": 7 if len(_archive) < 2000 else 5,
                "opacity": 0.8,
            },
            selected={"marker": {"size": 16, "opacity": 1}},
            unselected={"marker": {"opacity": 0.4}},
            hovertemplate=f"{texts.label(label)}<extra></extra>",
        )
    across, down = (_range(points[:, axis]) for axis in (0, 1))  # of all: a filter moves nothing
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.05, "x": 0, "font": {"color": ink}},
        dragmode="pan",
        clickmode="event+select",
        xaxis={"visible": False, "range": across},
        yaxis={"visible": False, "range": down, "scaleanchor": "x"},  # as near down as across
    )
    return figure, np.flatnonzero(allowed)


def _range(values: npt.NDArray[np.floating]) -> list[float]:
    """First and last of an axis that shows all values (n,), with a little room."""
    low, high = float(values.min()), float(values.max())
    room = max(0.05 * (high - low), 0.01)
    return [low - room, high + room]


def case(archive: Archive, picked: int | None) -> None:
    """The case chosen on the map or by its id, and its neighbours."""
    typed = st.text_input(
        "Case id",
        key=state.TYPED_CASE.name,
        placeholder="the start of an id",
        help="Chooses without a mouse",
    )
    found = _rows(archive, typed.strip()) if typed.strip() else []
    if typed.strip() and len(found) != 1:
        st.warning(
            f"{len(found)} cases have ids that start like this; type more of it."
            if found
            else "No case has an id that starts like this."
        )
        return
    row = found[0] if found else picked
    if row is None:
        st.info("Click a point, or type a case's id.", icon=":material/ads_click:")
        return
    entry = archive.catalogue.entries([row])[0]
    with st.container(border=True, gap="xsmall"):
        _picture(archive, entry, "The chosen case")
        st.markdown(f"**{texts.plain(texts.finding(entry))}**")
        st.markdown(
            f":small[:gray[Patient {texts.plain(texts.patient_group(entry.patient_id), 40)}, case "
            f"{entry.id}]]"
        )
        if st.button("Search from this case", icon=":material/search:"):
            upload.take_case(archive, entry, choices.current_name())
            st.switch_page(texts.SEARCH.file)
    _neighbours(archive, row)


def _rows(archive: Archive, start: str) -> list[int]:
    """The case with this id, or those whose ids start so: a copy's id goes on after another's."""
    ids = archive.catalogue.column("id").astype(str)
    whole = np.flatnonzero(ids == start).tolist()
    return whole or np.flatnonzero(np.char.startswith(ids, start)).tolist()


def _neighbours(archive: Archive, row: int) -> None:
    """The nearest cases by code, which the map only hints at."""
    found = _nearest(archive, row)
    st.markdown("**Nearest by code**, with the bits that differ")
    if not any(archive.picture(hit.entry) for hit in found):
        st.markdown("\n".join(f"- {_named(hit)}" for hit in found))  # told once is enough
        return
    with st.grid(2, min_column_width=120):
        for hit in found:
            with st.container(gap="xsmall"):
                _picture(archive, hit.entry, "A neighbour")
                st.markdown(_named(hit))


def _nearest(archive: Archive, row: int) -> list[Hit]:
    code = np.asarray(archive.codes[row : row + 1])
    sha256 = archive.catalogue.entries([row])[0].sha256
    hits = search.search(archive, code, sha256).hits(NEIGHBOURS + 1)
    return [hit for hit in hits.hits if hit.position != row][:NEIGHBOURS]


def _named(hit: Hit) -> str:
    return f":small[**{texts.plain(texts.finding(hit.entry), 40)}**, {hit.distance} bits]"


def _picture(archive: Archive, entry: Entry, name: str) -> None:
    png = pictures.picture(archive, entry)
    if png:
        st.image(png, width="stretch", output_format="PNG",
                 alt=f"{name}: {texts.finding(entry)}")  # fmt: skip
    else:
        st.caption(f":material/image_not_supported: {texts.NO_PICTURE}")
