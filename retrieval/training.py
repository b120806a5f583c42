"""Train the Siamese network: pairs, contrastive loss, loop, seeds, checkpoints.

Both halves of a pair go through one network, so a step encodes a batch once
and takes every pair in it: a batch of 32 pictures is 496 pairs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from retrieval.augmentation import augmentation, standardise
from retrieval.encoder import EncoderSpec, FloatImage, PaperNetwork, to_tensors
from retrieval.errors import DataError, SettingError, TrainingError
from retrieval.storage import replace_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STATES, IDENTITY, FRESH = "*-[0-9][0-9][0-9][0-9].safetensors", "run.json", "fresh.safetensors"

Progress = Callable[[int, int, float], None]  # epochs done, epochs in all, mean loss


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, besides the pictures."""

    epochs: int = 24
    batch: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    margin: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """SettingError for a value that no run can use."""
        check_limits(
            self,
            {
                "epochs": (0, 10_000),
                "batch": (4, 4096),
                "learning_rate": (1e-8, 1.0),
                "weight_decay": (0.0, 1.0),
                "margin": (1e-3, 2.0),
                "seed": (0, 2**32 - 1),
            },
        )


def check_limits(recipe: object, limits: Mapping[str, tuple[float, float]]) -> None:
    """SettingError for the first field of a recipe outside its limits, both included."""
    for name, (low, high) in limits.items():
        value = getattr(recipe, name)
        if not low <= value <= high:
            words = name.replace("_", " ").capitalize()
            raise SettingError(f"{words} must lie between {low:g} and {high:g}, not {value}.")


def class_numbers(labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """Labels (n,) as numbers from 0; DataError if there is only one label to learn."""
    numbers = np.unique(np.asarray(labels), return_inverse=True)[1]
    if numbers.max(initial=0) == 0:
        raise DataError("Training needs pictures of at least two labels in the train split.")
    return numbers


def contrastive_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Contrastive loss over all pairs of features (B, d) with labels (B,), as one number.

    Hadsell, Chopra, LeCun, CVPR 2006: d^2 for a pair of one label, and
    max(0, margin - d)^2 for a pair of two, where d is the Euclidean distance.
    Both kinds of pair weigh the same. Features are centred on the batch and
    scaled to length 1 first, so that the margin means the same at every step.
    """
    unit = torch.nn.functional.normalize(features - features.mean(dim=0), dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), offset=1)
    squared = (unit[first] - unit[second]).square().sum(dim=1)  # (B (B - 1) / 2,)
    same = labels[first] == labels[second]
    apart = (margin - (squared + 1e-12).sqrt()).clamp_min(0).square()
    return squared[same].mean() + apart[~same].mean()


def batches(
    labels: npt.NDArray[np.intp], patients: npt.NDArray[np.intp], recipe: Recipe, epoch: int
) -> Iterator[npt.NDArray[np.intp]]:
    """Rows of each batch of one epoch: equally many of each label, no patient twice if it can be.

    Two slices of one patient look alike anyway; drawing patients first keeps
    the network from learning persons instead of findings.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    classes = np.unique(labels)
    each = max(recipe.batch // len(classes), 2)
    rows_of = {patient: np.flatnonzero(patients == patient) for patient in np.unique(patients)}
    patients_of = [np.unique(patients[labels == label]) for label in classes]
    for _ in range(max(len(labels) // (each * len(classes)), 1)):
        yield np.concatenate(
            [
                [
                    random.choice(rows_of[patient][labels[rows_of[patient]] == label])
                    for patient in random.choice(group, each, replace=len(group) < each)
                ]
                for label, group in zip(classes, patients_of, strict=True)
            ]
        )


def stack(scans: Sequence[FloatImage], spec: EncoderSpec) -> Tensor:
    """Scans of any size as one tensor (n, 1, spec.height, spec.width) in [0, 1]."""
    size = (spec.width, spec.height)
    fitted = [
        np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        for pixels in scans
    ]
    return torch.from_numpy(np.stack(fitted))[:, None]


@dataclass(frozen=True)
class Checkpoints:
    """A folder with the state of one run, taken up only by the very same run.

    identity : all that decides the weights, pictures and labels included.
    """

    folder: Path
    identity: dict[str, object]

    def claim(self) -> None:
        """Make the folder this run's; TrainingError if it holds another run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.names():
            replace_json(self.folder / IDENTITY, self.identity)
        try:
            before = json.loads((self.folder / IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if before != self.identity:
            raise TrainingError(
                f"{self.folder} holds a run on other pictures or with other settings; "
                "remove that folder, or repeat that run."
            )

    def names(self) -> list[str]:
        """Names of the states saved, in order."""
        return sorted(path.stem for path in self.folder.glob(STATES))

    def load(self, name: str) -> dict[str, Tensor] | None:
        """The state saved under a name, or None."""
        path = self.folder / f"{name}.safetensors"
        if not path.is_file():
            return None
        try:
            return load_file(path)
        except (OSError, SafetensorError):
            raise TrainingError(f"{path} is damaged; remove its folder.") from None

    def save(self, name: str, state: Mapping[str, Tensor]) -> None:
        """Save a state in one step: a stop never leaves half of it."""
        fresh = self.folder / FRESH
        save_file({key: value.contiguous() for key, value in state.items()}, fresh)
        os.replace(fresh, self.folder / f"{name}.safetensors")

    def drop(self, name: str) -> None:
        """Remove a state."""
        (self.folder / f"{name}.safetensors").unlink()


def drop_checkpoints(folder: Path) -> None:
    """Remove a run's own files, and its folder if nothing else lies in it."""
    for file in (*folder.glob(STATES), folder / IDENTITY, folder / FRESH):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def run_identity(
    pictures: Tensor,
    labels: Sequence[str],
    patients: Sequence[str],
    spec: EncoderSpec,
    recipe: DataclassInstance,
) -> dict[str, object]:
    """All that decides the weights of a run, as JSON: pictures (n, 1, H, W), labels, settings."""
    data = hashlib.sha256(pictures.numpy().tobytes())
    data.update(json.dumps([list(labels), list(patients)]).encode())
    return {
        "recipe": asdict(recipe),
        "encoder": asdict(spec),
        "data": data.hexdigest(),
        "device": device(),
    }


def device() -> str:
    """Where training runs: a GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass
class _Run:
    """What changes from epoch to epoch."""

    recipe: Recipe
    network: PaperNetwork
    optimiser: torch.optim.Optimizer
    epoch: int = 0

    def save(self, checkpoints: Checkpoints) -> None:
        """Save network and optimiser, then drop the state before."""
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        for number, slots in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{number}.{k}": v for k, v in slots.items()}
        checkpoints.save(f"epoch-{self.epoch:04d}", state)
        for old in checkpoints.names()[:-1]:
            checkpoints.drop(old)

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go on from the newest state, if there is one."""
        checkpoints.claim()
        if not checkpoints.names():
            return
        newest = checkpoints.names()[-1]
        state = checkpoints.load(newest) or {}
        self.network.load_state_dict(
            {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        )
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser."):
                _, number, slot = name.split(".")
                slots.setdefault(int(number), {})[slot] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.epoch = int(newest.removeprefix("epoch-"))


def train(
    scans: Sequence[FloatImage],
    labels: Sequence[str],
    patients: Sequence[str],
    *,
    spec: EncoderSpec,
    recipe: Recipe,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.generic]]:
    """Train one network on scans (each (H, W) in [0, 1]); its weights as `to_tensors` gives them.

    The same scans, recipe and number of threads give the same weights on the
    same machine. With `checkpoints`, a stopped run goes on from its last epoch.
    """
    classes = class_numbers(labels)
    groups = np.unique(np.asarray(patients), return_inverse=True)[1]
    torch.manual_seed(recipe.seed)
    network = PaperNetwork(spec).to(device(), memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    pictures, change = stack(scans, spec), augmentation((spec.height, spec.width))
    run = _Run(recipe, network, optimiser)
    kept = None
    if checkpoints is not None:
        kept = Checkpoints(checkpoints, run_identity(pictures, labels, patients, spec, recipe))
        run.resume(kept)
    while run.epoch < recipe.epochs:
        loss = _epoch(run, pictures, torch.from_numpy(classes), groups, change)
        run.epoch += 1
        if kept is not None:
            run.save(kept)
        if progress is not None:
            progress(run.epoch, recipe.epochs, loss)
    return to_tensors(network.to(memory_format=torch.contiguous_format))


def _epoch(
    run: _Run,
    pictures: Tensor,
    classes: Tensor,
    groups: npt.NDArray[np.intp],
    change: torch.nn.Module,
) -> float:
    """One pass; the mean loss. Randomness follows from (seed, epoch): a resumed run agrees."""
    torch.manual_seed(run.recipe.seed * 100_003 + run.epoch)
    _set_learning_rate(run)
    where = next(run.network.parameters()).device
    losses = []
    for rows in batches(classes.numpy(), groups, run.recipe, run.epoch):
        batch = standardise(torch.stack([change(pictures[row]) for row in rows]))
        batch = batch.to(where, memory_format=torch.channels_last)
        with torch.autocast(where.type, torch.bfloat16):
            features = run.network(batch)
        loss = contrastive_loss(features.float(), classes[rows].to(where), run.recipe.margin)
        run.optimiser.zero_grad()
        loss.backward()
        run.optimiser.step()
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            raise TrainingError("The loss is no longer a number; use a smaller learning rate.")
    return float(np.mean(losses))


def _set_learning_rate(run: _Run) -> None:
    """A short rise, then a half cosine down to a hundredth: a function of the epoch alone."""
    done = run.epoch / max(run.recipe.epochs, 1)
    rise = min((run.epoch + 1) / 3, 1.0)
    fall = 0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2
    for group in run.optimiser.param_groups:
        group["lr"] = run.recipe.learning_rate * rise * fall
