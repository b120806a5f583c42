"""Bytes of a picture file -> one checked grey Scan.

Read here: PNG, JPEG, TIFF and BMP; a file with the DICOM magic goes to
`retrieval.dicom`, imported only then. Nothing is written to the disk, no file
name and no text of the file enters a Scan or an error.
"""

import contextlib
import hashlib
import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, ImageOps

from retrieval import letters, signatures, viewing
from retrieval.errors import ScanError, ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.greys import ByteImage, FloatImage, eight_bit, extent, grey, stretch
from retrieval.regions import SMALLEST
from retrieval.views import View

Decode: TypeAlias = Callable[..., "Scan"]  # decode(data, *, frame)

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
DEEP_GREY = "This picture has more than 8 bits; it was scaled from its darkest to its brightest."
DEEP_COLOUR = "This picture has more than 8 bits per colour, of which 8 were read."
BURNED_IN = "Text is burned into this picture; check that it shows no name and no date."
OFTEN_BURNED_IN = (
    "Pictures of this kind often have text burned in; check that it shows no name and no date."
)
LETTERS = "Letters seem to be burned into this picture; check that they show no name and no date."
TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


@dataclass(frozen=True)
class Limits:
    """What a picture may cost before it is refused."""

    file_bytes: int = 64 << 20
    frame_pixels: int = 40_000_000  # a chest X-ray has about 4000 x 5000
    volume_bytes: int = 512 << 20  # all frames of a DICOM file, as its header claims them
    inflated_bytes: int = 256 << 20  # a deflated DICOM data set


LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class Scan:
    """One decoded picture: float32 (H, W) in [0, 1], dark = air, bright = dense.

    `pixels` are what the network sees, `view` is what a reader sees.
    """

    pixels: FloatImage
    view: View
    format: str
    modality: str
    frames: int = 1
    frame: int = 0
    spacing: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows of the picture, in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def sha256(self) -> str:
        """Hex digest of shape and pixels at 16 bits: the same for every lossless copy."""
        levels = np.rint(self.pixels * np.float32(65535)).astype("<u2")
        digest = hashlib.sha256(np.array(levels.shape, dtype="<u4").tobytes())
        digest.update(levels.tobytes())
        return digest.hexdigest()

    def preview(self, longest: int | None = None) -> ByteImage:
        """The picture as uint8 (h, w), shrunk where a side is over `longest` pixels."""
        levels = np.rint(self.pixels * np.float32(255)).astype(np.uint8)
        scale = (longest or math.inf) / max(levels.shape)
        if scale >= 1:
            return levels
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        return np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS))

    def png(self, longest: int | None = None) -> bytes:
        """The preview as an 8-bit grey PNG without metadata."""
        buffer = io.BytesIO()
        Image.fromarray(self.preview(longest)).save(buffer, format="PNG")
        return buffer.getvalue()


def decode(data: bytes, *, frame: int | None = None, limits: Limits = LIMITS) -> Scan:
    """Turn the bytes of a file into a Scan; raises a ScanError and nothing else.

    `frame` counts from 0; without it, the middle frame is taken.
    """
    try:
        check_file_bytes(len(data), limits)
        reader = _reader(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            scan = reader(data, frame, limits)
            with of_frames(scan.frames):
                return _checked(scan, limits)
    except ScanError:
        raise
    except MemoryError:
        raise ScanTooLarge(
            "The picture needs more memory than is allowed; export a smaller one."
        ) from None
    except RecursionError:
        raise UnreadableScan(
            "The file is nested too deeply to be a picture; export it again."
        ) from None
    # Damaged files make the decoders raise anything (in Pillow's own corpus
    # OSError, ValueError, SyntaxError, TypeError, NotImplementedError), and what
    # they raise may quote the file: hence Exception, and hence `from None`.
    except Exception as error:
        damaged = UnreadableScan(
            f"The {signatures.kind_of(data)} file is cut short or damaged; copy or export it again."
        )
        damaged.frames = getattr(error, "frames", 1)
        raise damaged from None


@contextlib.contextmanager
def of_frames(frames: int) -> Iterator[None]:
    """Whatever goes wrong inside concerns one of so many frames, and says so."""
    try:
        yield
    except Exception as error:
        error.frames = frames
        raise


def read(path: Path, *, frame: int | None = None, decode: Decode = decode) -> Scan:
    """Decode the file at `path`; the message of an error starts with its name.

    `decode` may be a `sandbox.Decoder`'s, for files from elsewhere.
    """
    with named(path):
        return decode(_load(path, LIMITS), frame=frame)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Start the message of a ScanError with the name of the file at `path`."""
    try:
        yield
    except ScanError as error:
        raise type(error)(f"{path.name}: {error}") from None


def inspect(path: Path, *, decode: Decode = decode) -> dict[str, Any]:
    """What can be said about the file at `path`, ready for JSON; never raises a ScanError."""
    report: dict[str, Any] = dict.fromkeys(("format", "width", "height", "frames", "modality"))
    report = {"file": str(path), "ok": False, **report, "warnings": [], "error": None}
    try:
        scan = decode(_load(path, LIMITS))
    except ScanError as error:
        return report | {"error": str(error)}
    names = ("format", "width", "height", "frames", "modality")
    found = {name: getattr(scan, name) for name in names}
    notes = list(scan.warnings)
    try:
        check_searchable(scan)
    except ScanError as error:
        notes.append(str(error))
    return report | found | {"ok": True, "warnings": notes}


def check_searchable(scan: Scan) -> None:
    """Refuse a scan that is too small to be encoded."""
    if min(scan.height, scan.width) < SMALLEST:
        raise UnsupportedScan(
            f"The picture has {scan.width} x {scan.height} pixels, too few to search with; "
            f"choose one with at least {SMALLEST} on each side."
        )


def check_file_bytes(count: int, limits: Limits) -> None:
    """Refuse a file of `count` bytes that is empty or over the limit."""
    if count == 0:
        raise UnreadableScan("The file is empty; copy or export it again.")
    if count > limits.file_bytes:
        raise ScanTooLarge(
            f"The file has {count / 2**20:,.0f} MB, over the limit of "
            f"{limits.file_bytes / 2**20:,.0f} MB; export a single picture."
        )


def check_frame_pixels(height: int, width: int, limits: Limits) -> None:
    """Refuse a frame of `height` x `width` pixels before it is decoded."""
    if height * width > limits.frame_pixels:
        raise ScanTooLarge(
            f"The header claims {width:,} x {height:,} pixels, over the limit of "
            f"{limits.frame_pixels / 1e6:,.0f} million; export a smaller picture."
        )


def choose_frame(frames: int, frame: int | None) -> int:
    """The frame to decode, counted from 0: the one asked for, or the middle one."""
    if frame is None:
        return frames // 2
    if not 0 <= frame < frames:
        raise UnsupportedScan(
            f"The file has {frames} frame{'s' * (frames > 1)}, numbered from 0, "
            f"and frame {frame} is not one of them; choose another."
        )
    return frame


def _load(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise UnreadableScan("This is a folder; choose a file in it.")
        if not path.is_file():
            raise UnreadableScan("There is no such file; check the path.")
        check_file_bytes(path.stat().st_size, limits)
        return path.read_bytes()
    except (OSError, ValueError):
        raise UnreadableScan("The file cannot be opened; check its path and permissions.") from None


def _checked(scan: Scan, limits: Limits) -> Scan:
    check_frame_pixels(scan.height, scan.width, limits)
    extent(scan.pixels)
    return replace(scan, view=viewing.shrink(scan.view), warnings=_with_letters(scan))


def _with_letters(scan: Scan) -> tuple[str, ...]:
    """The warnings of a scan, the surest of those on written text alone."""
    if BURNED_IN in scan.warnings or not letters.are_written_in(scan.pixels):
        return scan.warnings
    return (*(note for note in scan.warnings if note != OFTEN_BURNED_IN), LETTERS)


Reader: TypeAlias = Callable[[bytes, int | None, Limits], Scan]


def _reader(data: bytes) -> Reader:
    kind = signatures.kind_of(data)
    if not kind:
        raise UnsupportedScan(signatures.refusal(data))
    if kind != "DICOM":
        return _picture
    from retrieval import dicom

    return dicom.decode


def _picture(data: bytes, frame: int | None, limits: Limits) -> Scan:
    """Decode PNG, JPEG, TIFF or BMP bytes with Pillow."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ScanTooLarge(
            "The header claims more pixels than any scan has; export a smaller picture."
        ) from None
    check_frame_pixels(image.height, image.width, limits)
    # A phone's MPO holds one picture and its depth map: the picture is the scan.
    is_phone = image.format == "MPO"
    frames = 1 if is_phone else int(getattr(image, "n_frames", 1))
    chosen = choose_frame(frames, frame)
    with of_frames(frames):
        image.seek(chosen)
        check_frame_pixels(image.height, image.width, limits)  # pages of a TIFF differ in size
        pixels, view, notes = _pixels(image, data)
    kind = "JPEG" if is_phone else str(image.format)
    return Scan(pixels, view, kind, "", frames, chosen, None, notes)


def _pixels(image: Image.Image, data: bytes) -> tuple[FloatImage, View, tuple[str, ...]]:
    """The picture as float32 (H, W) in [0, 1], upright, with its View and its warnings."""
    white_is_zero, deep_colour = _white_is_zero(image), _deep_colour(image, data)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in DEEP_MODES:
        values = np.asarray(upright)
        pixels = stretch(values, *extent(values))
        view = viewing.of_numbers(values, inverted=white_is_zero)
        return (1 - pixels if white_is_zero else pixels), view, (DEEP_GREY,)
    if upright.mode in ("1", "L") and not upright.has_transparency_data:
        levels = np.asarray(upright.convert("L"))
        return eight_bit(levels), viewing.of_greys(levels), ()
    levels, notes = grey(np.asarray(_rgb(upright)))
    notes = (*notes, DEEP_COLOUR) if deep_colour else notes
    return eight_bit(levels), viewing.of_greys(levels), notes


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white, which Pillow turns at 8 bits but not above."""
    return getattr(image, "tag_v2", {}).get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO


def _deep_colour(image: Image.Image, data: bytes) -> bool:
    """Whether a colour PNG or TIFF has 16 bits per channel, which Pillow cuts to 8."""
    if image.format == "PNG":
        return data[24] == 16  # bit depth in the IHDR chunk
    return max(getattr(image, "tag_v2", {}).get(TIFF_BITS, (8,))) > 8


def _rgb(image: Image.Image) -> Image.Image:
    """The picture as RGB, laid over black where it is transparent."""
    if image.mode == "LAB":
        raise UnsupportedScan("The picture uses LAB colours; save it as grey or RGB.")
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, clear).convert("RGB")
