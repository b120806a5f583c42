"""Whether maps of evidence tell the truth: insertion and deletion against random orders.

Petsiuk, Das, Saenko, "RISE", BMVC 2018, for a pair of pictures: cells of the query
are replaced by its mean grey, those with most evidence first, and the bits that
agree with the nearest case of another patient are counted again. A map that tells
the truth loses them faster than a random order does; cells put back in its order
onto the empty picture bring them back sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrieval import hamming
from retrieval.archive import Archive
from retrieval.datasets import Folder, patient_group
from retrieval.encoding import Progress, Reader, read_one
from retrieval.errors import EvaluationError
from retrieval.explain import Agreement, Scales, empty_like, stored_features
from retrieval.greys import FloatImage
from retrieval.hashing import Features
from retrieval.metrics import Floats, bootstrap_interval, figure
from retrieval.model import Model
from retrieval.storage import Json

GRID = 8  # cells on a side
STEPS = 8  # cells are taken away in so many equal parts
RANDOM_ORDERS = 5
TARGETS = ("deletion", "insertion")

Order = npt.NDArray[np.intp]  # (GRID * GRID,) cells, the first to go first


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Figures of n pairs.

    deletion, insertion : float64 (n, 2, STEPS + 1), share of the agreeing bits that still agree
        after 0, 1, ... steps, in the map's order and as the mean of random orders.
    patients : (n,) of the queries.
    """

    archive_id: str
    model_id: str
    bits: int
    splits: tuple[str, ...]
    deletion: Floats
    insertion: Floats
    patients: npt.NDArray[np.str_]

    def faster(self, target: str) -> npt.NDArray[np.bool_]:
        """For which pairs (n,) the map's area is better than that of random orders."""
        areas = getattr(self, target).mean(axis=2)
        gain = areas[:, 1] - areas[:, 0]
        return gain > 0 if target == "deletion" else gain < 0

    def json(self) -> Json:
        """As `faithfulness --json` writes it."""
        found: Json = {
            "archive": {"id": self.archive_id},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "splits": list(self.splits),
            "pairs": len(self.patients),
            "grid": GRID,
            "random_orders": RANDOM_ORDERS,
        }
        for target in TARGETS:
            curves = getattr(self, target)
            gain = curves.mean(axis=2) @ ((-1.0, 1.0) if target == "deletion" else (1.0, -1.0))
            columns = np.stack([self.faster(target), gain], axis=1).astype(np.float64)
            share, area = np.stack(bootstrap_interval(columns, self.patients)).T
            found[target] = {
                "better_than_random": figure(share),
                "area_gained": figure(area),
                "map": curves[:, 0].mean(axis=0).tolist(),
                "random": curves[:, 1].mean(axis=0).tolist(),
            }
        return found


def measure(
    archive: Archive,
    model: Model,
    folder: Folder,
    *,
    pairs: int,
    seed: int = 0,
    read: Reader,
    progress: Progress | None = None,
) -> Faithfulness:
    """Ask with `pairs` pictures of a folder drawn at random; EvaluationError if there is none."""
    if not 1 <= pairs or not folder.cases:
        raise EvaluationError("Faithfulness needs at least one pair; name pictures to ask about.")
    random = np.random.default_rng(seed)
    scales = Scales.of(archive, model)
    chosen = np.sort(random.permutation(len(folder.cases))[:pairs])
    found, patients = [], []
    for done, number in enumerate(chosen, start=1):
        case = folder.cases[number]
        scan = read_one(folder.path(case), read)
        patient = patient_group(case.patient_id, scan.sha256)
        other = nearest_stranger(archive, model, model.encode([scan.pixels])[0], patient)
        found.append(curves_of_pair(scales, scan.pixels, other, random))
        patients.append(patient)
        if progress is not None:
            progress(done, len(chosen))
    deletion, insertion = np.stack(found).swapaxes(0, 1)
    return Faithfulness(
        archive_id=archive.id,
        model_id=model.id,
        bits=archive.bits,
        splits=tuple(sorted({case.split for case in folder.cases})),
        deletion=deletion,
        insertion=insertion,
        patients=np.array(patients),
    )


def nearest_stranger(archive: Archive, model: Model, query: Features, patient: str) -> Features:
    """Features (F,) of the nearest case of another patient, by (distance, id)."""
    distances = hamming.distances(archive.codes, model.codes(query[None]))[0].astype(np.int64)
    own = archive.catalogue.column("patient_id") == patient
    if own.all():
        raise EvaluationError(f"Archive {archive.name} holds no case of another patient.")
    distances[own] = archive.bits + 1
    return stored_features(archive, model, int(distances.argmin()))


def curves_of_pair(
    scales: Scales, pixels: FloatImage, other: Features, random: np.random.Generator
) -> Floats:
    """Curves (2, 2, STEPS + 1), deletion and insertion, each by the map and by random orders."""
    model = scales.model
    before = scales.agreement(model.encode([pixels])[0], other)
    cells = by_cell(scales.evidence(pixels, before))
    by_map = np.argsort(-cells, kind="stable")
    orders = [by_map, *(random.permutation(GRID * GRID) for _ in range(RANDOM_ORDERS))]

    def kept(changed: FloatImage) -> float:
        after = scales.agreement(model.encode([changed])[0], other)
        return still_agreeing(before, after)

    empty = empty_like(pixels)
    ends = kept(pixels), kept(empty)
    found = []
    for start, end, full, gone in ((pixels, empty, *ends), (empty, pixels, *ends[::-1])):
        curves = np.array([curve(order, start, end, kept) for order in orders])
        curves = np.pad(curves, ((0, 0), (1, 1)))
        curves[:, 0], curves[:, -1] = full, gone
        found.append(np.stack([curves[0], curves[1:].mean(axis=0)]))
    return np.stack(found)


def by_cell(evidence: FloatImage) -> FloatImage:
    """Mean evidence of each of the GRID * GRID cells, row by row."""
    shrunk = Image.fromarray(evidence).resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(shrunk).ravel()


def curve(
    order: Order, start: FloatImage, end: FloatImage, kept: Callable[[FloatImage], float]
) -> list[float]:
    """What is kept after 1 .. STEPS - 1 parts of the cells were taken from `end`."""
    each = GRID * GRID // STEPS
    return [kept(replaced(start, end, order[: step * each])) for step in range(1, STEPS)]


def replaced(start: FloatImage, end: FloatImage, cells: Order) -> FloatImage:
    """`start` (H, W) with these cells taken from `end`."""
    rows = np.arange(start.shape[0]) * GRID // start.shape[0]
    columns = np.arange(start.shape[1]) * GRID // start.shape[1]
    chosen = np.isin(rows[:, None] * GRID + columns, cells)
    return np.where(chosen, end, start)


def still_agreeing(before: Agreement, after: Agreement) -> float:
    """Share of the bits that agreed before which still do."""
    return float((before.agrees & after.agrees).sum() / max(before.agrees.sum(), 1))
