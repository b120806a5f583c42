"""What the search page shows: samples to start from, the query, and the ranked cases."""

from __future__ import annotations

import streamlit as st

from pages.common import choices, engine, figures, holdings, palette, shelf, words
from retrieval.archive import Archive
from retrieval.errors import RetrievalError
from retrieval.hits import Hit, Hits
from retrieval.trust import Answer

CARDS_A_PAGE = 20
CARD_WIDTH = 190  # pixels, at least


def samples(chosen: Archive | None) -> None:
    """A row of synthetic scans to start from, like those of the chosen archive; no labels."""
    offered, _ = shelf.offered()
    wanted = chosen.about.get("modality", "") if chosen else ""
    found = [
        (archive, engine.samples(str(archive.folder), archive.id, archive))
        for archive in offered.values()
        if archive.about.get("modality", "") == wanted
    ]
    archive, entries = next(((a, e) for a, e in found if e), (None, []))
    if archive is None:
        return
    st.subheader("Or start with a synthetic scan", anchor=False)
    with st.grid(3, min_column_width=CARD_WIDTH):
        for number, entry in enumerate(entries, start=1):
            with st.container(border=True, gap="small"):
                png = engine.picture(archive, entry)
                if png:
                    st.image(
                        png,
                        width="stretch",
                        output_format="PNG",
                        alt=f"Synthetic {words.SCANS.get(wanted, 'scan')} {number}",
                    )
                st.button(
                    "Use this scan",
                    key=f"sample-{entry.id}",
                    width="stretch",
                    on_click=choices.take_sample,
                    args=(archive, entry),
                )


def query(found: engine.Query, archive: Archive) -> None:
    """The scan that is asked about, with what was noticed while reading it."""
    st.image(found.png, width="stretch", output_format="PNG", alt="The scan you asked about")
    facts = [f"{found.width} × {found.height} pixels", found.format, found.modality]
    st.caption(words.plain(", ".join(fact for fact in facts if fact)))
    if found.trained_on:
        st.badge(
            "Used to train the model",
            color=palette.CAUTION_BADGE,
            help="The model has seen this picture with its label, so the ranking flatters.",
        )
    kind = archive.about.get("modality", "")
    if found.modality and kind and found.modality != kind:
        st.warning(words.plain(f"The file is {found.modality}; this archive holds {kind}."))
    for warning in found.warnings:
        st.caption(f":material/info: {words.plain(warning)}")


def results(hits: Hits, archive: Archive, found: engine.Query) -> None:
    """The ranked cases with their summary, as cards on pages of twenty."""
    st.markdown(words.summary(hits, len(archive)))
    trust = figures.trust(archive, len(hits))
    answer = engine.judged(found, archive)
    if not found.trained_on and not any(hit.identical for hit in hits.hits):
        st.markdown(trust)
        _sureness(answer)
    if not any(archive.picture(hit.entry) for hit in hits.hits):
        st.info(
            "The pictures of this archive are not on this machine; "
            "distances and labels are complete without them.",
            icon=":material/image_not_supported:",
        )
    first = _page(hits, found, archive)
    with st.grid("auto", min_column_width=CARD_WIDTH):
        for place in range(first, min(first + CARDS_A_PAGE, len(hits))):
            with st.container(border=True, gap="xsmall", height="stretch"):
                png = engine.picture(archive, hits[place].entry)
                _card(hits, place, png, answer)
                if not png:
                    _missing(archive)
    if first + CARDS_A_PAGE >= len(hits):
        st.caption(words.cut(hits))
    else:
        st.caption(f"Cards {first + 1} to {first + CARDS_A_PAGE} of {len(hits)}; more above.")


def problem(error: RetrievalError) -> None:
    """One sentence on why a scan could not be searched."""
    st.error(words.plain(str(error)), icon=":material/error:")


def _page(hits: Hits, found: engine.Query, archive: Archive) -> int:
    """Place of the first card of the page chosen."""
    pages = -(-len(hits) // CARDS_A_PAGE)
    if pages < 2:
        return 0
    key = f"page-{archive.id}-{found.sha256[:16]}-{len(hits)}"
    return (st.pagination(pages, key=key) - 1) * CARDS_A_PAGE


def _sureness(answer: Answer | None) -> None:
    """Whether this one ranking can be trusted more or less than most."""
    if answer is None:
        return
    if answer.novel:
        st.warning(words.NOVEL)
    elif not answer.current:
        st.caption(words.STALE)
    elif answer.why:
        st.caption(words.plain(answer.why))
    elif not answer.answered:
        st.info(words.UNSURE, icon=":material/balance:")


def _card(hits: Hits, place: int, png: bytes | None, answer: Answer | None) -> None:
    hit = hits[place]
    label = words.finding(hit.entry)
    distance = f"{hit.distance} of {hit.bits} bits"
    if png:
        alt = f"Match {hit.rank}: {label}, {distance} differ"
        st.image(png, width="stretch", output_format="PNG", alt=alt)
    st.markdown(f"**{hit.rank}. {words.plain(label, 60)}**")
    st.progress(hit.distance / hit.bits)
    st.markdown(f":small[{distance} · {words.gap(hits, place)}]")
    if answer and answer.answered and answer.chances and answer.current and not answer.novel:
        st.markdown(f":small[{words.chance(answer.chances.get(hit.entry.label, 0.0))}]")
    _badges(hits, hit)
    _origin(hit)


def _missing(archive: Archive) -> None:
    st.caption(f":material/image_not_supported: {words.NO_PICTURE}")
    if holdings.published(archive) is not None:
        st.page_link(words.ARCHIVE.file, label=words.GET_PICTURES)


def _origin(hit: Hit) -> None:
    entry = hit.entry
    lines = [f":gray[Patient {words.plain(words.patient_group(entry.patient_id), 40)}]"]
    link = words.doi_link(entry.doi)
    if link:
        lines.append(f":gray[Source] {link}")
    elif entry.source != engine.SYNTHETIC:
        lines.append(f":gray[Source {words.plain(entry.source or 'not known', 40)}]")
    st.markdown("  \n".join(f":small[{line}]" for line in lines))


def _badges(hits: Hits, hit: Hit) -> None:
    tied = hit.tied or hits.beyond == hit.distance
    note = words.plain(hit.entry.note)
    badges = (
        (hit.identical, "Identical picture", palette.IDENTICAL_BADGE, None),
        (tied, "Tied", palette.TIED_BADGE, words.tie(hits, hit.distance)),
        (
            hit.entry.source == engine.SYNTHETIC,
            "Synthetic",
            palette.SYNTHETIC_BADGE,
            "Drawn by a program; it shows no person.",
        ),
        (bool(note), "Note", palette.CAUTION_BADGE, note),
    )
    if any(badge[0] for badge in badges):
        with st.container(horizontal=True, gap="xsmall"):
            for holds, text, colour, tip in badges:
                if holds:
                    st.badge(text, color=colour, help=tip)
