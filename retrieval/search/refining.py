"""Refine a search by example: the query's code moves towards cases and away from others.

Rocchio's rule (in: Salton, "The SMART retrieval system", 1971) on margins, that is
features counted from their thresholds in spreads of the archive: the query's, plus
a share of the mean of the liked cases, minus a share of the mean of the disliked.
The signs of the sum are the new code, so the ranking stays one of differing bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hashing
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import Model
from retrieval.errors import ModelMismatch, SearchError

TOWARDS, AWAY = 1.0, 0.5  # chosen on validation X-rays; see assets/results/README.md

Margins = npt.NDArray[np.float32]  # (n, bits)


@dataclass(frozen=True)
class Examples:
    """Rows of the archive that a reader marked: more like these, less like those."""

    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.more) + len(self.less)

    def with_more(self, row: int) -> Examples:
        """One more case to move towards; SearchError if it is marked already."""
        self._check(row)
        return Examples((*self.more, row), self.less)

    def with_less(self, row: int) -> Examples:
        """One more case to move away from; SearchError if it is marked already."""
        self._check(row)
        return Examples(self.more, (*self.less, row))

    def _check(self, row: int) -> None:
        if row in self.more or row in self.less:
            raise SearchError("This case is an example already; undo that first.")


NO_EXAMPLES = Examples()


@dataclass(frozen=True, eq=False)
class Space:
    """Margins of an archive's cases, float32 (n, bits): columns in the order of the code."""

    model: Model
    margins: Margins
    spread: npt.NDArray[np.float32]

    @classmethod
    def of(cls, archive: Archive, model: Model) -> Space:
        """From the archive's stored features; ModelMismatch if another model made them."""
        archive.require(model)
        columns = model.ranking[: archive.bits]
        stored = np.asarray(archive.features, dtype=np.float32)
        stored = stored[:, hashing.places(archive.columns, columns)]
        spread = np.maximum(stored.std(axis=0), 1e-6)
        return cls(model, (stored - model.thresholds[columns]) / spread, spread)

    def of_query(self, features: Features) -> Margins:
        """Margins (bits,) of one query's features (F,), as the model computes them."""
        if features.shape != self.model.columns.shape:
            raise ModelMismatch(f"These features are not those of model {self.model.name}.")
        columns = self.model.ranking[: len(self.spread)]
        own = features.astype(np.float32)[hashing.places(self.model.columns, columns)]
        return (own - self.model.thresholds[columns]) / self.spread

    def moved(
        self,
        query: Margins,
        examples: Examples,
        *,
        towards: float = TOWARDS,
        away: float = AWAY,
    ) -> Margins:
        """The query's margins (bits,) after the examples; itself without any."""
        result = query
        if examples.more:
            result = result + towards * self._mean(examples.more)
        if examples.less:
            result = result - away * self._mean(examples.less)
        return result

    def _mean(self, rows: Sequence[int]) -> Margins:
        return self.margins[list(rows)].mean(axis=0)


def code_of(margins: Margins) -> Codes:
    """The code (1, bytes) of margins (bits,); without examples it is the query's own."""
    return hashing.pack((margins > 0)[None])
