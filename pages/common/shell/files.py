"""What tells whether a file or a folder on disk has changed, for what is kept in memory of it."""

from __future__ import annotations

from pathlib import Path

Stamp = tuple[int, int, int] | None  # time of the last change in ns, bytes, inode


def stamp(path: Path) -> Stamp:
    """Another value whenever a file was replaced, or a folder got or lost a file; None if absent.

    Cheap enough to ask at every rerun, so that changes by other processes are seen.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
