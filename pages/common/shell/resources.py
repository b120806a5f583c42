"""What all visitors share of a model and an archive: loaded once, and never changed.

Functions of an archive that is held open are remembered by `lru_cache`, which asks no more than
whether it is the same object; Streamlit's cache hashes its arguments at each call.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache

import numpy as np
import streamlit as st
from PIL import Image

from pages.common.shell import pictures
from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.errors import RetrievalError
from retrieval.explain.evidence_map import Scales
from retrieval.reading.sandbox import Decoder
from retrieval.search.refining import Space
from retrieval.trust.input_check import InputCheck
from retrieval.trust.novelty import NoveltyDetector

log = logging.getLogger(__name__)


def decoder() -> Decoder:
    """The processes that decode uploads."""
    return pictures.decoder("uploads")


@lru_cache(maxsize=4)
def model_of(archive: Archive) -> Model:
    """The model of an archive; archives of the same model share it."""
    return _model(archive.model_key, archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _model(model_key: str, _archive: Archive) -> Model:
    return _archive.model()


def space(archive: Archive) -> Space:
    """Where refining moves codes."""
    return _space(archive.state, archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _space(state: str, _archive: Archive) -> Space:
    return Space.of(_archive, model_of(_archive))


def scales(archive: Archive) -> Scales:
    """What turns features into margins."""
    return _scales(archive.state, archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _scales(state: str, _archive: Archive) -> Scales:
    return Scales.of(_archive, model_of(_archive))


def novelty_detector(archive: Archive) -> NoveltyDetector | None:
    """What tells scans unlike all of an archive; None where it cannot."""
    return _novelty_detector(archive.state, archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _novelty_detector(state: str, _archive: Archive) -> NoveltyDetector | None:
    return NoveltyDetector.of(_archive, model_of(_archive))


@st.cache_resource(show_spinner=False)
def input_check() -> InputCheck | None:
    """What tells chest scans from other pictures; None if it is damaged: it only ever warns."""
    try:
        return InputCheck.load()
    except RetrievalError as error:
        log.error("Scans are not checked: %s", type(error).__name__)
        return None


def warm_up(archive: Archive) -> None:
    """Start the decoder and load the network in the background, once for each model."""
    _warming(archive.model_key, archive)


@st.cache_resource(max_entries=4, show_spinner=False)
def _warming(model_key: str, _archive: Archive) -> threading.Thread:
    loaded = model_of(_archive), decoder(), input_check()
    thread = threading.Thread(target=_prepare, args=loaded, daemon=True)
    thread.start()
    return thread


def _prepare(model: Model, decoder: Decoder, check: InputCheck | None) -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    try:
        decoder.decode(pictures.png(Image.fromarray(np.rint(ramp * 255).astype(np.uint8))))
        model.encode([ramp])
        if check:
            check.check(ramp)
    except RetrievalError as error:
        log.error("The first search will be slow: %s", type(error).__name__)
