"""Search: a scan in, the most similar cases out."""

import streamlit as st

from pages.common import cards, choices, engine, words
from retrieval.errors import RetrievalError

with st.container(horizontal=True, vertical_alignment="bottom"):
    archive = choices.archive()
    if archive is not None:
        st.caption(words.count(len(archive), "case"), width="content")
    k = choices.count()

left, right = st.columns([3, 8], gap="medium")
with left:
    choices.upload()
    place = st.container()

chosen = choices.scan()
found = None
with right:
    if archive is not None and chosen is not None:
        try:
            with st.skeleton(height=400):
                found, hits = engine.search(
                    chosen.data, chosen.digest, archive, choices.frame(chosen)
                )
        except RetrievalError as error:
            cards.problem(error)
    if found is None:
        cards.samples(archive)
    else:
        cards.results(hits.first(k), archive, found)

if found is not None:
    with place:
        cards.query(found, archive)
        if found.frames > 1:
            choices.frame_slider(chosen, found)
        st.button("Start again", icon=":material/refresh:", on_click=choices.clear)
