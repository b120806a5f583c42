"""Cached resources, and the search job: bytes -> query -> ranked cases.

Decoder, archives and models are shared and never changed. Whatever follows from
an upload is cached for its own session only, under the SHA-256 of its bytes;
the bytes themselves are never hashed by Streamlit, which samples large arrays.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from pages.common import pictures
from retrieval import hamming, scans
from retrieval.archive import Archive
from retrieval.around import Around, arranged
from retrieval.errors import RetrievalError
from retrieval.folding import nearly_identical
from retrieval.hashing import Codes
from retrieval.intake import Finding, Gate
from retrieval.model import Model
from retrieval.sandbox import Decoder
from retrieval.scans import Scan
from retrieval.series import Place
from retrieval.trust import Answer, judge
from retrieval.views import View

# Why no figure is given for a query
TRAINED_ON = "Used to train the model"
NEAR_TRAINED = "Nearly a training picture"
ARCHIVED = "This picture is in the archive itself"
UNLIKE = "This is not the kind of picture that this archive was measured with"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Query:
    """What the pages know of the scan that is asked about.

    sha256 : of its pixels; digest : of its file; code : (1, bytes); finding : whether it
        looks like a chest scan, None if that cannot be checked.
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
    finding: Finding | None


def decoder() -> Decoder:
    """The process that decodes uploads."""
    return pictures.decoder("uploads")


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


def judged(query: Query, around: Around) -> Answer | None:
    """How far to trust the query's ranking; None where the archive has no calibration."""
    archive = around.archive
    return judge(archive, model_of(archive), around.distances, query.sha256)


def withheld(query: Query, around: Around) -> str:
    """Why figures for new patients do not hold for this query; empty where they do."""
    if query.trained_on:
        return TRAINED_ON
    nearest = around.hits(1)[0]
    if nearest.identical:
        return ARCHIVED
    near = nearly_identical(nearest.distance, nearest.bits)
    if near and model_of(around.archive).saw(nearest.entry.sha256):
        return NEAR_TRAINED
    kind = around.archive.about.get("modality", "")
    # also upside down or inverted: it was measured with scans the right way up
    unlike = query.finding is not None and kind and query.finding.warnings(kind)
    return UNLIKE if unlike else ""


def kind(data: bytes, digest: str) -> str:
    """What a file shows, "CT" or "X-ray", by its header or its looks; empty if neither."""
    try:
        scan = _scan(digest, None, data)
    except RetrievalError:
        return ""  # the search will say what is wrong with the file
    if scan.modality:
        return scan.modality
    finding = _intake(digest, None, scan)
    return finding.kind if finding else ""


def place(data: bytes) -> Place | None:
    """Where a file stands in its series, if it says so."""
    return pictures.decoder("headers").describe(data)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _scan(digest: str, frame: int | None, _data: bytes) -> Scan:
    return decoder().decode(_data, frame=frame)


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _intake(digest: str, frame: int | None, _scan: Scan) -> Finding | None:
    known = gate()
    return known.check(_scan.pixels) if known else None


@st.cache_resource(show_spinner=False)
def gate() -> Gate | None:
    """What tells chest scans from other pictures; None if it is damaged: it only ever warns."""
    try:
        return Gate.load()
    except RetrievalError as error:
        log.error("Scans are not checked: %s", type(error).__name__)
        return None


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


def warm_up(archive: Archive) -> None:
    """Start the decoder and load the network in the background, once for each model."""
    model = model_of(archive)
    _warming(model.id, model, decoder(), gate())


@st.cache_resource(max_entries=4, show_spinner=False)
def _warming(model_id: str, _model: Model, _decoder: Decoder, _gate: Gate) -> threading.Thread:
    thread = threading.Thread(target=_prepare, args=(_model, _decoder, _gate), daemon=True)
    thread.start()
    return thread


def _prepare(model: Model, decoder: Decoder, gate: Gate | None) -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    try:
        decoder.decode(pictures.png(Image.fromarray(np.rint(ramp * 255).astype(np.uint8))))
        model.encode([ramp])
        if gate:
            gate.check(ramp)
    except RetrievalError as error:
        log.error("The first search will be slow: %s", type(error).__name__)
