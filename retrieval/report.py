"""Stored evaluations as tables for the README and for papers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.errors import EvaluationError
from retrieval.storage import Json, replace_bytes

RESULTS = Path(__file__).resolve().parents[1] / "assets" / "results"
MADE = "made by python -m retrieval report"
START = re.compile(rf"<!-- ([\w/-]+): {MADE} -->")
MARKED = re.compile(rf"({START.pattern}).*?(<!-- end of \2 -->)", re.DOTALL)
LENGTHS = "lengths/"  # sub-folder of the stored comparisons of code lengths
DEPTHS = (1, 5, 10, 50)

# File in assets/results -> how a reader should understand it, the honest one first.
TABLES = {
    "covid-ct-paper-official": "`ct-paper` on COVID-CT, new patients (official test split)",
    "covid-ct-official": "`ct` on COVID-CT, new patients (official test split)",
    "covid-ct-paper-paper": "`ct-paper`, the source paper's protocol: in-sample, finds itself",
    "covid-ct-paper": "`ct`, the source paper's protocol: in-sample, finds itself",
    "sample-ct-paper-official": "`ct-paper` on the synthetic sample, new patients",
    "sample-ct-official": "`ct` on the synthetic sample, new patients",
}


def read_result(name: str) -> Json:
    """A stored result by its name, such as lengths/NAME; EvaluationError if there is none."""
    path = RESULTS / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise EvaluationError(
            f"There is no stored result {name}; make it with --json {path.name}."
        ) from None


def stored() -> list[str]:
    """Names of the stored evaluations, sorted."""
    return sorted(path.stem for path in RESULTS.glob("*.json"))


def results_table(names: Sequence[str] = tuple(TABLES)) -> str:
    """A Markdown table of stored evaluations, each figure with its 95 % interval."""
    head = ["Evaluation", "Queries", *(f"P@{k}" for k in DEPTHS), "mAP", "AP@5 (paper's)", "Chance"]
    rows = []
    for name in names:
        result = read_result(name)
        at_k = result["at_k"]
        cells = [
            TABLES[name],
            f"{result['queries']} against {result['archive']['count']}",
            *(interval(at_k[str(k)]["precision"]) for k in DEPTHS),
            interval(result["map"]),
            interval(at_k["5"]["ap_paper"]),
            f"{result['chance']:.3f}",
        ]
        rows.append(cells)
    return _table(head, rows)


def interval(figure: Json) -> str:
    """A figure as "0.512 [0.471, 0.550]"."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def lengths_table(result: Json, name: str) -> str:
    """A Markdown table of one figure (P@1, P@10, P@50 or mAP): a row a length, a column a choice.

    `result` is what `lengths --json` writes. Random columns are given as their
    mean and, in brackets, the standard deviation over the draws.
    """

    def row(found: Json) -> list[str]:
        random = found["random"]
        deviation = _figure(random["spread"]["deviation"], name)
        return [
            *(_value(found[choice]["bits"], name) for choice in ("MID", "MIQ", "FCQ", "variance")),
            f"{_value(random['bits'], name)} ({deviation:.3f})",
            difference(_figure(found["MID"]["minus_random"], name)),
        ]

    head = ["Bits", "MID", "MIQ", "FCQ", "Variance", "Random", "MID - random"]
    return _table(head, [[_length(bits, result), *row(f)] for bits, f in result["lengths"].items()])


def floats_table(result: Json, name: str, choice: str = "MID") -> str:
    """A Markdown table of one figure of one choice's bits and of the same columns real-valued.

    The last two columns are the shares of distinct codes, of this choice and of random columns.
    """

    def row(found: Json) -> list[str]:
        chosen = found[choice]
        return [
            _value(chosen["bits"], name),
            *(_value(figures, name) for figures in chosen["floats"].values()),
            *(difference(_figure(less, name)) for less in chosen["minus_floats"].values()),
            *(f"{side['distinct']:.3f}" for side in (chosen, found["random"])),
        ]

    distances = [*next(iter(result["lengths"].values()))[choice]["floats"]]
    less = [f"Bits - {distance}" for distance in distances]
    head = ["Bits", choice, *distances, *less, "Distinct", "Random distinct"]
    return _table(head, [[_length(bits, result), *row(f)] for bits, f in result["lengths"].items()])


def lengths_tables(result: Json) -> str:
    """P@10 and mAP of a comparison of code lengths, each with a line that says what it is."""
    return "\n\n".join(
        f"{name} of `{result['model']['name']}`, {result['queries']} queries "
        f"(split {' + '.join(result['splits'])}) against {result['archive']['count']} cases, "
        f"chance {result['chance']:.3f}:\n\n"
        f"{lengths_table(result, name)}"
        for name in ("P@10", "mAP")
    )


def _figure(found: Json, name: str) -> Any:
    """The part of a result that is about P@k or mAP."""
    return found["map"] if name == "mAP" else found["at_k"][name.removeprefix("P@")]["precision"]


def _value(found: Json, name: str) -> str:
    return f"{_figure(found, name)['value']:.3f}"


def _length(bits: str, result: Json) -> str:
    return f"{bits} (all)" if int(bits) == result["features"] else bits


def difference(figure: Json) -> str:
    """A difference as "+0.012 [-0.020, +0.042]"; never -0.000."""
    return "{value:+z.3f} [{low:+z.3f}, {high:+z.3f}]".format(**figure)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def trust_line(trust: Json) -> str:
    """What a measured calibration amounts to, in one line."""
    error, surest = trust["calibration_error"], trust["risk_coverage"]
    p_at_10 = {round(100 * point["coverage"]): point["p_at_10"] for point in surest}
    how = "cross-validated" if trust["cross_validated_queries"] else "held out"
    return (
        f"Chances ({trust['queries']} queries, {how}): "
        f"log loss {trust['log_loss']['value']:.3f} (plain shares "
        f"{trust['log_loss_of_shares']['value']:.3f}), Brier {trust['brier']['value']:.3f} "
        f"({trust['brier_of_shares']['value']:.3f}), calibration error {error['value']:.3f} "
        f"(true chances: {error['perfect_low']:.3f} to {error['perfect_high']:.3f}); "
        f"P@10 {p_at_10[100]:.3f} of all, {p_at_10[80]:.3f} of the surest 80 %, "
        f"gain {interval(trust['gain_at_80'])}."
    )


def with_results(text: str) -> str:
    """A document with every part between marks of a table made anew.

    The marks of table NAME, "results" or a stored comparison such as
    "lengths/covid-ct-val", are `<!-- NAME: made by python -m retrieval report -->`
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
    if table == "results":
        return results_table()
    if table.startswith(LENGTHS):
        return lengths_tables(read_result(table))
    raise EvaluationError(f"There is no table {table}; name results or {LENGTHS}NAME.")


def update(path: Path) -> None:
    """Put the stored results into the document at `path`."""
    replace_bytes(path, with_results(path.read_text(encoding="utf-8")).encode())
