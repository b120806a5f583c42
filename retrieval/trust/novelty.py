"""Whether a picture lies farther from an archive's pictures than they lie from each other.

Codes hardly show it: cut at thresholds, a stranger's features give bits like any other's.
Their values do. Features that no label has touched are compared, since those that labels
made say which finding, and a stranger has to have one or the other. The distance to the
nearest cases is what tells (Sun, Ming, Zhu, Li, "Out-of-distribution detection with deep
nearest neighbors", ICML 2022), and the archive's own cases, each without its own patient,
say which distances are usual: no other picture is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.explain.evidence_map import stored_features
from retrieval.statistics.calibration import NOVEL
from retrieval.statistics.precision import Floats
from retrieval.statistics.rankings import NEIGHBOURS

FEWEST = 100  # cases, with fewer the farthest hundredth of them is no figure
AT_ONCE = 512

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NoveltyDetector:
    """An archive's cases by the features that no label has touched.

    columns : their places among the features that the model computes; values float32
    (n, columns), in spreads of the archive around its mean; limit : the distance that a
    hundredth of the cases are beyond.
    """

    columns: npt.NDArray[np.intp]
    mean: Values
    spread: Values
    values: Values
    limit: float

    @classmethod
    def of(cls, archive: Archive, model: Model) -> NoveltyDetector | None:
        """None where a model has no such features, or an archive too few cases or patients."""
        archive.require(model)
        columns = np.flatnonzero(model.columns >= model.learned)
        if not len(columns) or len(archive) < FEWEST:
            return None
        known = stored_features(archive, model, slice(None))[:, columns].astype(np.float32)
        mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
        values = (known - mean) / spread
        apart = _own_distances(values, archive.catalogue.column("patient_id"))
        if not np.isfinite(apart).all():
            return None
        return cls(columns, mean, spread, values, float(np.quantile(apart, NOVEL)))

    def distance(self, features: Features) -> float:
        """Mean distance to the nearest cases of one picture's features (F,), of this model."""
        found = (features[self.columns].astype(np.float32) - self.mean) / self.spread
        return float(_nearest(_apart(found[None], self.values))[0])

    def is_out_of_distribution(self, features: Features) -> bool:
        """Whether a picture (F,) lies beyond what is usual in the archive."""
        return self.distance(features) > self.limit


def _own_distances(values: Values, patients: npt.NDArray[np.str_]) -> Floats:
    """Of each case (n,) to its nearest of other patients; infinite if there are too few."""
    _, number = np.unique(patients, return_inverse=True)
    found = []
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        apart = _apart(values[part], values)
        apart[number[part, None] == number] = np.inf
        found.append(_nearest(apart))
    return np.concatenate(found)


def _apart(some: Values, values: Values) -> Values:
    """Euclidean distances (m, n)."""
    squares = (some**2).sum(axis=1)[:, None] + (values**2).sum(axis=1) - 2 * some @ values.T
    found: Values = np.sqrt(np.maximum(squares, 0))
    return found


def _nearest(apart: Values) -> Floats:
    """Mean of the NEIGHBOURS smallest of each row (m, n)."""
    found: Floats = np.partition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS].mean(axis=1)
    return found
