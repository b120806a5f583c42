"""Search: a scan in, the most similar cases out."""

from functools import partial

import streamlit as st

from pages.common import asked, cards, choices, compare, engine, filters, query, results, samples
from pages.common.words import count, plain
from retrieval.errors import RetrievalError

with st.container(horizontal=True, vertical_alignment="bottom"):
    archive = choices.archive()
    if archive is not None:
        st.caption(count(len(archive), "case"), width="content")
    k = choices.count()
    if archive is not None:
        filters.control(archive)

left, right = st.columns([4, 8], gap="medium")
with left:
    shown = st.container()
    asked.controls()

chosen = asked.scan()
found = None
if archive is not None and chosen is not None:
    with right:
        try:
            with st.skeleton(height=400):
                found, around = engine.search(
                    chosen.data, chosen.digest, archive, asked.frame(chosen)
                )
        except RetrievalError as error:
            st.error(plain(str(error)), icon=":material/error:")

if found is None:
    with right:
        samples.show(archive)
else:
    mask = filters.allowed(archive)
    context = cards.Context(
        archive,
        around.hits(k, mask),
        engine.judged(found, archive),
        partial(compare.show, found),
    )
    with right:
        results.show(context, around, found, filtered=mask is not None)
    with shown:
        query.show(found, archive)
        asked.frame_control(chosen, found)
        query.training_badge(found, context)
        st.button("Start again", icon=":material/refresh:", on_click=asked.clear)
        query.counter_example(around, context)

if chosen is not None:
    with shown:
        asked.slice_controls()
