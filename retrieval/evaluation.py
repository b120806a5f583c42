"""How well an archive answers queries with known labels, by named protocols.

official         queries of one split against the archive's other splits, test left out;
                 refused if a patient or picture stands on both sides, or the model saw a query.
own-patient-out  every archive case but the query's own picture and patient (the default).
paper            the whole archive, the query itself included, as the source paper did:
                 in-sample, for comparison with its printed tables only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from retrieval import encoding, scans
from retrieval.archive import Archive
from retrieval.datasets import Folder, patient_group
from retrieval.encoding import Progress, Reader
from retrieval.errors import EvaluationError, PatientOverlap
from retrieval.hamming import distances
from retrieval.hashing import Codes
from retrieval.metrics import (
    Counts,
    Floats,
    bootstrap_interval,
    expected_hits,
    figure,
    query_figures,
    tie_groups,
)
from retrieval.model import Model
from retrieval.reliability import Reliability
from retrieval.storage import Json

DEPTH = 100
PROTOCOLS = ("official", "own-patient-out", "paper")
FIGURES = ("precision", "recall", "f_score", "ap", "ap_paper")
STRANGERS = ("patients", "sha256")  # a query's own patient and picture are not ranked

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Cases:
    """Codes with what an evaluation must know about each picture; arrays of length n."""

    codes: Codes
    labels: Strings
    patients: Strings
    splits: Strings
    sha256: Strings
    subtypes: Strings  # blank where none is known

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, mask: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Cases:
        """The cases where `mask` (n,) holds, or those at these rows."""
        return Cases(*(getattr(self, field.name)[mask] for field in fields(self)))

    def joined(self, others: Cases) -> Cases:
        """These cases and then the others."""
        pairs = ((getattr(self, f.name), getattr(others, f.name)) for f in fields(self))
        return Cases(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, eq=False)
class Curves:
    """Figures of one group of queries with 95 % intervals.

    at_k : for each name in FIGURES, float64 (3, DEPTH): value, low, high at k = 1..DEPTH.
    map : float64 (3,), average precision over the whole ranking.
    chance : expected precision of a random ranking.
    """

    queries: int
    at_k: dict[str, Floats]
    map: Floats
    chance: float

    def json(self) -> Json:
        """As the command line prints it."""
        at_k = {
            str(k): {name: figure(self.at_k[name][:, k - 1]) for name in FIGURES}
            for k in range(1, self.at_k["precision"].shape[1] + 1)
        }
        return {
            "queries": self.queries,
            "at_k": at_k,
            "map": figure(self.map),
            "chance": self.chance,
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The figures of all queries, of each label and of each subtype under one protocol.

    per_subtype : of the queries of one subtype, where a label has several; relevant is
    still what shares the label.
    archive_count : cases ranked against, and fewest_ranked : of them by any one query, whose
    own patient may be left out; seen : queries that the model was trained on;
    trust : whether the archive's calibration holds for them, if it has one.
    """

    protocol: str
    archive_id: str
    archive_count: int
    fewest_ranked: int
    model_id: str
    seen: int
    bits: int
    overall: Curves
    per_label: dict[str, Curves]
    per_subtype: dict[str, Curves] = field(default_factory=dict)
    trust: Reliability | None = None

    def json(self) -> Json:
        """As `evaluate --json` writes it."""
        trust = {} if self.trust is None else {"trust": self.trust.json()}
        return {
            "protocol": self.protocol,
            "archive": {"id": self.archive_id, "count": self.archive_count},
            "fewest_ranked": self.fewest_ranked,
            "model": {"id": self.model_id},
            "bits": self.bits,
            "queries_seen_in_training": self.seen,
            **self.overall.json(),
            "per_label": {label: curves.json() for label, curves in self.per_label.items()},
            "per_subtype": {name: curves.json() for name, curves in self.per_subtype.items()},
            **trust,
        }


def cases_of_archive(archive: Archive, model: Model, bits: int | None = None) -> Cases:
    """An archive's cases, with codes of its own length or recomputed from its features."""
    codes = (
        np.asarray(archive.codes)
        if bits is None
        else model.codes(np.asarray(archive.features), bits, archive.columns)
    )
    names = ("label", "patient_id", "split", "sha256", "subtype")
    return Cases(codes, *(archive.catalogue.column(name) for name in names))


def cases_of_folder(
    folder: Folder,
    model: Model,
    bits: int | None = None,
    *,
    read: Reader = scans.read,
    progress: Progress | None = None,
) -> Cases:
    """Encode the pictures of a folder as queries."""
    paths = [folder.path(case) for case in folder.cases]
    features, sha256 = encoding.encode_all(paths, model, read, progress)
    return describe(folder, model.codes(features, bits), sha256)


def describe(folder: Folder, codes: Codes, sha256: Sequence[str]) -> Cases:
    """Codes (n, bytes) and checksums (n) of a folder's pictures with what the folder says."""
    groups = [
        patient_group(case.patient_id, digest)
        for case, digest in zip(folder.cases, sha256, strict=True)
    ]
    return Cases(
        codes,
        np.array([case.label for case in folder.cases]),
        np.array(groups),
        np.array([case.split for case in folder.cases]),
        np.array(sha256),
        np.array([case.subtype for case in folder.cases]),
    )


def evaluate(
    archive: Archive,
    model: Model,
    queries: Cases,
    *,
    protocol: str = "own-patient-out",
    bits: int | None = None,
) -> Evaluation:
    """Rank the archive for every query and sum up; EvaluationError if that would mislead."""
    gallery = gallery_for(archive, model, queries, protocol, bits)
    return evaluate_against(gallery, archive, model, queries, protocol)


def evaluate_against(
    gallery: Cases,
    archive: Archive,
    model: Model,
    queries: Cases,
    protocol: str,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """Figures of queries ranked against a gallery that `gallery_for` gave."""
    keep_own = protocol == "paper"
    values, chance = figures_of_queries(gallery, queries, keep_own=keep_own, progress=progress)
    overall, per_label = curves_of(values, chance, queries)
    return Evaluation(
        protocol=protocol,
        archive_id=archive.id,
        archive_count=len(gallery),
        fewest_ranked=fewest_ranked(gallery, queries, keep_own=keep_own),
        model_id=model.id,
        seen=int(model.saw_each(queries.sha256).sum()),
        bits=gallery.codes.shape[1] * 8,
        overall=overall,
        per_label=per_label,
        per_subtype=curves_of_subtypes(values, chance, queries),
    )


def gallery_for(
    archive: Archive, model: Model, queries: Cases, protocol: str, bits: int | None = None
) -> Cases:
    """The cases that a protocol ranks for these queries; EvaluationError if that would mislead."""
    archive.require(model)
    check_protocol(protocol)
    gallery = cases_of_archive(archive, model, bits)
    if protocol == "official":
        gallery = gallery.take(official_rows(gallery, queries, model))
    return gallery


def check_protocol(protocol: str) -> None:
    """EvaluationError unless there is a protocol of this name."""
    if protocol not in PROTOCOLS:
        raise EvaluationError(f"There is no protocol {protocol!r}; choose {', '.join(PROTOCOLS)}.")


def official_rows(gallery: Cases, queries: Cases, model: Model) -> npt.NDArray[np.bool_]:
    """Which archive cases (n,) the official protocol ranks; EvaluationError where they leak.

    No picture or patient of theirs is among the queries, so no query has to leave any out.
    """
    kept = gallery_rows(gallery, queries)
    _refuse_leaks(gallery.take(kept), queries, model)
    return kept


def gallery_rows(gallery: Cases, queries: Cases) -> npt.NDArray[np.bool_]:
    """Which archive cases (n,) stand in other splits than the queries, and not in test."""
    # Never test pictures: choices made on validation queries must not see them either.
    asked = np.unique(queries.splits)
    kept = ~np.isin(gallery.splits, [*asked, "test"])
    if not kept.any():
        if not (gallery.splits != "").any():
            why = "names no splits, so none can be kept apart; name them in images.csv"
        elif len(asked) > 1:
            why = "has no split left that is not asked about; ask about one, such as --split test"
        else:
            why = "holds nothing but the split that is asked about; index the other splits"
        raise EvaluationError(f"The archive {why}, or evaluate with --protocol own-patient-out.")
    return kept


def _refuse_leaks(gallery: Cases, queries: Cases, model: Model) -> None:
    both = np.intersect1d(gallery.patients, queries.patients)
    if len(both):
        raise PatientOverlap(
            f"{len(both)} patients stand both among the queries and in the archive, first "
            f"{both[0]}; the official protocol needs splits by patient."
        )
    same = np.intersect1d(gallery.sha256, queries.sha256)
    if len(same):
        raise PatientOverlap(
            f"{len(same)} pictures stand both among the queries and, under another patient, in "
            f"the archive, first {same[0][:16]}; give them one patient_id or leave them out."
        )
    seen = int(model.saw_each(queries.sha256).sum())
    if seen:
        raise EvaluationError(
            f"The model was trained on {seen} of the queries; the official protocol needs "
            "queries that it never saw."
        )


def figures_of_queries(
    gallery: Cases, queries: Cases, *, keep_own: bool = False, progress: Progress | None = None
) -> tuple[Floats, Floats]:
    """Figures (queries, 5 * DEPTH + 1) of every query, and the precision of chance (queries,)."""
    rows, chance = [], []
    for totals, relevant in rankings(gallery, queries, without=() if keep_own else STRANGERS):
        figures = query_figures(totals, relevant, DEPTH)
        rows.append(
            np.concatenate(
                [*(getattr(figures, name) for name in FIGURES), [figures.average_precision]]
            )
        )
        chance.append(relevant.sum() / totals.sum())
        if progress:
            progress(len(rows), len(queries))
    return np.stack(rows), np.array(chance)


def fewest_ranked(gallery: Cases, queries: Cases, *, keep_own: bool = False) -> int:
    """How many cases every query is ranked against at least."""
    without = () if keep_own else STRANGERS
    return min(int(mask.sum()) for mask in allowed_cases(gallery, queries, without=without))


def precision_at(
    gallery: Cases, queries: Cases, k: int, *, relevant: str = "labels"
) -> tuple[Floats, Floats]:
    """Expected P@k and precision of chance, each (queries,); a query's own patient left out."""
    counts = list(rankings(gallery, queries, relevant=relevant))
    hits = [expected_hits(totals, relevant, k)[-1] for totals, relevant in counts]
    chance = [relevant.sum() / totals.sum() for totals, relevant in counts]
    return np.array(hits) / k, np.array(chance)


def rankings(
    gallery: Cases,
    queries: Cases,
    *,
    relevant: str = "labels",
    without: Sequence[str] = STRANGERS,
) -> Iterator[tuple[Counts, Counts]]:
    """For each query the counts of `metrics.tie_groups`, nearest first.

    A case is relevant if the field `relevant` is the query's, and is not ranked if
    one of the fields `without` is.
    """
    wanted, of_wanted = _numbered(getattr(queries, relevant), getattr(gallery, relevant))
    for number, allowed in enumerate(allowed_cases(gallery, queries, without=without)):
        distance = distances(gallery.codes[allowed], queries.codes[number : number + 1])[0]
        yield tie_groups(distance, of_wanted[allowed] == wanted[number])


def allowed_cases(
    gallery: Cases, queries: Cases, *, without: Sequence[str] = STRANGERS
) -> Iterator[npt.NDArray[np.bool_]]:
    """For each query, which cases (gallery,) it is ranked against: none that shares these fields.

    EvaluationError if that leaves a query nothing.
    """
    apart = [_numbered(getattr(queries, name), getattr(gallery, name)) for name in without]
    for number in range(len(queries)):
        allowed = np.ones(len(gallery), dtype=bool)
        for own, of_gallery in apart:
            allowed &= of_gallery != own[number]
        if not allowed.any():
            raise EvaluationError("A query has nothing to be compared with but its own patient.")
        yield allowed


def divided(labels: Strings, subtypes: Strings) -> npt.NDArray[np.bool_]:
    """Which cases have a subtype inside a label that has several.

    Where normal pictures have the one subtype "normal", training told it apart already.
    """
    pairs = np.unique(np.stack([labels, subtypes], axis=1)[subtypes != ""], axis=0)
    names, count = np.unique(pairs[:, 0], return_counts=True)
    return (subtypes != "") & np.isin(labels, names[count > 1])


def _numbered(first: Strings, second: Strings) -> tuple[npt.NDArray[np.intp], ...]:
    """Two arrays of names as numbers, equal where the names are: quicker to compare."""
    numbers = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    return numbers[: len(first)], numbers[len(first) :]


def curves_of(values: Floats, chance: Floats, queries: Cases) -> tuple[Curves, dict[str, Curves]]:
    """Figures of all queries and of those of each label, from `figures_of_queries`."""
    groups = _curves_of_groups(values, chance, queries, queries.labels)
    return _curves(values, chance, queries.patients), groups


def curves_of_subtypes(values: Floats, chance: Floats, queries: Cases) -> dict[str, Curves]:
    """The same figures for each subtype of a label that has several.

    A subtype that stands under two labels is two groups, named "LABEL: SUBTYPE".
    """
    mask = divided(queries.labels, queries.subtypes)
    of_some = queries.take(mask)
    pairs = np.unique(np.stack([of_some.labels, of_some.subtypes], axis=1), axis=0)
    names, count = np.unique(pairs[:, 1], return_counts=True)
    shared = np.isin(of_some.subtypes, names[count > 1])
    both = np.char.add(np.char.add(of_some.labels, ": "), of_some.subtypes)
    groups = np.where(shared, both, of_some.subtypes)
    return _curves_of_groups(values[mask], chance[mask], of_some, groups)


def _curves_of_groups(
    values: Floats, chance: Floats, queries: Cases, names: Strings
) -> dict[str, Curves]:
    masks = {name: names == name for name in np.unique(names).tolist()}
    return {
        name: _curves(values[mask], chance[mask], queries.patients[mask])
        for name, mask in masks.items()
    }


def _curves(values: Floats, chance: Floats, patients: Strings) -> Curves:
    figures = bootstrap_interval(values, patients)  # (3, 5 * DEPTH + 1)
    at_k = {
        name: figures[:, place * DEPTH : (place + 1) * DEPTH] for place, name in enumerate(FIGURES)
    }
    return Curves(len(values), at_k, figures[:, -1], float(chance.mean()))
