"""Why these two: how many bits agree, which they are, and where in both pictures they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.common import asked, engine, pictures
from retrieval import explain, heat
from retrieval.archive import Archive
from retrieval.explain import Agreement
from retrieval.greys import FloatImage
from retrieval.hits import Hit
from retrieval.overlays import find_margins, find_marks
from retrieval.scans import Scan

SHOWN_BITS = 8
FRAME = 0.04  # share of each side that counts as border even where it is not uniform
MOST = 0.5  # of the evidence, from which on its place is worth a warning
KEY = "why-map"


@dataclass(frozen=True, eq=False)
class Shown:
    """One picture of the pair with its evidence."""

    picture: npt.NDArray[np.uint8]
    evidence: FloatImage
    outside: float  # share of it on borders and text, or outside the lungs of a CT slice


def section(query: engine.Query, archive: Archive, hit: Hit) -> None:
    """How many bits agree, and on demand the maps."""
    model = engine.model_of(archive)
    row = archive.catalogue.positions_of(hit.entry.sha256)[0]
    case = explain.stored_features(archive, model, row)
    agreement = engine.scales(archive).agreement(query.features, case)
    agreeing = int(agreement.agrees.sum())
    st.markdown(f"**{agreeing} of {hit.bits} bits agree.**")
    if len(query.examples):
        st.caption("Counted for your scan as it is; the list was moved by your examples.")
    if query.region is not None:
        st.caption("Counted for the framed part; maps are drawn for whole scans only.")
        return
    on = st.toggle("Show where they agree from", key=KEY, persist_state="session")
    if on:
        _maps(query, archive, hit, agreement)
    with st.expander("Which bits agree most firmly"):
        _table(agreement, model.about["encoder"])


def _maps(query: engine.Query, archive: Archive, hit: Hit, agreement: Agreement) -> None:
    found = _pair(query.sha256, hit.entry.sha256, archive.id, archive, hit, agreement)
    if found is None:
        st.info(
            "The maps need both pictures on this machine.",
            icon=":material/image_not_supported:",
        )
        return
    strongest = max(float(one.evidence.max()) for one in found)
    for column, one, name in zip(st.columns(2), found, ("Your scan", "Archived case"), strict=True):
        with column:
            st.image(
                heat.laid_over(one.picture, one.evidence, strongest),
                width="stretch",
                output_format="PNG",
                alt=f"{name}, coloured where the agreeing bits come from",
                caption=name,
            )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(":small[little]", width="content")
        st.image(heat.scale_bar(), width=240, alt="Scale of the colours, from grey to yellow")
        st.markdown(":small[most]", width="content")
    st.caption(
        "How much each place speaks for the bits that agree; plain grey: next to nothing, or "
        "against. It shows what the network used, not where disease is."
    )
    if max(one.outside for one in found) > MOST:
        where = "outside the lungs, on borders or on text" if _is_ct(archive) else (
            "on borders or on text"
        )  # fmt: skip
        st.warning(
            f"Most of the agreement comes from {where}: these two may be alike for other reasons "
            "than what the lungs show.",
            icon=":material/warning:",
        )


@st.cache_resource(scope="session", max_entries=8, show_spinner="Tracing the agreement")
def _pair(
    query_sha256: str,
    case_sha256: str,
    archive_id: str,
    _archive: Archive,
    _hit: Hit,
    _agreement: Agreement,
) -> tuple[Shown, Shown] | None:
    chosen = asked.scan()
    case = pictures.case_scan(_archive, _hit.entry)
    if chosen is None or not chosen.data or case is None:
        return None
    own = engine.scan(chosen.data, chosen.digest, asked.frame(chosen))
    scales = engine.scales(_archive)
    first, second = (
        _shown(scan, scales.evidence(scan.pixels, _agreement), _is_ct(_archive))
        for scan in (own, case)
    )
    return first, second


def _shown(scan: Scan, evidence: FloatImage, is_ct: bool) -> Shown:
    outside = outside_of_interest(scan.pixels, is_ct)
    return Shown(scan.preview(768), evidence, heat.share_within(evidence, outside))


def outside_of_interest(pixels: FloatImage, is_ct: bool) -> npt.NDArray[np.bool_]:
    """Borders and text of a picture (H, W), and of a CT slice all but roughly the lungs."""
    outside = find_margins(pixels) | find_marks(pixels) | heat.frame_of(pixels.shape, FRAME)
    lungs = heat.lungs_of_slice(pixels) if is_ct else None
    return outside if lungs is None else outside | ~lungs


def _is_ct(archive: Archive) -> bool:
    return archive.about.get("modality", "") == "CT"


def _table(agreement: Agreement, encoder: str) -> None:
    from retrieval.encoder import spec_named  # torch is there by now: a scan was encoded

    spec = spec_named(encoder)
    rows = [
        {
            "Bit": str(place + 1),
            "Feature": str(agreement.columns[place]),
            "Kind": "from labels"
            if agreement.columns[place] < spec.features - spec.kept
            else "no label seen",
            "Both lie": "above" if agreement.above[place] else "below",
            "Yours, spreads": f"{agreement.margins[0, place]:+.1f}",
            "Case, spreads": f"{agreement.margins[1, place]:+.1f}",
        }
        for place in agreement.strongest(SHOWN_BITS).tolist()
    ]
    st.table(rows, border="horizontal", hide_index=True, alt="The most firmly agreeing bits")
    st.caption(
        "Bits stand in the order in which they were selected. A bit is whether a feature lies "
        "above its threshold; how far, is counted in spreads of the archive."
    )
