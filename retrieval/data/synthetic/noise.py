"""Random textures: smooth fields inside the body, grain from the detector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .shapes import Field, Grid


@dataclass(frozen=True)
class Waves:
    """A sum of random plane waves: the same texture at every point of the body."""

    frequencies: NDArray[np.float64]
    phases: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, wavelength: float, count: int = 24) -> "Waves":
        """Waves in every direction, about `wavelength` mm long."""
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength * rng.uniform(0.7, 1.8, size=(count, 1))
        return cls(2 * np.pi * directions / lengths, rng.uniform(0, 2 * np.pi, count))

    def on(self, grid: Grid) -> Field:
        """The texture on a grid: float32, mean 0, standard deviation about 1."""
        along = [
            np.exp(1j * np.outer(axis, self.frequencies[:, i])).astype(np.complex64)
            for i, axis in enumerate((grid.x, grid.y, grid.z))
        ]
        plane = along[2][:, None, :] * along[1][None, :, :]
        plane = plane * np.exp(1j * self.phases).astype(np.complex64)
        # The real part of a complex product, as one real product of twice the length.
        left = np.concatenate([plane.real, -plane.imag], axis=2)
        right = np.concatenate([along[0].real, along[0].imag], axis=1)
        texture: Field = (left @ right.T) * np.float32(np.sqrt(2 / len(self.phases)))
        return texture


def kernel_grain(rng: np.random.Generator, shape: tuple[int, int], sharpness: float) -> Field:
    """CT grain of unit deviation: mid frequencies lifted, as a reconstruction kernel does."""
    white = rng.normal(size=shape)
    grain = ndimage.gaussian_filter(white, 0.75) - sharpness * ndimage.gaussian_filter(white, 1.8)
    return np.asarray(grain / grain.std(), dtype=np.float32)


def quantum_grain(rng: np.random.Generator, signal: Field, photons: float) -> Field:
    """A transmitted signal (0 to 1) counted with `photons` per pixel at full exposure."""
    white = ndimage.gaussian_filter(rng.normal(size=signal.shape), 0.6) * 2.1
    deviation = np.sqrt(np.maximum(signal, 1e-4) / photons)
    return np.asarray(np.maximum(signal + deviation * white, 1e-4), dtype=np.float32)
