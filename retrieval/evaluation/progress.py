"""Progress of a command as data: lines of JSON in a file, for whoever started the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "RETRIEVAL_PROGRESS"  # of the environment of a command; names the file


@dataclass(frozen=True)
class Step:
    """How far a command is: `done` of `total` things; `what` is a word for what was done."""

    what: str
    done: int
    total: int


def counter(path: Path, what: str) -> Callable[..., None]:
    """A function of done and total that appends a Step to a file at each call."""

    def append(done: int, total: int, *_: object) -> None:
        with path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(Step(what, int(done), int(total)))) + "\n")

    return append


def latest(path: Path) -> Step | None:
    """The Step of the last whole line of a file; None before there is one."""
    if not path.exists():
        return None
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return Step(**json.loads(whole.splitlines()[-1])) if whole else None
