"""The search job: bytes -> query -> ranked cases, and how far to trust them.

Whatever follows from an upload is cached for its own session only, under the SHA-256 of its
bytes; the bytes themselves are never hashed by Streamlit, which samples large arrays.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.common.shell import pictures, resources
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import Model
from retrieval.errors import RetrievalError, ScanError, SearchError
from retrieval.explain.evidence_map import stored_features
from retrieval.imaging.regions import Region
from retrieval.reading.scan import Scan, check_searchable
from retrieval.reading.series import Place
from retrieval.reading.view import View
from retrieval.search.refining import NO_EXAMPLES, Examples, code_of
from retrieval.search.search import RankedArchive
from retrieval.search.search import search as search_archive
from retrieval.trust import answer
from retrieval.trust.input_check import Finding

# Why no figure is given for a query, beside the reasons of `trust.withheld`
PART = "Only a part of the scan was asked about"
REFINED = "The list follows your examples"
THUMBNAIL = 96  # pixels


@dataclass(frozen=True, eq=False)
class Query:
    """What the pages know of the scan that is asked about.

    sha256 : of its pixels; digest : of its file, empty for a stored case without its picture,
        which has no view; features : (F,), of the whole scan or of its region; code : (1, bytes),
        moved by the examples; finding : whether it looks like a chest scan, None if that
        cannot be checked.
    """

    sha256: str
    digest: str
    view: View | None
    format: str
    modality: str
    width: int
    height: int
    frames: int
    frame: int
    warnings: tuple[str, ...]
    features: Features
    code: Codes
    finding: Finding | None
    region: Region | None = None
    examples: Examples = NO_EXAMPLES


def search(
    data: bytes,
    digest: str,
    archive: Archive,
    frame: int | None,
    *,
    region: Region | None = None,
    examples: Examples = NO_EXAMPLES,
    case: Entry | None = None,
) -> tuple[Query, RankedArchive]:
    """The query, and the archive ranked for it; `digest` is the SHA-256 of `data`.

    case : of this archive, whose picture `data` is: of a deeper original the archive has a copy
        of 8 bits, which has another checksum and is still the case.
    """
    model, key = resources.model_of(archive), archive.model_key
    query = _read(digest, frame, key, region.key() if region else "", data, model, region)
    if case is not None:
        query = replace(query, sha256=case.sha256)
    return _ranked(query, archive, examples)


def search_stored(
    entry: Entry, archive: Archive, *, examples: Examples = NO_EXAMPLES
) -> tuple[Query, RankedArchive]:
    """The same for a case of the archive whose picture is not here: its stored features ask."""
    model = resources.model_of(archive)
    rows = archive.catalogue.positions_of(entry.sha256)
    if not rows:
        raise SearchError(f"Archive {archive.name} holds no case {entry.id}; choose another.")
    features = stored_features(archive, model, rows[0])
    query = Query(
        sha256=entry.sha256,
        digest="",
        view=None,
        format="",
        modality=archive.about.get("modality", ""),
        width=0,
        height=0,
        frames=1,
        frame=0,
        warnings=(),
        features=features,
        code=np.asarray(archive.codes[rows[0] : rows[0] + 1]),
        finding=None,
    )
    return _ranked(query, archive, examples)


def _ranked(query: Query, archive: Archive, examples: Examples) -> tuple[Query, RankedArchive]:
    if len(examples):
        known = resources.space(archive)
        code = code_of(known.relevance_feedback(known.of_query(query.features), examples))
        query = replace(query, code=code, examples=examples)
    distances = _distances(query.code.tobytes().hex(), archive.state, query.code, archive)
    sha256 = "" if query.region else query.sha256  # a part is not the picture it was cut from
    return query, RankedArchive(archive, sha256, distances)


def scan(data: bytes, digest: str, frame: int | None) -> Scan:
    """The scan that is asked about, decoded once; ScanError for a file that gives none."""
    found = _decoded(digest, frame, data)
    if isinstance(found, ScanError):
        raise copy.copy(found)  # the kept one collects no traceback, which would keep the bytes
    return found


def thumbnail(data: bytes, digest: str, frame: int | None) -> bytes:
    """The scan that is asked about as a small PNG, made once."""
    return _thumbnail(digest, frame, data)


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _thumbnail(digest: str, frame: int | None, _data: bytes) -> bytes:
    return scan(_data, digest, frame).png(THUMBNAIL)


def judged(ranking: RankedArchive, withheld: str) -> answer.Answer | None:
    """How far to trust a ranking; None where something is withheld, or nothing calibrated."""
    return None if withheld else answer.judge(ranking.archive, ranking.distances, "")


def withheld(query: Query, ranking: RankedArchive) -> str:
    """Why figures for new patients do not hold for this query; empty where they do."""
    if len(query.examples):
        return REFINED
    if query.region is not None:
        return PART
    archive = ranking.archive
    kind = archive.about.get("modality", "")
    # also upside down or inverted: it was measured with scans the right way up
    unlike = query.finding is not None and kind and query.finding.warnings(kind)
    features = query.features.tobytes().hex()
    return answer.withheld(
        archive,
        resources.model_of(archive),
        ranking.distances,
        query.sha256,
        unlike=bool(unlike),
        strange=_is_out_of_distribution(features, archive.state, query.features, archive),
    )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _is_out_of_distribution(
    features: str, state: str, _features: Features, _archive: Archive
) -> bool:
    detector = resources.novelty_detector(_archive)
    return detector is not None and detector.is_out_of_distribution(_features)


def kind(data: bytes, digest: str) -> str:
    """What a file shows, "CT" or "X-ray", by its header or its looks; empty if neither."""
    try:
        decoded = scan(data, digest, None)
    except RetrievalError:
        return ""  # the search will say what is wrong with the file
    if decoded.modality:
        return decoded.modality
    finding = _input_finding(digest, None, decoded)
    return finding.kind if finding else ""


def place(data: bytes) -> Place | None:
    """Where a file stands in its series, if it says so."""
    return pictures.decoder("headers").describe(data)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _decoded(digest: str, frame: int | None, _data: bytes) -> Scan | ScanError:
    """The scan, or why there is none: Streamlit keeps no exception, and would decode again."""
    try:
        return resources.decoder().decode(_data, frame=frame)
    except ScanError as error:
        if type(error) is ScanError:  # no fault of the picture
            raise
        return copy.copy(error)


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _input_finding(digest: str, frame: int | None, _scan: Scan) -> Finding | None:
    check = resources.input_check()
    return check.check(_scan.pixels) if check else None


@st.cache_resource(scope="session", max_entries=16, show_spinner=False)
def _read(
    digest: str,
    frame: int | None,
    model_key: str,
    region_key: str,
    _data: bytes,
    _model: Model,
    _region: Region | None,
) -> Query:
    decoded = scan(_data, digest, frame)
    check_searchable(decoded)
    part = _region.crop(decoded.pixels, _model.margin) if _region else decoded.pixels
    features = _model.encode([part])
    return Query(
        sha256=decoded.sha256,
        digest=digest,
        view=decoded.view,
        format=decoded.format,
        modality=decoded.modality,
        width=decoded.width,
        height=decoded.height,
        frames=decoded.frames,
        frame=decoded.frame,
        warnings=decoded.warnings,
        features=features[0],
        code=_model.codes(features),
        finding=_input_finding(digest, frame, decoded),
        region=_region,
    )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _distances(code: str, state: str, _code: Codes, _archive: Archive) -> npt.NDArray[np.int32]:
    return search_archive(_archive, _code, "").distances


def retry() -> None:
    """Decode anew what failed: the server may have been busy."""
    _decoded.clear()


def forget() -> None:
    """Drop what this visit's caches hold of its scans."""
    kept = (_decoded, _thumbnail, _input_finding, _read, _distances, _is_out_of_distribution)
    for cached in kept:
        cached.clear()
