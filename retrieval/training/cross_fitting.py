"""Cross-fitting: each picture is a query once, for a model that never saw its patient.

Patients are dealt into folds and a model is trained anew without each fold. Its
pictures are ranked against those that this model was trained on. This measures
the recipe rather than one model, with every picture of the fitted splits. No
test picture is fitted on or asked about: as cases, beside the others, they only
make the evidence that of a search in the whole archive.
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
from retrieval.codes.model import ID_LENGTH, Model
from retrieval.data.folder import read_folder
from retrieval.errors import DataError, PatientOverlap, SettingError, TrainingError
from retrieval.evaluation import curves
from retrieval.evaluation.cases import Cases, cases_of_folder
from retrieval.evaluation.curves import Evaluation
from retrieval.evaluation.results import write_result
from retrieval.reading.sandbox import Decoder
from retrieval.statistics.evidence import Evidence
from retrieval.statistics.rankings import Rankings
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
    distances = []
    for number in range(folds):
        model = _fold_model(pictures, fold != number, out / f"fold-{number}", plan, progress)
        gallery = _gallery(pictures, root, model, progress(f"Fold {number}, encoded"))
        own = np.flatnonzero(fold == number)
        distances.append(hamming.distances(gallery.codes, gallery.codes[own]))
    evidence = _evidence(gallery, fold, np.concatenate(distances), _recipe_id(plan, pictures))
    result = _measured(evidence.fitted, fold)
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


def _gallery(pictures: TrainingSet, root: Path, model: Model, progress: Counter) -> Cases:
    """The fitted pictures and behind them the folder's test split, by a model."""
    rows = []
    for done, pixels in enumerate(pictures.pixels, start=1):
        rows.append(model.encode([pixels])[0])
        progress(done, len(pictures))
    codes, blank = model.codes(np.stack(rows)), np.full(len(pictures), "")
    fitted = Cases(
        codes, pictures.labels, pictures.patients, pictures.splits, pictures.sha256, blank
    )
    folder = read_folder(root)
    if all(case.split != "test" for case in folder.cases):
        return fitted
    with Decoder() as decoder:
        test = cases_of_folder(folder.split(["test"]), model, read=decoder.read)
    return fitted.joined(test)


def _evidence(
    gallery: Cases, fold: Rows, distances: npt.NDArray[np.integer], recipe: str
) -> Evidence:
    """Of each fitted picture against the cases of other folds, and of the test split.

    distances (n, gallery) : of the pictures in the order of their folds, by their fold's model.
    """
    count = len(fold)
    order = np.argsort(fold, kind="stable")  # of the rows of distances
    queries = gallery.take(slice(count))
    test = np.arange(len(gallery)) >= count
    other_fold = np.concatenate([fold, np.full(test.sum(), -1)]) != fold[:, None]
    searched = Rankings(
        bits=gallery.codes.shape[1] * 8,
        distances=distances[np.argsort(order)].astype(np.uint16),
        allowed=other_fold & (gallery.sha256 != queries.sha256[:, None]),
        gallery_labels=gallery.labels,
        labels=queries.labels,
        patients=queries.patients,
        pictures=np.array([sha256[:ID_LENGTH] for sha256 in queries.sha256.tolist()]),
    )
    return Evidence(searched, test, recipe)


def _measured(rankings: Rankings, fold: Rows) -> Evaluation:
    """Figures of every picture, each asked of its own fold's model."""
    overall, per_label = curves.curves_of(curves.figures_of_queries(rankings), rankings)
    sizes = np.bincount(fold)
    return Evaluation(
        protocol=CROSS_FITTED,
        archive_id="",
        archive_count=round(float((len(fold) - sizes).mean())),
        fewest_ranked=rankings.fewest,
        model_id="",
        seen=0,
        bits=rankings.bits,
        overall=overall,
        per_label=per_label,
    )


def _recipe_id(plan: Plan, pictures: TrainingSet) -> str:
    beside = of_beside(pictures).get("data", "")
    return models.recipe_id(plan.encoder_name, plan.criterion, asdict(plan.recipe()), beside)
