"""Uploads of many visitors: one bad file holds up nobody else, and is decoded once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pages.common.shell import engine, pictures
from retrieval.errors import ScanError, UnsupportedScan
from retrieval.reading.sandbox import Decoder
from tests.pages.visiting import counted, ranks, sample_bytes, started, texts, uploaded
from tests.reading.test_decode import encoded, greys
from tests.reading.test_sandbox import held


def test_one_of_ten_visitors_waits_for_a_file_and_the_nine_others_do_not(tmp_path: Path) -> None:
    mine = [np.roll(greys(), visitor) for visitor in range(9)]
    with pictures.decoder.__wrapped__("uploads") as decoder:
        with held(decoder, tmp_path) as waiting, ThreadPoolExecutor(9) as visitors:
            answers = list(visitors.map(decoder.decode, map(encoded, mine)))
            assert not waiting.done()
        assert np.array_equal(waiting.result().preview(), greys())
        assert len(decoder.pids) <= pictures.DECODERS
    for picture, scan in zip(mine, answers, strict=True):
        assert np.array_equal(scan.preview(), picture)


def test_a_file_that_failed_is_not_decoded_again_at_each_rerun(monkeypatch) -> None:
    app = started()
    decodes = counted(monkeypatch, Decoder, "decode")
    app = uploaded(app, b"not a picture")
    said = "This is a text file, not a picture; choose DICOM, PNG, JPEG, TIFF or BMP."
    assert said in texts(app)
    app = app.run().run()
    assert said in texts(app) and not app.exception
    assert len(decodes) == 1
    engine.forget()
    app.run()
    assert len(decodes) == 2


def test_a_decoder_that_could_not_start_is_asked_again() -> None:
    def missing(*_: object, **__: object) -> None:
        raise ScanError("The decoder could not be started.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "decode", missing)
        app = uploaded(started(), sample_bytes())
        assert "The decoder could not be started." in texts(app) and not ranks(app)
    assert ranks(app.run())


def test_a_kept_failure_collects_no_traceback() -> None:
    for _ in range(2):
        with pytest.raises(UnsupportedScan):
            engine.scan(b"not a picture", "digest", None)
    assert engine._decoded("digest", None, b"").__traceback__ is None
