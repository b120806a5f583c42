"""Asking better: examples that move the query, a case to ask from, and the address of a search."""

from __future__ import annotations

import contextlib

import streamlit as st

from pages.common.ask import region, upload
from pages.common.shell import choices, engine, state, texts
from pages.common.shell.context import Context
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.errors import SearchError
from retrieval.search.hits import Hit
from retrieval.search.refining import NO_EXAMPLES, Examples
from retrieval.search.search import RankedArchive

MORE, LESS, FROM_HERE = "More like this", "Less like this", "Search from this case"
ICONS = {MORE: ":material/add:", LESS: ":material/remove:", FROM_HERE: ":material/search:"}
CASE = "case"  # in the address


def search(chosen: upload.ChosenScan, archive: Archive) -> tuple[engine.Query, RankedArchive]:
    """The query as it is asked now: whole or in part, as it is or moved by examples."""
    examples = examples_of(chosen, archive)
    if chosen.stored:
        entry = case_of(archive, chosen.case)
        return engine.search_stored(entry, archive, examples=examples)
    return engine.search(
        chosen.data,
        chosen.digest,
        archive,
        upload.frame(chosen),
        region=region.chosen(chosen),
        examples=examples,
        case=None if upload.frame(chosen) is not None else _own_case(chosen, archive),
    )


def _own_case(chosen: upload.ChosenScan, archive: Archive) -> Entry | None:
    """The case of this archive that is asked about, if one is and has not left it."""
    if not chosen.case or chosen.home != choices.current_name():
        return None
    with contextlib.suppress(SearchError):
        return case_of(archive, chosen.case)
    return None


def menu(chosen: upload.ChosenScan, context: Context, hit: Hit) -> None:
    """What a reader can do with a card besides comparing it."""
    key = state.refinement(context.archive.id, hit.rank, hit.entry.id)
    st.menu_button(
        "Refine",
        [MORE, LESS, FROM_HERE],
        format_func=lambda option: f"{ICONS[option]} {option}",
        help="Refine the list by this case, or ask about it",
        key=key.name,
        on_click=_do,
        args=(key, chosen, context.archive, hit),
    )


def _do(key: state.Key[str], chosen: upload.ChosenScan, archive: Archive, hit: Hit) -> None:
    picked = key.get()
    if picked == FROM_HERE:
        upload.take_case(archive, hit.entry, choices.current_name())
        return
    now = examples_of(chosen, archive)
    try:
        moved = now.with_more(hit.position) if picked == MORE else now.with_less(hit.position)
    except SearchError:
        return  # it is an example already, and stands in the list above
    _steps(chosen, archive).set((*_steps(chosen, archive).get(), moved))


def examples_of(chosen: upload.ChosenScan, archive: Archive) -> Examples:
    """The examples given for this scan in this archive."""
    steps = _steps(chosen, archive).get()
    return steps[-1] if steps else NO_EXAMPLES


def said_of_case(chosen: upload.ChosenScan, archive: Archive) -> None:
    """Which archived case is asked about, if one of this archive is."""
    entry = _own_case(chosen, archive)
    if entry is not None:
        patient = texts.patient_group(entry.patient_id)
        named = f"{texts.finding(entry)}, patient {patient}, case {entry.id}"
        st.markdown(f":small[**Asked about:** {texts.plain(named, 120)}]")


def panel(chosen: upload.ChosenScan, archive: Archive) -> None:
    """The examples that hold, with undo."""
    examples = examples_of(chosen, archive)
    if not len(examples):
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Refined by {texts.count(len(examples), 'example')}**")
        for title, rows in ((MORE, examples.more), (LESS, examples.less)):
            for entry in archive.catalogue.entries(list(rows)):
                named = f"{texts.finding(entry)}, patient {texts.patient_group(entry.patient_id)}"
                st.markdown(f":small[{ICONS[title]} {title}: {texts.plain(named, 80)}]")
        with st.container(horizontal=True, gap="small"):
            steps = _steps(chosen, archive)
            st.button(
                "Undo the last",
                icon=":material/undo:",
                on_click=steps.set,
                args=(steps.get()[:-1],),
            )
            st.button("Drop all", icon=":material/close:", on_click=steps.clear)


def _steps(chosen: upload.ChosenScan, archive: Archive) -> state.Key[tuple[Examples, ...]]:
    return state.examples(chosen.digest, archive.id)


def case_of(archive: Archive, case: str) -> Entry:
    """The case with this id; SearchError if the archive holds none."""
    rows = archive.catalogue.column("id") == case
    if not rows.any():
        raise SearchError(
            f"Archive {archive.name} holds no case {texts.plain(case, 20)}; choose another case, "
            "or the archive it is of."
        )
    return archive.catalogue.entries([int(rows.argmax())])[0]


def open_address(archive: Archive | None) -> None:
    """Ask about the case that the address names, once."""
    wanted = st.query_params.get(CASE, "")
    if archive is None or not wanted or state.OPENED_CASE.get() == wanted:
        return
    state.OPENED_CASE.set(wanted)
    try:
        upload.take_case(archive, case_of(archive, wanted), choices.current_name())
    except SearchError as error:
        del st.query_params[CASE]
        st.error(texts.plain(str(error)), icon=":material/error:")


def keep_address(chosen: upload.ChosenScan | None) -> None:
    """Let the address name the case that is asked about, or none."""
    here = chosen is not None and chosen.home == choices.current_name()
    case = chosen.case if here else ""
    state.OPENED_CASE.set(case)
    if case:
        st.query_params[CASE] = case
    elif CASE in st.query_params:
        del st.query_params[CASE]
