"""Bytes of a DICOM file -> Scan; the only module that reads DICOM (pydicom).

Only the elements of ELEMENTS are parsed, none of which names a patient. From
stored values to pixels the order is: padding mask, modality LUT, window or VOI
LUT, polarity, padding to black.
"""

import io
import logging
import math
import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, uid
from pydicom.datadict import DicomDictionary, dictionary_description, tag_for_keyword
from pydicom.filereader import read_dataset, read_preamble
from pydicom.multival import MultiValue
from pydicom.pixels import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options

from retrieval import scans
from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.greys import FloatImage, extent, grey, looked_up, stretch, window
from retrieval.scans import Limits, Scan

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
# One decoder for each transfer syntax and never a second try: decoders differ by
# some grey levels in lossy JPEG, and by half the scale where a JPEG 2000 stream and
# its header disagree on the sign.
DECODERS = {
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: "pillow",
    uid.JPEGLossless: "gdcm",
    uid.JPEGLosslessSV1: "gdcm",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
    uid.RLELossless: "pylibjpeg",
}

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
BESIDE_PIXELS = (
    "Modality",
    "ImagerPixelSpacing",
    "PresentationLUTShape",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
# Group 0028 describes the pixels, and nobody.
ELEMENTS = [tag for tag in DicomDictionary if tag >> 16 == 0x0028]
ELEMENTS += [tag_for_keyword(keyword) for keyword in (*BESIDE_PIXELS, *PIXELS)]
MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence")

MODALITIES = {"CT": "CT", "CR": "X-ray", "DX": "X-ray", "RG": "X-ray"}
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
LUNG_LEVEL, LUNG_WIDTH = -600.0, 1500.0  # HU
UNUSABLE_WINDOW = (
    "The window of this picture shows nothing of it; "
    "it was scaled from its darkest to its brightest value."
)

# pydicom and its plugins log values of the file they read, names and dates among them.
for _name in ("pydicom", "pylibjpeg", "openjpeg", "jpeg_ls"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class _Header:
    rows: int
    columns: int
    samples: int
    frames: int
    bits: int

    @property
    def frame_bytes(self) -> float:
        return self.rows * self.columns * self.samples * self.bits / 8


def decode(data: bytes, frame: int | None, limits: Limits) -> Scan:
    """Decode one frame of a DICOM file into a Scan."""
    dataset = _parse(data, limits)
    plugin = _plugin(dataset.file_meta.get("TransferSyntaxUID"))
    header = _header(dataset, limits)
    _check_length(dataset, header, native=not plugin)
    chosen = scans.choose_frame(header.frames, frame)
    stored, photometric = _stored(dataset, plugin, chosen)
    _lift_macros(dataset, chosen)
    code = _text(dataset, "Modality")
    if stored.ndim == 3 or photometric == "PALETTE COLOR":
        pixels, notes = _colour(stored, dataset, photometric)
    else:
        pixels, notes = _grey(stored, dataset, photometric, code)
    notes = (*_modality_note(code), *notes, *_burned_in_note(dataset))
    modality = MODALITIES.get(code, "")
    return Scan(pixels, "DICOM", modality, header.frames, chosen, _spacing(dataset), notes)


def _parse(data: bytes, limits: Limits) -> Dataset:
    try:
        _check_inflated(data, limits)
        dataset = dcmread(io.BytesIO(data), specific_tags=ELEMENTS)
    except (MemoryError, RecursionError, ScanError):
        raise
    except Exception:  # pydicom raises anything on a damaged header; see scans.decode
        raise UnreadableScan("The DICOM header is damaged; export the file again.") from None
    if dataset.file_meta.get("MediaStorageSOPClassUID") == uid.MediaStorageDirectoryStorage:
        raise UnsupportedScan(
            "This is a DICOMDIR, the index of a disc; choose one of the pictures beside it."
        )
    if not any(keyword in dataset for keyword in PIXELS):
        raise UnsupportedScan(
            "This DICOM file holds no picture (a report, a plan, a header alone, or cut short); "
            "choose a file with one."
        )
    return dataset


def _check_inflated(data: bytes, limits: Limits) -> None:
    """Refuse a deflated data set (PS3.5 A.5) over the limit: pydicom inflates without one."""
    stream = io.BytesIO(data)
    read_preamble(stream, False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    if meta.get("TransferSyntaxUID") != uid.DeflatedExplicitVRLittleEndian:
        return
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), limits.inflated_bytes)
    if len(inflated) >= limits.inflated_bytes:
        raise ScanTooLarge(
            f"The deflated DICOM file holds more than {limits.inflated_bytes >> 20} MB; "
            "export it uncompressed."
        )


def _header(dataset: Dataset, limits: Limits) -> _Header:
    """The size of the pixel data as the header claims it, checked before it is touched."""
    frames = _whole(dataset, "NumberOfFrames", 1) or 1
    bits = _whole(dataset, "BitsAllocated")
    samples = _whole(dataset, "SamplesPerPixel", 1)
    header = _Header(_whole(dataset, "Rows"), _whole(dataset, "Columns"), samples, frames, bits)
    if min(header.rows, header.columns, samples, frames, bits) < 1:
        raise UnreadableScan("The DICOM header claims a picture without pixels; export it again.")
    scans.check_frame_pixels(header.rows, header.columns, limits)
    if header.frame_bytes * frames > limits.volume_bytes:
        raise ScanTooLarge(
            f"The DICOM header claims {frames:,} frames of {header.columns:,} x {header.rows:,} "
            f"pixels, more than {limits.volume_bytes >> 20} MB; export single frames."
        )
    return header


def _plugin(syntax: uid.UID | None) -> str:
    """The decoder pinned for a transfer syntax, "" for an uncompressed one."""
    if not syntax:
        raise UnreadableScan(
            "The DICOM header does not say how its picture is encoded "
            "(no transfer syntax); export the file again."
        )
    if syntax in NATIVE:
        return ""
    plugin = DECODERS.get(syntax)
    if plugin is None or plugin not in get_decoder(syntax).available_plugins:
        raise UnsupportedScan(
            f"The DICOM picture is compressed with {_syntax_name(syntax)}, "
            "which is not read here; export it uncompressed."
        )
    return plugin


def _stored(dataset: Dataset, plugin: str, frame: int) -> tuple[NDArray[Any], str]:
    """The stored values (H, W) or (H, W, 3) of a frame, and their photometric interpretation."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == uid.JPEGExtended12Bit and _whole(dataset, "BitsAllocated") > 8:
        raise UnsupportedScan(
            "The DICOM picture is compressed with JPEG Extended at more than 8 bits, "
            "which is not read here; export it uncompressed."
        )
    try:
        stored, properties = get_decoder(syntax).as_array(
            dataset, index=frame, decoding_plugin=plugin, **as_pixel_options(dataset)
        )
    except MemoryError:
        raise
    except Exception:  # each plugin has errors of its own; see scans.decode
        raise UnreadableScan(
            f"The picture in the DICOM file ({_syntax_name(syntax)}) is damaged or does not "
            "fit its header; export the file again."
        ) from None
    return stored, str(properties["photometric_interpretation"])


def _syntax_name(syntax: uid.UID) -> str:
    """The registered name (PS3.6 A); an unregistered UID is free text, so it is not repeated."""
    return syntax.name if syntax.name != str(syntax) else "an unknown transfer syntax"


def _check_length(dataset: Dataset, header: _Header, *, native: bool) -> None:
    """Refuse pixel data shorter than the header says (PS3.5 8.1.1)."""
    present = max(len(dataset.get(keyword) or b"") for keyword in PIXELS)
    expected = math.ceil(header.frame_bytes * header.frames)
    if _text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        expected = expected * 2 // 3
    if present == 0 or (native and present < expected):
        raise UnreadableScan(
            f"The DICOM file is cut short: {present:,} of {expected:,} bytes of its picture "
            "are there; copy or export it again."
        )


def _lift_macros(dataset: Dataset, frame: int) -> None:
    """Copy what holds for one frame of an enhanced object to the top level (PS3.3 C.7.6.16)."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (*shared[:1], *each[frame : frame + 1]):
        for macro in MACROS:
            for item in (groups.get(macro) or [])[:1]:
                dataset.update(item)


def _colour(
    stored: NDArray[Any], dataset: Dataset, photometric: str
) -> tuple[FloatImage, tuple[str, ...]]:
    """Turn RGB or palette values to grey in [0, 1] (PS3.3 C.7.6.3.1.2)."""
    if photometric not in COLOURS:
        raise UnsupportedScan(
            "The colours of the DICOM picture are of a kind that is not read here; "
            "export it in grey or RGB."
        )
    bits = _whole(dataset, "BitsStored", 8)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)[..., :3]
        bits = stored.dtype.itemsize * 8
    pixels, notes = grey((stored >> max(0, bits - 8)).astype(np.uint8))
    if bits > 8:
        notes += (scans.DEEP_COLOUR,)
    return pixels, notes


def _grey(
    stored: NDArray[Any], dataset: Dataset, photometric: str, code: str
) -> tuple[FloatImage, tuple[str, ...]]:
    """Turn stored values (H, W) to grey in [0, 1] with dark = air."""
    visible = _visible(stored, dataset)
    values = _rescaled(stored, dataset)
    low, high = extent(_shown(values, visible))
    notes: tuple[str, ...] = ()
    in_hu = code == "CT" and _is_hounsfield(low, dataset)
    if code == "CT" and not in_hu:
        notes += ("This CT is not in Hounsfield units; the lung window was not applied.",)
    # Of a CT never the header's window: a scanner's preset must not change what is found.
    pixels = window(values, LUNG_LEVEL, LUNG_WIDTH) if in_hu else _header_window(values, dataset)
    if pixels is None or np.ptp(_shown(pixels, visible)) == 0:
        pixels = stretch(values, low, high)
        if in_hu or _has_window(dataset):
            notes += (UNUSABLE_WINDOW,)
    # HU grow with density, whatever MONOCHROME1 says about display.
    if not in_hu and _is_inverse(dataset, photometric):
        pixels = 1 - pixels
    return (pixels if visible is None else np.where(visible, pixels, np.float32(0))), notes


def _shown(values: NDArray[Any], visible: NDArray[np.bool_] | None) -> NDArray[Any]:
    return values if visible is None else values[visible]


def _visible(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.bool_] | None:
    """Where the stored values (H, W) are no padding (PS3.3 C.7.5.1.1.2), None for everywhere."""
    if dataset.get("PixelPaddingValue") is None:
        return None
    first = _whole(dataset, "PixelPaddingValue")
    last = _whole(dataset, "PixelPaddingRangeLimit", first)
    visible = (stored < min(first, last)) | (stored > max(first, last))
    return None if visible.all() else visible


def _rescaled(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.floating]:
    """Stored values in the units of the modality, HU for CT (PS3.3 C.11.1)."""
    if tables := dataset.get("ModalityLUTSequence"):
        return looked_up(stored, *_table(tables[0]))
    slope, intercept = _numbers(dataset, "RescaleSlope"), _numbers(dataset, "RescaleIntercept")
    wide = np.float32 if stored.dtype.itemsize <= 2 else np.float64
    return stored.astype(wide) * wide((*slope, 1)[0]) + wide((*intercept, 0)[0])


def _is_hounsfield(low: float, dataset: Dataset) -> bool:
    """Whether CT values from `low` up are HU: air lies below zero, and no other unit is named."""
    below_zero = low < 0 or (*_numbers(dataset, "RescaleIntercept"), 0)[0] < 0
    return below_zero and _text(dataset, "RescaleType") in ("", "HU")


def _has_window(dataset: Dataset) -> bool:
    return bool(dataset.get("VOILUTSequence")) or dataset.get("WindowCenter") not in (None, "")


def _header_window(values: NDArray[np.floating], dataset: Dataset) -> FloatImage | None:
    """Values (H, W) as the header wants them shown, in [0, 1]; None without a usable window."""
    if not _has_window(dataset):
        return None
    try:
        return _windowed(values, dataset)
    except (ArithmeticError, AttributeError, LookupError, ScanError, TypeError, ValueError):
        return None


def _windowed(values: NDArray[np.floating], dataset: Dataset) -> FloatImage:
    """Values (H, W) through the VOI LUT or window of the header, to [0, 1] (PS3.3 C.11.2)."""
    if tables := dataset.get("VOILUTSequence"):
        first, table = _table(tables[0])
        return looked_up(values, first, stretch(table, *extent(table)))
    level, width = _numbers(dataset, "WindowCenter")[0], _numbers(dataset, "WindowWidth")[0]
    function = _text(dataset, "VOILUTFunction") or "LINEAR"
    if not (math.isfinite(level) and 0 < width < math.inf):
        raise ValueError("no window")
    if function == "LINEAR_EXACT":
        return window(values, level, width)
    if function == "SIGMOID":
        return (1 / (1 + np.exp(-4 * (values - level) / width))).astype(np.float32)
    if function == "LINEAR" and width > 1:
        return window(values, level - 0.5, width - 1)
    raise ValueError("no window")


def _table(item: Dataset) -> tuple[int, NDArray[np.float32]]:
    """First mapped value and entries of a lookup table (PS3.3 C.11.1.1)."""
    count, first, _ = (int(number) for number in item.LUTDescriptor)
    count = count or 1 << 16
    entries = item.LUTData
    if isinstance(entries, bytes):
        order = "<" if item.original_encoding[1] else ">"
        entries = np.frombuffer(entries, "u1" if len(entries) < 2 * count else f"{order}u2")
    return first, np.asarray(entries, dtype=np.float32)[:count]


def _is_inverse(dataset: Dataset, photometric: str) -> bool:
    """Whether low values are shown bright: MONOCHROME1 and INVERSE mean one inversion, not two."""
    return photometric == "MONOCHROME1" or _text(dataset, "PresentationLUTShape") == "INVERSE"


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and between columns (PS3.3 10.7.1.3), None where not given."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            spacing = _numbers(dataset, keyword)
        except (TypeError, ValueError):
            continue
        if len(spacing) == 2 and all(0 < gap < math.inf for gap in spacing):
            return spacing
    return None


def _modality_note(code: str) -> tuple[str, ...]:
    if code in MODALITIES:
        return ()
    if not code:
        return ("The file does not say its modality.",)
    if not re.fullmatch("[A-Z]{2,8}", code):
        return ("The file names a modality that is not known here.",)
    return (f"The file says its modality is {code}, which is neither CT nor X-ray.",)


def _burned_in_note(dataset: Dataset) -> tuple[str, ...]:
    if _text(dataset, "BurnedInAnnotation") != "YES":
        return ()
    return ("Text is burned into this picture; check that it shows no name and no date.",)


def _whole(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """The whole number of an element; without `default` it has to be there."""
    try:
        value = dataset.get(keyword)
        return int(default if value is None and default is not None else value)
    except (TypeError, ValueError):
        name = dictionary_description(keyword)
        raise UnreadableScan(
            f"The DICOM header gives no usable {name}; export the file again."
        ) from None


def _numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element, none where it is missing or empty."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return ()
    return tuple(map(float, value if isinstance(value, MultiValue) else (value,)))


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()
