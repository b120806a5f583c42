"""Which cases of an archive a visitor wants listed: by label, source and patient."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import streamlit as st

from pages.common.shell import state, texts
from retrieval.archives.archive import Archive
from retrieval.data.folder import names_patient

COLUMNS = {"label": "Finding", "source": "Source", "patient_id": "Patient"}


def control(archive: Archive) -> None:
    """A menu with a choice for each column; nothing chosen means all cases."""
    number = sum(bool(_chosen(archive, column)) for column in COLUMNS)
    with st.popover(
        f"Filter ({number})" if number else "Filter",
        icon=":material/filter_list:",
        key=f"filter-{archive.id}",
    ):
        for column, name in COLUMNS.items():
            options = _options(archive, column)
            if len(options) > 1:
                st.multiselect(
                    name,
                    list(options),
                    format_func=options.__getitem__,
                    key=state.only(column, archive.id).name,
                    placeholder="All",
                    persist_state="session",
                )
        st.button("Show all cases", on_click=_clear, args=(archive,), disabled=not number)


def allowed(archive: Archive) -> npt.NDArray[np.bool_] | None:
    """Which cases (n,) are to be listed, None for all."""
    mask = None
    for column in COLUMNS:
        chosen = _chosen(archive, column)
        if chosen:
            fits = np.isin(archive.catalogue.column(column), chosen)
            mask = fits if mask is None else mask & fits
    return mask


@lru_cache(maxsize=64)
def _options(archive: Archive, column: str) -> dict[str, str]:
    """What can be chosen of a column, and how a menu shows it."""
    values = np.unique(archive.catalogue.column(column)).tolist()
    return {value: _named(column, value) for value in values if names_patient(value)}


def _chosen(archive: Archive, column: str) -> list[str]:
    return [*state.only(column, archive.id).get()]


def _clear(archive: Archive) -> None:
    for column in COLUMNS:
        state.only(column, archive.id).set([])


def _named(column: str, value: str) -> str:
    """An option as plain text, which is what a menu shows; whole, as two must stay two."""
    named = texts.label(value) if column == "label" else value
    return texts.CONTROL.sub(" ", named) or "Not known"
