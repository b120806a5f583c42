"""Measuring an archive from the page: started, watched and stopped, while others go on."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from pages.common.shell import state, texts
from retrieval.archives.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.evaluation.background import Run, start_evaluation
from retrieval.storage import Json

OFFICIAL, OWN_OUT, PAPER = "official", "own-patient-out", "paper"
BUSY = "Another evaluation is under way on this server; wait for its end, or for a few minutes."
STOPPED = "The measurement was stopped; nothing was kept."
FAILED = "The measurement failed; whoever runs this server finds the reason in its log."

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Job:
    """One measurement: whose it is, and of which archive, by the name on the pages."""

    owner: str
    name: str
    run: Run


class Slot:
    """The one place for an evaluation on this server: two at once would slow every search.

    What ended waits here for its owner, also when another one has been started since.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._ended: dict[str, tuple[str, str, Json | None]] = {}

    def start(self, owner: str, name: str, archive: Archive, protocol: str, split: str) -> bool:
        """Start one for a visitor; False if the place is taken."""
        with self._lock:
            self._collect()
            if self._job is not None:
                return False
            self._ended.pop(owner, None)
            self._job = Job(owner, name, start_evaluation(archive.folder, protocol, split))
            return True

    def job_of(self, owner: str) -> Job | None:
        """The visitor's measurement that is under way."""
        with self._lock:
            self._collect()
            mine = self._job is not None and self._job.owner == owner
            return self._job if mine else None

    def take(self, owner: str) -> tuple[str, str, Json | None] | None:
        """Archive, protocol and result (None: it failed) of what ended for a visitor, once."""
        with self._lock:
            self._collect()
            return self._ended.pop(owner, None)

    def stop(self, owner: str) -> None:
        """End the visitor's measurement and forget it."""
        with self._lock:
            if self._job is not None and self._job.owner == owner:
                self._job.run.close()
                self._job = None

    def clear(self) -> None:
        """End whatever is there and forget everything."""
        with self._lock:
            if self._job is not None:
                self._job.run.close()
            self._job = None
            self._ended.clear()

    def _collect(self) -> None:
        """Move a job that is over to what has ended, and keep its result for all if wanted."""
        job = self._job
        if job is None or not job.run.is_over():
            return
        found: Json | None = None
        try:
            found = job.run.result()
            results.keep(found)
        except (EvaluationError, OSError) as error:  # names paths of the server: not for visitors
            log.warning("A measurement failed, or cannot be kept: %s", error)
        self._ended[job.owner] = (job.name, job.run.protocol, found)
        job.run.close()
        self._job = None


@st.cache_resource(show_spinner=False)
def _slot() -> Slot:
    return Slot()


def collect() -> None:
    """Take over what has ended for this visit, and prepare what is said of it."""
    ended = _slot().take(_visit())
    if ended is None:
        return
    name, protocol, found = ended
    if found is None:
        state.MEASURING_NOTE.set(FAILED)
        return
    state.MEASURED.set({**state.MEASURED.get(), (name, protocol): found})
    state.MEASURED_LAST.set((name, protocol))
    titles = {known.name: known.title for known in texts.PROTOCOLS}
    said = f"Measured just now: {texts.archive_title(name)}, {titles[protocol]}."
    state.MEASURING_NOTE.set(said)


def fresh(name: str) -> str:
    """The protocol by which this archive was measured just now, once; empty otherwise."""
    measured, protocol = state.MEASURED_LAST.get()
    if measured != name:
        return ""
    state.MEASURED_LAST.clear()
    return protocol


def note() -> None:
    """Say what came of the last measurement, once."""
    if text := state.MEASURING_NOTE.take():
        st.info(texts.plain(text))


def section(name: str, archive: Archive) -> None:
    """The control that starts a measurement, and what it says while it runs."""
    running = _slot().job_of(_visit()) is not None
    with st.expander("Measure now, with the cases that the archive holds", expanded=running):
        if running:
            _watch()
        else:
            _offer(name, archive)


def _offer(name: str, archive: Archive) -> None:
    offered = _protocols(archive)
    titles = {protocol.name: protocol for protocol in texts.PROTOCOLS}
    chosen = st.radio(
        "Protocol to measure by",
        list(offered),
        format_func=lambda one: titles[one].title,
        captions=[titles[one].meaning for one in offered],
        key=f"measure-by-{archive.id}",
    )
    if st.button("Measure", icon=":material/play_arrow:", key="measure"):
        if _slot().start(_visit(), name, archive, chosen, offered[chosen]):
            st.rerun()
        st.warning(BUSY)


def _protocols(archive: Archive) -> dict[str, str]:
    """Protocols that make sense for an archive, and the split whose cases ask; blank: all."""
    splits = set(archive.catalogue.column("split").tolist())
    official = {OFFICIAL: "test"} if "test" in splits and len(splits) > 1 else {}
    return official | {OWN_OUT: "", PAPER: ""}


@st.fragment(run_every=1.0)
def _watch() -> None:
    job = _slot().job_of(_visit())
    if job is None:
        st.rerun()
        return
    done, total = job.run.progress()
    st.progress(
        done / total if total else 0.0,
        text=texts.plain(f"{texts.archive_title(job.name)}: {done:,} of {total:,} queries ranked")
        if total
        else "Loading the archive",
    )
    if st.button("Stop", icon=":material/stop:", key="measure-stop"):
        _slot().stop(_visit())
        state.MEASURING_NOTE.set(STOPPED)
        st.rerun()


def _visit() -> str:
    """Something that only this visit has."""
    if not state.MEASURING_VISIT.is_set:
        state.MEASURING_VISIT.set(uuid4().hex)
    return state.MEASURING_VISIT.get()
