"""One click from a card: the query and an archived case side by side."""

from __future__ import annotations

import streamlit as st

from pages.common import cards, engine, pictures, query, viewer, words
from pages.common.cards import Context
from retrieval.hits import Hit

PLACE_KEY = "compared"
HEIGHT = 520  # pixels


@st.dialog("Side by side", width="large", icon=":material/compare:")
def show(asked: engine.Query, context: Context, hit: Hit) -> None:
    """The pair in linked viewers, with what is known of the case; others one click away."""
    hits = [*context.hits.hits]
    ranks = [one.rank for one in hits]
    if hit.rank not in ranks:
        hits, ranks = [*hits, hit], [*ranks, hit.rank]
    opened = f"{PLACE_KEY}-{context.archive.id}-{asked.sha256[:16]}-{hit.rank}"
    place = st.session_state.setdefault(opened, ranks.index(hit.rank))
    _steps(opened, place, len(hits))
    chosen = hits[place]
    view = pictures.case_view(context.archive, chosen.entry)
    name = f"{chosen.rank}. {words.finding(chosen.entry)}"
    if view is None:
        viewer.show([query.pane(asked)], key="compare", height=HEIGHT)
        st.info(words.NO_PICTURE, icon=":material/image_not_supported:")
    else:
        case = viewer.Pane(title=name, alt=f"Archived case, match {name}", view=view)
        viewer.show([query.pane(asked), case], key="compare", height=HEIGHT)
    cards.details(chosen, context)
    st.caption(f"{words.NOT_THE_SAME} {words.NOT_FOR_DIAGNOSIS}")


def _steps(key: str, place: int, count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for text, icon, to, shortcut in (
            ("Nearer case", ":material/chevron_left:", place - 1, "p"),
            ("Farther case", ":material/chevron_right:", place + 1, "n"),
        ):
            st.button(
                text,
                icon=icon,
                key=f"{key}-{text}",
                disabled=not 0 <= to < count,
                on_click=st.session_state.__setitem__,
                args=(key, to),
                shortcut=shortcut,
            )
