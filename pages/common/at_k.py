"""The table of figures by number of matches."""

from __future__ import annotations

import streamlit as st

from pages.common import figures, words
from pages.common.figures import Report

COLUMNS = {
    "precision": "Precision",
    "recall": "Recall",
    "f_score": "F-score",
    "ap_paper": "AP (paper's definition)",
}


def table(report: Report) -> None:
    """Each figure with its interval, for the numbers of matches that reports name."""
    rows = [
        {"k": str(k)}
        | {title: words.interval(report.figure(key, k)) for key, title in COLUMNS.items()}
        for k in figures.TABLE
    ]
    st.table(rows, border="horizontal", hide_index=True, alt="Figures with 95 % intervals by k")
