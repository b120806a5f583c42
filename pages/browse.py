"""Browse: the archive as a map of its codes."""

import streamlit as st

from pages.common.ask import filters
from pages.common.browse import atlas
from pages.common.shell import choices
from retrieval.archives.map import MOST

with st.container(horizontal=True, vertical_alignment="bottom"):
    archive = choices.archive()
    if archive is not None:
        filters.control(archive)
if archive is not None and archive.points is None:
    st.info(
        f"A map shows {MOST:,} cases at most; this archive holds {len(archive):,}."
        if len(archive) > MOST
        else "This archive has no map of its present cases. Whoever keeps it makes one with "
        "`python -m retrieval map` and the archive's folder.",
        icon=":material/scatter_plot:",
    )
elif archive is not None:
    left, right = st.columns([8, 4], gap="medium")
    with left:
        picked = atlas.chart(archive, filters.allowed(archive))
    with right:
        atlas.case(archive, picked)
