"""What would make an evaluation too good: looked for in an archive, printed with its results."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from retrieval import evaluation
from retrieval.archive import Archive
from retrieval.folding import nearly_identical
from retrieval.hamming import distances
from retrieval.model import Model
from retrieval.storage import Json


@dataclass(frozen=True)
class Leaks:
    """Counts in an archive, each of which should be 0 or known.

    patients_in_two_splits : patients with cases in more than one named split.
    pictures_twice : pictures that stand in the archive more than once, pixel by pixel.
    trained_test_cases : cases of split test that the model was trained on.
    near_copies_across : test cases with nearly the code of a case of another split and patient;
        those_of_another_label : of these, pairs of different labels.
    noted_cases : cases with a note, such as a conflict of labels.
    """

    test_cases: int
    patients_in_two_splits: int
    pictures_twice: int
    trained_test_cases: int
    near_copies_across: int
    those_of_another_label: int
    noted_cases: int

    def json(self) -> Json:
        """All counts by name."""
        return asdict(self)


def find(archive: Archive, model: Model) -> Leaks:
    """Look through an archive; ModelMismatch if another model made its codes."""
    archive.require(model)
    cases = evaluation.cases_of_archive(archive, model)
    named = cases.splits != ""
    pairs = np.unique(np.stack([cases.patients[named], cases.splits[named]]), axis=1)
    _, splits_of = np.unique(pairs[0], return_counts=True)
    test, rest = cases.take(cases.splits == "test"), cases.take(named & (cases.splits != "test"))
    near = other = 0
    for row in range(len(test)) if len(rest) else ():
        found = distances(rest.codes, test.codes[row : row + 1])[0]
        found = np.where(rest.patients == test.patients[row], archive.bits, found)
        nearest = int(found.argmin())
        if nearly_identical(int(found[nearest]), archive.bits):
            near += 1
            other += rest.labels[nearest] != test.labels[row]
    return Leaks(
        test_cases=len(test),
        patients_in_two_splits=int((splits_of > 1).sum()),
        pictures_twice=len(cases) - len(np.unique(cases.sha256)),
        trained_test_cases=sum(model.saw(sha256) for sha256 in test.sha256.tolist()),
        near_copies_across=near,
        those_of_another_label=int(other),
        noted_cases=int((archive.catalogue.column("note") != "").sum()),
    )
