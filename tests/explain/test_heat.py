"""Maps over pictures, and where evidence lies."""

import numpy as np
import pytest

from retrieval.archives import archive as archives
from retrieval.data.synthetic import write_ct_series
from retrieval.explain import heat
from retrieval.reading import decode


def test_no_evidence_leaves_the_picture_grey():
    picture = np.arange(120, dtype=np.uint8).reshape(10, 12)
    for evidence in (np.zeros((3, 4), np.float32), -np.ones((3, 4), np.float32)):
        found = heat.laid_over(picture, evidence, 1.0)
        np.testing.assert_array_equal(found, np.repeat(picture[:, :, None], 3, axis=2))


def test_the_strongest_place_is_the_yellowest():
    evidence = np.zeros((4, 4), np.float32)
    evidence[1, 2] = 2.0
    found = heat.laid_over(np.full((40, 40), 60, np.uint8), evidence, 2.0).astype(int)
    yellow = found[:, :, 0] - found[:, :, 2]
    row, column = np.unravel_index(yellow.argmax(), yellow.shape)
    assert (row // 10, column // 10) == (1, 2)


def test_the_scale_rises_evenly_in_lightness():
    lightness = heat.scale_bar()[0].astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) >= -1).all() and lightness[-1] - lightness[0] > 80


def test_share_within_by_hand():
    evidence = np.array([[3.0, 1.0], [-5.0, 0.0]], np.float32)
    right = np.zeros((8, 8), bool)
    right[:, 4:] = True
    assert heat.share_within(evidence, right) == pytest.approx(0.25)
    assert heat.share_within(evidence, ~right) == pytest.approx(0.75)
    assert heat.share_within(-np.abs(evidence), right) == 0.0


def test_a_frame_has_its_width_on_every_side():
    frame = heat.frame_of((50, 100), 0.1)
    assert frame[:5].all() and frame[:, :10].all() and not frame[5:45, 10:90].any()


def test_lungs_of_a_drawn_slice_are_found(tmp_path):
    archive = archives.open_archive("sample-ct")
    for entry in archive.catalogue.entries()[:40:5]:
        pixels = decode.read(archive.picture(entry)).pixels
        lungs = heat.lungs_of_slice(pixels)
        assert lungs is not None and 0.08 < lungs.mean() < 0.6
        assert not lungs[:4].any() and not lungs[-4:].any()  # air around the body is no lung
    middle = write_ct_series(tmp_path / "series", slices=3, pixels=256)[1]
    assert heat.lungs_of_slice(decode.read(middle).pixels) is not None


def test_no_lungs_in_a_plain_disk():
    rows, columns = np.mgrid[:64, :64]
    disk = ((rows - 32) ** 2 + (columns - 32) ** 2 < 400).astype(np.float32)
    assert heat.lungs_of_slice(disk) is None
