"""Tables of `study travel`: other hospitals' slices, searched without training again."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.evaluation.results import TRAVELS, read_result, within
from retrieval.reports.tables import difference, interval, table
from retrieval.storage import Json

FEW_DEPTHS = ("1", "10")
MASKED = "mask-both"


def travel_tables() -> str:
    """Two Markdown tables of the stored results: of all queries, and of each finding."""
    found = [read_result(name) for name in within(TRAVELS)]
    return f"{_overall(found)}\n\n{_by_finding(found)}"


def _overall(found: Sequence[Json]) -> str:
    head = ["Model", "Queries", "Against", *(f"P@{k}" for k in FEW_DEPTHS), "mAP", "Chance",
            "P@10, text and borders masked"]  # fmt: skip
    rows = [
        [
            *_titles(result),
            *(interval(result["at_k"][k]["precision"]) for k in FEW_DEPTHS),
            interval(result["map"]),
            f"{result['chance']:.3f}",
            _masked(result),
        ]
        for result in found
    ]
    return table(head, rows)


def _masked(result: Json) -> str:
    if MASKED not in result["changes"]:
        return ""
    effect = result["changes"][MASKED]
    return f"{effect['precision_at_10']['value']:.3f} ({difference(effect['difference'])})"


def _by_finding(found: Sequence[Json]) -> str:
    head = ["Model", "Queries", "Against", "Finding", "Counts as", "P@10", "Chance", ""]
    rows = [
        [
            *_titles(result),
            f"{word} ({part['queries']})",
            result["axis"][word],
            interval(part["at_k"]["10"]["precision"]),
            f"{part['chance']:.3f}",
            "below chance" if below_chance(part) else "",
        ]
        for result in found
        for word, part in result["per_label"].items()
    ]
    return table(head, rows)


def _titles(result: Json) -> list[str]:
    return [f"`{result['model']['name']}`", source(result["asked"]), against(result)]


def source(found: Json) -> str:
    """A source as "covid-ct (118, val; trained on 118)"."""
    parts = [str(found["count"])]
    if found["splits"]:
        parts.append(" + ".join(found["splits"]))
    trained = f"; trained on {found['trained_on']}" if found["trained_on"] else ""
    return f"{found['name']} ({', '.join(parts)}{trained})"


def against(result: Json) -> str:
    """The sources of the gallery, and whether a query's own patient is left out of them."""
    sources = " and ".join(source(one) for one in result["archive"]["sources"])
    own_out = result["fewest_ranked"] < result["archive"]["count"]
    return f"{sources}, own patient left out" if own_out else sources


def below_chance(part: Json) -> bool:
    """Whether P@10 of these queries is lower than that of a random list."""
    return bool(part["at_k"]["10"]["precision"]["value"] < part["chance"])
