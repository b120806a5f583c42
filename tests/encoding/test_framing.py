"""What a network sees: uniform margins and borders fall away, and maps find their place."""

import numpy as np
import pytest

from retrieval.encoding.encoder import SPECS, Encoder, new_network, prepare, seen
from retrieval.encoding.framing import placed, seen_box

INNER = SPECS["lite-inner"]


def scan(seed=0, size=(224, 200)):
    return np.random.default_rng(seed).random(size, dtype=np.float32)


def test_without_a_margin_everything_is_seen():
    assert seen_box(np.pad(scan(), 20), 0.0) == (0, 0, 240, 264)


def test_uniform_margins_of_any_grey_fall_away():
    for grey in (0.0, 0.5, 1.0):
        padded = np.pad(scan(), ((10, 30), (20, 5)), constant_values=grey)
        left, top, right, bottom = seen_box(padded, 0.1)
        assert (left, top) == pytest.approx((20 + 20, 10 + 22.4))
        assert (right, bottom) == pytest.approx((220 - 20, 234 - 22.4))


def test_what_is_nearly_empty_is_left_whole():
    nearly = np.zeros((100, 100), np.float32)
    nearly[50:60, 50:60] = scan(size=(10, 10))
    assert seen_box(nearly, 0.1) == pytest.approx((10, 10, 90, 90))
    assert seen_box(np.zeros((100, 100), np.float32), 0.1) == pytest.approx((10, 10, 90, 90))


def test_padding_and_the_outer_border_change_nothing_that_is_seen():
    picture = scan()
    padded = np.pad(picture, 30, constant_values=0.0)
    np.testing.assert_allclose(seen(padded, INNER), seen(picture, INNER), atol=1e-5)
    other = picture.copy()
    edge = int(INNER.margin * 200) - 2  # a pixel of the resampling reaches over
    other[:edge] = scan(1)[:edge]
    other[:, -edge:] = scan(1)[:, -edge:]
    np.testing.assert_array_equal(prepare(other, INNER), prepare(picture, INNER))


def test_a_map_stands_where_its_part_of_the_picture_is():
    values = np.ones((16, 16), np.float32)
    found = placed(values, (20.0, 10.0, 180.0, 170.0), (200, 240))
    assert found.shape == (20, 24)  # cells of ten pixels
    assert found.sum() == values.sum()
    assert found[1:17, 2:18].all()
    assert placed(values, (0.0, 0.0, 64.0, 64.0), (64, 64)).shape == (16, 16)


def test_shares_of_an_inner_network_still_add_up():
    encoder = Encoder(INNER, new_network(INNER).eval())
    coefficients = np.random.default_rng(0).normal(size=INNER.features).astype(np.float32)
    picture = scan()
    found, constant = encoder.shares(picture, coefficients)
    wanted = float(encoder.encode([picture])[0] @ coefficients)
    assert found.sum() + constant == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    assert not found[0].any() and not found[:, -1].any()  # the border is not seen
