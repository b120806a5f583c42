"""One card: an archived case, how far it is, and what repeats it."""

from __future__ import annotations

import streamlit as st

from pages.common.matches import sentences
from pages.common.shell import engine, holdings, palette, pictures, texts
from pages.common.shell.context import Context
from retrieval.archives.archive import Archive
from retrieval.search.folding import Group
from retrieval.search.hits import Hit, Hits
from retrieval.trust.answer import Answer

BESIDE_WIDTH = 150  # pixels


def card(group: Group, context: Context) -> None:
    """A hit with the ones folded behind it."""
    hit = group.first
    with st.container(border=True, gap="xsmall", height="stretch"):
        shown = _facts(hit, context)
        _badges(hit, context.hits)
        st.markdown(_origin(hit))
        with st.container(horizontal=True, gap="xsmall"):
            _compare_button(hit, context, "card", shown)
            context.steer(context, hit)
        if group.folded:
            _folded(group, context)


def _facts(hit: Hit, context: Context) -> bool:
    """Picture, finding, distance and chance of a hit; whether its picture is here."""
    shown = _picture(hit, context)
    st.markdown(f"**{hit.rank}. {texts.plain(texts.finding(hit.entry), 60)}**")
    st.markdown(f":small[{' · '.join(_numbers(hit, context))}]")
    if not shown:
        _missing(context.archive)
    return shown


def beside(hit: Hit, context: Context) -> None:
    """The same for a case that is none of the matches, smaller."""
    with st.container(horizontal=True, gap="small"):
        # not as the picture's own width, to which it would be scaled anew at each rerun
        with st.container(width=BESIDE_WIDTH):
            shown = _picture(hit, context)
        with st.container(gap="xsmall", width="stretch"):
            st.markdown(f"**{texts.plain(texts.finding(hit.entry), 60)}**")
            st.markdown(f":small[Rank {hit.rank} of all cases]")
            st.markdown(f":small[{' · '.join(_numbers(hit, context))}]")
            _compare_button(hit, context, "other", shown)


def _picture(hit: Hit, context: Context) -> bool:
    """Show a hit's picture; False where it is not on this machine."""
    png = pictures.picture(context.archive, hit.entry)
    if png:
        alt = f"Match {hit.rank}: {texts.finding(hit.entry)}, {sentences.distance(hit)}"
        st.image(png, width="stretch", output_format="PNG", alt=alt)
    return png is not None


def details(hit: Hit, context: Context) -> None:
    """What is known of a hit, without its picture."""
    numbers = " · ".join(_numbers(hit, context))
    named = f"{sentences.rank(hit, context.hits)} {texts.plain(texts.finding(hit.entry), 60)}"
    st.markdown(f"**{named}** · {numbers}")
    _badges(hit, context.hits)
    st.markdown(f"{_origin(hit)}  \n:small[:gray[Case {hit.entry.id}]]")


def _numbers(hit: Hit, context: Context) -> list[str]:
    refined = context.withheld == engine.REFINED
    parts = [sentences.moved(hit) if refined else sentences.distance(hit)]
    if hit in context.hits.hits and not tied(hit, context.hits):
        parts.append(sentences.gap(context.hits, hit.rank - 1))
    share = chance_of(hit, context.answer)
    return parts if share is None else [*parts, sentences.chance(share)]


def chance_of(hit: Hit, answer: Answer | None) -> float | None:
    """Calibrated chance that a hit has the query's finding; None where it would mislead."""
    return None if answer is None else answer.chance_of(hit.entry.label)


def _missing(archive: Archive) -> None:
    st.caption(f":material/image_not_supported: {texts.NO_PICTURE}")
    if holdings.published(archive) is not None:
        st.page_link(texts.ARCHIVE.file, label=texts.GET_PICTURES)


def _origin(hit: Hit) -> str:
    entry = hit.entry
    lines = [f":gray[Patient {texts.plain(texts.patient_group(entry.patient_id), 40)}]"]
    link = texts.doi_link(entry.doi)
    if link:
        lines.append(f":gray[Source] {link}")
    elif entry.source != pictures.SYNTHETIC:
        lines.append(f":gray[Source {texts.plain(entry.source or 'not known', 40)}]")
    return "  \n".join(f":small[{line}]" for line in lines)


def _badges(hit: Hit, hits: Hits) -> None:
    if hit.entry.note:
        note = texts.plain(texts.note(hit.entry.note), 120)
        st.markdown(f":small[:orange[:material/warning:] {note}]")
    badges = (
        (hit.identical, "Identical picture", palette.IDENTICAL_BADGE, None),
        (tied(hit, hits), "Tied", palette.TIED_BADGE, sentences.tie(hits, hit.distance)),
    )
    if any(badge[0] for badge in badges):
        with st.container(horizontal=True, gap="xsmall"):
            for holds, text, colour, tip in badges:
                if holds:
                    st.badge(text, color=colour, help=tip)


def tied(hit: Hit, hits: Hits) -> bool:
    """Whether another case lies as far from the query."""
    return hit.tied or hits.beyond == hit.distance


def _compare_button(hit: Hit, context: Context, where: str, there: bool) -> None:
    """A button that shows a hit beside the query, if its picture is `there`.

    where : tells two buttons of one hit apart.
    """
    pressed = st.button(
        "Compare",
        key=f"compare-{where}-{context.archive.id}-{hit.rank}-{hit.entry.id}",
        icon=":material/compare:",
        disabled=not there,
        help=None if there else texts.NO_PICTURE,
    )
    if pressed:
        context.compare(context, hit)


def _folded(group: Group, context: Context) -> None:
    text = sentences.folded(len(group.same_patient), len(group.copies))
    with st.expander(sentences.more(group), type="compact"):
        st.caption(f"{text[:1].upper()}{text[1:]}; the nearest stands on the card.")
        for hit in group.folded:
            named = f"{hit.rank}. {texts.plain(texts.finding(hit.entry), 60)}"
            st.markdown(f"{named}, :small[{' · '.join(_numbers(hit, context))}]")
            there = context.archive.picture(hit.entry) is not None
            _compare_button(hit, context, "card", there)
