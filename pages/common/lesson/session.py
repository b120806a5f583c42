"""A teaching session of one visit: what its link says, its questions, and how far the reader is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.common.shell import pictures, resources, state
from retrieval.archives.archive import Archive
from retrieval.teaching import questions as asking
from retrieval.teaching.questions import Pool, Question
from retrieval.teaching.scores import Answer

COUNTS = (5, 10, 20)
TITLES = {
    "unknown": "Unknown case",
    "look-alikes": "Look-alikes",
    "odd-one-out": "Odd one out",
}


@dataclass(frozen=True)
class Plan:
    """What a link says of a session."""

    kind: str
    count: int
    seed: int
    large: bool


@dataclass(frozen=True)
class Progress:
    """How far a reader is in the session called `key`; times in seconds."""

    key: str
    answers: tuple[Answer, ...] = ()
    first: str = ""
    confidence: str = ""
    final: str = ""
    since: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def done(self, count: int) -> bool:
        """Whether every question was answered and left."""
        return len(self.answers) >= count


def settings() -> DeltaGenerator:
    """The place of archive and controls; before a class it is folded, to leave room."""
    if state.LARGE.get():
        return st.expander("Archive and session", icon=":material/tune:")
    return st.container()


def plan() -> Plan:
    """The controls of a session; what they say stands in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Session",
            asking.KINDS,
            format_func=TITLES.__getitem__,
            default=asking.KINDS[0],
            required=True,
            key="kind",
            bind="query-params",
            persist_state="session",
        )
        count = st.segmented_control(
            "Questions",
            COUNTS,
            default=10,
            required=True,
            key="n",
            bind="query-params",
            persist_state="session",
        )
        seed = st.number_input(
            "Set",
            min_value=0,
            max_value=9999,
            value=1,
            step=1,
            key="seed",
            bind="query-params",
            persist_state="session",
            width=140,
            help="The same number gives the same cases in the same order, in any browser.",
        )
        large = st.toggle("Large, for a class", key=state.LARGE.name, persist_state="session")
    known = kind if kind in asking.KINDS else asking.KINDS[0]
    return Plan(known, count if count in COUNTS else 10, int(seed or 0), bool(large))


def questions(archive: Archive, wanted: Plan) -> tuple[Question, ...]:
    """The questions of this session."""
    places = pictures.places(archive)  # pictures may arrive at any moment
    return _questions(archive.state, places, wanted.kind, wanted.seed, wanted.count, archive)


@st.cache_resource(max_entries=64, show_spinner="Choosing cases")
def _questions(
    archive_state: str, places: pictures.Places, kind: str, seed: int, count: int, _archive: Archive
) -> tuple[Question, ...]:
    return asking.session(_pool(archive_state, places, _archive), kind, seed=seed, count=count)


@st.cache_resource(max_entries=4, show_spinner=False)
def _pool(archive_state: str, places: pictures.Places, _archive: Archive) -> Pool:
    return Pool.of(_archive, resources.model_of(_archive))


def progress(archive: Archive, wanted: Plan) -> Progress:
    """Where the reader stands in this session; another session starts anew."""
    key = f"{archive.state}-{wanted.kind}-{wanted.count}-{wanted.seed}"
    held: Progress | None = state.LESSON.get()
    if held is None or held.key != key:
        held = Progress(key)
        state.LESSON.set(held)
    return held


def restart() -> None:
    """Forget the answers of this visit."""
    state.LESSON.clear()


def pick(option: str) -> None:
    """Take a first answer."""
    state.LESSON.set(replace(_now(), first=option))


def commit(question: Question, confidence: str) -> None:
    """Hold the first answer fast; where no similar cases follow, it is the last one too."""
    now = _now()
    final = now.final if question.kind == "unknown" else now.first
    seconds = time.monotonic() - now.since
    state.LESSON.set(replace(now, confidence=confidence, seconds=seconds, final=final))


def finish(option: str) -> None:
    """Take the last answer."""
    state.LESSON.set(replace(_now(), final=option))


def leave(question: Question) -> None:
    """Keep the answer to a question and go on to the next one."""
    now = _now()
    answer = Answer(question, now.first, now.confidence, now.final, now.seconds)
    state.LESSON.set(Progress(now.key, (*now.answers, answer)))


def _now() -> Progress:
    held: Progress = state.LESSON.get()
    return held
