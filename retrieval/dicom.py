"""Bytes of a DICOM file -> Scan or Place; the only module that reads DICOM (pydicom).

Only the elements of ELEMENTS, or of PLACING, are parsed; none of them names a
patient. From stored values to pixels the order is: padding mask, modality LUT,
window or VOI LUT, polarity, padding to black. The View stops after the modality LUT.
"""

import hashlib
import io
import logging
import math
import re
import warnings
import zlib
from dataclasses import dataclass, replace
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

from retrieval import directions, scans, signatures, viewing
from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.greys import FloatImage, eight_bit, extent, grey, looked_up, stretch, window
from retrieval.scans import Limits, Scan
from retrieval.series import Place
from retrieval.views import View, Window

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
    "ImageOrientationPatient",
    "PatientOrientation",
    "ViewPosition",
    "PresentationLUTShape",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
# Group 0028 describes the pixels, and nobody.
ELEMENTS = [tag for tag in DicomDictionary if tag >> 16 == 0x0028]
ELEMENTS += [tag_for_keyword(keyword) for keyword in (*BESIDE_PIXELS, *PIXELS)]
MACROS = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "PlaneOrientationSequence",
)
# What `describe` parses; of the series' identifier only a checksum leaves it.
PLACING = (
    "Modality",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
)

MODALITIES = {"CT": "CT", "CR": "X-ray", "DX": "X-ray", "RG": "X-ray"}
# Screens copied, and ultrasound (PS3.4 B.5)
OFTEN_WRITTEN = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
)
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
MOST_WINDOWS = 16
# No brackets, quotes, colons or carets: a label, and no address, markup or person's name.
WINDOW_NAME = re.compile(r"\w[\w +\-/.,()&]{0,39}")
LATERAL = re.compile("LL|RL|((LEFT|RIGHT|L|R)[ _]?)?LAT(ERAL)?")
UNUSABLE_WINDOW = (
    "The window of this picture shows nothing of it; "
    "it was scaled from its darkest to its brightest value."
)
LATERAL_VIEW = "The file says this is a lateral view; the archive holds frontal ones."
# What pydicom raises on an element whose value is of a wrong kind.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

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
        pixels, view, notes = _colour(stored, dataset, photometric)
    else:
        pixels, view, notes = _grey(stored, dataset, photometric, code)
    modality, spacing = MODALITIES.get(code, ""), _spacing(dataset)
    view = replace(view, spacing=spacing, at_detector=_at_detector(dataset), edges=_edges(dataset))
    lateral = (LATERAL_VIEW,) if modality == "X-ray" and _is_lateral(dataset) else ()
    notes = (*_modality_note(code), *lateral, *notes, *_burned_in_note(dataset))
    return Scan(pixels, view, "DICOM", modality, header.frames, chosen, spacing, notes)


def describe(data: bytes) -> Place | None:
    """Where a picture stands in its series, by its header alone; None if that cannot be said."""
    if signatures.kind_of(data) != "DICOM":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # they quote the file
            _check_inflated(data, scans.LIMITS)
            dataset = dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=[*PLACING])
            return _place(dataset)
    except Exception:  # one bad file among many is no reason to stop; `decode` says what is wrong
        return None


def _place(dataset: Dataset) -> Place | None:
    series = _text(dataset, "SeriesInstanceUID")
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    if not series or min(rows, columns) < 1:
        return None
    axes = _axes(dataset)
    # Rounded: scanners write the same direction with other last digits in each slice.
    turned = None if axes is None else (np.round(axes, 2) + 0.0).tolist()
    token = hashlib.sha256(f"{series} {turned} {rows} {columns}".encode()).hexdigest()[:16]
    modality = MODALITIES.get(_text(dataset, "Modality"), "")
    return Place(token, _position(dataset, axes), _number(dataset), modality, rows, columns)


def _position(dataset: Dataset, axes: directions.Axes | None) -> float | None:
    corner = _lenient(dataset, "ImagePositionPatient")
    return None if axes is None else directions.along_normal(axes, corner)


def _number(dataset: Dataset) -> int | None:
    numbers = _lenient(dataset, "InstanceNumber")
    return int(numbers[0]) if numbers and math.isfinite(numbers[0]) else None


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
) -> tuple[FloatImage, View, tuple[str, ...]]:
    """Turn RGB or palette values to grey in [0, 1] (PS3.3 C.7.6.3.1.2), with the View of it."""
    if photometric not in COLOURS:
        raise UnsupportedScan(
            "The colours of the DICOM picture are of a kind that is not read here; "
            "export it in grey or RGB."
        )
    bits = _whole(dataset, "BitsStored", 8)
    if photometric == "PALETTE COLOR":
        stored = _from_palette(stored, dataset)
        bits = stored.dtype.itemsize * 8
    levels, notes = grey((stored >> max(0, bits - 8)).astype(np.uint8))
    if bits > 8:
        notes += (scans.DEEP_COLOUR,)
    return eight_bit(levels), viewing.of_greys(levels), notes


def _from_palette(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.unsignedinteger]:
    """Stored values (H, W) through the palette to RGB (H, W, 3)."""
    colours = apply_color_lut(stored, dataset)[..., :3]
    swapped = dataset.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian
    # pydicom takes the bytes of a palette for little-endian ones, unless it is a segmented one
    if swapped and "RedPaletteColorLookupTableData" in dataset:
        return colours.byteswap()
    return colours


def _grey(
    stored: NDArray[Any], dataset: Dataset, photometric: str, code: str
) -> tuple[FloatImage, View, tuple[str, ...]]:
    """Turn stored values (H, W) to grey in [0, 1] with dark = air, and to the View of them."""
    visible = _visible(stored, dataset)
    values = _rescaled(stored, dataset)
    low, high = extent(_shown(values, visible))
    notes: tuple[str, ...] = ()
    in_hu = code == "CT" and _is_hounsfield(low, dataset)
    if code == "CT" and not in_hu:
        notes += ("This CT is not in Hounsfield units; the lung window was not applied.",)
    # Of a CT never the header's window: a scanner's preset must not change what is found.
    lung = (viewing.LUNG.level, viewing.LUNG.width)
    pixels = window(values, *lung) if in_hu else _header_window(values, dataset)
    curve = pixels
    if pixels is None or np.ptp(_shown(pixels, visible)) == 0:
        pixels, curve = stretch(values, low, high), None
        if in_hu or _has_window(dataset):
            notes += (UNUSABLE_WINDOW,)
    # HU grow with density, whatever MONOCHROME1 says about display.
    inverted = not in_hu and _is_inverse(dataset, photometric)
    if in_hu:
        view = viewing.of_hounsfield(values, _windows(dataset), visible)
    else:
        view = _view(values, curve, dataset, visible, inverted=inverted)
    if inverted:
        pixels = 1 - pixels
    return (pixels if visible is None else np.where(visible, pixels, np.float32(0))), view, notes


def _view(
    values: NDArray[np.floating],
    curve: FloatImage | None,
    dataset: Dataset,
    visible: NDArray[np.bool_] | None,
    *,
    inverted: bool,
) -> View:
    """The View of values (H, W), or of `curve`, what the header made of them, if it is no line."""
    windows = _windows(dataset)
    if curve is not None and not windows:
        return viewing.of_shown(curve, inverted=inverted, visible=visible)
    return viewing.of_numbers(values, windows, inverted=inverted, visible=visible)


def _windows(dataset: Dataset) -> list[Window]:
    """The linear windows of the header, level and width as they are given (PS3.3 C.11.2.1.2)."""
    if (_text(dataset, "VOILUTFunction") or "LINEAR") not in ("LINEAR", "LINEAR_EXACT"):
        return []
    levels, widths = _lenient(dataset, "WindowCenter"), _lenient(dataset, "WindowWidth")
    pairs = list(zip(levels, widths, strict=False))
    names = [name.strip() for name in _strings(dataset, "WindowCenterWidthExplanation")]
    found: dict[str, Window] = {}
    for number, pair in enumerate(pairs[:MOST_WINDOWS], start=1):
        plain = "As stored" if number == 1 else f"As stored {number}"
        name = names[number - 1] if number <= len(names) else plain
        if not WINDOW_NAME.fullmatch(name) or name in found:
            name = plain
        found[name] = Window(name, *pair)
    return list(found.values())


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
    except (*MALFORMED, ScanError):
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
    return _gaps(dataset, "PixelSpacing") or _gaps(dataset, "ImagerPixelSpacing")


def _gaps(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    spacing = _lenient(dataset, keyword)
    usable = len(spacing) == 2 and all(0 < gap < math.inf for gap in spacing)
    return spacing if usable else None


def _at_detector(dataset: Dataset) -> bool:
    """Whether the spacing is that of the detector, not corrected for it (PS3.3 10.7.1.1)."""
    detector = _gaps(dataset, "ImagerPixelSpacing")
    return detector is not None and detector == _spacing(dataset)


def _axes(dataset: Dataset) -> directions.Axes | None:
    return directions.axes(_lenient(dataset, "ImageOrientationPatient"))


def _edges(dataset: Dataset) -> directions.Edges | None:
    """What lies at each edge: by a slice's axes (PS3.3 C.7.6.2.1.1), else C.7.6.1.1.1."""
    axes = _axes(dataset)
    if axes is not None:
        return directions.edges_of_axes(axes)
    return directions.edges_of_letters(_strings(dataset, "PatientOrientation"))


def _is_lateral(dataset: Dataset) -> bool:
    """Whether an X-ray is taken from the side (ViewPosition, PS3.3 C.8.11.5), or lies so."""
    position = _text(dataset, "ViewPosition")
    if position:
        return LATERAL.fullmatch(position) is not None
    edges = _edges(dataset)
    return edges is not None and {"A", "P"} == set(edges[:2]) and {"H", "F"} == set(edges[2:])


def _modality_note(code: str) -> tuple[str, ...]:
    if code in MODALITIES:
        return ()
    if not code:
        return ("The file does not say its modality.",)
    if not re.fullmatch("[A-Z]{2,8}", code):
        return ("The file names a modality that is not known here.",)
    return (f"The file says its modality is {code}, which is neither CT nor X-ray.",)


def _burned_in_note(dataset: Dataset) -> tuple[str, ...]:
    said = _text(dataset, "BurnedInAnnotation")
    if said == "YES":
        return (scans.BURNED_IN,)
    if said != "NO" and dataset.file_meta.get("MediaStorageSOPClassUID") in OFTEN_WRITTEN:
        return (scans.OFTEN_BURNED_IN,)
    return ()


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


def _lenient(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The numbers of an element, none where it is malformed too."""
    try:
        return _numbers(dataset, keyword)
    except MALFORMED:
        return ()


def _strings(dataset: Dataset, keyword: str) -> list[str]:
    """The texts of an element, none where it is missing or malformed."""
    try:
        value = dataset.get(keyword) or ()
        return [str(each) for each in ((value,) if isinstance(value, str) else value)]
    except MALFORMED:
        return []


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()
