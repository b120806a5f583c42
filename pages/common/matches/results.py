"""The ranked cases of one query: what they are, how far to trust them, and a card for each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.common.matches import cards, sentences, strip
from pages.common.measured import figures
from pages.common.shell import choices, engine, pictures, state, texts
from pages.common.shell.context import Context
from retrieval.archives.archive import Archive
from retrieval.search.folding import fold
from retrieval.search.hits import Hits
from retrieval.search.search import RankedArchive
from retrieval.trust.answer import STRANGE, Answer

CARDS_A_PAGE = 20


def head(context: Context, ranking: RankedArchive, mask: npt.NDArray[np.bool_] | None) -> None:
    """Summary, trust and the strip of all distances; `mask` (n,) as the filter says."""
    archive, hits, filtered = context.archive, context.hits, mask is not None
    if not len(hits):
        st.info("No case of this archive fits the filter; show all cases again.")
        return
    st.markdown(sentences.summary(hits, len(archive), context.fitting))
    _trust(context, filtered=filtered)
    strip.show(ranking.counts(), hits, filtered=filtered)
    _pictures(archive, hits)


def listed(context: Context, query: engine.Query) -> None:
    """The cards, in pages."""
    archive, hits = context.archive, context.hits
    if not len(hits):
        return
    groups = fold(hits, archive.codes)
    shown = st.container()
    first, last = _page(len(groups), archive, query, hits)
    with shown, st.grid("auto", min_column_width=pictures.CARD_WIDTH):
        for group in groups[first:last]:
            cards.card(group, context)
    if last >= len(groups):
        st.caption(sentences.cut(hits))
    else:
        st.caption(f"Cards {first + 1} to {last} of {len(groups)}.")


def _trust(context: Context, *, filtered: bool) -> None:
    """How good such rankings are, and whether this one is surer or less sure than most."""
    if context.withheld:
        _withheld(context)
        return
    _calibration_notes(context.answer)
    if filtered:
        st.caption(texts.FILTERED)
    else:
        unsure = context.answer is not None and not context.answer.answered
        st.markdown(figures.trust(context.archive, len(context.hits), unsure=unsure))


def _withheld(context: Context) -> None:
    """Why there is no figure; a scan that is unlike drawn cases can be asked of real ones."""
    sentence = texts.withheld(context.withheld)
    if context.withheld != STRANGE:
        st.caption(sentence)
        return
    st.warning(sentence, icon=":material/warning:")
    if pictures.drawn(context.archive):
        for name in choices.real_of_the_kind(context.archive):
            st.button(
                f"Search {texts.plain(texts.archive_title(name), 60)} instead",
                key=f"instead-{name}",
                icon=":material/swap_horiz:",
                on_click=choices.set_name,
                args=(name,),
            )


def _calibration_notes(answer: Answer | None) -> None:
    if answer is None:
        return
    if not answer.current:
        st.caption(texts.STALE)
    elif answer.novel:
        st.warning(texts.NOVEL)
    elif answer.why:
        st.caption(texts.plain(answer.why))
    elif not answer.answered:
        st.info(texts.UNSURE, icon=":material/balance:")


def _pictures(archive: Archive, hits: Hits) -> None:
    """What is to be known of all the pictures at once."""
    if all(hit.entry.source == pictures.SYNTHETIC for hit in hits.hits):
        st.caption(texts.ALL_SYNTHETIC)
    if not any(archive.picture(hit.entry) for hit in hits.hits):
        st.info(
            "The pictures of this archive are not on this machine; "
            "distances and labels are complete without them.",
            icon=":material/image_not_supported:",
        )


def _page(cards_in_all: int, archive: Archive, query: engine.Query, hits: Hits) -> tuple[int, int]:
    """Places of the first card of the page chosen and of the one after its last."""
    pages = -(-cards_in_all // CARDS_A_PAGE)
    first = 0
    if pages > 1:
        rows = [hit.position for hit in hits.hits]
        key = state.page_control(archive.id, query.sha256, rows)
        first = (st.pagination(pages, key=key) - 1) * CARDS_A_PAGE
    return first, min(first + CARDS_A_PAGE, cards_in_all)


def counter_example(ranking: RankedArchive, context: Context) -> None:
    """The nearest case whose finding is not that of most matches."""
    if not len(context.hits):
        return
    others = [hit for hit in context.hits.hits if not hit.identical] or context.hits.hits
    usual = Counter(hit.entry.label for hit in others).most_common(1)[0][0]
    other = ranking.nearest_other(usual)
    if other is None:
        return
    with st.container(border=True, gap="xsmall"):
        title = texts.NEAREST_DISAGREES if other.rank == 1 else texts.OTHER_FINDING
        st.markdown(f":small[{title}]", help=texts.OTHER_FINDING_HELP)
        cards.beside(other, context)
