"""The child process: the same answers as in this process, and life after every way to die."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan
from retrieval.reading import decode, sandbox, wire
from retrieval.reading.sandbox import Decoder
from retrieval.reading.scan import Scan
from retrieval.reading.view import View
from tests.reading.test_decode import encoded, greys
from tests.reading.test_dicom import BUNDLED, HOSTILE, made, ramp, saved

ON_LINUX = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
GOOD = encoded(greys())
COMPRESSED = ("693_J2KI.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One child for the tests that leave it alive."""
    with Decoder() as shared:
        yield shared


def large() -> bytes:
    """A valid picture of 36 million pixels that takes a good part of a second to decode."""
    return encoded(np.arange(36_000_000, dtype=np.uint32).astype(np.uint16).reshape(6000, 6000))


def same(one: Scan | View, other: Scan | View) -> bool:
    """Whether all fields are equal, arrays with their kind, and a View within a Scan likewise."""
    for field in dataclasses.fields(one):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            equal = mine.dtype == its.dtype and np.array_equal(mine, its)
        else:
            equal = same(mine, its) if isinstance(mine, View) else mine == its
        if not equal:
            return False
    return True


def wait_until_gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


# -- the same answers


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_ybr_color.dcm", *COMPRESSED])
def test_the_same_scan_as_in_this_process(decoder: Decoder, name: str) -> None:
    data = (BUNDLED / name).read_bytes()
    scan = decoder.decode(data)
    assert same(scan, decode.decode(data))
    assert scan.pixels.dtype == np.float32
    assert scan.pixels.flags.writeable


def test_the_frame_asked_for(decoder: Decoder) -> None:
    data = saved(made(np.stack([ramp(), ramp()[::-1], ramp().T])))
    for frame in (None, 0, 2, np.int64(1)):
        assert same(decoder.decode(data, frame=frame), decode.decode(data, frame=frame))


@pytest.mark.parametrize("name", HOSTILE)
def test_the_same_errors_and_a_child_that_lives_on(decoder: Decoder, name: str) -> None:
    build, kind, words = HOSTILE[name]
    decoder.decode(GOOD)
    child = decoder.pids
    with pytest.raises(ScanError) as caught:
        decoder.decode(build())
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert same(decoder.decode(GOOD), decode.decode(GOOD))
    assert decoder.pids == child


def test_a_file_over_the_limit_is_refused_without_a_child() -> None:
    decoder = Decoder()
    with pytest.raises(ScanTooLarge, match="over the limit of 64 MB"):
        decoder.decode(bytes((64 << 20) + 1))
    assert not decoder.pids


def test_damaged_compressed_files_raise_nothing_but_scan_errors(decoder: Decoder) -> None:
    random = np.random.default_rng(7)
    for name in COMPRESSED:
        original = (BUNDLED / name).read_bytes()
        for _ in range(40):
            data = bytearray(original)
            for at in random.integers(len(data) // 2, len(data), 5):
                data[at] = random.integers(256)
            try:
                assert np.isfinite(decoder.decode(bytes(data)).pixels).all()
            except ScanError as error:
                assert str(error).endswith(".")


def test_four_threads_get_their_own_answers(decoder: Decoder) -> None:
    pictures = [np.roll(greys(), shift) for shift in range(40)]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(decoder.decode, map(encoded, pictures))
        for picture, scan in zip(pictures, answers, strict=True):
            assert np.array_equal(scan.preview(), picture)


# -- limits


def test_running_out_of_memory_is_a_scan_too_large() -> None:
    with Decoder(memory=400 << 20) as decoder:
        child = decoder.decode(GOOD) and decoder.pids
        with pytest.raises(ScanTooLarge, match="more memory than is allowed"):
            decoder.decode(large())
        assert same(decoder.decode(GOOD), decode.decode(GOOD))
        assert decoder.pids == child


def test_running_out_of_time_ends_the_child_and_the_next_picture_gets_another() -> None:
    with Decoder() as decoder:
        child = decoder.decode(GOOD) and decoder.pids
        decoder.timeout = 0.05
        with pytest.raises(ScanTooLarge, match=r"not decoded within 0\.05 seconds"):
            decoder.decode(large())
        assert not decoder.pids
        decoder.timeout = 20
        assert same(decoder.decode(GOOD), decode.decode(GOOD))
        assert decoder.pids not in ((), child)


@ON_LINUX
def test_the_child_may_write_no_file_and_no_core(decoder: Decoder) -> None:
    decoder.decode(GOOD)
    limits = Path(f"/proc/{decoder.pids[0]}/limits").read_text().splitlines()
    soft = {line[:25].strip(): line[25:].split()[0] for line in limits[1:]}
    assert soft["Max address space"] == str(2 << 30)
    assert soft["Max file size"] == soft["Max core file size"] == "0"


@ON_LINUX
def test_the_child_gets_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "MARKERSECRET")
    with Decoder() as decoder:
        decoder.decode(GOOD)
        environment = Path(f"/proc/{decoder.pids[0]}/environ").read_bytes()
    assert b"MARKERSECRET" not in environment
    assert b"OMP_NUM_THREADS=1" in environment


# -- ways to die


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_child_killed_while_idle_is_replaced_unnoticed(pause: float) -> None:
    with Decoder() as decoder:
        decoder.decode(GOOD)
        os.kill(*decoder.pids, signal.SIGKILL)
        time.sleep(pause)
        assert same(decoder.decode(GOOD), decode.decode(GOOD))


def test_a_picture_that_kills_every_child_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys; from retrieval.reading import wire; wire.send(sys.stdout.buffer, {})"
    with Decoder() as decoder:
        with monkeypatch.context() as patch:
            patch.setattr(sandbox, "_command", lambda memory: [sys.executable, "-c", script])
            with pytest.raises(UnreadableScan, match="made the decoder stop"):
                decoder.decode(GOOD)
            assert not decoder.pids
        assert same(decoder.decode(GOOD), decode.decode(GOOD))


def test_a_child_that_cannot_start_is_no_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_command", lambda memory: [sys.executable, "-c", "1/0"])
    with Decoder() as decoder, pytest.raises(ScanError, match="could not be started") as caught:
        decoder.decode(GOOD)
    assert type(caught.value) is ScanError


def test_an_interrupt_leaves_no_answer_for_the_next_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    other = encoded(255 - greys())
    with Decoder() as decoder:
        decoder.decode(GOOD)
        with monkeypatch.context() as patch:
            patch.setattr(wire, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                decoder.decode(GOOD)
        assert same(decoder.decode(other), decode.decode(other))


def test_close_ends_the_child_and_decode_starts_another() -> None:
    decoder = Decoder()
    decoder.close()
    decoder.decode(GOOD)
    (child,) = decoder.pids
    decoder.close()
    assert not decoder.pids
    assert wait_until_gone(child)
    decoder.decode(GOOD)
    (child,) = decoder.pids
    del decoder
    assert wait_until_gone(child)


@ON_LINUX
def test_the_child_ends_with_its_parent() -> None:
    script = (
        "import sys, time; from retrieval.reading.sandbox import Decoder; decoder = Decoder()\n"
        "decoder.decode(sys.stdin.buffer.read()); print(*decoder.pids, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdin.write(GOOD)
        parent.stdin.close()
        child = int(parent.stdout.readline())
        assert not wait_until_gone(child, 0.1)
        parent.kill()
    assert wait_until_gone(child)


# -- several children

HOLDING = """
import sys, time
from pathlib import Path
from retrieval.reading import wire

begun, go = map(Path, sys.argv[1:])
wire.send(sys.stdout.buffer, {"ready": True})
while True:
    header, data = wire.receive(sys.stdin.buffer)
    if not begun.exists():
        begun.touch()
        while not go.exists():
            time.sleep(0.01)
    wire.send(sys.stdout.buffer, *wire.decoded(data, header["frame"]))
"""


@contextlib.contextmanager
def held(decoder: Decoder, folder: Path) -> Iterator[Future[Scan]]:
    """While the block runs, a child of this decoder holds back its answer: the scan of GOOD."""
    begun, go = folder / "begun", folder / "go"
    command = [sys.executable, "-c", HOLDING, str(begun), str(go)]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as thread:
        patch.setattr(sandbox, "_command", lambda memory: command)
        waiting = thread.submit(decoder.decode, GOOD)
        try:
            while not begun.exists() and not waiting.done():
                time.sleep(0.01)
            yield waiting
        finally:
            go.touch()


def test_another_child_starts_only_where_all_are_busy(tmp_path: Path) -> None:
    with Decoder(children=3) as decoder:
        with held(decoder, tmp_path) as waiting:
            (busy,) = decoder.pids
            for _ in range(3):
                assert same(decoder.decode(GOOD), decode.decode(GOOD))
            started = decoder.pids
            assert len(started) == 2 and busy in started
            assert not waiting.done()
        for _ in range(3):
            decoder.decode(GOOD)
        assert decoder.pids == started


def test_a_child_that_runs_is_asked_before_one_that_ended(tmp_path: Path) -> None:
    with Decoder(children=2) as decoder:
        with held(decoder, tmp_path):
            decoder.decode(GOOD)
        decoder.timeout = 0.05
        with pytest.raises(ScanTooLarge):
            decoder.decode(large())
        (left,) = decoder.pids
        decoder.timeout = 20
        for _ in range(3):
            decoder.decode(GOOD)
        assert decoder.pids == (left,)


def test_close_ends_all_children_after_their_answers(tmp_path: Path) -> None:
    decoder = Decoder(children=2)
    with held(decoder, tmp_path) as waiting:
        decoder.decode(GOOD)
        assert len(decoder.pids) == 2
        closing = threading.Thread(target=decoder.close)
        closing.start()
        assert len(decoder.pids) == 2 and not waiting.done()
    closing.join()
    assert same(waiting.result(), decode.decode(GOOD))
    assert not decoder.pids
    assert same(decoder.decode(GOOD), decode.decode(GOOD))
    decoder.close()


# -- the wire


def test_nothing_is_written_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Decoder() as decoder:
        decoder.decode((BUNDLED / "SC_rgb_jpeg_gdcm.dcm").read_bytes())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "header", [(1 << 20, 0), (2, 1 << 40)], ids=["a long header", "a long payload"]
)
def test_a_message_out_of_bounds_is_not_read(tmp_path: Path, header: tuple[int, int]) -> None:
    path = tmp_path / "wire"
    path.write_bytes(wire.LENGTHS.pack(*header) + b"{}" + bytes(100))
    with path.open("rb") as stream, pytest.raises(ValueError, match="out of bounds"):
        wire.receive(stream)


@pytest.mark.parametrize("text", [b"null", b"5", b"[]", b"[" * 60_000, b"{", b"\xff"])
def test_a_message_without_a_header_is_not_believed(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "wire"
    path.write_bytes(wire.LENGTHS.pack(len(text), 0) + text)
    with path.open("rb") as stream, pytest.raises(ValueError):
        wire.receive(stream)


@pytest.mark.parametrize(
    "message", [5, "x" * 501, "Name:\nSmith", "\x1b[31m"], ids=["number", "long", "lines", "escape"]
)
def test_what_is_no_sentence_is_not_shown(message: object) -> None:
    with pytest.raises(UnreadableScan) as caught:
        wire.scan_of({"error": "ScanError", "message": message}, b"")
    assert str(caught.value) == wire.STOPPED


def test_messages_are_json_and_raw_bytes(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    with path.open("wb") as stream:
        wire.send(stream, {"frame": 3}, b"\x80pickle?")
    data = path.read_bytes()
    text, payload = wire.LENGTHS.unpack(data[: wire.LENGTHS.size])
    assert json.loads(data[wire.LENGTHS.size :][:text]) == {"frame": 3}
    assert data[-payload:] == b"\x80pickle?"


@pytest.mark.parametrize(
    "change",
    [
        {"frame": 1},
        {"frame": -1},
        {"frames": 0},
        {"frames": 2.0},
        {"frames": 10**30},
        {"format": "x" * 501},
        {"modality": "a\nb"},
        {"warnings": ["a\x00b"]},
        {"pixels": -0.01},
        {"pixels": 1.01},
        {"pixels": np.nan},
    ],
)
def test_an_answer_out_of_bounds_is_unreadable(change: dict[str, object]) -> None:
    header, payload = wire.decoded(GOOD, None)
    assert same(wire.scan_of(header, payload), decode.decode(GOOD))
    if "pixels" in change:
        payload = np.float32(change["pixels"]).tobytes() + payload[4:]
        change = {}
    with pytest.raises(UnreadableScan):
        wire.scan_of({**header, **change}, payload)


def test_frames_of_an_error_are_believed_only_within_bounds() -> None:
    answer = {"error": "UnreadableScan", "message": "Damaged."}
    for claimed, believed in ((3, 3), (10**30, 1), (-3, 1), ("x", 1)):
        with pytest.raises(UnreadableScan) as caught:
            wire.scan_of({**answer, "frames": claimed}, b"")
        assert caught.value.frames == believed


@pytest.mark.parametrize("answer", [{}, {"shape": [9, 9]}, {"error": "SystemExit"}, {"error": []}])
def test_an_answer_that_makes_no_sense_is_unreadable(answer: dict[str, object]) -> None:
    with pytest.raises(UnreadableScan):
        wire.scan_of(answer, b"")


def test_the_view_is_the_same_as_in_this_process(decoder: Decoder) -> None:
    slices = saved(
        made(
            np.random.default_rng(3).integers(0, 3000, (1700, 40), dtype=np.int16),
            Modality="CT",
            RescaleSlope=1,
            RescaleIntercept=-1024,
            WindowCenter=[40, -600],
            WindowWidth=[400, 1500],
            WindowCenterWidthExplanation=["MEDIASTINUM", "LUNG"],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[0.7, 0.6],
        )
    )
    view = decoder.decode(slices).view
    assert same(view, decode.decode(slices).view)
    assert (view.unit, view.edges, len(view.windows)) == ("HU", ("R", "L", "A", "P"), 2)
    assert (view.values.shape, view.values.dtype) == ((1600, 38), np.int16)
    radiograph = saved(
        made(
            PhotometricInterpretation="MONOCHROME1",
            ImagerPixelSpacing=[0.1, 0.1],
            PatientOrientation=["L", "F"],
        )
    )
    view = decoder.decode(radiograph).view
    assert same(view, decode.decode(radiograph).view)
    assert view.inverted and view.at_detector
    deep = encoded(np.linspace(200, 40000, 1024).astype(np.uint16).reshape(32, 32))
    assert same(decoder.decode(deep).view, decode.decode(deep).view)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "float64"},
        {"kind": "int16"},
        {"kind": ["uint8"]},
        {"shape": [40, 61]},
        {"shape": [40, 59]},
        {"shape": [-40, -60]},
        {"shape": [2400]},
        {"shape": [40.0, 60.0]},
        {"shape": None},
        {"windows": []},
        {"windows": [["Lung", 1]]},
        {"windows": [["Lung", "a", 1]]},
        {"windows": [["Lung", 1, float("nan")]]},
        {"windows": [["Lung", 1, 0]]},
        {"unit": "mSv"},
        {"edges": ["R", "L"]},
        {"edges": ["JANE", "L", "A", "P"]},
        {"spacing": [1]},
        {"spacing": ["a", 1]},
        {"spacing": [0, 1]},
        {"shrunk": "much"},
        {"shrunk": None},
    ],
)
def test_a_view_that_makes_no_sense_is_unreadable(change: dict[str, object]) -> None:
    header, payload = wire.decoded(GOOD, None)
    header = json.loads(json.dumps(header))
    assert same(wire.scan_of(dict(header), payload), decode.decode(GOOD))
    header["view"] |= change
    with pytest.raises(UnreadableScan, match="made the decoder stop"):
        wire.scan_of(header, payload)


@pytest.mark.parametrize("cut", [1, 60, 2400, 9600, 12000])
def test_a_payload_cut_or_too_long_is_unreadable(cut: int) -> None:
    header, payload = wire.decoded(GOOD, None)
    for wrong in (payload[:-cut], payload + bytes(cut)):
        with pytest.raises(UnreadableScan, match="made the decoder stop"):
            wire.scan_of(json.loads(json.dumps(header)), wrong)


def test_threads_do_not_pile_up(decoder: Decoder) -> None:
    decoder.decode(GOOD)
    before = threading.active_count()
    for _ in range(20):
        decoder.decode(GOOD)
    assert threading.active_count() <= before
