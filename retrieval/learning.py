"""Whole training jobs: a model from a folder of pictures, and cross-fitting.

Cross-fitted means: patients are dealt into folds, a model is trained anew without
each fold, and each picture is asked about once, of the model that never saw its
patient, against the pictures that this model was trained on. It measures the
recipe rather than one model, with every picture of the fitted splits, and it
leaves the test split alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from retrieval import evaluation, hamming, storage
from retrieval import model as models
from retrieval.datasets import Folder, patient_group, read_folder, unlabelled_pictures
from retrieval.encoder import FloatImage
from retrieval.encoding import read_pixels
from retrieval.errors import DataError, ModelError, PatientOverlap, SettingError, TrainingError
from retrieval.evaluation import Cases, Evaluation
from retrieval.evidence import Evidence
from retrieval.hashing import Codes
from retrieval.model import ID_LENGTH, Model
from retrieval.reports.results import write_result
from retrieval.sandbox import Decoder

CROSS_FITTED = "cross-fitted"
RESULT, EVIDENCE = "result.json", "evidence.npz"

Counter = Callable[..., None]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """What model to make.

    settings : fields of the encoder's recipe that are not the usual.
    start : a full model whose weights the paper's network starts from, instead of random ones.
    beside : a folder of pictures, labelled or not, that the lessons before the labels use as well.
    """

    encoder_name: str
    modality: str
    bits: int
    criterion: str
    settings: Mapping[str, float]
    start: str = ""
    beside: Path | None = None

    def check(self) -> None:
        """Refuse whatever can be refused before the long work."""
        from retrieval.encoder import spec_named

        spec = spec_named(self.encoder_name)
        models.check_settings(spec.features, self.bits, self.criterion)
        recipe = self.recipe()
        lessons = getattr(recipe, "lessons", 0)
        if self.beside and not lessons:
            raise SettingError(
                "Only lessons of the paper's network use pictures without labels; name how many "
                "with --lessons and --encoder paper, or leave --beside away."
            )
        if self.start and lessons:
            raise SettingError(
                "Lessons teach the convolutions anew, and what --start brings would be lost; "
                "leave --lessons or --start away."
            )
        first = self.first_model()
        if first is None:
            return
        if spec.pretrained or first.encoder_name != self.encoder_name:
            raise ModelError(
                f"Training cannot start from model {first.name}: it has another network than "
                f"{self.encoder_name}, or that one brings its own first weights."
            )
        if len(first.columns) < len(first.ranking):
            raise ModelError(f"Model {first.name} is pruned; start from the full one.")

    def first_model(self) -> Model | None:
        """The model that training starts from, if any."""
        return models.load(self.start) if self.start else None

    def recipe(self):
        """The whole recipe; SettingError for a value that no run can use."""
        from retrieval.encoder import spec_named
        from retrieval.training.siamese import Recipe
        from retrieval.training.transfer import TransferRecipe

        kind = TransferRecipe if spec_named(self.encoder_name).pretrained else Recipe
        unknown = set(self.settings) - {known.name for known in fields(kind)}
        if unknown:
            raise SettingError(
                f"Training the encoder {self.encoder_name} knows no {', '.join(sorted(unknown))}; "
                "leave it out."
            )
        return kind(**self.settings)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Decoded pictures, each (H, W) in [0, 1], with what is known of them; sequences of length n.

    patients : groups; a picture of an unknown patient is a group of its own.
    beside : pictures of which nothing is known, for lessons without labels; none of the others.
    """

    pixels: Sequence[FloatImage]
    labels: npt.NDArray[np.str_]
    patients: npt.NDArray[np.str_]
    splits: npt.NDArray[np.str_]
    sha256: npt.NDArray[np.str_]
    beside: Mapping[str, FloatImage] = field(default_factory=dict)  # by their checksums

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, rows: Rows) -> TrainingSet:
        """The pictures at these rows, and all that stand beside."""
        return TrainingSet(
            [self.pixels[row] for row in rows],
            self.labels[rows],
            self.patients[rows],
            self.splits[rows],
            self.sha256[rows],
            self.beside,
        )

    def fingerprint(self) -> str:
        """A digest of the pictures and their labels, whatever their order."""
        pairs = zip(self.sha256.tolist(), self.labels.tolist(), strict=True)
        return storage.fingerprint(sorted(pairs))


def train_model(
    root: Path,
    out: Path,
    plan: Plan,
    *,
    splits: Sequence[str] | None = None,
    progress: Callable[[str], Counter],
) -> Model:
    """Train on the named splits of `root`, by default on train alone, and write a model to `out`.

    A folder without splits is training data as a whole. Checkpoints lie in
    `out`.partial until the model is written; the same command goes on from them.
    """
    plan.check()
    storage.require_free(out, ModelError)
    return _learn(_read(root, splits, progress, plan.beside), out, plan, progress)


def training_split(folder: Folder, splits: Sequence[str] | None = None) -> Folder:
    """The cases that a model may be fitted on; a test case never is."""
    known = {case.split for case in folder.cases}
    if "test" in (splits or ()):
        raise DataError("Nothing is ever fitted on split test; name others, such as train,val.")
    if splits:
        return folder.split(splits)
    if known == {""}:
        return folder
    if "train" not in known:
        raise DataError(f"{folder.root} has no picture in split train; mark some in images.csv.")
    return folder.split(["train"])


def _read(
    root: Path,
    splits: Sequence[str] | None,
    progress: Callable[[str], Counter],
    beside: Path | None = None,
) -> TrainingSet:
    folder = training_split(read_folder(root), splits)
    paths = [folder.path(case) for case in folder.cases]
    more = unlabelled_pictures(beside) if beside else []
    with Decoder() as decoder:
        pixels, checksums = read_pixels(paths, decoder.read, progress("Read"))
        others = read_pixels(more, decoder.read, progress("Read beside"))
    own = set(checksums)
    if more and not set(others[1]) - own:
        raise DataError(f"{beside} holds only pictures that {root} has too; leave --beside away.")
    groups = [
        patient_group(case.patient_id, sha256)
        for case, sha256 in zip(folder.cases, checksums, strict=True)
    ]
    return TrainingSet(
        pixels,
        np.array([case.label for case in folder.cases]),
        np.array(groups),
        np.array([case.split for case in folder.cases]),
        np.array(checksums),
        {sha: picture for picture, sha in zip(*others, strict=True) if sha not in own},
    )


def _learn(
    pictures: TrainingSet, out: Path, plan: Plan, progress: Callable[[str], Counter]
) -> Model:
    from retrieval.encoder import spec_named
    from retrieval.training.checkpoints import drop_checkpoints
    from retrieval.training.siamese import train
    from retrieval.training.transfer import transfer

    spec, recipe, first = spec_named(plan.encoder_name), plan.recipe(), plan.first_model()
    checkpoints = out.with_name(f"{out.name}.partial")
    labels = pictures.labels.tolist()
    job = transfer
    if not spec.pretrained:
        beside = list(pictures.beside.values())
        job = partial(train, start=first and first.weights(), beside=beside)
    tensors = job(
        pictures.pixels,
        labels,
        pictures.patients.tolist(),
        spec=spec,
        recipe=recipe,
        checkpoints=checkpoints,
        progress=progress("Pass"),
    )
    made = models.build(
        out,
        tensors,
        pictures.pixels,
        labels,
        encoder_name=plan.encoder_name,
        modality=plan.modality,
        bits=plan.bits,
        criterion=plan.criterion,
        trained_on=[
            *pictures.sha256.tolist(),
            *pictures.beside,
            *(first.trained_on if first else ()),
        ],
        training=_provenance(pictures, plan),
        progress=progress("Encoded"),
    )
    drop_checkpoints(checkpoints)
    return made


def _provenance(pictures: TrainingSet, plan: Plan) -> storage.Json:
    """What a model's manifest says of its making."""
    first = plan.first_model()
    return {
        "recipe": asdict(plan.recipe()),
        "start": first.id if first else "",
        "pictures": len(pictures),
        "patients": len(np.unique(pictures.patients)),
        "labels": np.unique(pictures.labels).tolist(),
        "splits": np.unique(pictures.splits).tolist(),
        "data": pictures.fingerprint(),
        **({"beside": _of_beside(pictures)} if pictures.beside else {}),
    }


def _of_beside(pictures: TrainingSet) -> storage.Json:
    """What is said of the pictures without labels: how many they are, and their fingerprint."""
    if not pictures.beside:
        return {}
    return {"pictures": len(pictures.beside), "data": storage.fingerprint(sorted(pictures.beside))}


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

    The model of each fold stays in `out`; a stopped job goes on from those that are there. Of
    pictures beside no patient is known: they must be of other patients than the folder's.
    """
    plan.check()
    if plan.start:
        raise SettingError(
            "Cross-fitting starts from no model, which may have seen the patients that a fold "
            "holds out; leave --start away."
        )
    if folds < 2:
        raise SettingError(f"Cross-fitting needs 2 folds or more, not {folds}.")
    pictures = _read(root, splits, progress, plan.beside)
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
    """A fold would be asked about a picture that its model learned under another patient."""
    pairs = np.unique(np.stack([pictures.sha256, pictures.patients], axis=1), axis=0)
    names, patients = np.unique(pairs[:, 0], return_counts=True)
    twins = names[patients > 1]
    if len(twins):
        raise PatientOverlap(
            f"{len(twins)} pictures stand under more than one patient, first {twins[0][:16]}; "
            "give them one patient_id or leave them out."
        )


def patient_folds(pictures: TrainingSet, folds: int, seed: int) -> Rows:
    """A fold 0..folds-1 (n,) for each picture: patients whole, labels spread evenly."""
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
        return _learn(mine, folder, plan, progress)
    model = models.load(folder)
    kind = (model.encoder_name, model.modality, model.bits, model.about["criterion"])
    wanted = (plan.encoder_name, plan.modality, plan.bits, plan.criterion)
    if kind != wanted or model.about["training"] != _provenance(mine, plan):
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
    found = [evaluation.figures_of_queries(*pair) for pair in sides]
    values, chance = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.concatenate([own for _, own, _ in parts])
    codes = np.concatenate([codes[own] for codes, own, _ in parts])
    queries = _cases(pictures.take(order), codes, np.arange(len(order)))
    overall, per_label = evaluation.curves_of(values, chance, queries)
    return Evaluation(
        protocol=CROSS_FITTED,
        archive_id="",
        archive_count=round(float(np.mean([len(others) for *_, others in parts]))),
        fewest_ranked=min(evaluation.fewest_ranked(*pair) for pair in sides),
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
    beside = _of_beside(pictures).get("data", "")
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
