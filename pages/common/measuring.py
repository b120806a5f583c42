"""Measuring an archive from the page: started, watched and stopped, while others go on."""

from __future__ import annotations

import logging
from uuid import uuid4

import streamlit as st

from pages.common import words
from retrieval import results
from retrieval.apart import Run, evaluate_apart
from retrieval.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.storage import Json

HERE, NOTE, VISIT = "measured_here", "measuring_note", "measuring_visit"
CHOSEN, FRESH = "measuring", "measured_protocol"
OFFICIAL, OWN_OUT, PAPER = "official", "own-patient-out", "paper"
BUSY = "Another evaluation is under way on this server; wait for its end, or for a few minutes."

log = logging.getLogger(__name__)


class Slot:
    """The one place for an evaluation on this server: two at once would slow every search."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.owner = ""

    def is_free(self) -> bool:
        """Whether one may start; what a visitor left behind frees the place at its end."""
        return self.run is None or self.run.is_over()

    def start(self, owner: str, archive: Archive, protocol: str, split: str) -> bool:
        """Start one for a visitor; False if the place is taken."""
        if not self.is_free():
            return False
        self.clear()
        self.run, self.owner = evaluate_apart(archive.folder, protocol, split), owner
        return True

    def clear(self) -> None:
        """Stop what is there and forget it."""
        if self.run is not None:
            self.run.close()
        self.run, self.owner = None, ""


@st.cache_resource(show_spinner=False)
def _slot() -> Slot:
    return Slot()


def measured_here() -> dict[tuple[str, str], Json]:
    """What this visit has measured, by the name of the archive and the protocol."""
    return st.session_state.setdefault(HERE, {})


def note() -> None:
    """Say what came of the last measurement, once."""
    if text := st.session_state.pop(NOTE, ""):
        st.info(words.plain(text))


def section(name: str, archive: Archive) -> None:
    """The control that starts a measurement, and what it says while it runs."""
    slot, own = _slot(), _visit()
    mine = slot.run is not None and slot.owner == own
    with st.expander("Measure now, with the cases that the archive holds", expanded=mine):
        if mine:
            _watch()
        else:
            _offer(name, archive, slot, own)


def _offer(name: str, archive: Archive, slot: Slot, own: str) -> None:
    offered = _protocols(archive)
    titles = {protocol.name: protocol for protocol in words.PROTOCOLS}
    chosen = st.radio(
        "Protocol to measure by",
        list(offered),
        format_func=lambda one: titles[one].title,
        captions=[titles[one].meaning for one in offered],
        key="measure-by",
    )
    if st.button("Measure", icon=":material/play_arrow:", key="measure"):
        if slot.start(own, archive, chosen, offered[chosen]):
            st.session_state[CHOSEN] = (name, chosen)
            st.rerun()
        st.warning(BUSY)


def _protocols(archive: Archive) -> dict[str, str]:
    """Protocols that make sense for an archive, and the split whose cases ask; blank: all."""
    splits = set(archive.catalogue.column("split").tolist())
    asked = next((split for split in ("test", "val") if split in splits), "")
    official = {OFFICIAL: asked} if asked and len(splits) > 1 else {}
    return official | {OWN_OUT: "", PAPER: ""}


@st.fragment(run_every=1.0)
def _watch() -> None:
    slot = _slot()
    run = slot.run
    if run is None or slot.owner != _visit():
        st.rerun()
        return
    if run.is_over():
        _finish(slot, run)
        return
    (name, _), (done, total) = st.session_state[CHOSEN], run.progress()
    st.progress(
        done / total if total else 0.0,
        text=words.plain(f"{words.archive_title(name)}: {done:,} of {total:,} queries ranked")
        if total
        else "Loading the archive",
    )
    if st.button("Stop", icon=":material/stop:", key="measure-stop"):
        slot.clear()
        st.session_state[NOTE] = "The measurement was stopped; nothing was kept."
        st.rerun()


def _finish(slot: Slot, run: Run) -> None:
    """Keep the result for this visit, and for all where the server names a folder for it."""
    name, protocol = st.session_state.get(CHOSEN, ("", ""))
    try:
        found = run.result()
        measured_here()[name, protocol] = found
        st.session_state[NOTE] = "Measured just now: these are the new figures."
        st.session_state[FRESH] = protocol
        results.keep(found)
    except EvaluationError as error:
        st.session_state[NOTE] = str(error)
    except OSError:
        log.exception("A result cannot be kept")
    finally:
        slot.clear()
    st.rerun()


def _visit() -> str:
    """Something that only this visit has."""
    if VISIT not in st.session_state:
        st.session_state[VISIT] = uuid4().hex
    return st.session_state[VISIT]
