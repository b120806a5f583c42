"""What refining by two examples is worth, measured with simulated readers.

A reader looks down the first ranking and marks the first case with the query's
label as "more like this" and the first with another as "less like this". Both
cases leave the ranking before precision is taken, before and after alike: else
the gain would be the two answers that were given away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hamming
from retrieval.codes.model import Model
from retrieval.errors import EvaluationError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.search.refining import BETA, GAMMA, Examples, Space, code_of
from retrieval.statistics.intervals import DIFFERENCE, SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats, expected_hits, tie_groups
from retrieval.storage import Json

DEPTH = 10


@dataclass(frozen=True, eq=False)
class Refinement:
    """P@10 (n,) of each query before and after its two examples; `skipped` met only one label."""

    archive_id: str
    model_id: str
    bits: int
    splits: tuple[str, ...]
    seen: int
    before: Floats
    after: Floats
    patients: npt.NDArray[np.str_]
    skipped: int

    def json(self) -> Json:
        """As `study refinement --json` writes it."""
        columns = np.stack([self.before, self.after, self.after - self.before], axis=1)
        bounds = (SHARE, SHARE, DIFFERENCE)
        before, after, gain = bootstrap_interval(columns, self.patients, bounds).T
        return {
            "archive": {"id": self.archive_id},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "splits": list(self.splits),
            "queries": len(self.before),
            "skipped": self.skipped,
            "queries_seen_in_training": self.seen,
            "towards": BETA,
            "away": GAMMA,
            "before": figure(before),
            "after": figure(after),
            "gain": figure(gain),
        }


def measure(archive: Archive, model: Model, split: str) -> Refinement:
    """Refine every query of a split of the archive against its other splits but test."""
    if split == "test":
        raise EvaluationError("How to refine is chosen on other splits than test; name one.")
    cases = cases_of_archive(archive, model)
    asked = np.flatnonzero(cases.splits == split)
    if not len(asked):
        raise EvaluationError(f"Archive {archive.name} has no case in split {split}.")
    try:
        gallery = np.flatnonzero(protocols.gallery_rows(cases, cases.take(asked)))
    except EvaluationError:
        raise EvaluationError(
            f"Archive {archive.name} has no case to find in splits other than {split} and test."
        ) from None
    space = Space.of(archive, model)
    found = [_one(space, cases, gallery, int(row)) for row in asked]
    kept = np.array([pair is not None for pair in found])
    if not kept.any():
        raise EvaluationError("Every query met one label alone, so there is nothing to refine.")
    before, after = np.array([pair for pair in found if pair is not None]).T
    return Refinement(
        archive_id=archive.id,
        model_id=model.id,
        bits=archive.bits,
        splits=(split,),
        seen=int(model.saw_each(cases.sha256[asked][kept]).sum()),
        before=before,
        after=after,
        patients=cases.patients[asked][kept],
        skipped=int((~kept).sum()),
    )


def _one(
    space: Space, cases: Cases, gallery: npt.NDArray[np.intp], row: int
) -> tuple[float, float] | None:
    """P@10 before and after; None where the gallery has one label only."""
    stranger = cases.patients[gallery] != cases.patients[row]
    allowed = gallery[stranger & (cases.sha256[gallery] != cases.sha256[row])]
    relevant = cases.labels[allowed] == cases.labels[row]
    if relevant.all() or not relevant.any():
        return None
    first = hamming.distances(cases.codes[allowed], cases.codes[row : row + 1])[0]
    order = np.argsort(first, kind="stable")  # rows stand in the order of their ids
    liked = int(order[relevant[order].argmax()])
    disliked = int(order[(~relevant[order]).argmax()])
    examples = Examples((int(allowed[liked]),), (int(allowed[disliked]),))
    code = code_of(space.relevance_feedback(space.margins[row], examples))
    second = hamming.distances(cases.codes[allowed], code)[0]
    rest = np.ones(len(allowed), dtype=bool)
    rest[[liked, disliked]] = False
    before, after = (_precision(found[rest], relevant[rest]) for found in (first, second))
    return before, after


def _precision(distances: npt.NDArray[np.int32], relevant: npt.NDArray[np.bool_]) -> float:
    return float(expected_hits(*tie_groups(distances, relevant), DEPTH)[-1] / DEPTH)
