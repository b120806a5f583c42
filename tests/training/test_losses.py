"""Losses against sums written out one by one."""

import itertools
import math

import numpy as np
import pytest
import torch

from retrieval.training.losses import contrastive_loss, supcon_plus_instance_loss


def test_contrastive_loss_is_that_of_the_pairs_one_by_one():
    random = np.random.default_rng(0)
    features = random.normal(size=(7, 5)).astype(np.float32)
    labels = [0, 1, 0, 2, 1, 0, 2]
    unit = features - features.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    same, apart = [], []
    for i, j in itertools.combinations(range(7), 2):
        distance = float(np.linalg.norm(unit[i] - unit[j]))
        if labels[i] == labels[j]:
            same.append(distance**2)
        else:
            apart.append(max(0.0, 1.3 - distance) ** 2)
    expected = np.mean(same) + np.mean(apart)
    found = contrastive_loss(torch.from_numpy(features), torch.tensor(labels), margin=1.3)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_contrastive_loss_has_a_gradient_even_for_two_equal_features():
    features = torch.ones(4, 3, requires_grad=True)
    contrastive_loss(
        features * torch.arange(4)[:, None], torch.tensor([0, 0, 1, 1]), 1.0
    ).backward()
    assert torch.isfinite(features.grad).all()


def test_two_fold_contrast_is_that_of_the_rows_one_by_one():
    random = np.random.default_rng(0)
    outputs = random.normal(size=(6, 4)).astype(np.float32)
    labels, owners = [0, 0, 1, 1, 0, 1], [0, 1, 2, 2, 0, 3]
    unit = np.tanh(outputs)
    unit -= unit.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)

    def contrast(groups):
        total = 0.0
        for i in range(6):
            others = [j for j in range(6) if j != i]
            log_sum = math.log(sum(math.exp(float(unit[i] @ unit[j]) / 0.4) for j in others))
            partners = [j for j in others if groups[j] == groups[i]]
            chances = [float(unit[i] @ unit[j]) / 0.4 - log_sum for j in partners]
            total -= sum(chances) / max(len(partners), 1)
        return total / 6

    found = supcon_plus_instance_loss(
        torch.from_numpy(outputs),
        torch.tensor(labels),
        torch.tensor(owners),
        temperature=0.4,
        instance=0.7,
    )
    assert found.item() == pytest.approx(contrast(labels) + 0.7 * contrast(owners), rel=1e-5)
