"""Letters drawn into noise and soft shapes, and pictures without any."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from retrieval.imaging import burned_in_text
from retrieval.reading import decode, scan
from tests.reading.test_decode import encoded
from tests.reading.test_dicom import decoded

COVID = Path(__file__).parents[3] / "shared" / "data" / "covid-ct"


def chest(side: int = 512, noise: float = 0.03) -> NDArray[np.float32]:
    """Two dark lungs with soft round vessels in a grey body, and noise; float32 in [0, 1]."""
    random = np.random.default_rng(2)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    body = 0.6 * ((rows / 0.4) ** 2 + (columns / 0.45) ** 2 < 1)
    for middle in (-0.2, 0.2):
        body -= 0.5 * ((rows / 0.28) ** 2 + ((columns - middle) / 0.15) ** 2 < 1)
    vessels = ndimage.gaussian_filter((random.random((side, side)) > 0.999).astype(float), 2) * 12
    picture = ndimage.gaussian_filter(body, 1) + vessels
    return np.clip(picture + random.normal(scale=noise, size=picture.shape), 0, 1).astype("f4")


def written(text: str, at: tuple[int, int], size: int, side: int = 512) -> NDArray[np.float32]:
    image = Image.fromarray(np.rint(chest() * 255).astype(np.uint8)).resize((side, side))
    ImageDraw.Draw(image).text(at, text, fill=255, font=ImageFont.load_default(size))
    return np.asarray(image).astype(np.float32) / 255


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1, 0.13, 0.18])
def test_a_chest_without_letters(noise: float) -> None:
    assert not burned_in_text.are_written_in(chest(noise=noise))


@pytest.mark.parametrize(
    ("text", "at", "size"),
    [
        ("DOE JANE", (10, 10), 14),
        ("1970-12-31", (400, 490), 12),
        ("Doe, Jane", (200, 470), 20),
        ("12:31:04", (300, 5), 28),
    ],
)
def test_names_and_dates_are_found(text: str, at: tuple[int, int], size: int) -> None:
    assert burned_in_text.are_written_in(written(text, at, size))


def test_in_a_large_picture_letters_are_larger() -> None:
    assert burned_in_text.are_written_in(written("DOE JANE", (60, 60), 90, side=3000))


@pytest.mark.parametrize("text", ["R", "L", "A B"])
def test_a_mark_of_a_side_is_no_text(text: str) -> None:
    assert not burned_in_text.are_written_in(written(text, (20, 20), 24))


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 40), (16, 16), (40, 3)])
def test_pictures_of_any_size(shape: tuple[int, int]) -> None:
    ramp = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    assert not burned_in_text.are_written_in(ramp)


def test_a_scan_with_letters_gets_one_warning_of_text() -> None:
    picture = np.rint(written("DOE JANE", (10, 10), 14) * 255).astype(np.uint8)
    assert decode.decode(encoded(picture)).warnings == (decode.LETTERS,)
    assert decoded(picture).warnings == (decode.LETTERS,)
    assert decoded(picture, BurnedInAnnotation="YES").warnings == (scan.BURNED_IN,)
    screen = "1.2.840.10008.5.1.4.1.1.7"
    assert decoded(picture, SOPClassUID=screen).warnings == (decode.LETTERS,)


@pytest.mark.skipif(not COVID.is_dir(), reason="the shared pictures are not here")
def test_hits_and_false_alarms_on_published_slices() -> None:
    """Text by an OCR program: 142 of 746; single letters among it are not looked for."""
    with (COVID / "images.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    alarm = np.array([decode.LETTERS in decode.read(COVID / row["file"]).warnings for row in rows])
    text = np.array([bool(row["ocr_text"]) for row in rows])
    assert (len(rows), text.sum()) == (746, 142)
    assert (alarm & text).sum() >= 33
    assert (alarm & ~text).sum() <= 4
