"""What a reader sees: a View of each kind of picture, shown by a second, plain implementation."""

import struct
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.reading import decode, pictures
from retrieval.reading.view import View, Window, shrink
from tests.reading.test_corpora import COLLECTIONS
from tests.reading.test_decode import encoded, greys
from tests.reading.test_dicom import BUNDLED, decoded, item, made, ramp, saved, table

HU = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}
LUNG = (Window("Lung", -600, 1500),)


def shown(view: View, chosen: Window | None = None) -> NDArray[np.float64]:
    """The View through a window, as the documentation of both says: 0 is black and 1 white."""
    through = chosen or view.windows[0]
    bottom = through.level - through.width / 2
    share = np.clip((view.values.astype(float) - bottom) / through.width, 0, 1)
    return 1 - share if view.inverted else share


def windows(view: View) -> list[tuple[str, float, float]]:
    return [(window.name, window.level, window.width) for window in view.windows]


# -- CT in Hounsfield units


def test_a_ct_is_seen_in_hounsfield_units() -> None:
    path = BUNDLED / "CT_small.dcm"
    stored = np.frombuffer(pydicom.dcmread(path).PixelData, "<i2").reshape(128, 128)
    view = decode.read(path).view
    assert view.values.dtype == np.int16
    assert np.array_equal(view.values, stored.astype(int) - 1024)
    assert (view.unit, view.windows, view.inverted, view.shrunk) == ("HU", LUNG, False, 1.0)
    assert view.spacing == (0.661468, 0.661468)
    assert not view.at_detector
    assert view.edges == ("R", "L", "A", "P")


def test_all_windows_of_the_header_with_their_names() -> None:
    scan = decoded(
        ramp(0, 3000, np.int16),
        **HU,
        WindowCenter=[40, -600, -500, 300],
        WindowWidth=[400, 1500, 1400, 2000],
        WindowCenterWidthExplanation=["MEDIASTINUM", "LUNG", "Lung_soft2", "BONE"],
    )
    assert windows(scan.view) == [
        ("Lung", -600, 1500),
        ("MEDIASTINUM", 40, 400),
        ("Lung_soft2", -500, 1400),
        ("BONE", 300, 2000),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["As stored", "As stored 2"]),
        (["WINDOW"], ["WINDOW", "As stored 2"]),
        (["BONE", "BONE"], ["BONE", "As stored 2"]),
        (["", "bone"], ["As stored", "bone"]),
        (["MUELLER HANS 01.02.1950", "BONE1"], ["As stored", "BONE1"]),
        (["DOE^JANE", "![a](http://host/a.gif)"], ["As stored", "As stored 2"]),
        (["<b>", "a\x1bb"], ["As stored", "As stored 2"]),
        (["HEAD", "SPINE", "NECK"], ["HEAD", "SPINE"]),
    ],
)
def test_only_plain_names_of_windows_are_repeated(names: list[str], expected: list[str]) -> None:
    windowed = {"WindowCenter": [40, -500], "WindowWidth": [400, 1500]}
    scan = decoded(ramp(0, 3000, np.int16), **HU, **windowed, WindowCenterWidthExplanation=names)
    assert [window.name for window in scan.view.windows] == ["Lung", *expected]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"WindowCenter": 40, "WindowWidth": 0},
        {"WindowCenter": 40},
        {"WindowCenter": 9e4, "WindowWidth": 10},
        {"WindowCenter": 40, "WindowWidth": 1e308},
        {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"},
        {"VOILUTSequence": [table(0, 16, [0, 9, 500])]},
    ],
)
def test_a_ct_without_a_usable_window_is_seen_through_the_lung_window(
    header: dict[str, Any],
) -> None:
    view = decoded(ramp(0, 3000, np.int16), **HU, **header).view
    assert (view.unit, view.windows) == ("HU", LUNG)


def test_a_ct_that_the_lung_window_does_not_show_is_seen_in_its_full_range() -> None:
    view = decoded(ramp(2000, 3000), **HU).view
    assert windows(view) == [("Full range", 1476, 1000)]


def test_a_header_with_a_thousand_windows_gives_a_few() -> None:
    view = decoded(WindowCenter=[2000] * 1000, WindowWidth=[500] * 1000).view
    assert len(view.windows) == 16
    assert len({window.name for window in view.windows}) == 16


def test_padding_of_a_ct_is_as_dark_as_its_darkest() -> None:
    values = ramp(0, 3000, np.int16)
    values[:4] = -2000
    view = decoded(values, **HU, PixelPaddingValue=-2000).view
    assert (view.values[:4] == values[4:].min() - 1024).all()
    assert np.array_equal(view.values[4:], values[4:] - 1024)


def test_monochrome1_does_not_turn_hounsfield_units() -> None:
    view = decoded(ramp(0, 3000, np.int16), **HU, PhotometricInterpretation="MONOCHROME1").view
    assert not view.inverted


def test_hounsfield_units_beyond_16_bits_are_cut_and_not_wrapped() -> None:
    values = ramp(0, 4095)
    view = decoded(values, Modality="CT", RescaleSlope=16, RescaleIntercept=-1024).view
    assert view.values.max() == 32767
    assert view.values.min() == -1024


# -- other DICOM


def test_an_x_ray_is_seen_as_stored_through_the_windows_of_its_header() -> None:
    view = decoded(WindowCenter=[2048, 500], WindowWidth=[4096, 300]).view
    assert view.values.dtype == np.uint16
    assert np.array_equal(view.values, ramp())
    assert windows(view) == [("As stored", 2048, 4096), ("As stored 2", 500, 300)]
    assert view.unit == ""


def test_without_a_window_the_full_range_is_seen() -> None:
    view = decoded(ramp(1000, 3000)).view
    assert windows(view) == [("Full range", 2000, 2000)]
    np.testing.assert_allclose(shown(view), (ramp(1000, 3000) - 1000) / 2000)


def test_a_window_that_shows_nothing_is_left_out() -> None:
    view = decoded(WindowCenter=[90000, 2000], WindowWidth=[10, 500]).view
    assert windows(view) == [("As stored 2", 2000, 500)]


@pytest.mark.parametrize(
    ("low", "high", "kind", "seen"),
    [
        (0, 4095, np.uint16, np.uint16),
        (0, 65535, np.uint16, np.uint16),
        (-2000, 2000, np.int16, np.int16),
        (0, 250, np.uint8, np.uint16),
    ],
)
def test_values_that_16_bits_hold_are_kept(low: int, high: int, kind: Any, seen: Any) -> None:
    view = decoded(ramp(low, high, kind), Modality="MR").view
    assert view.values.dtype == seen
    assert np.array_equal(view.values, ramp(low, high, kind))


def test_rescaled_whole_numbers_are_kept() -> None:
    view = decoded(ramp(), RescaleSlope=2, RescaleIntercept=-100).view
    assert np.array_equal(view.values, ramp().astype(int) * 2 - 100)


@pytest.mark.parametrize("rescale", [(0.1, 5.5), (1000, -7), (-0.1, 3)])
def test_values_that_16_bits_do_not_hold_look_the_same_when_mapped(
    rescale: tuple[float, float],
) -> None:
    slope, intercept = rescale
    values = ramp().astype(float) * slope + intercept
    level, width = float(values.mean()), float(np.ptp(values)) / 2
    header = {"WindowCenter": f"{level:.6g}", "WindowWidth": f"{width:.6g}"}
    scaled = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    view = decoded(**header, **scaled, VOILUTFunction="LINEAR_EXACT", Modality="PT").view
    assert view.values.dtype == np.uint16
    assert (view.values.min(), view.values.max()) == (0, 65535)
    expected = np.clip((values - level) / width + 0.5, 0, 1)
    np.testing.assert_allclose(shown(view), expected, atol=1e-4)
    assert view.windows[0].name == "As stored"


def test_a_monochrome1_twin_looks_the_same() -> None:
    values = ramp()
    twin = decoded(4095 - values, PhotometricInterpretation="MONOCHROME1").view
    assert twin.inverted
    assert np.array_equal(twin.values, 4095 - values)
    np.testing.assert_allclose(shown(twin), shown(decoded(values).view), atol=1e-12)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_seen_black(photometric: str) -> None:
    padded = ramp(1000, 3000)
    padded[:4], padded[4] = 65000, 64990
    elements: dict[str, Any] = {"PixelPaddingValue": 65000, "PixelPaddingRangeLimit": 64990}
    view = decoded(padded, **elements, PhotometricInterpretation=photometric).view
    picture = shown(view)
    assert not picture[:5].any()
    assert (picture[5:].min(), picture[5:].max()) == (0, 1)


@pytest.mark.parametrize(
    "curve",
    [
        {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
        {"VOILUTSequence": [table(0, 12, [int(4095 * (n / 4095) ** 2) for n in range(4096)])]},
    ],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_curve_that_is_no_line_is_seen_as_what_it_makes(
    curve: dict[str, Any], photometric: str
) -> None:
    scan = decoded(**curve, PhotometricInterpretation=photometric)
    assert windows(scan.view) == [("Full range", 32767.5, 65535)]
    np.testing.assert_allclose(shown(scan.view), scan.pixels, atol=1e-5)


def test_of_a_table_and_a_window_the_window_is_taken_for_it_keeps_the_values() -> None:
    view = decoded(
        VOILUTSequence=[table(0, 16, [0, 9, 500])], WindowCenter=2000, WindowWidth=900
    ).view
    assert np.array_equal(view.values, ramp())
    assert windows(view) == [("As stored", 2000, 900)]


def test_colours_are_seen_as_their_luma() -> None:
    scan = decode.read(BUNDLED / "SC_rgb_rle.dcm")
    colour = pydicom.dcmread(BUNDLED / "SC_rgb_rle.dcm").pixel_array
    assert scan.view.values.dtype == np.uint8
    assert np.abs(scan.view.values - colour @ [0.299, 0.587, 0.114]).max() <= 0.51
    assert windows(scan.view) == [("Full range", 127.5, 255)]


def test_many_fractions_are_rounded_so_that_windows_keep_their_numbers() -> None:
    scaled = {"RescaleSlope": 0.684, "RescaleIntercept": -20.5}
    view = decoded(**scaled, WindowCenter=1600, WindowWidth=2800).view
    assert view.values.dtype == np.int16
    assert np.abs(view.values - (ramp() * 0.684 - 20.5)).max() < 0.501
    assert windows(view) == [("As stored", 1600, 2800)]


def test_a_real_monochrome1_radiograph() -> None:
    path = COLLECTIONS["pydicom-data"] / "RG3_UNCR.dcm"
    dataset = pydicom.dcmread(path)
    stored = np.frombuffer(dataset.PixelData, "<u2").reshape(1760, 1760).astype(float)
    view = decode.read(path).view
    assert dataset.PhotometricInterpretation == "MONOCHROME1"
    assert view.inverted
    assert windows(view) == [("As stored", 550, 1024)]
    assert view.edges == ("L", "R", "H", "F")
    assert (view.values.shape, view.shrunk) == ((1600, 1600), 1.1)
    assert view.values.mean() == pytest.approx(stored.mean(), rel=1e-3)
    bright, dark = stored <= np.quantile(stored, 0.02), stored >= np.quantile(stored, 0.98)
    place = np.arange(1600) * 11 // 10
    picture, bright, dark = shown(view), bright[np.ix_(place, place)], dark[np.ix_(place, place)]
    assert picture[bright].mean() > picture[dark].mean() + 0.5


# -- pictures


def test_eight_bits_are_seen_as_they_are() -> None:
    view = decode.decode(encoded(greys())).view
    assert view.values.dtype == np.uint8
    assert np.array_equal(view.values, greys())
    assert windows(view) == [("Full range", 127.5, 255)]
    assert (view.unit, view.inverted, view.spacing, view.edges) == ("", False, None, None)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_seen_as_they_are_and_not_saturated(kind: str) -> None:
    values = np.linspace(200, 40000, 1024).astype(np.uint16).reshape(32, 32)
    view = decode.decode(encoded(values, kind)).view
    assert view.values.dtype == np.uint16
    assert np.array_equal(view.values, values)
    assert windows(view) == [("Full range", 20100, 39800)]
    assert len(np.unique(shown(view))) == 1024


def test_a_big_endian_tiff_is_seen_in_the_order_of_this_machine() -> None:
    values = np.linspace(200, 40000, 1024).astype(np.uint16).reshape(32, 32)
    swapped = Image.frombytes("I;16B", (32, 32), values.astype(">u2").tobytes())
    view = decode.decode(encoded(swapped, "TIFF")).view
    assert view.values.dtype == np.uint16
    assert view.values.dtype.isnative
    assert np.array_equal(view.values, values)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_deeper_tiffs_are_mapped_to_16_bits(kind: Any) -> None:
    values = np.linspace(-1000, 70000, 1024).astype(kind).reshape(32, 32)
    view = decode.decode(encoded(values, "TIFF")).view
    assert view.values.dtype == np.uint16
    np.testing.assert_allclose(shown(view), (values.astype(float) + 1000) / 71000, atol=2e-5)


def test_a_deep_tiff_that_counts_from_white_is_seen_inverted() -> None:
    values = np.linspace(0, 4000, 1024).astype(np.uint16).reshape(32, 32)
    data = bytearray(encoded(values, "TIFF"))
    entry = struct.pack("<HHIH", pictures.TIFF_PHOTOMETRIC, 3, 1, 1)
    data[data.index(entry) + 8] = 0
    scan = decode.decode(bytes(data))
    assert scan.view.inverted
    assert np.array_equal(scan.view.values, values)
    np.testing.assert_allclose(shown(scan.view), scan.pixels, atol=1e-6)


# -- size and spacing


def test_a_large_picture_is_shrunk_by_the_average_of_areas() -> None:
    values = np.random.default_rng(8).integers(0, 4096, (1800, 3200), dtype=np.uint16)
    scan = decoded(values, PixelSpacing=[0.1, 0.2])
    expected = values.reshape(900, 2, 1600, 2).mean(axis=(1, 3))
    assert scan.view.values.dtype == np.uint16
    assert np.abs(scan.view.values - expected).max() <= 0.51
    assert scan.view.shrunk == 2
    assert scan.view.spacing == pytest.approx((0.2, 0.4))
    assert scan.spacing == (0.1, 0.2)
    assert scan.pixels.shape == (1800, 3200)


def test_a_long_strip_keeps_at_least_a_pixel_and_its_millimetres() -> None:
    view = View(np.arange(3200, dtype=np.uint8).reshape(1, 3200), "", LUNG, spacing=(1, 1))
    small = shrink(view)
    assert small.values.shape == (1, 1600)
    assert small.spacing == (1, 2)


def test_up_to_1600_pixels_nothing_is_shrunk() -> None:
    values = np.random.default_rng(8).integers(0, 256, (1600, 20), dtype=np.uint8)
    view = decode.decode(encoded(values)).view
    assert (view.values.shape, view.shrunk) == ((1600, 20), 1.0)
    assert decode.decode(encoded(np.vstack([values, values[:1]]))).view.shrunk == 1601 / 1600


@pytest.mark.parametrize(
    ("elements", "spacing", "at_detector"),
    [
        ({"PixelSpacing": [0.5, 0.25]}, (0.5, 0.25), False),
        ({"PixelSpacing": [0.5, 0.25], "ImagerPixelSpacing": [0.6, 0.3]}, (0.5, 0.25), False),
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), True),
        ({"ImagerPixelSpacing": [0.143, 0.143]}, (0.143, 0.143), True),
        ({"PixelSpacing": [0, 1], "ImagerPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), True),
        ({"PixelSpacing": [1]}, None, False),
        ({}, None, False),
    ],
)
def test_millimetres_and_where_they_hold(
    elements: dict[str, Any], spacing: tuple[float, float] | None, at_detector: bool
) -> None:
    view = decoded(**elements).view
    assert (view.spacing, view.at_detector) == (spacing, at_detector)


# -- directions


@pytest.mark.parametrize(
    ("orientation", "edges"),
    [
        ([1, 0, 0, 0, 1, 0], ("R", "L", "A", "P")),  # axial, seen from the feet
        ([1, 0, 0, 0, 0, -1], ("R", "L", "H", "F")),  # coronal
        ([0, 1, 0, 0, 0, -1], ("A", "P", "H", "F")),  # sagittal
        ([-1, 0, 0, 0, -1, 0], ("L", "R", "P", "A")),  # axial, lying on the belly
        ([0.98, 0.199, 0, -0.199, 0.98, 0], ("R", "L", "A", "P")),  # tilted
    ],
)
def test_edges_of_a_slice(orientation: list[float], edges: tuple[str, ...]) -> None:
    scan = decoded(ramp(0, 3000, np.int16), **HU, ImageOrientationPatient=orientation)
    assert scan.view.edges == edges


def test_edges_of_one_frame_of_an_enhanced_object() -> None:
    axial, coronal = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
    each = [
        item(PlaneOrientationSequence=[item(ImageOrientationPatient=numbers)])
        for numbers in (axial, coronal)
    ]
    data = saved(made(np.stack([ramp(), ramp()]), PerFrameFunctionalGroupsSequence=each))
    assert decode.decode(data, frame=0).view.edges == ("R", "L", "A", "P")
    assert decode.decode(data, frame=1).view.edges == ("R", "L", "H", "F")


@pytest.mark.parametrize(
    ("orientation", "edges"),
    [
        (["L", "F"], ("R", "L", "H", "F")),
        (["R", "F"], ("L", "R", "H", "F")),
        (["P", "FL"], ("A", "P", "H", "F")),
        (["LH", "F"], ("R", "L", "H", "F")),
    ],
)
def test_edges_of_an_x_ray(orientation: list[str], edges: tuple[str, ...]) -> None:
    assert decoded(PatientOrientation=orientation).view.edges == edges


@pytest.mark.parametrize(
    "elements",
    [
        {"ImageOrientationPatient": [1, 0, 0, 0, 1]},
        {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [1e200, 0, 0, 0, 1e200, 0]},
        {"PatientOrientation": ["L"]},
        {"PatientOrientation": ["L", "R"]},
        {"PatientOrientation": ["LEFT", "FOOT"]},
        {"PatientOrientation": ["", "F"]},
        {"PatientOrientation": ["L", "F", "A"]},
        {},
    ],
)
def test_malformed_directions_are_no_directions(elements: dict[str, Any]) -> None:
    assert decoded(**elements).view.edges is None


@pytest.mark.parametrize(
    "text", ["NaN\\0\\0\\0\\1\\0 ", "JANE\\DOE\\0\\1\\0\\0", "inf\\0\\0\\0\\1\\0 "]
)
def test_directions_that_are_no_numbers_neither_stop_nor_leak(text: str) -> None:
    data = saved(made(ImageOrientationPatient=[8, 0, 0, 0, 8, 0], PatientOrientation=["L", "F"]))
    begun = data.index(b"\x20\x00\x37\x00DS")
    stored = int.from_bytes(data[begun + 6 : begun + 8], "little")
    padded = text.encode().ljust(len(text) + len(text) % 2)
    length = len(padded).to_bytes(2, "little")
    data = data[: begun + 6] + length + padded + data[begun + 8 + stored :]
    scan = decode.decode(data)
    assert scan.view.edges == ("R", "L", "H", "F")
    assert "JANE" not in repr(scan)
