"""Measuring an archive from the page: started, watched and stopped, while others go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import streamlit as st

from pages.common.shell import state, texts
from retrieval.archives.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import results
from retrieval.evaluation.background import Run, start_comparison, start_evaluation
from retrieval.storage import Json

MOST_ENDED = 16  # results that wait for their visitor
OFFICIAL, OWN_OUT, PAPER = "official", "own-patient-out", "paper"
BUSY = "Another measurement is under way on this server; wait for its end, or for a few minutes."
STOPPED = "The measurement was stopped; nothing was kept."
FAILED = "The measurement failed; whoever runs this server finds the reason in its log."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What is measured: an archive by a protocol, alone or beside another archive.

    Archives by their names on the pages; `beside` is empty for one alone.
    """

    name: str
    protocol: str
    beside: str = ""

    @property
    def title(self) -> str:
        """The archives as a visitor knows them."""
        names = filter(None, (self.name, self.beside))
        return " beside ".join(map(texts.archive_title, names))


@dataclass(frozen=True, eq=False)
class Job:
    """One measurement: whose it is, what of, and the process that does it."""

    owner: str
    task: Task
    run: Run


class Slot:
    """The one place for a measurement on this server: two at once would slow every search.

    What ended waits here for its owner, also when another one has been started since.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._ended: dict[str, tuple[Task, Json | None]] = {}

    def start(self, owner: str, task: Task, begin: Callable[[], Run]) -> bool:
        """Begin one for a visitor; False if the place is taken."""
        with self._lock:
            self._collect()
            if self._job is not None:
                return False
            self._ended.pop(owner, None)
            self._job = Job(owner, task, begin())
            return True

    def job_of(self, owner: str) -> Job | None:
        """The visitor's measurement that is under way."""
        with self._lock:
            self._collect()
            mine = self._job is not None and self._job.owner == owner
            return self._job if mine else None

    def take(self, owner: str) -> tuple[Task, Json | None] | None:
        """The task and its result (None: it failed) of what ended for a visitor, once."""
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
            if not job.task.beside:
                results.keep(found)
        except (EvaluationError, OSError) as error:  # names paths of the server: not for visitors
            log.warning("A measurement failed, or cannot be kept: %s", error)
        self._ended[job.owner] = (job.task, found)
        while len(self._ended) > MOST_ENDED:  # of visitors who closed the tab
            self._ended.pop(next(iter(self._ended)))
        job.run.close()
        self._job = None


@st.cache_resource(show_spinner=False)
def _slot() -> Slot:
    return Slot()


def compared(archive: Archive, other: Archive) -> Json | None:
    """What this visit has measured of two archives side by side."""
    return state.SIDE_BY_SIDE.get().get((archive.id, other.id))


def collect() -> None:
    """Take over what has ended for this visit, and prepare what is said of it."""
    ended = _slot().take(_visit())
    if ended is None:
        return
    task, found = ended
    if found is None:
        state.MEASURING_NOTE.set(FAILED)
    elif task.beside:
        both = found["archives"]["first"], found["archives"]["second"]
        state.SIDE_BY_SIDE.set({**state.SIDE_BY_SIDE.get(), both: found})
        state.MEASURING_NOTE.set(f"Compared just now: {task.title}.")
    else:
        state.MEASURED.set({**state.MEASURED.get(), (task.name, task.protocol): found})
        state.MEASURED_LAST.set((task.name, task.protocol))
        titles = {known.name: known.title for known in texts.PROTOCOLS}
        said = f"Measured just now: {task.title}, {titles[task.protocol]}."
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
    """The control that starts an evaluation, and what it says while it runs."""
    running = _evaluates(_slot().job_of(_visit()))
    with st.expander("Measure now, with the cases that the archive holds", expanded=running):
        if running:
            _watch()
        else:
            _offer(name, archive)


def comparison(name: str, archive: Archive, beside: str, other: Archive) -> None:
    """The control that compares two archives, and what it says while it does."""
    job = _slot().job_of(_visit())
    if job is not None and not _evaluates(job):
        _watch()
    elif st.button("Compare", icon=":material/play_arrow:", key="compare"):
        _start(
            Task(name, OFFICIAL, beside),
            lambda: start_comparison(archive.folder, other.folder, OFFICIAL),
        )


def _evaluates(job: Job | None) -> bool:
    return job is not None and not job.task.beside


def _start(task: Task, begin: Callable[[], Run]) -> None:
    if _slot().start(_visit(), task, begin):
        st.rerun()
    st.warning(BUSY)


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
        _start(
            Task(name, chosen), lambda: start_evaluation(archive.folder, chosen, offered[chosen])
        )


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
    step = job.run.progress()
    if step is None:
        st.progress(0.0, text="Loading the archive")
    else:
        said = f"{job.task.title}: {step.what.lower()} {step.done:,} of {step.total:,}"
        st.progress(step.done / step.total, text=texts.plain(said))
    if st.button("Stop", icon=":material/stop:", key="measure-stop"):
        _slot().stop(_visit())
        state.MEASURING_NOTE.set(STOPPED)
        st.rerun()


def _visit() -> str:
    """Something that only this visit has."""
    if not state.MEASURING_VISIT.is_set:
        state.MEASURING_VISIT.set(uuid4().hex)
    return state.MEASURING_VISIT.get()
