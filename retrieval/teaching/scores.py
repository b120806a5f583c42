"""The answers and the score of a teaching session: before and after, confidence, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.reports.spreadsheet import Cell, as_csv
from retrieval.statistics.intervals import wilson
from retrieval.teaching.questions import Question

CONFIDENCES = {
    "guessing": 0.5,
    "fairly sure": 0.75,
    "sure": 0.95,
}  # the chance each word stands for


@dataclass(frozen=True)
class Answer:
    """The answer to one question: first and final, with its confidence and time.

    confidence : of the first answer, a key of CONFIDENCES. seconds : time for both.
    """

    question: Question
    first: str
    confidence: str
    final: str
    seconds: float

    @property
    def right_first(self) -> bool:
        """Whether the first answer was right."""
        return self.first == self.question.answer

    @property
    def right(self) -> bool:
        """Whether the last answer was right."""
        return self.final == self.question.answer


@dataclass(frozen=True)
class Share:
    """A share of n answers with Wilson's 95 % interval (JASA 1927); 0 of 0 answers can be any."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """hits / count."""
        return self.hits / self.count if self.count else 0.0

    def interval(self) -> tuple[float, float]:
        """Low and high end."""
        return wilson(self.value, self.count)


@dataclass(frozen=True)
class Score:
    """The score of a session.

    before, after : right answers before and after seeing similar cases.
    by_confidence : right first answers for each word. confusion : (true, said) -> count of
        final answers.
    """

    before: Share
    after: Share
    by_confidence: dict[str, Share]
    by_difficulty: dict[str, Share]
    confusion: dict[tuple[str, str], int]
    median_seconds: float


def score(answers: Sequence[Answer]) -> Score:
    """Sum up a session."""
    confusion: dict[tuple[str, str], int] = {}
    for answer in answers:
        pair = (answer.question.answer, answer.final)
        confusion[pair] = confusion.get(pair, 0) + 1

    def share(chosen: Sequence[Answer], attribute: str) -> Share:
        return Share(sum(getattr(one, attribute) for one in chosen), len(chosen))

    return Score(
        before=share(answers, "right_first"),
        after=share(answers, "right"),
        by_confidence={
            word: share([one for one in answers if one.confidence == word], "right_first")
            for word in CONFIDENCES
        },
        by_difficulty={
            word: share([one for one in answers if one.question.difficulty == word], "right_first")
            for word in ("easy", "medium", "hard")
        },
        confusion=confusion,
        median_seconds=float(np.median([one.seconds for one in answers])) if answers else 0.0,
    )


def table(answers: Sequence[Answer]) -> bytes:
    """A session as CSV, one line a question, without the name of the user."""
    head = ["question", "kind", "rows", "answer", "first", "confidence", "final",
            "right_first", "right", "margin", "difficulty", "seconds"]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            number, one.question.kind, " ".join(str(row) for row in one.question.shown),
            one.question.answer, one.first, one.confidence, one.final, int(one.right_first),
            int(one.right), one.question.margin, one.question.difficulty, f"{one.seconds:.1f}",
        ]
        for number, one in enumerate(answers, start=1)
    ]  # fmt: skip
    return as_csv([head, *rows])
