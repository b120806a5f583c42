"""The scan that is asked about: its picture, and what is odd about it."""

from __future__ import annotations

import streamlit as st

from pages.common import viewer
from pages.common.ask import upload
from pages.common.shell import engine, palette, texts
from pages.common.shell.context import Context
from retrieval.archives.archive import Archive
from retrieval.trust import answer

VIEWER_HEIGHT = 380  # pixels
SEEN = {
    answer.TRAINED_ON: "The model has seen this picture with its label, so the ranking flatters, "
    "and no chance is shown.",
    answer.NEAR_TRAINED: "A picture that the model was trained on has nearly this code. It may be "
    "a copy of this one; the ranking would then flatter, so no chance is shown.",
    answer.NEAR_FITTED: "A picture of this patient, or one of nearly this code, was used to fit "
    "the chances of this archive. They would flatter, so none is shown.",
}


def picture(query: engine.Query) -> None:
    """The scan in the viewer."""
    if query.view is None:
        st.info(f"{texts.NO_PICTURE}; its stored code asks.", icon=":material/image_not_supported:")
        return
    viewer.show([pane(query)], key="query", height=VIEWER_HEIGHT)


def facts(query: engine.Query) -> None:
    """What the file says, and what was noticed while it was read."""
    if query.view is None:
        return
    said = [f"{query.width} × {query.height} pixels", query.format, query.modality]
    st.caption(texts.plain(", ".join(fact for fact in said if fact)))
    for warning in query.warnings:
        st.caption(f":material/info: {texts.plain(warning)}")


def oddities(query: engine.Query, archive: Archive) -> None:
    """Warn of what the scan looks like, and of an archive of another kind."""
    for warning in _oddities(query, archive.about.get("modality", "")):
        st.warning(texts.plain(warning), icon=":material/warning:")


def _oddities(query: engine.Query, modality: str) -> tuple[str, ...]:
    """What the scan looks like, and what its file says against an archive of this modality."""
    looks = query.finding.warnings(modality) if query.finding else ()
    kind = query.finding.kind if query.finding else modality
    if query.modality and modality not in ("", query.modality) and kind == modality:
        looks += (f"The file says {query.modality}; this archive holds {modality} pictures.",)
    return looks


def pane(query: engine.Query) -> viewer.Pane:
    """The query as one side of the viewer."""
    return viewer.Pane(
        title=upload.title(),
        alt=f"{upload.title()}, which was asked about",
        view=query.view,
        group=upload.group(),
    )


def badge(context: Context) -> None:
    """Say so where the model was trained on this picture, or on one with nearly its code."""
    if context.withheld in SEEN:
        st.badge(context.withheld, color=palette.CAUTION_BADGE, help=SEEN[context.withheld])
