"""Pictures of archived cases: for a card, for the viewer, and to start from."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest
from typing import TypeVar

import streamlit as st
from PIL import Image, ImageOps

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
HEADER_SECONDS = 3.0  # of a file among many
DECODERS = 3  # processes for each purpose, started when they are needed

Made = TypeVar("Made")

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
    make: Callable[[str, str, bool, File], Made | None], archive: Archive, entry: Entry
) -> Made | None:
    """What `make` gives of a case's checksum, place, whether the archive carries it, and file.

    None if the picture is not here or cannot be read.
    """
    file = archive.picture(entry)
    if file is None:
        return None
    try:
        return make(entry.sha256, str(file), archive.carries(file), file)
    except RetrievalError as error:
        _log_unshown(entry, error)
        return None


def case_view(archive: Archive, entry: Entry) -> View | None:
    """A case's picture for the viewer; None if it is not here."""
    return _made(_case_view, archive, entry)


@st.cache_resource(max_entries=64, show_spinner=False)
def _case_view(sha256: str, place: str, own: bool, _file: File) -> View | None:
    scan = _case_scan(sha256, place, own, _file)
    return scan and scan.view


def case_scan(archive: Archive, entry: Entry) -> Scan | None:
    """A case's picture as the network sees it; None if it is not here."""
    return _made(_case_scan, archive, entry)


def picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's picture as PNG, letterboxed to the shape of a card; None if it is not here."""
    shape = CARD_SHAPES.get(archive.about.get("modality", ""), CARD_SHAPES["CT"])
    return _made(partial(_card_picture, shape=shape), archive, entry)


@st.cache_data(max_entries=500, show_spinner=False)
def _card_picture(
    sha256: str, place: str, own: bool, _file: File, shape: tuple[int, int]
) -> bytes | None:
    scan = _case_scan(sha256, place, own, _file)
    if scan is None:
        return None
    grey = Image.fromarray(scan.preview())
    return png(ImageOps.pad(grey, shape, Image.Resampling.LANCZOS))


def large_picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's whole picture as PNG of at most LARGE pixels a side; None if it is not here."""
    return _made(_large_picture, archive, entry)


@st.cache_data(max_entries=64, show_spinner=False)
def _large_picture(sha256: str, place: str, own: bool, _file: File) -> bytes | None:
    scan = _case_scan(sha256, place, own, _file)
    return scan and png(Image.fromarray(scan.preview(LARGE)))


def _case_scan(sha256: str, place: str, own: bool, file: File) -> Scan | None:
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


def drawn(archive: Archive) -> bool:
    """Whether a program drew an archive's cases."""
    return bool((archive.catalogue.column("source") == SYNTHETIC).all())


@st.cache_data(max_entries=32, show_spinner=False)
def samples(folder: str, state: str, _archive: Archive, number: int = 6) -> list[Entry]:
    """Synthetic test cases of different labels and patients, with a picture on this machine."""
    groups: dict[str, dict[str, Entry]] = {}
    for entry in _archive.catalogue.entries():
        if entry.source == SYNTHETIC and entry.split == "test" and _archive.picture(entry):
            groups.setdefault(entry.label, {}).setdefault(entry.patient_id, entry)
    turns = zip_longest(*(group.values() for group in groups.values()))
    return [entry for entry in chain.from_iterable(turns) if entry][:number]


def sample_bytes(archive: Archive, entry: Entry) -> bytes:
    """The file of a sample's picture, to be decoded like an upload."""
    file = archive.picture(entry)
    if file is None:
        raise ArchiveError("This sample's picture is gone; choose another.")
    return file.read_bytes()
