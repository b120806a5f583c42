"""Stored evaluations as tables for the README and for papers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from retrieval.errors import EvaluationError
from retrieval.storage import Json, replace_bytes

RESULTS = Path(__file__).resolve().parents[1] / "assets" / "results"
START, END = "<!-- results: made by python -m retrieval report -->", "<!-- end of results -->"
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
    """A stored evaluation by its name; EvaluationError if there is none."""
    path = RESULTS / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise EvaluationError(
            f"There is no stored result {name}; make it with evaluate --json {path.name}."
        ) from None


def stored() -> list[str]:
    """Names of the stored evaluations, sorted."""
    return sorted(path.stem for path in RESULTS.glob("*.json"))


def results_table(names: Sequence[str] = tuple(TABLES)) -> str:
    """A Markdown table of stored evaluations, each figure with its 95 % interval."""
    head = ["Evaluation", "Queries", *(f"P@{k}" for k in DEPTHS), "mAP", "AP@5 (paper's)", "Chance"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
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
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(figure: Json) -> str:
    """A figure as "0.512 [0.471, 0.550]"."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


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
    """A document with the part between its result marks made anew."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise EvaluationError(f"The document has no part between {START} and {END}; add both.")
    return f"{before}{start}\n{results_table()}\n{end}{after}"


def update(path: Path) -> None:
    """Put the stored results into the document at `path`."""
    replace_bytes(path, with_results(path.read_text(encoding="utf-8")).encode())
