"""The measures of one synthetic patient, and how positions are scaled to them.

Positions are written for an adult of average size: a rib cage 130 mm half wide
and 95 mm half deep, lungs 240 mm high.
"""

from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np

from .shapes import Point, Tube

RIGHT, LEFT = -1, 1
SIDES = (RIGHT, LEFT)
RIB_LAYER = 13.0


def _between(low: float, high: float) -> Any:
    """A measure drawn evenly between two bounds."""
    return field(metadata={"span": (low, high)})


@dataclass(frozen=True)
class Anatomy:
    """The measures that make one patient: mm, HU, or shares of the lung height."""

    half_width: float = _between(118, 142)
    half_depth: float = _between(84, 104)
    lung_height: float = _between(215, 265)
    squareness: float = _between(2.15, 2.6)
    heart_size: float = _between(0.88, 1.16)
    heart_shift: float = _between(-6, 8)
    aorta_size: float = _between(0.85, 1.2)
    unfolding: float = _between(-3, 9)
    fat: float = _between(5, 26)
    muscle: float = _between(9, 17)
    breast: float = _between(-30, 16)
    rib_pitch: float = _between(21, 25)
    rib_drop: float = _between(70, 100)
    rib_phase: float = _between(0, 24)
    dome: float = _between(0.80, 0.87)
    dome_lag: float = _between(0.02, 0.055)
    lung_air: float = _between(-885, -835)
    gravity: float = _between(25, 75)
    blood: float = _between(30, 120)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Anatomy":
        """A patient at random."""
        spans = {item.name: item.metadata["span"] for item in fields(cls)}
        return cls(**{name: float(rng.uniform(*span)) for name, span in spans.items()})

    def place(self, x: float, y: float, level: float) -> Point:
        """A position of the average chest, `level` a share of the lung height, as (x, y, z)."""
        return (
            x * self.half_width / 130,
            y * self.half_depth / 95,
            level * self.lung_height,
        )

    def tubes(self, size: float, *stations: tuple[float, float, float, float]) -> tuple[Tube, ...]:
        """Tubes through stations (x, y, level, radius), radii scaled by `size`."""
        ends = [(self.place(x, y, level), radius * size) for x, y, level, radius in stations]
        return tuple(Tube(start, end, near, far) for (start, near), (end, far) in pairwise(ends))

    @property
    def spine_y(self) -> float:
        """The depth in mm of the centre of the vertebral bodies."""
        return 0.64 * self.half_depth
