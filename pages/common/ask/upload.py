"""The scan that is asked about: one file, or one slice of a series."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.common import viewer
from pages.common.shell import choices, engine, pictures, state, texts, traces
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.reading.scan import LIMITS
from retrieval.reading.series import AS_GIVEN, Series, arrange

SERIES_BYTES = 1 << 30  # all files of a folder together


@dataclass(frozen=True, eq=False)
class ChosenScan:
    """The bytes that are asked about, and their SHA-256.

    case : id of the archived case they are of, if they are, in the archive named `home`. A case
        whose picture is not here has no bytes: its stored features ask.
    """

    data: bytes
    digest: str
    case: str = ""
    home: str = ""

    @property
    def stored(self) -> bool:
        """Whether its stored features ask; an empty file is no such case."""
        return bool(self.case) and not self.data


@dataclass(frozen=True, eq=False)
class Upload:
    """What a visitor gave at once: files, and the series they make."""

    files: tuple[ChosenScan, ...]
    series: tuple[Series, ...]

    @property
    def digest(self) -> str:
        """One name for these files together."""
        together = "".join(file.digest for file in self.files)
        return hashlib.sha256(together.encode()).hexdigest()


def scan() -> ChosenScan | None:
    """The scan that is asked about now."""
    upload = _upload()
    if upload is None:
        return None
    chosen = _series(upload)
    return upload.files[chosen.indices[_slice(upload, chosen)]]


def title() -> str:
    """What the scan that is asked about is called beside its matches."""
    chosen = scan()
    return "Archived case" if chosen is not None and chosen.case else "Your scan"


def group() -> str:
    """A name for what was uploaded at once; empty before there is anything."""
    upload = _upload()
    return upload.digest if upload else ""


def controls() -> None:
    """The controls that take files; their content, not their names, decides what they are."""
    given, folder = state.uploaded(folder=False), state.uploaded(folder=True)
    st.file_uploader(
        "Your scan: DICOM, PNG, JPEG, TIFF or BMP",
        accept_multiple_files=True,
        key=given.name,
        on_change=_take_upload,
        args=(given,),
    )
    with st.popover("Open a folder with a CT series", icon=":material/folder_open:"):
        st.file_uploader(
            "A folder of DICOM slices",
            accept_multiple_files="directory",
            key=folder.name,
            on_change=_take_upload,
            args=(folder,),
        )
    st.caption(
        f"One chest CT slice or X-ray, or all slices of a series; at most "
        f"{LIMITS.file_bytes >> 20} MB a file. Another upload replaces it. It stays in memory for "
        "this visit, never on disk."
    )
    if problem := state.UPLOAD_PROBLEM.get():
        st.error(problem, icon=":material/error:")


def slice_controls() -> None:
    """Which series and which slice is asked about, where there are several."""
    upload = _upload()
    if upload is None or len(upload.files) == 1:
        return
    if len(upload.series) > 1:
        st.selectbox(
            "Series",
            range(len(upload.series)),
            format_func=lambda number: texts.series(number, upload.series[number]),
            key=_series_key(upload).name,
            persist_state="session",
        )
    chosen = _series(upload)
    if len(upload.series) > 1 and upload.series[-1].order == AS_GIVEN:
        st.caption(texts.strays(len(upload.series[-1].indices)))
    if len(chosen.indices) > 1:
        st.slider(
            texts.slice_of(chosen),
            min_value=1,
            max_value=len(chosen.indices),
            value=_slice(upload, chosen) + 1,
            key=_slice_key(upload, chosen).name,
            persist_state="session",
        )


def file_name() -> str:
    """Which of several files is asked about; empty for one alone."""
    upload = _upload()
    if upload is None or len(upload.files) == 1:
        return ""
    chosen = _series(upload)
    return f"{texts.slice_of(chosen).partition(' ')[0]} {_slice(upload, chosen) + 1}"


def frame(chosen: ChosenScan) -> int | None:
    """The frame chosen for a file with several, counted from 0; None for its own choice."""
    number = _frame_key(chosen).get()
    return None if number is None else number - 1


def frame_name(chosen: ChosenScan, frames: int) -> str:
    """Which frame of a file with so many is asked about; empty for a file with one."""
    return f"Frame {_frame_number(chosen, frames)} of {frames}" if frames > 1 else ""


def frame_control(chosen: ChosenScan, frames: int) -> None:
    """The control that chooses a frame of a file with several."""
    if frames < 2:
        return
    st.slider(
        f"{frame_name(chosen, frames)} is asked about; choose another",
        min_value=1,
        max_value=frames,
        value=_frame_number(chosen, frames),
        key=_frame_key(chosen).name,
        persist_state="session",
    )


def take_sample(archive: Archive, entry: Entry) -> None:
    """Ask about a case of the built-in sample."""
    _search_with([_chosen(pictures.sample_bytes(archive, entry))])


def take_case(archive: Archive, entry: Entry, name: str) -> None:
    """Ask about a case of the archive offered under `name`, with its picture if that is here.

    Another picture under the same name is none of the case's: then its stored features ask.
    """
    path = archive.picture(entry)
    mine = path is not None and pictures.case_scan(archive, entry) is not None
    data = path.read_bytes() if path is not None and mine else b""
    digest = hashlib.sha256(data or entry.sha256.encode()).hexdigest()
    _search_with([ChosenScan(data, digest, entry.id, name)])


def restore(files: Sequence[ChosenScan], chosen: Mapping[str, object]) -> None:
    """Search again with files of this visit, and with what `state.search_choices` gave then."""
    _search_with(files)
    state.restore(chosen)


def files() -> tuple[ChosenScan, ...]:
    """All files that were given at once with the scan asked about."""
    upload = _upload()
    return upload.files if upload else ()


def clear() -> None:
    """Forget the scan and what followed from it."""
    state.forget_choices()
    state.SCAN.set(None)
    state.UPLOAD_PROBLEM.clear()
    engine.forget()
    viewer.forget()
    traces.forget()
    choices.forget_note()
    _empty_controls()


def _take_upload(control: state.Key[Sequence[UploadedFile]]) -> None:
    files = control.get()
    if not files:
        return
    size = sum(file.size for file in files)
    chosen = [_chosen(file.getvalue()) for file in files] if size <= SERIES_BYTES else []
    for file in files:
        _drop_upload(file)
    if chosen:
        engine.retry()
        _search_with(chosen)
    else:
        state.UPLOAD_PROBLEM.set(texts.TOO_MANY_FILES)
        _empty_controls()


def _search_with(files: Sequence[ChosenScan]) -> None:
    """Ask about these files, and search the archive of what they show."""
    state.forget_choices()
    state.UPLOAD_PROBLEM.clear()
    state.SCAN.set(Upload(tuple(files), _arranged(files)))
    _empty_controls()
    first = scan()
    if first is not None and not first.case:
        choices.prefer(engine.kind(first.data, first.digest))


def _arranged(files: Sequence[ChosenScan]) -> tuple[Series, ...]:
    """The series that files make; those that belong to none together, last and as given."""
    places = [engine.place(file.data) for file in files] if len(files) > 1 else [None]
    alone = tuple(number for number, place in enumerate(places) if place is None)
    found = [one for one in arrange(places) if one.indices[0] not in alone]
    return (*found, Series(alone, AS_GIVEN)) if alone else tuple(found)


def _empty_controls() -> None:
    """Give the upload controls new names: the old ones, and what they hold, are dropped."""
    state.UPLOADS.set(state.UPLOADS.get() + 1)


def _drop_upload(file: UploadedFile) -> None:
    """Take the server's own copy of an upload out of its memory; this visit has one already."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def _upload() -> Upload | None:
    held: Upload | None = state.SCAN.get()
    return held


def _series(upload: Upload) -> Series:
    return upload.series[_series_key(upload).get()]


def _slice(upload: Upload, chosen: Series) -> int:
    """Place of the slice asked about, the middle one at first."""
    number = _slice_key(upload, chosen).get()
    return len(chosen.indices) // 2 if number is None else number - 1


def _series_key(upload: Upload) -> state.Key[int]:
    return state.series(upload.digest)


def _slice_key(upload: Upload, chosen: Series) -> state.Key[int | None]:
    return state.slice_number(upload.digest, chosen.indices[0])


def _frame_number(chosen: ChosenScan, frames: int) -> int:
    """The frame chosen, counted from 1; the middle one at first."""
    return _frame_key(chosen).get() or frames // 2 + 1


def _frame_key(chosen: ChosenScan) -> state.Key[int | None]:
    return state.frame(chosen.digest)


def _chosen(data: bytes) -> ChosenScan:
    return ChosenScan(data, hashlib.sha256(data).hexdigest())
