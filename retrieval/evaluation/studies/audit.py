"""How an archive's answers change when the query's picture is changed and its finding is not.

The queries are encoded again under each change of `disturbances`; the archive
stays as it is, as for a user whose scan has another window, crop or letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes.from_files import PathReader, Progress
from retrieval.codes.hamming import rank
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import Model
from retrieval.data.folder import Folder
from retrieval.evaluation import cases, protocols
from retrieval.evaluation.cases import Cases
from retrieval.evaluation.ranking import Ranked
from retrieval.imaging.disturbances import Disturbance
from retrieval.reading import decode
from retrieval.statistics.intervals import DIFFERENCE, balanced_interval, figure, interval_of
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

DEPTH = 10
PROTOCOL = "official"  # its refusals see the pictures as they were before any change


@dataclass(frozen=True, eq=False)
class Effect:
    """One change's figures, each float64 (3,): value, low, high.

    precision : P@10, expected over ties; balanced : the mean of each label's, which is
    `Audit.balanced_chance` for whoever sees nothing; difference : minus that of the unchanged
    queries, query by query; overlap : share of the first 10 cases, by (distance,
    id) as a user sees them, that are among the unchanged query's first 10.
    """

    description: str
    precision: Floats
    balanced: Floats
    difference: Floats
    overlap: Floats

    def json(self) -> Json:
        """As `study audit --json` writes it."""
        return {
            "description": self.description,
            "precision_at_10": figure(self.precision),
            "balanced_at_10": figure(self.balanced),
            "difference": figure(self.difference),
            "overlap_at_10": figure(self.overlap),
        }


@dataclass(frozen=True, eq=False)
class Audit:
    """P@10 of the unchanged queries and the effect of each change, by name.

    chance : share of the archive that is right, mean over the queries; balanced_chance : over the
    labels, 1 / labels where all the archive's are asked for.
    """

    archive_id: str
    archive_count: int
    model_id: str
    bits: int
    queries: int
    chance: float
    balanced_chance: float
    unchanged: Floats
    balanced: Floats
    effects: dict[str, Effect]

    def json(self) -> Json:
        """As `study audit --json` writes it."""
        return {
            "protocol": PROTOCOL,
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "queries": self.queries,
            "chance": self.chance,
            "balanced_chance": self.balanced_chance,
            "unchanged": {
                "precision_at_10": figure(self.unchanged),
                "balanced_at_10": figure(self.balanced),
            },
            "changes": {name: effect.json() for name, effect in self.effects.items()},
        }


def audit(
    archive: Archive,
    model: Model,
    folder: Folder,
    changes: Mapping[str, Disturbance],
    *,
    bits: int | None = None,
    read: PathReader = decode.read,
    progress: Progress | None = None,
) -> Audit:
    """Ask the archive with a folder's pictures as they are and under each change.

    Raises what `evaluate` with the official protocol raises.
    """
    archive.require(model)
    queries = cases.cases_of_folder(folder, model, bits, read=read, progress=progress)
    gallery = protocols.gallery_for(archive, model, queries, protocol=PROTOCOL, bits=bits)
    features = encode_changed(folder, model, changes, read, progress)
    rankings = Ranked.of(gallery, queries).rankings
    precision, chance = rankings.precision(DEPTH), rankings.chance
    effects = {
        name: effect_of(
            change.description, gallery, queries, precision, model.codes(features[name], bits)
        )
        for name, change in changes.items()
    }
    return Audit(
        archive_id=archive.id,
        archive_count=len(gallery),
        model_id=model.id,
        bits=gallery.codes.shape[1] * 8,
        queries=len(queries),
        chance=float(chance.mean()),
        balanced_chance=float(balanced_interval(chance, queries.labels, queries.patients)[0]),
        unchanged=interval_of(precision, queries.patients),
        balanced=balanced_interval(precision, queries.labels, queries.patients),
        effects=effects,
    )


def encode_changed(
    folder: Folder,
    model: Model,
    changes: Mapping[str, Disturbance],
    read: PathReader,
    progress: Progress | None = None,
) -> dict[str, Features]:
    """Features (n, F) of a folder's pictures under each change; one scan is in memory at a time."""
    rows: dict[str, list[npt.NDArray[np.float16]]] = {name: [] for name in changes}
    for done, case in enumerate(folder.cases, start=1):
        pixels = read(folder.path(case)).pixels
        for name, change in changes.items():
            rows[name].append(model.encode([change.apply(pixels)])[0])
        if progress is not None:
            progress(done, len(folder.cases))
    return {name: np.stack(features) for name, features in rows.items()}


def overlap_at(gallery: Codes, one: Codes, other: Codes, k: int = DEPTH) -> Floats:
    """Share of the first k cases of each of `one` that are among those of `other`; (queries,)."""
    first, second = rank(gallery, one, k).positions, rank(gallery, other, k).positions
    shared = (first[:, :, None] == second[:, None, :]).any(axis=2)
    share: Floats = shared.mean(axis=1)
    return share


def effect_of(
    description: str, gallery: Cases, queries: Cases, unchanged: Floats, codes: Codes
) -> Effect:
    """What a change does that gives the queries these codes; unchanged : their P@10 before."""
    precision = Ranked.of(gallery, replace(queries, codes=codes)).rankings.precision(DEPTH)
    overlap = overlap_at(gallery.codes, codes, queries.codes)
    patients = queries.patients
    return Effect(
        description,
        interval_of(precision, patients),
        balanced_interval(precision, queries.labels, patients),
        interval_of(precision - unchanged, patients, DIFFERENCE),
        interval_of(overlap, patients),
    )
