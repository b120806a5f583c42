"""A question of a teaching session on screen, and what can be pressed."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.common.lesson import differing, session
from pages.common.lesson.session import Progress
from pages.common.shell import pictures, texts
from retrieval.archives.archive import Archive
from retrieval.archives.catalogue import Entry
from retrieval.codes import hamming
from retrieval.teaching import questions as asking
from retrieval.teaching.questions import Question
from retrieval.teaching.scores import CONFIDENCES

NARROWEST = 150  # pixels of a picture, below which fewer stand side by side
CONFIDENCE_KEYS = dict(zip(CONFIDENCES, ("j", "k", "l"), strict=True))  # no picture's letter


def show(
    archive: Archive, wanted: session.Plan, questions: tuple[Question, ...], now: Progress
) -> None:
    """The question that is next, and what can be pressed."""
    question = questions[len(now.answers)]
    st.progress(
        len(now.answers) / len(questions),
        text=f"Question {len(now.answers) + 1} of {len(questions)}",
    )
    say = st.header if wanted.large else st.subheader
    say(_prompt(question, now), anchor=False)
    left, right = _places(question, wanted)
    with left:
        _scans(archive, question, revealed=bool(now.final))
    with right:
        if not now.confidence:
            _ask_first(question, now)
        elif not now.final:
            _ask_again(question, now)
        else:
            _truth(archive, question, now)
        if now.confidence and question.neighbours:
            _neighbours(archive, question)
    if now.final and question.kind == "look-alikes":
        first, second = question.shown
        differing.section(archive, (first, second), ("A", "B"))


def _places(question: Question, wanted: session.Plan) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Where the scans stand and where what is asked: beside them, in sight, if there is room."""
    if len(question.shown) > 2:
        return st.container(), st.container()
    alone = (6, 6) if wanted.large else (5, 7)
    left, right = st.columns(alone if len(question.shown) == 1 else differing.BESIDE, gap="medium")
    return left, right


def _prompt(question: Question, now: Progress) -> str:
    if now.final:
        return "Right" if now.final == question.answer else "Not so"
    if question.kind == "unknown":
        return "Keep your answer?" if now.confidence else "What does this scan show?"
    if question.kind == "look-alikes":
        return f"Which of the two is {texts.plain(_named(question), 40)}?"
    return "Which one has another finding than the others?"


def _named(question: Question) -> str:
    return texts.label(question.wanted)


def _scans(archive: Archive, question: Question, *, revealed: bool) -> None:
    """The pictures that are asked about; nothing of them says what they show."""
    entries = archive.catalogue.entries(list(question.shown))
    if len(entries) == 1:
        _scan(archive, entries[0], "The scan", revealed=revealed)
        return
    with st.grid(len(entries), min_column_width=NARROWEST):
        for letter, entry in zip(asking.letters(len(entries)), entries, strict=True):
            with st.container(gap="xsmall"):
                _scan(archive, entry, letter, revealed=revealed)


def _scan(archive: Archive, entry: Entry, name: str, *, revealed: bool) -> None:
    named = texts.finding(entry)
    png = pictures.large_picture(archive, entry)
    if png:
        alt = f"{name}: {named}" if revealed else f"{name}, to be judged"
        st.image(png, width="stretch", output_format="PNG", alt=alt)
    else:
        st.info(texts.NO_PICTURE, icon=":material/image_not_supported:")
    st.markdown(f"**{name}**: {texts.plain(named)}" if revealed else f"**{name}**")


def _ask_first(question: Question, now: Progress) -> None:
    """A finding, then how sure: both before anything else is seen."""
    _options(question, now.first, "first")
    if not now.first:
        st.caption("Press the key on a button, or click it.")
        return
    st.markdown("**How sure are you?**")
    with st.container(horizontal=True):
        for word, key in CONFIDENCE_KEYS.items():
            st.button(
                word.capitalize(),
                key=f"sure-{key}",
                shortcut=key,
                on_click=session.commit,
                args=(question, word),
            )


def _ask_again(question: Question, now: Progress) -> None:
    st.markdown(
        f"You said **{_option(question, now.first)}**, {now.confidence}. Press it again to keep "
        "it, or another one to change it."
    )
    _options(question, now.first, "final")


def _options(question: Question, chosen: str, step: str) -> None:
    with st.container(horizontal=True):
        for number, option in enumerate(question.options, start=1):
            st.button(
                _option(question, option),
                key=f"{step}-{number}",
                shortcut=str(number) if number <= 9 else None,
                icon=":material/check:" if option == chosen else None,  # not by colour alone
                on_click=session.pick if step == "first" else session.finish,
                args=(option,),
            )


def _option(question: Question, option: str) -> str:
    return texts.plain(texts.label(option), 40) if question.kind == "unknown" else option


def _neighbours(archive: Archive, question: Question) -> None:
    """The cases most like the unknown, with what they show."""
    st.markdown("**The most similar cases of other patients**")
    entries = archive.catalogue.entries(list(question.neighbours))
    own = archive.codes[question.shown[0] : question.shown[0] + 1]
    distances = hamming.distances(archive.codes[list(question.neighbours)], own)[0].tolist()
    with st.grid(3, min_column_width=NARROWEST):
        for entry, bits in zip(entries, distances, strict=True):
            _neighbour(archive, entry, bits)


def _neighbour(archive: Archive, entry: Entry, bits: int) -> None:
    with st.container(gap="xsmall"):
        png = pictures.picture(archive, entry)
        named = texts.finding(entry)
        if png:
            st.image(png, width="stretch", output_format="PNG", alt=f"Similar case, {named}")
        st.markdown(f"**{texts.plain(named, 40)}**  \n:small[{bits} of {archive.bits} differ]")


def _truth(archive: Archive, question: Question, now: Progress) -> None:
    answer = _option(question, question.answer)
    text = f"{_told(question)} **{answer}**; you said {_option(question, now.final)}."
    if question.kind == "unknown" and now.first != now.final:
        text += f" Before you saw similar cases: {_option(question, now.first)}."
    (st.success if now.final == question.answer else st.error)(
        text,
        icon=":material/check:" if now.final == question.answer else ":material/close:",
    )
    st.caption(f"{question.difficulty.capitalize()}: {_why(question, archive.bits)}")
    st.button(
        "Next",
        key="lesson-next",
        shortcut="n",
        icon=":material/arrow_forward:",
        on_click=session.leave,
        args=(question,),
    )


def _told(question: Question) -> str:
    """The start of the sentence that tells the truth, ending before the answer."""
    if question.kind == "unknown":
        return "It is"
    named = texts.plain(_named(question), 40)
    return f"{named} is" if question.kind == "look-alikes" else f"The odd one, {named}, is"


def _why(question: Question, bits: int) -> str:
    """How hard a question is, in bits."""
    if question.kind == "look-alikes":
        return f"the two codes differ in {question.margin} of {bits} bits."
    if question.kind == "odd-one-out":
        return f"the odd one lies {_beside(question.margin)} the farthest of the others."
    return (
        f"the nearest case of another finding lies {_beside(question.margin)} the nearest of its "
        "own."
    )


def _beside(margin: int) -> str:
    """How much farther off than something else: 3 bits farther off than."""
    if not margin:
        return "as far off as"
    return f"{texts.count(abs(margin), 'bit')} {'farther off' if margin > 0 else 'nearer'} than"
