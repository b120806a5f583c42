"""Two archives asked the same questions: their difference, query by query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.errors import EvaluationError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.evaluation.ranking import Ranked
from retrieval.statistics.intervals import figure, paired_difference
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

DEPTHS = (1, 5, 10, 50)


@dataclass(frozen=True, eq=False)
class SideBySide:
    """P@k of the n queries that both archives hold, (n, depths) each, and of whom they are."""

    first: Floats
    second: Floats
    patients: npt.NDArray[np.str_]

    def json(self) -> Json:
        """Means and the paired difference, first minus second, with its interval, at each k."""
        columns = paired_difference(self.first, self.second, self.patients).T
        return {
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


def compare(first: Archive, second: Archive) -> SideBySide:
    """The official protocol on both; EvaluationError unless they share test pictures."""
    ours, theirs = _official(first), _official(second)
    shared, left, right = np.intersect1d(ours[0].sha256, theirs[0].sha256, return_indices=True)
    if not len(shared):
        raise EvaluationError(
            f"Archives {first.name} and {second.name} share no test picture, so their answers "
            "cannot be compared query by query."
        )
    return SideBySide(ours[1][left], theirs[1][right], ours[0].patients[left])


def _official(archive: Archive) -> tuple[Cases, Floats]:
    model = archive.model()
    cases = cases_of_archive(archive, model)
    queries = cases.take(cases.splits == "test")
    if not len(queries):
        raise EvaluationError(f"Archive {archive.name} has no case in split test.")
    gallery = protocols.gallery_for(archive, model, queries, "official")
    rankings = Ranked.of(gallery, queries).rankings
    return queries, np.stack([rankings.precision(k) for k in DEPTHS], axis=1)
