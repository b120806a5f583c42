"""One PDF of a whole evaluation: its settings, curves and tables."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from retrieval.errors import SettingError
from retrieval.evaluation.results import DRAWN, drawable, reachable
from retrieval.reports import curves
from retrieval.reports.printing import PAGES, as_bytes, as_pdf, print_style
from retrieval.statistics.precision import NAMES
from retrieval.storage import Json

TABLE = (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100)
BY_MATCHES = ("precision", "all-figures", "precision-recall")
MARGIN = 0.09
NOT_FOR_DIAGNOSIS = "Research and teaching; not for diagnosis."
MEANINGS = {
    "official": "New patients: no query's patient is among the training cases or those compared.",
    "cross-fitted": "Cross-fitted: each fold of patients is asked of a model of the other folds.",
    "own-patient-out": "A query's own picture and patient are left out; the model may know it.",
    "paper": "The source paper's protocol: in-sample, the query finds itself. It flatters.",
}

Row: TypeAlias = tuple[str, ...]


def report(
    title: str,
    result: Json,
    *,
    changed: Json | None = None,
    shorter: Json | None = None,
    size: str = "A4",
) -> bytes:
    """The PDF of one result as `evaluate --json` writes it.

    changed, shorter : the results of `audit` and `lengths` for the same archive, if any.
    SettingError for a page size that is not in `printing.PAGES`.
    """
    if size not in PAGES:
        raise SettingError(f"There is no page {size!r}; choose one of {', '.join(PAGES)}.")
    with print_style():
        pages = [
            _front(title, result, size),
            *(
                _with_figure(DRAWN[name], curves.DRAWINGS[name], result, size)
                for name in drawable(result, BY_MATCHES)
            ),
            _with_table(
                "Figures by number of matches, in percent",
                ("k", *(NAMES[name] for name in curves.measured(result))),
                curves.shown_rows(result, reachable(result, TABLE)),
                size,
            ),
            _with_table(*groups_table(result), size),
        ]
        if "trust" in result:
            pages.append(_with_figure(
                "Do stated chances come true", curves.reliability, result, size
            ))  # fmt: skip
            pages.append(_with_figure(
                "What answering fewer queries buys", curves.coverage, result, size
            ))  # fmt: skip
        if shorter is not None:
            pages.append(_with_figure(
                "Precision by length of the code", curves.code_lengths, shorter, size
            ))  # fmt: skip
        if changed is not None:
            pages.append(_with_table(*_audit_table(changed), size))
        for number, page in enumerate(pages, start=1):
            page.text(0.5, 0.03, f"{NOT_FOR_DIAGNOSIS} Page {number} of {len(pages)}",
                      size=7.5, ha="center")  # fmt: skip
    return as_pdf(pages)


def groups_table(result: Json) -> tuple[str, Row, list[Row]]:
    """Title, head and rows of precision by label and by subtype of the queries, in percent."""
    numbers = reachable(result, (5, 10, 50))
    groups = [("All", result), *result["per_label"].items()]
    groups += [(f"{name} (subtype)", of) for name, of in result.get("per_subtype", {}).items()]
    rows = [
        (
            name,
            str(found["queries"]),
            f"{100 * found['chance']:.1f}",
            *(curves.percent(found["at_k"][str(k)]["precision"]) for k in numbers),
            curves.percent(found["map"]),
        )
        for name, found in groups
    ]
    head = ("Queries", "Number", "Random", *(f"P@{k}" for k in numbers), "Mean AP")
    return "Precision by label and subtype of the query, in percent", head, rows


def _front(title: str, result: Json, size: str) -> Figure:
    page = _page(title, size)
    protocol = result["protocol"]
    facts = [
        ("Protocol", f"{protocol}. {MEANINGS.get(protocol, '')}"),
        ("Queries", f"{result['queries']} against {result['archive']['count']} cases"),
        ("Archive", result["archive"]["id"] or "one for each fold"),
        ("Model", result["model"]["id"] or "one for each fold"),
        ("Code", f"{result['bits']} bits"),
        ("Trained on", f"{result['queries_seen_in_training']} of the queries"),
        ("Random order", f"precision {100 * result['chance']:.1f} %"),
        *(
            (f"Precision at {k}", f"{_interval(result['at_k'][str(k)]['precision'])}")
            for k in reachable(result, (1, 5, 10, 50))
        ),
        ("Mean AP", f"{_interval(result['map'])}, divided by all relevant cases"),
        ("AP at 5", f"{_interval(result['at_k']['5']['ap_paper'])}, divided by the hits found"),
        *_similarity(result.get("similarity")),
        *_trust(result.get("trust")),
    ]
    top = 0.87
    for name, text in facts:
        lines = textwrap.wrap(text, 68)
        page.text(MARGIN, top, name, size=9, weight="bold", va="top")
        page.text(0.34, top, "\n".join(lines), size=9, va="top", linespacing=1.3)
        top -= 0.014 + 0.0155 * len(lines)
    note = (
        "In brackets 95 % intervals from a bootstrap over patients. Ties of the Hamming distance "
        "count with their expected value. A label shared is not a diagnosis shared."
    )
    page.text(MARGIN, top - 0.02, textwrap.fill(note, 92), size=8.5, va="top", linespacing=1.35)
    return page


def _similarity(found: Json | None) -> list[tuple[str, str]]:
    if not found:
        return []
    facts = [
        ("Distinct codes", f"{found['distinct_codes']:.3f} of {found['cases']}"),
        ("Rank 10 in a tie", f"{_interval(found['ties_at_10']['cut'])} of the queries"),
    ]
    if found["own_patient"]:
        own = found["own_patient"]
        facts.append(
            ("Own patient's slices", f"{_interval(own['recall_at_10'])} among the first 10")
        )
    if found["subtypes"]:
        finer = found["subtypes"]
        facts.append(
            (
                "P@10 of subtypes",
                f"{_interval(finer['precision_at_10'])}, chance {100 * finer['chance']:.1f} %",
            )
        )
    return facts


def _trust(found: Json | None) -> list[tuple[str, str]]:
    if not found or "brier" not in found:
        return []
    brier, chance = found["brier"]["value"], found["brier_of_shares"]["value"]
    gain = found["gain_at_80"]
    return [
        ("Brier score", f"{brier:.3f}, of the archive's shares alone {chance:.3f}"),
        ("Gain of the surest 80 %", f"{_signed(gain)} points of P@10"),
    ]


def _audit_table(changed: Json) -> tuple[str, Row, list[Row]]:
    unchanged = changed["unchanged"]["precision_at_10"]
    balanced = changed["unchanged"]["balanced_at_10"]
    rows: list[Row] = [("None", _interval(unchanged), "", _interval(balanced))]
    rows += [
        (
            textwrap.fill(effect["description"], 44),
            _interval(effect["precision_at_10"]),
            _signed(effect["difference"]),
            _interval(effect["balanced_at_10"]),
        )
        for effect in changed["changes"].values()
    ]
    nothing = f"Mean over findings\n(uninformative: {100 * changed['balanced_chance']:.0f} %)"
    head = ("Change of the query's picture", "P@10", "Difference (points)", nothing)
    return "The same scans, changed", head, rows


def _with_figure(title: str, draw: Callable[[Json], Figure], result: Json, size: str) -> Figure:
    """A page with one of `curves` on its upper half, drawn as part of the page."""
    page = _page(title, size)
    inner = draw(result)
    width, height = PAGES[size]
    share = (1 - 2 * MARGIN) * width / inner.get_figwidth()
    tall = share * inner.get_figheight() / height
    picture = page.add_axes((MARGIN, 0.88 - tall, 1 - 2 * MARGIN, tall))
    picture.axis("off")
    picture.imshow(_raster(inner), interpolation="antialiased")
    return page


def _raster(figure: Figure) -> npt.NDArray[np.uint8]:
    """A figure as pixels, 300 to the inch of its own size."""
    return np.asarray(Image.open(io.BytesIO(as_bytes(figure, "png"))).convert("RGB"))


def _with_table(title: str, head: Row, rows: Sequence[Row], size: str) -> Figure:
    page = _page(title, size)
    longest = [max(map(_width, column)) + 2 for column in zip(head, *rows, strict=True)]
    shares = np.cumsum([0, *longest[:-1]]) / sum(longest)
    lefts = (MARGIN + (1 - 2 * MARGIN) * shares).tolist()
    size_of_text = 7.5 if len(head) < 7 else 6.5
    top = 0.87
    for number, row in enumerate([head, *rows]):
        lines = max(cell.count("\n") + 1 for cell in row)
        for left, cell in zip(lefts, row, strict=True):
            page.text(
                left,
                top,
                cell,
                size=size_of_text,
                va="top",
                weight="bold" if not number else "normal",
            )
        top -= 0.008 + 0.0135 * lines
    return page


def _width(cell: str) -> int:
    """Letters in a cell's longest line."""
    return max(map(len, cell.split("\n")))


def _page(title: str, size: str) -> Figure:
    page = Figure(figsize=PAGES[size])
    page.text(MARGIN, 0.94, textwrap.fill(title, 52), size=14, weight="bold", va="top")
    return page


def _interval(figure: Json) -> str:
    return (
        f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
    )


def _signed(figure: Json) -> str:
    return (
        f"{100 * figure['value']:+.1f} ({100 * figure['low']:+.1f} to {100 * figure['high']:+.1f})"
    )
