"""What precision would be if a finding were rarer or commoner in the archive than it is.

Precision follows prevalence: a ranking that finds 8 of 10 where half the archive
has the finding finds far fewer where one case in a hundred has it. Each query's
relevant and other cases keep their distances and are counted with other weights,
so that the relevant ones make up the wished share of an archive of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.evaluation.cases import Cases
from retrieval.evaluation.ranking import Ranked
from retrieval.statistics.intervals import bootstrap_interval, figure
from retrieval.statistics.precision import Counts, Floats
from retrieval.storage import Json

SHARES = (0.5, 0.2, 0.05, 0.01)
DEPTH = 10


@dataclass(frozen=True, eq=False)
class Prevalence:
    """P@10 (n, shares) of each query at each share of its finding, and as the archive is."""

    shares: tuple[float, ...]
    precision: Floats
    as_it_is: Floats
    patients: npt.NDArray[np.str_]

    def json(self) -> Json:
        """Figures with intervals over patients, by share."""
        columns = np.concatenate([self.as_it_is[:, None], self.precision], axis=1)
        found = bootstrap_interval(columns, self.patients).T
        names = ("as it is", *(f"{share:g}" for share in self.shares))
        return {name: figure(row) for name, row in zip(names, found, strict=True)}


def measure(gallery: Cases, queries: Cases, shares: Sequence[float] = SHARES) -> Prevalence:
    """What `queries` would find in a gallery with other shares of their finding."""
    found = Ranked.of(gallery, queries).rankings.counts
    rows = [[at_share(*counts, share) for share in shares] for counts in found]
    own = [at_share(*counts, counts[1].sum() / counts[0].sum()) for counts in found]
    return Prevalence(tuple(shares), np.array(rows), np.array(own), queries.patients)


def at_share(totals: Counts, relevant: Counts, share: float, k: int = DEPTH) -> float:
    """Expected P@k if `share` of an archive of this size were relevant; 0 without a relevant case.

    totals, relevant : as `tie_groups` gives them, nearest first.
    """
    others = totals - relevant
    if not relevant.sum() or not others.sum():
        return float(bool(relevant.sum()))
    size = totals.sum()
    wanted = relevant * (share * size / relevant.sum())
    all_cases = wanted + others * ((1 - share) * size / others.sum())
    ends = np.concatenate([[0.0], np.cumsum(all_cases)])
    hits = np.concatenate([[0.0], np.cumsum(wanted)])
    return float(np.interp(k, ends, hits) / k)  # linear within a tie
