"""How precise a ranking is for pictures of sources that the archive knows, and of others.

Pictures of one publication or collection share window, crop, sharpness and the way they
were saved. Where a finding comes from few sources, finding the source is finding the
label: so queries whose source stands in the archive are also ranked without it. That
leaves fewer cases of the finding to find, so beside it as many are left out at random, in
the archive's own mix of sources, and the difference between the two is what the source gave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.hamming import distances
from retrieval.codes.model import Model
from retrieval.errors import EvaluationError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.statistics.intervals import DIFFERENCE, SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats, expected_hits, tie_groups
from retrieval.storage import Json

DEPTH = 10
FEWEST = 20  # queries of one source for a row of its own; the rest are summed up
DRAWS = 50  # of cases to leave out at random, for each query
NEW, OTHERS, UNKNOWN = "sources new to the archive", "other known sources", "source not named"

Strings = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SourceGroup:
    """Queries of one source, or of several; figures float64 (3,): value, low, high.

    labels : queries of each label. precision : P@10 against all cases; chance : of a random
    order. For sources that the archive knows, `without` : against those of other sources;
    control : with as many of the same labels left out at random instead, some of them of the
    own source; difference : `without` less `control`, query by query.
    """

    name: str
    labels: dict[str, int]
    precision: Floats
    chance: float
    without: Floats | None = None
    control: Floats | None = None
    difference: Floats | None = None

    def json(self) -> Json:
        """As `study sources --json` writes it."""
        left_out = {
            "without_own_source": self.without,
            "without_as_many_at_random": self.control,
            "difference": self.difference,
        }
        return {
            "source": self.name,
            "queries": sum(self.labels.values()),
            "labels": self.labels,
            "precision_at_10": figure(self.precision),
            "chance": self.chance,
            **{name: figure(found) for name, found in left_out.items() if found is not None},
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
        """As `study sources --json` writes it."""
        return {
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "split": self.split,
            "draws": DRAWS,
            "groups": [group.json() for group in self.groups],
        }


def measure(archive: Archive, model: Model, split: str) -> Sources:
    """Rank a split's cases by source, under the official protocol.

    EvaluationError where all cases have one source, and where that protocol refuses.
    """
    archive.require(model)
    cases = cases_of_archive(archive, model)
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
    ranked = protocols.official_rows(cases, queries, model)
    gallery, of_gallery, of_queries = cases.take(ranked), sources[ranked], sources[asked]
    names = group_names(of_queries, of_gallery)
    groups = []
    for name in _in_order(names):
        rows = np.flatnonzero(names == name)
        own = [of_gallery == of_queries[row] for row in rows]
        groups.append(_group(name, gallery, queries.take(rows), own))
    return Sources(
        archive_id=archive.id,
        archive_count=len(gallery),
        model_id=model.id,
        bits=archive.bits,
        split=split,
        groups=tuple(groups),
    )


def group_names(of_queries: Strings, of_gallery: Strings) -> Strings:
    """The group (queries,) of each query: its source if that has enough, or one of the others."""
    known = np.isin(of_queries, of_gallery)
    names, place, counts = np.unique(of_queries, return_inverse=True, return_counts=True)
    own = np.where(counts >= FEWEST, names, OTHERS)[place]
    return np.where(of_queries == "", UNKNOWN, np.where(known, own, NEW))


def _in_order(names: Strings) -> list[str]:
    """Sources the archive lacks first, then by name, then what is summed up or not known."""
    last = (OTHERS, UNKNOWN)
    return sorted(set(names.tolist()), key=lambda name: (name != NEW, name in last, name))


def _group(name: str, gallery: Cases, queries: Cases, own: list[Mask]) -> SourceGroup:
    """Figures of these queries; `own` (gallery,) of each: the cases of its source."""
    labels, counts = np.unique(queries.labels, return_counts=True)
    random = np.random.default_rng(0)
    whole, left_out, chance = [], [], []
    for row in range(len(queries)):
        distance = distances(gallery.codes, queries.codes[row : row + 1])[0]
        relevant = gallery.labels == queries.labels[row]
        whole.append(precision(distance, relevant))
        chance.append(float(relevant.mean()))
        if name not in (NEW, UNKNOWN):
            kept = ~own[row]
            draws = [kept_instead(own[row], gallery.labels, random) for _ in range(DRAWS)]
            control = np.mean([precision(distance[one], relevant[one]) for one in draws])
            without = precision(distance[kept], relevant[kept])
            left_out.append([without, control, without - control])
    values, bounds = np.array(whole)[:, None], [SHARE]
    if left_out:
        values, bounds = np.hstack([values, np.array(left_out)]), [SHARE, SHARE, SHARE, DIFFERENCE]
    figures = bootstrap_interval(values, queries.patients, bounds).T  # (1 or 4, 3)
    of_label = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    return SourceGroup(name, of_label, figures[0], float(np.mean(chance)), *figures[1:])


def kept_instead(own: Mask, labels: Strings, random: np.random.Generator) -> Mask:
    """Which cases (n,) stay if as many of each label as `own` names are left out at random."""
    kept = np.ones(len(own), dtype=bool)
    for label in np.unique(labels[own]):
        of_label = np.flatnonzero(labels == label)
        dropped = int(own[of_label].sum())
        kept[random.choice(of_label, dropped, replace=False)] = False
    return kept


def precision(distance: npt.NDArray[np.generic], relevant: Mask) -> float:
    """P@10, expected over ties; EvaluationError if there are no ten, or none is relevant."""
    if len(distance) < DEPTH or not relevant.any():
        raise EvaluationError(
            "Without a query's own source too few cases are left, or none of its label; "
            "sources can be told apart only where a label has several."
        )
    return float(expected_hits(*tie_groups(distance, relevant), DEPTH)[-1] / DEPTH)
