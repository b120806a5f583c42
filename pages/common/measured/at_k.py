"""Tables of figures by number of matches, and by label and subtype of the query."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.common.measured import figures
from pages.common.measured.figures import Json, Report
from pages.common.shell import tables, texts
from retrieval.statistics.precision import NAMES


def table(report: Report) -> None:
    """Each figure with its interval, for the numbers of matches that reports name."""
    columns = {key: title for key, title in NAMES.items() if report.has(key)}
    rows = [
        {"k": str(k)}
        | {title: texts.interval(report.figure(key, k)) for key, title in columns.items()}
        for k in report.within(figures.TABLE)
    ]
    tables.show(
        rows, f"{report.archive}-{report.protocol}-by-k", "Figures with 95 % intervals by k"
    )
    st.caption(
        "In brackets the 95 % interval, resampled by patient. Ties count with their expected "
        "value. Recall is the share of all cases with the query's label. AP adds the precision at "
        "each hit and divides by the most hits that k could hold; the paper divides by the hits "
        "found, which flatters: read precision first."
    )


def groups(report: Report) -> None:
    """Precision of the queries of each label, and of each subtype where a label has several."""
    about = report.about
    groups = {"All queries": about}
    groups |= {texts.label(name): found for name, found in about["per_label"].items()}
    groups |= {
        f"{texts.label(name)} (subtype)": found
        for name, found in about.get("per_subtype", {}).items()
    }
    numbers = report.within((5, 10, 50))
    rows = [_group(title, found, numbers) for title, found in groups.items()]
    tables.show(
        rows, f"{report.archive}-{report.protocol}-by-label", "Precision by label of the query"
    )
    st.caption(
        "A match counts where it has the query's label. A label that most of the archive has is "
        "found by chance more often: compare with the random order beside it."
    )


def _group(title: str, found: Json, numbers: Sequence[int]) -> dict[str, str]:
    at = {f"P at {k}": texts.share_of(found["at_k"][str(k)]["precision"]) for k in numbers}
    return {
        "Queries": title,
        "Number": f"{found['queries']:,}",
        "Random order": texts.percent(found["chance"]),
        **at,
        "Mean AP": texts.share_of(found["map"]),
    }
