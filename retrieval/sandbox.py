"""Decoding, and reading of headers, in a child process with a limit on memory and on time.

A decoder in C that crashes, loops or asks for 24 GB takes the child with it and
not the server. The child is this module run by `python -m`: multiprocessing
would import the script of the server again. Requests go to its standard input
and answers come from its standard output, each as a JSON header with raw bytes
behind it: no pickle, no file.
"""

import contextlib
import dataclasses
import json
import math
import os
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval import directions, scans, viewing
from retrieval.errors import (
    BlankScan,
    ScanError,
    ScanTooLarge,
    UnreadableScan,
    UnsupportedScan,
)
from retrieval.scans import LIMITS, Scan
from retrieval.series import Place
from retrieval.views import View, Window

Message: TypeAlias = tuple[dict[str, Any], bytes]

LENGTHS = struct.Struct(">IQ")  # bytes of the JSON header, bytes of the payload
HEADER_BYTES = 1 << 16
ERRORS = {
    kind.__name__: kind
    for kind in (BlankScan, ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan)
}
NONSENSE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
VIEW_KINDS = {"uint8": "u1", "int16": "<i2", "uint16": "<u2"}
VIEW_BYTES = viewing.LONGEST**2 * 2
DEATH = (OSError, EOFError, ValueError)
START_SECONDS = 60.0
STOPPED = "The picture made the decoder stop; the file is damaged, so export it again."
INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")


class Decoder:
    """Decodes in one child process, started on first use and again after it ended; thread-safe."""

    def __init__(self, timeout: float = 20.0, memory: int = 2 << 30) -> None:
        """Allow `timeout` seconds for one picture and `memory` bytes for the child."""
        self.timeout = timeout
        self.memory = memory
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    def decode(self, data: bytes, *, frame: int | None = None) -> Scan:
        """`scans.decode` in the child: the same Scan, the same errors."""
        return _scan_of(*self._answer({"frame": None if frame is None else int(frame)}, data))

    def describe(self, data: bytes) -> Place | None:
        """`dicom.describe` in the child; None for a file that makes it fail, too."""
        try:
            header, _ = self._answer({"describe": True}, data)
            return None if header["place"] is None else _place_of(header["place"])
        except (UnreadableScan, ScanTooLarge, *NONSENSE):
            return None

    def read(self, path: Path) -> Scan:
        """`scans.read` in the child; the message of an error starts with the file's name."""
        return scans.read(path, decode=self.decode)

    def inspect(self, path: Path) -> dict[str, Any]:
        """`scans.inspect` in the child."""
        return scans.inspect(path, decode=self.decode)

    def close(self) -> None:
        """End the child; a later decode starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, header: dict[str, Any], data: bytes) -> Message:
        scans.check_file_bytes(len(data), LIMITS)
        with self._lock:
            # That a child died while it was idle is noticed only when it is asked.
            answer = self._ask(header, data) or self._ask(header, data)
        if answer is None:
            raise UnreadableScan(STOPPED)
        return answer

    def _ask(self, header: dict[str, Any], payload: bytes) -> Message | None:
        """The answer of the child, None where it died over the question."""
        child = self._running()
        answer = None
        try:
            with _killed_after(self.timeout, child) as expired, contextlib.suppress(*DEATH):
                _send(child.stdin, header, payload)
                answer = _receive(child.stdout)
        finally:
            # Also after an interrupt: an answer nobody took would go to the next question.
            if answer is None or expired.is_set():
                self._end()
        if answer is None and expired.is_set():
            raise ScanTooLarge(
                f"The picture was not decoded within {self.timeout:g} seconds; "
                "export a smaller one."
            )
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child and self._child.poll() is None:
            return self._child
        self._end()
        self._child = child = _start(self.memory)
        self._stop = weakref.finalize(self, _stop, child)
        with _killed_after(START_SECONDS, child), contextlib.suppress(*DEATH):
            _receive(child.stdout)
            return child
        self._end()
        raise ScanError(
            "The decoder could not be started; install the packages of requirements.txt again."
        )

    def _end(self) -> None:
        if self._child:
            self._child = None
            self._stop()


def _command(memory: int) -> list[str]:
    return [sys.executable, "-P", "-m", "retrieval.sandbox", str(memory)]


def _start(memory: int) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[1])
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (root, env.get("PYTHONPATH"))))
    env["OMP_NUM_THREADS"] = env["OPENBLAS_NUM_THREADS"] = "1"
    return subprocess.Popen(
        _command(memory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    with contextlib.suppress(OSError):  # unsent bytes to a child that is gone
        child.stdin.close()
    child.stdout.close()
    child.wait()


@contextlib.contextmanager
def _killed_after(seconds: float, child: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill the child unless the block ends in time; the event is set where it did not.

    A timer and not `select`, which knows no pipes on Windows.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        child.kill()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()
        timer.join()  # so that the event tells the truth from here on


def _send(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    text = json.dumps(header).encode()
    stream.write(LENGTHS.pack(len(text), len(payload)) + text)
    stream.write(payload)
    stream.flush()


def _receive(stream: BinaryIO) -> Message:
    """The next message; EOFError at the end, ValueError for one that is out of bounds."""
    text_bytes, payload_bytes = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    most = max(LIMITS.file_bytes, LIMITS.frame_pixels * 4 + VIEW_BYTES)
    if text_bytes > HEADER_BYTES or payload_bytes > most:
        raise ValueError("a message out of bounds")
    return json.loads(_exactly(stream, text_bytes)), _exactly(stream, payload_bytes)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _scan_of(header: dict[str, Any], payload: bytes) -> Scan:
    """The Scan or the error of an answer, whose sender may have been taken over by a picture."""
    if "error" in header:
        raise ERRORS.get(header["error"], UnreadableScan)(str(header.get("message")))
    try:
        raw, view = memoryview(bytearray(payload)), header.pop("view")
        pixels, rest = _image(raw, "<f4", header.pop("shape"))
        spacing, warnings = _gaps(header.pop("spacing")), tuple(header.pop("warnings"))
        return Scan(pixels, _view_of(view, rest), spacing=spacing, warnings=warnings, **header)
    except NONSENSE:
        raise UnreadableScan(STOPPED) from None


def _image(raw: memoryview, kind: str, shape: list[int]) -> tuple[NDArray[Any], memoryview]:
    """The values (H, W) at the front of some bytes, and the bytes behind them."""
    height, width = shape
    if min(height, width) < 1:
        raise ValueError("no picture")
    values = np.frombuffer(raw, kind, height * width).reshape(height, width)
    return values.astype(values.dtype.newbyteorder("="), copy=False), raw[values.nbytes :]


def _view_of(header: dict[str, Any], raw: memoryview) -> View:
    """The View of an answer; NONSENSE for one that is none."""
    values, rest = _image(raw, VIEW_KINDS[header["kind"]], header["shape"])
    windows = tuple(Window(str(name), float(c), float(w)) for name, c, w in header["windows"])
    usable = all(math.isfinite(each.level) and 0 < each.width < math.inf for each in windows)
    if rest or not windows or not usable or header["unit"] not in ("", "HU"):
        raise ValueError("no view")
    edges = header["edges"]
    if values.ndim != 2 or not windows or header["unit"] not in ("", "HU"):
        raise ValueError("no view")
    return View(
        values=values,
        unit=header["unit"],
        windows=windows,
        inverted=bool(header["inverted"]),
        spacing=_gaps(header["spacing"]),
        at_detector=bool(header["at_detector"]),
        edges=None if edges is None else _edges(edges),
        shrunk=float(header["shrunk"]),
    )


def _gaps(spacing: list[float] | None) -> tuple[float, float] | None:
    if spacing is None:
        return None
    rows, columns = map(float, spacing)
    if not (0 < rows < math.inf and 0 < columns < math.inf):
        raise ValueError("no spacing")
    return rows, columns


def _edges(letters: list[str]) -> directions.Edges:
    left, right, top, bottom = letters
    if not directions.OPPOSITE.keys() >= {left, right, top, bottom}:
        raise ValueError("no directions")
    return left, right, top, bottom


def _place_of(header: dict[str, Any]) -> Place:
    """The Place of an answer; NONSENSE for one that is none."""
    position, number = header["position"], header["number"]
    return Place(
        series=str(header["series"]),
        position=None if position is None else float(position),
        number=None if number is None else int(number),
        modality=str(header["modality"]),
        rows=int(header["rows"]),
        columns=int(header["columns"]),
    )


def _decoded(data: bytes, frame: int | None) -> Message:
    try:
        scan = scans.decode(data, frame=frame)
    except ScanError as error:
        return {"error": type(error).__name__, "message": str(error)}, b""
    names = ("format", "modality", "frames", "frame", "spacing", "warnings")
    header = {name: getattr(scan, name) for name in names}
    header |= {"shape": scan.pixels.shape, "view": _view_header(scan.view)}
    values = scan.view.values.astype(VIEW_KINDS[scan.view.values.dtype.name])
    return header, scan.pixels.astype("<f4").tobytes() + values.tobytes()


def _view_header(view: View) -> dict[str, Any]:
    """All of a View but its values, ready for JSON."""
    names = ("unit", "inverted", "spacing", "at_detector", "edges", "shrunk")
    header = {name: getattr(view, name) for name in names}
    windows = [dataclasses.astuple(window) for window in view.windows]
    values = view.values
    return header | {"windows": windows, "shape": values.shape, "kind": values.dtype.name}


def _described(data: bytes) -> Message:
    from retrieval import dicom

    place = dicom.describe(data)
    return {"place": None if place is None else dataclasses.asdict(place)}, b""


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the parent closes its end, as it does when it dies."""
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            header, data = _receive(requests)
            described = header.get("describe")
            answer = _described(data) if described else _decoded(data, header["frame"])
            del data  # no scan stays here until the next one comes
            _send(answers, *answer)
            del answer


def _limit(memory: int) -> None:
    """Bound the address space, and write neither files nor core dumps of a patient's picture."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows; macOS for RLIMIT_AS
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _main() -> None:
    # Loaded before the limit: a decoder half imported when memory ran out stays broken.
    from retrieval import dicom  # noqa: F401

    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # a C library that prints must not print into an answer
        _limit(int(sys.argv[1]))
        _send(answers, {"ready": True})
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
