"""The searches of this visit, to go back to; forgotten with the tab."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from pages.common.ask import upload
from pages.common.shell import choices, engine, state, texts
from pages.common.shell.context import Context

MOST = 8
BYTES = 128 << 20  # of all files that are remembered together


@dataclass(frozen=True, eq=False)
class Past:
    """One search: the files and what was chosen of them, the archive's name, and what was seen.

    nearest : what came first; thumb : a small picture of what was asked.
    """

    files: tuple[upload.ChosenScan, ...]
    choice: Mapping[str, object]
    archive: str
    at: str
    nearest: str
    thumb: bytes | None

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(len(file.data) for file in self.files)

    def is_search_of(self, files: tuple[upload.ChosenScan, ...], archive: str) -> bool:
        """Whether it searches with these files in the archive of this name."""
        ours, theirs = (tuple(file.digest for file in some) for some in (self.files, files))
        return ours == theirs and self.archive == archive


def remember(chosen: upload.ChosenScan, context: Context) -> None:
    """Put this search first; the oldest, and what is too large to keep, is let go."""
    if not len(context.hits):
        return
    thumb = None
    if not chosen.stored:
        thumb = engine.thumbnail(chosen.data, chosen.digest, upload.frame(chosen))
    nearest = texts.finding(context.hits[0].entry)
    now = Past(
        upload.files(),
        state.search_choices(),
        choices.current_name(),
        f"{time.strftime('%H:%M')}",
        nearest,
        thumb,
    )
    past = [one for one in _past() if not one.is_search_of(now.files, now.archive)]
    state.EARLIER_SEARCHES.set(_bounded((now, *past)))


def _bounded(past: tuple[Past, ...]) -> tuple[Past, ...]:
    kept: list[Past] = []
    total = 0
    for one in past[:MOST]:
        total += one.size
        if kept and total > BYTES:
            break
        kept.append(one)
    return tuple(kept)


def control() -> None:
    """The searches before this one, each one click away."""
    now = upload.files(), choices.current_name()
    past = [one for one in _past() if not one.is_search_of(*now)]
    if not past:
        return
    with st.popover("Earlier searches", icon=":material/history:"):
        for number, one in enumerate(past):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if one.thumb:
                    st.image(one.thumb, width=64, output_format="PNG", alt=f"Search of {one.at}")
                st.markdown(
                    f":small[{one.at}, {texts.plain(texts.archive_title(one.archive), 40)}  \n"
                    f"nearest: {texts.plain(one.nearest, 40)}]"
                )
                st.button(
                    "Ask again",
                    key=f"again-{number}-{one.files[0].digest[:12]}-{one.archive}",
                    on_click=_restore,
                    args=(one,),
                )
        st.caption("Kept for this visit only, in memory; gone when the tab closes.")
        st.button("Forget them", icon=":material/delete:", on_click=forget)


def forget() -> None:
    """Drop all of them."""
    state.EARLIER_SEARCHES.set(())


def _restore(one: Past) -> None:
    choices.set_name(one.archive)
    upload.restore(one.files, one.choice)
    choices.set_name(one.archive)  # asking may prefer another archive


def _past() -> tuple[Past, ...]:
    return state.EARLIER_SEARCHES.get()
