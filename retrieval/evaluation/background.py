"""An evaluation in a process of its own: watched, and stopped at will.

It is the command `evaluate --json` itself, so whoever starts it gets what the
command line writes, and what else the machine serves goes on meanwhile.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import EvaluationError
from retrieval.evaluation.results import read_file
from retrieval.storage import Json

TIME_LIMIT = 15 * 60.0  # seconds; thousands of stored cases take one minute
ROOT = Path(__file__).resolve().parents[2]
COUNTED = re.compile(r"(\w+) (\d+) of (\d+)")


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluation under way, or over; it ends with what started it, and its files with it."""

    protocol: str
    process: subprocess.Popen[bytes]
    files: tempfile.TemporaryDirectory[str]
    limit: threading.Timer

    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.process.poll() is not None

    def progress(self) -> tuple[int, int]:
        """Queries ranked and queries in all, as last said; (0, 0) before the first word."""
        said = COUNTED.findall(self._said())
        return (int(said[-1][1]), int(said[-1][2])) if said else (0, 0)

    def stop(self) -> None:
        """End it at once."""
        _kill(self.process)
        self.process.wait()

    def result(self) -> Json:
        """What `evaluate --json` wrote; EvaluationError with its own sentence if it failed."""
        if self.process.poll() != 0:
            lines = self._said().strip().splitlines()
            said = lines[-1] if lines and not COUNTED.match(lines[-1]) else ""
            raise EvaluationError(said or "The evaluation was stopped before its end.")
        return read_file(self._folder / "result.json")

    def close(self) -> None:
        """Stop it if it is still under way, and remove its files."""
        self.limit.cancel()
        if self.process.poll() is None:
            self.stop()
        self.files.cleanup()

    @property
    def _folder(self) -> Path:
        return Path(self.files.name)

    def _said(self) -> str:
        return (self._folder / "said").read_text(encoding="utf-8", errors="replace")


def start_evaluation(archive: Path, protocol: str, split: str = "") -> Run:
    """Start `evaluate` of an archive's stored cases, of one split or of all."""
    files = tempfile.TemporaryDirectory(prefix="evaluation-")
    folder, where = Path(files.name), str(archive.resolve())
    command = [sys.executable, "-m", "retrieval", "evaluate", where]
    command += ["--queries", where, "--protocol", protocol]
    command += ["--split", split] if split else []
    command += ["--json", str(folder / "result.json")]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
    limit = threading.Timer(TIME_LIMIT, _kill, [process])
    limit.daemon = True
    limit.start()
    run = Run(protocol, process, files, limit)
    weakref.finalize(run, _kill, process)  # also when the interpreter ends
    return run


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
