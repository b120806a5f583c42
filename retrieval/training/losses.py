"""Losses: pictures of one label close together, and similar pictures as well."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def contrastive_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Contrastive loss over all pairs of features (B, d) with labels (B,), as one number.

    Hadsell, Chopra, LeCun, CVPR 2006: d^2 for a pair with equal labels, and
    max(0, margin - d)^2 for a pair with different ones, where d is the Euclidean distance.
    Both kinds of pair weigh the same. Features are first centred on the batch and scaled
    to length 1, so that the margin means the same at every step.
    """
    unit = nn.functional.normalize(features - features.mean(dim=0), dim=1)
    first, second = torch.triu_indices(len(unit), len(unit), offset=1)
    squared = (unit[first] - unit[second]).square().sum(dim=1)  # (B (B - 1) / 2,)
    same = labels[first] == labels[second]
    apart = (margin - (squared + 1e-12).sqrt()).clamp_min(0).square()
    return squared[same].mean() + apart[~same].mean()


def supcon_plus_instance_loss(
    outputs: Tensor, labels: Tensor, owners: Tensor, *, temperature: float, instance: float
) -> Tensor:
    """Label contrast plus `instance` times instance contrast of outputs (B, d), as one number.

    The loss attracts pictures with one label (supervised contrast: Khosla et al., NeurIPS
    2020) and two changed copies of one picture (Chen et al., ICML 2020). The second part keeps
    similar pictures close, where the first alone would collapse a label to one point.

    `labels` (B,); `owners` (B,), the picture that each row was made from. The loss of a row is
    minus the mean log-probability of its partners under a softmax of cosines over all other
    rows. Outputs first go through tanh and are centred on the batch, so that no outlier
    dominates a feature that is later cut to one bit.
    """
    outputs = torch.tanh(outputs)
    unit = nn.functional.normalize(outputs - outputs.mean(dim=0), dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    logits = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    log_chance = logits - torch.logsumexp(logits, dim=1, keepdim=True)

    def contrast(groups: Tensor) -> Tensor:
        partners = (groups[:, None] == groups) & ~itself
        sums = torch.where(partners, log_chance, 0.0).sum(dim=1)
        return -(sums / partners.sum(dim=1).clamp_min(1)).mean()

    return contrast(labels) + instance * contrast(owners)
