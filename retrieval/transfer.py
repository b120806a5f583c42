"""Train only the last layer of a pretrained network, so that its bits mean two things at once.

Pictures with one label are drawn together (supervised contrast: Khosla et al.,
NeurIPS 2020), and so are two changed copies of one picture (instance contrast:
Chen et al., ICML 2020). The second keeps neighbours alike in looks where the
first alone would fold a label into one point. Outputs pass through tanh while
training, so that their signs, the bits, carry what they carry.

The body never changes: its pooled maps of every changed copy are computed once
and kept, and the layer itself then trains in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.augmentation import augmentation
from retrieval.encoder import EncoderSpec, FloatImage, prepare, to_tensors
from retrieval.errors import TrainingError
from retrieval.lite import LiteNetwork, imagenet_body
from retrieval.training import Checkpoints, check_limits, class_numbers, run_identity, stack

Progress = Callable[..., None]  # passes over the pictures done, in all, at the end the mean loss

ENCODE_AT_ONCE = 8


@dataclass(frozen=True)
class TransferRecipe:
    """Everything that decides a transferred model, besides the pictures.

    passes : changed copies of every picture; unchanged : share of the rows of a
    batch that are the picture as it is; instance : weight of the instance
    contrast beside the label contrast.
    """

    passes: int = 6
    unchanged: float = 0.5
    epochs: int = 40
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    temperature: float = 0.2
    instance: float = 0.3
    dropout: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        """SettingError for a value that no run can use."""
        check_limits(
            self,
            {
                "passes": (1, 1000),
                "unchanged": (0.0, 1.0),
                "epochs": (0, 10_000),
                "batch": (4, 4096),
                "learning_rate": (1e-8, 1.0),
                "weight_decay": (0.0, 1.0),
                "temperature": (1e-3, 10.0),
                "instance": (0.0, 10.0),
                "dropout": (0.0, 0.9),
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
    """A network with ImageNet's body and a trained last layer; weights as `to_tensors` gives them.

    With `checkpoints`, a stopped run goes on from its last pass over the pictures.
    """
    classes = class_numbers(labels)
    network = LiteNetwork(spec.features)
    network.body = imagenet_body().to(memory_format=torch.channels_last)
    pictures = stack(scans, spec)
    kept = None
    if checkpoints is not None:
        kept = Checkpoints(checkpoints, run_identity(pictures, labels, patients, spec, recipe))
        kept.claim()
    clean = _clean(network, scans, spec)
    passes = []
    for number in range(recipe.passes):
        name = f"pass-{number:04d}"
        found = kept.load(name) if kept else None
        if found is None:
            found = {"pooled": _changed(network, pictures, spec, (recipe.seed, number))}
            if kept:
                kept.save(name, found)
        passes.append(found["pooled"])
        if progress is not None and number + 1 < recipe.passes:
            progress(number + 1, recipe.passes)
    pooled = torch.stack([clean, *passes], dim=1)  # (n, 1 + passes, POOLED)
    loss = _fit(network.full, pooled, torch.from_numpy(classes), recipe)
    if progress is not None:
        progress(recipe.passes, recipe.passes, loss)
    return to_tensors(network)


@torch.inference_mode()
def _clean(network: LiteNetwork, scans: Sequence[FloatImage], spec: EncoderSpec) -> Tensor:
    """Pooled maps (n, POOLED) of the pictures as they will be served, mirror image and all."""
    rows = []
    for scan in scans:
        picture = torch.from_numpy(prepare(scan, spec))[None, None]
        rows.append((network.pooled(picture) + network.pooled(picture.flip(3))) / 2)
    return torch.cat(rows)


@torch.inference_mode()
def _changed(
    network: LiteNetwork, pictures: Tensor, spec: EncoderSpec, seed: tuple[int, int]
) -> Tensor:
    """Pooled maps (n, POOLED) of one changed copy of every picture (n, 1, H, W)."""
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    change = augmentation((spec.height, spec.width))
    rows = []
    for start in range(0, len(pictures), ENCODE_AT_ONCE):
        copies = torch.stack([change(one) for one in pictures[start : start + ENCODE_AT_ONCE]])
        rows.append(network.pooled((copies * 2 - 1).contiguous(memory_format=torch.channels_last)))
    return torch.cat(rows)


def _fit(layer: nn.Linear, pooled: Tensor, classes: Tensor, recipe: TransferRecipe) -> float:
    """Train `layer` on pooled maps (n, copies, POOLED) and fold their normalisation into it."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    flat = pooled.flatten(0, 1)
    mean, spread = flat.mean(dim=0), flat.std(dim=0) + 1e-3
    pooled = ((pooled - mean) / spread).clone()  # out of inference mode
    layer.reset_parameters()
    optimiser = torch.optim.AdamW(
        layer.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(recipe.epochs, 1))
    loss = 0.0
    for _ in range(recipe.epochs):
        loss = _epoch(layer, pooled, classes, recipe, optimiser, random)
        schedule.step()
    with torch.no_grad():
        layer.weight /= spread
        layer.bias -= layer.weight @ mean
    return loss


def _epoch(
    layer: nn.Linear,
    pooled: Tensor,
    classes: Tensor,
    recipe: TransferRecipe,
    optimiser: torch.optim.Optimizer,
    random: np.random.Generator,
) -> float:
    """One pass over all pictures, two copies of each at a time; the mean loss."""
    size = min(recipe.batch, len(pooled))
    order = random.permutation(len(pooled))
    losses = []
    for start in range(0, len(order) - size + 1, size):
        rows = np.tile(order[start : start + size], 2)
        changed = random.random(len(rows)) >= recipe.unchanged
        copies = changed * random.integers(1, pooled.shape[1], len(rows))  # copy 0 is unchanged
        chosen = nn.functional.dropout(pooled[rows, copies], recipe.dropout)
        owners = torch.from_numpy(rows)
        loss = two_fold_contrast(torch.tanh(layer(chosen)), classes[owners], owners, recipe)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    if not np.isfinite(losses).all():
        raise TrainingError("The loss is no longer a number; use a smaller learning rate.")
    return float(np.mean(losses))


def two_fold_contrast(
    outputs: Tensor, labels: Tensor, owners: Tensor, recipe: TransferRecipe
) -> Tensor:
    """Label contrast plus `recipe.instance` times instance contrast of outputs (B, d).

    `labels` (B,) and `owners` (B,), the picture each row was made from. For each
    row: minus the mean log-probability of its partners under a softmax of
    cosines over all other rows.
    """
    unit = nn.functional.normalize(outputs - outputs.mean(dim=0), dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool)
    logits = (unit @ unit.T / recipe.temperature).masked_fill(itself, float("-inf"))
    log_chance = logits - torch.logsumexp(logits, dim=1, keepdim=True)

    def contrast(groups: Tensor) -> Tensor:
        partners = (groups[:, None] == groups) & ~itself
        sums = torch.where(partners, log_chance, 0.0).sum(dim=1)
        return -(sums / partners.sum(dim=1).clamp_min(1)).mean()

    return contrast(labels) + recipe.instance * contrast(owners)
