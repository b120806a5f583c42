"""Files -> places -> series, against headers read by pydicom and shuffled stacks."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from retrieval.data.synthetic.series import write_ct_series
from retrieval.reading import dicom, sandbox
from retrieval.reading.sandbox import Decoder
from retrieval.reading.series import Place, Series, arrange
from tests.reading.test_corpora import COLLECTIONS
from tests.reading.test_decode import encoded, greys
from tests.reading.test_dicom import BUNDLED, HOSTILE, made, ramp, saved

AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]


def place(
    series: str = "a" * 16, position: float | None = None, number: int | None = None
) -> Place:
    return Place(series, position, number, "CT", 32, 32)


def placed(**elements: Any) -> Place | None:
    usual = {"SeriesInstanceUID": "1.2.77", "ImageOrientationPatient": AXIAL}
    return dicom.describe(saved(made(**usual | elements)))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two synthetic series of 9 and 7 slices, shuffled."""
    root = tmp_path_factory.mktemp("stack")
    paths = write_ct_series(root / "one", patient=1, slices=9, pixels=64)
    paths += write_ct_series(root / "two", patient=2, slices=7, pixels=64)
    random.Random(4).shuffle(paths)
    return paths


# -- arranging


def test_shuffled_series_come_apart_and_in_order(stack: list[Path]) -> None:
    found = arrange([dicom.describe(path.read_bytes()) for path in stack])
    assert [len(series.indices) for series in found] == [9, 7]
    for series in found:
        headers = [pydicom.dcmread(stack[index]) for index in series.indices]
        assert len({header.SeriesInstanceUID for header in headers}) == 1
        heights = [float(header.SliceLocation) for header in headers]
        assert heights == sorted(heights)
        assert series.order == "by position"


def test_without_positions_the_numbers_count() -> None:
    places = [place(number=number) for number in (3, 1, 20, 2)]
    assert arrange(places) == [Series((1, 3, 0, 2), "by number")]


def test_one_missing_position_is_enough_to_go_by_number() -> None:
    places = [place(position=5.0, number=1), place(number=2), place(position=1.0, number=3)]
    assert arrange(places) == [Series((0, 1, 2), "by number")]


@pytest.mark.parametrize(
    "places",
    [
        [place(), place(), place()],
        [place(number=1), place(), place(number=0)],
        [place(position=2.0, number=7)] * 3,
    ],
)
def test_what_tells_nothing_apart_leaves_the_order_given(places: list[Place]) -> None:
    assert arrange(places) == [Series((0, 1, 2), "as given")]


def test_pictures_at_one_position_stay_in_the_order_of_their_numbers() -> None:
    places = [place(position=p, number=n) for p, n in ((9, 4), (1, 3), (9, 2), (1, 1))]
    assert arrange(places) == [Series((3, 1, 2, 0), "by position")]


def test_pictures_without_a_place_stand_alone_after_the_series() -> None:
    places = [None, place("b" * 16, 2.0), None, place("b" * 16, 1.0), place("c" * 16, 3.0)]
    assert arrange(places) == [
        Series((3, 1), "by position"),
        Series((0,), "as given"),
        Series((2,), "as given"),
        Series((4,), "as given"),
    ]


def test_every_index_is_used_once_in_whatever_is_given() -> None:
    draw = random.Random(9)
    for _ in range(200):
        places = [
            draw.choice(
                [
                    None,
                    place(
                        draw.choice("xyz") * 16,
                        draw.choice([None, draw.uniform(-9, 9)]),
                        draw.choice([None, draw.randrange(5)]),
                    ),
                ]
            )
            for _ in range(draw.randrange(12))
        ]
        found = arrange(places)
        assert sorted(index for series in found for index in series.indices) == list(
            range(len(places))
        )
        sizes = [len(series.indices) for series in found]
        assert sizes == sorted(sizes, reverse=True)


# -- describing


def test_the_position_is_that_along_the_slice_normal() -> None:
    corner = [10, 20, 30]
    assert placed(ImagePositionPatient=corner).position == 30
    assert placed(ImagePositionPatient=corner, ImageOrientationPatient=CORONAL).position == 20
    tilted = [1, 0, 0, 0, 0.8, -0.6]
    position = placed(ImagePositionPatient=corner, ImageOrientationPatient=tilted).position
    assert position == pytest.approx(0.6 * 20 + 0.8 * 30)


def test_what_a_place_holds() -> None:
    found = placed(InstanceNumber=12, Modality="CT")
    assert (found.number, found.modality, found.rows, found.columns) == (12, "CT", 32, 32)
    assert placed(Modality="JANE").modality == ""


def test_series_are_told_apart_by_identifier_direction_and_size() -> None:
    others = [
        placed(SeriesInstanceUID="1.2.78"),
        placed(ImageOrientationPatient=CORONAL),
        dicom.describe(
            saved(made(ramp()[:16], SeriesInstanceUID="1.2.77", ImageOrientationPatient=AXIAL))
        ),
    ]
    tokens = {found.series for found in [placed(), *others]}
    assert len(tokens) == 4
    wobbling = placed(ImageOrientationPatient=[1, -0.0, 1e-4, 0, 0.99999, -0.0])
    assert wobbling.series == placed().series


def test_an_identifier_does_not_leave_the_decoder() -> None:
    found = placed(SeriesInstanceUID="1.2.77.88.99", PatientName="MARKER^JANE", InstanceNumber=1)
    assert len(found.series) == 16
    assert int(found.series, 16) >= 0
    assert "77" not in repr(found).replace(found.series, "")
    assert "MARKER" not in repr(found)


@pytest.mark.parametrize(
    ("elements", "position"),
    [
        ({"ImagePositionPatient": [1, 2]}, None),
        ({"ImagePositionPatient": [1, 2, 3, 4]}, None),
        ({}, None),
        ({"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [0] * 6}, None),
        ({"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": [1, 0, 0]}, None),
        ({"ImagePositionPatient": [1, 2, 3], "InstanceNumber": None}, 3),
    ],
)
def test_malformed_elements_leave_a_place_without_a_position(
    elements: dict[str, Any], position: float | None
) -> None:
    found = placed(**elements)
    assert (found.position, found.number) == (position, None)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("ImagePositionPatient", b"NaN\\1\\2"),
        ("ImagePositionPatient", b"inf\\1\\2"),
        ("ImagePositionPatient", b"1e999\\1\\2"),
        ("ImagePositionPatient", b"JANE\\DOE\\1"),
        ("InstanceNumber", b"JANE DOE"),
    ],
)
def test_text_and_infinities_are_no_position_and_no_number(keyword: str, text: bytes) -> None:
    dataset = made(SeriesInstanceUID="1.2.77", ImageOrientationPatient=AXIAL)
    vr = "DS" if keyword == "ImagePositionPatient" else "IS"
    setattr(dataset, keyword, [11, 22, 33] if vr == "DS" else 87654321)
    data = saved(dataset)
    old = b"11.0\\22.0\\33.0" if vr == "DS" else b"87654321"
    assert data.count(old) == 1
    found = dicom.describe(data.replace(old, text.ljust(len(old))))
    assert (found.position, found.number) == (None, None)


def test_whatever_file_is_described_without_an_error() -> None:
    for folder in COLLECTIONS.values():
        for path in folder.rglob("*.*"):
            if path.is_file():
                found = dicom.describe(path.read_bytes())
                assert found is None or len(found.series) == 16
    original = (BUNDLED / "CT_small.dcm").read_bytes()
    draw = np.random.default_rng(6)
    for _ in range(200):
        data = bytearray(original[: draw.integers(140, len(original))])
        for at in draw.integers(132, min(2000, len(data)), 3):
            data[at] = draw.integers(256)
        dicom.describe(bytes(data))


def test_a_file_that_is_no_dicom_picture_has_no_place() -> None:
    for data in (b"", b"x", encoded(greys()), saved(made(Rows=0, SeriesInstanceUID="1.2"))):
        assert dicom.describe(data) is None
    assert dicom.describe(saved(made())) is None  # no series


# -- in the child


def test_the_same_places_as_in_this_process_and_a_child_that_lives_on(stack: list[Path]) -> None:
    files = [path.read_bytes() for path in stack]
    bad = [b"", encoded(greys()), *(build() for build, _, _ in HOSTILE.values())]
    with Decoder() as decoder:
        assert [decoder.describe(data) for data in files] == list(map(dicom.describe, files))
        child = decoder.pids
        described = [decoder.describe(data) for data in bad]
        assert decoder.pids == child
        assert set(described) == {None}


def test_a_file_over_the_limit_has_no_place() -> None:
    assert Decoder().describe(bytes((64 << 20) + 1)) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"place": 3},
        {"place": {}},
        {"place": {"series": "a", "position": [], "number": 1, "modality": ""}},
        {"error": "ScanTooLarge"},
    ],
)
def test_an_answer_that_makes_no_sense_is_no_place(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(sandbox.Decoder, "_answer", lambda *_: (answer, b""))
    assert Decoder().describe(b"x") is None
