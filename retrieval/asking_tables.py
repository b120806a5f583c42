"""Tables of how one asks and why: maps of evidence, refined lists, queries by region."""

from __future__ import annotations

from retrieval.results import FAITHFUL, REFINED, REGIONS, read_result, within
from retrieval.storage import Json
from retrieval.tables import difference, interval, table


def asking_tables() -> str:
    """Markdown tables of maps of evidence, refined lists and queries by region."""
    faithful = [
        [
            _archive_of(name),
            str(found["pairs"]),
            interval(found["deletion"]["better_than_random"]),
            interval(found["insertion"]["better_than_random"]),
        ]
        for name, found in _stored_in(FAITHFUL)
    ]
    refined = [
        [
            _archive_of(name),
            f"{found['queries']} ({found['queries_seen_in_training']} trained on)",
            interval(found["before"]),
            interval(found["after"]),
            difference(found["gain"]),
        ]
        for name, found in _stored_in(REFINED)
    ]
    regions = [
        [
            _archive_of(name),
            str(found["queries"]),
            interval(found["whole"]),
            interval(found["region"]),
            difference(found["difference"]),
        ]
        for name, found in _stored_in(REGIONS)
    ]
    return "\n\n".join(
        [
            table(
                ["Maps, archive", "Pairs (val)", "Deletion faster than random",
                 "Insertion faster than random"],
                faithful,
            ),
            table(
                ["Refined by two examples, archive", "Queries (val)", "P@10 before", "After",
                 "Gain"],
                refined,
            ),
            table(
                ["Asked by region, archive", "Boxed test slices", "P@10 of whole slices",
                 "Of regions", "Difference"],
                regions,
            ),
        ]
    )  # fmt: skip


def _stored_in(folder: str) -> list[tuple[str, Json]]:
    return [(name, read_result(name)) for name in within(folder)]


def _archive_of(name: str) -> str:
    return f"`{name.rsplit('/', 1)[1]}`"
