"""Which archives the app offers: those that ship, and those named by RETRIEVAL_ARCHIVES."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from retrieval.archives import archive as archives
from retrieval.archives.archive import Archive
from retrieval.errors import ArchiveError

ARCHIVES_VARIABLE = "RETRIEVAL_ARCHIVES"

log = logging.getLogger(__name__)


def offered() -> tuple[dict[str, Archive], list[str]]:
    """The archives by name, those with their own pictures first, and what is wrong with others."""
    opened: dict[str, Archive] = {}
    problems = []
    for folder in _folders():
        try:
            archive = opened_at(str(folder))
        except ArchiveError as error:
            # The sentence names a path of the server, which is no visitor's business.
            log.warning("An archive cannot be opened: %s", error)
            problems.append(f"Archive {folder.name} is damaged or of another version.")
        else:
            opened[_free_name(archive.name, opened)] = archive
    return opened, problems


def _is_current(archive: Archive) -> bool:
    """Whether the folder still holds what was opened: cases, chances and map."""
    try:
        return archives.open_archive(archive.folder).about == archive.about
    except ArchiveError:
        return False


@st.cache_resource(max_entries=32, validate=_is_current, show_spinner=False)
def opened_at(folder: str) -> Archive:
    """An open archive, shared by all visitors."""
    return archives.open_archive(folder)


def _folders() -> Iterator[Path]:
    shipped = [archives.SHIPPED / name for name in archives.shipped()]
    yield from sorted(shipped, key=lambda folder: not any(folder.glob("pictures-*.zip")))
    for root in os.environ.get(ARCHIVES_VARIABLE, "").split(os.pathsep):
        if root:
            manifests = [Path(root) / archives.MANIFEST, *Path(root).glob(f"*/{archives.MANIFEST}")]
            yield from sorted(path.parent for path in manifests if path.is_file())


def _free_name(name: str, taken: dict[str, Archive]) -> str:
    names = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 2))]
    return next(free for free in names if free not in taken)
