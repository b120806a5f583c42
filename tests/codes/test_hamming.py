"""Ranking against differing characters of bit strings, with many ties."""

import numpy as np
import pytest

from retrieval.codes.hamming import distances, rank
from retrieval.errors import SearchError


def bit_string(code):
    return "".join(f"{byte:08b}" for byte in code)


def oracle(archive, query, k):
    """Sort (differing characters, position) of bit strings."""
    wanted = bit_string(query)
    ranked = sorted(
        (sum(a != b for a, b in zip(bit_string(code), wanted, strict=True)), position)
        for position, code in enumerate(archive)
    )
    return ranked[:k]


def archives():
    random = np.random.default_rng(0)
    yield "random", random.integers(0, 256, (300, 8), dtype=np.uint8)
    yield (
        "few distinct",
        random.integers(0, 256, (6, 8), dtype=np.uint8)[random.integers(0, 6, 300)],
    )
    yield "all alike", np.full((300, 8), 77, dtype=np.uint8)
    yield "two bits used", random.integers(0, 4, (300, 8), dtype=np.uint8) * np.uint8(64)


@pytest.mark.parametrize(("name", "archive"), list(archives()))
@pytest.mark.parametrize("k", [1, 10, 50, 300, 400])
def test_order_is_distance_then_position(name, archive, k):
    queries = np.concatenate([archive[:3], ~archive[3:5]])
    ranking = rank(archive, queries, k)
    assert len(ranking) == 5
    for row, query in enumerate(queries):
        found = list(
            zip(ranking.distances[row].tolist(), ranking.positions[row].tolist(), strict=True)
        )
        assert found == oracle(archive, query, k), name


@pytest.mark.parametrize("bytes_", [1, 2, 3, 4, 8, 16, 33, 64])
def test_every_code_length(bytes_):
    random = np.random.default_rng(bytes_)
    archive = random.integers(0, 256, (120, bytes_), dtype=np.uint8)
    query = random.integers(0, 256, (1, bytes_), dtype=np.uint8)
    ranking = rank(archive, query, 20)
    found = list(zip(ranking.distances[0].tolist(), ranking.positions[0].tolist(), strict=True))
    assert found == oracle(archive, query[0], 20)
    np.testing.assert_array_equal(
        distances(archive, query)[0],
        [d for d, _ in sorted(oracle(archive, query[0], 120), key=lambda x: x[1])],
    )


def test_a_memory_mapped_archive_is_searched_as_it_lies(tmp_path):
    archive = np.random.default_rng(3).integers(0, 256, (50, 8), dtype=np.uint8)
    np.save(tmp_path / "codes.npy", archive)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        rank(mapped, archive[:2], 7).positions, rank(archive, archive[:2], 7).positions
    )


def test_refusals():
    archive = np.zeros((5, 8), dtype=np.uint8)
    with pytest.raises(SearchError, match="at least 1"):
        rank(archive, archive[:1], 0)
    with pytest.raises(SearchError, match="32 bits cannot be compared with codes of 64 bits"):
        rank(archive, np.zeros((1, 4), dtype=np.uint8), 3)
