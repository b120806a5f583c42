"""Whole training jobs: a model from a folder of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from retrieval import storage
from retrieval.codes import model as models
from retrieval.codes.from_files import read_pixels
from retrieval.codes.model import Model
from retrieval.data.folder import Folder, patient_group, read_folder, unlabelled_pictures
from retrieval.errors import DataError, ModelError, SettingError
from retrieval.imaging.greys import FloatImage
from retrieval.reading.sandbox import Decoder

if TYPE_CHECKING:  # torch loads only when a model is trained
    from retrieval.training.siamese import Recipe
    from retrieval.training.transfer import TransferRecipe

Counter: TypeAlias = Callable[..., None]  # done, in all, and the loss where there is one
Rows: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """The model to make.

    settings : fields of the encoder's recipe that differ from the defaults.
    start : a full model whose weights the paper's network starts from, instead of random ones.
    beside : a folder of pictures that distillation uses as well, without labels.
    """

    encoder_name: str
    modality: str
    bits: int
    criterion: str
    settings: Mapping[str, Any]
    start: str = ""
    beside: Path | None = None

    def check(self) -> None:
        """Raise a SettingError or ModelError for a plan that cannot work, before the long work."""
        from retrieval.encoding.encoder import spec_named

        spec = spec_named(self.encoder_name)
        models.check_settings(spec.features, self.bits, self.criterion)
        recipe = self.recipe()
        lessons = getattr(recipe, "lessons", 0)
        if self.beside and not lessons:
            raise SettingError(
                "Only distillation into the paper's network uses pictures without labels; name its "
                "passes with --distillation-epochs and --encoder paper, or leave --unlabelled away."
            )
        if self.start and lessons:
            raise SettingError(
                "Distillation teaches the convolutions anew, and what --start brings would be "
                "lost; leave --distillation-epochs or --start away."
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

    def recipe(self) -> Recipe | TransferRecipe:
        """The whole recipe; SettingError for a value that no run can use."""
        from retrieval.encoding.encoder import spec_named
        from retrieval.training.loop import spoken
        from retrieval.training.siamese import Recipe
        from retrieval.training.transfer import TransferRecipe

        pretrained = spec_named(self.encoder_name).pretrained
        kind: type[Recipe | TransferRecipe] = TransferRecipe if pretrained else Recipe
        unknown = set(self.settings) - {known.name for known in fields(kind)}
        if unknown:
            named = ", ".join(map(spoken, sorted(unknown)))
            raise SettingError(
                f"Training the encoder {self.encoder_name} knows no {named}; leave it out."
            )
        return kind(**self.settings)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Decoded pictures, each (H, W) in [0, 1], with what is known of them; sequences of length n.

    patients : groups; a picture of an unknown patient is a group of its own.
    beside : unlabelled pictures for distillation, without those of `pixels`.
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
        """The pictures at these rows, and all unlabelled ones."""
        return TrainingSet(
            [self.pixels[row] for row in rows],
            self.labels[rows],
            self.patients[rows],
            self.splits[rows],
            self.sha256[rows],
            self.beside,
        )

    def fingerprint(self) -> str:
        """A digest of the pictures and their labels, in any order."""
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

    A folder without splits is training data as a whole. Checkpoints lie in `out`.partial
    until the model is written; the same command continues from them.
    """
    plan.check()
    storage.require_free(out, ModelError)
    return learn(read_training_set(root, splits, progress, plan.beside), out, plan, progress)


def training_split(folder: Folder, splits: Sequence[str] | None = None) -> Folder:
    """The cases that a model may be fitted on; DataError if they include the test split."""
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


def read_training_set(
    root: Path,
    splits: Sequence[str] | None,
    progress: Callable[[str], Counter],
    beside: Path | None = None,
) -> TrainingSet:
    """Decode the named splits of a folder, and all pictures of `beside`; see `train_model`."""
    folder = training_split(read_folder(root), splits)
    paths = [folder.path(case) for case in folder.cases]
    more = unlabelled_pictures(beside) if beside else []
    with Decoder() as decoder:
        pixels, checksums = read_pixels(paths, decoder.read, progress("Read"))
        others = read_pixels(more, decoder.read, progress("Read unlabelled"))
    own = set(checksums)
    if more and not set(others[1]) - own:
        raise DataError(
            f"{beside} holds only pictures that {root} has too; leave --unlabelled away."
        )
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


def learn(
    pictures: TrainingSet, out: Path, plan: Plan, progress: Callable[[str], Counter]
) -> Model:
    """Train a network on pictures and write the model to `out`."""
    from retrieval.training.checkpoints import drop_checkpoints

    first = plan.first_model()
    checkpoints = out.with_name(f"{out.name}.partial")
    made = models.build(
        out,
        _trained(pictures, plan, first, checkpoints, progress("Pass")),
        pictures.pixels,
        pictures.labels.tolist(),
        encoder_name=plan.encoder_name,
        modality=plan.modality,
        bits=plan.bits,
        criterion=plan.criterion,
        trained_on=[
            *pictures.sha256.tolist(),
            *pictures.beside,
            *(first.trained_on if first else ()),
        ],
        training=provenance(pictures, plan),
        progress=progress("Encoded"),
    )
    drop_checkpoints(checkpoints)
    return made


def _trained(
    pictures: TrainingSet, plan: Plan, first: Model | None, checkpoints: Path, counter: Counter
) -> dict[str, npt.NDArray[np.generic]]:
    """The weights of a trained network, as `to_tensors` gives them."""
    from retrieval.encoding.encoder import spec_named
    from retrieval.training.siamese import train
    from retrieval.training.transfer import TransferRecipe, transfer

    spec, recipe = spec_named(plan.encoder_name), plan.recipe()
    known = pictures.pixels, pictures.labels.tolist(), pictures.patients.tolist()
    if isinstance(recipe, TransferRecipe):
        return transfer(*known, spec=spec, recipe=recipe, checkpoints=checkpoints, progress=counter)
    return train(
        *known,
        spec=spec,
        recipe=recipe,
        start=first.weights() if first else None,
        beside=list(pictures.beside.values()),
        checkpoints=checkpoints,
        progress=counter,
    )


def provenance(pictures: TrainingSet, plan: Plan) -> storage.Json:
    """What a model's manifest says about its training."""
    first = plan.first_model()
    return {
        "recipe": asdict(plan.recipe()),
        "start": first.id if first else "",
        "pictures": len(pictures),
        "patients": len(np.unique(pictures.patients)),
        "labels": np.unique(pictures.labels).tolist(),
        "splits": np.unique(pictures.splits).tolist(),
        "data": pictures.fingerprint(),
        **({"beside": of_beside(pictures)} if pictures.beside else {}),
    }


def of_beside(pictures: TrainingSet) -> storage.Json:
    """The number of unlabelled pictures and their fingerprint; empty without any."""
    if not pictures.beside:
        return {}
    return {"pictures": len(pictures.beside), "data": storage.fingerprint(sorted(pictures.beside))}
