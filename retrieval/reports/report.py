"""Put the stored evaluations as tables into a document, between its marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from retrieval.errors import EvaluationError
from retrieval.evaluation.results import (
    AUDITS,
    FROZEN,
    INTAKE,
    LENGTHS,
    PRINTED,
    SOURCES,
    TRADEOFFS,
    audits,
    read_result,
)
from retrieval.reports.asking_tables import asking_tables, tradeoff_table
from retrieval.reports.stored_tables import (
    results_table,
    seeds_table,
    similarity_table,
    trust_table,
)
from retrieval.reports.tables import (
    audit_table,
    intake_tables,
    lengths_tables,
    printed_table,
    sources_table,
)
from retrieval.reports.travel_table import travel_table
from retrieval.storage import replace_bytes

MADE = "made by python -m retrieval document results"
START = re.compile(rf"<!-- ([\w/-]+): {MADE} -->")
MARKED = re.compile(rf"({START.pattern}).*?(<!-- end of \2 -->)", re.DOTALL)
# The short table: the honest protocol, and the figures a reader asks for first.
SUMMARY = (
    "covid-ct-official",
    "travel/ct-sarscov2-in-sarscov2",
    "travel/ct-frozen-sarscov2-in-sarscov2",
    "travel/ct-sarscov2-in-covid-ct",
    "travel/ct-hu-in-covid-ct",
    "covid-ct-frozen-official",
    "covid-ct-paper-official",
    "pneumonia-xray-official",
    "pneumonia-xray-frozen-official",
    "pneumonia-xray-paper-official",
)
OF_SUMMARY = ("Queries", "P@1", "P@10", "P@50", "mAP", "Chance")
NAMED: dict[str, Callable[[], str]] = {
    "summary": lambda: results_table(SUMMARY, OF_SUMMARY),
    "results": results_table,
    "seeds": seeds_table,
    "similarity": similarity_table,
    "trust": trust_table,
    "asking": asking_tables,
    "travel": travel_table,
    "intake": lambda: intake_tables(read_result(INTAKE)),
    "printed": lambda: printed_table(
        {name: read_result(f"{PRINTED}{name}") for name in ("covid-ct", "covid-ct-paper")}
    ),
}


def with_results(text: str) -> str:
    """A document with every table between marks replaced by the current one.

    The marks of table NAME, "results" or a stored comparison such as
    "lengths/covid-ct-val", are `<!-- NAME: made by python -m retrieval document results -->`
    and `<!-- end of NAME -->`.
    """
    made, count = MARKED.subn(lambda part: f"{part[1]}\n{_named(part[2])}\n{part[3]}", text)
    if not count or count < len(START.findall(text)):
        raise EvaluationError(
            f"The document has no part between <!-- results: {MADE} --> and "
            "<!-- end of results -->, or one of its marks has no end; add both."
        )
    return made


def _named(table: str) -> str:
    if table.startswith(LENGTHS):
        return lengths_tables(read_result(table))
    if table.startswith(AUDITS):
        untrained = f"{table}{FROZEN}"
        beside = read_result(untrained) if untrained in audits() else None
        return audit_table(read_result(table), beside)
    if table.startswith(TRADEOFFS):
        return tradeoff_table(read_result(table))
    if table.startswith(SOURCES):
        return sources_table(read_result(table))
    if table in NAMED:
        return NAMED[table]()
    known = ", ".join(NAMED)
    raise EvaluationError(
        f"There is no table {table}; name {known}, {LENGTHS}NAME, {AUDITS}NAME, {TRADEOFFS}NAME or "
        f"{SOURCES}NAME."
    )


def update(path: Path) -> None:
    """Put the stored results into the document at `path`; EvaluationError if it is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{path} cannot be read as text; name a document in UTF-8.") from None
    replace_bytes(path, with_results(text).encode())
