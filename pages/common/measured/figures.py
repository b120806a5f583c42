"""The measured figures that ship in assets/results, and the ones the source paper prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pages.common.shell import archives, state, texts
from pages.common.shell.files import Stamp, stamp
from retrieval.archives.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import results

PRINTED = "paper-printed"
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

    def within(self, numbers: Iterable[int]) -> list[int]:
        """Those numbers of matches that there can be."""
        return results.reachable(self.about, numbers)

    @property
    def labels(self) -> list[str]:
        """Labels with figures of their own."""
        return list(self.about["per_label"])

    def figure(self, name: str, k: int, label: str = "") -> Figure:
        """One figure at k with its interval, of all queries or of one label's."""
        found = self._group(label)["at_k"][str(k)][name]
        return found["value"], found["low"], found["high"]

    def has(self, name: str) -> bool:
        """Whether a figure was measured: results stored earlier lack the younger ones."""
        return name in self.about["at_k"]["1"]

    @property
    def map(self) -> Figure:
        """Average precision over the whole ranking, mean of all queries."""
        return self.about["map"]["value"], self.about["map"]["low"], self.about["map"]["high"]

    def chance(self, label: str = "") -> float:
        """Expected precision of a random ranking."""
        return self._group(label)["chance"]

    def _group(self, label: str) -> Json:
        return self.about["per_label"][label] if label else self.about


@lru_cache(maxsize=1)
def reports() -> tuple[Report, ...]:
    """All evaluations that ship, in the order of archives and then of honesty."""
    known = [protocol.name for protocol in texts.PROTOCOLS]
    found = [
        Report(name.removesuffix(f"-{about['protocol']}"), about)
        for name, about in ((name, stored(name)) for name in results.stored())
        if about.get("protocol") in known
    ]
    return tuple(sorted(found, key=lambda one: (one.archive, known.index(one.protocol))))


@lru_cache(maxsize=256)
def stored(name: str) -> Json:
    """A result that ships, by its name: read once, and not to be changed."""
    return results.read_result(name)


def _kept(archive: Archive) -> list[Json]:
    """What the server has kept of an archive; each file is read once for each of its states."""
    found = (_kept_file(path, stamp(path)) for path in results.kept_files(archive.id))
    return [about for about in found if about is not None]


@lru_cache(maxsize=64)
def _kept_file(path: Path, now: Stamp) -> Json | None:
    """A kept result; None where it is damaged."""
    try:
        return results.read_file(path)
    except EvaluationError:
        return None


def known() -> list[Report]:
    """These, and what was measured of the archives on offer and kept; the newest of each kind.

    What this visit measured comes before what the server kept, and that before what ships.
    """
    found = {(one.archive, one.protocol): one for one in reports()}
    for name, archive in archives.offered()[0].items():
        for about in _kept(archive):
            found[name, about["protocol"]] = Report(name, about)
    for (name, protocol), about in state.MEASURED.get().items():
        found[name, protocol] = Report(name, about)
    order = [protocol.name for protocol in texts.PROTOCOLS]
    return sorted(found.values(), key=lambda one: (one.archive, order.index(one.protocol)))


def printed(archive: str) -> Json | None:
    """What the source paper prints for this archive: source, queries, figures at k; or None."""
    found = stored(PRINTED)
    return found if archive in found["archives"] else None


def audit(measured: Report) -> Json | None:
    """What changes of the queries' pictures did, if it was measured on the same archive."""
    for name in results.audits():
        found = stored(name)
        if found["archive"]["id"] == measured.about["archive"]["id"]:
            return found
    return None


def trust(archive: Archive, k: int, *, unsure: bool = False) -> str:
    """What k matches were worth for new patients, where that was measured on this very archive."""
    for measured in known():
        same = measured.about["archive"]["id"] == archive.id
        same &= measured.about["model"]["id"] == archive.about["model"]["id"]
        honest = measured.protocol == texts.PROTOCOLS[0].name
        if same and honest and str(k) in measured.about["at_k"] and measured.within([k]):
            return trust_sentence(
                measured.figure("precision", k),
                measured.chance(),
                {name: measured.figure("precision", k, name)[0] for name in measured.labels},
                unsure=unsure,
            )
    return texts.NOT_MEASURED


def trust_sentence(
    figure: Sequence[float], chance: float, by_label: Mapping[str, float], *, unsure: bool = False
) -> str:
    """What the matches shown are worth, from precision (value, low, high) on new patients.

    unsure : whether this ranking is less sure than most of those that were measured.
    """
    value, low, high = (round(100 * share) for share in figure)
    if figure[1] <= chance:
        return (
            f"On new patients this ranking was no better than chance: {value} of 100 matches had "
            f"the query's own label ({low} to {high}), a random order gives {100 * chance:.0f}."
        )
    worst = min(by_label, key=by_label.__getitem__)
    best = max(by_label, key=by_label.__getitem__)
    whose = (
        "Over all new patients, surer ones included, {} of 100 matches"
        if unsure
        else ("On new patients {} of 100 such matches")
    )
    return (
        f"{whose.format(value)} had the query's own label "
        f"(95 % interval {low} to {high}; chance {100 * chance:.0f}), from "
        f"{100 * by_label[worst]:.0f} for {texts.plain(texts.label(worst))} to "
        f"{100 * by_label[best]:.0f} for {texts.plain(texts.label(best))}."
    )
