"""How codes travel: queries of one source against sources that the model was not made for.

The model stays as it is. A source is a folder or an archive, such as the slices of one
hospital. Each source has its own words for its findings, and a mapping brings them onto one
axis of labels. Figures are given for each word of the queries too: a mean can hide a finding
that is found less often than by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np

from retrieval.codes.hashing import Features
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.data.folder import SPLITS
from retrieval.errors import EvaluationError, SettingError
from retrieval.evaluation.cases import Cases, Strings
from retrieval.evaluation.curves import Evaluation, curves_of, figures_of_queries
from retrieval.evaluation.protocols import refuse_shared
from retrieval.evaluation.ranking import Ranked
from retrieval.evaluation.results import reachable
from retrieval.evaluation.studies.audit import DEPTH, Effect, effect_of
from retrieval.evaluation.studies.side_by_side import DEPTHS
from retrieval.imaging.disturbances import Disturbance
from retrieval.statistics.rankings import Rankings
from retrieval.storage import Json, fingerprint

PROTOCOL = "travel"
NOT_TEST = ("", "train", "val")


@dataclass(frozen=True)
class Place:
    """A folder or an archive, and the splits of it that take part: by default all but test."""

    where: str
    splits: tuple[str, ...] = NOT_TEST

    @classmethod
    def named(cls, text: str) -> Place:
        """The place that "WHERE" or "WHERE:SPLITS" names, such as covid-ct:train,val."""
        where, _, words = text.rpartition(":")
        splits = tuple(words.split(","))
        return cls(where, splits) if where and set(splits) <= set(SPLITS) else cls(text)

    @property
    def name(self) -> str:
        """The name of the folder or archive; places of one name are one hospital."""
        return Path(self.where).resolve().name


@dataclass(frozen=True, eq=False)
class Source:
    """The cases of a place with labels on the common axis; words (n,) : its own labels."""

    name: str
    cases: Cases
    words: Strings

    @classmethod
    def of(cls, name: str, cases: Cases, axis: Mapping[str, str]) -> Source:
        """Cases whose labels `axis` names anew; a label that it lacks stays."""
        labels = np.array([axis.get(word, word) for word in cases.labels.tolist()])
        return cls(name, replace(cases, labels=labels), cases.labels)

    def json(self, model: Model) -> Json:
        """As `study travel --json` writes it; `trained_on` : cases that the model learned from."""
        return {
            "name": self.name,
            "splits": [split for split in np.unique(self.cases.splits).tolist() if split],
            "count": len(self.cases),
            "trained_on": int(model.saw_each(self.cases.sha256).sum()),
        }


@dataclass(frozen=True, eq=False)
class Travel:
    """Figures of one source's queries; those `per_label` are by the queries' own words."""

    model: Model
    galleries: tuple[Source, ...]
    queries: Source
    evaluation: Evaluation
    effects: dict[str, Effect]

    def json(self) -> Json:
        """As `study travel --json` writes it: an evaluation at a few k, and what was asked."""
        found = _at_few_k(self.evaluation.json())
        words, labels = self.queries.words, self.queries.cases.labels
        return {
            **found,
            "archive": {
                **found["archive"],
                "sources": [source.json(self.model) for source in self.galleries],
            },
            "model": {"id": self.model.id, "name": self.model.name},
            "asked": self.queries.json(self.model),
            "axis": dict(sorted(zip(words.tolist(), labels.tolist(), strict=True))),
            "changes": {name: effect.json() for name, effect in self.effects.items()},
        }


def _at_few_k(found: Json) -> Json:
    """An evaluation, whole or of one label, with its figures at DEPTHS alone."""
    depths = [str(k) for k in reachable(found, DEPTHS)]

    def short(part: Json) -> Json:
        return {**part, "at_k": {k: part["at_k"][k] for k in depths}}

    per_label = {word: short(part) for word, part in found["per_label"].items()}
    return {**short(found), "per_label": per_label}


def other_hospitals(galleries: Sequence[Place], queries: Place) -> list[Place]:
    """The places of other names than the queries'; EvaluationError if none, or all, are left."""
    kept = [place for place in galleries if place.name != queries.name]
    if len(kept) in (0, len(galleries)):
        raise EvaluationError(
            f"The hospital of the queries is left out only of a gallery that holds {queries.name} "
            "and another source; name both with --gallery."
        )
    return kept


def check_axis(words: Sequence[tuple[str, Sequence[str]]], axis: Mapping[str, str]) -> None:
    """Refuse sources, each a name with its words, that `axis` gives different labels.

    SettingError if it names a word that no source has; EvaluationError if the labels differ: a
    label on one side only is never found, or counts as wrong for every query.
    """
    known = {word for _, own in words for word in own}
    if unknown := sorted(axis.keys() - known):
        raise SettingError(
            f"No source has a label {unknown[0]!r}; the labels are {', '.join(sorted(known))}."
        )
    labels = [(name, sorted({axis.get(word, word) for word in own})) for name, own in words]
    (first, wanted), *others = labels
    for name, found in others:
        if found != wanted:
            raise EvaluationError(
                f"The labels of {first} are {', '.join(wanted)} and those of {name} are "
                f"{', '.join(found)}; bring them onto one axis with --label-map OWN=LABEL."
            )


def measure(
    model: Model,
    galleries: Sequence[Source],
    queries: Source,
    changes: Mapping[str, Disturbance] | None = None,
    changed: Mapping[str, Features] | None = None,
) -> Travel:
    """Rank the cases of all galleries together for each query.

    changed : features (queries, F) of the queries under each of the `changes`, by name. In a
    gallery of the queries' own name the query's own patient and picture are left out.
    PatientOverlap if one of them is in a gallery of another name; EvaluationError if two galleries
    hold one picture, which would count twice.
    """
    _refuse_repeated(galleries)
    asked = queries.cases
    for source in galleries:
        if source.name != queries.name:
            refuse_shared(source.cases, asked)
    gallery = reduce(Cases.joined, (source.cases for source in galleries))
    ranked = Ranked.of(gallery, asked)
    if ranked.rankings.fewest < DEPTH:
        raise EvaluationError(
            f"A query has {ranked.rankings.fewest} cases to be compared with, too few for a list "
            f"of {DEPTH}; name more sources or splits."
        )
    precision = ranked.rankings.precision(DEPTH)
    features = changed or {}
    effects = {
        name: effect_of(change.description, gallery, asked, precision, model.codes(features[name]))
        for name, change in (changes or {}).items()
    }
    evaluation = _evaluation(ranked, model, queries.words)
    return Travel(model, tuple(galleries), queries, evaluation, effects)


def _refuse_repeated(galleries: Sequence[Source]) -> None:
    for one, other in combinations(galleries, 2):
        same = np.intersect1d(one.cases.sha256, other.cases.sha256)
        if len(same):
            raise EvaluationError(
                f"{len(same)} pictures stand in two of the galleries, {one.name} and {other.name}, "
                f"first {same[0][:ID_LENGTH]}; name each picture once."
            )


def _evaluation(ranked: Ranked, model: Model, words: Strings) -> Evaluation:
    rankings: Rankings = ranked.rankings
    overall, per_word = curves_of(figures_of_queries(rankings), rankings, words)
    return Evaluation(
        protocol=PROTOCOL,
        archive_id=fingerprint(sorted(ranked.cases.sha256.tolist()))[:ID_LENGTH],
        archive_count=len(ranked.cases),
        fewest_ranked=rankings.fewest,
        model_id=model.id,
        seen=int(model.saw_each(ranked.queries.sha256).sum()),
        bits=rankings.bits,
        overall=overall,
        per_label=per_word,
    )
