"""Time the pages on the server: what a first paint and a rerun cost, and what they open again.

A visitor without a browser (`pages.common.shell.visitor`) runs in a process of its own, since
this package knows no pages. Beside another checkout two of them take turns, so that a busy
neighbour slows both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from retrieval.archives.archive import open_archive
from retrieval.errors import EvaluationError, SettingError
from retrieval.storage import Json

ROOT = Path(__file__).resolve().parents[2]
VISITOR = ROOT / "pages" / "common" / "shell" / "visitor.py"
ROUNDS = 15
COUNTS = ("opened", "read", "cards")
OTHER_PAGES = ("teach.py", "browse.py", "evaluation.py", "archive.py", "method.py")


@dataclass(frozen=True, eq=False)
class Visit:
    """A visitor of one checkout's pages, in a process of its own."""

    checkout: Path
    process: subprocess.Popen[str]
    said: IO[str]

    def do(self, step: str) -> Json:
        """What a step cost; EvaluationError if the page failed or the visitor is gone."""
        pipes = self.process
        assert pipes.stdin is not None and pipes.stdout is not None
        with suppress(OSError):  # it is gone, and says nothing below
            pipes.stdin.write(f"{step}\n")
            pipes.stdin.flush()
        line = pipes.stdout.readline()
        if not line:
            raise EvaluationError(f"The pages in {self.checkout} stopped: {self._last_words()}.")
        answer: Json = json.loads(line)
        if answer["failed"]:
            raise EvaluationError(f"A page in {self.checkout} failed: {answer['failed'][0]}")
        return answer

    def _last_words(self) -> str:
        self.said.seek(0)
        lines = self.said.read().strip().splitlines()
        return lines[-1].rstrip(".") if lines else "it gave no reason"


@contextmanager
def visiting(checkout: Path, scan: Path, archive: str) -> Iterator[Visit]:
    """A visitor who searches `scan`, in the archive of this title; it ends with the block."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(
            [sys.executable, "-P", str(VISITOR), str(scan), archive],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        try:
            yield Visit(checkout, process, said)
        finally:
            process.kill()


def run(
    scan: Path | None = None,
    archive: str = "",
    beside: Path | None = None,
    rounds: int = ROUNDS,
) -> list[Json]:
    """One row for the first paint, a rerun with matches, and a rerun of each other page.

    scan : the picture that is searched, by default a shipped sample. archive : the title of the
    archive on the pages, by default the first. beside : another checkout to take turns with.

    A row has `what`, medians of `rounds` as `ms`, `opened` (archives) and `read` (manifests),
    `cards` (matches shown), and of another checkout the same as `beside` and how many times
    longer it takes as `ratio`.
    """
    if rounds < 1:
        raise SettingError(f"Cannot time {rounds} rounds; ask for at least 1.")
    checkouts = [ROOT, *([_checkout(beside)] if beside else [])]
    with ExitStack() as stack:
        picture = _picture(scan, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        visits = [stack.enter_context(visiting(one, picture, archive)) for one in checkouts]
        return _rows(visits, rounds)


def sentence(row: Json) -> str:
    """A row in words."""
    said = f"{row['what']}: {_cost(row)}"
    if "beside" not in row:
        return said
    return f"{said}; beside: {_cost(row['beside'])}; ratio {row['ratio']:.1f}"


def _rows(visits: Sequence[Visit], rounds: int) -> list[Json]:
    _turns(visits, "paint", 1)  # loads what every later one finds in memory
    rows = [_row("first paint", _turns(visits, "paint", rounds))]
    _turns(visits, "upload", 1)
    _turns(visits, "rerun", 1)
    rows.append(_row("rerun with matches", _turns(visits, "rerun", rounds)))
    if not rows[-1]["cards"]:
        raise EvaluationError("The search showed no match; name another scan.")
    for page in OTHER_PAGES:
        _turns(visits, page, 1)
        rows.append(_row(f"rerun of {page}", _turns(visits, "rerun", rounds)))
    return rows


def _turns(visits: Sequence[Visit], step: str, rounds: int) -> list[Json]:
    """For each visit the medians of what a step cost."""
    taken: list[list[Json]] = [[] for _ in visits]
    for _ in range(rounds):
        for costs, visit in zip(taken, visits, strict=True):
            costs.append(visit.do(step))
    return [
        {key: float(np.median([cost[key] for cost in costs])) for key in ("ms", *COUNTS)}
        for costs in taken
    ]


def _row(what: str, costs: Sequence[Json]) -> Json:
    ours, *others = costs
    found = {"what": what, **ours}
    for other in others:
        found |= {"beside": other, "ratio": other["ms"] / ours["ms"]}
    return found


def _cost(row: Json) -> str:
    return f"{row['ms']:.0f} ms, {row['opened']:g} archives opened, {row['read']:g} manifests read"


def _picture(scan: Path | None, folder: Path) -> Path:
    """The file to search, by default the first drawn CT slice, written to `folder`."""
    if scan is None:
        return _first_drawn(folder / "drawn.png")
    if not scan.is_file():
        raise SettingError(f"{scan} is no file; name a picture to search.")
    return scan.resolve()


def _first_drawn(path: Path) -> Path:
    archive = open_archive("sample-ct")
    file = archive.picture(archive.catalogue.entries([0])[0])
    if file is None:
        raise EvaluationError("The drawn pictures are not here; name a picture with --scan.")
    path.write_bytes(file.read_bytes())
    return path


def _checkout(folder: Path) -> Path:
    if not (folder / "pages" / "frame.py").is_file():
        raise SettingError(f"{folder} is no checkout of this project; it has no pages/frame.py.")
    return folder.resolve()
