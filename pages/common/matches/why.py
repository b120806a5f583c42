"""Why these two: how many bits agree, which they are, and where in both pictures they come from."""

from __future__ import annotations

import streamlit as st

from pages.common.ask import upload
from pages.common.shell import engine, maps, pictures, resources, traces
from retrieval.archives.archive import Archive
from retrieval.explain import evidence_map
from retrieval.explain.evidence_map import Agreement
from retrieval.search.hits import Hit

SHOWN_BITS = 8
KEY = "why-map"
MATCH = "Match"
HOW_KEY = "why-how"


def section(query: engine.Query, archive: Archive, hit: Hit) -> None:
    """How many bits agree, and on demand the maps."""
    model = resources.model_of(archive)
    row = archive.catalogue.positions_of(hit.entry.sha256)[0]
    case = evidence_map.stored_features(archive, model, row)
    agreement = resources.scales(archive).agreement(query.features, case)
    agreeing = int(agreement.agrees.sum())
    st.markdown(f"**{agreeing} of {hit.bits} bits agree.**")
    if len(query.examples):
        st.caption("Counted for the scan as it is; the list was moved by your examples.")
    if query.region is not None:
        st.caption("Counted for the framed part; maps are drawn for whole scans only.")
        return
    on = st.toggle("Show where they agree from", key=KEY, persist_state="session")
    if on:
        _maps(archive, hit, agreement)
    with st.expander("Which bits agree most firmly"):
        _table(agreement, model.about["encoder"])


def _maps(archive: Archive, hit: Hit, agreement: Agreement) -> None:
    how = st.segmented_control(
        "How it is traced",
        [traces.EXACT, traces.OCCLUSION],
        default=traces.EXACT,  # it is there at once
        key=HOW_KEY,
        required=True,
        persist_state="session",
    )
    place = st.empty()
    with place:  # takes away the maps of the case before, which must not stand under this name
        found = maps.attempted(lambda: _traced(how, archive, hit, agreement), archive)
    if found is not None:
        with place.container():
            _drawn(how, found)


def _drawn(how: str, found: maps.Pair) -> None:
    names = (upload.title(), MATCH)
    maps.draw(
        found, names, [f"{name}, coloured where the agreeing bits come from" for name in names]
    )
    st.caption(f"{traces.MEANING[how]} It shows what the network used, not where disease is.")
    if where := maps.mostly_outside(found, [f'"{name}"' for name in names]):
        st.warning(
            f"Most of the agreement comes from {where}. These two may be alike for other reasons "
            "than what the lungs show.",
            icon=":material/warning:",
        )


def _traced(how: str, archive: Archive, hit: Hit, agreement: Agreement) -> maps.Pair | None:
    chosen = upload.scan()
    case = pictures.case_scan(archive, hit.entry)
    if chosen is None or chosen.stored or case is None:
        maps.unavailable()
        return None
    own = engine.scan(chosen.data, chosen.digest, upload.frame(chosen))
    return traces.pair(how, archive, agreement, (own, case))


def _table(agreement: Agreement, encoder: str) -> None:
    from retrieval.encoding.encoder import spec_named  # torch is there by now: a scan was encoded

    spec = spec_named(encoder)
    rows = [
        {
            "Bit": str(place + 1),
            "Feature": str(agreement.columns[place]),
            "Kind": "from labels"
            if agreement.columns[place] < spec.features - spec.kept
            else "no label seen",
            "Both lie": "above" if agreement.above[place] else "below",
            "Query, spreads": f"{agreement.margins[0, place]:+.1f}",
            "Match, spreads": f"{agreement.margins[1, place]:+.1f}",
        }
        for place in agreement.strongest(SHOWN_BITS).tolist()
    ]
    st.table(rows, border="horizontal", hide_index=True, alt="The most firmly agreeing bits")
    st.caption(
        "Bits stand in the order in which they were selected. A bit is whether a feature lies "
        "above its threshold; how far, is counted in spreads of the archive."
    )
