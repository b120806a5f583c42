"""Teach: a session of unknown cases, look-alikes or odd ones out."""

import streamlit as st

from pages.common.lesson import lesson, lesson_end, session
from pages.common.shell import choices, pictures, texts
from retrieval.errors import RetrievalError

with session.settings():
    archive = choices.archive()
    plan = session.plan() if archive is not None else None
if archive is not None and plan is not None:
    try:
        questions = session.questions(archive, plan)
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
    now = session.progress(archive, plan)
    if now.done(len(questions)):
        lesson_end.show(now, plan)
    else:
        lesson.show(archive, plan, questions, now)
