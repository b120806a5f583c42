"""One decoded picture, and the limits that a file must keep to become one."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from retrieval.errors import ScanTooLarge, UnreadableScan, UnsupportedScan
from retrieval.imaging.greys import ByteImage, FloatImage
from retrieval.imaging.regions import SMALLEST
from retrieval.reading.view import View

DEEP_GREY = "This picture has more than 8 bits; it was scaled from its darkest to its brightest."
BURNED_IN = "Text is burned into this picture; check that it shows no name and no date."
OFTEN_BURNED_IN = (
    "Pictures of this kind often have text burned in; check that it shows no name and no date."
)


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
        levels: ByteImage = np.rint(self.pixels * np.float32(255)).astype(np.uint8)
        scale = (longest or math.inf) / max(levels.shape)
        if scale >= 1:
            return levels
        size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
        small = Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS)
        return np.asarray(small, dtype=np.uint8)

    def png(self, longest: int | None = None) -> bytes:
        """The preview as an 8-bit grey PNG without metadata."""
        buffer = io.BytesIO()
        Image.fromarray(self.preview(longest)).save(buffer, format="PNG")
        return buffer.getvalue()


class BytesDecoder(Protocol):
    """Bytes of a file -> Scan: `decode.decode`, or the same in a child process."""

    def __call__(self, data: bytes, *, frame: int | None = None) -> Scan:
        """The scan of one frame, counted from 0, or of the middle one; raises a ScanError."""


@contextlib.contextmanager
def of_frames(frames: int) -> Iterator[None]:
    """Note on every error raised inside that its file has so many frames."""
    try:
        yield
    except Exception as error:
        # A decoder's own error has no such field: `decode` copies it to the ScanError it raises.
        error.frames = frames  # type: ignore[attr-defined]
        raise


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
