"""Time the parts against plain implementations in one run, so that ratios mean something.

Every pair gives the same result (checked here), and the two sides take turns,
so that a busy neighbour slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from retrieval.archives import archive as archives
from retrieval.codes import hamming
from retrieval.codes.selection import MRMRSelector
from retrieval.search.search import search
from retrieval.storage import Json

ROUNDS = 7

Side = Callable[[], npt.ArrayLike]  # one of two that give the same


def run() -> list[Json]:
    """One row a comparison: what, ours_ms, other, other_ms, ratio (other / ours); medians."""
    return [_row(*pair) for pair in _pairs()]


def sentence(row: Json) -> str:
    """A row in words."""
    return (
        f"{row['what']}: {row['ours_ms']:.2f} ms; {row['other']}: {row['other_ms']:.2f} ms; "
        f"ratio {row['ratio']:.1f}"
    )


def _pairs() -> Iterator[tuple[str, Side, str, Side]]:
    random = np.random.default_rng(0)
    for count in (10_000, 1_000_000):
        codes = random.integers(0, 256, (count, 8), dtype=np.uint8)
        query = random.integers(0, 256, (1, 8), dtype=np.uint8)
        yield (
            f"50 nearest of {count:,} codes of 64 bits",
            partial(_nearest, codes, query, 50),
            "all distances and a stable sort",
            partial(_sorted_rank, codes, query, 50),
        )
    features, labels = _features(random)
    yield (
        "mRMR, 128 of 512 features, 600 pictures",
        lambda: MRMRSelector(128).fit(features, labels).ranking_[:8],
        "one pair of columns at a time, 8 of 512",
        lambda: _loop_mrmr(features, labels, 8),
    )
    for name in archives.shipped():
        archive = archives.open_archive(name)
        code = np.asarray(archive.codes[:1])
        sha256 = archive.catalogue.entries([0])[0].sha256
        yield (
            f"search of {name}, 50 hits with their entries",
            partial(_found, archive, code, sha256, 50),
            "all entries and a sort",
            partial(_plain_search, archive, code, 50),
        )


def _row(what: str, ours: Side, other: str, theirs: Side) -> Json:
    """Median times of both sides in milliseconds; they take turns and must agree."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        results: list[npt.ArrayLike] = []
        for side, call in enumerate((ours, theirs)):
            started = time.perf_counter()
            results.append(call())
            times[side].append(1000 * (time.perf_counter() - started))
        if not np.array_equal(results[0], results[1]):
            raise AssertionError(f"{what}: the two sides disagree")
    mine, plain = (float(np.median(side)) for side in times)
    return {"what": what, "ours_ms": mine, "other": other, "other_ms": plain, "ratio": plain / mine}


def _nearest(
    codes: npt.NDArray[np.uint8], query: npt.NDArray[np.uint8], k: int
) -> npt.NDArray[np.int64]:
    nearest: npt.NDArray[np.int64] = hamming.rank(codes, query, k).positions[0]
    return nearest


def _found(
    archive: archives.Archive, code: npt.NDArray[np.uint8], sha256: str, k: int
) -> list[str]:
    return [hit.entry.id for hit in search(archive, code, sha256).hits(k).hits]


def _sorted_rank(
    codes: npt.NDArray[np.uint8], query: npt.NDArray[np.uint8], k: int
) -> npt.NDArray[np.intp]:
    distance = np.unpackbits(codes ^ query, axis=1).sum(axis=1)
    return np.argsort(distance, kind="stable")[:k]


def _plain_search(archive: archives.Archive, code: npt.NDArray[np.uint8], k: int) -> list[str]:
    distance = np.unpackbits(np.asarray(archive.codes) ^ code, axis=1).sum(axis=1)
    entries = archive.catalogue.entries()
    ranked = sorted(
        zip(distance.tolist(), entries, strict=True), key=lambda row: (row[0], row[1].id)
    )
    return [entry.id for _, entry in ranked[:k]]


def _features(random: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    labels = random.integers(0, 2, 600)
    features = np.maximum(random.normal(size=(600, 512)) + 0.3 * labels[:, None], 0)
    return features + 0.01 * random.random((600, 512)), labels


def _loop_mrmr(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.intp], count: int
) -> npt.NDArray[np.intp]:
    mean, deviation = features.mean(axis=0), features.std(axis=0, ddof=1)
    states = (features > mean + deviation).astype(int) - (features < mean - deviation)
    relevance = np.array([_information(column, labels) for column in states.T])
    redundancy = np.zeros(len(relevance))
    chosen = [int(np.argmax(relevance))]
    while len(chosen) < count:
        newest = states[:, chosen[-1]]
        redundancy += [_information(column, newest) for column in states.T]
        score = relevance - redundancy / len(chosen)
        score[chosen] = -np.inf
        chosen.append(int(np.argmax(score)))
    return np.array(chosen)


def _information(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]) -> float:
    table = np.zeros((3, 3))
    np.add.at(table, (first + 1, second + 1), 1 / len(first))
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    seen = table > 0
    return float((table[seen] * np.log2(table[seen] / expected[seen])).sum())
