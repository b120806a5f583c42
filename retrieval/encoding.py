"""Pictures on disk -> features: decode, encode, one after the other, with progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from retrieval.errors import DataError
from retrieval.greys import FloatImage
from retrieval.hashing import Features
from retrieval.model import Model
from retrieval.scans import Scan, check_searchable, named

Progress = Callable[[int, int], None]  # pictures done, pictures in all
Reader = Callable[[Path], Scan]


def read_one(path: Path, read: Reader) -> Scan:
    """Decode a file that is to be encoded; one that is too small for that is refused by name."""
    scan = read(path)
    with named(path):
        check_searchable(scan)
    return scan


def read_pixels(
    paths: Sequence[Path], read: Reader, progress: Progress | None = None
) -> tuple[list[FloatImage], list[str]]:
    """Pixels, each (H, W) in [0, 1], and their checksums of every file; all are held at once."""
    pixels, checksums = [], []
    for done, path in enumerate(paths, start=1):
        scan = read_one(path, read)
        pixels.append(scan.pixels)
        checksums.append(scan.sha256)
        if progress is not None:
            progress(done, len(paths))
    return pixels, checksums


def encode_all(
    paths: Sequence[Path], model: Model, read: Reader, progress: Progress | None = None
) -> tuple[Features, list[str]]:
    """Features (n, F) and pixel checksums (n) of every file; one scan in memory at a time."""
    if not paths:
        raise DataError("There is no picture to encode; the folder marks all of them unused.")
    rows, checksums = [], []
    for done, path in enumerate(paths, start=1):
        scan = read_one(path, read)
        rows.append(model.encode([scan.pixels])[0])
        checksums.append(scan.sha256)
        if progress is not None:
            progress(done, len(paths))
    return np.stack(rows), checksums
