"""Train a pretrained network further, by a loss of two parts (`losses`).

The layer of the learned features is first trained alone: its random start would
disturb the body. A second part of the features stays unsupervised, on the frozen
ImageNet backbone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.encoding.encoder import EncoderSpec, to_tensors
from retrieval.encoding.lite import (
    FIXED_BLOCKS,
    POOLED,
    Learner,
    LiteNetwork,
    imagenet_body,
    laid_out,
    pool,
)
from retrieval.imaging.greys import FloatImage
from retrieval.training import itq
from retrieval.training.augmentation import sometimes_changed
from retrieval.training.checkpoints import Checkpoints, device, run_identity
from retrieval.training.loop import (
    Progress,
    Rows,
    Task,
    batches,
    check_limits,
    class_numbers,
    fit,
    stack,
)
from retrieval.training.losses import supcon_plus_instance_loss

ENCODE_AT_ONCE = 16
WARM_UP_STEPS = 60


@dataclass(frozen=True)
class TransferRecipe:
    """Everything that decides a transferred model, besides the pictures.

    epochs : with 0, the learned features are random projections of ImageNet's.
    learning_rate : of the body's trained stages; head_rate : of the last layer.
    unchanged : share of the copies in a batch that are the picture as it is.
    instance : weight of the instance contrast beside the label contrast.
    stretch : largest ratio of the sides of a changed crop. Pictures that were squashed to
        squares need a larger one, because the squashing of a picture may tell its label.
    texture : share of the changed copies that get another sharpness and grain; half of those are
        compressed too.
    """

    epochs: int = 8
    batch: int = 32
    learning_rate: float = 2e-4
    head_rate: float = 1e-3
    weight_decay: float = 1e-2
    unchanged: float = 0.3
    temperature: float = 0.2
    instance: float = 0.3
    dropout: float = 0.3
    stretch: float = 1.18
    texture: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """SettingError for a value that no run can use."""
        check_limits(
            self,
            {
                "epochs": (0, 10_000),
                "batch": (4, 4096),
                "learning_rate": (0.0, 1.0),
                "head_rate": (1e-8, 1.0),
                "weight_decay": (0.0, 1.0),
                "unchanged": (0.0, 1.0),
                "temperature": (1e-3, 10.0),
                "instance": (0.0, 10.0),
                "dropout": (0.0, 0.9),
                "stretch": (1.0, 3.0),
                "texture": (0.0, 1.0),
                "seed": (0, 2**32 - 1),
            },
        )


def transfer(
    scans: Sequence[FloatImage],
    labels: Sequence[str],
    patients: Sequence[str],
    *,
    spec: EncoderSpec,
    recipe: TransferRecipe,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.generic]]:
    """Train a network from ImageNet's weights; its weights as `to_tensors` gives them.

    Seeds and checkpoints as in `siamese.train`.
    """
    classes = class_numbers(labels)
    pictures = stack(scans, spec)
    kept = None
    if checkpoints is not None:
        kept = Checkpoints(checkpoints, run_identity(pictures, labels, patients, spec, recipe))
        kept.claim()
    torch.manual_seed(recipe.seed)
    network = Learner(spec.features - spec.kept)
    network.body = imagenet_body()
    network = laid_out(network.to(device()), torch.channels_last)
    people = np.unique(np.asarray(patients), return_inverse=True)[1]
    task = _task(network, classes, people, spec, recipe)
    if kept is None or not kept.names():
        pooled = _centred(network, pictures)
        if recipe.epochs:
            _warm_up(network, task, pooled, recipe)
    fit(task, pictures, recipe, checkpoints=kept, progress=progress)
    return to_tensors(both_views(network.cpu(), pictures, spec, seed=recipe.seed))


def _task(
    network: Learner, classes: Rows, people: Rows, spec: EncoderSpec, recipe: TransferRecipe
) -> Task:
    trained = list(network.body.blocks[FIXED_BLOCKS:].requires_grad_(True).parameters())
    groups = [
        {"params": trained, "lr": recipe.learning_rate},
        {"params": list(network.full.parameters()), "lr": recipe.head_rate},
    ]
    numbers = torch.from_numpy(classes).to(device())

    def draw(epoch: int) -> Iterator[Rows]:
        return batches(classes, people, recipe, epoch, copies=2)

    def outputs(copies: Tensor) -> Tensor:
        with torch.autocast(copies.device.type, torch.bfloat16):
            pooled = network.pooled(copies * 2 - 1)
        return _outputs(network, pooled.float(), recipe)

    def loss(outputs: Tensor, rows: Rows) -> Tensor:
        owners = torch.from_numpy(rows).to(outputs.device)
        return supcon_plus_instance_loss(
            outputs,
            numbers[rows],
            owners,
            temperature=recipe.temperature,
            instance=recipe.instance,
        )

    size = (spec.height, spec.width)
    change = sometimes_changed(size, 1 - recipe.unchanged, recipe.stretch, recipe.texture)
    return Task(network, groups, draw, change, outputs, loss)


def _outputs(network: Learner, pooled: Tensor, recipe: TransferRecipe) -> Tensor:
    features: Tensor = network.full(nn.functional.dropout(pooled, recipe.dropout))
    return features


@torch.no_grad()
def _centred(network: Learner, pictures: Tensor) -> Tensor:
    """Pooled values (n, POOLED) of the unchanged pictures, centred; sets the network's centre."""
    pooled = _pooled(network, pictures)
    network.centre.copy_(pooled.mean(dim=0))
    network.spread.copy_(pooled.std(dim=0) + 1e-3)
    return (pooled - network.centre) / network.spread


def _warm_up(network: Learner, task: Task, pooled: Tensor, recipe: TransferRecipe) -> None:
    """Train the last layer alone on centred values (n, POOLED)."""
    optimiser = torch.optim.AdamW(
        network.full.parameters(), lr=recipe.head_rate, weight_decay=recipe.weight_decay
    )
    epoch, steps = 0, 0
    while steps < WARM_UP_STEPS:
        for rows in task.draw(epoch):
            loss = task.loss(_outputs(network, pooled[rows], recipe), rows)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            steps += 1
        epoch += 1


@torch.no_grad()
def both_views(learner: Learner, pictures: Tensor, spec: EncoderSpec, *, seed: int) -> LiteNetwork:
    """The network to serve: the trained view, and the view of the frozen backbone.

    The second is quantised without labels (`itq`) on the training pictures (n, 1, H, W).
    """
    network = LiteNetwork(spec.features)
    network.body = laid_out(learner.body, torch.contiguous_format)
    untouched = imagenet_body()
    network.still = untouched.blocks[FIXED_BLOCKS:]
    seen = torch.cat(
        [
            pool(untouched.front(picture[None] * 2 - 1), network.still)
            + pool(untouched.front(picture[None].flip(3) * 2 - 1), network.still)
            for picture in pictures
        ]
    )
    seen = seen / 2  # the mean with the mirror image, as `LiteNetwork` serves it
    centre, spread = seen.mean(dim=0), seen.std(dim=0) + 1e-3
    network.centre.copy_(torch.cat([learner.centre, centre]))
    network.spread.copy_(torch.cat([learner.spread, spread]))
    learned = spec.features - spec.kept
    rows = itq.projection(((seen - centre) / spread).numpy(), spec.kept, seed=seed)
    network.full.weight.zero_()
    network.full.weight[:learned, :POOLED] = learner.full.weight
    network.full.weight[learned:, POOLED:] = torch.from_numpy(rows)
    network.full.bias.zero_()
    network.full.bias[:learned] = learner.full.bias
    return network


@torch.no_grad()
def _pooled(network: Learner, pictures: Tensor) -> Tensor:
    """Pooled maps (n, POOLED) of pictures (n, 1, H, W) in [0, 1]."""
    where = network.centre.device
    parts = []
    for start in range(0, len(pictures), ENCODE_AT_ONCE):
        some = pictures[start : start + ENCODE_AT_ONCE].to(where, memory_format=torch.channels_last)
        with torch.autocast(where.type, torch.bfloat16):
            parts.append(network.pooled(some * 2 - 1).float())
    return torch.cat(parts)
