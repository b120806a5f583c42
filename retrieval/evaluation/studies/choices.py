"""Ways to choose columns of the features, each an order of all columns, first choice first.

mRMR by three criteria, largest variance, and random orders. A choice may learn
from pictures of the train split alone, whichever pictures are asked about later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import from_files, hashing
from retrieval.codes.from_files import PathReader, Progress
from retrieval.codes.model import CRITERIA, Model
from retrieval.codes.selection import MRMRSelector
from retrieval.data.folder import Folder
from retrieval.errors import EvaluationError
from retrieval.evaluation.cases import Cases, cases_of_archive, describe
from retrieval.statistics.precision import Floats

Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Sample:
    """Cases with all their features, float64 (n, F) in the encoder's own order."""

    features: Floats
    cases: Cases

    def __len__(self) -> int:
        return len(self.features)

    def take(self, mask: npt.NDArray[np.bool_]) -> Sample:
        """The cases where `mask` (n,) holds."""
        return Sample(self.features[mask], self.cases.take(mask))


def sample_of_archive(archive: Archive, model: Model) -> Sample:
    """An archive's cases with their stored features; EvaluationError if some are not stored."""
    features = _all_columns(archive.columns, model)(np.asarray(archive.features))
    return Sample(features, cases_of_archive(archive, model))


def sample_of_folder(
    folder: Folder, model: Model, *, read: PathReader, progress: Progress | None = None
) -> Sample:
    """Encode the pictures of a folder; EvaluationError if the model lacks some features."""
    in_order = _all_columns(model.columns, model)
    paths = [folder.path(case) for case in folder.cases]
    features, sha256 = from_files.encode_all(paths, model, read, progress)
    return Sample(in_order(features), describe(folder, model.codes(features), sha256))


def _all_columns(held: Columns, model: Model) -> Callable[[hashing.Features], Floats]:
    # The columns of a pruned model are mRMR's choice already: what is left tells nothing.
    if len(held) < len(model.ranking):
        raise EvaluationError(
            f"Only {len(held)} of the {len(model.ranking)} features of model {model.name} are "
            "here, chosen by mRMR already; use an archive that stores them all, or a full model."
        )
    return lambda features: features[:, np.argsort(held)].astype(np.float64)


def chosen_orders(train: Sample) -> dict[str, Columns]:
    """Every way to choose, fitted on cases of the train split; EvaluationError for any other."""
    labels, splits = train.cases.labels, np.unique(train.cases.splits).tolist()
    if splits != ["train"] or len(np.unique(labels)) < 2:
        raise EvaluationError(
            "Bits are chosen on pictures of split train with two labels or more, which are not "
            "asked about; index some, or name other queries with --split."
        )
    width = train.features.shape[1]
    orders = {
        name: MRMRSelector(width, criterion=name).fit(train.features, labels).ranking_
        for name in CRITERIA
    }
    orders["variance"] = np.argsort(-train.features.var(axis=0), kind="stable")
    return orders


def random_orders(features: int, draws: int, seed: int) -> list[Columns]:
    """Random orders of the columns, the same for the same seed."""
    random = np.random.default_rng(seed)
    return [random.permutation(features) for _ in range(draws)]
