"""A command of the command line in a process of its own: watched, and stopped at will.

It is the command itself with --json, so whoever starts it gets what the command
line writes, and what else the machine serves goes on meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import EvaluationError
from retrieval.evaluation.progress import VARIABLE, Step, latest
from retrieval.evaluation.results import read_file
from retrieval.storage import Json

TIME_LIMIT = 15 * 60.0  # seconds; thousands of stored cases take one minute
ROOT = Path(__file__).resolve().parents[2]
RESULT, PROGRESS, SAID = "result.json", "progress.jsonl", "said"  # the files of a run


@dataclass(frozen=True, eq=False)
class Run:
    """One command under way, or over; it ends with what started it, and its files with it."""

    process: subprocess.Popen[bytes]
    files: tempfile.TemporaryDirectory[str]
    limit: threading.Timer

    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.process.poll() is not None

    def progress(self) -> Step | None:
        """How far it is; None before its first step."""
        return latest(self._folder / PROGRESS)

    def stop(self) -> None:
        """End it at once."""
        _kill(self.process)
        self.process.wait()

    def result(self) -> Json:
        """What it wrote with --json; EvaluationError with its own sentence if it failed."""
        if self.process.poll() != 0:
            said = (self._folder / SAID).read_text(encoding="utf-8", errors="replace")
            lines = said.strip().splitlines() or ["The measurement was stopped before its end."]
            raise EvaluationError(lines[-1])
        return read_file(self._folder / RESULT)

    def close(self) -> None:
        """Stop it if it is still under way, and remove its files."""
        self.limit.cancel()
        if self.process.poll() is None:
            self.stop()
        self.files.cleanup()

    @property
    def _folder(self) -> Path:
        return Path(self.files.name)


def start_evaluation(archive: Path, protocol: str, split: str = "") -> Run:
    """Start `evaluate` of an archive's stored cases, of one split or of all."""
    where = str(archive.resolve())
    of_split = ["--split", split] if split else []
    return _started(["evaluate", where, "--queries", where, "--protocol", protocol, *of_split])


def start_comparison(archive: Path, other: Path, protocol: str) -> Run:
    """Start `side-by-side` of two archives."""
    places = [str(folder.resolve()) for folder in (archive, other)]
    return _started(["side-by-side", *places, "--protocol", protocol])


def _started(arguments: Sequence[str]) -> Run:
    """Start a command that takes --json, given without it."""
    files = tempfile.TemporaryDirectory(prefix="measurement-")
    folder = Path(files.name)
    with (folder / SAID).open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "retrieval", *arguments, "--json", str(folder / RESULT)],
            cwd=ROOT,
            env={**os.environ, VARIABLE: str(folder / PROGRESS)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    limit = threading.Timer(TIME_LIMIT, _kill, [process])
    limit.daemon = True
    limit.start()
    run = Run(process, files, limit)
    weakref.finalize(run, _kill, process)  # also when the interpreter ends
    return run


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
