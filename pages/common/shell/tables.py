"""A table on screen that can be taken along as CSV or LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

KINDS = {"CSV": ("csv", "text/csv"), "LaTeX": ("tex", "text/plain")}


def show(rows: Sequence[Mapping[str, object]], name: str, alt: str) -> None:
    """The rows, all with the same columns, and small controls for their files, called `name`."""
    st.table(list(rows), border="horizontal", hide_index=True, alt=alt)
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for kind, (ending, mime) in KINDS.items():
            st.download_button(
                kind,
                data=partial(_written, kind, rows),
                file_name=f"{name}.{ending}",
                mime=mime,
                key=f"table-{name}-{kind}",
                icon=":material/download:",
                type="tertiary",
                help=f"{alt}, as {kind}",
                on_click="ignore",
            )


def _written(kind: str, rows: Sequence[Mapping[str, object]]) -> bytes:
    from retrieval.reports import curves  # matplotlib loads only for this

    made = curves.as_csv if kind == "CSV" else curves.as_latex
    return made(list(rows[0]), [tuple(str(cell) for cell in row.values()) for row in rows])
