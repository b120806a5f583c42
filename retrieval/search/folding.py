"""Hits that repeat a nearer one, folded behind it.

To a user ten slices of one patient are one case, and so are two copies of one
picture under different names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.codes.hashing import Codes
from retrieval.search.hits import Hit, Hits

# Pairs within 4 of 128 bits show one patient in 20 of 22 cases in COVID-CT, in 29 of 30 among the
# pneumonia X-rays, but only in 10 of 43 among the drawn ones: similar codes are not always copies.
NEARLY_IDENTICAL = 1 / 32


@dataclass(frozen=True)
class Group:
    """One card: a hit, and the farther ones that repeat it.

    same_patient : those of its patient, with any label; copies : those of other or unknown
        patients with nearly its code and with its label.
    """

    first: Hit
    same_patient: tuple[Hit, ...] = ()
    copies: tuple[Hit, ...] = ()

    @property
    def folded(self) -> tuple[Hit, ...]:
        """All that stand behind the first, nearest first."""
        return tuple(sorted((*self.same_patient, *self.copies), key=lambda hit: hit.rank))


def fold(hits: Hits, codes: Codes) -> list[Group]:
    """Each hit alone or behind an earlier one; `codes` (n, bytes) are the archive's.

    Nearly the same code with another patient and another label is a conflict that the
    user has to see, so it is not folded.
    """
    groups: list[Group] = []
    for hit in hits.hits:
        place = _repeated(hit, groups, codes)
        if place is None:
            groups.append(Group(hit))
        else:
            groups[place] = _with(groups[place], hit)
    return groups


def nearly_identical(distance: int | npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.bool_]:
    """Whether codes that differ in so many bits are nearly the same, for each distance given."""
    return np.asarray(distance) <= bits * NEARLY_IDENTICAL


def _repeated(hit: Hit, groups: Sequence[Group], codes: Codes) -> int | None:
    for place, group in enumerate(groups):
        if group.first.entry.patient_id == hit.entry.patient_id:
            return place
    for place, group in enumerate(groups):
        differing = np.bitwise_count(codes[group.first.position] ^ codes[hit.position]).sum()
        if group.first.entry.label == hit.entry.label and nearly_identical(differing, hit.bits):
            return place
    return None


def _with(group: Group, hit: Hit) -> Group:
    if group.first.entry.patient_id == hit.entry.patient_id:
        return Group(group.first, (*group.same_patient, hit), group.copies)
    return Group(group.first, group.same_patient, (*group.copies, hit))
