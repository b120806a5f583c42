"""Where a scan and an archived case agree from, traced in two ways and kept for the visit."""

from __future__ import annotations

import streamlit as st

from pages.common.shell import maps, resources
from retrieval.archives.archive import Archive
from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.explain import occlusion
from retrieval.explain.evidence_map import Agreement
from retrieval.imaging.greys import FloatImage
from retrieval.reading.scan import Scan

EXACT, OCCLUSION = "Exact shares", "By covering parts"
MEANING = {
    EXACT: "How much each place adds to the bits that agree; plain grey: next to nothing, or "
    "against.",
    OCCLUSION: "A rough estimate of how much each place holds up the agreement, from "
    f"{occlusion.COVERINGS} pictures of each scan with parts covered in grey: other coverings "
    "would move single spots. Plain grey: next to nothing, or against.",
}
WAITING = {
    EXACT: "Tracing the agreement",
    OCCLUSION: "Covering parts of both scans, which takes some seconds",
}


def pair(how: str, archive: Archive, agreement: Agreement, scans: tuple[Scan, Scan]) -> maps.Pair:
    """The maps of the scan that is asked about and of a case, `how` being EXACT or OCCLUSION."""
    with st.spinner(WAITING[how], show_time=how == OCCLUSION):
        first, second = scans
        return _pair(how, first.sha256, second.sha256, archive.state, archive, agreement, scans)


def forget() -> None:
    """Drop what this visit's caches hold of its scans."""
    for cached in (_pair, _occluded):
        cached.clear()


@st.cache_resource(scope="session", max_entries=8, show_spinner=False)
def _pair(
    how: str,
    query_sha256: str,
    case_sha256: str,
    state: str,
    _archive: Archive,
    _agreement: Agreement,
    _scans: tuple[Scan, Scan],
) -> maps.Pair:
    first, second = (
        maps.shown(scan, _evidence(how, _archive, _agreement, scan), _archive) for scan in _scans
    )
    return first, second


def _evidence(how: str, archive: Archive, agreement: Agreement, scan: Scan) -> FloatImage:
    scales = resources.scales(archive)
    if how == EXACT:
        return scales.evidence(scan.pixels, agreement)
    features = _occluded(scan.sha256, archive.model_key, scales.model, scan)
    return occlusion.placed(scales, occlusion.parts(scales, features, agreement), scan.pixels)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def _occluded(sha256: str, model_key: str, _model: Model, _scan: Scan) -> Features:
    """The slow part, which no other case changes: the next one needs only its own."""
    return occlusion.covered_features(_model, _model.seen(_scan.pixels))
