"""An archive as a map: cases of nearby codes stand close together, as far as two dimensions go.

The map is t-SNE (van der Maaten, Hinton, JMLR 2008) of the Hamming distances, computed
once when the archive is made and stored with it. Directions and the distances between
far groups mean nothing; `kept` measures how many near neighbours stay near.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from retrieval.codes import hamming
from retrieval.codes.hashing import Codes

FEWEST = 8  # cases; fewer need no map
MOST = 20_000  # cases; more would take gigabytes, since all pairs of distances are in memory
PERPLEXITY = 30.0
NEAREST = 10

Points: TypeAlias = npt.NDArray[np.float32]  # (n, 2)


def layout(codes: Codes, *, seed: int = 0) -> Points:
    """Points (n, 2) within [-1, 1] for codes (n, bytes); zeros for fewer than FEWEST."""
    if len(codes) < FEWEST:
        return np.zeros((len(codes), 2), dtype=np.float32)
    distances = hamming.distances(codes, codes).astype(np.float32)
    embedding = TSNE(
        metric="precomputed",
        init="random",
        perplexity=min(PERPLEXITY, (len(codes) - 1) / 3),
        random_state=seed,
    ).fit_transform(distances)
    centred = embedding - embedding.mean(axis=0)
    return np.asarray(centred / np.abs(centred).max(), dtype=np.float32)


def kept(codes: Codes, points: Points, *, k: int = NEAREST) -> float:
    """Share of each case's k nearest on the map that lie within its k-th distance by code.

    1 for a single case, which has no neighbours.
    """
    if len(codes) < 2:
        return 1.0
    k = min(k, len(codes) - 1)
    found = []
    for row in range(len(codes)):
        by_code = hamming.distances(codes, codes[row : row + 1])[0]
        away = np.square(points - points[row]).sum(axis=1)
        away[row] = np.inf
        on_map = np.argpartition(away, k - 1)[:k]
        reach = np.partition(np.delete(by_code, row), k - 1)[k - 1]
        found.append((by_code[on_map] <= reach).mean())
    return float(np.mean(found))
