"""Maps of evidence over the two pictures of a pair, with their scale, and where most of it lies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st

from retrieval.archives.archive import Archive
from retrieval.errors import RetrievalError
from retrieval.explain import heat
from retrieval.imaging.disturbances import FRAME
from retrieval.imaging.greys import FloatImage
from retrieval.imaging.overlays import find_margins, find_marks
from retrieval.reading.scan import Scan

log = logging.getLogger(__name__)

MOST = 0.5  # of the evidence, from which on its place is worth a warning
NARROWEST = 150  # pixels: on a telephone the two still stand side by side


@dataclass(frozen=True, eq=False)
class Shown:
    """One picture of a pair with its evidence.

    picture : uint8 (H, W); evidence : float32 (h, w), over the whole picture; outside : the
        share of it on borders and text, or outside the lungs where `lungs` were found.
    """

    picture: npt.NDArray[np.uint8]
    evidence: FloatImage
    outside: float
    lungs: bool


Pair = tuple[Shown, Shown]
Made = TypeVar("Made")


def shown(scan: Scan, evidence: FloatImage, archive: Archive) -> Shown:
    """A scan of an archive's kind and its map (h, w), ready to be drawn."""
    is_ct = archive.about.get("modality", "") == "CT"
    lungs = heat.lungs_of_slice(scan.pixels) if is_ct else None
    outside = outside_of_interest(scan.pixels, lungs)
    share = heat.share_within(evidence, outside)
    return Shown(scan.preview(768), evidence, share, lungs is not None)


def draw(pair: Pair, names: Sequence[str], alts: Sequence[str]) -> None:
    """Both pictures in the same colours, and the scale of these."""
    strongest = max(float(one.evidence.max()) for one in pair)
    with st.grid(2, min_column_width=NARROWEST):
        for one, name, alt in zip(pair, names, alts, strict=True):
            st.image(
                heat.laid_over(one.picture, one.evidence, strongest),
                width="stretch",
                output_format="PNG",
                alt=alt,
                caption=name,
            )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(":small[little]", width="content")
        st.image(heat.scale_bar(), width=240, alt="Scale of the colours, from grey to yellow")
        st.markdown(":small[most]", width="content")


def attempted(make: Callable[[], Made], archive: Archive) -> Made | None:
    """What `make` gives; None, and a sentence on the page, where it fails: a map is an aside."""
    try:
        return make()
    except (RetrievalError, OSError) as error:
        log.warning("No map of two cases of %s: %s", archive.name, type(error).__name__)
        st.info("The maps of these two could not be made here.", icon=":material/error:")
        return None


def unavailable() -> None:
    """Say why there is no map."""
    st.info("The maps need both pictures on this machine.", icon=":material/image_not_supported:")


def mostly_outside(pair: Pair, names: Sequence[str]) -> str:
    """Where most of the evidence lies and how much of it, if it is not on what is asked about.

    names : of the two pictures, as they stand in the middle of a sentence.
    """
    shares = [f"{100 * one.outside:.0f} %" for one in pair]
    most = [place for place, one in enumerate(pair) if one.outside > MOST]
    if not most:
        return ""
    lungs = "outside the lungs, " if all(pair[place].lungs for place in most) else ""
    where = f"{lungs}on borders or on text"
    if len(most) == len(pair):
        return f"{where}: {shares[0]} of it in {names[0]}, {shares[1]} in {names[1]}"
    here, there = most[0], 1 - most[0]
    return (
        f"{where} in {names[here]}: {shares[here]} of it there, {shares[there]} in {names[there]}"
    )


def outside_of_interest(
    pixels: FloatImage, lungs: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_]:
    """Borders and text of a picture (H, W), and all but its `lungs` (H, W) where they are known."""
    outside = find_margins(pixels) | find_marks(pixels) | heat.frame_of(pixels.shape, FRAME)
    return outside if lungs is None else outside | ~lungs
