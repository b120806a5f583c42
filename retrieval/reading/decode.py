"""Bytes of a file of any format -> one checked Scan.

`dicom` reads DICOM files and is imported only for them; `pictures` reads all
others. Nothing is written to disk. No file name and no text of the file enters a
Scan or an error.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.imaging import burned_in_text
from retrieval.imaging.greys import extent
from retrieval.reading import signatures, view
from retrieval.reading.packs import File, Part
from retrieval.reading.pictures import decode_picture
from retrieval.reading.scan import (
    BURNED_IN,
    LIMITS,
    OFTEN_BURNED_IN,
    BytesDecoder,
    Limits,
    Scan,
    check_file_bytes,
    check_frame_pixels,
    check_searchable,
    of_frames,
)

LETTERS = "Letters seem to be burned into this picture; check that they show no name and no date."


def decode(data: bytes, *, frame: int | None = None, limits: Limits = LIMITS) -> Scan:
    """Turn the bytes of a file into a Scan; raises a ScanError and nothing else.

    `frame` counts from 0; without it, the middle frame is taken.
    """
    try:
        check_file_bytes(len(data), limits)
        decoder = _decoder_for(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            scan = decoder(data, frame, limits)
            with of_frames(scan.frames):
                return _checked(scan, limits)
    except ScanError:
        raise
    except MemoryError:
        raise ScanTooLarge(
            "The picture needs more memory than is allowed; export a smaller one."
        ) from None
    except RecursionError:
        raise UnreadableScan(
            "The file is nested too deeply to be a picture; export it again."
        ) from None
    # On damaged files the decoders raise anything (on Pillow's own corpus OSError,
    # ValueError, SyntaxError, TypeError, NotImplementedError), so every Exception is
    # caught. Its text may quote the file, so it is dropped (`from None`).
    except Exception as error:
        damaged = UnreadableScan(
            f"The {signatures.kind_of(data)} file is cut short or damaged; copy or export it again."
        )
        damaged.frames = getattr(error, "frames", 1)
        raise damaged from None


def read(path: File, *, frame: int | None = None, decode: BytesDecoder = decode) -> Scan:
    """Decode the file at `path`, or a part of a pack; the message of an error starts with its name.

    `decode` may be a `sandbox.Decoder`'s, for files from elsewhere.
    """
    with named(path):
        return decode(_load(path, LIMITS), frame=frame)


@contextlib.contextmanager
def named(path: File) -> Iterator[None]:
    """Start the message of a ScanError with the name of the file at `path`."""
    try:
        yield
    except ScanError as error:
        raise type(error)(f"{path.name}: {error}") from None


def inspect(path: Path, *, decode: BytesDecoder = decode) -> dict[str, Any]:
    """A report about the file at `path`, ready for JSON; never raises a ScanError."""
    report: dict[str, Any] = dict.fromkeys(("format", "width", "height", "frames", "modality"))
    report = {"file": str(path), "ok": False, **report, "warnings": [], "error": None}
    try:
        scan = decode(_load(path, LIMITS))
    except ScanError as error:
        return report | {"error": str(error)}
    names = ("format", "width", "height", "frames", "modality")
    found = {name: getattr(scan, name) for name in names}
    notes = list(scan.warnings)
    try:
        check_searchable(scan)
    except ScanError as error:
        notes.append(str(error))
    return report | found | {"ok": True, "warnings": notes}


def _load(path: File, limits: Limits) -> bytes:
    if isinstance(path, Part):
        return path.read_bytes()
    try:
        if path.is_dir():
            raise UnreadableScan("This is a folder; choose a file in it.")
        if not path.is_file():
            raise UnreadableScan("There is no such file; check the path.")
        check_file_bytes(path.stat().st_size, limits)
        return path.read_bytes()
    except (OSError, ValueError):
        raise UnreadableScan("The file cannot be opened; check its path and permissions.") from None


def _checked(scan: Scan, limits: Limits) -> Scan:
    check_frame_pixels(scan.height, scan.width, limits)
    extent(scan.pixels)
    return replace(scan, view=view.shrink(scan.view), warnings=_with_letters(scan))


def _with_letters(scan: Scan) -> tuple[str, ...]:
    """The warnings of a scan; only the surest of those on written text is kept."""
    if BURNED_IN in scan.warnings or not burned_in_text.are_written_in(scan.pixels):
        return scan.warnings
    return (*(note for note in scan.warnings if note != OFTEN_BURNED_IN), LETTERS)


def _decoder_for(data: bytes) -> Callable[[bytes, int | None, Limits], Scan]:
    """The decoder for the format of some bytes, called with data, frame and limits."""
    kind = signatures.kind_of(data)
    if not kind:
        raise UnsupportedScan(signatures.refusal(data))
    if kind != "DICOM":
        return decode_picture
    from retrieval.reading import dicom

    return dicom.decode
