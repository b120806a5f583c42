"""What repeats an earlier hit stands behind it."""

import numpy as np

from retrieval.archives.catalogue import Entry
from retrieval.search.folding import fold, nearly_identical
from retrieval.search.hits import ranked

BITS = 64


def world(*cases):
    """Hits and codes of (patient, label, bits set from the left), nearest first."""
    codes = np.zeros((len(cases), BITS), dtype=bool)
    entries = []
    for row, (patient, label, ones) in enumerate(cases):
        codes[row, list(ones)] = True
        entries.append(Entry(f"{row}", f"{row}", label, patient, "", "", "", "", "", "x.png"))
    found = [(row, 2 * row) for row in range(len(cases))]
    hits = ranked(found, entries, bits=BITS, sha256="", same=())
    return hits, np.packbits(codes, axis=1)


def shown(groups):
    return [(group.first.rank, [hit.rank for hit in group.folded]) for group in groups]


def test_slices_of_a_patient_stand_behind_the_nearest():
    far = range(20, 40)
    groups = fold(*world(("a", "x", ()), ("b", "x", far), ("a", "x", range(9)), ("a", "y", far)))
    assert shown(groups) == [(1, [3, 4]), (2, [])]
    assert [hit.rank for hit in groups[0].same_patient] == [3, 4] and not groups[0].copies


def test_copies_under_another_patient_fold_and_conflicts_do_not():
    close, apart = range(2), range(3)
    groups = fold(
        *world(("a", "x", ()), ("b", "x", close), ("c", "y", ()), ("d", "x", apart), ("b", "x", ()))
    )
    assert shown(groups) == [(1, [2, 5]), (3, []), (4, [])]
    assert [hit.rank for hit in groups[0].copies] == [2, 5]


def test_the_limit_is_a_share_of_the_bits():
    assert nearly_identical(4, 128) and not nearly_identical(5, 128)
    assert nearly_identical(2, 64) and not nearly_identical(3, 64)
    assert nearly_identical(0, 8) and not nearly_identical(1, 8)


def test_every_hit_is_shown_once():
    random = np.random.default_rng(3)
    cases = [
        (f"{random.integers(6)}", f"{random.integers(2)}", random.integers(0, 64, 3).tolist())
        for _ in range(40)
    ]
    groups = fold(*world(*cases))
    ranks = [group.first.rank for group in groups]
    assert ranks == sorted(ranks)
    assert sorted(ranks + [hit.rank for group in groups for hit in group.folded]) == [*range(1, 41)]
