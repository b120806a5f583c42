"""Iterative quantisation: a projection whose signs lose as little as possible.

Gong, Lazebnik, "Iterative quantization: a Procrustean approach to learning binary
codes", CVPR 2011. It uses no labels. Components are first divided by the root of their
spread. Undivided, a few components would dominate; whitened, the smallest would count
as much as the largest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ROUNDS = 50


def projection(
    values: npt.NDArray[np.floating], bits: int, *, seed: int
) -> npt.NDArray[np.float32]:
    """A matrix (bits, d) for centred values (n, d): bits are the signs of values @ matrix.T.

    `seed` draws the initial rotation. With fewer pictures than bits there are too few
    components, so the directions are random.
    """
    random = np.random.default_rng(seed)
    centred = np.asarray(values, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    if min(len(centred) - 1, centred.shape[1]) < bits:
        return random.normal(size=(bits, centred.shape[1])).astype(np.float32)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    scaled = directions[:bits] / np.sqrt(np.maximum(spread[:bits, None], 1e-9))
    scaled *= np.sign(scaled[np.arange(bits), np.abs(scaled).argmax(axis=1)])[:, None]
    return np.asarray(_rotation(centred @ scaled.T, random) @ scaled, dtype=np.float32)


def _rotation(
    components: npt.NDArray[np.float64], random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The rotation (bits, bits) that brings components (n, bits) nearest to their signs."""
    bits = components.shape[1]
    rotation = np.linalg.qr(random.normal(size=(bits, bits)))[0]
    for _ in range(ROUNDS):
        signs = np.where(components @ rotation.T > 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(signs.T @ components)
        rotation = left @ right
    return rotation
