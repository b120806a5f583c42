"""The app: `streamlit run app.py`, or `uvicorn app:app` behind a proxy."""

import logging
import os

# One thread for one search: a second one waits for a busy neighbour longer than it ever saves.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import streamlit as st
from starlette.formparsers import MultiPartParser

from pages.common.shell import texts
from retrieval.reading.scan import LIMITS

# Starlette moves an upload of over 1 MB to a file; a patient's scan stays in memory.
MultiPartParser.spool_max_size = 2 * LIMITS.file_bytes

log = logging.getLogger("retrieval.app")


def report(error: Exception) -> bool:
    """Log where a page failed, without any text that may come from a file, and apologise."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}, line {place.tb_lineno}" if place else "start"
    log.error("A page failed with %s in %s", type(error).__name__, where)
    st.error(texts.UNEXPECTED)
    return True


app = st.App("pages/frame.py", on_script_error=report)
