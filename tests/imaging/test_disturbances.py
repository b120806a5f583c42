"""Named changes: what each does to pixels whose change can be told by hand."""

import numpy as np
import pytest

from retrieval.errors import SettingError
from retrieval.imaging.disturbances import DISTURBANCES, GREY, named
from retrieval.imaging.overlays import find_boxes, find_margins, find_marks

LETTER_F = ["#####", "#....", "####.", "#....", "#....", "#...."]


def scan(seed=0):
    """A picture (200, 280) with a bright body, two dark lungs and soft vessels in them."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:200, :280]
    pixels = np.full((200, 280), 0.03)
    pixels[((rows - 100) / 90) ** 2 + ((columns - 140) / 125) ** 2 < 1] = 0.7
    for middle in (85, 195):
        lung = ((rows - 100) / 60) ** 2 + ((columns - middle) / 42) ** 2 < 1
        pixels[lung] = 0.2
        for y, x in random.integers(-30, 30, (6, 2)):
            pixels += 0.4 * np.exp(-(((rows - 100 - y) ** 2 + (columns - middle - x) ** 2) / 8))
    return np.clip(pixels, 0, 1).astype(np.float32)


def lettered(pixels, row, column, tone, size=3):
    """The picture with a letter F and where it stands."""
    shape = np.kron([[mark == "#" for mark in line] for line in LETTER_F], np.ones((size, size)))
    where = np.zeros(pixels.shape, dtype=bool)
    where[row : row + shape.shape[0], column : column + shape.shape[1]] = shape > 0
    return np.where(where, np.float32(tone), pixels), where


@pytest.mark.parametrize("name", DISTURBANCES)
@pytest.mark.parametrize("shape", [(200, 280), (16, 16), (17, 400)])
def test_every_change_keeps_the_convention_and_is_the_same_twice(name, shape):
    pixels = np.random.default_rng(1).random(shape, dtype=np.float32)
    before = pixels.copy()
    change = DISTURBANCES[name]
    one, other = change.apply(pixels), change.apply(pixels)
    assert one.dtype == np.float32 and one.ndim == 2 and min(one.shape) >= 8
    assert one.min() >= 0 and one.max() <= 1 and np.isfinite(one).all()
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(pixels, before)
    assert change.description.endswith(".")


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_blank_picture_does_not_stop_a_change(name):
    assert np.isfinite(DISTURBANCES[name].apply(np.full((64, 80), 0.5, np.float32))).all()


@pytest.mark.parametrize(("row", "column", "tone"), [(4, 6, 1.0), (175, 255, 0.9), (4, 255, 0.5)])
def test_letters_in_the_corners_are_masked(row, column, tone):
    pixels, where = lettered(scan(), row, column, tone)
    assert find_marks(pixels)[where].mean() > 0.95
    masked = DISTURBANCES["mask-text"].apply(pixels)
    assert np.abs(masked - scan())[where].max() < 0.1


def test_dark_letters_on_bright_tissue_are_masked():
    pixels, where = lettered(np.full((200, 280), 0.8, np.float32), 6, 8, 0.0)
    assert find_marks(pixels)[where].all()


def test_a_scan_without_text_keeps_its_vessels():
    pixels = scan()
    assert not find_marks(pixels)[40:160, 40:240].any()
    masked = DISTURBANCES["mask-text"].apply(pixels)
    np.testing.assert_array_equal(masked[40:160, 40:240], pixels[40:160, 40:240])


def test_boxes_are_found_and_single_lines_are_not():
    pixels = scan()
    framed = pixels.copy()
    framed[80, 60:100] = framed[110, 60:100] = framed[80:111, 60] = framed[80:111, 99] = 1
    found = find_boxes(framed)
    assert found[80, 60:100].mean() > 0.9 and found[80:111, 60].mean() > 0.9
    pixels[80, 60:100] = 1
    assert not find_boxes(pixels).any()


def test_margins_and_black_ground_become_one_grey_and_lungs_do_not():
    pixels = np.pad(scan(), 12, constant_values=1)
    margins = find_margins(pixels)
    assert margins[:12].all() and margins[:, -12:].all() and margins[14, 14]
    assert not margins[60:160, 60:240].any()
    masked = DISTURBANCES["mask-borders"].apply(pixels)
    assert (masked[:12] == np.float32(GREY)).all() and (masked[margins] == np.float32(GREY)).all()
    np.testing.assert_array_equal(masked[60:160, 60:240], pixels[60:160, 60:240])


def test_a_cropped_lung_at_the_edge_is_no_margin():
    pixels = np.full((100, 100), 0.8, np.float32)
    pixels[20:80, :85] = 0.0
    pixels[:, :2] += np.linspace(0, 0.2, 100, dtype=np.float32)[:, None]
    assert not find_margins(np.clip(pixels, 0, 1))[30:70, 30:70].any()


def test_border_only_knows_nothing_of_the_inside():
    one, other = (np.random.default_rng(s).random((100, 200), dtype=np.float32) for s in (1, 2))
    other[:10], other[-10:] = one[:10], one[-10:]
    other[:, :20], other[:, -20:] = one[:, :20], one[:, -20:]
    apply = DISTURBANCES["border-only"].apply
    np.testing.assert_array_equal(apply(one), apply(other))
    frame = np.ones(one.shape, dtype=bool)
    frame[10:-10, 20:-20] = False
    np.testing.assert_array_equal(apply(one)[frame], one[frame])
    assert np.unique(apply(one)[~frame]) == pytest.approx(one[frame].mean())


def test_windows_and_gammas_by_hand():
    pixels = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)
    expected = {
        "window-narrow": [[0, 0.15], [0.5, 1]],
        "window-wide": [[0.15, 0.325], [0.5, 0.85]],
        "gamma-dark": [[0, 0.25**1.4], [0.5**1.4, 1]],
        "gamma-bright": [[0, 0.25**0.7], [0.5**0.7, 1]],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(DISTURBANCES[name].apply(pixels), values, rtol=1e-6, atol=1e-7)


def test_sizes_by_hand():
    pixels = scan()
    shapes = {
        "scale-out": (222, 312),
        "scale-in": (180, 252),
        "aspect-wide": (200, 350),
        "aspect-narrow": (200, 224),
        "crop": (170, 235),
        "rotate": (200, 280),
    }
    for name, shape in shapes.items():
        assert DISTURBANCES[name].apply(pixels).shape == shape, name
    np.testing.assert_array_equal(DISTURBANCES["crop"].apply(pixels), pixels[10:180, 28:263])
    np.testing.assert_array_equal(DISTURBANCES["scale-out"].apply(pixels)[11:-11, 16:-16], pixels)


def test_rotation_turns_about_the_middle():
    pixels = np.zeros((101, 101), np.float32)
    pixels[50, 88:93] = 1  # 40 pixels to the right of the middle
    turned = DISTURBANCES["rotate"].apply(pixels)
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert abs(abs(row - 50) - 40 * np.sin(np.radians(5))) < 1.5 and abs(column - 90) <= 2


def test_names():
    assert list(named()) == list(DISTURBANCES)
    assert list(named(["crop", "gamma"])) == ["crop", "gamma-dark", "gamma-bright"]
    with pytest.raises(SettingError, match="no change 'haze'; choose mask-text, "):
        named(["crop", "haze"])
