"""One click from a card: the query and an archived case side by side."""

from __future__ import annotations

import streamlit as st

from pages.common import viewer
from pages.common.ask.query import pane
from pages.common.matches import cards, sentences, why
from pages.common.shell import engine, pictures, state, texts
from pages.common.shell.context import Context
from retrieval.search.hits import Hit

HEIGHT = 520  # pixels


def show(query: engine.Query, context: Context, hit: Hit) -> None:
    """Open the pair of the query and `hit`, a match or any other case of the archive."""
    hits = context.hits.hits if hit in context.hits.hits else (*context.hits.hits, hit)
    state.COMPARED.set(hits.index(hit))
    _dialog(query, context, hits)


@st.dialog("Side by side", width="large", icon=":material/compare:")
def _dialog(query: engine.Query, context: Context, hits: tuple[Hit, ...]) -> None:
    """The pair in linked viewers, with what is known of the case; others one click away."""
    place = min(state.COMPARED.get(), len(hits) - 1)
    _steps(place, len(hits))
    chosen = hits[place]
    panes = [pane(query)] if query.view is not None else []
    view = pictures.case_view(context.archive, chosen.entry)
    if view is not None:
        name = f"{sentences.rank(chosen, context.hits)} {texts.finding(chosen.entry)}"
        panes.append(viewer.Pane(title=name, alt=f"Archived case, {name}", view=view))
    # Each in a container of its own: what follows then has one place, whatever a case has to say,
    # and nothing of the case before lingers below while this one's maps are made.
    with st.container():
        if panes:
            viewer.show(panes, key="compare", height=HEIGHT, ready=True)
        if view is None:
            st.info(texts.NO_PICTURE, icon=":material/image_not_supported:")
    with st.container():
        cards.details(chosen, context)
    why.section(query, context.archive, chosen)
    st.caption(f"{texts.NOT_THE_SAME} {texts.NOT_FOR_DIAGNOSIS}")


def _steps(place: int, count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for text, icon, to, shortcut in (
            ("Previous case", ":material/chevron_left:", place - 1, "p"),
            ("Next case", ":material/chevron_right:", place + 1, "n"),
        ):
            st.button(
                text,
                icon=icon,
                key=f"compared-{shortcut}",
                disabled=not 0 <= to < count,
                on_click=state.COMPARED.set,
                args=(to,),
                shortcut=shortcut,
            )
