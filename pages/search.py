"""Search: a scan in, the most similar cases out."""

from functools import partial

import streamlit as st

from pages.common.ask import filters, query, region, samples, steering, upload, visit
from pages.common.matches import compare, results, takeaway
from pages.common.shell import choices, engine
from pages.common.shell.context import Context
from pages.common.shell.texts import plain
from retrieval.errors import RetrievalError

with st.container(horizontal=True, vertical_alignment="bottom"):
    archive = choices.archive("Archive to search")
    k = choices.count()
    if archive is not None:
        filters.control(archive)
    visit.control()
choices.note()
steering.open_address(archive)

left, right = st.columns([4, 8], gap="medium")
with left:
    shown = st.container()
    upload.controls()

chosen = upload.scan()
steering.keep_address(chosen)
found, frames = None, 1
if archive is not None and chosen is not None:
    with right:
        try:
            with st.skeleton(height=400):
                found, ranking = steering.search(chosen, archive)
            frames = found.frames
        except RetrievalError as error:
            frames = getattr(error, "frames", 1)  # another frame may be readable
            where = ", ".join(
                name for name in (upload.file_name(), upload.frame_name(chosen, frames)) if name
            )
            st.error(plain(f"{where}: {error}" if where else str(error)), icon=":material/error:")

if found is None:
    with right:
        samples.show(archive)
else:
    mask = filters.allowed(archive)
    withheld = engine.withheld(found, ranking)
    context = Context(
        archive,
        ranking.hits(k, mask),
        len(archive) if mask is None else int(mask.sum()),
        engine.judged(ranking, withheld),
        withheld,
        partial(compare.show, found),
        partial(steering.menu, chosen),
    )
    visit.remember(chosen, context)
    with right:
        query.oddities(found, archive)
        steering.panel(chosen, archive)
        results.head(context, ranking, mask)
        takeaway.control(chosen, context, found)
        results.listed(context, found)
    with shown:
        query.picture(found)
        steering.said_of_case(chosen, archive)

if chosen is not None:
    with shown:
        upload.slice_controls()
        upload.frame_control(chosen, frames)
if found is not None:
    with shown:
        region.control(chosen)
        query.facts(found)
        query.badge(context)
        results.counter_example(ranking, context)
if chosen is not None:
    with shown:
        st.button("Start again", icon=":material/refresh:", on_click=upload.clear)
