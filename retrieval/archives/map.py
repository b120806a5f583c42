"""An archive as a map: cases of nearby codes stand close together, as far as two dimensions go.

t-SNE (van der Maaten, Hinton, JMLR 2008) of the Hamming distances, computed once when
the archive is made and stored with it. Directions and the distances between far
groups mean nothing; how many near neighbours stay near is measured by `kept`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from retrieval.codes import hamming
from retrieval.codes.hashing import Codes

FEWEST = 8  # cases; fewer need no map
MOST = 20_000  # cases; more would take gigabytes: every distance to every other is held at once
PERPLEXITY = 30.0
NEAREST = 10

Points = npt.NDArray[np.float32]  # (n, 2)


def layout(codes: Codes, *, seed: int = 0) -> Points:
    """Points (n, 2) within [-1, 1] for codes (n, bytes); zeros where there are too few."""
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
    return (centred / np.abs(centred).max()).astype(np.float32)


def kept(codes: Codes, points: Points, *, k: int = NEAREST) -> float:
    """Share of each case's k nearest on the map that lie within its k-th distance by code.

    A case alone has no neighbours to lose: 1.
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
