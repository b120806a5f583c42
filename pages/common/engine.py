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
import numpy.typing as npt
import streamlit as st
from PIL import Image, ImageOps

from retrieval import hamming, scans
from retrieval.archive import COPIES, Archive
from retrieval.around import Around, arranged
from retrieval.catalogue import Entry
from retrieval.errors import ArchiveError, RetrievalError
from retrieval.hashing import Codes
from retrieval.intake import Finding, Gate
from retrieval.model import Model
from retrieval.sandbox import Decoder
from retrieval.scans import Scan
from retrieval.series import Place
from retrieval.trust import Answer, judge
from retrieval.views import View

CARD_SHAPES = {"CT": (480, 360), "X-ray": (400, 400)}  # pixels
SYNTHETIC = "synthetic"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Query:
    """What the pages know of the scan that is asked about.

    sha256 : of its pixels; digest : of its file; code : (1, bytes); finding : whether it
        looks like a chest scan.
    """

    sha256: str
    digest: str
    view: View
    format: str
    modality: str
    width: int
    height: int
    frames: int
    frame: int
    warnings: tuple[str, ...]
    trained_on: bool
    code: Codes
    finding: Finding


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


def search(data: bytes, digest: str, archive: Archive, frame: int | None) -> tuple[Query, Around]:
    """The query, and the archive around it; `digest` is the SHA-256 of `data`."""
    model = model_of(archive)
    query = _read(digest, frame, model.id, data, model)
    distances = _distances(digest, frame, archive.id, query.code, archive)
    return query, arranged(archive, distances, query.sha256)


def judged(query: Query, archive: Archive) -> Answer | None:
    """How far to trust the query's ranking; None where the archive has no calibration."""
    return judge(archive, model_of(archive), query.code, query.sha256)


def kind(data: bytes, digest: str) -> str:
    """What a file shows, "CT" or "X-ray", by its header or its looks; empty if neither."""
    try:
        scan = _scan(digest, None, data)
    except RetrievalError:
        return ""  # the search will say what is wrong with the file
    return scan.modality or _intake(digest, None, scan).kind


def place(data: bytes) -> Place | None:
    """Where a file stands in its series, if it says so."""
    return decoder().describe(data)


@st.cache_resource(scope="session", max_entries=4, show_spinner=False)
def _scan(digest: str, frame: int | None, _data: bytes) -> Scan:
    return decoder().decode(_data, frame=frame)


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _intake(digest: str, frame: int | None, _scan: Scan) -> Finding:
    return gate().check(_scan.pixels)


@st.cache_resource(show_spinner=False)
def gate() -> Gate:
    """What tells chest scans from other pictures."""
    return Gate.load()


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _read(digest: str, frame: int | None, model_id: str, _data: bytes, _model: Model) -> Query:
    scan = _scan(digest, frame, _data)
    scans.check_searchable(scan)
    return Query(
        sha256=scan.sha256,
        digest=digest,
        view=scan.view,
        format=scan.format,
        modality=scan.modality,
        width=scan.width,
        height=scan.height,
        frames=scan.frames,
        frame=scan.frame,
        warnings=scan.warnings,
        trained_on=_model.saw(scan.sha256),
        code=_model.codes(_model.encode([scan.pixels])),
        finding=_intake(digest, frame, scan),
    )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _distances(
    digest: str, frame: int | None, archive_id: str, _code: Codes, _archive: Archive
) -> npt.NDArray[np.int32]:
    return hamming.distances(_archive.codes, _code)[0]


def forget() -> None:
    """Drop what this visit's caches hold of its scans."""
    for cached in (_scan, _intake, _read, _distances):
        cached.clear()


def case_view(archive: Archive, entry: Entry) -> View | None:
    """A case's picture for the viewer; None if it is not here."""
    path = archive.picture(entry)
    if path is None:
        return None
    try:
        return _case_view(entry.sha256, str(path), path.parent == archive.folder / COPIES)
    except RetrievalError as error:
        _log_unshown(entry, error)
        return None


@st.cache_resource(max_entries=64, show_spinner=False)
def _case_view(sha256: str, path: str, own: bool) -> View | None:
    scan = _case_scan(sha256, path, own)
    return scan and scan.view


def picture(archive: Archive, entry: Entry) -> bytes | None:
    """A case's picture as PNG, letterboxed to the shape of a card; None if it is not here."""
    path = archive.picture(entry)
    if path is None:
        return None
    own = path.parent == archive.folder / COPIES
    shape = CARD_SHAPES.get(archive.about.get("modality", ""), CARD_SHAPES["CT"])
    try:
        return _card_picture(entry.sha256, str(path), own, shape)
    except RetrievalError as error:
        _log_unshown(entry, error)
        return None


@st.cache_data(max_entries=500, show_spinner=False)
def _card_picture(sha256: str, path: str, own: bool, shape: tuple[int, int]) -> bytes | None:
    scan = _case_scan(sha256, path, own)
    if scan is None:
        return None
    grey = Image.fromarray(scan.preview())
    return _png(ImageOps.pad(grey, shape, Image.Resampling.LANCZOS))


def _case_scan(sha256: str, path: str, own: bool) -> Scan | None:
    """The picture at `path`, unless it is another one than the case's by the same name.

    An archive's `own` copy has 8 bits and so another checksum than a deeper original.
    """
    scan = decoder("archive").read(Path(path))
    return scan if own or scan.sha256 == sha256 else None


def _log_unshown(entry: Entry, error: RetrievalError) -> None:
    log.warning("The picture of case %s cannot be shown: %s", entry.id, type(error).__name__)


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
