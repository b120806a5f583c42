"""Figures of all queries under one protocol: curves for k = 1..100, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes.from_files import Progress
from retrieval.codes.model import Model
from retrieval.evaluation.cases import Cases, Strings, divided
from retrieval.evaluation.protocols import gallery_for
from retrieval.evaluation.ranking import Ranked, ranked_by_protocol
from retrieval.statistics.intervals import SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats, query_figures
from retrieval.statistics.rankings import Rankings
from retrieval.statistics.reliability import Reliability
from retrieval.storage import Json

DEPTH = 100
FIGURES = ("precision", "recall", "f_score", "ap", "ap_paper")


@dataclass(frozen=True, eq=False)
class Curves:
    """Figures of one group of queries with 95 % intervals.

    at_k : for each name in FIGURES, float64 (3, DEPTH): value, low, high at k = 1..DEPTH.
    map : float64 (3,), average precision over the whole ranking.
    chance : expected precision of a random ranking.
    """

    queries: int
    at_k: dict[str, Floats]
    map: Floats
    chance: float

    def json(self) -> Json:
        """As the command line prints it."""
        at_k = {
            str(k): {name: figure(self.at_k[name][:, k - 1]) for name in FIGURES}
            for k in range(1, self.at_k["precision"].shape[1] + 1)
        }
        return {
            "queries": self.queries,
            "at_k": at_k,
            "map": figure(self.map),
            "chance": self.chance,
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of all queries, of each label and of each subtype under one protocol.

    per_subtype : of the queries of one subtype, where a label has several; relevant is
    still what shares the label.
    archive_count : cases ranked against, and fewest_ranked : of them by any one query, whose
    own patient may be left out; seen : queries that the model was trained on;
    trust : whether the archive's calibration holds for them, if it has one.
    """

    protocol: str
    archive_id: str
    archive_count: int
    fewest_ranked: int
    model_id: str
    seen: int
    bits: int
    overall: Curves
    per_label: dict[str, Curves]
    per_subtype: dict[str, Curves] = field(default_factory=dict)
    trust: Reliability | None = None

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        trust = {} if self.trust is None else {"trust": self.trust.json()}
        return {
            "protocol": self.protocol,
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "fewest_ranked": self.fewest_ranked,
            "model": {"id": self.model_id},
            "bits": self.bits,
            "queries_seen_in_training": self.seen,
            **self.overall.json(),
            "per_label": {label: curves.json() for label, curves in self.per_label.items()},
            "per_subtype": {name: curves.json() for name, curves in self.per_subtype.items()},
            **trust,
        }


def evaluate(
    archive: Archive,
    model: Model,
    queries: Cases,
    *,
    protocol: str = "own-patient-out",
    bits: int | None = None,
) -> Evaluation:
    """Rank the archive for every query and sum up; EvaluationError if that would mislead."""
    gallery = gallery_for(archive, model, queries, protocol, bits)
    ranked, _ = ranked_by_protocol(gallery, queries, protocol)
    return evaluation_of(ranked, archive, model, protocol)


def evaluation_of(
    ranked: Ranked,
    archive: Archive,
    model: Model,
    protocol: str,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """Figures of queries ranked against a gallery that `gallery_for` gave."""
    queries, rankings = ranked.queries, ranked.rankings
    values = figures_of_queries(rankings, progress=progress)
    overall, per_label = curves_of(values, rankings)
    return Evaluation(
        protocol=protocol,
        archive_id=archive.id,
        archive_count=len(ranked.cases),
        fewest_ranked=rankings.fewest,
        model_id=model.id,
        seen=int(model.saw_each(queries.sha256).sum()),
        bits=rankings.bits,
        overall=overall,
        per_label=per_label,
        per_subtype=curves_of_subtypes(values, rankings, queries.subtypes),
    )


def figures_of_queries(rankings: Rankings, *, progress: Progress | None = None) -> Floats:
    """Figures (queries, 5 * DEPTH + 1) of every query."""
    rows: list[Floats] = []
    for totals, relevant in rankings.counts:
        figures = query_figures(totals, relevant, DEPTH)
        named = [getattr(figures, name) for name in FIGURES]
        rows.append(np.concatenate([*named, [figures.average_precision]]))
        if progress:
            progress(len(rows), len(rankings))
    return np.stack(rows)


def curves_of(
    values: Floats, rankings: Rankings, names: Strings | None = None
) -> tuple[Curves, dict[str, Curves]]:
    """Figures of all queries and of those of each label, from `figures_of_queries`.

    With `names` (queries,) the second is of those of each name instead.
    """
    parts = values, rankings.chance, rankings.patients
    return _curves(*parts), _curves_of_groups(*parts, rankings.labels if names is None else names)


def curves_of_subtypes(values: Floats, rankings: Rankings, subtypes: Strings) -> dict[str, Curves]:
    """The same figures for each of the subtypes (queries,) of a label that has several.

    A subtype that stands under two labels is two groups, named "LABEL: SUBTYPE".
    """
    mask = divided(rankings.labels, subtypes)
    labels, subtypes = rankings.labels[mask], subtypes[mask]
    pairs = np.unique(np.stack([labels, subtypes], axis=1), axis=0)
    names, count = np.unique(pairs[:, 1], return_counts=True)
    shared = np.isin(subtypes, names[count > 1])
    both = np.char.add(np.char.add(labels, ": "), subtypes)
    names = np.where(shared, both, subtypes)
    return _curves_of_groups(values[mask], rankings.chance[mask], rankings.patients[mask], names)


def _curves_of_groups(
    values: Floats, chance: Floats, patients: Strings, names: Strings
) -> dict[str, Curves]:
    masks = {name: names == name for name in np.unique(names).tolist()}
    return {
        name: _curves(values[mask], chance[mask], patients[mask]) for name, mask in masks.items()
    }


def _curves(values: Floats, chance: Floats, patients: Strings) -> Curves:
    figures = bootstrap_interval(values, patients, _bounds(values))  # (3, 5 * DEPTH + 1)
    at_k = {
        name: figures[:, place * DEPTH : (place + 1) * DEPTH] for place, name in enumerate(FIGURES)
    }
    return Curves(len(values), at_k, figures[:, -1], float(chance.mean()))


def _bounds(values: Floats) -> Floats:
    """Least and largest possible value of each figure: (5 * DEPTH + 1, 2).

    Ten cases shown are at most 10 / R of R relevant ones, so a recall can be far below 1 at best.
    R follows from the hits; where no query has any, it is taken to be DEPTH.
    """
    precision, recall = values[:, DEPTH - 1], values[:, 2 * DEPTH - 1]
    hit = recall > 0
    relevant = (DEPTH * precision[hit] / recall[hit])[:, None] if hit.any() else np.array([[DEPTH]])
    k = np.arange(1, DEPTH + 1)
    hits = np.minimum(k, relevant)
    best = [hits / relevant, 2 * hits / (k + relevant)]
    bounds = np.tile(SHARE, (values.shape[1], 1))
    bounds[DEPTH : 3 * DEPTH, 1] = np.concatenate([one.max(axis=0) for one in best])
    return bounds
