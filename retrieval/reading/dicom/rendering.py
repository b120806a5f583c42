"""Stored values -> greys for the encoder, and the View for a user.

The order is: padding mask, modality LUT, window or VOI LUT, polarity, padding to
black. The View stops after the modality LUT.
"""

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.pixels.processing import apply_color_lut

from retrieval.errors import ScanError, UnsupportedScan
from retrieval.imaging.greys import (
    FloatImage,
    eight_bit,
    extent,
    grey,
    looked_up,
    stretch,
    widened,
    window,
)
from retrieval.reading import pictures
from retrieval.reading.dicom.elements import MALFORMED, lenient, numbers, strings, text, whole
from retrieval.reading.view import LUNG, View, Window, of_greys, of_hounsfield, of_numbers, of_shown

COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
MOST_WINDOWS = 16
# A window's name is free text and may name a person, so only these words are repeated.
_WORDS = (
    "abdomen bone brain chest default hard harder head heart liver lung lungs mediastinum neck "
    "normal parenchyma pelvis soft softer spine standard subdural thorax tissue window wide narrow"
)
WINDOW_NAME = re.compile(rf"(({'|'.join(_WORDS.split())})\d*[ _-]?)+", re.IGNORECASE)
UNUSABLE_WINDOW = (
    "The window of this picture shows nothing of it; "
    "it was scaled from its darkest to its brightest value."
)


def colour(
    stored: NDArray[Any], dataset: Dataset, photometric: str
) -> tuple[FloatImage, View, tuple[str, ...]]:
    """Turn RGB or palette values to grey in [0, 1] (PS3.3 C.7.6.3.1.2), with the View of it."""
    if photometric not in COLOURS:
        raise UnsupportedScan(
            "The colours of the DICOM picture are of a kind that is not read here; "
            "export it in grey or RGB."
        )
    bits = whole(dataset, "BitsStored", 8)
    if photometric == "PALETTE COLOR":
        stored = _from_palette(stored, dataset)
        bits = stored.dtype.itemsize * 8
    levels, notes = grey((stored >> max(0, bits - 8)).astype(np.uint8))
    if bits > 8:
        notes += (pictures.DEEP_COLOUR,)
    return eight_bit(levels), of_greys(levels), notes


def _from_palette(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.unsignedinteger]:
    """Stored values (H, W) through the palette to RGB (H, W, 3)."""
    colours = apply_color_lut(stored, dataset)[..., :3]
    swapped = dataset.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian
    # pydicom reads every palette as little-endian, except a segmented one
    if swapped and "RedPaletteColorLookupTableData" in dataset:
        return colours.byteswap()
    return colours


def grey_values(
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
    # A CT never uses the header's window: a scanner's preset must not change what is found.
    lung = (LUNG.level, LUNG.width)
    pixels = window(values, *lung) if in_hu else _header_window(values, dataset)
    curve = pixels
    if pixels is None or np.ptp(_shown(pixels, visible)) == 0:
        pixels, curve = stretch(values, low, high), None
        if in_hu or _has_window(dataset):
            notes += (UNUSABLE_WINDOW,)
    # HU grow with density; MONOCHROME1 only concerns their display.
    inverted = not in_hu and _is_inverse(dataset, photometric)
    if in_hu:
        view = of_hounsfield(values, _windows(dataset), visible)
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
    """The View of values (H, W), or of `curve` (H, W), the header's non-linear rendering."""
    windows = _windows(dataset)
    if curve is not None and not windows:
        return of_shown(curve, inverted=inverted, visible=visible)
    return of_numbers(values, windows, inverted=inverted, visible=visible)


def _windows(dataset: Dataset) -> list[Window]:
    """The linear windows of the header, level and width as they are given (PS3.3 C.11.2.1.2)."""
    if (text(dataset, "VOILUTFunction") or "LINEAR") not in ("LINEAR", "LINEAR_EXACT"):
        return []
    levels, widths = lenient(dataset, "WindowCenter"), lenient(dataset, "WindowWidth")
    pairs = list(zip(levels, widths, strict=False))
    names = [name.strip() for name in strings(dataset, "WindowCenterWidthExplanation")]
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
    """Where stored values (H, W) are not padding (PS3.3 C.7.5.1.1.2); None for everywhere."""
    if dataset.get("PixelPaddingValue") is None:
        return None
    first = whole(dataset, "PixelPaddingValue")
    last = whole(dataset, "PixelPaddingRangeLimit", first)
    visible = (stored < min(first, last)) | (stored > max(first, last))
    return None if visible.all() else visible


def _rescaled(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.floating]:
    """Stored values in the units of the modality, HU for CT (PS3.3 C.11.1)."""
    if tables := dataset.get("ModalityLUTSequence"):
        return looked_up(stored, *_table(tables[0]))
    slope, intercept = numbers(dataset, "RescaleSlope"), numbers(dataset, "RescaleIntercept")
    wide = widened(stored)
    one = wide.dtype.type
    rescaled: NDArray[np.floating] = wide * one((*slope, 1)[0]) + one((*intercept, 0)[0])
    return rescaled


def _is_hounsfield(low: float, dataset: Dataset) -> bool:
    """Whether CT values from `low` up are HU: air is below zero and no other unit is named."""
    below_zero = low < 0 or (*numbers(dataset, "RescaleIntercept"), 0)[0] < 0
    return below_zero and text(dataset, "RescaleType") in ("", "HU")


def _has_window(dataset: Dataset) -> bool:
    return bool(dataset.get("VOILUTSequence")) or dataset.get("WindowCenter") not in (None, "")


def _header_window(values: NDArray[np.floating], dataset: Dataset) -> FloatImage | None:
    """Values (H, W) through the header's window, in [0, 1]; None without a usable one."""
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
    level, width = numbers(dataset, "WindowCenter")[0], numbers(dataset, "WindowWidth")[0]
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    if not (math.isfinite(level) and 0 < width < math.inf):
        raise ValueError("no window")
    if function == "LINEAR_EXACT":
        return window(values, level, width)
    if function == "SIGMOID":
        curve: FloatImage = (1 / (1 + np.exp(-4 * (values - level) / width))).astype(np.float32)
        return curve
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
    return photometric == "MONOCHROME1" or text(dataset, "PresentationLUTShape") == "INVERSE"
