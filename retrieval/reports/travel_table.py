"""The table of `study travel`: other hospitals' slices, searched without training again."""

from __future__ import annotations

from retrieval.evaluation.results import TRAVELS, read_result, within
from retrieval.reports.tables import difference, interval, table
from retrieval.storage import Json

FEW_DEPTHS = ("1", "10")
MASKED = "mask-both"


def travel_table() -> str:
    """A Markdown table of the stored results, a row each."""
    head = ["Model", "Queries", "Against", *(f"P@{k}" for k in FEW_DEPTHS), "mAP", "Chance",
            "P@10 of each finding (chance)", "P@10, text and borders masked"]  # fmt: skip
    return table(head, [_row(read_result(name)) for name in within(TRAVELS)])


def _row(result: Json) -> list[str]:
    return [
        f"`{result['model']['name']}`",
        source(result["asked"]),
        against(result),
        *(interval(result["at_k"][k]["precision"]) for k in FEW_DEPTHS),
        interval(result["map"]),
        f"{result['chance']:.3f}",
        ", ".join(_finding(word, part) for word, part in result["per_label"].items()),
        _masked(result),
    ]


def _masked(result: Json) -> str:
    if MASKED not in result["changes"]:
        return ""
    effect = result["changes"][MASKED]
    return f"{effect['precision_at_10']['value']:.3f} ({difference(effect['difference'])})"


def _finding(word: str, part: Json) -> str:
    """P@10 of the queries with one label, and its chance; in bold if it is below chance."""
    precision = part["at_k"]["10"]["precision"]["value"]
    text = f"{word} {precision:.3f} ({part['chance']:.3f})"
    return f"**{text}**" if below_chance(part) else text


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
