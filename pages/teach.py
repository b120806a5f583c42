"""Teach: a session of unknown cases, look-alikes or odd ones out."""

import streamlit as st

from pages.common.lesson import lesson, lesson_end
from pages.common.shell import choices, pictures, texts
from retrieval.errors import RetrievalError

with lesson.settings():
    archive = choices.archive()
    plan = lesson.plan() if archive is not None else None
if archive is not None and plan is not None:
    try:
        questions = lesson.questions(archive, plan)
    except RetrievalError as error:
        st.error(texts.plain(str(error)), icon=":material/error:")
        st.stop()
    if not questions:
        why = (
            "too few of its cases, of too few patients and findings, have a picture, no note, and "
            "were never seen by its model in training"
            if pictures.here(archive)
            else "its pictures are not on this machine"
        )
        st.info(
            f"This archive has no scan to ask about here: {why}. Choose the synthetic sample.",
            icon=":material/image_not_supported:",
        )
        st.stop()
    state = lesson.state(archive, plan)
    if state.done(len(questions)):
        lesson_end.show(state, plan)
    else:
        lesson.show(archive, plan, questions, state)
