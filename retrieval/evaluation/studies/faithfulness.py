"""Whether maps of evidence tell the truth: insertion and deletion against other orders.

Petsiuk, Das, Saenko, "RISE", BMVC 2018, for a pair of pictures: cells of the query
are replaced by its mean grey, those with most evidence first, and the bits that
agree with the nearest case of another patient are counted again. A map that tells
the truth loses them faster than a random order does; cells put back in its order
onto the empty picture bring them back sooner.

Scattered cells make more edges than cells side by side, and edges alone turn bits.
So a map is held against itself displaced too, with about as many edges in the wrong
places: somewhat fewer where a map lies in the middle, since a part that is shifted
out on one side comes in on the other and has no edge at the border.

Both kinds of map are measured, on the same pairs and against the same random orders.
The map by covering is made by what tests it, on the same cells: that is its advantage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrieval.archives.archive import Archive
from retrieval.codes import hamming
from retrieval.codes.from_files import PathReader, Progress, read_one
from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.data.folder import Folder, patient_group
from retrieval.errors import EvaluationError
from retrieval.evaluation.results import MAPS
from retrieval.explain.evidence_map import Agreement, Scales, empty_like, stored_features
from retrieval.explain.occlusion import COVERINGS, GRID, covered_features, parts, replaced
from retrieval.imaging.greys import FloatImage
from retrieval.statistics.intervals import DIFFERENCE, SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

STEPS = 8  # cells are taken away in so many equal parts
RANDOM_ORDERS, DISPLACED_ORDERS = 5, 3
TARGETS = ("deletion", "insertion")
CONTROLS = ("random", "displaced")

Order = npt.NDArray[np.intp]  # (GRID * GRID,) cells, the first to go first


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Figures of n pairs.

    deletion, insertion : float64 (n, 2, 3, STEPS + 1), for each map the share of the agreeing
        bits that still agree after 0, 1, ... steps: in the map's order, in random orders on
        average, and in the orders of the map displaced.
    patients : (n,) of the queries.
    """

    archive_id: str
    model_id: str
    bits: int
    splits: tuple[str, ...]
    deletion: Floats
    insertion: Floats
    patients: npt.NDArray[np.str_]

    def gained(self, name: str, target: str, control: str) -> Floats:
        """By how much (n,) a map's area is better than that of a control; above 0 is faster."""
        areas = self._curves(name, target).mean(axis=2)
        gain: Floats = areas[:, 1 + CONTROLS.index(control)] - areas[:, 0]
        return gain if target == "deletion" else -gain

    def json(self) -> Json:
        """As `study faithfulness --json` writes it."""
        found: Json = {
            "archive": {"id": self.archive_id},
            "model": {"id": self.model_id},
            "bits": self.bits,
            "splits": list(self.splits),
            "pairs": len(self.patients),
            "grid": GRID,
            "random_orders": RANDOM_ORDERS,
            "displaced_orders": DISPLACED_ORDERS,
            "coverings": COVERINGS,
        }
        for name in MAPS:
            found[name] = {target: self._beside_controls(name, target) for target in TARGETS}
        return found

    def _curves(self, name: str, target: str) -> Floats:
        curves: Floats = getattr(self, target)[:, list(MAPS).index(name)]
        return curves

    def _beside_controls(self, name: str, target: str) -> Json:
        curves = self._curves(name, target).mean(axis=0)
        found: Json = {"map": curves[0].tolist()}
        for place, control in enumerate(CONTROLS, start=1):
            gain = self.gained(name, target, control)
            columns = np.stack([gain > 0, gain], axis=1).astype(np.float64)
            bounds = (SHARE, DIFFERENCE)
            share, area = bootstrap_interval(columns, self.patients, bounds).T
            found[control] = {
                "faster": figure(share),
                "area_gained": figure(area),
                "curve": curves[place].tolist(),
            }
        return found


def measure(
    archive: Archive,
    model: Model,
    folder: Folder,
    *,
    pairs: int,
    seed: int = 0,
    read: PathReader,
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
    """Curves (2, 2, 3, STEPS + 1): deletion and insertion, by each map and by its controls."""
    model = scales.model
    fitted = model.seen(pixels)
    before = scales.agreement(model.encode_seen([fitted])[0], other)
    maps = {
        "exact": by_cell(scales.evidence_seen(fitted, before)),
        "covering": parts(scales, covered_features(model, fitted), before).ravel(),
    }
    at_random = [random.permutation(GRID * GRID) for _ in range(RANDOM_ORDERS)]
    controls = [
        [falling(displaced(maps[name], random)) for _ in range(DISPLACED_ORDERS)] for name in MAPS
    ]

    def kept(changed: FloatImage) -> float:
        after = scales.agreement(model.encode_seen([changed])[0], other)
        return still_agreeing(before, after)

    empty = empty_like(fitted)
    full, gone = kept(fitted), kept(empty)

    def mean_curve(orders: Sequence[Order], start: FloatImage, end: FloatImage) -> Floats:
        curves = np.stack([curve(order, start, end, kept) for order in orders])
        mean: Floats = curves.mean(axis=0)
        return mean

    found = np.empty((len(TARGETS), len(MAPS), 1 + len(CONTROLS), STEPS + 1))
    for target, (start, end, first, last) in zip(
        found, ((fitted, empty, full, gone), (empty, fitted, gone, full)), strict=True
    ):
        target[..., 0], target[..., -1] = first, last
        target[:, 1, 1:-1] = mean_curve(at_random, start, end)
        for name, curves, elsewhere in zip(MAPS, target, controls, strict=True):
            curves[0, 1:-1] = mean_curve([falling(maps[name])], start, end)
            curves[2, 1:-1] = mean_curve(elsewhere, start, end)
    return found


def falling(cells: FloatImage) -> Order:
    """The cells with most evidence first; ties by place."""
    return np.argsort(-cells, kind="stable")


def displaced(cells: FloatImage, random: np.random.Generator) -> FloatImage:
    """The same map (GRID * GRID,) elsewhere: shifted round the edges, turned and mirrored."""
    shift = divmod(int(random.integers(1, GRID * GRID)), GRID)
    moved = np.roll(cells.reshape(GRID, GRID), shift, axis=(0, 1))
    moved = np.rot90(moved, int(random.integers(4)))
    return (moved[:, ::-1] if random.random() < 0.5 else moved).ravel()


def by_cell(evidence: FloatImage) -> FloatImage:
    """Mean evidence of each of the GRID * GRID cells, row by row."""
    shrunk = Image.fromarray(evidence).resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(shrunk).ravel()


def curve(
    order: Order, start: FloatImage, end: FloatImage, kept: Callable[[FloatImage], float]
) -> list[float]:
    """What is kept after 1 .. STEPS - 1 parts of the cells were taken from `end`."""
    each = GRID * GRID // STEPS
    rank = np.argsort(order)
    return [kept(replaced(start, end, rank < step * each)) for step in range(1, STEPS)]


def still_agreeing(before: Agreement, after: Agreement) -> float:
    """Share of the bits that agreed before which still do."""
    return float((before.agrees & after.agrees).sum() / max(before.agrees.sum(), 1))
