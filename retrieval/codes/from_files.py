"""Pictures on disk -> features: decode, encode, one after the other, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.errors import DataError, ScanError
from retrieval.imaging.greys import FloatImage
from retrieval.reading.decode import named
from retrieval.reading.scan import Scan, check_searchable

Progress: TypeAlias = Callable[[int, int], None]  # pictures done, pictures in all
PathReader: TypeAlias = Callable[[Path], Scan]  # `decode.read`, or the same in a child process
LISTED = 10  # further files that a refusal names


def read_one(path: Path, read: PathReader) -> Scan:
    """Decode a file that is to be encoded; raises a ScanError with its name if it is too small."""
    scan = read(path)
    with named(path):
        check_searchable(scan)
    return scan


def _scans(paths: Sequence[Path], read: PathReader) -> Iterator[Scan]:
    """The files' scans in turn; the ScanError of the first refused file names all refused ones.

    So a folder of hundreds can be repaired at once.
    """
    for place, path in enumerate(paths):
        try:
            yield read_one(path, read)
        except ScanError as error:
            together = len({one.parent for one in paths}) == 1
            name, *others = [
                one.name if together else str(one)
                for one in (path, *(more for more in paths[place + 1 :] if _refused(more, read)))
            ]
            reason = str(error).removeprefix(path.name)
            raise type(error)(f"{name}{reason}{_as_well(others)}") from None


def _refused(path: Path, read: PathReader) -> bool:
    try:
        read_one(path, read)
    except ScanError:
        return True
    return False


def _as_well(others: Sequence[str]) -> str:
    if not others:
        return ""
    more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
    return f" Refused as well: {', '.join(others[:LISTED])}{more}."


def read_pixels(
    paths: Sequence[Path], read: PathReader, progress: Progress | None = None
) -> tuple[list[FloatImage], list[str]]:
    """Pixels, each (H, W) in [0, 1], and their checksums of every file; all are held at once."""
    pixels, checksums = [], []
    for done, scan in enumerate(_scans(paths, read), start=1):
        pixels.append(scan.pixels)
        checksums.append(scan.sha256)
        if progress is not None:
            progress(done, len(paths))
    return pixels, checksums


def encode_all(
    paths: Sequence[Path], model: Model, read: PathReader, progress: Progress | None = None
) -> tuple[Features, list[str]]:
    """Features (n, F) and pixel checksums (n) of every file; one scan is in memory at a time."""
    if not paths:
        raise DataError("There is no picture to encode; the folder marks all of them unused.")
    rows, checksums = [], []
    for done, scan in enumerate(_scans(paths, read), start=1):
        rows.append(model.encode([scan.pixels])[0])
        checksums.append(scan.sha256)
        if progress is not None:
            progress(done, len(paths))
    return np.stack(rows), checksums
