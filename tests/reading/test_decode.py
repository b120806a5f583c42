"""PNG, JPEG, TIFF and BMP bytes -> Scan, and one sentence for everything else."""

import hashlib
import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from retrieval.errors import (
    BlankScan,
    ScanError,
    ScanTooLarge,
    UnreadableScan,
    UnsupportedScan,
)
from retrieval.reading import decode, pictures
from retrieval.reading.scan import check_searchable
from tests.reading.test_dicom import is_a_sentence, made, saved

ORIENTATION = 0x0112
DEEP = "This picture has more than 8 bits; it was scaled from its darkest to its brightest."
COLOUR = "This is a colour picture; it was turned to grey."


def greys(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    """Random uint8 (height, width) with both ends of the scale in it."""
    values = np.random.default_rng(3).integers(0, 256, (height, width), dtype=np.uint8)
    values[0, :2] = 0, 255
    return values


def encoded(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png(header: bytes, rows: bytes) -> bytes:
    """A PNG built by hand, for what Pillow cannot write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + check

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def error_of(data: bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        decode.decode(data)
    assert is_a_sentence(str(caught.value))
    return caught.value


# -- 8 bits


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_eight_bits_are_divided_by_255(kind: str) -> None:
    scan = decode.decode(encoded(greys(), kind))
    assert np.array_equal(scan.pixels, greys().astype(np.float32) / 255)
    assert scan.pixels.dtype == np.float32
    assert (scan.format, scan.modality, scan.frames, scan.frame) == (kind, "", 1, 0)
    assert (scan.height, scan.width, scan.spacing, scan.warnings) == (40, 60, None, ())


def test_lossless_copies_in_other_formats_share_a_digest() -> None:
    colour = Image.fromarray(greys()).convert("RGB")
    copies = [encoded(greys(), kind) for kind in ("PNG", "TIFF", "BMP")]
    copies += [encoded(colour), encoded(Image.fromarray(greys()).convert("P"))]
    copies += [encoded(greys(), "TIFF", compression="tiff_lzw")]
    assert len({decode.decode(data).sha256 for data in copies}) == 1


def test_a_digest_is_that_of_shape_and_sixteen_bit_pixels() -> None:
    levels = greys().astype("<u2") * 257
    expected = hashlib.sha256(struct.pack("<II", 40, 60) + levels.tobytes()).hexdigest()
    assert decode.decode(encoded(greys())).sha256 == expected
    assert decode.decode(encoded(greys().reshape(60, 40))).sha256 != expected


def test_one_bit_pictures_are_black_and_white() -> None:
    scan = decode.decode(encoded(Image.fromarray(greys()).convert("1")))
    assert set(np.unique(scan.pixels)) == {0, 1}


def test_jpeg_is_close_to_its_original() -> None:
    smooth = np.linspace(0, 255, 60).astype(np.uint8)[None].repeat(40, 0)
    scan = decode.decode(encoded(smooth, "JPEG", quality=95))
    assert scan.format == "JPEG"
    assert np.abs(scan.pixels * 255 - smooth).max() < 6


# -- more than 8 bits


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_16_bit_ramp_is_scaled_and_not_saturated(kind: str) -> None:
    ramp = np.linspace(200, 4000, 1024).astype(np.uint16).reshape(32, 32)
    scan = decode.decode(encoded(ramp, kind))
    np.testing.assert_allclose(scan.pixels, (ramp - 200.0) / (ramp.max() - 200), atol=1e-6)
    assert len(np.unique(scan.pixels)) == len(np.unique(ramp))
    assert scan.warnings == (DEEP,)


def test_16_bit_copies_share_a_digest() -> None:
    ramp = np.linspace(200, 4000, 1024).astype(np.uint16).reshape(32, 32)
    swapped = Image.frombytes("I;16B", (32, 32), ramp.astype(">u2").tobytes())
    copies = [encoded(ramp), encoded(ramp, "TIFF"), encoded(swapped, "TIFF")]
    assert len({decode.decode(data).sha256 for data in copies}) == 1


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_32_bit_tiffs_are_scaled(kind: Any) -> None:
    values = np.linspace(-1000, 70000, 1024).astype(kind).reshape(32, 32)
    scan = decode.decode(encoded(values, "TIFF"))
    expected = (values.astype(float) - values.min()) / (float(values.max()) - values.min())
    np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)


def test_a_deep_tiff_that_counts_from_white_is_turned() -> None:
    ramp = np.linspace(0, 4000, 1024).astype(np.uint16).reshape(32, 32)
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    data = bytearray(encoded(ramp, "TIFF", tiffinfo=directory))
    entry = struct.pack("<HHIH", pictures.TIFF_PHOTOMETRIC, 3, 1, 1)
    assert data.count(entry) == 1
    data[data.index(entry) + 8] = 0
    scan = decode.decode(bytes(data))
    np.testing.assert_allclose(scan.pixels, 1 - ramp / 4000, atol=1e-6)


@pytest.mark.parametrize("colour_type", [2, 4, 6])
def test_16_bits_per_colour_are_read_as_8_with_a_warning(colour_type: int) -> None:
    channels = {2: 3, 4: 2, 6: 4}[colour_type]
    row = b"\0" + b"".join(bytes([level, 0]) * (channels - 1) + b"\xff\xff" for level in range(32))
    if colour_type == 2:
        row = b"\0" + b"".join(bytes([level, 0]) * 3 for level in range(32))
    data = png(struct.pack(">IIBBBBB", 32, 32, 16, colour_type, 0, 0, 0), row * 32)
    scan = decode.decode(data)
    assert np.array_equal(np.rint(scan.pixels[0] * 255), np.arange(32))
    assert scan.warnings == (pictures.DEEP_COLOUR,)


# -- colour, transparency, orientation


def test_colour_is_turned_to_grey_by_the_usual_luma() -> None:
    colour = np.random.default_rng(4).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    scan = decode.decode(encoded(colour))
    luma = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(scan.pixels * 255 - luma).max() <= 0.51
    assert scan.warnings == (COLOUR,)


@pytest.mark.parametrize(("tint", "notes"), [(0, ()), (5, ()), (40, (COLOUR,))])
def test_only_real_colour_is_warned_of(tint: int, notes: tuple[str, ...]) -> None:
    colour = np.repeat(np.minimum(greys(), 200)[..., None], 3, axis=2)
    colour[5, 5, 0] += tint
    assert decode.decode(encoded(colour)).warnings == notes


def test_transparent_parts_lie_over_black() -> None:
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    clear = np.dstack([greys(), alpha])
    expected = greys() * (alpha / 255.0)
    for image in (Image.fromarray(clear, "LA"), Image.fromarray(clear, "LA").convert("RGBA")):
        scan = decode.decode(encoded(image))
        assert np.abs(scan.pixels * 255 - expected).max() <= 1
        assert not scan.pixels[:10].any()


def test_a_palette_and_a_transparent_grey_are_resolved() -> None:
    palette = Image.fromarray(greys() % 3, "P")
    palette.putpalette([10, 10, 10, 100, 100, 100, 240, 240, 240])
    scan = decode.decode(encoded(palette))
    assert np.array_equal(np.rint(scan.pixels * 255), np.array([10, 100, 240])[greys() % 3])
    scan = decode.decode(encoded(greys(), transparency=255))
    assert np.array_equal(np.rint(scan.pixels * 255), np.where(greys() == 255, 0, greys()))


def test_cmyk_is_read_and_lab_refused() -> None:
    inks = Image.fromarray(greys()).convert("CMYK")
    assert decode.decode(encoded(inks, "TIFF")).pixels.shape == (40, 60)
    assert decode.decode(encoded(inks, "JPEG")).format == "JPEG"
    lab = Image.merge("LAB", [Image.fromarray(greys())] * 3)
    assert "LAB colours" in str(error_of(encoded(lab, "TIFF")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"),
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, 3, False), (8, 1, False)],
)
def test_exif_orientation(kind: str, orientation: int, turns: int, mirrored: bool) -> None:
    upright = np.kron(np.array([[250, 10, 10], [90, 10, 170]], np.uint8), np.ones((16, 16)))
    upright = upright.astype(np.uint8)
    laid = np.rot90(upright[:, ::-1] if mirrored else upright, -turns)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    scan = decode.decode(encoded(np.ascontiguousarray(laid), kind, exif=exif))
    assert scan.pixels.shape == upright.shape
    assert np.abs(scan.pixels * 255 - upright).max() < 8


def test_damaged_exif_does_not_hide_the_picture() -> None:
    for exif in (b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0"):
        assert decode.decode(encoded(greys(), "JPEG", exif=exif)).pixels.shape == (40, 60)


# -- several pictures in one file


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_frame_asked_for_is_decoded(kind: str) -> None:
    frames = [np.roll(greys(), shift) for shift in range(5)]
    others = [Image.fromarray(frame) for frame in frames[1:]]
    data = encoded(frames[0], kind, save_all=True, append_images=others)
    for asked, given in ((None, 2), (0, 0), (4, 4)):
        scan = decode.decode(data, frame=asked)
        assert (scan.frames, scan.frame) == (5, given)
        assert np.array_equal(scan.preview(), frames[given])
    with pytest.raises(UnsupportedScan, match="has 5 frames, numbered from 0, and frame 5 is"):
        decode.decode(data, frame=5)


def test_of_a_phone_picture_only_the_first_frame_counts() -> None:
    data = encoded(greys(), "MPO", save_all=True, append_images=[Image.fromarray(255 - greys())])
    scan = decode.decode(data)
    assert (scan.format, scan.frames, scan.frame) == ("JPEG", 1, 0)
    assert scan.pixels[0, 0] < 0.3


# -- preview


def test_preview_of_eight_bits_is_the_picture_itself() -> None:
    assert np.array_equal(decode.decode(encoded(greys())).preview(), greys())


@pytest.mark.parametrize(("longest", "shape"), [(30, (20, 30)), (60, (40, 60)), (600, (40, 60))])
def test_preview_shrinks_and_never_enlarges(longest: int, shape: tuple[int, int]) -> None:
    scan = decode.decode(encoded(greys()))
    assert scan.preview(longest).shape == shape
    image = Image.open(io.BytesIO(scan.png(longest)))
    assert (image.mode, image.size) == ("L", shape[::-1])


def test_png_keeps_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x010E] = "MARKERTEXT"
    data = encoded(greys(), "JPEG", exif=exif, comment=b"MARKERTEXT")
    assert b"MARKERTEXT" in data
    copy = decode.decode(data).png()
    assert b"MARKERTEXT" not in copy
    assert not Image.open(io.BytesIO(copy)).info


# -- refusals


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("slice.dcm", saved(made()))
    return buffer.getvalue()


FOREIGN = {
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    "zip": (zipped(), "a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "a gzip archive"),
    "NIfTI": (bytes(344) + b"n+1\0", "a NIfTI volume"),
    "GIF": (encoded(greys(), "GIF"), "a GIF picture"),
    "WebP": (encoded(greys(), "WEBP"), "a WebP picture"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(20), "a HEIC picture"),
    "program": (b"\x7fELF" + bytes(200), "a program"),
    "web page": (b"\n<!DOCTYPE html><html>", "a web page"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an XML or SVG file"),
    "text": (b"file,label\na.png,covid\n", "a text file"),
    "bare DICOM": (saved(made())[132:], "without the preamble"),
    "noise": (bytes(range(256)), "no picture that is known here"),
    "postscript": (encoded(greys(), "EPS"), "not a picture"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_picture_is_called_by_its_name(name: str) -> None:
    data, words = FOREIGN[name]
    error = error_of(data)
    assert type(error) is UnsupportedScan
    assert words in str(error)


def test_an_empty_file() -> None:
    assert type(error_of(b"")) is UnreadableScan
    assert "empty" in str(error_of(b""))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_picture_cut_short_is_refused_at_every_length(kind: str) -> None:
    data = encoded(greys(), kind)
    for length in np.linspace(8, len(data) * 0.9, 40).astype(int):
        error = error_of(data[:length])
        assert f"The {kind} file is cut short or damaged" in str(error)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_damaged_pictures_raise_nothing_but_scan_errors(kind: str) -> None:
    original = encoded(greys(), kind)
    random = np.random.default_rng(6)
    for _ in range(150):
        data = bytearray(original)
        for at in random.integers(4, len(data), 4):
            data[at] = random.integers(256)
        try:
            scan = decode.decode(bytes(data))
        except ScanError as error:
            assert is_a_sentence(str(error))
        else:
            assert 0 <= scan.pixels.min() < scan.pixels.max() <= 1


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (7000, "claims 7,000 x 7,000 pixels, over the limit of 40 million"),
        (10_000, "more pixels than any scan has"),
        (20_000, "more pixels than any scan has"),
    ],
)
def test_a_small_file_with_very_many_pixels_is_refused_unread(side: int, words: str) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    error = error_of(png(header, b""))
    assert type(error) is ScanTooLarge
    assert words in str(error)


def test_a_tiff_page_larger_than_the_first_is_refused_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [Image.new("1", (8000, 8000))] * 2
    data = encoded(greys(), "TIFF", save_all=True, append_images=pages)
    monkeypatch.delattr(pictures, "_pixels")
    assert type(error_of(data)) is ScanTooLarge


def test_too_many_bytes() -> None:
    error = error_of(bytes((64 << 20) + 1))
    assert type(error) is ScanTooLarge
    assert "over the limit of 64 MB" in str(error)


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (15, 400), (400, 15)])
def test_a_small_picture_is_read_and_seen_but_not_searched(shape: tuple[int, int]) -> None:
    values = np.arange(shape[0] * shape[1]).reshape(shape).astype(np.uint8)
    scan = decode.decode(encoded(values))
    assert np.array_equal(scan.view.values, values)
    with pytest.raises(UnsupportedScan, match=f"has {shape[1]} x {shape[0]} pixels") as caught:
        check_searchable(scan)
    assert is_a_sentence(str(caught.value))


def test_sixteen_pixels_a_side_are_enough_to_be_searched() -> None:
    check_searchable(decode.decode(encoded(greys(16, 16))))


def test_one_pixel_is_blank() -> None:
    assert type(error_of(encoded(np.full((1, 1), 7, np.uint8)))) is BlankScan


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((40, 60), np.uint8),
        np.full((40, 60), 900, np.uint16),
        np.full((40, 60, 3), 255, np.uint8),
    ],
)
def test_pictures_of_one_value_are_blank(values: NDArray[Any]) -> None:
    error = error_of(encoded(values))
    assert type(error) is BlankScan
    assert "same value" in str(error)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(bad: float) -> None:
    values = greys().astype(np.float32)
    values[7, 7] = bad
    error = error_of(encoded(values, "TIFF"))
    assert type(error) is BlankScan
    assert "finite" in str(error)


def test_running_out_of_memory_is_a_scan_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", full)
    error = error_of(encoded(greys()))
    assert type(error) is ScanTooLarge
    assert "memory" in str(error)


def test_decoding_leaves_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    decode.decode(encoded(greys()))
    assert warnings.filters == before


# -- files


def test_read_takes_the_kind_from_the_bytes_and_not_from_the_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.dcm"
    path.write_bytes(encoded(greys()))
    assert decode.read(path).format == "PNG"


def test_errors_of_read_start_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "slice.dcm"
    path.write_bytes(zipped())
    with pytest.raises(UnsupportedScan, match=r"^slice\.dcm: This is a ZIP archive"):
        decode.read(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    monkeypatch.delattr(Path, "read_bytes")
    with pytest.raises(ScanTooLarge, match=r"^huge\.png: The file has 5,120 MB"):
        decode.read(path)


@pytest.mark.parametrize("name", ["", "missing.png", "nul\0.png", "x" * 300])
def test_paths_without_a_readable_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableScan):
        decode.read(tmp_path / name)


def test_inspect_reports_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(np.dstack([greys(), greys(), 255 - greys()])))
    assert decode.inspect(path) == {
        "file": str(path),
        "ok": True,
        "format": "PNG",
        "width": 60,
        "height": 40,
        "frames": 1,
        "modality": "",
        "warnings": [COLOUR],
        "error": None,
    }


def test_inspect_warns_of_a_picture_too_small_to_search_with(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(greys(10, 12)))
    report = decode.inspect(path)
    assert report["ok"] is True
    assert report["warnings"] == [
        "The picture has 12 x 10 pixels, too few to search with; "
        "choose one with at least 16 on each side."
    ]


def test_inspect_reports_what_was_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    report = decode.inspect(path)
    assert list(report) == [
        *("file", "ok", "format", "width", "height", "frames", "modality", "warnings", "error")
    ]
    assert report["ok"] is False
    assert report["error"] == "The file is empty; copy or export it again."
