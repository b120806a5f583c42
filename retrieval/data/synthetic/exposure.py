"""Taking the X-ray: projection onto the detector, scatter, quantum noise, film tones."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .anatomy import Anatomy
from .noise import quantum_grain
from .shapes import Field, grey
from .xray import Attenuation, XrayPatient

ROWS, COLUMNS = 320, 288


@dataclass(frozen=True)
class Exposure:
    """How one picture was taken: mm, degrees, shares, photons per pixel."""

    margin: float
    shift: tuple[float, float]
    tilt: float
    breath: float
    photons: float
    brightness: float
    contrast: float
    scatter: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Exposure":
        """An exposure at random."""
        return cls(
            margin=float(rng.uniform(1.24, 1.40)),
            shift=(float(rng.uniform(-8, 8)), float(rng.uniform(-12, 12))),
            tilt=float(rng.uniform(-2.5, 2.5)),
            breath=float(rng.uniform(-0.05, 0.05)),
            photons=float(rng.uniform(25000, 80000)),
            brightness=float(rng.uniform(-0.05, 0.05)),
            contrast=float(rng.uniform(0.86, 1.0)),
            scatter=float(rng.uniform(0.12, 0.35)),
        )


def draw_xray(patient: XrayPatient, loss: Attenuation, index: int) -> NDArray[np.uint8]:
    """Exposure `index` of a patient whose attenuation is known: uint8 (320, 288)."""
    rng = np.random.Generator(np.random.PCG64([*patient.seed, 13, index]))
    exposure = Exposure.draw(rng)
    depth = _project(patient.chest, loss, exposure)
    signal = np.exp(-depth)
    haze = ndimage.gaussian_filter(signal, 28)
    signal = (signal + exposure.scatter * haze) / (1 + exposure.scatter)
    counted = quantum_grain(rng, signal, exposure.photons)
    return _tone(-np.log(counted), exposure)


def _project(chest: Anatomy, loss: Attenuation, exposure: Exposure) -> Field:
    """The attenuation under the pixels of one exposure, (320, 288)."""
    pixel = 2 * chest.half_width * exposure.margin / COLUMNS
    right, down = np.meshgrid(np.arange(COLUMNS) - COLUMNS / 2, np.arange(ROWS) - ROWS / 2)
    turn = np.deg2rad(exposure.tilt)
    x = pixel * (np.cos(turn) * right - np.sin(turn) * down) + exposure.shift[0]
    z = pixel * (np.sin(turn) * right + np.cos(turn) * down) + exposure.shift[1]
    z = z + 0.51 * chest.lung_height
    z = z + exposure.breath * np.maximum(z - 0.3 * chest.lung_height, 0)
    step = float(loss.grid.x[1] - loss.grid.x[0])
    where = [(z - loss.grid.z[0]) / step, (x - loss.grid.x[0]) / step]
    depth = ndimage.map_coordinates(loss.depth, where, order=1, mode="nearest")
    return np.asarray(depth, dtype=np.float32)


def _tone(depth: Field, exposure: Exposure) -> NDArray[np.uint8]:
    """Film tones from log attenuation: detail lifted, dense parts bright, air black."""
    local = ndimage.gaussian_filter(depth, 14)
    detail = depth + 0.45 * (depth - local)
    body = detail[depth > 0.6]
    low, high = np.percentile(body, (4, 97))
    share = (detail - low) / (high - low) * exposure.contrast + exposure.brightness
    bent = 1 / (1 + np.exp(-3.6 * (share - 0.45)))
    black = 1 / (1 + np.exp(3.6 * (0.45 + 0.22)))
    return grey((bent - black) / (0.93 - black))
