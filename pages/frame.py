"""The frame of every page: browser title, menu, heading, and the footer with its ids."""

from pathlib import Path

import streamlit as st

from pages.common.shell import choices, resources, texts
from retrieval.errors import RetrievalError

LOGO = Path(__file__).resolve().parents[1] / "assets" / "logo.svg"

st.set_page_config(page_title=texts.PRODUCT, page_icon=LOGO, layout="wide")
st.logo(LOGO, size="large")

pages = {
    st.Page(
        f"{Path(__file__).parent / page.file}",
        title=page.menu,
        icon=page.icon,
        url_path=page.path or None,
        default=not page.path,
    ): page
    for page in texts.PAGES
}
chosen = st.navigation(list(pages), position="top")
page = next(page for known, page in pages.items() if known.url_path == chosen.url_path)

st.title(page.heading, anchor=False)
st.caption(f"{page.lead} **{texts.NOT_FOR_DIAGNOSIS}**")
try:
    chosen.run()
except RetrievalError as error:
    st.error(texts.plain(str(error)))

archive = choices.current_archive()
if archive is not None:
    try:
        model = resources.model_of(archive)
        searched = (
            f"For searches: archive {archive.name} ({archive.id}), model {model.name} "
            f"({model.id}), {archive.bits} bits. "
        )
        if page is texts.EVALUATION:  # it tells of the archive that was measured
            searched = ""
        st.space("small")
        st.caption(texts.plain(f"{searched}{texts.NOT_FOR_DIAGNOSIS}"))
        resources.warm_up(archive)
    except RetrievalError as error:
        st.warning(texts.plain(str(error)))
