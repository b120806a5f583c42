"""Charts of an evaluation: curves of precision, and how every chart is put on its page."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from pages.common.measured.figures import Json, Report
from pages.common.shell import palette, texts
from retrieval.evaluation.results import CURVE

HEIGHT = 460
FIRST_MATCHES = range(1, 101)


def ink() -> dict[str, str]:
    """The font of axes and legends: a colour that can be read on the theme's ground.

    The theme of this run: when a system turns dark, the next click brings the other ink.
    """
    return {"color": palette.INKS.get(st.context.theme.type or "", palette.INKS["light"])}


def show(figure: go.Figure, alt: str) -> None:
    """Put a chart with axes on the page."""
    font = ink()
    figure.update_layout(legend_font=font)
    figure.update_xaxes(title_font=font, tickfont=font, gridcolor=palette.GRID)
    figure.update_yaxes(title_font=font, tickfont=font, gridcolor=palette.GRID)
    st.plotly_chart(figure, width="stretch", config={"displayModeBar": False}, alt=alt)


def precision(report: Report, printed: Json | None) -> None:
    """Draw precision at k with its band, each label's line, chance, and the paper's points."""
    figure = go.Figure()
    _add_band(figure, report)
    for place, label in enumerate(report.labels):
        _add_label(figure, report, label, place)
    _add_chance(figure, report)
    if printed:
        _add_printed(figure, printed)
    figure.update_layout(
        hovermode="x unified",
        xaxis={"title": "Matches shown, k", "range": [4, 51]},
        **_precision_upwards(),
    )
    show(figure, _description(report))


def precision_recall(report: Report) -> None:
    """Draw precision against recall over the first matches, of all queries and of each label."""
    figure = go.Figure()
    numbers = report.within(FIRST_MATCHES)
    groups = [("", "All queries", palette.ALL_QUERIES, "solid")]
    for place, label in enumerate(report.labels):
        turn = place % len(palette.LABELS)
        title = f"Queries: {texts.label(label)}"
        groups.append((label, title, palette.LABELS[turn], palette.LABEL_DASHES[turn]))
    for label, title, colour, dash in groups:
        figure.add_scatter(
            x=[report.figure("recall", k, label)[0] for k in numbers],
            y=[report.figure("precision", k, label)[0] for k in numbers],
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            name=title,
            customdata=numbers,
            hovertemplate="k = %{customdata}: recall %{x:.1%}, precision %{y:.1%}",
        )
    figure.update_layout(
        xaxis={"title": "Recall", "tickformat": ".1%"},
        **_precision_upwards(),
    )
    last = numbers[-1]
    recall, precision = (report.figure(name, last)[0] for name in ("recall", "precision"))
    ends = f"recall {texts.percent(recall)}, precision {texts.percent(precision)}"
    show(figure, f"Precision against recall for 1 to {last} matches; at {last} matches {ends}.")
    st.caption(
        f"The first {last} matches. Most archives hold far more cases with the query's label, so "
        "recall stays small; the files under the curve above hold this figure too."
    )


def _precision_upwards() -> Json:
    """What both curves share: their size, legend, and precision as the upright axis."""
    return {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 16, "b": 8},
        "legend": {"orientation": "h", "y": -0.18, "x": 0},
        "yaxis": {
            "title": "Precision",
            "range": [0, 1.02],
            "tickformat": ".0%",
        },
    }


def _line(report: Report, label: str = "") -> list[tuple[float, float, float]]:
    return [report.figure("precision", k, label) for k in report.within(CURVE)]


def _add_band(figure: go.Figure, report: Report) -> None:
    ks = report.within(CURVE)
    values, lows, highs = zip(*_line(report), strict=True)
    figure.add_scatter(
        x=ks + ks[::-1],
        y=[*highs, *lows[::-1]],
        fill="toself",
        fillcolor=palette.BAND,
        line={"width": 0},
        hoverinfo="skip",
        name="95 % interval",
    )
    figure.add_scatter(
        x=ks,
        y=values,
        mode="lines",
        line={"color": palette.ALL_QUERIES, "width": 3},
        name="All queries",
        hovertemplate="%{y:.1%}",
    )


def _add_label(figure: go.Figure, report: Report, label: str, place: int) -> None:
    turn = place % len(palette.LABELS)
    figure.add_scatter(
        x=report.within(CURVE),
        y=[value for value, _, _ in _line(report, label)],
        mode="lines",
        line={"color": palette.LABELS[turn], "dash": palette.LABEL_DASHES[turn], "width": 2},
        name=f"Queries: {texts.label(label)}",
        hovertemplate="%{y:.1%}",
    )


def _add_chance(figure: go.Figure, report: Report) -> None:
    figure.add_scatter(
        x=[CURVE[0], CURVE[-1]],
        y=[report.chance()] * 2,
        mode="lines",
        line={"color": palette.CHANCE, "dash": "dot", "width": 2},
        name="Random order",
        hovertemplate="%{y:.1%}",
    )


def _add_printed(figure: go.Figure, printed: Json) -> None:
    inside = [k for k in printed["at_k"] if int(k) in CURVE]
    figure.add_scatter(
        x=[int(k) for k in inside],
        y=[printed["at_k"][k]["precision"] for k in inside],
        mode="markers",
        marker={"color": palette.PRINTED, "symbol": "diamond", "size": 10},
        name=f"Printed in the paper ({printed['queries']} queries)",
        hovertemplate="%{y:.1%}",
    )


def _description(report: Report) -> str:
    ends = ", ".join(
        f"{texts.percent(report.figure('precision', k)[0])} at {k}"
        for k in report.within((5, 10, 50))
    )
    return (
        f"Line chart of precision against matches shown. All queries: {ends}. "
        f"A random order gives {texts.percent(report.chance())}. The table below has the figures."
    )
