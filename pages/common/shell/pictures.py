"""Pictures of archived cases: for a card, for the viewer, and to start from."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import chain, zip_longest
from pathlib import PurePath
from typing import TypeVar

import streamlit as st
from PIL import Image, ImageOps

from pages.common.shell.files import Stamp, stamp
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.errors import ArchiveError, RetrievalError
from retrieval.reading.packs import File
from retrieval.reading.sandbox import Decoder
from retrieval.reading.scan import Scan
from retrieval.reading.view import View

CARD_WIDTH = 190  # pixels; cards are at least as wide
CARD_SHAPES = {"CT": (480, 360), "X-ray": (400, 400)}  # pixels
LARGE = 1024  # pixels
SYNTHETIC = "synthetic"
SAMPLES = 6
HEADER_SECONDS = 3.0  # of a file among many
DECODERS = 3  # processes for each purpose, started when they are needed

Made = TypeVar("Made")
Places = tuple[tuple[str, Stamp], ...]  # folders and their stamps

log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def decoder(purpose: str = "archive") -> Decoder:
    """Processes that decode pictures, within limits of memory and time.

    Some for each purpose: an upload that runs into the time limit holds up no card, and
    no other visitor's upload.
    """
    if purpose == "headers":
        return Decoder(timeout=HEADER_SECONDS, children=DECODERS)
    return Decoder(children=DECODERS)


def _made(
    make: Callable[[str, bool, File], Made | None], archive: Archive, entry: Entry
) -> Made | None:
    """What `make` gives of a case's checksum, whether the archive carries it, and file.

    None if the picture is not here or cannot be read.
    """
    file = archive.picture(entry)
    if file is None:
        return None
    try:
        return make(entry.sha256, archive.carries(file), file)
    except RetrievalError as error:
        _log_unshown(entry, error)
        return None


def case_view(archive: Archive, entry: Entry) -> View | None:
    """A case's picture for the viewer; None if it is not here."""
    return _made(_case_view, archive, entry)


@lru_cache(maxsize=64)
def _case_view(sha256: str, own: bool, file: File) -> View | None:
    scan = _case_scan(sha256, own, file)
    return scan and scan.view


def case_scan(archive: Archive, entry: Entry) -> Scan | None:
    """A case's picture as the network sees it; None if it is not here."""
    return _made(_case_scan, archive, entry)


def picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's picture as PNG, letterboxed to the shape of a card; None if it is not here."""
    shape = CARD_SHAPES.get(archive.about.get("modality", ""), CARD_SHAPES["CT"])
    return _made(partial(_card_picture, shape=shape), archive, entry)


@lru_cache(maxsize=500)
def _card_picture(sha256: str, own: bool, file: File, shape: tuple[int, int]) -> bytes | None:
    scan = _case_scan(sha256, own, file)
    if scan is None:
        return None
    grey = Image.fromarray(scan.preview())
    return png(ImageOps.pad(grey, shape, Image.Resampling.LANCZOS))


def large_picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's whole picture as PNG of at most LARGE pixels a side; None if it is not here."""
    return _made(_large_picture, archive, entry)


@lru_cache(maxsize=64)
def _large_picture(sha256: str, own: bool, file: File) -> bytes | None:
    scan = _case_scan(sha256, own, file)
    return scan and png(Image.fromarray(scan.preview(LARGE)))


def _case_scan(sha256: str, own: bool, file: File) -> Scan | None:
    """The picture in `file`, unless it is another one than the case's by the same name.

    An archive's `own` copy has 8 bits and so another checksum than a deeper original.
    """
    scan = decoder().read(file)
    return scan if own or scan.sha256 == sha256 else None


def _log_unshown(entry: Entry, error: RetrievalError) -> None:
    log.warning("The picture of case %s cannot be shown: %s", entry.id, type(error).__name__)


def png(image: Image.Image) -> bytes:
    """A picture as PNG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)  # four times as fast, a sixth larger
    return buffer.getvalue()


def places(archive: Archive) -> Places:
    """The folders that may hold an archive's pictures; another value once some came or went."""
    found = []
    for root in archive.picture_roots():
        for folder in _folders(archive):
            path = root / folder
            found.append((str(path), stamp(path)))
    return tuple(found)


@lru_cache(maxsize=32)
def _folders(archive: Archive) -> tuple[PurePath, ...]:
    """The folders of its pictures as the catalogue names them."""
    files = archive.catalogue.column("file").tolist()
    return tuple(sorted({PurePath(file).parent for file in files}))


def here(archive: Archive) -> int:
    """How many of the archive's pictures lie on this machine."""
    return _here(archive, places(archive))


@lru_cache(maxsize=32)
def _here(archive: Archive, places: Places) -> int:
    return sum(archive.picture(entry) is not None for entry in archive.catalogue.entries())


@lru_cache(maxsize=32)
def drawn(archive: Archive) -> bool:
    """Whether a program drew an archive's cases."""
    return bool((archive.catalogue.column("source") == SYNTHETIC).all())


def samples(archive: Archive) -> tuple[Entry, ...]:
    """Synthetic test cases of different labels and patients, with a picture on this machine."""
    return _samples(archive, places(archive))


@lru_cache(maxsize=32)
def _samples(archive: Archive, places: Places) -> tuple[Entry, ...]:
    groups: dict[str, dict[str, Entry]] = {}
    for entry in archive.catalogue.entries():
        if entry.source == SYNTHETIC and entry.split == "test" and archive.picture(entry):
            groups.setdefault(entry.label, {}).setdefault(entry.patient_id, entry)
    turns = zip_longest(*(group.values() for group in groups.values()))
    found = [entry for entry in chain.from_iterable(turns) if entry]
    return tuple(found[:SAMPLES])


def sample_bytes(archive: Archive, entry: Entry) -> bytes:
    """The file of a sample's picture, to be decoded like an upload."""
    file = archive.picture(entry)
    if file is None:
        raise ArchiveError("This sample's picture is gone; choose another.")
    return file.read_bytes()
