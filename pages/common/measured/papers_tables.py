"""The source paper's printed tables beside ours, in its own format."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.common.measured.figures import Json
from pages.common.shell import tables, texts

BY_K, BY_NUMBER, EACH, EACH_AT_5 = (
    "Means by k",
    "Means by number of queries",
    "Each query",
    "Each query at k = 5",
)


def show(found: Json, name: str) -> None:
    """One of its tables at a time."""
    chosen = st.segmented_control(
        "Table of the paper",
        (BY_K, BY_NUMBER, EACH, EACH_AT_5),
        default=BY_K,
        required=True,
        wrap=True,
        key="papers-table",
    )
    if chosen == BY_K:
        tables.show(_means(found["at_k"], "k"), f"{name}-paper-by-k", "The paper's means by k")
    elif chosen == BY_NUMBER:
        rows = _means(found["by_query_count_at_5"], "Queries, k = 5")
        tables.show(rows, f"{name}-paper-by-number", "The paper's means by number of queries")
    elif chosen == EACH_AT_5:
        rows = _queries(found["per_query_at_5"], 5)
        tables.show(rows, f"{name}-paper-each-at-5", "The paper's queries at k = 5, one by one")
    else:
        k = st.select_slider("Matches shown, k", list(found["per_query"]), key="papers-k")
        rows = _queries(found["per_query"][k], int(k))
        tables.show(rows, f"{name}-paper-each-at-{k}", f"The paper's queries at k = {k}")
    st.caption(
        "Percent. The paper numbers its queries through the archive, COVID-19 first; numbers that "
        "are illegible are left out. A hit in part is a tie, counted with its expected value. "
        "In-sample: the query finds itself and most pictures were trained on, so this flatters."
    )


def _means(found: Json, head: str) -> list[dict[str, str]]:
    return [
        {
            head: key,
            "P, printed": texts.percent(one["printed"]["precision"]),
            "P, here": texts.percent(one["precision"]),
            "AP, printed": texts.percent(one["printed"]["ap_paper"]),
            "AP, here": texts.percent(one["ap_paper"]),
        }
        for key, one in found.items()
    ]


def _queries(found: Sequence[Json], k: int) -> list[dict[str, str]]:
    """Query, hits, precision, recall, F-score and AP, as the paper's columns stand."""
    return [
        {
            "Query": str(one["query"]),
            "Hits, printed": str(one["printed"]["hits"]),
            "Hits, here": f"{one['hits']:g}" if one["hits"] % 1 == 0 else f"{one['hits']:.2f}",
            "P, printed": texts.percent(one["printed"]["hits"] / k),
            "P": texts.percent(one["precision"]),
            "Recall": texts.percent(one["recall"]),
            "F-score": texts.percent(one["f_score"]),
            "AP, printed": texts.percent(one["printed"]["ap_paper"]),
            "AP": texts.percent(one["ap_paper"]),
        }
        for one in found
    ]
