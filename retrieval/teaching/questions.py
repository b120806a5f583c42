"""Questions for a teaching session, built from an archive's own neighbourhoods.

unknown      one scan without its label; then its most similar cases.
look-alikes  two scans with similar codes and different findings: which is which.
odd-one-out  near neighbours with one finding, and one case with another among them.

(archive, kind, seed, count) determines a session: a class that opens the same link
sees the same cases. The model was not trained on any scan that is asked about: the
unknown, the odd one, or either of two look-alikes. No case with a note (such as a
conflict of labels) is shown, and compared cases are of different patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval.archives.archive import Archive
from retrieval.codes import hamming
from retrieval.codes.model import Model
from retrieval.errors import SettingError

KINDS = ("unknown", "look-alikes", "odd-one-out")
NEIGHBOURS = 5  # shown after the first answer to an unknown
SAME = 3  # pictures of one finding beside the odd one
NEAREST = 1 / 3  # look-alikes come from the nearest third of all such pairs
MEDIUM = 0.05  # of the bits: a margin above it is easy, one of 0 or less is hard
MOST = 50  # questions a session

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Question:
    """One question about rows of the archive.

    shown : rows whose pictures are shown, in order. options : the possible answers; answer :
        the right one. neighbours : the rows most similar to an unknown, nearest first.
    margin : in bits. For an unknown, the distance of the nearest case of another finding less
        that of its own; for look-alikes, the distance of the pair; for an odd one out, its
        distance less that of the farthest case of the group.
    """

    kind: str
    shown: tuple[int, ...]
    options: tuple[str, ...]
    answer: str
    wanted: str
    neighbours: tuple[int, ...]
    margin: int
    difficulty: str


@dataclass(frozen=True, eq=False)
class Pool:
    """The cases for questions: rows (n,) of an archive, with their labels and patients.

    asked : bool (n,), whether a case may be asked about; the others are only for comparison.
    """

    archive: Archive
    rows: npt.NDArray[np.intp]
    asked: Mask
    labels: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]

    @classmethod
    def of(cls, archive: Archive, model: Model) -> Pool:
        """Every case without a note whose picture is on this machine."""
        entries = archive.catalogue.entries()
        kept = [row for row, entry in enumerate(entries)
                if not entry.note and archive.picture(entry) is not None]  # fmt: skip
        chosen = [entries[row] for row in kept]
        return cls(
            archive,
            np.array(kept, dtype=np.intp),
            ~model.saw_each(np.array([entry.sha256 for entry in chosen], dtype=str)),
            np.array([entry.label for entry in chosen], dtype=str),
            np.array([entry.patient_id for entry in chosen], dtype=str),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(np.unique(self.labels).tolist())

    def distances(self, place: int) -> npt.NDArray[np.int64]:
        """Bits (n,) by which every case differs from the one at `place`; -1 for its patient's."""
        codes = np.asarray(self.archive.codes)[self.rows]
        found: npt.NDArray[np.int64] = hamming.distances(codes, codes[place : place + 1])[0].astype(
            np.int64
        )
        found[self.patients == self.patients[place]] = -1
        return found


def session(pool: Pool, kind: str, *, seed: int, count: int) -> tuple[Question, ...]:
    """At most `count` different questions; fewer if the archive has no more.

    SettingError for an unknown kind, and for a seed or count out of range.
    """
    if kind not in KINDS:
        raise SettingError(f"There is no session of kind {kind}; choose {', '.join(KINDS)}.")
    if not 1 <= count <= MOST or not 0 <= seed < 2**32:
        raise SettingError(f"A session has 1 to {MOST} questions and a seed from 0 to {2**32 - 1}.")
    random = np.random.default_rng((seed, KINDS.index(kind)))
    make = {"unknown": _unknown, "look-alikes": _look_alikes, "odd-one-out": _odd_one_out}[kind]
    questions: list[Question] = []
    for place in _candidates(pool, kind, random):
        question = make(pool, place, random)
        asked = [set(other.shown) for other in questions]  # two cases may be each other's nearest
        if question is not None and set(question.shown) not in asked:
            questions.append(question)
        if len(questions) == count:
            break
    return tuple(questions)


def _candidates(pool: Pool, kind: str, random: np.random.Generator) -> list[int]:
    """Places to ask about: one for each patient, at random, with the labels in turn."""
    order = [place for place in random.permutation(len(pool.rows)) if pool.asked[place]]
    if kind == "look-alikes":
        gaps = {place: _nearest(pool, place, same=False, asked=True) for place in order}
        reach = {place: pool.distances(place)[other] for place, other in gaps.items() if other >= 0}
        allowed = sorted(reach.values())[: max(round(NEAREST * len(reach)), 1)]
        order = [place for place in order if place in reach and reach[place] <= allowed[-1]]
    by_label: dict[str, dict[str, int]] = {}
    for place in order:
        by_label.setdefault(str(pool.labels[place]), {}).setdefault(
            str(pool.patients[place]), int(place)
        )
    turns = [list(group.values()) for _, group in sorted(by_label.items())]
    longest = max((len(group) for group in turns), default=0)
    mixed = [group[turn] for turn in range(longest) for group in turns if turn < len(group)]
    # Each turn is shuffled, or the label of the next case could be predicted.
    step = max(len(turns), 1)
    return [
        place
        for start in range(0, len(mixed), step)
        for place in random.permutation(mixed[start : start + step]).tolist()
    ]


def _nearest(
    pool: Pool, place: int, *, same: bool, without: Sequence[str] = (), asked: bool = False
) -> int:
    """The nearest case of another patient with the same or with another label; -1 for none.

    without : patients to leave out. asked : only cases that may be asked about.
    """
    distances = pool.distances(place)
    fitting = (pool.labels == pool.labels[place]) == same
    if asked:
        fitting &= pool.asked
    fitting &= (distances >= 0) & ~np.isin(pool.patients, list(without))
    if not fitting.any():
        return -1
    return int(np.where(fitting, distances, np.iinfo(np.int64).max).argmin())  # ties: first id


def _unknown(pool: Pool, place: int, random: np.random.Generator) -> Question | None:
    own, other = (_nearest(pool, place, same=same) for same in (True, False))
    if min(own, other) < 0:
        return None
    distances = pool.distances(place)
    order = [int(near) for near in np.argsort(distances, kind="stable") if distances[near] >= 0]
    margin = int(distances[other] - distances[own])
    return Question(
        kind="unknown",
        shown=(int(pool.rows[place]),),
        options=pool.names,
        answer=str(pool.labels[place]),
        wanted=str(pool.labels[place]),
        neighbours=tuple(int(pool.rows[near]) for near in order[:NEIGHBOURS]),
        margin=margin,
        difficulty=difficulty(margin, pool.archive.bits),
    )


def _look_alikes(pool: Pool, place: int, random: np.random.Generator) -> Question | None:
    other = _nearest(pool, place, same=False, asked=True)
    if other < 0:
        return None
    pair = random.permutation([place, other]).tolist()
    apart = int(pool.distances(place)[other])
    wanted = pair.index(place)
    return Question(
        kind="look-alikes",
        shown=tuple(int(pool.rows[one]) for one in pair),
        options=letters(2),
        answer=letters(2)[wanted],
        wanted=str(pool.labels[place]),
        neighbours=(),
        margin=apart,
        difficulty=difficulty(apart - round(MEDIUM * pool.archive.bits), pool.archive.bits),
    )


def _odd_one_out(pool: Pool, place: int, random: np.random.Generator) -> Question | None:
    odd = _nearest(pool, place, same=False, asked=True)
    if odd < 0:
        return None
    group = [place]
    taken = [str(pool.patients[place]), str(pool.patients[odd])]
    while len(group) < SAME:
        near = _nearest(pool, place, same=True, without=taken)
        if near < 0:
            return None
        group.append(near)
        taken.append(str(pool.patients[near]))
    shown = random.permutation([*group, odd]).tolist()
    margin = int(pool.distances(place)[odd] - pool.distances(place)[group[-1]])
    return Question(
        kind="odd-one-out",
        shown=tuple(int(pool.rows[one]) for one in shown),
        options=letters(len(shown)),
        answer=letters(len(shown))[shown.index(odd)],
        wanted=str(pool.labels[odd]),
        neighbours=(),
        margin=margin,
        difficulty=difficulty(margin, pool.archive.bits),
    )


def difficulty(margin: int, bits: int) -> str:
    """The difficulty in a word, from how far the wrong finding lies beyond the right one."""
    if margin <= 0:
        return "hard"
    return "medium" if margin <= MEDIUM * bits else "easy"


def letters(count: int) -> tuple[str, ...]:
    """Names of the pictures shown: A, B, ..."""
    return tuple("ABCDEFGH"[:count])
