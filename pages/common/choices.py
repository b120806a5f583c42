"""What a visitor has chosen: the archive, how many matches, and the scan to ask about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.common import engine, shelf, words
from retrieval.archive import Archive
from retrieval.catalogue import Entry
from retrieval.scans import LIMITS

COUNTS = (5, 10, 15, 20, 30, 40, 50)
USUAL_COUNT = 10
ARCHIVE_KEY, COUNT_KEY = "archive", "k"
SCAN_KEY, ROUND_KEY = "scan", "upload_round"


@dataclass(frozen=True, eq=False)
class ChosenScan:
    """The bytes that are asked about, and their SHA-256."""

    data: bytes
    digest: str


def archive() -> Archive | None:
    """The control that chooses the archive; the choice stands in the address."""
    offered, _ = shelf.offered()
    if not offered:
        st.warning(words.NO_ARCHIVE)
        return None
    # The address holds an option's text, so nothing that changes may stand in it.
    name = st.segmented_control(
        "Archive to search",
        list(offered),
        format_func=lambda name: words.plain(words.archive_title(name), 60),
        default=next(iter(offered)),
        required=True,
        key=ARCHIVE_KEY,
        bind="query-params",
        persist_state="session",
    )
    return offered.get(name, next(iter(offered.values())))


def current_archive() -> Archive | None:
    """The archive chosen on whichever page, or the first one."""
    offered, _ = shelf.offered()
    first = next(iter(offered.values()), None)
    return offered.get(st.session_state.get(ARCHIVE_KEY), first)


def chosen_name() -> str:
    """Name of the archive this visit has chosen; empty before there was a choice."""
    return st.session_state.get(ARCHIVE_KEY) or ""


def count() -> int:
    """The control that chooses how many matches to show."""
    chosen = st.segmented_control(
        "Matches to show",
        COUNTS,
        default=USUAL_COUNT,
        required=True,
        key=COUNT_KEY,
        bind="query-params",
        persist_state="session",
    )
    return chosen if chosen in COUNTS else USUAL_COUNT


def scan() -> ChosenScan | None:
    """The scan that is asked about now."""
    return st.session_state.get(SCAN_KEY)


def upload() -> None:
    """The control that takes a file; its content, not its name, decides what it is."""
    key = f"upload-{st.session_state.get(ROUND_KEY, 0)}"
    st.file_uploader(
        "Your scan: DICOM, PNG, JPEG, TIFF or BMP",
        key=key,
        on_change=_take_upload,
        args=(key,),
    )
    st.caption(
        f"One chest CT slice or X-ray, at most {LIMITS.file_bytes >> 20} MB; another file "
        f"replaces it. It stays in memory for this visit, never on disk. {words.NOT_CHECKED}"
    )


def _take_upload(key: str) -> None:
    file = st.session_state[key]
    if file is None:
        st.session_state[SCAN_KEY] = None
        return
    st.session_state[SCAN_KEY] = _chosen(file.getvalue())
    _drop_upload(file)


def _drop_upload(file: UploadedFile) -> None:
    """Take the server's own copy of an upload out of its memory; this visit has one already."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def take_sample(archive: Archive, entry: Entry) -> None:
    """Ask about a case of the built-in sample, and empty the upload control."""
    st.session_state[SCAN_KEY] = _chosen(engine.sample_bytes(archive, entry))
    st.session_state[ROUND_KEY] = st.session_state.get(ROUND_KEY, 0) + 1


def clear() -> None:
    """Forget the scan and what followed from it, and empty the upload control."""
    st.session_state[SCAN_KEY] = None
    engine.forget()
    st.session_state[ROUND_KEY] = st.session_state.get(ROUND_KEY, 0) + 1


def frame(chosen: ChosenScan) -> int | None:
    """The frame chosen for a file with several, counted from 0; None for its own choice."""
    number = st.session_state.get(_frame_key(chosen))
    return None if number is None else number - 1


def frame_slider(chosen: ChosenScan, query: engine.Query) -> None:
    """The control that chooses a frame of a file with several."""
    st.slider(
        f"Frame {query.frame + 1} of {query.frames} is used; choose another",
        min_value=1,
        max_value=query.frames,
        value=query.frame + 1,
        key=_frame_key(chosen),
        persist_state="session",
    )


def _frame_key(chosen: ChosenScan) -> str:
    return f"frame-{chosen.digest}"


def _chosen(data: bytes) -> ChosenScan:
    return ChosenScan(data, hashlib.sha256(data).hexdigest())
