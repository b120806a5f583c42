"""The evaluations that ship in assets/results, read back as they were written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from retrieval.errors import EvaluationError
from retrieval.statistics.reliability import OF_TRUST
from retrieval.storage import Json, replace_json, require_file

PACKAGE = Path(__file__).resolve().parents[1]
RESULTS = PACKAGE.parent / "assets" / "results"
LENGTHS = "lengths/"  # sub-folder of the comparisons of code lengths
AUDITS = "audit/"  # of the answers to changed pictures
SOURCES = "sources/"  # of queries by where they come from
TRADEOFFS = "tradeoff/"  # of label against likeness
TRAVELS = "travel/"  # of sources that a model was not made for
SEEDS = "seeds/"  # of repetitions with other seeds, NAME-SEED
FROZEN = "-frozen"  # ends the name of what was measured of features that nothing was taught
INTAKE = "intake"  # of the input checks
FAITHFUL = "faithfulness/"  # of the maps of evidence
MAPS = {"exact": "by exact shares", "covering": "by covering"}  # as its tables call them
REFINED = "refinement/"  # of lists refined by two examples
REGIONS = "regions/"  # of queries by a boxed region
CODE_LENGTH = 16
DECIMALS = 6  # of a stored fraction
CURVE = range(5, 51)  # matches shown, as the source paper counts
DRAWN = {  # `curves.DRAWINGS` and their titles
    "precision": "Precision by number of matches",
    "all-figures": "All figures by number of matches",
    "precision-recall": "Precision against recall",
    "reliability": "Stated chances and what came true",
    "coverage": "Precision of the surest queries",
}
KEPT = "RETRIEVAL_RESULTS"  # names the folder where a served app keeps what it measures
PRINTED = "printed/"  # and of the paper's own queries


def code_id() -> str:
    """A digest of this package's source, for a result to say which code made it.

    Of every module's path and text; line ends count alike on every system.
    """
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py"), key=lambda path: path.relative_to(PACKAGE).parts):
        found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        found.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()[:CODE_LENGTH]


RUNNING = code_id()  # of the code as it was loaded: files may change while a long job runs


def require_place(path: Path) -> None:
    """Refuse a place that no result can be written to, before the long work."""
    require_file(path, EvaluationError)


def write_result(path: Path, found: Json) -> None:
    """Write a result to a file, with the code that made it.

    Numbers are rounded to six decimal places, hundreds of times finer than any table prints.
    """
    replace_json(path, rounded({**found, "code": {"id": RUNNING}}), compact=True)


def rounded(value: Any) -> Any:
    """A JSON value with its fractions rounded to DECIMALS places."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def reach(result: Json) -> int:
    """The most matches that every query of an evaluation can have.

    Figures at more would count places that nothing can fill. Results written before they
    said so (`fewest_ranked`) are taken to have left out no more than the query's own picture.
    """
    left_out = result["protocol"] == "own-patient-out"
    return int(result.get("fewest_ranked", result["archive"]["count"] - left_out))


def reachable(result: Json, numbers: Iterable[int]) -> list[int]:
    """Those numbers of matches that an evaluation's queries can have."""
    return [k for k in numbers if k <= reach(result)]


def drawable(result: Json, names: Iterable[str] = tuple(DRAWN)) -> list[str]:
    """Those of the drawings that an evaluation has figures for."""
    needed = {"precision": CURVE, "all-figures": CURVE, "precision-recall": [1]}
    return [
        name
        for name in names
        if (name not in OF_TRUST or "trust" in result)
        and (name not in needed or reachable(result, needed[name]))
    ]


def read_result(name: str) -> Json:
    """A stored result by its name, such as lengths/NAME; EvaluationError if there is none."""
    path = RESULTS / f"{name}.json"
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        raise EvaluationError(
            f"There is no stored result {name}; make it with --json {path.name}."
        ) from None


def read_file(path: Path) -> Json:
    """A result from a file; EvaluationError if it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise EvaluationError(f"{path} cannot be read as a result; make it with evaluate --json.")
    return found


def stored() -> list[str]:
    """Names of the stored evaluations, sorted."""
    return sorted(path.stem for path in RESULTS.glob("*.json"))


def keep(found: Json) -> None:
    """Copy a written evaluation to the folder for such, if one is named, over an earlier one."""
    if folder := os.environ.get(KEPT):
        file = f"{found['archive']['id']}-{found['protocol']}.json"
        replace_json(Path(folder) / file, found)


def kept_files(archive_id: str) -> list[Path]:
    """Files of the evaluations of an archive that were kept, by protocol."""
    folder = os.environ.get(KEPT)
    return sorted(Path(folder).glob(f"{archive_id}-*.json")) if folder else []


def seeds(name: str) -> list[str]:
    """Names of the stored repetitions of an evaluation with other seeds, sorted."""
    return sorted(f"{SEEDS}{path.stem}" for path in (RESULTS / SEEDS).glob(f"{name}-[0-9]*.json"))


def within(folder: str) -> list[str]:
    """Names of the results stored in a sub-folder, such as `REGIONS`, sorted."""
    return sorted(f"{folder}{path.stem}" for path in (RESULTS / folder).glob("*.json"))


def audits() -> list[str]:
    """Names of the stored audits of changed pictures, sorted."""
    return within(AUDITS)
