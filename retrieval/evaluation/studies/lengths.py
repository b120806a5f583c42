"""Does mRMR earn its place: codes of every length, by every way to choose their bits.

Columns are chosen, and thresholds and scales fitted, on the archive's train split
alone; queries of another split are ranked by the rules of the official protocol.
mRMR (Peng, Long, Ding 2005; Ding, Peng 2005) stands against the columns of largest
variance, against random columns, and against the same columns without rounding
to bits. Every way is an order of columns, so a shorter code begins a longer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.archives.archive import Archive
from retrieval.codes.model import Model
from retrieval.evaluation import protocols
from retrieval.evaluation.cases import Strings
from retrieval.evaluation.studies.choices import (
    Columns,
    Sample,
    chosen_orders,
    random_orders,
    sample_of_archive,
)
from retrieval.evaluation.studies.columns import DEPTHS, FLOATS, Trial
from retrieval.statistics.intervals import DIFFERENCE, SHARE, bootstrap_interval, figure
from retrieval.statistics.precision import Floats
from retrieval.storage import Json

LENGTHS = (8, 16, 32, 64, 128, 256, 512)
DRAWS, SEED = 50, 0  # random orders of the columns


@dataclass(frozen=True, eq=False)
class Figures:
    """Value, low and high of P@1, P@10, P@50 and mAP: float64 (3, 4), or of differences of them."""

    values: Floats

    def json(self) -> Json:
        """The same shape as in an evaluation: `at_k` and `map`."""
        at_k = {
            str(k): {"precision": figure(self.values[:, place])} for place, k in enumerate(DEPTHS)
        }
        return {"at_k": at_k, "map": figure(self.values[:, -1])}


@dataclass(frozen=True, eq=False)
class Choice:
    """One way to choose columns, at one length.

    distinct : share of the archive's codes that are distinct.
    floats : the same columns real-valued, by the name of the distance.
    minus_random : bits less the mean of the random draws, query by query; the interval is
        over patients and holds the draws fixed.
    minus_floats : bits less the same columns real-valued, query by query.
    """

    bits: Figures
    distinct: float
    floats: Mapping[str, Figures]
    minus_random: Figures
    minus_floats: Mapping[str, Figures]

    def json(self) -> Json:
        """As `study lengths --json` writes it."""
        return {
            "bits": self.bits.json(),
            "distinct": self.distinct,
            "floats": {name: found.json() for name, found in self.floats.items()},
            "minus_random": self.minus_random.json(),
            "minus_floats": {name: found.json() for name, found in self.minus_floats.items()},
        }


@dataclass(frozen=True, eq=False)
class RandomChoice:
    """Random columns at one length: the mean over the draws, and how far the draws lie apart.

    draws : float64 (draws, 4), P@1, P@10, P@50 and mAP of each draw, mean of all queries.
    distinct : share of distinct codes, mean over the draws.
    """

    bits: Figures
    distinct: float
    draws: Floats

    def json(self) -> Json:
        """As `study lengths --json` writes it; `deviation` is the standard deviation over draws."""
        spread = {
            "deviation": self.draws.std(axis=0, ddof=1),
            "lowest": self.draws.min(axis=0),
            "highest": self.draws.max(axis=0),
        }
        return {
            "bits": self.bits.json(),
            "distinct": self.distinct,
            "spread": {
                name: {
                    "at_k": {
                        str(k): {"precision": float(row[place])} for place, k in enumerate(DEPTHS)
                    },
                    "map": float(row[-1]),
                }
                for name, row in spread.items()
            },
        }


@dataclass(frozen=True, eq=False)
class Length:
    """All ways to choose so many columns, by name, and random ones."""

    choices: Mapping[str, Choice]
    random: RandomChoice

    def json(self) -> Json:
        """As `study lengths --json` writes it."""
        named = {name: choice.json() for name, choice in self.choices.items()}
        return {**named, "random": self.random.json()}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The figures at every length; at `features` bits all choices are all columns.

    archive_count : cases ranked against; fitted_on : train cases that chose the columns.
    """

    archive_id: str
    archive_name: str
    archive_count: int
    model_id: str
    model_name: str
    splits: tuple[str, ...]
    queries: int
    patients: int
    fitted_on: int
    features: int
    draws: int
    seed: int
    chance: float
    lengths: Mapping[int, Length]

    def json(self) -> Json:
        """As `study lengths --json` writes it."""
        return {
            "protocol": "official",
            "archive": {
                "id": self.archive_id,
                "name": self.archive_name,
                "count": self.archive_count,
            },
            "model": {"id": self.model_id, "name": self.model_name},
            "splits": list(self.splits),
            "queries": self.queries,
            "patients": self.patients,
            "fitted_on": self.fitted_on,
            "features": self.features,
            "draws": self.draws,
            "seed": self.seed,
            "chance": self.chance,
            "lengths": {str(bits): found.json() for bits, found in self.lengths.items()},
        }


def compare(
    archive: Archive, model: Model, queries: Sample, *, draws: int = DRAWS, seed: int = SEED
) -> Comparison:
    """Rank the archive for every query by every choice and length; EvaluationError for a leak."""
    archive.require(model)
    stored = sample_of_archive(archive, model)
    gallery = stored.take(protocols.official_rows(stored.cases, queries.cases, model))
    train = gallery.take(gallery.cases.splits == "train")
    orders = chosen_orders(train)
    width = stored.features.shape[1]
    random = random_orders(width, draws, seed)
    trial = Trial(train, gallery, queries, learned=model.learned)
    patients = queries.cases.patients
    return Comparison(
        archive_id=archive.id,
        archive_name=archive.name,
        archive_count=len(gallery),
        model_id=model.id,
        model_name=model.name,
        splits=tuple(np.unique(queries.cases.splits).tolist()),
        queries=len(queries),
        patients=len(np.unique(patients)),
        fitted_on=len(train),
        features=width,
        draws=draws,
        seed=seed,
        chance=float(trial.relevant.mean()),
        lengths={
            bits: _at_length(trial, bits, orders, random, patients) for bits in code_lengths(width)
        },
    )


def code_lengths(features: int) -> list[int]:
    """The lengths to compare for so many features: those of LENGTHS that fit, and all of them."""
    return sorted({bits for bits in LENGTHS if bits < features} | {features})


def _at_length(
    trial: Trial,
    bits: int,
    orders: Mapping[str, Columns],
    random: Sequence[Columns],
    patients: Strings,
) -> Length:
    drawn = np.stack([trial.bits(order[:bits]) for order in random])  # (draws, queries, 4)
    expected = drawn.mean(axis=0)
    return Length(
        choices={
            name: _choice(trial, order[:bits], expected, patients) for name, order in orders.items()
        },
        random=RandomChoice(
            bits=_with_interval(expected, patients),
            distinct=float(np.mean([trial.distinct(order[:bits]) for order in random])),
            draws=drawn.mean(axis=1),
        ),
    )


def _choice(trial: Trial, columns: Columns, expected: Floats, patients: Strings) -> Choice:
    bits, floats = trial.bits(columns), trial.floats(columns)
    return Choice(
        bits=_with_interval(bits, patients),
        distinct=trial.distinct(columns),
        floats={name: _with_interval(floats[name], patients) for name in FLOATS},
        minus_random=_with_interval(bits - expected, patients, DIFFERENCE),
        minus_floats={
            name: _with_interval(bits - floats[name], patients, DIFFERENCE) for name in FLOATS
        },
    )


def _with_interval(
    values: Floats, patients: Strings, bounds: tuple[float, float] = SHARE
) -> Figures:
    """Mean of values (queries, 4) with its 95 % interval over patients."""
    return Figures(bootstrap_interval(values, patients, bounds))
