"""Tables of evidence maps, refined lists and regions, and of precision against similarity."""

from __future__ import annotations

from retrieval.evaluation.results import FAITHFUL, MAPS, REFINED, REGIONS, read_result, within
from retrieval.reports.tables import difference, interval, table
from retrieval.storage import Json


def asking_tables() -> str:
    """Markdown tables of maps of evidence, refined lists and queries by region."""
    faithful = [
        [
            _archive_of(name),
            words,
            str(found["pairs"]),
            *(
                interval(found[kind][target][control]["faster"])
                for target in ("deletion", "insertion")
                for control in ("random", "displaced")
            ),
        ]
        for name, found in _stored_in(FAITHFUL)
        for kind, words in MAPS.items()
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
                ["Maps, archive", "Map", "Pairs (val)", "Deletion faster than random",
                 "Than the map displaced", "Insertion faster than random",
                 "Than the map displaced"],
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


def tradeoff_table(found: Json) -> str:
    """A Markdown table of precision and similarity by the number of learned bits."""
    head = [
        f"Learned bits of {found['bits']}",
        "P@10",
        "Own patient's slices found",
        "P@10 of subtypes",
        "Distinct codes",
    ]
    rows = []
    for point in found["points"]:
        alike = point["similarity"]
        own, finer = alike["own_patient"], alike["subtypes"]
        rows.append(
            [
                str(point["learned"]),
                interval(point["precision_at_10"]),
                interval(own["recall_at_10"]) if own else "",
                interval(finer["precision_at_10"]) if finer else "",
                f"{alike['distinct_codes']:.3f}",
            ]
        )
    return table(head, rows)


def _stored_in(folder: str) -> list[tuple[str, Json]]:
    return [(name, read_result(name)) for name in within(folder)]


def _archive_of(name: str) -> str:
    return f"`{name.rsplit('/', 1)[1]}`"
