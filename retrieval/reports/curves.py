"""Curves of an evaluation for print: black on white, distinguishable without colour.

Each function takes a result as `evaluate --json` (or `lengths`, `audit`) writes it and
returns a figure; `rows_of` returns its figures as a table. Colours are those of the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from retrieval.evaluation.results import CURVE, drawable, reachable
from retrieval.reports import colours, spreadsheet
from retrieval.reports.printing import as_bytes, print_style
from retrieval.storage import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (6.3, 3.9)  # inches: the width of a page's text
COLOURS = (colours.ALL_QUERIES, *colours.LABELS)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
NAMES = {
    "precision": "Precision",
    "recall": "Recall",
    "f_score": "F-score",
    "ap": "AP, divided by the most hits possible",
    "ap_paper": "AP, divided by the hits found (paper)",
}
LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
Rows: TypeAlias = list[tuple[str, ...]]
Numbers: TypeAlias = npt.NDArray[np.float64]


def precision(result: Json) -> Figure:
    """Precision at k = 5 to 50 with its 95 % band, each label's, and a random order's."""
    with print_style():
        figure, axes = _axes("Matches shown, k", "Precision")
        ks = _numbers(result)
        values, low, high = _series(result, "precision", ks)
        axes.fill_between(ks, low, high, color="0.82", linewidth=0, label="95 % interval")
        _line(axes, ks, values, 0, "All queries")
        for place, (label, found) in enumerate(sorted(result["per_label"].items()), start=1):
            _line(axes, ks, _series(found, "precision", ks)[0], place, f"Queries: {label}")
        axes.axhline(result["chance"], color="0.45", linewidth=1, linestyle=(0, (1, 3)))
        axes.text(ks[-1], result["chance"], "random order ", size=8, ha="right", va="bottom")
        axes.set_ylim(0, 1.02)
        axes.legend(loc="lower left", ncols=2, fontsize=8)
    return figure


def all_figures(result: Json) -> Figure:
    """Precision, recall, F-score and both APs at k = 5 to 50, each with its band."""
    with print_style():
        figure = Figure(figsize=(SIZE[0], 7.2), layout="constrained")
        ks = _numbers(result)
        names = measured(result)
        panels = figure.subplots(3, 2).ravel().tolist()
        for unused in panels[len(names) :]:
            unused.set_axis_off()
        for axes, name in zip(panels, names, strict=False):
            values, low, high = _series(result, name, ks)
            axes.fill_between(ks, low, high, color="0.82", linewidth=0)
            axes.plot(ks, values, color="black")
            axes.set_title(NAMES[name], size=9)
            axes.set_xlabel("k")
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.set_ylim(0, max(float(high.max()) * 1.1, 0.05) if name != "precision" else 1.02)
            _plain(axes)
    return figure


def precision_recall(result: Json) -> Figure:
    """Precision against recall over the first 100 matches, of all queries and of each label's."""
    with print_style():
        figure, axes = _axes("Recall", "Precision")
        groups = {"All queries": result} | {
            f"Queries: {label}": found for label, found in sorted(result["per_label"].items())
        }
        for place, (title, found) in enumerate(groups.items()):
            at_k = [found["at_k"][str(k)] for k in reachable(result, range(1, 101))]
            recall = np.array([one["recall"]["value"] for one in at_k])
            values = np.array([one["precision"]["value"] for one in at_k])
            _line(axes, recall, values, place, title)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(0, 1.02)
        axes.legend(loc="lower left", fontsize=8)
    return figure


def reliability(result: Json) -> Figure:
    """Stated chance of the likeliest label against the share that came true, 95 % intervals."""
    with print_style():
        figure, axes = _axes("Stated chance of the likeliest label", "Share that came true")
        points = result["trust"]["reliability"]
        observed = np.array([point["observed"] for point in points])
        ends = [
            observed - [point["low"] for point in points],
            np.array([point["high"] for point in points]) - observed,
        ]
        axes.plot([0, 1], [0, 1], color="0.45", linewidth=1, linestyle=(0, (1, 3)))
        axes.errorbar(
            [point["mean_chance"] for point in points], observed, yerr=np.maximum(ends, 0),
            color="black", fmt="o", markersize=5, capsize=3, linewidth=1,
        )  # fmt: skip
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
    return figure


def coverage(result: Json) -> Figure:
    """P@10 of the queries answered, by their share, the surest first."""
    with print_style():
        figure, axes = _axes("Share of the queries answered, surest first", "Precision at 10")
        points = result["trust"]["risk_coverage"]
        axes.plot(
            [point["coverage"] for point in points],
            [point["p_at_10"] for point in points],
            color="black",
        )
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(0, 1.02)
    return figure


def code_lengths(comparison: Json) -> Figure:
    """P@10 by length of the code: chosen by mRMR, by variance, and at random with its spread."""
    with print_style():
        figure, axes = _axes("Bits of a code", "Precision at 10")
        lengths = [int(length) for length in comparison["lengths"]]
        found = [comparison["lengths"][str(length)] for length in lengths]
        random = np.array([_at_10(one["random"]) for one in found])
        spread = [one["random"]["spread"]["deviation"]["at_k"]["10"]["precision"] for one in found]
        axes.fill_between(
            lengths, random - spread, random + spread, color="0.85", linewidth=0,
            label="Random, standard deviation",
        )  # fmt: skip
        for place, name in enumerate(("MID", "variance")):
            title = {"MID": "mRMR (MID)", "variance": "Variance"}[name]
            _line(axes, lengths, np.array([_at_10(one[name]) for one in found]), place, title)
        _line(axes, lengths, random, 2, "Random")
        axes.set_xscale("log", base=2)
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.axhline(comparison["chance"], color="0.45", linewidth=1, linestyle=(0, (1, 3)))
        axes.legend(fontsize=8)
    return figure


def _at_10(chosen: Json) -> float:
    return float(chosen["bits"]["at_k"]["10"]["precision"]["value"])


def measured(result: Json) -> list[str]:
    """Which of `NAMES` a result holds; older results lack newer figures."""
    return [name for name in NAMES if name in result["at_k"]["1"]]


def head_of(result: Json) -> tuple[str, ...]:
    """The head of `rows_of`."""
    ends = ("", "_low", "_high")
    return ("k", *(f"{name}{end}" for name in measured(result) for end in ends))


def rows_of(result: Json, ks: Sequence[int] = tuple(range(1, 101))) -> Rows:
    """Every figure with its interval at each k, as text of six digits, below `head_of`."""
    rows = []
    for k in reachable(result, ks):
        found = result["at_k"][str(k)]
        cells = [found[name][end] for name in measured(result) for end in ("value", "low", "high")]
        rows.append((str(k), *(f"{cell:.6f}" for cell in cells)))
    return rows


def as_csv(head: Sequence[str], rows: Rows) -> bytes:
    """A table as CSV."""
    return spreadsheet.as_csv([head, *rows])


def as_latex(head: Sequence[str], rows: Rows) -> bytes:
    """A table as LaTeX, with booktabs' rules."""
    lines = [r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}", r"\toprule"]
    lines.append(" & ".join(_escaped(cell) for cell in head) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join(_escaped(cell) for cell in row) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join(lines).encode("utf-8")


def shown_rows(result: Json, ks: Sequence[int]) -> Rows:
    """Figures in percent with their intervals, for these k."""
    names = measured(result)
    return [(str(k), *(percent(result["at_k"][str(k)][name]) for name in names)) for k in ks]


def percent(figure: Json) -> str:
    """A figure in percent with its interval."""
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def _escaped(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _numbers(result: Json) -> list[int]:
    return reachable(result, CURVE)


def _series(group: Json, name: str, ks: Sequence[int]) -> tuple[Numbers, Numbers, Numbers]:
    """A figure at each k: its values, and the low and high ends of its intervals."""
    found = [group["at_k"][str(k)][name] for k in ks]
    values, low, high = (np.array([one[end] for one in found]) for end in ("value", "low", "high"))
    return values, low, high


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def _line(axes: Axes, x: Sequence[int] | Numbers, y: Numbers, place: int, title: str) -> None:
    turn = place % len(COLOURS)
    axes.plot(
        x,
        y,
        color=COLOURS[turn],
        linestyle=DASHES[turn],
        marker=MARKERS[turn],
        markevery=max(len(x) // 9, 1),
        markersize=4,
        linewidth=1.8 if place == 0 else 1.3,
        label=title,
    )


DRAWINGS = {
    "precision": precision,
    "all-figures": all_figures,
    "precision-recall": precision_recall,
    "reliability": reliability,
    "coverage": coverage,
}


def files_of(result: Json) -> dict[str, bytes]:
    """Every figure and table of a result by file name, ready to be written."""
    head, rows = head_of(result), rows_of(result)
    files = {"figures.csv": as_csv(head, rows), "figures.tex": as_latex(head, rows)}
    for name in drawable(result):
        figure = DRAWINGS[name](result)
        files |= {f"{name}.{kind}": as_bytes(figure, kind) for kind in ("svg", "png")}
    return files
