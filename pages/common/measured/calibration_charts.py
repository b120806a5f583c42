"""Charts of how far chances can be trusted: do they come true, and what does answering less buy."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from pages.common.measured import charts
from pages.common.measured.figures import Json
from pages.common.shell import palette, tables, texts

HEIGHT = 360


def section(trust: Json, name: str) -> None:
    """Both charts side by side with one sentence each; `name` begins those of their tables."""
    left, right = st.columns(2, gap="large")
    with left:
        _reliability(trust)
        st.caption(_error(trust))
    with right:
        _coverage(trust)
        st.caption(_gain(trust))
    with st.expander("The same as tables"):
        tables.show(_groups(trust), f"{name}-reliability", "Stated chances and what came true")
        tables.show(_points(trust), f"{name}-coverage", "Precision of the surest queries")


def _groups(trust: Json) -> list[dict[str, str]]:
    return [
        {
            "Stated chance": texts.percent(point["mean_chance"]),
            "Came true": texts.interval((point["observed"], point["low"], point["high"])),
            "Queries": str(point["queries"]),
        }
        for point in trust["reliability"]
    ]


def _points(trust: Json) -> list[dict[str, str]]:
    tenths = {round(10 * point["coverage"]): point for point in trust["risk_coverage"]}
    return [
        {
            "Share answered": texts.percent(point["coverage"]),
            "Precision at 10": texts.percent(point["p_at_10"]),
        }
        for _, point in sorted(tenths.items(), reverse=True)
    ]


def _reliability(trust: Json) -> None:
    """Stated chance against the share that came true, with 95 % intervals."""
    points = trust["reliability"]
    observed = [point["observed"] for point in points]
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": palette.CHANCE, "dash": "dot", "width": 2},
        name="Chances that all come true",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[point["mean_chance"] for point in points],
        y=observed,
        error_y={
            "array": [point["high"] - point["observed"] for point in points],
            "arrayminus": [point["observed"] - point["low"] for point in points],
            "color": palette.ALL_QUERIES,
        },
        mode="markers",
        marker={"color": palette.ALL_QUERIES, "size": 10},
        name="Queries, grouped by stated chance",
        customdata=[point["queries"] for point in points],
        hovertemplate="stated %{x:.0%}, came true %{y:.0%} (%{customdata} queries)<extra></extra>",
    )
    _show(figure, "Stated chance of the likeliest label", "Share that came true", [0, 1.02],
          f"Reliability diagram with {len(points)} groups of queries. {_error(trust)}")  # fmt: skip


def _coverage(trust: Json) -> None:
    """P@10 of the surest queries, by the share of queries answered."""
    points = trust["risk_coverage"]
    figure = go.Figure()
    figure.add_scatter(
        x=[point["coverage"] for point in points],
        y=[point["p_at_10"] for point in points],
        mode="lines",
        line={"color": palette.ALL_QUERIES, "width": 3},
        name="Precision at 10 of the queries answered",
        hovertemplate="%{x:.0%} answered: %{y:.1%}<extra></extra>",
    )
    _show(figure, "Share of the queries answered, surest first", "Precision at 10", [0, 1.02],
          f"Line of precision at 10 by the share of queries answered. {_gain(trust)}")  # fmt: skip


def _show(figure: go.Figure, x: str, y: str, span: list[float], alt: str) -> None:
    axis = {"range": span, "tickformat": ".0%"}
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 16, "b": 8},
        legend={"orientation": "h", "y": -0.28, "x": 0},
        xaxis={"title": x, **axis},
        yaxis={"title": y, **axis},
    )
    charts.show(figure, alt)


def _error(trust: Json) -> str:
    error = trust["calibration_error"]
    return (
        f"Stated chances are off by {texts.percent(error['value'])} on average; with "
        f"{texts.count(trust['patients'], 'patient')}, true chances would be off by "
        f"{texts.percent(error['perfect_low'])} to {texts.percent(error['perfect_high'])} by luck."
    )


def _gain(trust: Json) -> str:
    gain = trust["gain_at_80"]
    return (
        f"Answering only the surest 80 % changes precision at 10 by "
        f"{100 * gain['value']:+.1f} points ({100 * gain['low']:+.1f} to "
        f"{100 * gain['high']:+.1f})."
    )
