"""What an archive holds, and how its pictures come onto this machine."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.common.shell import texts
from retrieval.archives import archive as archives
from retrieval.archives.archive import Archive
from retrieval.data import download
from retrieval.errors import DownloadError

SOURCES_SHOWN = 8

FETCH = {"covid-ct": "Fetch the pictures from the authors (97 MB)"}
TERMS = {
    "covid-ct": (
        "COVID-CT was collected by Zhao, Zhang, He and Xie from published papers and teaching "
        "sites. The pictures belong to those authors and publishers, no licence for the "
        "collection is known, and they are therefore not shipped. The button fetches them from "
        "where the collectors offer them; respect the rights in them, and use them for research."
    )
}
ELSEWHERE = {
    "pneumonia-xray": (
        "The X-rays are offered by Kermany, Zhang and Goldbaum at Mendeley Data "
        "([10.17632/rscbjbr9sj.2](https://doi.org/10.17632/rscbjbr9sj.2), CC BY 4.0). This archive "
        "was made from copies squashed to 224 × 224 pixels, so the originals give other codes: "
        "index them as an archive of your own to see them."
    )
}

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Holdings:
    """Counts of an archive's cases; each table has a title and rows for the screen."""

    patients: int
    tables: tuple[tuple[str, Rows], ...]


@st.cache_data(max_entries=32, show_spinner=False)
def of(state: str, _archive: Archive) -> Holdings:
    """Count the cases of an archive by label, split and source."""
    entries = _archive.catalogue.entries()
    labels = Counter(texts.label(entry.label) for entry in entries)
    splits = Counter(texts.SPLITS.get(entry.split, entry.split) for entry in entries)
    sources = Counter(entry.source or "Not known" for entry in entries)
    return Holdings(
        patients=len({entry.patient_id for entry in entries}),
        tables=(
            ("By label", _rows("Label", labels)),
            ("By split", _rows("Split", splits)),
            ("By source", _rows("Source", sources)),
        ),
    )


def _rows(title: str, counts: Counter[str]) -> Rows:
    shown = counts.most_common(SOURCES_SHOWN)
    rows = [{title: texts.plain(name, 40), "Cases": f"{number:,}"} for name, number in shown]
    rest = counts.total() - sum(number for _, number in shown)
    if rest:
        others = len(counts) - len(shown)
        rows.append({title: f"{others:,} others", "Cases": f"{rest:,}"})
    return rows


def elsewhere(archive: Archive) -> str:
    """Where the pictures of a shipped archive are, if they cannot be fetched from here."""
    own = archives.is_shipped(archive.folder)
    return ELSEWHERE.get(archive.dataset, "") if own else ""


def published(archive: Archive) -> download.Source | None:
    """Where an archive's pictures can be fetched, if their authors offer them."""
    own = archives.is_shipped(archive.folder)  # a folder of the same name may be anybody's
    return next((s for s in download.SOURCES if own and s.name == archive.dataset), None)


@st.cache_resource(show_spinner=False)
def _fetching() -> threading.Lock:
    return threading.Lock()


def fetch(archive: Archive) -> None:
    """Download an archive's pictures into the data folder, with a progress bar."""
    lock = _fetching()
    if not lock.acquire(blocking=False):
        raise DownloadError("The pictures are being fetched already; come back in a minute.")
    bar = st.progress(0.0, text="Asking the authors' server")
    where = archive.picture_roots()[-1]  # the last of the places where it looks for its pictures

    def report(done: int, total: int, what: str) -> None:
        share = min(done / total, 1.0) if total else 0.0
        bar.progress(share, text=texts.plain(f"{_without_place(what, where)}: {done / 1e6:.0f} MB"))

    try:
        download.download(archive.dataset, where, progress=report)
    except DownloadError as error:
        raise DownloadError(_without_place(str(error), where)) from error
    finally:
        lock.release()


def _without_place(text: str, folder: Path) -> str:
    """A sentence without the way to a folder of the server's, which is no visitor's business."""
    for place in (folder.resolve().parent, folder.parent):
        text = text.replace(f"{place}{os.sep}", "")
    return text
