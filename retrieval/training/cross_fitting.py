"""Cross-fitting: each picture is a query once, for a model that never saw its patient.

Patients are dealt into folds and a model is trained anew without each fold. Its
pictures are ranked against those that this model was trained on. This measures
the recipe rather than one model, with every picture of the fitted splits. It
leaves the test split alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from retrieval.codes import hamming
from retrieval.codes import model as models
from retrieval.codes.hashing import Codes
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.errors import DataError, PatientOverlap, SettingError, TrainingError
from retrieval.evaluation import curves, rankings
from retrieval.evaluation.cases import Cases
from retrieval.evaluation.curves import Evaluation
from retrieval.evaluation.results import write_result
from retrieval.statistics.evidence import Evidence
from retrieval.training.jobs import (
    Counter,
    Plan,
    Rows,
    TrainingSet,
    learn,
    of_beside,
    provenance,
    read_training_set,
)

CROSS_FITTED = "cross-fitted"
RESULT, EVIDENCE = "result.json", "evidence.npz"


def cross_fit(
    root: Path,
    out: Path,
    plan: Plan,
    *,
    splits: Sequence[str] | None = None,
    folds: int = 5,
    progress: Callable[[str], Counter],
) -> tuple[Evaluation, Evidence]:
    """Cross-fit a plan on the named splits; both results are also written to folder `out`.

    The model of each fold stays in `out`; a stopped job reuses them. The patients of unlabelled
    pictures are unknown, so they must be others than the folder's.
    """
    plan.check()
    if plan.start:
        raise SettingError(
            "Cross-fitting starts from no model, which may have seen the patients that a fold "
            "holds out; leave --start away."
        )
    if folds < 2:
        raise SettingError(f"Cross-fitting needs 2 folds or more, not {folds}.")
    pictures = read_training_set(root, splits, progress, plan.beside)
    _refuse_twins(pictures)
    fold = patient_folds(pictures, folds, int(plan.settings.get("seed", 0)))
    parts = []
    for number in range(folds):
        model = _fold_model(pictures, fold != number, out / f"fold-{number}", plan, progress)
        codes = model.codes(_encoded(model, pictures, progress(f"Fold {number}, encoded")))
        parts.append((codes, np.flatnonzero(fold == number), np.flatnonzero(fold != number)))
    result, evidence = _measured(pictures, parts), _evidence(pictures, parts, plan)
    write_result(out / RESULT, result.json())
    evidence.save(out / EVIDENCE)
    return result, evidence


def _refuse_twins(pictures: TrainingSet) -> None:
    """Refuse a picture with two patients: one fold would train on a query of another."""
    pairs = np.unique(np.stack([pictures.sha256, pictures.patients], axis=1), axis=0)
    names, patients = np.unique(pairs[:, 0], return_counts=True)
    twins = names[patients > 1]
    if len(twins):
        raise PatientOverlap(
            f"{len(twins)} pictures stand under more than one patient, first {twins[0][:16]}; "
            "give them one patient_id or leave them out."
        )


def patient_folds(pictures: TrainingSet, folds: int, seed: int) -> Rows:
    """The fold 0..folds-1 of each picture (n,): patients stay whole, labels are spread evenly."""
    if min(len(np.unique(pictures.patients[pictures.labels == label]))
           for label in np.unique(pictures.labels)) < folds:  # fmt: skip
        raise DataError(f"Cross-fitting needs at least {folds} patients of each label.")
    dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(
        pictures.labels, pictures.labels, pictures.patients
    )
    fold = np.empty(len(pictures), dtype=np.intp)
    for number, (_, held_out) in enumerate(dealt):
        fold[held_out] = number
    return fold


def _fold_model(
    pictures: TrainingSet,
    kept: npt.NDArray[np.bool_],
    folder: Path,
    plan: Plan,
    progress: Callable[[str], Counter],
) -> Model:
    mine = pictures.take(np.flatnonzero(kept))
    if not folder.exists():
        return learn(mine, folder, plan, progress)
    model = models.load(folder)
    kind = (model.encoder_name, model.modality, model.bits, model.about["criterion"])
    wanted = (plan.encoder_name, plan.modality, plan.bits, plan.criterion)
    if kind != wanted or model.about["training"] != provenance(mine, plan):
        raise TrainingError(
            f"{folder} holds a model of other pictures or settings; remove it, or name another "
            "folder with --out."
        )
    return model


def _encoded(model: Model, pictures: TrainingSet, progress: Counter) -> npt.NDArray[np.float16]:
    rows = []
    for done, pixels in enumerate(pictures.pixels, start=1):
        rows.append(model.encode([pixels])[0])
        progress(done, len(pictures))
    return np.stack(rows)


def _measured(pictures: TrainingSet, parts: Sequence[tuple[Codes, Rows, Rows]]) -> Evaluation:
    """Figures of every picture, each asked of its own fold's model."""
    sides = [
        (_cases(pictures, codes, others), _cases(pictures, codes, own))
        for codes, own, others in parts
    ]
    found = [curves.figures_of_queries(*pair) for pair in sides]
    values, chance = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.concatenate([own for _, own, _ in parts])
    codes = np.concatenate([codes[own] for codes, own, _ in parts])
    queries = _cases(pictures.take(order), codes, np.arange(len(order)))
    overall, per_label = curves.curves_of(values, chance, queries)
    return Evaluation(
        protocol=CROSS_FITTED,
        archive_id="",
        archive_count=round(float(np.mean([len(others) for *_, others in parts]))),
        fewest_ranked=min(rankings.fewest_ranked(*pair) for pair in sides),
        model_id="",
        seen=0,
        bits=codes.shape[1] * 8,
        overall=overall,
        per_label=per_label,
    )


def _cases(pictures: TrainingSet, codes: Codes, rows: Rows) -> Cases:
    return Cases(
        codes[rows],
        pictures.labels[rows],
        pictures.patients[rows],
        pictures.splits[rows],
        pictures.sha256[rows],
        np.full(len(rows), ""),
    )


def _recipe_id(plan: Plan, pictures: TrainingSet) -> str:
    beside = of_beside(pictures).get("data", "")
    return models.recipe_id(plan.encoder_name, plan.criterion, asdict(plan.recipe()), beside)


def _evidence(
    pictures: TrainingSet, parts: Sequence[tuple[Codes, Rows, Rows]], plan: Plan
) -> Evidence:
    """All distances between a fold's pictures and the others, by the fold's model."""
    distances = np.zeros((len(pictures), len(pictures)), dtype=np.uint16)
    allowed = np.zeros(distances.shape, dtype=bool)
    for codes, own, others in parts:
        distances[own] = hamming.distances(codes, codes[own])
        allowed[np.ix_(own, others)] = pictures.sha256[own, None] != pictures.sha256[others]
    return Evidence(
        bits=parts[0][0].shape[1] * 8,
        distances=distances,
        allowed=allowed,
        gallery_labels=pictures.labels,
        labels=pictures.labels,
        patients=pictures.patients,
        pictures=np.array([sha256[:ID_LENGTH] for sha256 in pictures.sha256.tolist()]),
        recipe=_recipe_id(plan, pictures),
    )
