"""DICOM bytes -> Scan: pydicom's own files, made-up ones, hostile ones, and what may not leak."""

import dataclasses
import functools
import io
import itertools
import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from retrieval.errors import (
    BlankScan,
    ScanError,
    ScanTooLarge,
    UnreadableScan,
    UnsupportedScan,
)
from retrieval.reading import decode, dicom
from retrieval.reading.dicom import frames, rendering
from retrieval.reading.scan import LIMITS, OFTEN_BURNED_IN, Limits, Scan

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
SLICES = Path(__file__).parents[3] / "shared" / "data" / "dicom" / "images"


def made(values: NDArray[Any] | None = None, /, **elements: Any) -> Dataset:
    """A small DICOM data set of grey `values`, further elements by keyword."""
    values = ramp() if values is None else values
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "DX"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape[-2:]
    if values.ndim == 3:
        dataset.NumberOfFrames = len(values)
    dataset.BitsAllocated = dataset.BitsStored = 8 * values.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    if values.dtype.kind == "f":
        dataset.FloatPixelData = values.tobytes()
    else:
        dataset.PixelData = values.tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def ramp(low: int = 0, high: int = 4095, kind: Any = np.uint16) -> NDArray[Any]:
    """A (32, 32) picture of 1024 numbers from `low` to `high`."""
    return np.linspace(low, high, 1024).astype(kind).reshape(32, 32)


def saved(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def decoded(values: NDArray[Any] | None = None, /, **elements: Any) -> Scan:
    return decode.decode(saved(made(values, **elements)))


def item(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def table(first: int, bits: int, entries: list[int], kind: str = "<u2") -> Dataset:
    lookup = Dataset()
    lookup.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    lookup.add_new("LUTData", "OW", np.array(entries, kind).tobytes())
    return lookup


def outcomes(files: dict[str, bytes], limits: Limits) -> dict[str, Scan | ScanError]:
    results: dict[str, Scan | ScanError] = {}
    for name, data in files.items():
        try:
            results[name] = decode.decode(data, limits=limits)
        except ScanError as error:
            results[name] = error
    return results


def is_a_sentence(text: str) -> bool:
    return text[0].isupper() and text.endswith(".") and ". " not in text and "\n" not in text


# -- pydicom's own files


def test_one_picture_in_eight_encodings_is_one_scan() -> None:
    names = ("", "_RLE", "_bigendian", "_expb", "_implicit", "_jp2klossless", "_jpeg_ls_lossless")
    files = [BUNDLED / f"MR_small{name}.dcm" for name in (*names, "_padded")]
    assert len({decode.read(path).sha256 for path in files}) == 1


@pytest.mark.skipif(not SLICES.is_dir(), reason="the shared DICOM slices are not here")
def test_lung_windowed_slices_that_say_nm_keep_their_greys() -> None:
    paths = sorted(SLICES.glob("*.dcm"))
    assert len(paths) == 14
    for path in paths:
        scan = decode.read(path)
        stored = np.frombuffer(pydicom.dcmread(path).PixelData, "<u2").reshape(630, 630)
        expected = (stored - float(stored.min())) / (stored.max() - float(stored.min()))
        np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)
        assert scan.modality == ""
        assert scan.warnings == (
            "The file says its modality is NM, which is neither CT nor X-ray.",
        )


# -- from stored values to pixels


def test_ct_is_seen_through_the_lung_window() -> None:
    path = BUNDLED / "CT_small.dcm"
    stored = np.frombuffer(pydicom.dcmread(path).PixelData, "<i2").reshape(128, 128)
    scan = decode.read(path)
    expected = np.clip((stored.astype(float) - 1024 + 1350) / 1500, 0, 1)
    np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)
    assert (scan.modality, scan.format, scan.warnings) == ("CT", "DICOM", ())
    assert scan.spacing == (0.661468, 0.661468)


@pytest.mark.parametrize(
    ("hounsfield", "pixel"), [(-1350, 0), (-600, 0.5), (150, 1), (-1000, 7 / 30)]
)
def test_lung_window_by_hand(hounsfield: int, pixel: float) -> None:
    values = ramp(0, 3000, np.int16)
    values[0, 0] = hounsfield + 1024
    scan = decoded(values, Modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    assert scan.pixels[0, 0] == pytest.approx(pixel, abs=1e-6)


def test_a_misleading_header_window_changes_nothing_for_ct() -> None:
    dataset = pydicom.dcmread(BUNDLED / "CT_small.dcm")
    before = decode.decode(saved(dataset)).sha256
    dataset.WindowCenter, dataset.WindowWidth = 2000, 10
    assert decode.decode(saved(dataset)).sha256 == before


def test_ct_without_hounsfield_units_is_stretched_with_a_warning() -> None:
    scan = decoded(ramp(0, 255, np.uint8), Modality="CT")
    np.testing.assert_allclose(scan.pixels, ramp(0, 255, np.uint8) / 255, atol=1e-6)
    assert scan.warnings == (
        "This CT is not in Hounsfield units; the lung window was not applied.",
    )


def test_ct_in_other_units_is_not_taken_for_hounsfield() -> None:
    scan = decoded(Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, RescaleType="ED")
    assert "not in Hounsfield units" in scan.warnings[0]


def test_ct_all_of_bone_is_stretched_with_a_warning() -> None:
    scan = decoded(ramp(2000, 3000), Modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    assert (scan.pixels.min(), scan.pixels.max()) == (0, 1)
    assert "window" in scan.warnings[0]


def test_monochrome1_ct_still_shows_air_dark() -> None:
    elements: dict[str, Any] = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}
    turned = decoded(**elements, PhotometricInterpretation="MONOCHROME1")
    assert turned.sha256 == decoded(**elements).sha256


@pytest.mark.parametrize("shape", [{}, {"PresentationLUTShape": "INVERSE"}])
def test_monochrome1_equals_its_inverse_twin(shape: dict[str, str]) -> None:
    values = ramp()
    twin = decoded(4095 - values, PhotometricInterpretation="MONOCHROME1", **shape)
    np.testing.assert_allclose(twin.pixels, decoded(values).pixels, atol=1e-6)


def test_inverse_presentation_alone_turns_the_picture() -> None:
    turned = decoded(PresentationLUTShape="INVERSE")
    np.testing.assert_allclose(turned.pixels, 1 - decoded().pixels, atol=1e-6)


def test_values_are_stretched_where_no_window_is_given() -> None:
    values = ramp(1000, 3000)
    np.testing.assert_allclose(decoded(values).pixels, (values - 1000.0) / 2000, atol=1e-6)


def linear(x: float) -> float:
    return (x - (2000 - 0.5)) / (1000 - 1) + 0.5


def linear_exact(x: float) -> float:
    return (x - 2000) / 1000 + 0.5


def sigmoid(x: float) -> float:
    return 1 / (1 + 2.718281828459045 ** (-4 * (x - 2000) / 1000))


@pytest.mark.parametrize("curve", [linear, linear_exact, sigmoid])
def test_header_window_of_an_x_ray(curve: Callable[[float], float]) -> None:
    values = ramp()
    scan = decoded(
        values,
        WindowCenter=[2000, 9],
        WindowWidth=[1000, 9],
        VOILUTFunction=curve.__name__.upper(),
    )
    for row, column in itertools.product((0, 12, 15, 16, 31), (0, 31)):
        expected = min(1.0, max(0.0, curve(float(values[row, column]))))
        assert scan.pixels[row, column] == pytest.approx(expected, abs=1e-5)
    assert scan.warnings == ()


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000},
        {"WindowCenter": 90000, "WindowWidth": 10},
        {"WindowCenter": 2000, "WindowWidth": 100, "VOILUTFunction": "CUBIC"},
        {"VOILUTSequence": [item(LUTExplanation="no table")]},
        {"VOILUTSequence": [table(0, 16, [7, 7, 7])]},
    ],
)
def test_an_unusable_window_is_replaced_with_a_warning(window: dict[str, Any]) -> None:
    scan = decoded(**window)
    assert scan.sha256 == decoded().sha256
    assert scan.warnings == (rendering.UNUSABLE_WINDOW,)


@pytest.mark.parametrize(("kind", "bits"), [("<u2", 16), ("u1", 8)])
def test_voi_lookup_table(kind: str, bits: int) -> None:
    values = np.arange(1024, dtype=np.uint16).reshape(32, 32) % 6
    scan = decoded(values, VOILUTSequence=[table(1, bits, [0, 50, 200, 100], kind)])
    expected = np.array([0, 0, 50, 200, 100, 100])[values] / 200
    np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)


def test_modality_lookup_table_goes_before_the_window() -> None:
    values = np.arange(1024, dtype=np.uint16).reshape(32, 32) % 4
    lookup = table(0, 16, [0, 1000, 2000, 3000])
    lookup.ModalityLUTType = "US"
    scan = decoded(
        values,
        ModalityLUTSequence=[lookup],
        WindowCenter=1500,
        WindowWidth=2000,
        VOILUTFunction="LINEAR_EXACT",
    )
    expected = np.array([0, 0.25, 0.75, 1])[values]
    np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)


def test_padding_is_black_and_leaves_the_stretch_alone() -> None:
    values = ramp(1000, 3000)
    padded = values.copy()
    padded[:4], padded[4] = 65000, 64990
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        elements: dict[str, Any] = {"PhotometricInterpretation": photometric}
        scan = decoded(padded, PixelPaddingValue=65000, PixelPaddingRangeLimit=64990, **elements)
        assert not scan.pixels[:5].any()
        low, high = scan.pixels[5:].min(), scan.pixels[5:].max()
        assert (low, high) == (0, 1)


def test_enhanced_object_uses_the_rescale_and_spacing_of_its_frame() -> None:
    values = np.stack([ramp(0, 3000, np.int16)] * 3)
    shared = item(PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.7])])
    each = [
        item(
            PixelValueTransformationSequence=[
                item(RescaleSlope=1, RescaleIntercept=intercept, RescaleType="HU")
            ]
        )
        for intercept in (-500, -1000, -1024)
    ]
    dataset = made(
        values,
        Modality="CT",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=each,
    )
    for frame, intercept in enumerate((-500, -1000, -1024)):
        scan = decode.decode(saved(dataset), frame=frame)
        expected = np.clip((values[frame] + intercept + 1350.0) / 1500, 0, 1)
        np.testing.assert_allclose(scan.pixels, expected, atol=1e-6)
        assert (scan.frames, scan.frame, scan.spacing) == (3, frame, (0.5, 0.7))


@pytest.mark.parametrize(("frames", "middle"), [(1, 0), (2, 1), (3, 1), (5, 2)])
def test_the_middle_frame_is_decoded(frames: int, middle: int) -> None:
    values = np.stack([np.roll(ramp(), shift) for shift in range(frames)])
    scan = decoded(values)
    assert (scan.frames, scan.frame) == (frames, middle)
    assert scan.sha256 == decoded(values[middle]).sha256


@pytest.mark.parametrize("frame", [-1, 3])
def test_a_frame_outside_the_file_is_refused(frame: int) -> None:
    data = saved(made(np.stack([ramp()] * 3)))
    with pytest.raises(UnsupportedScan, match=r"has 3 frames, numbered from 0, and frame -?\d is"):
        decode.decode(data, frame=frame)


def test_colour_and_palette_are_turned_to_grey() -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, 8:16, 0], rgb[:, 16:24, 1], rgb[:, 24:, 2] = 255, 255, 255
    colour = made(
        np.zeros((32, 32), np.uint8),
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        PixelData=rgb.tobytes(),
    )
    palette = made(
        np.repeat(np.arange(4, dtype=np.uint8), 8)[None].repeat(32, 0),
        PhotometricInterpretation="PALETTE COLOR",
    )
    for name, entries in (
        ("Red", [0, 255, 0, 0]),
        ("Green", [0, 0, 255, 0]),
        ("Blue", [0, 0, 0, 255]),
    ):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [4, 0, 8])
        setattr(palette, f"{name}PaletteColorLookupTableData", bytes(entries))
    for dataset in (colour, palette):
        scan = decode.decode(saved(dataset))
        greys = scan.pixels[0, ::8] * 255
        np.testing.assert_allclose(greys, [0, 0.299 * 255, 0.587 * 255, 0.114 * 255], atol=0.5)
        assert scan.warnings == ("This is a colour picture; it was turned to grey.",)


# -- what the header says


@pytest.mark.parametrize(
    ("code", "modality", "words"),
    [
        ("CT", "CT", None),
        ("DX", "X-ray", None),
        ("CR", "X-ray", None),
        ("RG", "X-ray", None),
        ("MR", "", "The file says its modality is MR, which is neither CT nor X-ray."),
        ("", "", "The file does not say its modality."),
        ("DOE_JANE 1970", "", "The file names a modality that is not known here."),
    ],
)
def test_modality(code: str, modality: str, words: str | None) -> None:
    scan = decoded(ramp(-1000, 500, np.int16), Modality=code)
    assert scan.modality == modality
    assert scan.warnings == ((words,) if words else ())


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"PixelSpacing": [0.5, 0.25], "ImagerPixelSpacing": [9, 9]}, (0.5, 0.25)),
        ({"ImagerPixelSpacing": [0.143, 0.143]}, (0.143, 0.143)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [1]}, None),
        ({}, None),
    ],
)
def test_spacing(elements: dict[str, Any], spacing: tuple[float, float] | None) -> None:
    assert decoded(**elements).spacing == spacing


def test_burned_in_text_is_warned_of() -> None:
    assert "Text is burned into" in decoded(BurnedInAnnotation="YES").warnings[0]
    assert decoded(BurnedInAnnotation="NO").warnings == ()


@pytest.mark.parametrize(
    ("storage", "said", "warned"),
    [
        ("1.2.840.10008.5.1.4.1.1.7", "", True),
        ("1.2.840.10008.5.1.4.1.1.7.4", "", True),
        ("1.2.840.10008.5.1.4.1.1.6.1", "", True),
        ("1.2.840.10008.5.1.4.1.1.6.1", "NO", False),
        ("1.2.840.10008.5.1.4.1.1.1.1", "", False),
    ],
)
def test_screen_copies_and_ultrasound_are_warned_of(storage: str, said: str, warned: bool) -> None:
    dataset = made(BurnedInAnnotation=said, SOPClassUID=storage)
    assert (OFTEN_BURNED_IN in decode.decode(saved(dataset)).warnings) == warned


@pytest.mark.parametrize("position", ["LL", "RL", "LATERAL", "LAT", "LEFT LATERAL", "RLAT"])
def test_a_lateral_x_ray_is_warned_of(position: str) -> None:
    assert decoded(ViewPosition=position).warnings == (dicom.LATERAL_VIEW,)


@pytest.mark.parametrize(
    "elements",
    [
        {"ViewPosition": "PA"},
        {"ViewPosition": "AP"},
        {"ViewPosition": "LLD"},  # lying on the side, but frontal
        {"ViewPosition": "PA", "PatientOrientation": ["A", "F"]},
        {"PatientOrientation": ["L", "F"]},
        {"PatientOrientation": ["A", "R"]},
        {"ViewPosition": "LL", "Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024},
    ],
)
def test_other_views_are_not_warned_of(elements: dict[str, Any]) -> None:
    assert decoded(**elements).warnings == ()


@pytest.mark.parametrize("orientation", [["A", "F"], ["P", "F"], ["PF", "FA"]])
def test_an_x_ray_that_lies_like_a_lateral_one_is_warned_of(orientation: list[str]) -> None:
    assert decoded(PatientOrientation=orientation).warnings == (dicom.LATERAL_VIEW,)


def test_one_decoder_is_pinned_for_each_transfer_syntax_and_none_is_gpl() -> None:
    jpeg2000_and_rle = {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5"}
    high_throughput = {f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)}
    by_pylibjpeg = {syntax for syntax, name in frames.DECODERS.items() if name == "pylibjpeg"}
    assert by_pylibjpeg == jpeg2000_and_rle | high_throughput
    assert set(frames.DECODERS.values()) == {"pylibjpeg", "pyjpegls", "pillow", "gdcm"}


def test_where_header_and_jpeg2000_stream_disagree_on_the_sign_the_header_holds() -> None:
    values = ramp(-2000, 2000, np.int16)
    dataset = made(values, BitsStored=13, HighBit=12)
    dataset.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg")
    dataset.PixelRepresentation = 0
    scan = decode.decode(saved(dataset))
    unsigned = (values & 0x1FFF).astype(float)  # the same 13 bits, read without a sign
    np.testing.assert_allclose(scan.pixels, unsigned / unsigned.max(), atol=1e-3)


# -- hostile and damaged files


@functools.cache
def deflated_bomb() -> bytes:
    """About 0.5 MB that inflate to 512 MB."""
    dataset = made()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    del dataset.PixelData
    plain = saved(dataset)
    body = plain.index(DeflatedExplicitVRLittleEndian.encode()) + 22
    squeeze = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    packed = squeeze.compress(b"\xe0\x7f\x10\x00OW\0\0" + (512 << 20).to_bytes(4, "little"))
    packed += b"".join(squeeze.compress(zeros) for _ in range(512)) + squeeze.flush()
    return plain[:body] + packed


def rle_giant() -> bytes:
    dataset = made(Rows=65535, Columns=65535, PixelData=encapsulate([bytes(9000)]))
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


def nested(depth: int) -> bytes:
    opening = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    head = saved(made())
    body = head.index(b"\x08\x00\x16\x00UI")
    return head[:body] + opening * depth


def lying_length() -> bytes:
    """An element of 4 GB in front of the picture."""
    data = saved(made())
    at = data.index(b"\x28\x00\x02\x00US")
    return data[:at] + b"\x09\x00\x10\x10OB\0\0\xf0\xff\xff\xff" + data[at:]


def compressed(syntax: str) -> bytes:
    dataset = made(PixelData=encapsulate([bytes(100)]))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].is_undefined_length = True
    return saved(dataset)


def unregistered() -> bytes:
    film, other = b"1.2.840.10008.1.2.4.100", b"1.2.826.0.1.3680043.777"
    return compressed(film.decode()).replace(film, other)


HOSTILE: dict[str, tuple[Callable[[], bytes], type[ScanError], str]] = {
    "deflated bomb": (deflated_bomb, ScanTooLarge, "more than 256 MB"),
    "65535 x 65535 in 9 kB": (rle_giant, ScanTooLarge, "claims 65,535 x 65,535 pixels"),
    "100 000 frames": (
        lambda: saved(made(ramp().repeat(16, 0).repeat(16, 1), NumberOfFrames=100_000)),
        ScanTooLarge,
        "claims 100,000 frames of 512 x 512",
    ),
    "more rows than bytes": (
        lambda: saved(made(Rows=64)),
        UnreadableScan,
        "cut short: 2,048 of 4,096 bytes",
    ),
    "a length of 4 GB": (lying_length, UnsupportedScan, "holds no picture"),
    "5 000 nested sequences": (lambda: nested(5000), UnreadableScan, "nested too deeply"),
    "cut in the header": (lambda: saved(made())[:400], UnsupportedScan, "holds no picture"),
    "cut in the pixels": (lambda: saved(made())[:-100], UnreadableScan, "cut short: 1,948 of"),
    "nothing behind the magic": (lambda: bytes(128) + b"DICM", UnsupportedScan, "no picture"),
    "no rows": (lambda: saved(made(Rows=0)), UnreadableScan, "without pixels"),
    "no bytes": (lambda: saved(made(PixelData=b"")), UnreadableScan, "0 of 2,048 bytes"),
    "1 x 1": (lambda: saved(made(ramp()[:1, :1].copy())), BlankScan, "the same value"),
    "all black": (lambda: saved(made(ramp(0, 0))), BlankScan, "the same value"),
    "all padding": (
        lambda: saved(made(ramp(7, 7), PixelPaddingValue=7)),
        BlankScan,
        "the same value",
    ),
    "not a number": (
        lambda: saved(made(np.where(ramp() > 9, np.float32(1), np.float32("nan")))),
        BlankScan,
        "not finite",
    ),
    "a film": (
        lambda: compressed("1.2.840.10008.1.2.4.100"),
        UnsupportedScan,
        "compressed with MPEG2 Main Profile / Main Level,",
    ),
    "an unregistered syntax": (
        unregistered,
        UnsupportedScan,
        "with an unknown transfer syntax,",
    ),
    "damaged JPEG 2000": (
        lambda: compressed("1.2.840.10008.1.2.4.90"),
        UnreadableScan,
        "(JPEG 2000 Image Compression (Lossless Only)) is damaged",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_get_one_sentence_each(name: str) -> None:
    build, kind, words = HOSTILE[name]
    data = build()
    with pytest.raises(ScanError) as caught:
        decode.decode(data)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert is_a_sentence(str(caught.value))


def test_causes_have_sentences_of_their_own() -> None:
    messages = [str(_error(build())) for build, _, _ in HOSTILE.values()]
    # Three files have lost their picture and three are of one colour.
    assert len(messages) - len(set(messages)) == 4


def _error(data: bytes) -> ScanError:
    with pytest.raises(ScanError) as caught:
        decode.decode(data)
    return caught.value


@pytest.mark.parametrize("preamble", [b"MZ\x90\x00", b"<html><script>alert(1)</script>"])
def test_a_polyglot_is_read_as_dicom_and_its_preamble_dropped(preamble: bytes) -> None:
    data = saved(made())
    polyglot = preamble.ljust(128, b"\0") + data[128:]
    assert decode.decode(polyglot).sha256 == decode.decode(data).sha256
    assert preamble not in decode.decode(polyglot).png()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"])
def test_damaged_bytes_raise_nothing_but_scan_errors(name: str) -> None:
    original = (BUNDLED / name).read_bytes()
    random = np.random.default_rng(5)
    for _ in range(150):
        data = bytearray(original[: random.integers(140, len(original))])
        for at in random.integers(132, min(2000, len(data)), 3):
            data[at] = random.integers(256)
        try:
            scan = decode.decode(bytes(data))
        except ScanError as error:
            assert is_a_sentence(str(error))
        else:
            assert np.isfinite(scan.pixels).all()


# -- privacy


SECRETS = {
    "PatientName": "MARKERNAME^JANE",
    "PatientID": "MARKERID77",
    "PatientBirthDate": "19701231",
    "InstitutionName": "MARKERHOSPITAL",
    "StudyDescription": "MARKERSTUDY",
    "ImageComments": "MARKERCOMMENT",
    "StudyInstanceUID": "1.2.77.88.99",
    "WindowCenterWidthExplanation": "MARKERNAME^JANE",
    "SeriesInstanceUID": "1.2.77.88.66",
    "WindowCenter": 2000,
    "WindowWidth": 3000,
}


@pytest.mark.parametrize("broken", [{}, {"Rows": 64}, {"Rows": 0}, {"PixelData": b""}])
def test_no_patient_tag_leaves_the_decoder(
    broken: dict[str, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = made(**SECRETS, **broken)
    dataset.private_block(0x0011, "MARKERVENDOR", create=True).add_new(1, "LO", "MARKERPRIVATE")
    with caplog.at_level(logging.DEBUG):
        result = outcomes({"": saved(dataset)}, LIMITS)[""]
    assert isinstance(result, ScanError) == bool(broken)
    told = "".join(caplog.messages) + "".join(capfd.readouterr())
    if isinstance(result, ScanError):
        told += f"{result!r}{result.__cause__!r}"
        assert result.__suppress_context__ or result.__context__ is None
    else:
        told += repr(dataclasses.asdict(result)) + repr(result.png())
    assert not [secret for secret in ("MARKER", "1970", "77.88") if secret in told]


def test_patient_tags_are_not_even_parsed() -> None:
    dataset = frames.parse(saved(made(**SECRETS)), LIMITS)
    assert {element.keyword for element in dataset if element.tag.group < 0x0028} <= {
        *("SpecificCharacterSet", "Modality", "ImagerPixelSpacing"),
        *("ImageOrientationPatient", "PatientOrientation", "ViewPosition"),
    }


def test_what_pydicom_would_log_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    data = saved(made(WindowCenter=2000, WindowWidth=3000)).replace(b"2000.0", b"JANE Y")
    with caplog.at_level(logging.DEBUG):
        scan = decode.decode(data)
        outcomes({"": HOSTILE["damaged JPEG 2000"][0]()}, LIMITS)
    assert scan.warnings == (rendering.UNUSABLE_WINDOW,)
    assert not caplog.records
