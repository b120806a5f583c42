"""Refine a search by example: the query's code moves towards cases and away from others.

This is Rocchio's relevance feedback (in: Salton, "The SMART retrieval system", 1971)
on margins: features less their thresholds, in standard deviations of the archive. The
new margins are the query's, plus beta times the mean of the relevant cases, minus gamma
times the mean of the others. Their signs are the new code, so distances still count
differing bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hashing
from retrieval.codes.hashing import Codes, Features
from retrieval.codes.model import Model
from retrieval.errors import ModelMismatch, SearchError

BETA, GAMMA = 1.0, 0.5  # of Rocchio, chosen on validation X-rays; assets/results/README.md

Margins: TypeAlias = npt.NDArray[np.float32]  # (n, bits)


@dataclass(frozen=True)
class Examples:
    """Rows of the archive that a user marked: more like these, less like those."""

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

    def relevance_feedback(
        self,
        query: Margins,
        examples: Examples,
        *,
        beta: float = BETA,
        gamma: float = GAMMA,
    ) -> Margins:
        """The query's margins (bits,) moved towards and away from the examples, if there are any.

        beta, gamma : weights of the mean margins of `examples.more` and of `examples.less`.
        """
        result = query
        if examples.more:
            result = result + beta * self._mean(examples.more)
        if examples.less:
            result = result - gamma * self._mean(examples.less)
        return result

    def _mean(self, rows: Sequence[int]) -> Margins:
        mean: Margins = self.margins[list(rows)].mean(axis=0)
        return mean


def code_of(margins: Margins) -> Codes:
    """The code (1, bytes) of margins (bits,)."""
    return hashing.pack((margins > 0)[None])
