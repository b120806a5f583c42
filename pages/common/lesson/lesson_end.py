"""The end of a teaching session: what was right, how sure, how fast, and the table."""

from __future__ import annotations

import streamlit as st

from pages.common.lesson import session
from pages.common.shell import texts
from retrieval.teaching.scores import CONFIDENCES, Score, Share, score, table


def show(now: session.Progress, plan: session.Plan) -> None:
    """The summary of a session."""
    found = score(now.answers)
    (st.header if plan.large else st.subheader)("The session is over", anchor=False)
    with st.grid(3, min_column_width=170):
        _metric("Right at first", found.before)
        if plan.kind == "unknown":
            _metric("Right after similar cases", found.after)
        st.metric("Seconds, median", f"{found.median_seconds:.0f}")
    helped = " Similar cases can mislead: see whether they helped."
    st.caption(
        "Below each share stands the range that so few answers allow for (95 %)."
        + (helped if plan.kind == "unknown" else "")
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**How sure, and how often right**")
        st.table(
            _confidences(found), border="horizontal", hide_index=True, alt="Right by confidence"
        )
    with right:
        st.markdown("**How hard, and how often right**")
        st.table(_hardness(found), border="horizontal", hide_index=True, alt="Right by difficulty")
    if plan.kind == "unknown":
        st.markdown("**What was said of what** (last answers)")
        st.table(_confusion(found), border="horizontal", hide_index=True, alt="Answers by finding")
    with st.container(horizontal=True):
        st.download_button(
            "Answers as a table (CSV)",
            data=table(now.answers),
            file_name="teaching-session.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button("Again", icon=":material/refresh:", shortcut="n", on_click=session.restart)
    st.caption("Answers stay in this visit; they are sent nowhere and are gone with the tab.")


def _metric(title: str, share: Share) -> None:
    low, high = share.interval()
    st.metric(
        title,
        f"{share.hits} of {share.count}",
        delta=f"{100 * low:.0f} to {100 * high:.0f} %",
        delta_color="off",
        delta_arrow="off",
    )


def _confidences(found: Score) -> list[dict[str, str]]:
    return [
        {
            "You were": word.capitalize(),
            "Meant as": f"{100 * CONFIDENCES[word]:.0f} % right",
            "Right": _of(share),
        }
        for word, share in found.by_confidence.items()
    ]


def _hardness(found: Score) -> list[dict[str, str]]:
    return [
        {"Question": word.capitalize(), "Right": _of(share)}
        for word, share in found.by_difficulty.items()
    ]


def _of(share: Share) -> str:
    return f"{share.hits} of {share.count}" if share.count else "none"


def _confusion(found: Score) -> list[dict[str, str]]:
    names = sorted({name for pair in found.confusion for name in pair})
    titles = {name: texts.plain(texts.label(name), 40) for name in names}
    return [
        {"It was": titles[true]}
        | {f"Said {titles[said]}": str(found.confusion.get((true, said), 0)) for said in names}
        for true in names
    ]
