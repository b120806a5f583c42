"""What held-out queries say about an archive: how far each lies from every case it may meet.

A chance is fitted on nothing else: no picture, no feature, and no query that
the model was trained on.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.errors import EvaluationError
from retrieval.statistics.precision import Counts, Floats, expected_hits
from retrieval.storage import replace_bytes

NEIGHBOURS = 10  # cases that P@10 and the mean distance to the nearest look at

Strings = npt.NDArray[np.str_]

# what NumPy raises for a file that is none of its own, or a damaged one
DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError,
    zipfile.BadZipFile, zlib.error, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """n labelled queries and the gallery they are ranked against.

    distances : uint16 (n, gallery), differing bits out of `bits`.
    allowed : bool (n, gallery), False for the query's own patient and own picture.
    gallery_labels : (gallery,); labels, patients, pictures : (n,), pictures being ids.
    recipe : of the models of a cross-fit (`model.recipe_id`); empty where there is one model.
    """

    bits: int
    distances: npt.NDArray[np.uint16]
    allowed: npt.NDArray[np.bool_]
    gallery_labels: Strings
    labels: Strings
    patients: Strings
    pictures: Strings
    recipe: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def names(self) -> Strings:
        """All labels of gallery and queries, sorted: the columns of every table of chances."""
        return np.union1d(self.gallery_labels, self.labels)

    @cached_property
    def truth(self) -> npt.NDArray[np.intp]:
        """The place (n,) of each query's label among `names`."""
        return np.searchsorted(self.names, self.labels)

    @cached_property
    def histograms(self) -> Counts:
        """Allowed cases (n, labels, bits + 1) of each label at each distance, for every query."""
        label = np.searchsorted(self.names, self.gallery_labels)
        rows = zip(self.distances, self.allowed, strict=True)
        return np.stack(
            [histogram(row[mask], label[mask], len(self.names), self.bits) for row, mask in rows]
        )

    @property
    def precision(self) -> Floats:
        """P@10 (n,) of every query, expected over ties."""
        hits = [
            expected_hits(table.sum(axis=0), table[label], NEIGHBOURS)[-1]
            for table, label in zip(self.histograms, self.truth, strict=True)
        ]
        return np.array(hits) / NEIGHBOURS

    def save(self, path: Path) -> None:
        """Write everything to one compressed file of arrays."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        replace_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read what `save` wrote; EvaluationError if the file holds anything else."""
        try:
            # From memory: of a damaged file NumPy leaves its handle open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                names = {field.name for field in fields(cls)} - {"recipe"}
                found = {name: arrays[name] for name in names}
                recipe = str(arrays["recipe"]) if "recipe" in arrays else ""  # not in older files
            plain = {"bits": int(found["bits"]), "recipe": recipe}
            evidence = cls(**{**found, **plain})
            sound = evidence._is_sound()
        except DAMAGED:
            sound = False
        if not sound:
            raise EvaluationError(f"{path} holds no evidence; make it with study crossfit.")
        return evidence

    def _is_sound(self) -> bool:
        shape = (len(self.labels), len(self.gallery_labels))
        return (
            self.distances.shape == self.allowed.shape == shape
            and self.patients.shape == self.pictures.shape == self.labels.shape
            and self.allowed.dtype == bool
            and int(self.distances.max(initial=0)) <= self.bits
        )

    def take(self, mask: npt.NDArray[np.bool_]) -> Evidence:
        """The queries where `mask` (n,) holds, against the same gallery."""
        return Evidence(
            self.bits,
            self.distances[mask],
            self.allowed[mask],
            self.gallery_labels,
            self.labels[mask],
            self.patients[mask],
            self.pictures[mask],
            self.recipe,
        )


def histogram(
    distances: npt.NDArray[np.integer], label: npt.NDArray[np.intp], labels: int, bits: int
) -> Counts:
    """Cases (labels, bits + 1) of each label at each distance, from both for every case (n,)."""
    cell = label * (bits + 1) + distances.astype(np.intp)
    return np.bincount(cell, minlength=labels * (bits + 1)).reshape(labels, bits + 1)


def mean_nearest(histograms: Counts, k: int = NEIGHBOURS) -> Floats:
    """Mean distance (n,) to the k nearest cases, or to all where there are fewer."""
    reached = np.minimum(np.cumsum(histograms.sum(axis=1), axis=1), k)
    taken = np.diff(reached, prepend=0, axis=1)
    return taken @ np.arange(taken.shape[1]) / reached[:, -1]
