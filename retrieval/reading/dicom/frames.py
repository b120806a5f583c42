"""From the bytes of a DICOM file to the stored values of one frame, with every claim checked."""

import io
import math
import zlib
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from pydicom import Dataset, dcmread, uid
from pydicom.filereader import read_dataset, read_preamble
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import as_pixel_options

from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.reading import scan
from retrieval.reading.dicom.elements import ELEMENTS, PIXELS, text, whole
from retrieval.reading.scan import Limits

NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
# Each transfer syntax has one decoder and no fallback: decoders differ by some grey
# levels in lossy JPEG, and by half the scale where a JPEG 2000 stream and its header
# disagree on the sign.
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
MACROS = (
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "PixelMeasuresSequence",
    "PlaneOrientationSequence",
)


@dataclass(frozen=True)
class Header:
    """The size of the pixel data as the header claims it; `bits` allocated for each sample."""

    rows: int
    columns: int
    samples: int
    frames: int
    bits: int

    @property
    def frame_bytes(self) -> float:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.bits / 8


def parse(data: bytes, limits: Limits) -> Dataset:
    """The elements of ELEMENTS; a ScanError for a file without a picture."""
    try:
        check_inflated(data, limits)
        dataset = dcmread(io.BytesIO(data), specific_tags=ELEMENTS)
    except (MemoryError, RecursionError, ScanError):
        raise
    except Exception:  # pydicom raises anything on a damaged header; see reading.decode
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


def check_inflated(data: bytes, limits: Limits) -> None:
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


def header_of(dataset: Dataset, limits: Limits) -> Header:
    """The size of the pixel data as the header claims it, checked before it is touched."""
    frames = whole(dataset, "NumberOfFrames", 1) or 1
    bits = whole(dataset, "BitsAllocated")
    samples = whole(dataset, "SamplesPerPixel", 1)
    header = Header(whole(dataset, "Rows"), whole(dataset, "Columns"), samples, frames, bits)
    if min(header.rows, header.columns, samples, frames, bits) < 1:
        raise UnreadableScan("The DICOM header claims a picture without pixels; export it again.")
    scan.check_frame_pixels(header.rows, header.columns, limits)
    if header.frame_bytes * frames > limits.volume_bytes:
        raise ScanTooLarge(
            f"The DICOM header claims {frames:,} frames of {header.columns:,} x {header.rows:,} "
            f"pixels, more than {limits.volume_bytes >> 20} MB; export single frames."
        )
    return header


def plugin_for(syntax: uid.UID | None) -> str:
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


def stored_values(dataset: Dataset, plugin: str, frame: int) -> tuple[NDArray[Any], str]:
    """The stored values (H, W) or (H, W, 3) of a frame, and their photometric interpretation."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == uid.JPEGExtended12Bit and whole(dataset, "BitsAllocated") > 8:
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
    except Exception:  # each plugin has errors of its own; see reading.decode
        raise UnreadableScan(
            f"The picture in the DICOM file ({_syntax_name(syntax)}) is damaged or does not "
            "fit its header; export the file again."
        ) from None
    return stored, str(properties["photometric_interpretation"])


def _syntax_name(syntax: uid.UID) -> str:
    """The registered name (PS3.6 A); an unregistered UID is free text and is not repeated."""
    return syntax.name if syntax.name != str(syntax) else "an unknown transfer syntax"


def check_length(dataset: Dataset, header: Header, *, native: bool) -> None:
    """Refuse pixel data shorter than the header says (PS3.5 8.1.1)."""
    present = max(len(dataset.get(keyword) or b"") for keyword in PIXELS)
    expected = math.ceil(header.frame_bytes * header.frames)
    if text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        expected = expected * 2 // 3
    if present == 0 or (native and present < expected):
        raise UnreadableScan(
            f"The DICOM file is cut short: {present:,} of {expected:,} bytes of its picture "
            "are there; copy or export it again."
        )


def lift_macros(dataset: Dataset, frame: int) -> None:
    """Copy the macros of one frame of an enhanced object to the top level (PS3.3 C.7.6.16)."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (*shared[:1], *each[frame : frame + 1]):
        for macro in MACROS:
            for item in (groups.get(macro) or [])[:1]:
                dataset.update(item)
