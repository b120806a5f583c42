"""How precise a ranking is for pictures of sources that the archive knows, and of others.

Pictures of one publication or collection share window, crop, sharpness and the way they
were saved. Where a finding comes from few sources, finding the source is finding the
label: so queries whose source fills the archive are also ranked without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval import evaluation
from retrieval.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import Cases
from retrieval.hamming import distances
from retrieval.metrics import Floats, bootstrap_interval, expected_hits, figure, tie_groups
from retrieval.model import Model
from retrieval.storage import Json

DEPTH = 10
FEWEST = 20  # queries of one source for a row of its own; the rest are summed up
NEW, OTHERS = "no picture in the archive", "other sources that the archive knows"

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class SourceGroup:
    """Queries of one source, or of several; figures float64 (3,): value, low, high.

    precision, without : P@10 against all cases, and against those of other sources; chance,
    chance_without : of a random order.
    """

    name: str
    queries: int
    precision: Floats
    chance: float
    without: Floats
    chance_without: float

    def json(self) -> Json:
        """As `sources --json` writes it."""
        return {
            "source": self.name,
            "queries": self.queries,
            "precision_at_10": figure(self.precision),
            "chance": self.chance,
            "without_own_source": figure(self.without),
            "chance_without": self.chance_without,
        }


@dataclass(frozen=True, eq=False)
class Sources:
    """The groups of one split's queries."""

    archive_id: str
    archive_count: int
    model_id: str
    bits: int
    split: str
    groups: tuple[SourceGroup, ...]

    def json(self) -> Json:
        """As `sources --json` writes it."""
        return {
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "split": self.split,
            "groups": [group.json() for group in self.groups],
        }


def measure(archive: Archive, model: Model, split: str) -> Sources:
    """Rank a split's cases by source, under the official protocol.

    EvaluationError where all cases have one source, and where that protocol refuses.
    """
    archive.require(model)
    cases = evaluation.cases_of_archive(archive, model)
    sources = archive.catalogue.column("source")
    if len(np.unique(sources)) < 2:
        raise EvaluationError(
            f"Archive {archive.name} names one source at most; index a folder whose images.csv "
            "says in a column source where each picture comes from."
        )
    asked = cases.splits == split
    if not asked.any():
        raise EvaluationError(f"Archive {archive.name} has no case in split {split}.")
    queries = cases.take(asked)
    ranked = evaluation.official_rows(cases, queries, model)
    gallery, of_gallery, of_queries = cases.take(ranked), sources[ranked], sources[asked]
    values = np.array(
        [_one(gallery, queries, row, of_gallery != of_queries[row]) for row in range(len(queries))]
    )
    names = group_names(of_queries, of_gallery)
    groups = [_group(name, values, queries, names == name) for name in _in_order(names)]
    return Sources(
        archive_id=archive.id,
        archive_count=len(gallery),
        model_id=model.id,
        bits=archive.bits,
        split=split,
        groups=tuple(groups),
    )


def group_names(of_queries: Strings, of_gallery: Strings) -> Strings:
    """The group (queries,) of each query: its source if that has enough, NEW or OTHERS."""
    known = np.isin(of_queries, of_gallery)
    names, place, counts = np.unique(of_queries, return_inverse=True, return_counts=True)
    own = np.where(counts >= FEWEST, names, OTHERS)[place]
    return np.where(known, own, NEW)


def _in_order(names: Strings) -> list[str]:
    """Sources the archive lacks first, then by name, then what is summed up."""
    return sorted(set(names.tolist()), key=lambda name: (name != NEW, name == OTHERS, name))


def _one(
    gallery: Cases, queries: Cases, row: int, elsewhere: npt.NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """P@10 and chance against all cases, and against those `elsewhere`."""
    distance = distances(gallery.codes, queries.codes[row : row + 1])[0]
    relevant = gallery.labels == queries.labels[row]
    if not elsewhere.any():
        raise EvaluationError("A query's source is the whole archive; nothing is left without it.")
    both = []
    for kept in (np.ones_like(elsewhere), elsewhere):
        hits = expected_hits(*tie_groups(distance[kept], relevant[kept]), DEPTH)[-1]
        both += [float(hits) / DEPTH, float(relevant[kept].mean())]
    return tuple(both)


def _group(name: str, values: Floats, queries: Cases, mask: npt.NDArray[np.bool_]) -> SourceGroup:
    figures = np.stack(bootstrap_interval(values[mask], queries.patients[mask]))  # (3, 4)
    return SourceGroup(
        name=name,
        queries=int(mask.sum()),
        precision=figures[:, 0],
        chance=float(figures[0, 1]),
        without=figures[:, 2],
        chance_without=float(figures[0, 3]),
    )
