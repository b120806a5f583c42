"""How often the input check warns where it should, and where it should not.

Every share and AUROC has a 95 % interval over patients; of the pictures that are no
chest scan, over the pictures that cut-outs come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.codes.from_files import PathReader
from retrieval.codes.model import ID_LENGTH
from retrieval.data.folder import patient_group
from retrieval.errors import EvaluationError
from retrieval.imaging.greys import FloatImage
from retrieval.statistics.intervals import (
    effective,
    enough,
    figure,
    interval_of,
    patient_draws,
    wilson,
)
from retrieval.statistics.precision import Floats
from retrieval.storage import Json
from retrieval.trust.input_check import FAULTS, KINDS, InputCheck, Scores
from retrieval.trust.input_check_fitting import Source
from retrieval.trust.poses import RIGHT, posed

Progress = Callable[[int, int], None]
Strings = npt.NDArray[np.str_]
WRONG: dict[str, Callable[[FloatImage], FloatImage]] = {
    "inverted": lambda pixels: posed(pixels, "upright", True),
    "upside down": lambda pixels: posed(pixels, "upside down", False),
    "turned": lambda pixels: posed(pixels, "turned", False),
}
AS_IS = "as it is"
LOOSE = 400  # pictures of a folder without a table: more neighbouring slices say little more


@dataclass(frozen=True, eq=False)
class Sample:
    """Pictures of one source under changes: the pooled maps (n, P) that count, by change.

    patients, labels : str (n,) each.
    """

    source: Source
    pooled: dict[str, npt.NDArray[np.float32]]
    patients: Strings
    labels: Strings

    def __len__(self) -> int:
        return len(self.patients)


def sample(source: Source, gate: InputCheck, *, read: PathReader, progress: Progress) -> Sample:
    """A source's pictures as they are, and where it has a kind, wrong and changed.

    Those that the gate was fitted on are left out.
    """
    changes: dict[str, Callable[[FloatImage], FloatImage]] = {AS_IS: lambda pixels: pixels}
    if source.kind:
        changes |= {**WRONG, **{name: change.apply for name, change in RIGHT.items()}}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in changes}
    about = []
    named = zip(source.files, source.patients, source.labels, strict=True)
    for done, (file, patient, label) in enumerate(named, start=1):
        found = read(file)
        if found.sha256[:ID_LENGTH] not in gate.fitted_on:
            about.append((patient_group(patient, found.sha256), label))
            for name, change in changes.items():
                rows[name].append(gate.look(change(found.pixels)))
        progress(done, len(source.files))
    if not about:
        raise EvaluationError(
            f"The input check was fitted on all pictures of {source.name}; name others to "
            "measure it."
        )
    patients, labels = (np.array(column) for column in zip(*about, strict=True))
    pooled = {name: np.stack(held) for name, held in rows.items()}
    return Sample(source, pooled, patients, labels)


def measure(gate: InputCheck, scans: Sequence[Sample], strangers: Sample) -> Json:
    """All figures, as `study input-check measure --json` writes them."""
    return {
        "gate": {"id": gate.id, "fitted_on": len(gate.fitted_on)},
        "scans": {one.source.name: of_scans(gate, one) for one in scans},
        "strangers": of_strangers(gate, strangers, scans),
    }


def of_scans(gate: InputCheck, asked: Sample) -> Json:
    """Alarms on genuine scans, as they are and changed, and how well faults are seen."""
    scores = {name: gate.scores(pooled) for name, pooled in asked.pooled.items()}
    alarms = {name: alarms_of(found, asked.source.kind) for name, found in scores.items()}
    kind = scores[AS_IS].kind == KINDS.index(asked.source.kind)
    return {
        "kind": asked.source.kind,
        "pictures": len(asked),
        "patients": len(np.unique(asked.patients)),
        "kind_right": share(kind, asked.patients),
        "alarms": {n: share(held, asked.patients) for n, held in alarms[AS_IS].items()},
        "changed": {
            name: {
                "description": change.description,
                "any": share(alarms[name]["any"], asked.patients),
            }
            for name, change in RIGHT.items()
        },
        "faults": {
            fault: {
                "auroc": auroc(
                    scores[AS_IS].faults[:, column],
                    scores[fault].faults[:, column],
                    asked.patients,
                    asked.patients,
                ),
                "found": share(scores[fault].flags()[:, column], asked.patients),
            }
            for column, fault in enumerate(FAULTS)
        },
    }


def alarms_of(found: Scores, kind: str) -> dict[str, npt.NDArray[np.bool_]]:
    """Which warnings (n,) scans of a kind get, and whether any."""
    neither = found.neither > 0
    named = {
        "neither": neither,
        "wrong kind": ~neither & (found.kind != KINDS.index(kind)),
        **dict(zip(FAULTS, found.flags().T, strict=True)),
    }
    return {"any": np.any(list(named.values()), axis=0), **named}


def of_strangers(gate: InputCheck, strangers: Sample, scans: Sequence[Sample]) -> Json:
    """By group of pictures that are no chest scan: how many are named so, and the AUROC."""
    scores = gate.scores(strangers.pooled[AS_IS]).neither
    groups, origins = strangers.labels, strangers.patients
    genuine = {one.source.name: gate.scores(one.pooled[AS_IS]).neither for one in scans}
    found: Json = {}
    for name in ("all", *np.unique(groups).tolist()):
        rows = np.full(len(groups), True) if name == "all" else groups == name
        found[name] = {
            "pictures": int(rows.sum()),
            "sources": len(np.unique(origins[rows])),
            "found": share(scores[rows] > 0, origins[rows]),
            "auroc": {
                one.source.name: auroc(
                    genuine[one.source.name], scores[rows], one.patients, origins[rows]
                )
                for one in scans
            },
        }
    return found


def share(held: npt.NDArray[np.bool_], patients: Strings) -> Json:
    """A share with its interval."""
    return figure(interval_of(held.astype(np.float64), patients))


def auroc(right: Floats, wrong: Floats, patients: Strings, others: Strings) -> Json:
    """Chance that a wrong picture scores above a right one (ties count half), with its interval.

    Where both have the same patients, these are drawn together. Where either are too few for
    that, it is Wilson's interval of as many trials as the fewer: no share of pairs varies more
    (Birnbaum, Klose, "Bounds for the variance of the Mann-Whitney statistic", Annals of
    Mathematical Statistics 28, 1957).
    """
    above = (wrong > right[:, None]) + 0.5 * (wrong == right[:, None])
    value = float(above.mean())
    sides = ((above.mean(axis=1), patients), (above.mean(axis=0), others))
    if all(enough(shares[:, None], groups)[0] for shares, groups in sides):
        low, high = _drawn_range(above, patients, others)
    else:
        counts = [np.unique(groups, return_counts=True)[1] for _, groups in sides]
        low, high = wilson(value, min(effective(count) for count in counts))
    return figure(np.array([value, min(low, value), max(high, value)]))


def _drawn_range(above: Floats, patients: Strings, others: Strings) -> Floats:
    """The 95 % range (2,) of the mean of `above` (right, wrong) over draws of patients."""
    same = np.array_equal(np.unique(patients), np.unique(others))
    one, drawn = patient_draws(patients)
    other, drawn_others = patient_draws(others, seed=0 if same else 1)
    held = [np.eye(drawn.shape[1])[one], np.eye(drawn_others.shape[1])[other]]
    pairs = held[0].T @ above @ held[1]
    sizes = [drawn @ held[0].sum(axis=0), drawn_others @ held[1].sum(axis=0)]
    draws = ((drawn @ pairs) * drawn_others).sum(axis=1) / (sizes[0] * sizes[1])
    interval: Floats = np.percentile(draws, [2.5, 97.5])
    return interval
