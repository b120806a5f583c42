"""What would make an evaluation too good: looked for in an archive, printed with its results."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes.hamming import distances
from retrieval.codes.model import Model
from retrieval.evaluation.cases import Cases, cases_of_archive
from retrieval.search.folding import nearly_identical
from retrieval.storage import Json


@dataclass(frozen=True)
class Leaks:
    """Counts in an archive, each of which should be 0 or known.

    patients_in_two_splits : patients with cases in more than one named split, or in test and in
        none: `official` ranks cases that name no split.
    pictures_twice : pictures that stand in the archive more than once, pixel by pixel.
    trained_test_cases : cases of split test that the model was trained on.
    near_copies_across : test cases with nearly the code of a case of another patient that is not
        in test; those_of_another_label : of these, the ones where such a case has another label.
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
    cases = cases_of_archive(archive, model)
    test, rest = cases.take(cases.splits == "test"), cases.take(cases.splits != "test")
    near = other = 0
    for row in range(len(test)):
        found = distances(rest.codes, test.codes[row : row + 1])[0]
        alike = nearly_identical(found, archive.bits) & (rest.patients != test.patients[row])
        near += alike.any()
        other += (alike & (rest.labels != test.labels[row])).any()
    return Leaks(
        test_cases=len(test),
        patients_in_two_splits=len(_in_two_splits(cases)),
        pictures_twice=len(cases) - len(np.unique(cases.sha256)),
        trained_test_cases=int(model.saw_each(test.sha256).sum()),
        near_copies_across=int(near),
        those_of_another_label=int(other),
        noted_cases=int((archive.catalogue.column("note") != "").sum()),
    )


def _in_two_splits(cases: Cases) -> set[str]:
    """Patients of two named splits, or of test and of none: the official protocol ranks those."""
    found: set[str] = set()
    names = np.unique(cases.splits)
    for number, one in enumerate(names):
        for other in names[:number]:
            if "" not in (one, other) or "test" in (one, other):
                found |= set(np.intersect1d(*(cases.patients[cases.splits == name]
                                              for name in (one, other))).tolist())  # fmt: skip
    return found
