"""One evaluation on screen: headline, curve, table, and a section for each question."""

from __future__ import annotations

import streamlit as st

from pages.common import at_k, charts, exports, figures, sections, shelf, words
from pages.common.figures import Report
from retrieval.reports.results import CURVE

HONEST = words.PROTOCOLS[0].name


def show(report: Report) -> None:
    """Everything that was measured of one archive under one protocol."""
    printed = figures.printed(report.archive)
    changed = figures.audit(report) if report.protocol == HONEST else None
    _headline(report)
    if report.within(CURVE):
        charts.precision(report, printed)
    exports.control(report, changed, sections.shorter_codes(report))
    if printed:
        st.caption(words.printed_note(printed["queries"], report.protocol))

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
                words.percent(value),
                delta=f"{words.percent(low)} to {words.percent(high)}",
                delta_color="off",
                delta_arrow="off",
            )
        st.metric("Random order", words.percent(report.chance()))


def _provenance(report: Report) -> None:
    about = report.about
    st.caption(
        words.plain(
            f"{words.count(about['queries'], 'query', 'queries')} against "
            f"{words.count(about['archive']['count'], 'case')}, codes of {about['bits']} bits, "
            f"mean average precision {words.interval(report.map)}, {words.measured_on(about)}."
        )
    )
    archive = shelf.offered()[0].get(report.archive)
    other = archive is not None and archive.about["model"]["id"] != about["model"]["id"]
    if other and about["model"]["id"]:
        st.warning("These figures were measured with another model than the archive's now.")
