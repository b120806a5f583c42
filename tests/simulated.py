"""Held-out queries whose true chances are known, for tests of the calibration."""

import math

import numpy as np

from retrieval.statistics.evidence import Evidence
from retrieval.statistics.rankings import Rankings

BITS = 32


def slow_chances(distances, labels, names, *, temperature, slope):
    """The chances of one query by the formula, case by case."""
    scores = []
    for name in names:
        weights = [
            math.exp(-int(distance) / (BITS * temperature))
            for distance, label in zip(distances, labels, strict=True)
            if label == name
        ]
        share = len(weights) / len(labels)
        scores.append(share * (sum(weights) / len(weights)) ** slope if weights else 0.0)
    return np.array(scores) / sum(scores)


def rankings(queries, *, seed=0, names=("a", "b", "c"), slices=1, pull=5, temperature=0.1):
    """Queries nearer to one label than to others, their own label drawn by the true chances.

    The gallery holds the labels in unequal shares. True chances are those of slope 1.
    """
    random = np.random.default_rng(seed)
    gallery = np.repeat(names, [10 + 5 * place for place in range(len(names))])
    near = random.choice(names, queries)
    centre = 16 - pull * (gallery == near[:, None])
    distances = np.clip(np.round(random.normal(centre, 3)), 0, BITS).astype(np.uint16)
    true = np.array(
        [slow_chances(row, gallery, names, temperature=temperature, slope=1) for row in distances]
    )
    labels = np.array([random.choice(names, p=chances) for chances in true])
    patients = np.array([f"p{number // slices}" for number in range(queries)])
    pictures = np.array([f"{number:016}" for number in range(queries)])
    allowed = np.ones(distances.shape, dtype=bool)
    return Rankings(BITS, distances, allowed, gallery, labels, patients, pictures), true


def evidence(made, kept_back=()):
    """Evidence of these rankings, with the cases at these places kept back."""
    return Evidence(made, np.isin(np.arange(len(made.gallery_labels)), kept_back))
