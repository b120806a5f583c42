"""Which parts of a picture the agreeing bits need: some are greyed, and what that costs is seen.

Random parts are covered together, as in Petsiuk, Das, Saenko, "RISE", BMVC 2018, and what is
left of the agreement is laid on the parts by a linear fit, as in Ribeiro, Singh, Guestrin,
"Why should I trust you?", KDD 2016, since fewer pictures then do. `Scales.evidence` adds up what
a network makes of a picture as it is; this asks what it makes of parts, and takes longer. The
whole order of the cells holds up well (`faithfulness`); single cells move with the coverings.

Parts are covered in what the network sees, at its size: covered in the whole picture, a grey
margin could be taken for one that is not looked at, and the rest be stretched.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.explain.evidence_map import Agreement, Scales, empty_like
from retrieval.imaging.greys import FloatImage

GRID = 8  # cells on a side
COVERINGS = 64  # pictures to encode, in pairs: what one covers, the other leaves
LEAST, MOST = 0.2, 0.8  # chance of a cell to stay, another one in each pair
PENALTY = 1.0  # of the ridge regression, in pictures
FINE = 4  # a cell is drawn as so many on a side, so that the map finds its place in the picture

Covered = npt.NDArray[np.bool_]  # (n, GRID * GRID), which cells stay


def covered_features(model: Model, fitted: FloatImage) -> Features:
    """Features (COVERINGS, F) of a picture, as `Model.seen` gives it, with parts covered."""
    empty = empty_like(fitted)
    return model.encode_seen([replaced(fitted, empty, ~stay) for stay in coverings()])


def parts(scales: Scales, covered: Features, agreement: Agreement) -> FloatImage:
    """An estimate of what each cell adds to the agreement while it stays: float32 (GRID, GRID).

    In what `Scales.firmness` counts; the same picture and pair give the same map.
    covered : (COVERINGS, F) of one of the two pictures that agree.
    """
    left = np.array([scales.firmness(features, agreement) for features in covered])
    return fitted_parts(left, coverings()).reshape(GRID, GRID).astype(np.float32)


def placed(scales: Scales, cells: FloatImage, pixels: FloatImage) -> FloatImage:
    """Cells (GRID, GRID) of what the network sees, as a map (h, w) of the whole picture."""
    return scales.model.encoder.placed(np.kron(cells, np.ones((FINE, FINE), np.float32)), pixels)


@cache
def coverings() -> Covered:
    """The same (COVERINGS, GRID * GRID) for every picture; half are the others' opposites."""
    random = np.random.default_rng(0)
    chances = random.uniform(LEAST, MOST, (COVERINGS // 2, 1))
    stay = random.random((COVERINGS // 2, GRID * GRID)) < chances
    made = np.stack([stay, ~stay], axis=1).reshape(COVERINGS, GRID * GRID)
    made.flags.writeable = False
    return made


def fitted_parts(left: npt.NDArray[np.float64], stay: Covered) -> npt.NDArray[np.float64]:
    """What each cell adds (cells,), by ridge regression of what was left (n,).

    A free constant and a free square of the share that stays take what any covering costs,
    whichever cells it takes.
    """
    cells = stay.shape[1]
    share = stay.mean(axis=1, keepdims=True)
    columns = np.hstack([stay, cells * share**2, np.ones_like(share)])
    penalty = np.r_[np.full(cells, PENALTY), 1e-6, 1e-6]
    weights = np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ left)
    return weights[:cells]


def replaced(start: FloatImage, end: FloatImage, cells: npt.NDArray[np.bool_]) -> FloatImage:
    """`start` (H, W) with those of its GRID * GRID cells taken from `end` that `cells` names."""
    rows, columns = (np.arange(side) * GRID // side for side in start.shape)
    chosen = cells.reshape(GRID, GRID)[np.ix_(rows, columns)]
    return np.where(chosen, end, start)
