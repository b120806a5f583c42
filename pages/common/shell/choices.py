"""What a visitor has chosen: the archive, and how many matches to show."""

from __future__ import annotations

import streamlit as st

from pages.common.shell import archives, pictures, state, texts
from retrieval.archives.archive import Archive
from retrieval.trust.answer import gives_chances

COUNTS = (5, 10, 15, 20, 30, 40, 50)
USUAL_COUNT = 10


def archive(label: str = "Archive") -> Archive | None:
    """The control that chooses the archive; the choice stands in the address."""
    offered, _ = archives.offered()
    if not offered:
        st.warning(texts.NO_ARCHIVE)
        return None
    if state.ARCHIVE.get() not in offered:
        state.ARCHIVE.clear()
    # The address holds an option's text, so nothing that changes may stand in it.
    name = st.segmented_control(
        label,
        list(offered),
        format_func=lambda name: texts.plain(texts.archive_title(name), 60),
        default=None if state.ARCHIVE.is_set else next(iter(offered)),
        required=True,
        wrap=True,
        key=state.ARCHIVE.name,
        bind="query-params",
        persist_state="session",
        on_change=_own_choice,
    )
    return offered.get(name, next(iter(offered.values())))


def note() -> None:
    """Say that another archive was chosen for a scan than before."""
    if said := state.ARCHIVE_NOTE.get():
        st.info(said, icon=":material/swap_horiz:")


def forget_note() -> None:
    """Say it no more: the scan is gone."""
    state.ARCHIVE_NOTE.set("")


def _own_choice() -> None:
    """Remember which archive of its kind a visitor chose."""
    chosen = current_archive()
    state.ARCHIVE_NOTE.set("")
    if chosen is not None:
        state.last_archive(chosen.about.get("modality", "")).set(chosen_name())


def current_archive() -> Archive | None:
    """The archive chosen on whichever page, or the first one."""
    offered, _ = archives.offered()
    first = next(iter(offered.values()), None)
    return offered.get(state.ARCHIVE.get(), first)


def real_of_the_kind(archive: Archive) -> list[str]:
    """Names of the offered archives of this one's modality whose cases nobody drew.

    Only those with chances: how far their lists can be trusted has been measured.
    """
    kind = archive.about.get("modality")
    offered, _ = archives.offered()
    return [
        name
        for name, one in offered.items()
        if one.about.get("modality") == kind and gives_chances(one) and not pictures.drawn(one)
    ]


def current_name() -> str:
    """The name that the current archive is offered under; empty if there is none."""
    offered, _ = archives.offered()
    chosen = state.ARCHIVE.get()
    return chosen if chosen in offered else next(iter(offered), "")


def set_name(name: str) -> None:
    """Choose the archive offered under this name."""
    state.ARCHIVE.set(name)
    state.ARCHIVE_NOTE.set("")


def chosen_name() -> str:
    """Name of the archive this visit has chosen; empty before there was a choice."""
    return state.ARCHIVE.get()


def count() -> int:
    """The control that chooses how many matches to show."""
    chosen = st.segmented_control(
        "Matches to show",
        COUNTS,
        default=USUAL_COUNT,
        required=True,
        key="k",
        bind="query-params",
        persist_state="session",
    )
    return chosen if chosen in COUNTS else USUAL_COUNT


def prefer(modality: str) -> None:
    """Choose an archive of this modality, unless one is chosen already.

    The one that was chosen last; else the first that is drawn, or real, as the one before.
    """
    offered, _ = archives.offered()
    chosen = current_archive()
    state.ARCHIVE_NOTE.set("")
    if not modality or (chosen is not None and chosen.about.get("modality") == modality):
        return
    fitting = [name for name, one in offered.items() if one.about.get("modality") == modality]
    if fitting:
        last = state.last_archive(modality).get()
        # who searches real cases means real ones of the other kind, too
        real = chosen is not None and not pictures.drawn(chosen)
        alike = [one for one in fitting if pictures.drawn(offered[one]) != real]
        name = last if last in fitting else [*alike, *fitting][0]
        state.ARCHIVE.set(name)
        state.ARCHIVE_NOTE.set(texts.switched(name, modality))
