"""Synthetic scans to start from, for a visitor without a file at hand."""

from __future__ import annotations

import streamlit as st

from pages.common.ask import upload
from pages.common.shell import archives, pictures, texts
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry


def show(chosen: Archive | None) -> None:
    """A row of synthetic scans like those of the chosen archive; no labels."""
    offered, _ = archives.offered()
    wanted = chosen.about.get("modality", "") if chosen else ""
    found = [
        (archive, pictures.samples(archive))
        for archive in offered.values()
        if archive.about.get("modality", "") == wanted
    ]
    archive, entries = next(((a, e) for a, e in found if e), (None, ()))
    if archive is None:
        return
    st.subheader("Or start with a synthetic scan", anchor=False)
    with st.grid(3, min_column_width=pictures.CARD_WIDTH):
        for number, entry in enumerate(entries, start=1):
            _sample(archive, entry, f"Synthetic {texts.SCANS.get(wanted, 'scan')} {number}")


def _sample(archive: Archive, entry: Entry, alt: str) -> None:
    with st.container(border=True, gap="small"):
        png = pictures.picture(archive, entry)
        if png:
            st.image(png, width="stretch", output_format="PNG", alt=alt)
        st.button(
            "Use this scan",
            key=f"sample-{entry.id}",
            width="stretch",
            on_click=upload.take_sample,
            args=(archive, entry),
        )
