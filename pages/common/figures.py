"""The measured figures that ship in assets/results, and the ones the source paper prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.common import words
from retrieval import archive as archives
from retrieval.archive import Archive

RESULTS = archives.SHIPPED.parent / "results"
PRINTED = "paper-printed.json"
CURVE = range(5, 51)
TABLE = (5, 10, 15, 20, 30, 40, 50, 100)

Json = dict[str, Any]
Figure = tuple[float, float, float]  # value, low, high: fractions


@dataclass(frozen=True)
class Report:
    """One evaluation of one archive, as `evaluate --json` wrote it."""

    archive: str
    about: Json

    @property
    def protocol(self) -> str:
        """Name of the protocol."""
        return self.about["protocol"]

    @property
    def labels(self) -> list[str]:
        """Labels with figures of their own."""
        return list(self.about["per_label"])

    def figure(self, name: str, k: int, label: str = "") -> Figure:
        """One figure at k with its interval, of all queries or of one label's."""
        found = self._group(label)["at_k"][str(k)][name]
        return found["value"], found["low"], found["high"]

    @property
    def map(self) -> Figure:
        """Average precision over the whole ranking, mean of all queries."""
        return self.about["map"]["value"], self.about["map"]["low"], self.about["map"]["high"]

    def chance(self, label: str = "") -> float:
        """Expected precision of a random ranking."""
        return self._group(label)["chance"]

    def _group(self, label: str) -> Json:
        return self.about["per_label"][label] if label else self.about


@st.cache_data(show_spinner=False)
def reports() -> list[Report]:
    """All evaluations that ship, in the order of archives and then of honesty."""
    known = [protocol.name for protocol in words.PROTOCOLS]
    found = []
    for path in sorted(RESULTS.glob("*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if about.get("protocol") in known:
            found.append(Report(path.stem.removesuffix(f"-{about['protocol']}"), about))
    return sorted(found, key=lambda report: (report.archive, known.index(report.protocol)))


@st.cache_data(show_spinner=False)
def printed(archive: str) -> Json | None:
    """What the source paper prints for this archive: source, queries, figures at k; or None."""
    found = json.loads((RESULTS / PRINTED).read_text(encoding="utf-8"))
    return found if found["archive"] == archive else None


def trust(archive: Archive, k: int) -> str:
    """What k matches were worth for new patients, where that was measured with this model."""
    for report in reports():
        same = report.archive == archive.name
        same &= report.about["model"]["id"] == archive.about["model"]["id"]
        if same and report.protocol == words.PROTOCOLS[0].name and str(k) in report.about["at_k"]:
            value, low, high = report.figure("precision", k)
            return (
                f"For patients new to it, {100 * value:.0f} of 100 such matches carry the query's "
                f"own label (95 % interval {100 * low:.0f} to {100 * high:.0f}); "
                f"a random order gives {100 * report.chance():.0f}."
            )
    return ""
