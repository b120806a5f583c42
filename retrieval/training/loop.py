"""The training loop of all encoders: seeds, batches, schedule, resuming.

A `Task` holds what differs between encoders: network, loss and changes to the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.encoding.encoder import EncoderSpec, seen
from retrieval.errors import DataError, SettingError, TrainingError
from retrieval.imaging.greys import FloatImage
from retrieval.training.checkpoints import Checkpoints

Rows: TypeAlias = npt.NDArray[np.intp]
Progress: TypeAlias = Callable[[int, int, float], None]  # epochs done, epochs in all, mean loss


class Settings(Protocol):
    """The fields of a recipe that the loop reads."""

    @property
    def epochs(self) -> int:
        """Passes over the pictures."""

    @property
    def batch(self) -> int:
        """Pictures in a batch, before copies."""

    @property
    def weight_decay(self) -> float:
        """Weight decay of AdamW."""

    @property
    def seed(self) -> int:
        """The start of everything random."""


@dataclass(frozen=True, eq=False)
class Task:
    """One thing to train.

    groups : the parameters, each group {"params": ..., "lr": highest learning rate}.
    draw : epoch -> the rows of each of its batches. change : a picture (1, H, W)
    in [0, 1] -> a changed copy. outputs : changed pictures (B, 1, H, W) -> (B, d).
    loss : outputs and their rows -> one number. stage : names its states, where a run has several.
    """

    network: nn.Module
    groups: list[dict[str, Any]]
    draw: Callable[[int], Iterator[Rows]]
    change: nn.Module
    outputs: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Rows], Tensor]
    stage: str = "epoch"


@dataclass
class _Run:
    """The state of a run, which changes from epoch to epoch."""

    task: Task
    recipe: Settings
    optimiser: torch.optim.Optimizer
    epoch: int = 0

    def save(self, checkpoints: Checkpoints) -> None:
        """Save network and optimiser, then drop the previous state."""
        state = {f"network.{k}": v for k, v in self.task.network.state_dict().items()}
        for number, slots in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser.{number}.{k}": v for k, v in slots.items()}
        name = f"{self.task.stage}-{self.epoch:04d}"
        checkpoints.save(name, state)
        for old in checkpoints.names():
            if old != name:
                checkpoints.drop(old)

    def resume(self, checkpoints: Checkpoints) -> None:
        """Go on from the newest state, if there is one."""
        names = checkpoints.names(self.task.stage)
        if not names:
            return
        newest = names[-1]
        state = checkpoints.load(newest) or {}
        self.task.network.load_state_dict(
            {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        )
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser."):
                _, number, slot = name.split(".")
                slots.setdefault(int(number), {})[slot] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.epoch = int(newest.removeprefix(f"{self.task.stage}-"))


def fit(
    task: Task,
    pictures: Tensor,
    recipe: Settings,
    *,
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
) -> None:
    """Train `task.network` on pictures (n, 1, H, W) in [0, 1] for all epochs of the recipe."""
    groups = [dict(group) for group in task.groups]  # the optimiser writes into them
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    run = _Run(task, recipe, optimiser)
    if checkpoints is not None:
        run.resume(checkpoints)
    while run.epoch < recipe.epochs:
        loss = _epoch(run, pictures)
        run.epoch += 1
        if checkpoints is not None:
            run.save(checkpoints)
        if progress is not None:
            progress(run.epoch, recipe.epochs, loss)


def _epoch(run: _Run, pictures: Tensor) -> float:
    """Train one epoch; returns its mean loss. The seed of an epoch makes a resumed run the same."""
    task = run.task
    torch.manual_seed(run.recipe.seed * 100_003 + run.epoch)
    where = next(task.network.parameters()).device
    losses = []
    drawn = list(task.draw(run.epoch))
    for step, rows in enumerate(drawn):
        _set_learning_rate(run, step / len(drawn))
        batch = torch.stack([task.change(pictures[row]) for row in rows])
        outputs = task.outputs(batch.to(where, memory_format=torch.channels_last))
        loss = task.loss(outputs.float(), rows)
        run.optimiser.zero_grad()
        torch.autograd.backward(loss)
        run.optimiser.step()
        losses.append(loss.item())
        if not np.isfinite(losses[-1]):
            raise TrainingError("The loss is no longer a number; use a smaller learning rate.")
    return float(np.mean(losses))


def _set_learning_rate(run: _Run, part: float) -> None:
    """A rise within the first epoch, then a half cosine down to a hundredth."""
    done = (run.epoch + part) / run.recipe.epochs
    rise = 0.05 + 0.95 * min(run.epoch + part, 1.0)
    fall = 0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2
    for group, wanted in zip(run.optimiser.param_groups, run.task.groups, strict=True):
        group["lr"] = wanted["lr"] * rise * fall


def spoken(name: str) -> str:
    """A field of a recipe as the command line calls it."""
    return "distillation epochs" if name == "lessons" else name.replace("_", " ")


def check_limits(recipe: object, limits: Mapping[str, tuple[float, float]]) -> None:
    """SettingError for the first field of a recipe outside its limits, both included."""
    for name, (low, high) in limits.items():
        value = getattr(recipe, name)
        if not low <= value <= high:
            raise SettingError(
                f"{spoken(name).capitalize()} must lie between {low:g} and {high:g}, not {value}."
            )


def class_numbers(labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """Labels (n,) as numbers from 0; DataError if there is only one label to learn."""
    numbers = np.unique(np.asarray(labels), return_inverse=True)[1]
    if numbers.max(initial=0) == 0:
        raise DataError("Training needs pictures of at least two labels in the train split.")
    return numbers


def batches(
    labels: npt.NDArray[np.intp],
    patients: npt.NDArray[np.intp],
    recipe: Settings,
    epoch: int,
    copies: int = 1,
) -> Iterator[Rows]:
    """Rows of each batch of one epoch: as many of each label, each patient once if possible.

    Slices of one patient look alike, so drawing patients first keeps the network from
    learning persons instead of findings. Each label draws its own patients, so a patient
    with two labels may come twice. A batch holds its rows `copies` times, and each copy of
    a picture is changed differently.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    classes = np.unique(labels)
    each = max(recipe.batch // len(classes), 2)
    rows_of = {patient: np.flatnonzero(patients == patient) for patient in np.unique(patients)}
    patients_of = [np.unique(patients[labels == label]) for label in classes]
    for _ in range(max(len(labels) // (each * len(classes)), 1)):
        rows = [
            random.choice(rows_of[patient][labels[rows_of[patient]] == label])
            for label, group in zip(classes, patients_of, strict=True)
            for patient in random.choice(group, each, replace=len(group) < each)
        ]
        yield np.tile(np.array(rows), copies)


def stack(scans: Sequence[FloatImage], spec: EncoderSpec) -> Tensor:
    """Scans of any size as one tensor (n, 1, spec.height, spec.width) in [0, 1]."""
    return torch.from_numpy(np.stack([seen(pixels, spec) for pixels in scans]))[:, None]
