"""Look-alikes answered: where in both pictures the bits that differ come from."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.common.shell import maps, pictures, resources, texts
from retrieval.archives.archive import Archive
from retrieval.explain import evidence_map
from retrieval.reading.scan import Scan

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
    entries = archive.catalogue.entries(list(rows))
    scans = [pictures.case_scan(archive, entry) for entry in entries]
    if None in scans:
        maps.unavailable()
        return
    traced = maps.attempted(lambda: _traced(archive.state, rows, archive, scans), archive)
    if traced is None:
        return
    count, pair = traced
    if not count:
        st.caption(f"All {archive.bits} bits are the same: there is nothing to show.")
        return
    left, right = st.columns(BESIDE, gap="medium")
    with left:
        shown = [
            f"{name}: {texts.finding(entry)}" for name, entry in zip(names, entries, strict=True)
        ]
        alts = [f"{name}, coloured where the bits that differ come from" for name in shown]
        maps.draw(pair, [texts.plain(name) for name in shown], alts)
    with right:
        st.markdown(f"**{count} of {archive.bits} bits differ.** {MEANING}")
        st.caption(CAVEAT)
        if where := maps.mostly_outside(pair, names):
            st.warning(
                f"Most of the difference comes from {where}. The network may tell these two "
                "apart by other things than what the lungs show.",
                icon=":material/warning:",
            )


@st.cache_resource(max_entries=16, show_spinner="Tracing the difference")
def _traced(
    state: str, rows: tuple[int, int], _archive: Archive, _scans: Sequence[Scan]
) -> tuple[int, maps.Pair]:
    """How many bits of two cases differ, and both maps."""
    model, scales = resources.model_of(_archive), resources.scales(_archive)
    both = (evidence_map.stored_features(_archive, model, row) for row in rows)
    agreement = scales.agreement(*both)
    first, second = (
        maps.shown(scan, scales.difference(scan.pixels, agreement, place), _archive)
        for place, scan in enumerate(_scans)
    )
    return agreement.differing, (first, second)
