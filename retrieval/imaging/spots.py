"""Connected regions of a mask, and what can be measured of each: size, place, edge, ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from retrieval.imaging.greys import FloatImage

Mask: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int32]  # (H, W): 0 off all spots, else which spot, from 1
Boxes: TypeAlias = npt.NDArray[np.int64]  # (n, 4): top, bottom, left, right
Values: TypeAlias = FloatImage | Numbers | Mask

TOUCHING = np.ones((3, 3), dtype=bool)  # pixels touch along a side or at a corner


@dataclass(frozen=True, eq=False)
class Spots:
    """The connected regions of a mask (H, W); measures are arrays of length n."""

    labelled: Labels
    inside: Numbers  # (H, W) distance to the nearest pixel outside
    away: Numbers  # (H, W) distance to the nearest spot
    nearest: Labels  # (H, W) which spot that is
    count: int
    area: Numbers
    radius: Numbers
    row: Numbers
    column: Numbers
    longer: Numbers
    shorter: Numbers
    on_edge: Numbers  # share of the rim that lies on the picture's edge

    @classmethod
    def of(cls, solid: Mask) -> Spots | None:
        """The spots of a mask (H, W); None if it is empty."""
        labelled, count = ndimage.label(solid, TOUCHING)
        if not count:
            return None
        top, bottom, left, right = boxes_of(labelled).T.astype(np.float64)
        inside = ndimage.distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1]
        rim = count_of(labelled, (inside > 0) & (inside < 1.5), count)
        away, place = ndimage.distance_transform_edt(~solid, return_indices=True)
        edge = outline(solid.shape)
        return cls(
            labelled=labelled,
            inside=inside,
            away=away,
            nearest=labelled[tuple(place)],
            count=count,
            area=count_of(labelled, solid, count),
            radius=largest_of(labelled, inside, count),
            row=(top + bottom) / 2,
            column=(left + right) / 2,
            longer=np.maximum(bottom - top, right - left),
            shorter=np.minimum(bottom - top, right - left),
            on_edge=count_of(labelled, edge & solid, count) / rim,
        )

    def mean(self, values: Values) -> Numbers:
        """Mean of values (H, W) over each spot."""
        return sum_of(self.labelled, values, self.count) / self.area

    def largest(self, values: FloatImage) -> Numbers:
        """Largest of values (H, W) in each spot."""
        return largest_of(self.labelled, values, self.count)

    def sharpness(self, pixels: FloatImage, hat: FloatImage) -> Numbers:
        """Step of one pixel along the rim as a share of the contrast: 1 for a drawn edge."""
        rim = np.where((self.inside > 0) & (self.inside < 1.5), self.labelled, 0)
        return (
            sum_of(rim, steps(pixels), self.count)
            / count_of(rim, rim > 0, self.count)
            / self.largest(hat)
        )

    def around(self, pixels: FloatImage, near: float, far: float) -> tuple[Numbers, Numbers]:
        """Mean and spread of the pixels at near < distance <= far; infinite if there are none."""
        ring = np.where((self.away > near) & (self.away <= far), self.nearest, 0)
        count = count_of(ring, ring > 0, self.count)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = sum_of(ring, pixels, self.count) / count
            square = sum_of(ring, pixels.astype(np.float64) ** 2, self.count) / count
            spread = np.sqrt(np.maximum(square - mean**2, 0))
        return np.where(count > 0, mean, np.inf), np.where(count > 0, spread, np.inf)

    def where(self, chosen: Mask) -> Mask:
        """The pixels (H, W) of the chosen spots (n,)."""
        return np.concatenate([[False], chosen])[self.labelled]


def boxes_of(labelled: Labels) -> Boxes:
    """The box of each spot, int64 (n, 4) with n >= 1: top, bottom, left, right."""
    edges = [[rows.start, rows.stop, columns.start, columns.stop]
             for rows, columns in ndimage.find_objects(labelled)]  # fmt: skip
    return np.array(edges, dtype=np.int64)


def sum_of(labelled: Labels, values: Values, count: int) -> Numbers:
    """Sum of values (H, W) over each spot."""
    weights = values.ravel().astype(np.float64)
    total = np.bincount(labelled.ravel(), weights=weights, minlength=count + 1)[1:]
    return total.astype(np.float64, copy=False)


def count_of(labelled: Labels, mask: Mask, count: int) -> Numbers:
    """How many pixels of a mask (H, W) each spot has."""
    return np.bincount(labelled[mask], minlength=count + 1)[1:].astype(np.float64)


def largest_of(labelled: Labels, values: FloatImage, count: int) -> Numbers:
    """Largest of values (H, W) in each spot."""
    spots = labelled > 0  # far fewer pixels than the picture, which ndimage.maximum would sort
    found = np.full(count + 1, -np.inf)
    np.maximum.at(found, labelled[spots], values[spots])
    return found[1:]


def outline(shape: tuple[int, ...]) -> Mask:
    """The outermost pixels of a picture, bool (H, W)."""
    edge = np.ones(shape, dtype=bool)
    edge[1:-1, 1:-1] = False
    return edge


def steps(pixels: FloatImage) -> FloatImage:
    """The largest difference of each pixel from its four neighbours."""
    wide = np.pad(pixels, 1, mode="edge")
    around = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
    largest: FloatImage = np.maximum.reduce([np.abs(other - pixels) for other in around])
    return largest
