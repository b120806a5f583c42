"""Fit the gate of `input_check` on genuine scans alone, brought into every pose.

It needs no other pictures: whatever lies far from all scans is no scan. The limits
come from distances to a gate that did not see the patient. At most 2 % of the pictures
of any one source lie beyond, so that a large source does not decide for a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.codes.from_files import PathReader
from retrieval.codes.model import ID_LENGTH
from retrieval.data.folder import Case, patient_group, pictures_below, read_folder
from retrieval.errors import DataError, ModelError, SettingError
from retrieval.imaging.greys import FloatImage
from retrieval.statistics.precision import Floats
from retrieval.storage import Json, require_free
from retrieval.trust import input_check
from retrieval.trust.input_check import CLASSES, FAULTS, KINDS, Arrays, InputCheck
from retrieval.trust.poses import cut_closely, framed, posed, titled, varied

MOST = 500  # pictures of one source
DIRECTIONS = 256
FLOOR = 0.1  # added to every variance; features have spread 1 over all classes
BEYOND = 0.02  # share of a source's right pictures beyond the limit of `neither`
RARE = 0.005  # and beyond the limit of a fault
MISSED = 0.02  # share of wrong pictures below the upper end of a fault's gap
FRAMED = 0.35  # share of the variations with bars along some sides
FOLDS = 5
LEAST = 20  # pictures of a source

Mask: TypeAlias = npt.NDArray[np.bool_]
Progress: TypeAlias = Callable[[int, int], None]  # pictures done, pictures in all
Posed: TypeAlias = tuple[FloatImage, str, bool]  # pixels, orientation, whether inverted


@dataclass(frozen=True)
class Source:
    """Pictures of one kind from one source: files, each with its patient and label, or blank."""

    name: str
    kind: str
    files: tuple[Path, ...]
    patients: tuple[str, ...]
    labels: tuple[str, ...]

    def take(self, rows: Sequence[int]) -> Source:
        """The pictures at these places."""
        return Source(
            self.name,
            self.kind,
            tuple(self.files[row] for row in rows),
            tuple(self.patients[row] for row in rows),
            tuple(self.labels[row] for row in rows),
        )

    def at_most(self, count: int, seed: int = 0) -> Source:
        """All pictures, or so many drawn at random."""
        if len(self.files) <= count:
            return self
        order = np.random.default_rng(seed).permutation(len(self.files))
        return self.take(sorted(order[:count].tolist()))


def labelled(root: Path, kind: str, splits: Sequence[str]) -> Source:
    """The pictures of a folder in these splits, or all if the folder names no split."""
    folder = read_folder(root)
    if any(case.split for case in folder.cases):
        folder = folder.split(splits)
    return _source(root, kind, folder.cases)


def loose(root: Path, kind: str) -> Source:
    """Every picture below a folder, without a table."""
    cases = [Case(str(path.relative_to(root)), "", "", "") for path in pictures_below(root)]
    return _source(root, kind, cases)


def _source(root: Path, kind: str, cases: Sequence[Case]) -> Source:
    if not cases:
        raise DataError(f"{root} has no picture that can be used; name a folder with some.")
    files = tuple(root / case.file for case in cases)
    patients, labels = zip(*((case.patient_id, case.label) for case in cases), strict=True)
    return Source(root.resolve().name, kind, files, patients, labels)


@dataclass(frozen=True, eq=False)
class Rows:
    """Pictures in poses, n of them.

    pooled : float32 (n, P); of_class : intp (n,), places in CLASSES; sources, groups :
    str (n,), a group being a patient of a source.
    """

    pooled: npt.NDArray[np.float32]
    of_class: npt.NDArray[np.intp]
    sources: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.pooled)

    def take(self, mask: Mask) -> Rows:
        """The rows where `mask` (n,) holds."""
        return Rows(*(column[mask] for column in vars(self).values()))

    def right(self) -> Mask:
        """Which are upright and no negative, changed or not."""
        return np.isin(self.of_class, [CLASSES.index((kind, "upright", False)) for kind in KINDS])


def in_poses(pixels: FloatImage, random: np.random.Generator) -> Iterator[Posed]:
    """Pixels, orientation and whether inverted: a picture in 10 forms, unchanged first."""
    yield pixels, "upright", False
    poses = [(orientation, inverted) for _, orientation, inverted in CLASSES[:6]]
    for orientation, inverted in [("upright", False), *poses]:
        quarter = int(random.choice([1, 3]))
        changed = posed(varied(pixels, random), orientation, inverted, quarter)
        if random.random() < FRAMED:
            changed = framed(changed, random)
        yield changed, orientation, inverted
    for change in (titled, cut_closely):
        yield change(pixels, random), "upright", False


def collect(
    sources: Sequence[Source],
    pooled: Callable[[FloatImage], npt.NDArray[np.float32]],
    *,
    read: PathReader,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> tuple[Rows, list[str]]:
    """Every picture in every pose, and the ids of the pictures."""
    total, ids, found = sum(len(source.files) for source in sources), [], []
    for source in sources:
        for file, patient in zip(source.files, source.patients, strict=True):
            scan = read(file)
            group = f"{source.name} {patient_group(patient, scan.sha256)}"
            random = np.random.default_rng([seed, int(scan.sha256[:8], 16)])
            for pixels, orientation, inverted in in_poses(scan.pixels, random):
                number = CLASSES.index((source.kind, orientation, inverted))
                found.append((pooled(pixels), number, source.name, group))
            ids.append(scan.sha256[:ID_LENGTH])
            progress(len(ids), total)
    return Rows(*(np.array(column) for column in zip(*found, strict=True))), sorted(ids)


def gaussians(rows: Rows) -> Arrays:
    """The arrays of a gate, without its limits, fitted on these rows."""
    pooled = rows.pooled.astype(np.float64)
    centre, spread = pooled.mean(axis=0), pooled.std(axis=0) + 1e-6
    normal = (pooled - centre) / spread
    means = np.stack([normal[rows.of_class == number].mean(axis=0) for number in range(12)])
    inside = normal - means[rows.of_class]
    variance, basis = np.linalg.eigh(inside.T @ inside / len(rows))
    variance, basis = variance[::-1], basis[:, ::-1]
    held = min(DIRECTIONS, len(variance) - 1)
    variances = np.append(variance[:held], variance[held:].mean())
    return {
        "centre": centre.astype(np.float32),
        "spread": spread.astype(np.float32),
        "means": means.astype(np.float32),
        "basis": basis[:, :held].astype(np.float16),
        "weights": (1 / (variances + FLOOR)).astype(np.float32),
    }


def distances(arrays: Arrays, rows: Rows) -> Floats:
    """Squared distances (n, 12) to the classes of arrays without limits."""
    unused = np.ones((len(KINDS), 1 + len(FAULTS)))
    return InputCheck.of({**arrays, "limits": unused}).distances(rows.pooled)


def cross_fitted(rows: Rows, folds: int = FOLDS, seed: int = 0) -> Floats:
    """Squared distances (n, 12), each to classes fitted without the patient."""
    names, group = np.unique(rows.groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[group]
    found = np.empty((len(rows), len(CLASSES)))
    for number in range(folds):
        held_out = fold == number
        found[held_out] = distances(gaussians(rows.take(~held_out)), rows.take(held_out))
    return found


def limits_of(rows: Rows, cross: Floats) -> npt.NDArray[np.float32]:
    """Limits (2, 4) for each kind: of the nearest distance, and of the log odds of the faults.

    A fault's limit lies in the middle of the gap between right and wrong pictures. Without
    a gap it lies beyond all but a few of the right ones.
    """
    found, right = input_check.margins(cross), rows.right()
    limits = np.empty((len(KINDS), 1 + len(FAULTS)), dtype=np.float32)
    for row, kind in enumerate(KINDS):
        own = np.array([name == kind for name, *_ in CLASSES])[rows.of_class]
        limits[row, 0] = _beyond(found.nearest, rows.sources, own & right, BEYOND)
        for column, wrong in enumerate(_wrong(rows)):
            odds = found.faults[:, column]
            high = _beyond(odds, rows.sources, own & right, RARE)
            low = float(np.quantile(odds[own & wrong], MISSED))
            limits[row, 1 + column] = max(high, (high + low) / 2)
    return limits


def _beyond(values: Floats, sources: npt.NDArray[np.str_], chosen: Mask, share: float) -> float:
    """The value that at most this share of the chosen rows of each source exceeds."""
    names = np.unique(sources[chosen])
    return max(float(np.quantile(values[chosen & (sources == n)], 1 - share)) for n in names)


def _wrong(rows: Rows) -> list[Mask]:
    """Which rows have each of FAULTS."""
    _, orientations, inverted = (np.array(column) for column in zip(*CLASSES, strict=True))
    of_class = [inverted, orientations == "upside down", orientations == "turned"]
    return [fault[rows.of_class] for fault in of_class]


def fit(
    sources: Sequence[Source],
    out: Path,
    *,
    read: PathReader,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> InputCheck:
    """Fit a gate on these pictures and write it to `out`."""
    from retrieval.encoding.encoder import FrozenBackbone

    require_free(out, ModelError)
    if seed < 0:
        raise SettingError(f"A seed must be 0 or more, not {seed}.")
    _require_enough(sources)
    sources = [source.at_most(MOST, seed) for source in sources]
    rows, ids = collect(
        sources, FrozenBackbone.load().pooled, read=read, seed=seed, progress=progress
    )
    about = {
        "seed": seed,
        "sources": {s.name: {"kind": s.kind, "pictures": len(s.files)} for s in sources},
        "fitted_on": ids,
    }
    return fit_rows(rows, out, about)


def fit_rows(rows: Rows, out: Path, about: Json) -> InputCheck:
    """Fit a gate on pictures in poses and write it; `about` names its `fitted_on`."""
    arrays = {**gaussians(rows), "limits": limits_of(rows, cross_fitted(rows))}
    return input_check.write(out, arrays, about)


def _require_enough(sources: Sequence[Source]) -> None:
    for source in sources:
        if len(source.files) < LEAST:
            raise DataError(
                f"{source.name} has {len(source.files)} pictures to fit on; "
                f"name a folder with {LEAST} or more."
            )
    missing = [kind for kind in KINDS if kind not in {source.kind for source in sources}]
    if missing:
        raise DataError(f"There is no picture of kind {missing[0]}; name a folder of them.")
