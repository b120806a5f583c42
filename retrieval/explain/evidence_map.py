"""Which positions of two pictures make their bits agree or differ.

A bit agrees if both features lie on one side of its threshold. The margin of a
feature is its distance from the threshold, in standard deviations of the archive.
Both encoders end in sums over positions (`encoder.Encoder.shares`), so the margins of
all agreeing bits together split exactly into one number for each position; so do those
of all differing bits. The empty picture as a reference was chosen on validation pairs
(`faithfulness`), for agreeing bits only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hashing
from retrieval.codes.hashing import Features
from retrieval.codes.model import Model
from retrieval.errors import ModelMismatch
from retrieval.imaging.greys import FloatImage


@dataclass(frozen=True, eq=False)
class Agreement:
    """The bits of two codes, in the order of the code.

    agrees, above : bool (bits,), whether both lie on one side, and whether both lie above it.
    columns : intp (bits,), which of the encoder's features each bit is.
    margins : float32 (2, bits), how far query and case lie from the threshold, in spreads of
        the archive; positive above it.
    """

    agrees: npt.NDArray[np.bool_]
    above: npt.NDArray[np.bool_]
    columns: npt.NDArray[np.intp]
    margins: npt.NDArray[np.float32]

    @property
    def differing(self) -> int:
        """How many bits differ: the distance of the two codes."""
        return int((~self.agrees).sum())

    @property
    def sides(self) -> npt.NDArray[np.int8]:
        """On which side query and case lie (2, bits): 1 above a bit's threshold, else -1."""
        return np.where(self.margins > 0, 1, -1).astype(np.int8)

    @property
    def strength(self) -> npt.NDArray[np.float32]:
        """How firmly each bit agrees (bits,): the smaller of both margins, 0 where it differs."""
        return np.where(self.agrees, np.abs(self.margins).min(axis=0), 0).astype(np.float32)

    def strongest(self, count: int) -> npt.NDArray[np.intp]:
        """Places of the most firmly agreeing bits, at most `count`; ties by place."""
        order = np.argsort(-self.strength, kind="stable")
        return order[: min(count, int(self.agrees.sum()))]


@dataclass(frozen=True, eq=False)
class Scales:
    """Scales of margins: spread float32 (features,), standard deviations over the archive."""

    model: Model
    spread: npt.NDArray[np.float32]

    @classmethod
    def of(cls, archive: Archive, model: Model) -> Scales:
        """From an archive's stored features; ModelMismatch if another model made them."""
        archive.require(model)
        spread = np.ones(len(model.ranking), dtype=np.float32)
        stored = np.asarray(archive.features, dtype=np.float32).std(axis=0)
        spread[archive.columns] = np.maximum(stored, 1e-6)
        return cls(model, spread)

    def agreement(self, query: Features, case: Features) -> Agreement:
        """Compare features (F,) of a query and of a case, as the model computes them."""
        model = self.model
        columns = model.ranking[: model.bits]
        rows = _places(model)
        if query.shape != model.columns.shape or case.shape != model.columns.shape:
            raise ModelMismatch(f"These features are not those of model {model.name}.")
        both = np.stack([query, case]).astype(np.float32)[:, rows]
        above = hashing.to_bits(both, model.thresholds[columns])
        return Agreement(
            agrees=above[0] == above[1],
            above=above[0] & above[1],
            columns=columns,
            margins=(both - model.thresholds[columns]) / self.spread[columns],
        )

    def firmness(self, features: Features, agreement: Agreement) -> float:
        """How firmly features (F,) of a changed picture keep an agreement of two, -1 to 1.

        This is the mean margin over the bits that agreed, positive on the side of both
        pictures and cut to [-1, 1]; 0 if no bit agreed.
        """
        columns = agreement.columns
        values = features.astype(np.float32)[_places(self.model)]
        margins = (values - self.model.thresholds[columns]) / self.spread[columns]
        firm = np.clip(margins * agreement.sides[0], -1, 1)[agreement.agrees]
        return float(firm.mean()) if len(firm) else 0.0

    def evidence(self, pixels: FloatImage, agreement: Agreement) -> FloatImage:
        """Where in a picture (H, W) the agreeing bits come from: a map float32 (h, w).

        A value is the position's part of the agreeing bits' margins, positive on the side
        of both pictures, less its part in an empty picture of the same mean grey, which
        holds no evidence. The map sums to the difference of both pictures' margins.
        """
        return self.model.encoder.shares_beyond(
            pixels, empty_like(pixels), self._coefficients(agreement, _agreed_side(agreement))
        )

    def evidence_seen(self, fitted: FloatImage, agreement: Agreement) -> FloatImage:
        """The same map for a picture as `Model.seen` gives it, covering only that."""
        return self.model.encoder.shares_beyond_seen(
            fitted, empty_like(fitted), self._coefficients(agreement, _agreed_side(agreement))
        )

    def difference(self, pixels: FloatImage, agreement: Agreement, place: int) -> FloatImage:
        """Where in a picture (H, W) the differing bits come from: a map float32 (h, w).

        place : 0 if the picture is the query, 1 if it is the case; IndexError for 2 and more.

        As `evidence`, but for the differing bits, positive on the side of this picture. The
        map and the same bits' margins of an empty picture together sum to this picture's
        margins. A negative position moves it to the side of the other picture.
        """
        side = np.where(agreement.agrees, 0, agreement.sides[place])
        return self.model.encoder.shares_beyond(
            pixels, empty_like(pixels), self._coefficients(agreement, side)
        )

    def _coefficients(
        self, agreement: Agreement, side: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float32]:
        """Weights of the computed features (F,) whose sum is that of side (bits,) * margins."""
        coefficients = np.zeros(len(self.model.columns), dtype=np.float32)
        coefficients[_places(self.model)] = side / self.spread[agreement.columns]
        return coefficients


def _agreed_side(agreement: Agreement) -> npt.NDArray[np.integer]:
    """The common side (bits,) of both pictures, 0 for a differing bit."""
    return np.where(agreement.agrees, agreement.sides[0], 0)


def empty_like(pixels: FloatImage) -> FloatImage:
    """A picture (H, W) of this one's mean grey."""
    return np.full_like(pixels, pixels.mean())


def stored_features(archive: Archive, model: Model, row: int | slice) -> Features:
    """Features (F,) of one case, or (n, F) of several, in the model's order."""
    return np.asarray(archive.features[row])[..., hashing.places(archive.columns, model.columns)]


def _places(model: Model) -> npt.NDArray[np.intp]:
    """The place of each bit's feature among the computed ones."""
    return hashing.places(model.columns, model.ranking[: model.bits])
