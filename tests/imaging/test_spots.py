"""Measures of connected regions against loops over their pixels."""

import numpy as np
import pytest

from retrieval.imaging.spots import Spots, outline


@pytest.fixture()
def drawn():
    """A mask with three regions, one of them at the edge and one joined by a corner; greys."""
    mask = np.zeros((20, 30), dtype=bool)
    mask[3:6, 4:9] = True
    mask[10, 20] = mask[11, 21] = True
    mask[15:20, 0:2] = True
    return mask, np.random.default_rng(0).random((20, 30), dtype=np.float32)


def test_sizes_and_places(drawn):
    spots = Spots.of(drawn[0])
    assert spots.count == 3
    assert spots.area.tolist() == [15, 2, 10]
    assert (spots.longer.tolist(), spots.shorter.tolist()) == ([5, 2, 5], [3, 2, 2])
    assert (spots.row.tolist(), spots.column.tolist()) == ([4.5, 11, 17.5], [6.5, 21, 1])
    assert spots.radius.tolist() == [2, 1, 1]
    assert spots.on_edge.tolist() == [0, 0, 0.6]


def test_values_in_and_around_each(drawn):
    mask, pixels = drawn
    spots = Spots.of(mask)
    inside = [pixels[spots.labelled == number] for number in (1, 2, 3)]
    np.testing.assert_allclose(spots.mean(pixels), [v.mean() for v in inside], rtol=1e-6)
    np.testing.assert_allclose(spots.largest(pixels), [v.max() for v in inside])
    rows, columns = np.mgrid[:20, :30]
    apart = [
        np.min([np.hypot(rows - y, columns - x) for y, x in np.argwhere(spots.labelled == n)], 0)
        for n in (1, 2, 3)
    ]
    mean, spread = spots.around(pixels, 0, 2)
    for number, away in enumerate(apart):
        ring = pixels[(away > 0) & (away <= 2)]
        assert mean[number] == pytest.approx(ring.mean(), rel=1e-5)
        assert spread[number] == pytest.approx(ring.std(), rel=1e-4)
    np.testing.assert_array_equal(spots.where(np.array([True, False, True])), spots.labelled % 2)


def test_a_drawn_edge_is_sharp_and_a_soft_one_is_not():
    mask = np.zeros((40, 40), dtype=bool)
    mask[15:25, 15:25] = True
    drawn = mask.astype(np.float32)
    rows, columns = np.mgrid[:40, :40]
    soft = np.exp(-((rows - 19.5) ** 2 + (columns - 19.5) ** 2) / 60).astype(np.float32)
    assert Spots.of(mask).sharpness(drawn, drawn)[0] == 1
    assert Spots.of(mask).sharpness(soft, soft)[0] < 0.2


def test_nothing_and_no_surroundings():
    assert Spots.of(np.zeros((4, 4), dtype=bool)) is None
    whole = Spots.of(np.ones((4, 4), dtype=bool))
    assert np.isinf(whole.around(np.ones((4, 4), np.float32), 0, 3)).all()
    assert outline((3, 4)).sum() == 10
