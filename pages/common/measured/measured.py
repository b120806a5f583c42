"""One evaluation on screen: headline, curve, table, and a section for each question."""

from __future__ import annotations

import streamlit as st

from pages.common.measured import at_k, charts, exports, figures, sections
from pages.common.measured.figures import Report
from pages.common.shell import archives, texts
from retrieval.evaluation.results import CURVE

HONEST = texts.PROTOCOLS[0].name


def show(report: Report) -> None:
    """Everything that was measured of one archive under one protocol."""
    printed = figures.printed(report.archive)
    changed = figures.audit(report) if report.protocol == HONEST else None
    _headline(report)
    if report.within(CURVE):
        charts.precision(report, printed)
    exports.control(report, changed, sections.shorter_codes(report))
    if printed:
        st.caption(texts.printed_note(printed["queries"], report.protocol))

    st.subheader("Figures by number of matches", anchor=False)
    at_k.table(report)
    sections.show(report, changed)
    _provenance(report)


def _headline(report: Report) -> None:
    with st.grid(4, min_column_width=150):
        for k in report.within((5, 10, 50)):
            value, low, high = report.figure("precision", k)
            st.metric(
                f"Precision at {k}",
                texts.percent(value),
                delta=f"{texts.percent(low)} to {texts.percent(high)}",
                delta_color="off",
                delta_arrow="off",
            )
        st.metric("Random order", texts.percent(report.chance()))


def _provenance(report: Report) -> None:
    about = report.about
    st.caption(
        texts.plain(
            f"{texts.count(about['queries'], 'query', 'queries')} against "
            f"{texts.count(about['archive']['count'], 'case')}, codes of {about['bits']} bits, "
            f"mean average precision {texts.interval(report.map)}, {texts.measured_on(about)}."
        )
    )
    archive = archives.offered()[0].get(report.archive)
    other = archive is not None and archive.about["model"]["id"] != about["model"]["id"]
    if other and about["model"]["id"]:
        st.warning("These figures were measured with another model than the archive's now.")
