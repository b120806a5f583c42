"""Which parts of a picture the agreeing bits need: occlude some and measure the loss.

Random cells are occluded together, as in Petsiuk, Das, Saenko, "RISE", BMVC 2018. A linear
fit distributes the remaining agreement over the cells, as in Ribeiro, Singh, Guestrin, "Why
should I trust you?", KDD 2016, because it needs fewer pictures. `Scales.evidence` splits the
features of the whole picture; occlusion encodes partial pictures and takes longer. The order
of all cells is reliable (`faithfulness`); single cells depend on the random occlusions.

Cells are occluded in what the network sees, at its size. In the whole picture a grey margin
could be trimmed as a uniform one, and the rest would be stretched.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.explain.evidence_map import Agreement, Scales, empty_like
from retrieval.imaging.greys import FloatImage

GRID = 8  # cells on a side
COVERINGS = 64  # occluded pictures to encode, in complementary pairs
LEAST, MOST = 0.2, 0.8  # chance of a cell to stay, drawn anew for each pair
PENALTY = 1.0  # of the ridge regression, in pictures
FINE = 4  # a cell is drawn as FINE x FINE smaller ones, to place the map precisely

Covered: TypeAlias = npt.NDArray[np.bool_]  # (n, GRID * GRID), which cells stay


def covered_features(model: Model, fitted: FloatImage) -> Features:
    """Features (COVERINGS, F) of a picture, as `Model.seen` gives it, with cells occluded."""
    empty = empty_like(fitted)
    return model.encode_seen([replaced(fitted, empty, ~stay) for stay in coverings()])


def parts(scales: Scales, covered: Features, agreement: Agreement) -> FloatImage:
    """An estimate of each cell's part in the agreement: float32 (GRID, GRID).

    Its unit is that of `Scales.firmness`; the same picture and pair give the same map.
    covered : features (COVERINGS, F) of one of the two pictures, from `covered_features`.
    """
    left = np.array([scales.firmness(features, agreement) for features in covered])
    return fitted_parts(left, coverings()).reshape(GRID, GRID).astype(np.float32)


def placed(scales: Scales, cells: FloatImage, pixels: FloatImage) -> FloatImage:
    """Cells (GRID, GRID) of what the network sees, as a map (h, w) of the whole picture."""
    return scales.model.encoder.placed(np.kron(cells, np.ones((FINE, FINE), np.float32)), pixels)


@cache
def coverings() -> Covered:
    """Which cells stay, (COVERINGS, GRID * GRID), for every picture; half are complements."""
    random = np.random.default_rng(0)
    chances = random.uniform(LEAST, MOST, (COVERINGS // 2, 1))
    stay = random.random((COVERINGS // 2, GRID * GRID)) < chances
    made = np.stack([stay, ~stay], axis=1).reshape(COVERINGS, GRID * GRID)
    made.flags.writeable = False
    return made


def fitted_parts(left: npt.NDArray[np.float64], stay: Covered) -> npt.NDArray[np.float64]:
    """The part of each cell (cells,), by ridge regression of the remaining agreement `left` (n,).

    An unpenalised constant and the square of the share that stays model the loss that any
    occlusion causes, independent of its cells.
    """
    cells = stay.shape[1]
    share = stay.mean(axis=1, keepdims=True)
    columns = np.hstack([stay, cells * share**2, np.ones_like(share)])
    penalty = np.r_[np.full(cells, PENALTY), 1e-6, 1e-6]
    weights = np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ left)
    return weights[:cells]


def replaced(start: FloatImage, end: FloatImage, cells: npt.NDArray[np.bool_]) -> FloatImage:
    """`start` (H, W) with those of its GRID * GRID cells that `cells` selects taken from `end`."""
    rows, columns = (np.arange(side) * GRID // side for side in start.shape)
    chosen = cells.reshape(GRID, GRID)[np.ix_(rows, columns)]
    return np.where(chosen, end, start)
