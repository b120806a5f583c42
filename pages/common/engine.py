"""Cached resources, and the search job: bytes -> query -> ranked cases.

Decoder, archives and models are shared and never changed. Whatever follows from
an upload is cached for its own session only, under the SHA-256 of its bytes;
the bytes themselves are never hashed by Streamlit, which samples large arrays.
"""

from __future__ import annotations

import io
import logging
import threading
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from retrieval.archive import COPIES, Archive, Hits
from retrieval.catalogue import Entry
from retrieval.errors import ArchiveError, RetrievalError
from retrieval.hashing import Codes
from retrieval.model import Model
from retrieval.sandbox import Decoder
from retrieval.scans import check_searchable
from retrieval.trust import Answer, judge

DEEPEST = 50  # searched once; any smaller k is a slice of it
CARD_PIXELS = (480, 360)
QUERY_PIXELS = 1200  # st.image resamples above 1460
SYNTHETIC = "synthetic"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Query:
    """What the pages know of the scan that is asked about; `code` is (1, bytes)."""

    sha256: str
    png: bytes
    format: str
    modality: str
    width: int
    height: int
    frames: int
    frame: int
    warnings: tuple[str, ...]
    trained_on: bool
    code: Codes


@st.cache_resource(show_spinner=False)
def decoder(purpose: str = "uploads") -> Decoder:
    """A process that decodes pictures, within limits of memory and time.

    One for each purpose: an upload that runs into the time limit holds up no card.
    """
    return Decoder()


def model_of(archive: Archive) -> Model:
    """The model of an archive; archives of the same model share it."""
    return _model(archive.about["model"]["id"], archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _model(model_id: str, _archive: Archive) -> Model:
    return _archive.model()


def search(data: bytes, digest: str, archive: Archive, frame: int | None) -> tuple[Query, Hits]:
    """The query and its nearest cases; `digest` is the SHA-256 of `data`."""
    model = model_of(archive)
    query = _read(digest, frame, model.id, data, model)
    return query, _nearest(digest, frame, archive.id, query, archive)


def judged(query: Query, archive: Archive) -> Answer | None:
    """How far to trust the query's ranking; None where the archive has no calibration."""
    return judge(archive, model_of(archive), query.code, query.sha256)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _read(digest: str, frame: int | None, model_id: str, _data: bytes, _model: Model) -> Query:
    scan = decoder().decode(_data, frame=frame)
    check_searchable(scan)
    return Query(
        sha256=scan.sha256,
        png=_png(Image.fromarray(scan.preview(QUERY_PIXELS))),
        format=scan.format,
        modality=scan.modality,
        width=scan.width,
        height=scan.height,
        frames=scan.frames,
        frame=scan.frame,
        warnings=scan.warnings,
        trained_on=_model.saw(scan.sha256),
        code=_model.codes(_model.encode([scan.pixels])),
    )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _nearest(
    digest: str, frame: int | None, archive_id: str, _query: Query, _archive: Archive
) -> Hits:
    return _archive.search(_query.code, _query.sha256, DEEPEST)


def forget() -> None:
    """Drop what this visit's caches hold of its scans."""
    _read.clear()
    _nearest.clear()


def picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's picture as PNG, letterboxed to the shape of a card; None if it is not here."""
    path = archive.picture(entry)
    if path is None:
        return None
    own = path.parent == archive.folder / COPIES
    try:
        return _card_picture(entry.sha256, str(path), own)
    except RetrievalError as error:
        log.warning("The picture of case %s cannot be shown: %s", entry.id, type(error).__name__)
        return None


@st.cache_data(max_entries=500, show_spinner=False)
def _card_picture(sha256: str, path: str, own: bool) -> bytes | None:
    """The picture at `path`, unless it is another one than the case's by the same name.

    An archive's `own` copy has 8 bits and so another checksum than a deeper original.
    """
    scan = decoder("archive").read(Path(path))
    if not own and scan.sha256 != sha256:
        return None
    grey = Image.fromarray(scan.preview())
    return _png(ImageOps.pad(grey, CARD_PIXELS, Image.Resampling.LANCZOS))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)  # four times as fast, a sixth larger
    return buffer.getvalue()


@st.cache_data(max_entries=32, show_spinner=False)
def samples(folder: str, archive_id: str, _archive: Archive, number: int = 6) -> list[Entry]:
    """Synthetic test cases of different labels and patients, with a picture on this machine."""
    groups: dict[str, dict[str, Entry]] = {}
    for entry in _archive.catalogue.entries():
        if entry.source == SYNTHETIC and entry.split == "test" and _archive.picture(entry):
            groups.setdefault(entry.label, {}).setdefault(entry.patient_id, entry)
    turns = zip_longest(*(group.values() for group in groups.values()))
    return [entry for entry in chain.from_iterable(turns) if entry][:number]


def sample_bytes(archive: Archive, entry: Entry) -> bytes:
    """The file of a sample's picture, to be decoded like an upload."""
    path = archive.picture(entry)
    if path is None:
        raise ArchiveError("This sample's picture is gone; choose another.")
    return path.read_bytes()


def warm_up(archive: Archive) -> None:
    """Start the decoder and load the network in the background, once for each model."""
    model = model_of(archive)
    _warming(model.id, model, decoder())


@st.cache_resource(max_entries=4, show_spinner=False)
def _warming(model_id: str, _model: Model, _decoder: Decoder) -> threading.Thread:
    thread = threading.Thread(target=_prepare, args=(_model, _decoder), daemon=True)
    thread.start()
    return thread


def _prepare(model: Model, decoder: Decoder) -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    try:
        decoder.decode(_png(Image.fromarray(np.rint(ramp * 255).astype(np.uint8))))
        model.encode([ramp])
    except RetrievalError as error:
        log.error("The first search will be slow: %s", type(error).__name__)
