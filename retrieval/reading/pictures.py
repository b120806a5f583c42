"""Bytes of a PNG, JPEG, TIFF or BMP file -> Scan, by Pillow."""

import io

import numpy as np
from PIL import Image, ImageOps

from retrieval.errors import ScanTooLarge, UnsupportedScan
from retrieval.imaging.greys import FloatImage, eight_bit, extent, grey, stretch
from retrieval.reading.scan import (
    DEEP_GREY,
    Limits,
    Scan,
    check_frame_pixels,
    choose_frame,
    of_frames,
)
from retrieval.reading.view import View, of_greys, of_numbers

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
DEEP_COLOUR = "This picture has more than 8 bits per colour, of which 8 were read."
TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


def decode_picture(data: bytes, frame: int | None, limits: Limits) -> Scan:
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
        view = of_numbers(values, inverted=white_is_zero)
        return (1 - pixels if white_is_zero else pixels), view, (DEEP_GREY,)
    if upright.mode in ("1", "L") and not upright.has_transparency_data:
        levels = np.asarray(upright.convert("L"))
        return eight_bit(levels), of_greys(levels), ()
    levels, notes = grey(np.asarray(_rgb(upright)))
    notes = (*notes, DEEP_COLOUR) if deep_colour else notes
    return eight_bit(levels), of_greys(levels), notes


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF counts from white; Pillow inverts such a file at 8 bits but not above."""
    return getattr(image, "tag_v2", {}).get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO


def _deep_colour(image: Image.Image, data: bytes) -> bool:
    """Whether a colour PNG or TIFF has 16 bits per channel, which Pillow cuts to 8."""
    if image.format == "PNG":
        return data[24] == 16  # bit depth in the IHDR chunk
    return int(max(getattr(image, "tag_v2", {}).get(TIFF_BITS, (8,)))) > 8


def _rgb(image: Image.Image) -> Image.Image:
    """The picture as RGB, laid over black where it is transparent."""
    if image.mode == "LAB":
        raise UnsupportedScan("The picture uses LAB colours; save it as grey or RGB.")
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, clear).convert("RGB")
