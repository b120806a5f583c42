"""Teach: a session of unknown cases, look-alikes or odd ones out."""

import streamlit as st

from pages.common import choices, lesson, lesson_end, words
from retrieval.errors import RetrievalError

with lesson.settings():
    archive = choices.archive()
    plan = lesson.plan() if archive is not None else None
if archive is not None and plan is not None:
    try:
        questions = lesson.questions(archive, plan)
    except RetrievalError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        st.stop()
    if not questions:
        st.info(
            "This archive has no scan to ask about here: its pictures are not on this machine, "
            "or its model was trained on all of them. Choose the synthetic sample.",
            icon=":material/image_not_supported:",
        )
        st.stop()
    state = lesson.state(archive, plan)
    if state.done(len(questions)):
        lesson_end.show(state, plan)
    else:
        lesson.show(archive, plan, questions, state)
