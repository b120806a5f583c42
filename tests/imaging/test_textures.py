"""Sharpness, grain and compression, each on a picture whose change can be told by hand."""

import numpy as np
import pytest

from retrieval.imaging.textures import SIDE, blurred, compressed, grained, sharpened


def edge(side=SIDE):
    """Dark on the left, bright on the right."""
    pixels = np.full((side, side + 20), 0.3, np.float32)
    pixels[:, side // 2 :] = 0.6
    return pixels


def slope(pixels):
    return float(np.abs(np.diff(pixels[len(pixels) // 2])).max())


def test_a_blur_flattens_an_edge_as_a_gaussian_does():
    # The steepest step of a blurred edge is the Gaussian's middle.
    assert slope(blurred(edge(), width=1.0)) == pytest.approx(0.3 / (2 * np.pi) ** 0.5, rel=1e-3)


def test_sharpening_steepens_an_edge_by_what_the_blur_took():
    flat = slope(edge()) - slope(blurred(edge(), width=1.0))
    assert slope(sharpened(edge(), amount=0.5)) == pytest.approx(0.3 + 0.5 * flat, rel=1e-4)
    np.testing.assert_allclose(sharpened(edge(), amount=0.0), edge(), atol=1e-7)


def test_widths_grow_with_the_picture():
    small, large = blurred(edge(), width=2.0), blurred(edge(4 * SIDE), width=2.0)
    assert slope(large) == pytest.approx(slope(small) / 4, rel=0.05)


@pytest.mark.parametrize("side", [SIDE // 2, SIDE, 400, 3 * SIDE])
def test_grain_has_its_spread_and_is_always_the_same(side):
    grey = np.full((side, side), 0.5, np.float32)
    grain = grained(grey, spread=0.03) - grey
    assert abs(grain.mean()) < 0.001 and grain.std() == pytest.approx(0.03, rel=0.01)
    np.testing.assert_array_equal(grained(grey, spread=0.03), grained(grey, spread=0.03))


def test_a_worse_jpeg_differs_more():
    pixels = np.random.default_rng(0).random((64, 80), dtype=np.float32)
    errors = [np.abs(compressed(pixels, quality=q) - pixels).mean() for q in (95, 60, 20)]
    assert errors[0] < errors[1] < errors[2] < 0.3 and errors[0] < 0.03
