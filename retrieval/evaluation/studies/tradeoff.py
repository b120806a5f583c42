"""What the label costs likeness: codes of one length, from none to all of their bits learned.

Bits that labels made say which finding; bits that no label touched say which
pictures look alike. Each step of the curve trades some of one for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes import hashing
from retrieval.codes.model import Model
from retrieval.errors import EvaluationError, SettingError
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import cases_of_archive
from retrieval.evaluation.ranking import ranked_by_protocol
from retrieval.evaluation.studies import similarity
from retrieval.evaluation.studies.similarity import Similarity
from retrieval.statistics.intervals import figure, interval_of
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

BITS = 64
STEP = 8
RANK = 10


@dataclass(frozen=True, eq=False)
class Point:
    """Figures of codes with so many learned bits; precision : P@10, float64 (3,)."""

    learned: int
    precision: Floats
    alike: Similarity


@dataclass(frozen=True, eq=False)
class Tradeoff:
    """The curve of one archive, asked by the cases of one split."""

    archive: Archive
    split: str
    queries: int
    seen: int
    chance: float
    bits: int
    points: tuple[Point, ...]

    def json(self) -> Json:
        """As `study tradeoff --json` writes it."""
        return {
            "archive": {"id": self.archive.id, "name": self.archive.name},
            "model": {"id": self.archive.about["model"]["id"]},
            "splits": [self.split],
            "queries": self.queries,
            "queries_seen_in_training": self.seen,
            "chance": self.chance,
            "bits": self.bits,
            "points": [
                {
                    "learned": point.learned,
                    "precision_at_10": figure(point.precision),
                    "similarity": point.alike.json(),
                }
                for point in self.points
            ],
        }


def measure(archive: Archive, model: Model, split: str, bits: int = BITS) -> Tradeoff:
    """Codes of `bits` with 0, 8, ... learned bits, the first ones in mRMR order of each kind.

    EvaluationError if the archive has no such split, or too few features of either kind, and
    for test: how many bits to learn is chosen by it.
    """
    if split == "test":
        raise EvaluationError(
            "How many bits to learn is chosen on other splits than test; name one."
        )
    learned, kept = learned_and_frozen(model, archive)
    cases = cases_of_archive(archive, model)
    asked = cases.splits == split
    if not asked.any():
        raise EvaluationError(f"Archive {archive.name} has no case in split {split}.")
    if bits < STEP or bits % STEP:
        raise SettingError(f"A code can have 8, 16, ... bits, not {bits}.")
    if min(len(learned), len(kept)) < bits:
        raise EvaluationError(
            f"Archive {archive.name} has {len(learned)} learned features and {len(kept)} that no "
            f"label touched; codes of {bits} bits cannot be made of either alone."
        )
    allowed = protocols.gallery_rows(cases, cases.take(asked))
    points = []
    chance = 0.0
    for count in range(0, bits + 1, STEP):
        chosen = np.concatenate([learned[:count], kept[: bits - count]])
        coded = replace(cases, codes=_codes(archive, model, chosen))
        queries, gallery = coded.take(asked), coded.take(allowed)
        ranked, everything = ranked_by_protocol(gallery, queries, "official")
        precision = ranked.rankings.precision(RANK)
        interval = interval_of(precision, queries.patients)
        points.append(Point(count, interval, similarity.measure(ranked, everything)))
        chance = float(ranked.rankings.chance.mean())
    return Tradeoff(
        archive=archive,
        split=split,
        queries=int(asked.sum()),
        seen=int(model.saw_each(cases.sha256[asked]).sum()),
        chance=chance,
        bits=bits,
        points=tuple(points),
    )


def learned_and_frozen(model: Model, archive: Archive) -> tuple[np.ndarray, np.ndarray]:
    """The stored features that were learned, and those that no label touched, in mRMR order."""
    stored = set(archive.columns.tolist())
    order = np.array([column for column in model.ranking.tolist() if column in stored])
    return order[order < model.learned], order[order >= model.learned]


def _codes(archive: Archive, model: Model, columns: np.ndarray) -> hashing.Codes:
    features = np.asarray(archive.features)[:, hashing.places(archive.columns, columns)]
    return hashing.pack(hashing.to_bits(features, model.thresholds[columns]))
