"""Messages between the server and its decoding child: a JSON header with raw bytes behind it.

There is no pickle and no file. A picture may have taken over the child, so nothing
in an answer is trusted: sizes, kinds and numbers are checked.
"""

import contextlib
import dataclasses
import json
import math
import re
import struct
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import (
    BlankScan,
    ScanError,
    ScanTooLarge,
    UnreadableScan,
    UnsupportedScan,
)
from retrieval.reading import decode, series
from retrieval.reading.scan import LIMITS, Scan
from retrieval.reading.series import Place
from retrieval.reading.view import LONGEST, View, Window

Message: TypeAlias = tuple[dict[str, Any], bytes]

LENGTHS = struct.Struct(">IQ")  # bytes of the JSON header, bytes of the payload
HEADER_BYTES = 1 << 16
ERRORS = {
    kind.__name__: kind
    for kind in (BlankScan, ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan)
}
NONSENSE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
MOST_FRAMES = (1 << 31) - 1  # DICOM counts them in a signed number of 32 bits
LONGEST_SENTENCE = 500  # characters of an error's message
VIEW_KINDS = {"uint8": "u1", "int16": "<i2", "uint16": "<u2"}
VIEW_BYTES = LONGEST**2 * 2
STOPPED = "The picture made the decoder stop; the file is damaged, so export it again."


def send(stream: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message and flush it."""
    text = json.dumps(header).encode()
    stream.write(LENGTHS.pack(len(text), len(payload)) + text)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """The next message; EOFError at the end, ValueError for one that is out of bounds."""
    text_bytes, payload_bytes = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    most = max(LIMITS.file_bytes, LIMITS.frame_pixels * 4 + VIEW_BYTES)
    if text_bytes > HEADER_BYTES or payload_bytes > most:
        raise ValueError("a message out of bounds")
    text, payload = _exactly(stream, text_bytes), _exactly(stream, payload_bytes)
    try:
        header = json.loads(text)
    except RecursionError:
        header = None
    if not isinstance(header, dict):
        raise ValueError("a message without a header")
    return header, payload


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def scan_of(header: dict[str, Any], payload: bytes) -> Scan:
    """The Scan of an answer; raises the ScanError that it holds, or that it deserves."""
    if "error" in header:
        raise _error_of(header)
    try:
        pixels, rest = _image(memoryview(payload), "<f4", header["shape"])
        if not ((pixels >= 0) & (pixels <= 1)).all():  # false for NaN, too
            raise ValueError("no picture")
        frames, frame = _frames(header["frames"]), int(header["frame"])
        if not 0 <= frame < frames:
            raise ValueError("no frame")
        return Scan(
            pixels=pixels,
            view=_view_of(header["view"], rest),
            format=_sentence(header["format"]),
            modality=_sentence(header["modality"]),
            frames=frames,
            frame=frame,
            spacing=_gaps(header["spacing"]),
            warnings=tuple(_sentence(warning) for warning in header["warnings"]),
        )
    except NONSENSE:
        raise UnreadableScan(STOPPED) from None


def _error_of(header: dict[str, Any]) -> ScanError:
    message = header.get("message")
    kind = ERRORS.get(str(header["error"]))
    if kind is None or not isinstance(message, str) or not _is_sentence(message):
        return UnreadableScan(STOPPED)
    error = kind(message)
    with contextlib.suppress(*NONSENSE):
        error.frames = _frames(header["frames"])
    return error


def _frames(count: object) -> int:
    if not isinstance(count, int) or not 1 <= count <= MOST_FRAMES:
        raise ValueError("no number of frames")
    return count


def _is_sentence(text: str) -> bool:
    return len(text) <= LONGEST_SENTENCE and text.isprintable()


def _sentence(text: object) -> str:
    if not isinstance(text, str) or not _is_sentence(text):
        raise TypeError("no text")
    return text


def _image(raw: memoryview, kind: str, shape: list[int]) -> tuple[NDArray[Any], memoryview]:
    """A copy of the values (H, W) at the front of some bytes, and the bytes behind them.

    It is a copy because a slice would keep the whole answer in memory.
    """
    height, width = shape
    if min(height, width) < 1:
        raise ValueError("no picture")
    values = np.frombuffer(raw, kind, height * width).reshape(height, width)
    return values.astype(values.dtype.newbyteorder("=")), raw[values.nbytes :]


def _view_of(header: dict[str, Any], raw: memoryview) -> View:
    """The View of an answer; raises one of NONSENSE for an invalid one."""
    values, rest = _image(raw, VIEW_KINDS[header["kind"]], header["shape"])
    windows = tuple(Window(str(name), float(c), float(w)) for name, c, w in header["windows"])
    usable = all(math.isfinite(each.level) and 0 < each.width < math.inf for each in windows)
    if rest or not windows or not usable or header["unit"] not in ("", "HU"):
        raise ValueError("no view")
    edges, shrunk = header["edges"], float(header["shrunk"])
    if not 1 <= shrunk < math.inf:
        raise ValueError("no view")
    return View(
        values=values,
        unit=header["unit"],
        windows=windows,
        inverted=bool(header["inverted"]),
        spacing=_gaps(header["spacing"]),
        at_detector=bool(header["at_detector"]),
        edges=None if edges is None else _edges(edges),
        shrunk=shrunk,
    )


def _gaps(spacing: list[float] | None) -> tuple[float, float] | None:
    if spacing is None:
        return None
    rows, columns = map(float, spacing)
    if not (0 < rows < math.inf and 0 < columns < math.inf):
        raise ValueError("no spacing")
    return rows, columns


def _edges(letters: list[str]) -> series.Edges:
    left, right, top, bottom = letters
    if not series.OPPOSITE.keys() >= {left, right, top, bottom}:
        raise ValueError("no directions")
    return left, right, top, bottom


def place_of(header: dict[str, Any]) -> Place:
    """The Place of an answer; raises one of NONSENSE for an invalid one."""
    position, number = header["position"], header["number"]
    return Place(
        series=str(header["series"]),
        position=None if position is None else float(position),
        number=None if number is None else int(number),
        modality=str(header["modality"]),
        rows=int(header["rows"]),
        columns=int(header["columns"]),
    )


def patient_of(header: dict[str, Any]) -> str:
    """The checksum of an answer on a patient, or ""; NONSENSE for anything else."""
    token = header["patient"]
    if not re.fullmatch("([0-9a-f]{16})?", token):
        raise ValueError("no checksum")
    return str(token)


def decoded(data: bytes, frame: int | None) -> Message:
    """The answer to a request for a Scan: the Scan, or the ScanError."""
    try:
        scan = decode.decode(data, frame=frame)
    except ScanError as error:
        name = type(error).__name__
        return {"error": name, "message": str(error), "frames": error.frames}, b""
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


def described(data: bytes) -> Message:
    """The answer to a request for a Place, which may be null."""
    from retrieval.reading import dicom

    place = dicom.describe(data)
    return {"place": None if place is None else dataclasses.asdict(place)}, b""


def identified(data: bytes, salt: str) -> Message:
    """The answer on a patient; only a checksum with the salt, hex digits, leaves the process."""
    from retrieval.reading import dicom

    return {"patient": dicom.patient_of(data, bytes.fromhex(salt))}, b""
