"""A model: encoder, mRMR order and thresholds as one frozen, versioned thing.

scan -> features (float16) -> the first m columns in mRMR order -> bits -> code.
Features are rounded to half precision by definition, so that codes follow
exactly from the features an archive stores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from retrieval import storage
from retrieval.codes import hashing
from retrieval.codes.hashing import Codes, Features
from retrieval.errors import ModelError, SelectionError

if TYPE_CHECKING:  # torch loads only when a scan is encoded
    from retrieval.encoding.encoder import Encoder, Tensors
    from retrieval.imaging.greys import FloatImage

SCHEMA = 1
MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
ID_LENGTH = 16  # hex digits of a picture's sha256 that make its id
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "models"
CRITERIA = ("MID", "MIQ", "FCQ")
Progress = Callable[[int, int], None]  # scans done, scans in all


@dataclass(frozen=True, eq=False)
class Model:
    """An encoder with its order and thresholds: it turns a scan into a code.

    columns : intp (F,), which of the encoder's features this model computes.
    ranking : intp (features,), all of the encoder's features in the order of a code: the
        learned ones in mRMR order, interleaved with the unsupervised ones.
    thresholds : float32 (features,), one for each of the encoder's features.
    trained_on : ids of the pictures that the network, order or thresholds saw.
    """

    folder: Path
    name: str
    id: str
    encoder_name: str
    modality: str
    bits: int
    columns: npt.NDArray[np.intp]
    ranking: npt.NDArray[np.intp]
    thresholds: npt.NDArray[np.float32]
    trained_on: frozenset[str]
    about: storage.Json
    _loading: Lock = field(default_factory=Lock, repr=False)

    @property
    def encoder(self) -> Encoder:
        """The network, loaded at first use, once even if several threads ask."""
        with self._loading:
            return self._encoder

    @cached_property
    def _encoder(self) -> Encoder:
        from retrieval.encoding.encoder import from_tensors, spec_named

        return from_tensors(spec_named(self.encoder_name), self.weights())

    @property
    def margin(self) -> float:
        """Share of each side of a picture that the network does not see."""
        from retrieval.encoding.encoder import spec_named

        return spec_named(self.encoder_name).margin

    @property
    def learned(self) -> int:
        """How many of the encoder's features are learned from labels; they are the first ones."""
        from retrieval.encoding.encoder import spec_named

        spec = spec_named(self.encoder_name)
        return spec.features - spec.kept

    def weights(self) -> Tensors:
        """The network's arrays, as `encoder.to_tensors` names them."""
        from retrieval.encoding.encoder import all_positions, spec_named

        stored = _load_weights(storage.data_file(self.folder, self.about, WEIGHTS))
        return all_positions(spec_named(self.encoder_name), stored)

    def encode(self, scans: Sequence[FloatImage]) -> Features:
        """Features (n, F) float16 of n pictures, each float32 (H, W) in [0, 1]."""
        return half_precision(self.encoder.encode(scans))

    def seen(self, pixels: FloatImage) -> FloatImage:
        """What the network sees of a picture (H, W) in [0, 1], at the size of its input."""
        return self.encoder.seen(pixels)

    def encode_seen(self, fitted: Sequence[FloatImage]) -> Features:
        """Features (n, F) float16 of n pictures as `seen` gives them."""
        return half_precision(self.encoder.encode_seen(fitted))

    def codes(
        self,
        features: Features,
        bits: int | None = None,
        columns: npt.NDArray[np.intp] | None = None,
    ) -> Codes:
        """Packed codes (n, bits / 8) of features (n, F); `columns` says which features they are.

        By default `bits` is the model's length and `columns` its own. Any other
        length gives the first bits of the same order.
        """
        length = self.bits if bits is None else bits
        if length < 8 or length % 8 or length > len(self.ranking):
            raise SelectionError(
                f"A code can have 8, 16, ... {len(self.ranking)} bits, not {length}."
            )
        wanted = self.ranking[:length]
        held = self.columns if columns is None else columns
        if not np.isin(wanted, held).all():
            raise SelectionError(
                f"Codes of {length} bits need features that are not stored; {len(held)} are."
            )
        chosen = features[:, hashing.places(held, wanted)]
        return hashing.pack(hashing.to_bits(chosen, self.thresholds[wanted]))

    def saw(self, sha256: str) -> bool:
        """Whether the picture with this pixel checksum was trained on."""
        return sha256[:ID_LENGTH] in self.trained_on

    def saw_each(self, sha256: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
        """`saw` of every one of (n,) checksums."""
        return np.array([self.saw(one) for one in sha256.tolist()], dtype=bool)


def half_precision(features: npt.NDArray[np.float32]) -> Features:
    """Features as they are stored; ModelError if some are not finite numbers."""
    with np.errstate(over="ignore"):
        rounded = features.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise ModelError("The network gave features that are not numbers; train it again.")
    return rounded


def build(
    folder: Path,
    tensors: Tensors,
    scans: Sequence[FloatImage],
    labels: Sequence[str],
    *,
    encoder_name: str,
    modality: str,
    bits: int,
    criterion: str = "MID",
    trained_on: Sequence[str] = (),
    training: storage.Json | None = None,
    progress: Progress | None = None,
) -> Model:
    """Fit the mRMR order and thresholds on training scans, and write a full model to `folder`."""
    from retrieval.codes.selection import MRMRSelector
    from retrieval.encoding.encoder import from_tensors, spec_named

    spec = spec_named(encoder_name)
    check_settings(spec.features, bits, criterion)
    storage.require_free(folder, ModelError)
    encoder = from_tensors(spec, tensors)
    rows = []
    for done, scan in enumerate(scans, start=1):
        rows.append(encoder.encode([scan])[0])
        if progress is not None:
            progress(done, len(scans))
    features = half_precision(np.stack(rows))
    learned = spec.features - spec.kept
    selector = MRMRSelector(learned, criterion=criterion).fit(features[:, :learned], labels)
    ranking = interleaved(
        selector.ranking_, np.arange(learned, spec.features), spec.kept_per_learned
    )
    about = {
        "schema": SCHEMA,
        "name": folder.name,
        "encoder": encoder_name,
        "modality": modality,
        "bits": bits,
        "criterion": criterion,
        "columns": list(range(spec.features)),
        "ranking": ranking.tolist(),
        "thresholds": [
            float(value) for value in hashing.balanced_thresholds(features, labels, learned)
        ],
        "trained_on": sorted({sha256[:ID_LENGTH] for sha256 in trained_on}),
        "training": training or {},
    }
    return _write(folder, about, tensors)


def recipe_id(encoder_name: str, criterion: str, recipe: storage.Json, beside: str = "") -> str:
    """A digest of a training recipe, without its data and its seed.

    beside : fingerprint of the unlabelled pictures that belong to the recipe.
    """
    kept = {name: value for name, value in recipe.items() if name != "seed"}
    parts = [encoder_name, criterion, kept, *([beside] if beside else [])]
    return storage.fingerprint(parts)[:ID_LENGTH]


def interleaved(
    learned: npt.NDArray[np.intp], kept: npt.NDArray[np.intp], kept_per_learned: int = 1
) -> npt.NDArray[np.intp]:
    """Learned features, each followed by `kept_per_learned` kept ones, then the rest of both.

    A few learned bits are enough to tell the finding, but they hardly differ between cases
    of one finding. The unsupervised bits tell which cases look alike. This order puts both
    kinds into every short code.
    """
    turns = min(len(learned), len(kept) // kept_per_learned)
    taken = turns * kept_per_learned
    followers = kept[:taken].reshape(turns, kept_per_learned)
    mixed = np.column_stack([learned[:turns], followers]).ravel()
    return np.concatenate([mixed, learned[turns:], kept[taken:]])


def check_settings(features: int, bits: int, criterion: str) -> None:
    """SelectionError unless codes of this length can be made of so many features."""
    if not 8 <= bits <= features or bits % 8:
        raise SelectionError(f"A code can have 8, 16, ... {features} bits, not {bits}.")
    if criterion not in CRITERIA:
        raise SelectionError(f"There is no criterion {criterion!r}; choose {', '.join(CRITERIA)}.")


def prune(model: Model, folder: Path, bits: int | None = None) -> Model:
    """Write a copy that computes only the features its codes need; same id, same codes.

    With `bits` other than the model's own, the copy is another model with another id.
    """
    bits = model.bits if bits is None else bits
    if len(model.columns) < len(model.ranking):
        raise ModelError(f"Model {model.name} is pruned already; start from the full one.")
    from retrieval.encoding.encoder import keep_rows

    storage.require_free(folder, ModelError)
    check_settings(len(model.ranking), bits, model.about["criterion"])
    kept = model.ranking[:bits]
    about = {**model.about, "name": folder.name, "bits": bits, "columns": kept.tolist()}
    return _write(folder, about, keep_rows(model.weights(), kept))


def load(where: str | Path) -> Model:
    """Open a model folder, or the shipped model of that name."""
    folder = Path(where)
    if not folder.exists() and (SHIPPED / str(where)).is_dir():
        folder = SHIPPED / str(where)
    if not folder.is_dir():
        known = ", ".join(shipped()) or "none"
        raise ModelError(f"There is no model {where}; shipped models: {known}.")
    about = storage.read_manifest(folder, MANIFEST, SCHEMA, ModelError)
    try:
        model = _from_manifest(folder, about)
        sound = _is_sound(model)
    except (KeyError, ValueError, TypeError, OverflowError):
        sound = False
    if not sound:
        raise ModelError(f"{folder / MANIFEST} is damaged; make or download it again.")
    return model


def shipped() -> list[str]:
    """Names of the models that come with the project."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{MANIFEST}"))


def verify(model: Model) -> None:
    """Check the files and the id of a model; ModelError says what differs."""
    storage.verify(model.folder, model.about, ModelError)
    if _identity(model.about, model.weights()) != model.id:
        raise ModelError(f"{model.folder} does not match its id; make or download it again.")


def _write(folder: Path, about: storage.Json, tensors: Tensors) -> Model:
    from retrieval.encoding.encoder import shared_positions

    about = {**about, "id": _identity(about, tensors)}
    stored = sorted(shared_positions(tensors).items())
    arrays = {name: np.ascontiguousarray(array) for name, array in stored}
    storage.create(folder, MANIFEST, about, {WEIGHTS: lambda path: path.write_bytes(save(arrays))})
    return load(folder)


def _identity(about: storage.Json, tensors: Tensors) -> str:
    """A digest of all that decides a code: equal for a full model and its pruned copy."""
    kept = np.array(about["ranking"][: about["bits"]])
    held = {column: row for row, column in enumerate(about["columns"])}
    rows = [held[int(column)] for column in kept]
    digest = hashlib.sha256()
    digest.update(f"{SCHEMA} {about['encoder']} {about['bits']}".encode())
    digest.update(np.array(about["thresholds"], dtype="<f4")[kept].tobytes())
    for name in sorted(tensors):
        array = tensors[name]
        if len(array) == len(about["columns"]) and name.startswith("full."):
            array = array[rows]
        digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:ID_LENGTH]


def _from_manifest(folder: Path, about: storage.Json) -> Model:
    return Model(
        folder=folder,
        name=about["name"],
        id=about["id"],
        encoder_name=about["encoder"],
        modality=about["modality"],
        bits=about["bits"],
        columns=np.array(about["columns"], dtype=np.intp),
        ranking=np.array(about["ranking"], dtype=np.intp),
        thresholds=np.array(about["thresholds"], dtype=np.float32),
        trained_on=frozenset(about["trained_on"]),
        about=about,
    )


def _is_sound(model: Model) -> bool:
    """Whether a manifest's order, thresholds and columns can belong to one model."""
    count = len(model.ranking)
    return (
        bool(np.array_equal(np.sort(model.ranking), np.arange(count)))
        and model.thresholds.shape == (count,)
        and bool(np.isfinite(model.thresholds).all())
        and isinstance(model.bits, int)
        and 8 <= model.bits <= count
        and model.bits % 8 == 0
        and len(np.unique(model.columns)) == len(model.columns)
        and bool(np.isin(model.ranking[: model.bits], model.columns).all())
        and WEIGHTS in model.about["files"]
        and all(isinstance(text, str) for text in (model.id, model.name, model.modality))
    )


def _load_weights(path: Path) -> Tensors:
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        raise ModelError(f"{path} is damaged; make or download the model again.") from None
