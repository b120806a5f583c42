"""Look-alikes answered: where in both pictures the bits that differ come from."""

from __future__ import annotations

import streamlit as st

from pages.common import engine, maps, pictures, words
from retrieval import explain
from retrieval.archive import Archive
from retrieval.catalogue import Entry
from retrieval.errors import ArchiveError, RetrievalError
from retrieval.scans import Scan

KEY = "differing-map"
BESIDE = (9, 3)  # widths of two scans and of what is said beside them
MEANING = (
    "The brighter a place, the more it sets its scan apart from the other in these bits; plain "
    "grey places do next to nothing for it, or draw the two together."
)
CAVEAT = (
    "A scan that stays grey lacks what marks the other. Colours show what the network used, not "
    "where disease is."
)


def section(archive: Archive, rows: tuple[int, int], names: tuple[str, str]) -> None:
    """On demand the maps of two cases, `names` being what they are called on the page."""
    on = st.toggle("Show where the bits that differ come from", key=KEY, persist_state="session")
    if not on:
        return
    try:
        count, pair = _traced(archive.id, rows, archive)
    except (ArchiveError, OSError):  # a map is an aside: the session goes on without it
        maps.unavailable()
        return
    except RetrievalError as error:
        st.info(words.plain(f"No map of these two: {error}"), icon=":material/error:")
        return
    if not count:
        st.caption(f"All {archive.bits} bits are the same: there is nothing to show.")
        return
    left, right = st.columns(BESIDE, gap="medium")
    with left:
        shown = [
            f"{name}: {words.finding(entry)}"
            for name, entry in zip(names, archive.catalogue.entries(list(rows)), strict=True)
        ]
        alts = [f"{name}, coloured where the bits that differ come from" for name in shown]
        maps.draw(pair, [words.plain(name) for name in shown], alts)
    with right:
        st.markdown(f"**{count} of {archive.bits} bits differ.** {MEANING}")
        st.caption(CAVEAT)
        if where := maps.mostly_outside(pair, archive):
            st.warning(
                f"Most of the difference comes from {where}: the network may tell these two "
                "apart by other things than what the lungs show.",
                icon=":material/warning:",
            )


@st.cache_resource(max_entries=16, show_spinner="Tracing the difference")
def _traced(
    archive_id: str, rows: tuple[int, int], _archive: Archive
) -> tuple[int, tuple[maps.Shown, maps.Shown]]:
    """How many bits of two cases differ, and both maps; ArchiveError without both pictures."""
    model, scales = engine.model_of(_archive), engine.scales(_archive)
    agreement = scales.agreement(*(explain.stored_features(_archive, model, row) for row in rows))
    entries = _archive.catalogue.entries(list(rows))
    first, second = (
        maps.shown(scan, scales.difference(scan.pixels, agreement, place), _archive)
        for place, scan in enumerate(_scan(_archive, entry) for entry in entries)
    )
    return agreement.differing, (first, second)


def _scan(archive: Archive, entry: Entry) -> Scan:
    found = pictures.case_scan(archive, entry)
    if found is None:
        raise ArchiveError(f"The picture of case {entry.id} is not on this machine.")
    return found
