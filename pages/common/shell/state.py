"""What a visit remembers: the only file that names keys of Streamlit's session state.

The key of a value that a widget sets is also the widget's. A value of a type that a later part
of the pages defines is `Any` here; the module that owns it gives it its type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from retrieval.imaging.regions import Region
from retrieval.search.refining import Examples
from retrieval.storage import Json

Value = TypeVar("Value")

SHORT = 16  # characters of a checksum in a key
# What the keys of an upload's choices start with: of those that say what is searched, and of all.
SEARCHED_WITH = ("series-", "slice-", "frame-", "region-", "examples-")
OF_UPLOAD = (*SEARCHED_WITH, "page-", "part-")


@dataclass(frozen=True)
class Key(Generic[Value]):
    """One value of a visit; `unset` is what it reads as before it is set, or where it is None."""

    name: str
    unset: Value

    @property
    def is_set(self) -> bool:
        """Whether it has a value, be it None."""
        return self.name in st.session_state

    def get(self) -> Value:
        """The value."""
        found = st.session_state.get(self.name)
        return self.unset if found is None else found

    def set(self, value: Value) -> None:
        """Change the value."""
        st.session_state[self.name] = value

    def clear(self) -> None:
        """Forget the value."""
        st.session_state.pop(self.name, None)

    def take(self) -> Value:
        """The value, which is then forgotten."""
        found = self.get()
        self.clear()
        return found


# The archive that is searched, by the name it is offered under, and why it was changed
ARCHIVE = Key("archive", "")
ARCHIVE_NOTE = Key("archive_note", "")
# The upload, and how many there were
SCAN: Key[Any] = Key("scan", None)
UPLOADS = Key("upload_round", 0)
UPLOAD_PROBLEM = Key("upload_problem", "")
OPENED_CASE = Key("opened_case", "")  # the id in the address that was searched last
EARLIER_SEARCHES: Key[tuple[Any, ...]] = Key("visit", ())
COMPARED = Key("compared", 0)  # place of the hit beside the query
TYPED_CASE = Key("browse-case", "")
# Teaching
LARGE = Key("large", False)
LESSON: Key[Any] = Key("lesson", None)
# Evaluation: by archive and protocol what this visit measured, and the newest of these
PROTOCOL = Key("protocol", "")
MEASURED: Key[Mapping[tuple[str, str], Json]] = Key("measured_here", {})
SIDE_BY_SIDE: Key[Mapping[tuple[str, str], Json]] = Key("compared_here", {})
MEASURED_LAST = Key("measured_fresh", ("", ""))
MEASURING_NOTE = Key("measuring_note", "")
MEASURING_VISIT = Key("measuring_visit", "")


def last_archive(modality: str) -> Key[str]:
    """Which archive of this modality was chosen last."""
    return Key(f"last-{modality}", "")


def uploaded(*, folder: bool) -> Key[Sequence[UploadedFile]]:
    """The files in one of the two upload controls; after each upload both have new keys."""
    return Key(f"upload-{UPLOADS.get()}{'-folder' if folder else ''}", ())


def series(upload: str) -> Key[int]:
    """Which series of an upload, by its checksum, is searched."""
    return Key(f"series-{upload[:SHORT]}", 0)


def slice_number(upload: str, first_file: int) -> Key[int | None]:
    """Which slice, counted from 1, of the series that begins with this file of an upload."""
    return Key(f"slice-{upload[:SHORT]}-{first_file}", None)


def frame(scan: str) -> Key[int | None]:
    """Which frame, counted from 1, of a file, by its checksum."""
    return Key(f"frame-{scan}", None)


def region(scan: str, frame: int | None) -> Key[Region | None]:
    """Which part of a file's frame is searched."""
    return Key(f"region-{scan[:SHORT]}-{frame}", None)


def examples(scan: str, archive_id: str) -> Key[tuple[Examples, ...]]:
    """The examples given for a file in an archive, step by step."""
    return Key(f"examples-{scan[:SHORT]}-{archive_id}", ())


def refinement(archive_id: str, rank: int, case: str) -> Key[str]:
    """What was picked in the menu of a hit."""
    return Key(f"steer-{archive_id}-{rank}-{case}", "")


def only(column: str, archive_id: str) -> Key[Sequence[str]]:
    """The values of a column that an archive's list is filtered by."""
    return Key(f"only-{column}-{archive_id}", ())


def region_control(name: str, scan: str) -> str:
    """Key of a control that draws a part of a file."""
    return f"part-{name}-{scan[:SHORT]}"


def page_control(archive_id: str, scan: str, hits: Sequence[int]) -> str:
    """Key of the control that turns the pages of one list of hits, by their rows."""
    return f"page-{archive_id}-{scan[:SHORT]}-{hash(tuple(hits))}"


def search_choices() -> dict[str, object]:
    """What was chosen for the upload that is searched: series, slice, frame, part, examples."""
    return {key: st.session_state[key] for key in _starting(SEARCHED_WITH)}


def restore(choices: Mapping[str, object]) -> None:
    """Choose again what `search_choices` gave."""
    for key, value in choices.items():
        st.session_state[key] = value


def forget_choices() -> None:
    """Drop what was chosen for an upload: its keys hold checksums of a patient's files."""
    for key in _starting(OF_UPLOAD):
        del st.session_state[key]


def _starting(beginnings: tuple[str, ...]) -> list[str]:
    return [key for key in map(str, st.session_state) if key.startswith(beginnings)]
