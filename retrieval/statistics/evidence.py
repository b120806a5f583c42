"""What a calibration is fitted on: held-out queries, ranked as a search ranks them.

A chance is fitted on nothing else: no picture, no feature, and no query that the model was
trained on.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from retrieval.errors import EvaluationError
from retrieval.statistics.rankings import Mask, Rankings
from retrieval.storage import replace_bytes

# what NumPy raises for a file that is none of its own, or a damaged one
DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError,
    zipfile.BadZipFile, zlib.error, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """Held-out queries, ranked against all cases that a search meets but their own patient's.

    kept_back : bool (gallery,), the cases of a test split, without which chances are fitted.
    recipe : of the models of a cross-fit (`model.recipe_id`); empty where there is one model.
    """

    searched: Rankings
    kept_back: Mask
    recipe: str = ""

    @cached_property
    def fitted(self) -> Rankings:
        """The same queries against the cases that chances may be fitted on."""
        return self.searched.among(~self.kept_back) if self.kept_back.any() else self.searched

    def save(self, path: Path) -> None:
        """Write everything to one compressed file of arrays."""
        arrays = {
            **{field.name: getattr(self.searched, field.name) for field in fields(Rankings)},
            "kept_back": self.kept_back,
            "recipe": self.recipe,
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        replace_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read what `save` wrote; EvaluationError if the file holds anything else."""
        try:
            # From memory: of a damaged file NumPy leaves its handle open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                found = {field.name: arrays[field.name] for field in fields(Rankings)}
                searched = Rankings(**{**found, "bits": int(found["bits"])})
                count = len(searched.gallery_labels)
                # neither is in older files
                kept_back = arrays["kept_back"] if "kept_back" in arrays else np.zeros(count, bool)
                recipe = str(arrays["recipe"]) if "recipe" in arrays else ""
            sound = _is_sound(searched) and (kept_back.shape, kept_back.dtype) == ((count,), bool)
        except (*DAMAGED, EvaluationError):
            sound = False
        if not sound:
            raise EvaluationError(f"{path} holds no evidence; make it with study crossfit.")
        return cls(searched, kept_back, recipe)


def _is_sound(rankings: Rankings) -> bool:
    shape = (len(rankings.labels), len(rankings.gallery_labels))
    return (
        rankings.distances.shape == rankings.allowed.shape == shape
        and rankings.patients.shape == rankings.pictures.shape == rankings.labels.shape
        and rankings.allowed.dtype == bool
        and int(rankings.distances.max(initial=0)) <= rankings.bits
    )
