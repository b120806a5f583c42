"""Is a picture a chest scan at all, which kind, and is it the right way up?

The check fits one Gaussian for each kind in each pose, all with one covariance, over
pooled maps of a network without training on labels (`encoder.FrozenBackbone`; Lee et
al., "A simple unified framework for detecting out-of-distribution samples", NeurIPS
2018). The nearest class tells what a picture looks like. A picture far from all classes
looks like neither kind. The check warns and never refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from retrieval import storage
from retrieval.codes.model import ID_LENGTH
from retrieval.errors import ModelError
from retrieval.statistics.precision import Floats
from retrieval.trust.poses import ORIENTATIONS, middle

if TYPE_CHECKING:  # torch loads only when a picture is checked
    from retrieval.encoding.encoder import FrozenBackbone
    from retrieval.imaging.greys import FloatImage

Pooled: TypeAlias = npt.NDArray[np.float32]  # (P,), or (n, P) for n pictures
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]  # by the names of ARRAYS

SCHEMA = 1
MANIFEST = "intake.json"
TENSORS = "gate.safetensors"
SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "intake"

KINDS = ("CT", "X-ray")
# every kind in every pose, in the order of the gate's means
CLASSES: tuple[tuple[str, str, bool], ...] = tuple(
    (kind, orientation, inverted)
    for kind in KINDS
    for orientation in ORIENTATIONS
    for inverted in (False, True)
)
FAULTS = ("inverted", "upside down", "turned")
WORDS = {
    "neither": "This looks like neither a chest CT slice nor a frontal chest X-ray, so the "
    "matches may mean nothing.",
    "inverted": "This looks like a negative, with dark and bright swapped.",
    "upside down": "This looks upside down.",
    "turned": "This looks turned by a quarter.",
}
ARRAYS = {
    "centre": np.float32,
    "spread": np.float32,
    "means": np.float32,
    "basis": np.float16,
    "weights": np.float32,
    "limits": np.float32,
}


@dataclass(frozen=True)
class Finding:
    """What one picture looks like.

    kind : "CT", "X-ray", or "" for neither.
    scores : "CT", log odds of CT against X-ray. The others warn above 0: "neither" as a share
        of its limit, and each of FAULTS in log odds.
    """

    kind: str
    inverted: bool
    upside_down: bool
    turned: bool
    scores: Mapping[str, float]

    def warnings(self, modality: str = "") -> tuple[str, ...]:
        """Sentences for the user; `modality` is that of the archive to be searched."""
        if not self.kind:
            return (WORDS["neither"],)
        flags = zip(FAULTS, (self.inverted, self.upside_down, self.turned), strict=True)
        said = [WORDS[fault] for fault, holds in flags if holds]
        if modality and modality != self.kind:
            said.insert(0, f"This looks like a chest {self.kind}, and the archive holds "
                        f"{modality} pictures.")  # fmt: skip
        return tuple(said)

    def json(self) -> storage.Json:
        """As `study input-check check --json` prints it."""
        return {
            "kind": self.kind,
            "inverted": self.inverted,
            "upside_down": self.upside_down,
            "turned": self.turned,
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of n pictures by their distances to all classes, before any limit.

    kind : intp (n,), the nearer kind. nearest : float64 (n,), squared distance to its
    nearest class. ct : (n,), log odds of CT against X-ray. faults : (n, 3), log odds of
    each fault against its absence, among classes of the nearer kind.
    """

    kind: npt.NDArray[np.intp]
    nearest: Floats
    ct: Floats
    faults: Floats


@dataclass(frozen=True, eq=False)
class Scores:
    """Margins relative to the gate's limits; `neither` and `faults` warn above 0.

    kind : intp (n,), the nearer kind even if `neither` warns; neither : (n,);
    ct : (n,), log odds of CT, never a warning; faults : (n, 3).
    """

    kind: npt.NDArray[np.intp]
    neither: Floats
    ct: Floats
    faults: Floats

    def flags(self) -> npt.NDArray[np.bool_]:
        """Which faults (n, 3) are warned of: one orientation at most, and none of `neither`."""
        found = (self.faults > 0) & (self.neither <= 0)[:, None]
        down, turned = self.faults[:, 1], self.faults[:, 2]
        found[:, 1] &= down >= turned
        found[:, 2] &= turned > down
        return found


@dataclass(frozen=True, eq=False)
class InputCheck:
    """A fitted gate over pooled maps of P features.

    centre, spread : float32 (P,), by which features are normalised.
    means : float32 (12, P), one for each of CLASSES.
    basis : float16 (P, r), the first directions of the covariance within classes.
    weights : float32 (r + 1,), one over the variance along each, and outside all of them.
    limits : float32 (2, 4), for each kind: the nearest distance, and the three faults.
    fitted_on : ids of the pictures that it was fitted on.
    """

    folder: Path
    id: str
    centre: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    basis: npt.NDArray[np.float16]
    weights: npt.NDArray[np.float32]
    limits: npt.NDArray[np.float32]
    fitted_on: frozenset[str]
    about: storage.Json
    _loading: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def of(
        cls,
        arrays: Arrays,
        *,
        folder: Path = Path(),
        id: str = "",
        fitted_on: Iterable[str] = (),
        about: storage.Json | None = None,
    ) -> InputCheck:
        """A gate of arrays named as in ARRAYS; KeyError for a missing one."""
        return cls(
            folder=folder,
            id=id,
            centre=arrays["centre"],
            spread=arrays["spread"],
            means=arrays["means"],
            basis=arrays["basis"],
            weights=arrays["weights"],
            limits=arrays["limits"],
            fitted_on=frozenset(fitted_on),
            about=about or {},
        )

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> InputCheck:
        """Open a gate's folder; the shipped one by default."""
        about = storage.read_manifest(folder, MANIFEST, SCHEMA, ModelError)
        try:
            arrays = _load_arrays(storage.data_file(folder, about, TENSORS))
            gate = cls.of(
                arrays, folder=folder, id=about["id"], fitted_on=about["fitted_on"], about=about
            )
            sound = _is_sound(gate)
        except (KeyError, ValueError, TypeError):
            sound = False
        if not sound:
            raise ModelError(f"{folder} is damaged; make or download the gate again.")
        return gate

    def verify(self) -> None:
        """Check the files and the id; ModelError says what differs."""
        storage.verify(self.folder, self.about, ModelError)
        if identity({name: getattr(self, name) for name in ARRAYS}) != self.id:
            raise ModelError(f"{self.folder} does not match its id; make or download it again.")

    @property
    def view(self) -> FrozenBackbone:
        """The network, loaded at first use, once even if several threads ask."""
        with self._loading:
            return self._view

    @cached_property
    def _view(self) -> FrozenBackbone:
        from retrieval.encoding.encoder import FrozenBackbone

        return FrozenBackbone.load()

    def check(self, pixels: FloatImage) -> Finding:
        """What a decoded picture, float32 (H, W) in [0, 1], looks like."""
        return self.check_features(self.look(pixels))

    def look(self, pixels: FloatImage) -> Pooled:
        """The pooled maps (P,) by which a picture is judged.

        A picture that looks like neither kind is looked at again without its outer parts,
        which may be the frame of a viewer; the look that is more like a scan counts.
        """
        whole = self.view.pooled(pixels)
        if self.scores(whole[None]).neither[0] <= 0:
            return whole
        both = np.stack([whole, self.view.pooled(middle(pixels))])
        nearest: Pooled = both[self.scores(both).neither.argmin()]
        return nearest

    def check_features(self, pooled: Pooled) -> Finding:
        """The same from pooled maps (P,) alone, as `FrozenBackbone.pooled` gives them."""
        found = self.scores(pooled[None])
        inverted, upside_down, turned = (bool(flag) for flag in found.flags()[0])
        named = dict(zip(FAULTS, found.faults[0].tolist(), strict=True))
        return Finding(
            kind="" if found.neither[0] > 0 else KINDS[found.kind[0]],
            inverted=inverted,
            upside_down=upside_down,
            turned=turned,
            scores={"neither": float(found.neither[0]), "CT": float(found.ct[0]), **named},
        )

    def scores(self, pooled: Pooled) -> Scores:
        """Scores of n pictures by their pooled maps (n, P)."""
        found = margins(self.distances(pooled))
        limits = self.limits[found.kind].astype(np.float64)
        return Scores(
            kind=found.kind,
            neither=found.nearest / limits[:, 0] - 1,
            ct=found.ct,
            faults=found.faults - limits[:, 1:],
        )

    def distances(self, pooled: Pooled) -> Floats:
        """Squared distances (n, 12) of pictures to the classes, in units of their spread."""
        normal = ((pooled - self.centre) / self.spread).astype(np.float64)
        basis, weights = self.basis.astype(np.float64), self.weights.astype(np.float64)
        columns = []
        for mean in self.means:  # one at a time: all together would take gigabytes in a fit
            away = normal - mean
            along = (away @ basis) ** 2
            off = np.maximum((away**2).sum(axis=1) - along.sum(axis=1), 0)
            columns.append(along @ weights[:-1] + off * weights[-1])
        return np.stack(columns, axis=1)


def margins(distances: Floats) -> Margins:
    """Margins of pictures by their squared distances (n, 12) to CLASSES."""
    kinds, orientations, inverted = (np.array(column) for column in zip(*CLASSES, strict=True))
    of_kind = np.stack([distances[:, kinds == kind].min(axis=1) for kind in KINDS], axis=1)
    kind = of_kind.argmin(axis=1)
    own = np.where(kinds == np.array(KINDS)[kind][:, None], distances, np.inf)

    def odds(fault: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]) -> Floats:
        gap: Floats = own[:, right].min(axis=1) - own[:, fault].min(axis=1)
        return gap / 2

    upright = orientations == "upright"
    faults = [odds(inverted, ~inverted)]
    faults += [odds(orientations == name, upright) for name in ORIENTATIONS[1:]]
    return Margins(
        kind=kind,
        nearest=of_kind.min(axis=1),
        ct=(of_kind[:, 1] - of_kind[:, 0]) / 2,
        faults=np.stack(faults, axis=1),
    )


def write(folder: Path, arrays: Arrays, about: storage.Json) -> InputCheck:
    """Write a gate's arrays, named as in ARRAYS, to a new folder."""
    held = {name: np.ascontiguousarray(arrays[name], kind) for name, kind in ARRAYS.items()}
    about = {"schema": SCHEMA, "id": identity(held), **about}
    storage.create(folder, MANIFEST, about, {TENSORS: lambda path: path.write_bytes(save(held))})
    return InputCheck.load(folder)


def identity(arrays: Arrays) -> str:
    """A digest of all that decides a finding."""
    content = {name: arrays[name].tobytes().hex() for name in sorted(ARRAYS)}
    return storage.fingerprint([SCHEMA, content])[:ID_LENGTH]


def _load_arrays(path: Path) -> Arrays:
    try:
        held = load_file(path)
    except (OSError, SafetensorError):
        raise ModelError(f"{path} is damaged; make or download the gate again.") from None
    return {name: held[name].astype(kind) for name, kind in ARRAYS.items()}


def _is_sound(gate: InputCheck) -> bool:
    """Whether the arrays fit together and are numbers."""
    features, directions = gate.basis.shape
    shapes = {
        "centre": (features,),
        "spread": (features,),
        "means": (len(CLASSES), features),
        "weights": (directions + 1,),
        "limits": (len(KINDS), 1 + len(FAULTS)),
    }
    return (
        all(getattr(gate, name).shape == shape for name, shape in shapes.items())
        and all(np.isfinite(getattr(gate, name)).all() for name in ARRAYS)
        and bool((gate.spread > 0).all() and (gate.limits[:, 0] > 0).all())
        and isinstance(gate.id, str)
    )
