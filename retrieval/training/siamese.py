"""Train the paper's Siamese network: pairs and contrastive loss.

Both halves of a pair go through one network, so a step encodes a batch once and takes
every pair in it: a batch of 32 pictures is 496 pairs. With `recipe.instance` the loss
is `losses.supcon_plus_instance_loss` instead.

Layer 13 has a weight for every position of 128 maps, 282,880 for each feature: enough to
memorise a few hundred pictures. So during training all positions of a map share one
weight, and the result is written out as the paper's layer (`recipe.free` trains all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from retrieval.encoding.encoder import (
    CHANNELS,
    EncoderSpec,
    PaperNetwork,
    Tensors,
    from_tensors,
    to_tensors,
)
from retrieval.encoding.lite import laid_out
from retrieval.imaging.greys import FloatImage
from retrieval.training import distillation
from retrieval.training.augmentation import augmentation, sometimes_changed, standardise
from retrieval.training.checkpoints import Checkpoints, device, digest, run_identity
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
from retrieval.training.losses import contrastive_loss, supcon_plus_instance_loss

ENCODE_AT_ONCE = 16
CHANGED = 0.7  # share of the copies that are changed, if changes are mild
STRETCH = 1.3  # largest ratio of the sides of their crops, relative to the picture's


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, besides the pictures.

    epochs : with 0, the network stays as it started, or as distillation left it.
    instance : with 0, the paper's pairs and `margin`; else the weight of the instance contrast
        beside the label contrast, at `temperature`, with two copies of each picture (`losses`).
    mild : pictures are changed as little as for a pretrained network.
    lessons : distillation epochs before the others, without labels (`distillation`);
        lesson_rate : their learning rate.
    free : each position has its own weights in layer 13, from the start.
    """

    epochs: int = 24
    batch: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    margin: float = 1.0
    instance: float = 0.0
    temperature: float = 0.2
    mild: bool = False
    lessons: int = 0
    lesson_rate: float = 1e-3
    free: bool = False
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
                "instance": (0.0, 10.0),
                "temperature": (1e-3, 10.0),
                "mild": (False, True),
                "lessons": (0, 10_000),
                "lesson_rate": (1e-8, 1.0),
                "free": (False, True),
                "seed": (0, 2**32 - 1),
            },
        )


class MapMeans(nn.Module):
    """The paper's network with one weight a map in layer 13: (B, 1, H, W) -> (B, features).

    Means over the maps' positions are first brought to mean 0 and spread 1. A spread below a
    tenth of the median is raised to it, so that nearly constant maps are not amplified.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, network: PaperNetwork) -> None:
        super().__init__()
        self.stages = network.stages
        self.register_buffer("centre", torch.zeros(CHANNELS[-1]))
        self.register_buffer("spread", torch.ones(CHANNELS[-1]))
        self.full = nn.Linear(CHANNELS[-1], network.full.out_features)

    def means(self, pictures: Tensor) -> Tensor:
        """Means (B, 128) of the last maps, as they are."""
        maps: Tensor = self.stages(pictures)
        return maps.float().mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Features (B, rows) of pictures (B, 1, H, W)."""
        features: Tensor = self.full((self.means(pictures) - self.centre) / self.spread)
        return features

    @torch.no_grad()
    def even_out(self, means: Tensor) -> None:
        """Set centre and spread by the means (n, 128) of the training pictures."""
        spread = means.std(dim=0)
        self.centre.copy_(means.mean(dim=0))
        self.spread.copy_(spread.clamp_min(0.1 * spread.median()).clamp_min(1e-6))

    @torch.no_grad()
    def take(self, layer: nn.Linear) -> None:
        """Start from the paper's layer 13, averaged over positions."""
        weights = layer.weight.view(len(layer.weight), CHANNELS[-1], -1).sum(dim=2)
        self.full.weight.copy_(weights * self.spread)
        self.full.bias.copy_(layer.bias + weights @ self.centre)

    @torch.no_grad()
    def written_out(self, spec: EncoderSpec) -> PaperNetwork:
        """The paper's network with the very same features.

        The last convolution takes over the division by the spread, which a ReLU allows. In
        layer 13 all weights of a row are rounded with one scale, so very different spreads
        would lose the small ones.
        """
        network = PaperNetwork(spec, self.full.out_features)
        network.stages.load_state_dict(self.stages.state_dict())
        last = [stage for stage in network.stages if isinstance(stage, nn.Conv2d)][-1]
        assert last.bias is not None
        last.weight.div_(self.spread[:, None, None, None])
        last.bias.div_(self.spread)
        weights, positions = self.full.weight, network.map_size[0] * network.map_size[1]
        network.full.weight.copy_((weights / positions).repeat_interleave(positions, dim=1))
        network.full.bias.copy_(self.full.bias - weights @ (self.centre / self.spread))
        return network


def train(
    scans: Sequence[FloatImage],
    labels: Sequence[str],
    patients: Sequence[str],
    *,
    spec: EncoderSpec,
    recipe: Recipe,
    start: Tensors | None = None,
    beside: Sequence[FloatImage] = (),
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.generic]]:
    """Train one network on scans (each (H, W) in [0, 1]); its weights as `to_tensors` gives them.

    start : weights to start from; random ones by default. beside : unlabelled scans, for
    distillation only. Equal arguments and an equal number of threads give equal weights on one
    machine. With `checkpoints`, a stopped run continues after its last pass.
    """
    classes = class_numbers(labels)
    people = np.unique(np.asarray(patients), return_inverse=True)[1]
    pictures = stack(scans, spec)
    others = stack(beside, spec) if len(beside) else pictures[:0]
    kept = None
    if checkpoints is not None:
        identity = run_identity(pictures, labels, patients, spec, recipe)
        more = {"start": digest(start or {}), "beside": digest({"pictures": others.numpy()})}
        kept = Checkpoints(checkpoints, {**identity, **more})
        kept.claim()
    torch.manual_seed(recipe.seed)
    network = PaperNetwork(spec)
    if start:
        network.load_state_dict(from_tensors(spec, start).network.state_dict())
    network = laid_out(network.to(device()), torch.channels_last)
    counted = _counted(progress, recipe)
    if recipe.lessons and (kept is None or not kept.names("epoch")):
        task = distillation.lessons(network, pictures, others, recipe)
        rounds = replace(recipe, epochs=recipe.lessons)
        together = torch.cat([pictures, others]) if len(others) else pictures
        fit(task, together, rounds, checkpoints=kept, progress=counted(0))
    if not (recipe.epochs or recipe.lessons):
        return to_tensors(laid_out(network, torch.contiguous_format))
    torch.manual_seed(recipe.seed)  # the same if the run was stopped after distillation
    learner: PaperNetwork | MapMeans = network
    if not recipe.free:
        learner = _shared(network, pictures, begun=bool(start))
    task = _task(learner, classes, people, spec, recipe)
    fit(task, pictures, recipe, checkpoints=kept, progress=counted(recipe.lessons))
    trained = learner.cpu().written_out(spec) if isinstance(learner, MapMeans) else learner
    return to_tensors(laid_out(trained, torch.contiguous_format))


def _counted(progress: Progress | None, recipe: Recipe) -> Callable[[int], Progress | None]:
    """Progress of all passes, for a stage that begins after so many."""

    def after(before: int) -> Progress | None:
        if progress is None:
            return None
        whole = recipe.lessons + recipe.epochs
        return lambda done, _, loss: progress(before + done, whole, loss)

    return after


def _task(
    learner: PaperNetwork | MapMeans,
    classes: npt.NDArray[np.intp],
    people: npt.NDArray[np.intp],
    spec: EncoderSpec,
    recipe: Recipe,
) -> Task:
    numbers = torch.from_numpy(classes).to(device())

    def draw(epoch: int) -> Iterator[Rows]:
        return batches(classes, people, recipe, epoch, copies=2 if recipe.instance else 1)

    def outputs(batch: Tensor) -> Tensor:
        with torch.autocast(batch.device.type, torch.bfloat16):
            features: Tensor = learner(standardise(batch))
            return features

    def loss(features: Tensor, rows: Rows) -> Tensor:
        if not recipe.instance:
            return contrastive_loss(features, numbers[rows], recipe.margin)
        return supcon_plus_instance_loss(
            features,
            numbers[rows],
            torch.from_numpy(rows).to(numbers),
            temperature=recipe.temperature,
            instance=recipe.instance,
        )

    groups = [{"params": list(learner.parameters()), "lr": recipe.learning_rate}]
    return Task(learner, groups, draw, _changes(spec, recipe), outputs, loss)


def _changes(spec: EncoderSpec, recipe: Recipe) -> nn.Module:
    size = (spec.height, spec.width)
    if recipe.mild:
        return sometimes_changed(size, CHANGED, STRETCH)
    return augmentation(size)


@torch.no_grad()
def _shared(network: PaperNetwork, pictures: Tensor, *, begun: bool) -> MapMeans:
    """The network with one weight a map; it starts from layer 13 if that is trained (`begun`)."""
    learner = laid_out(MapMeans(network).to(device()), torch.channels_last)
    parts = []
    for first in range(0, len(pictures), ENCODE_AT_ONCE):
        some = standardise(pictures[first : first + ENCODE_AT_ONCE].to(device()))
        with torch.autocast(some.device.type, torch.bfloat16):
            parts.append(learner.means(some.contiguous(memory_format=torch.channels_last)))
    learner.even_out(torch.cat(parts))
    if begun:
        learner.take(network.full)
    return learner
