"""What a visitor has chosen: the archive, and how many matches to show."""

from __future__ import annotations

import streamlit as st

from pages.common import shelf, words
from retrieval.archive import Archive

COUNTS = (5, 10, 15, 20, 30, 40, 50)
USUAL_COUNT = 10
ARCHIVE_KEY, COUNT_KEY = "archive", "k"


def archive() -> Archive | None:
    """The control that chooses the archive; the choice stands in the address."""
    offered, _ = shelf.offered()
    if not offered:
        st.warning(words.NO_ARCHIVE)
        return None
    # The address holds an option's text, so nothing that changes may stand in it.
    name = st.segmented_control(
        "Archive to search",
        list(offered),
        format_func=lambda name: words.plain(words.archive_title(name), 60),
        default=next(iter(offered)),
        required=True,
        wrap=True,
        key=ARCHIVE_KEY,
        bind="query-params",
        persist_state="session",
    )
    return offered.get(name, next(iter(offered.values())))


def current_archive() -> Archive | None:
    """The archive chosen on whichever page, or the first one."""
    offered, _ = shelf.offered()
    first = next(iter(offered.values()), None)
    return offered.get(st.session_state.get(ARCHIVE_KEY), first)


def chosen_name() -> str:
    """Name of the archive this visit has chosen; empty before there was a choice."""
    return st.session_state.get(ARCHIVE_KEY) or ""


def count() -> int:
    """The control that chooses how many matches to show."""
    chosen = st.segmented_control(
        "Matches to show",
        COUNTS,
        default=USUAL_COUNT,
        required=True,
        key=COUNT_KEY,
        bind="query-params",
        persist_state="session",
    )
    return chosen if chosen in COUNTS else USUAL_COUNT


def prefer(modality: str) -> None:
    """Choose the first archive of a modality, unless the one chosen is of it already."""
    offered, _ = shelf.offered()
    chosen = current_archive()
    fitting = [name for name, one in offered.items() if one.about.get("modality") == modality]
    if fitting and (chosen is None or chosen.about.get("modality") != modality):
        st.session_state[ARCHIVE_KEY] = fitting[0]
