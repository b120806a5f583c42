"""From the distances around a query to the chance of each label.

Every case of the archive votes for its label with weight exp(-d / (bits x T)),
T the temperature. The mean weight of a label's cases says how near the query
lies to that label, whatever the label's share of the archive is:

    chance(label) ~ share of the archive x (mean weight) ^ slope

Slope 1 is the kernel-weighted share of labels; slope 0 is the label's plain
share of the archive, which is also what codes that say nothing give. Tied cases
weigh alike. Temperature and slope are the two numbers fitted, by log loss on
held-out queries (`fitting`). A hit's own distance is left out: with it the
cross-validated log loss of hits on COVID-CT's val split is not measurably lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from retrieval.codes.model import ID_LENGTH
from retrieval.statistics.precision import Counts, Floats
from retrieval.statistics.rankings import histogram
from retrieval.storage import Json, fingerprint

COLDEST = 0.01  # temperature at which the farthest weight is exp(-100), not yet 0
QUANTILES = 101
NOVEL = 0.99  # a query farther off than this share of the held-out ones is unlike the archive


@dataclass(frozen=True)
class Calibration:
    """Two fitted numbers, what is read off the same held-out queries, and their origin.

    threshold : largest chance below which a query is not answered.
    informative : whether the ranking says more of the label than its share of the archive.
    quantiles : mean distance to the 10 nearest cases at 0, 1, ... 100 % of the held-out queries.
    archive_id : content of the archive at the fit; pictures : ids of the held-out queries.
    groups : digests of their patients; none in files of before they were kept.
    """

    bits: int
    temperature: float
    slope: float
    threshold: float
    informative: bool
    quantiles: tuple[float, ...]
    archive_id: str
    patients: int
    pictures: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def json(self) -> Json:
        """As an archive stores it."""
        lists = ("quantiles", "pictures", "groups")
        return {**asdict(self), **{name: [*getattr(self, name)] for name in lists}}

    @classmethod
    def from_json(cls, stored: Json) -> Calibration:
        """The calibration that `json` wrote; ValueError, KeyError or TypeError if it cannot be."""
        stored = {"groups": (), **stored}
        given = {field.name: stored[field.name] for field in fields(cls)}
        given["quantiles"] = tuple(float(value) for value in given["quantiles"])
        for name in ("pictures", "groups"):
            given[name] = tuple(str(value) for value in given[name])
        made = cls(**given)
        numbers = np.array([made.temperature, made.slope, made.threshold, *made.quantiles])
        sound = (
            np.isfinite(numbers).all()
            and made.temperature >= COLDEST
            and made.slope >= 0
            and len(made.quantiles) == QUANTILES
            and (np.diff(made.quantiles) >= 0).all()
            and isinstance(made.bits, int)
            and isinstance(made.informative, bool)
            and isinstance(made.archive_id, str)
        )
        if not sound:
            raise ValueError("no calibration")
        return made

    def chances(self, histograms: Counts) -> Floats:
        """Chances (n, labels), each row with sum 1, from Evidence.histograms."""
        return np.exp(log_chances(*neighbourhood(histograms, self.temperature), self.slope))

    def was_fitted_on(self, sha256: str, patient: str) -> bool:
        """Whether a picture is one of the held-out queries, or of the patient of one."""
        return sha256[:ID_LENGTH] in self.pictures or group_of(patient) in self.groups

    def novelty(self, distance: float) -> float:
        """Share of the held-out queries whose 10 nearest cases were nearer on average."""
        values, first = np.unique(self.quantiles, return_index=True)
        return float(np.interp(distance, values, first / (QUANTILES - 1), right=1.0))

    def is_novel(self, distance: float) -> bool:
        """Whether a query this far from its 10 nearest cases is unlike anything in the archive."""
        return distance > self.quantiles[round(NOVEL * (QUANTILES - 1))]


def group_of(patient: str) -> str:
    """What stands for a patient in a calibration, which may be one that no archive holds."""
    return fingerprint(patient)[:ID_LENGTH]


def chance(
    calibration: Calibration, distances: npt.NDArray[np.integer], labels: npt.NDArray[np.str_]
) -> dict[str, float]:
    """The chance of each label, by its distances (n,) from archive cases with these labels (n,).

    A hit shares the query's finding with the chance of the hit's label. Of a
    query that is in the archive, the caller leaves out the picture and its patient.
    """
    names, label = np.unique(labels, return_inverse=True)
    table = histogram(distances, label, len(names), calibration.bits)
    found = calibration.chances(table[None])[0]
    return dict(zip(names.tolist(), found.tolist(), strict=True))


def abstain(calibration: Calibration, chances: Mapping[str, float]) -> bool:
    """Whether a query with these chances is left unanswered: always where rankings say nothing."""
    return not calibration.informative or max(chances.values()) < calibration.threshold


def prevalence(histograms: Counts) -> Floats:
    """The share (n, labels) of each label among the cases a query may meet."""
    counts = histograms.sum(axis=2)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def neighbourhood(histograms: Counts, temperature: float) -> tuple[Floats, Floats]:
    """Logs (n, labels) of each label's share of the cases, and of its mean weight."""
    counts = histograms.sum(axis=2)
    bits = histograms.shape[2] - 1
    weights = histograms @ np.exp(-np.arange(bits + 1) / (bits * temperature))
    present = counts > 0
    with np.errstate(divide="ignore"):  # a label without a case has no chance
        shares = np.log(prevalence(histograms))
    return shares, np.log(np.divide(weights, counts, out=np.ones(counts.shape), where=present))


def log_chances(shares: Floats, means: Floats, slope: float) -> Floats:
    """Logs (n, labels) of the chances that follow from `neighbourhood` and a slope."""
    logits = shares + slope * means
    logs: Floats = logits - logsumexp(logits, axis=1, keepdims=True)
    return logs
