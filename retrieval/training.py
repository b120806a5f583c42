"""Train the paper's Siamese network: pairs and contrastive loss.

Both halves of a pair go through one network, so a step encodes a batch once
and takes every pair in it: a batch of 32 pictures is 496 pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retrieval.augmentation import augmentation, standardise
from retrieval.checkpoints import Checkpoints, device, digest, run_identity
from retrieval.encoder import (
    EncoderSpec,
    FloatImage,
    PaperNetwork,
    Tensors,
    from_tensors,
    to_tensors,
)
from retrieval.loop import Progress, Task, batches, check_limits, class_numbers, fit, stack


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


def train(
    scans: Sequence[FloatImage],
    labels: Sequence[str],
    patients: Sequence[str],
    *,
    spec: EncoderSpec,
    recipe: Recipe,
    start: Tensors | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.generic]]:
    """Train one network on scans (each (H, W) in [0, 1]); its weights as `to_tensors` gives them.

    `start` : weights of another run to begin with; random ones by default. The same
    scans, recipe and number of threads give the same weights on the same machine.
    With `checkpoints`, a stopped run goes on from its last epoch.
    """
    classes = class_numbers(labels)
    people = np.unique(np.asarray(patients), return_inverse=True)[1]
    pictures = stack(scans, spec)
    kept = None
    if checkpoints is not None:
        identity = run_identity(pictures, labels, patients, spec, recipe)
        kept = Checkpoints(checkpoints, {**identity, "start": digest(start or {})})
        kept.claim()
    torch.manual_seed(recipe.seed)
    network = PaperNetwork(spec)
    if start:
        network.load_state_dict(from_tensors(spec, start).network.state_dict())
    network = network.to(device(), memory_format=torch.channels_last)
    numbers = torch.from_numpy(classes).to(device())

    def outputs(batch: Tensor) -> Tensor:
        with torch.autocast(batch.device.type, torch.bfloat16):
            return network(standardise(batch))

    task = Task(
        network,
        [{"params": list(network.parameters()), "lr": recipe.learning_rate}],
        lambda epoch: batches(classes, people, recipe, epoch),
        augmentation((spec.height, spec.width)),
        outputs,
        lambda features, rows: contrastive_loss(features, numbers[rows], recipe.margin),
    )
    fit(task, pictures, recipe, checkpoints=kept, progress=progress)
    return to_tensors(network.to(memory_format=torch.contiguous_format))
