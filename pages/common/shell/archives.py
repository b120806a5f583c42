"""Which archives the app offers: those that ship, and those named by RETRIEVAL_ARCHIVES."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import streamlit as st

from pages.common.shell.files import Stamp, stamp
from retrieval.archives import archive as archives
from retrieval.archives.archive import Archive
from retrieval.errors import ArchiveError

ARCHIVES_VARIABLE = "RETRIEVAL_ARCHIVES"

log = logging.getLogger(__name__)


class OpenArchives:
    """Archives held open for all visitors, each opened once for each state of its manifest.

    A change of an archive replaces its manifest, so a change by another process is seen too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Path, tuple[Stamp, Archive]] = {}

    def at(self, folder: Path) -> Archive:
        """The archive in a folder as it is now; ArchiveError if it cannot be opened."""
        now = stamp(folder / archives.MANIFEST)  # before it is opened: a later change is seen later
        with self._lock:
            held = self._held.get(folder)
            if held is not None and held[0] == now:
                return held[1]
            self._held.pop(folder, None)
            opened = archives.open_archive(folder)
            self._held[folder] = now, opened
            return opened

    def keep(self, folders: Collection[Path]) -> None:
        """Let go of the archives in other folders."""
        with self._lock:
            for folder in self._held.keys() - set(folders):
                del self._held[folder]


@st.cache_resource(show_spinner=False)
def _open_archives() -> OpenArchives:
    return OpenArchives()


def offered() -> tuple[dict[str, Archive], list[str]]:
    """The archives by name, those with their own pictures first, and what is wrong with others."""
    opened: dict[str, Archive] = {}
    problems = []
    held, folders = _open_archives(), list(_folders())
    held.keep(folders)
    for folder in folders:
        try:
            archive = held.at(folder)
        except ArchiveError as error:
            # The sentence names a path of the server, which is no visitor's business.
            log.warning("An archive cannot be opened: %s", error)
            problems.append(f"Archive {folder.name} is damaged or of another version.")
        else:
            opened[_free_name(archive.name, opened)] = archive
    return opened, problems


def _folders() -> Iterator[Path]:
    """Folders of archives: those that ship, with their own pictures first, then the others."""
    shipped = _holding_archives(archives.SHIPPED)
    yield from sorted(shipped, key=lambda folder: not any(folder.glob("pictures-*.zip")))
    for root in os.environ.get(ARCHIVES_VARIABLE, "").split(os.pathsep):
        if root:
            yield from _holding_archives(Path(root))


def _holding_archives(root: Path) -> list[Path]:
    """Of a folder and those within it, the ones that hold an archive, sorted."""
    try:
        folders = sorted([str(root), *(entry.path for entry in os.scandir(root))])
    except OSError:  # no such folder, or none that may be listed
        return []
    return [
        Path(folder)
        for folder in folders
        if os.path.isfile(os.path.join(folder, archives.MANIFEST))
    ]


def _free_name(name: str, taken: dict[str, Archive]) -> str:
    names = [name, *(f"{name}-{number}" for number in range(2, len(taken) + 2))]
    return next(free for free in names if free not in taken)
