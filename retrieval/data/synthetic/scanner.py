"""The CT scanner: its geometry, its grain, and the window through which HU become grey."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .noise import kernel_grain
from .shapes import Field, grey

PADDING = -2000.0


@dataclass(frozen=True)
class Scanner:
    """How a patient was scanned: mm, HU, and whether the field of view is cut to a circle."""

    field_of_view: float
    centre: tuple[float, float]
    table_gap: float
    noise: float
    sharpness: float
    blur: float
    circular: bool
    thickness: float

    @classmethod
    def draw(cls, rng: np.random.Generator, chest: Anatomy) -> "Scanner":
        """A scanner and a position on its table at random."""
        width = 2 * (chest.half_width + chest.muscle + chest.fat + 14)
        return cls(
            field_of_view=float(width * rng.uniform(0.96, 1.18)),
            centre=(float(rng.uniform(-8, 8)), float(rng.uniform(-6, 14))),
            table_gap=float(rng.uniform(2, 14)),
            noise=float(rng.uniform(9, 22)),
            sharpness=float(rng.uniform(0.3, 0.75)),
            blur=float(rng.uniform(0.45, 0.9)),
            circular=bool(rng.random() < 0.6),
            thickness=float(rng.uniform(1.5, 4)),
        )


def acquire(canvas: Field, scanner: Scanner, rng: np.random.Generator) -> Field:
    """Blur, add grain that reaches across pixels, and cut to the circular field of view."""
    pixels = canvas.shape[0]
    sharp = ndimage.gaussian_filter(canvas, scanner.blur * pixels / 288)
    grainy = sharp + scanner.noise * kernel_grain(rng, canvas.shape, scanner.sharpness)
    grainy = np.maximum(grainy, -1024)
    if scanner.circular:
        steps = (np.arange(pixels) + 0.5) / pixels * 2 - 1
        grainy[np.hypot(steps[:, None], steps[None, :]) > 1] = PADDING
    return np.asarray(grainy, dtype=np.float32)


def window(hounsfield: Field, level: float, width: float) -> NDArray[np.uint8]:
    """HU to 8 bit grey, black at and below level - width/2, white at and above level + width/2."""
    return grey((hounsfield - (level - width / 2)) / width)
