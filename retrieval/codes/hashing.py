"""Real-valued features to bits, and bits to packed bytes.

Bit i of a code is 1 where feature i is above its threshold. Packed, bit 0 is
the highest bit of byte 0 (numpy's "big" order), so the first m bits of a longer
code are its first m/8 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.errors import SelectionError

Features: TypeAlias = npt.NDArray[np.float16]  # (n, columns)
Codes: TypeAlias = npt.NDArray[np.uint8]  # (n, bits / 8)
Labels: TypeAlias = Sequence[str] | npt.NDArray[np.str_]  # (n,)

ROUNDING = 1e-9
CENTRAL = 0.10  # share of the ranks around the median in which a threshold may lie


def places(held: npt.NDArray[np.integer], wanted: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """The place of each wanted column (k,) among those held (n,); SelectionError if one is not."""
    place = {column: number for number, column in enumerate(held.tolist())}
    try:
        return np.array([place[column] for column in wanted.tolist()], dtype=np.intp)
    except KeyError as missing:
        raise SelectionError(f"Feature {missing} is not among the {len(held)} at hand.") from None


def fit_thresholds(
    features: npt.NDArray[np.floating], labels: Labels | None = None
) -> npt.NDArray[np.float32]:
    """One threshold a column of features (n, columns): (columns,) float32.

    A threshold is the middle of the widest gap between neighbouring values among the
    central tenth of the ranks. A plain median can lie exactly on a training picture, whose
    bit then depends on the last digit of a sum. In the middle of a gap it does not, and
    each bit still splits the pictures nearly in half.

    With `labels` every label has the same weight. Without them the median of a feature lies
    inside the most common label, so the threshold would not separate the labels.
    """
    n = len(features)
    if n < 2:
        raise SelectionError("Thresholds need at least two pictures to be fitted on.")
    values = np.asarray(features, dtype=np.float32)
    if not np.isfinite(values).all():
        raise SelectionError("Thresholds cannot be fitted on features that are not numbers.")
    order = values.argsort(axis=0, kind="stable")
    ranked = np.take_along_axis(values, order, axis=0)
    below = np.cumsum(_weights(n, labels)[order], axis=0)[:-1]  # the gap
    off_centre = np.abs(below - n // 2)
    central = off_centre <= np.maximum(off_centre.min(axis=0), int(n * CENTRAL / 2)) + ROUNDING
    widest = np.where(central, np.diff(ranked, axis=0), -1.0).argmax(axis=0)[None]  # (1, columns)
    lower = np.take_along_axis(ranked, widest, axis=0)
    upper = np.take_along_axis(ranked, widest + 1, axis=0)
    middle: npt.NDArray[np.float32] = ((lower + upper) / 2)[0]
    return middle


def balanced_thresholds(
    features: npt.NDArray[np.floating], labels: Labels, learned: int
) -> npt.NDArray[np.float32]:
    """Thresholds (columns,) float32; the first `learned` features weigh all labels equally.

    Bits with such thresholds only carry the label. The remaining features are unsupervised
    and carry the similarity of pictures. Without them (the paper's network) the learned
    features must carry both, so their thresholds split the pictures in half.
    """
    if learned == features.shape[1]:
        return fit_thresholds(features)
    weighed = fit_thresholds(features[:, :learned], labels)
    return np.concatenate([weighed, fit_thresholds(features[:, learned:])])


def _weights(count: int, labels: Labels | None) -> npt.NDArray[np.float64]:
    """The weight of each picture (n,); the weights add up to `count`, each label's equally."""
    if labels is None:
        return np.ones(count)
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return count / (len(counts) * counts[label])


def to_bits(
    features: npt.NDArray[np.floating], thresholds: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Bits (n, columns): whether each feature is above its threshold."""
    if features.ndim != 2 or features.shape[1] != len(thresholds):
        raise SelectionError(
            f"Features of shape {features.shape} do not fit {len(thresholds)} thresholds."
        )
    return features.astype(np.float32) > thresholds


def pack(bits: npt.NDArray[np.bool_]) -> Codes:
    """Bits (n, m) to bytes (n, m / 8); m must be a multiple of 8."""
    if bits.shape[1] % 8:
        raise SelectionError(
            f"A code of {bits.shape[1]} bits cannot be packed; use a multiple of 8."
        )
    return np.packbits(bits, axis=1, bitorder="big")
