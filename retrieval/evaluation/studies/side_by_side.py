"""Two archives asked the same questions: their difference, query by query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.from_files import Progress
from retrieval.errors import EvaluationError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.ranking import EXCLUDED_FIELDS, Ranked
from retrieval.statistics.intervals import figure, paired_difference
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

DEPTHS = (1, 5, 10, 50)


@dataclass(frozen=True, eq=False)
class SideBySide:
    """P@k of the n queries that both archives hold, (n, depths) each, and of whom they are."""

    protocol: str
    ids: tuple[str, str]  # of the archives
    first: Floats
    second: Floats
    patients: npt.NDArray[np.str_]

    def json(self) -> Json:
        """Means and the paired difference, first minus second, with its interval, at each k."""
        columns = paired_difference(self.first, self.second, self.patients).T
        return {
            "protocol": self.protocol,
            "archives": dict(zip(("first", "second"), self.ids, strict=True)),
            "queries": len(self.first),
            "at_k": {
                str(k): {
                    "first": float(self.first[:, place].mean()),
                    "second": float(self.second[:, place].mean()),
                    "difference": figure(columns[place]),
                }
                for place, k in enumerate(DEPTHS)
            },
        }


def compare(
    first: Archive, second: Archive, *, protocol: str = "official", progress: Progress | None = None
) -> SideBySide:
    """Ask both by one protocol; EvaluationError unless they share test pictures.

    progress : told of the queries ranked, those of both archives together.
    """
    asked = [_asked(archive, protocol) for archive in (first, second)]
    ours, theirs = (queries.sha256 for _, queries in asked)
    shared, *rows = np.intersect1d(ours, theirs, return_indices=True)
    if not len(shared):
        raise EvaluationError(
            f"Archives {first.name} and {second.name} share no test picture, so their answers "
            "cannot be compared query by query."
        )
    first_values, second_values = (
        _precision(gallery, queries.take(chosen), protocol, _half(progress, number))
        for number, ((gallery, queries), chosen) in enumerate(zip(asked, rows, strict=True))
    )
    patients = asked[0][1].patients[rows[0]]
    return SideBySide(protocol, (first.id, second.id), first_values, second_values, patients)


def _asked(archive: Archive, protocol: str) -> tuple[Cases, Cases]:
    """The cases that a protocol ranks, and the archive's test cases, which ask."""
    model = archive.model()
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    if not len(queries):
        raise EvaluationError(f"Archive {archive.name} has no case in split test.")
    return protocols.gallery_for(archive, model, queries, protocol), queries


def _precision(gallery: Cases, queries: Cases, protocol: str, progress: Progress | None) -> Floats:
    """P@k of every query at the depths: (queries, depths)."""
    without = () if protocol == "paper" else EXCLUDED_FIELDS
    rankings = Ranked.of(gallery, queries, without=without).rankings
    values = np.stack([rankings.precision(k) for k in DEPTHS], axis=1)
    if progress:
        progress(len(queries), len(queries))
    return values


def _half(progress: Progress | None, number: int) -> Progress | None:
    """A counter for one of two archives, first 0 and then 1, that ask as much each."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, 2 * total)
