"""The scan that is asked about: its picture, what is odd about it, and the counter-example."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from pages.common import cards, engine, palette, viewer, words
from pages.common.cards import Context
from retrieval.archive import Archive
from retrieval.around import Around
from retrieval.folding import nearly_identical

VIEWER_HEIGHT = 380  # pixels


def show(query: engine.Query, archive: Archive) -> None:
    """The scan in the viewer, its facts, and every warning."""
    viewer.show([pane(query)], key="query", height=VIEWER_HEIGHT)
    facts = [f"{query.width} × {query.height} pixels", query.format, query.modality]
    st.caption(words.plain(", ".join(fact for fact in facts if fact)))
    for warning in _oddities(query, archive.about.get("modality", "")):
        st.warning(words.plain(warning), icon=":material/warning:")
    for warning in query.warnings:
        st.caption(f":material/info: {words.plain(warning)}")


def _oddities(query: engine.Query, modality: str) -> tuple[str, ...]:
    """What the scan looks like, and what its file says against an archive of this modality."""
    looks = query.finding.warnings(modality)
    if query.modality and modality not in ("", query.modality) and query.finding.kind == modality:
        looks += (f"The file says {query.modality}; this archive holds {modality} pictures.",)
    return looks


def pane(query: engine.Query) -> viewer.Pane:
    """The query as one side of the viewer."""
    return viewer.Pane(title="Your scan", alt="The scan you asked about", view=query.view)


def training_badge(query: engine.Query, context: Context) -> None:
    """Say so where the model was trained on this picture or on all but the same one."""
    nearest = context.hits[0] if len(context.hits) else None
    model = engine.model_of(context.archive)
    nearly = (
        nearest is not None
        and not nearest.identical
        and nearly_identical(nearest.distance, nearest.bits)
        and model.saw(nearest.entry.sha256)
    )
    if query.trained_on or nearly:
        st.badge(
            "Used to train the model" if query.trained_on else "Nearly a training picture",
            color=palette.CAUTION_BADGE,
            help="The model has seen this picture, or all but the same one, with its label, "
            "so the ranking flatters.",
        )


def counter_example(around: Around, context: Context) -> None:
    """The nearest case with another finding than most of the matches have."""
    if not len(context.hits):
        return
    labels = Counter(hit.entry.label for hit in context.hits.hits)
    usual = labels.most_common(1)[0][0]
    other = around.nearest_other(usual)
    if other is None:
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown(f":small[{words.OTHER_FINDING}]", help=words.OTHER_FINDING_HELP)
        cards.beside(other, context)
