"""The ranking of each query, as counts of relevant cases by distance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from retrieval.codes.hamming import distances
from retrieval.errors import EvaluationError
from retrieval.evaluation.cases import Cases, Strings
from retrieval.statistics.precision import Counts, Floats, expected_hits, tie_groups

EXCLUDED_FIELDS = ("patients", "sha256")  # a query's own patient and picture are not ranked


def fewest_ranked(gallery: Cases, queries: Cases, *, keep_own: bool = False) -> int:
    """How many cases every query is ranked against at least."""
    without = () if keep_own else EXCLUDED_FIELDS
    return min(int(mask.sum()) for mask in allowed_cases(gallery, queries, without=without))


def precision_at(
    gallery: Cases, queries: Cases, k: int, *, relevant: str = "labels"
) -> tuple[Floats, Floats]:
    """Expected P@k and precision of chance, each (queries,); a query's own patient left out."""
    counts = list(rankings(gallery, queries, relevant=relevant))
    hits = [expected_hits(totals, relevant, k)[-1] for totals, relevant in counts]
    chance = [relevant.sum() / totals.sum() for totals, relevant in counts]
    return np.array(hits) / k, np.array(chance)


def rankings(
    gallery: Cases,
    queries: Cases,
    *,
    relevant: str = "labels",
    without: Sequence[str] = EXCLUDED_FIELDS,
) -> Iterator[tuple[Counts, Counts]]:
    """For each query the counts of `metrics.tie_groups`, nearest first.

    A case is relevant if the field `relevant` is the query's, and is not ranked if
    one of the fields `without` is.
    """
    wanted, of_wanted = _numbered(getattr(queries, relevant), getattr(gallery, relevant))
    for number, allowed in enumerate(allowed_cases(gallery, queries, without=without)):
        distance = distances(gallery.codes[allowed], queries.codes[number : number + 1])[0]
        yield tie_groups(distance, of_wanted[allowed] == wanted[number])


def allowed_cases(
    gallery: Cases, queries: Cases, *, without: Sequence[str] = EXCLUDED_FIELDS
) -> Iterator[npt.NDArray[np.bool_]]:
    """For each query, which cases (gallery,) it is ranked against: none that shares these fields.

    EvaluationError if that leaves a query nothing.
    """
    apart = [_numbered(getattr(queries, name), getattr(gallery, name)) for name in without]
    for number in range(len(queries)):
        allowed = np.ones(len(gallery), dtype=bool)
        for own, of_gallery in apart:
            allowed &= of_gallery != own[number]
        if not allowed.any():
            raise EvaluationError("A query has nothing to be compared with but its own patient.")
        yield allowed


def _numbered(first: Strings, second: Strings) -> tuple[npt.NDArray[np.intp], ...]:
    """Two arrays of names as numbers, equal where the names are: quicker to compare."""
    numbers = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    return numbers[: len(first)], numbers[len(first) :]
