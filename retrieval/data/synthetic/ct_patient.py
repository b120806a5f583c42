"""A patient in the CT scanner, and the distances that the drawing of one slice shares."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .anatomy import SIDES, Anatomy
from .findings import Disease, Finding
from .noise import Waves
from .regions import cage_distance, lung_distance, mediastinum_distance
from .scanner import Scanner
from .shapes import Field, Grid
from .vessels import Vessels


@dataclass(frozen=True)
class CtPatient:
    """Everything about one patient that the slices have in common."""

    chest: Anatomy
    scanner: Scanner
    vessels: Vessels
    disease: Disease
    tissue: Waves
    streaks: Waves
    grain_seed: tuple[int, ...]
    start: float

    @classmethod
    def draw(
        cls,
        seed: int,
        number: int,
        finding: Finding,
        diseased: tuple[float, float] | None = None,
    ) -> "CtPatient":
        """Patient `number`; the finding changes the disease and nothing else.

        Disease is centred between the two levels `diseased`, shares of the lung
        height; without them, near the slices of the sample.
        """
        rng = np.random.Generator(np.random.PCG64([seed, number, 1]))
        chest = Anatomy.draw(rng)
        scanner, vessels = Scanner.draw(rng, chest), Vessels.draw(rng, chest)
        start = float(rng.uniform(0.24, 0.74))
        waves = Waves.draw(rng, 60), Waves.draw(rng, 16)
        sick = np.random.Generator(np.random.PCG64([seed, number, 2]))
        near = diseased or (start - 0.06, start + 0.12)
        disease = Disease.draw(sick, chest, finding, near)
        return cls(chest, scanner, vessels, disease, *waves, (seed, number, 3), start)

    def slice_level(self, index: int) -> float:
        """The z in mm of slice `index` of the sample, slices about 8 mm apart."""
        return self.start * self.chest.lung_height + 8.0 * index

    def grid(self, z: float, pixels: int) -> Grid:
        """The grid of one slice: a single z, `pixels` square."""
        half = self.scanner.field_of_view / 2
        steps = (np.arange(pixels) + 0.5) / pixels * 2 * half - half
        x, y = self.scanner.centre
        return Grid(
            np.array([z], np.float32),
            (steps + y).astype(np.float32),
            (steps + x).astype(np.float32),
        )


class Slice:
    """One slice in the making: distances to the large regions, worked out once."""

    def __init__(self, patient: CtPatient, z: float, pixels: int) -> None:
        self.patient = patient
        self.chest = patient.chest
        self.grid = patient.grid(z, pixels)
        self.pixel = patient.scanner.field_of_view / pixels
        self.soft = max(self.pixel, 0.8)

    @cached_property
    def cage(self) -> Field:
        """The distance in mm to the inner face of the rib cage."""
        return cage_distance(self.chest, self.grid)

    @cached_property
    def lungs(self) -> dict[int, Field]:
        """The distance in mm to each lung, by side."""
        between = mediastinum_distance(self.chest, self.grid)
        return {side: lung_distance(self.chest, self.grid, side, between) for side in SIDES}

    @cached_property
    def tissue(self) -> Field:
        """A slow texture of unit deviation."""
        return self.patient.tissue.on(self.grid)

    @cached_property
    def streaks(self) -> Field:
        """A quicker texture of unit deviation."""
        return self.patient.streaks.on(self.grid)
