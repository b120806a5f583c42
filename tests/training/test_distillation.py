"""Lessons before labels: where the paper's network looks, and that it learns what it is shown."""

import numpy as np
import pytest
import torch

from retrieval.encoding.encoder import FIRST, REACH, STEP, PaperNetwork, spec_named
from retrieval.encoding.lite import imagenet_body
from retrieval.training import distillation
from retrieval.training.loop import stack
from retrieval.training.siamese import Recipe
from tests import small

SPEC = spec_named("small")


@pytest.fixture(scope="module")
def pictures():
    scans = [small.picture(label, seed) for seed in range(6) for label in small.LABELS]
    return stack([scan.astype(np.float32) / 255 for scan in scans], SPEC)


def test_a_position_of_the_last_map_looks_where_it_is_said_to():
    network = PaperNetwork(SPEC)
    picture = torch.rand(1, 1, SPEC.height, SPEC.width, requires_grad=True)
    for row, column in ((0, 0), (2, 3)):
        maps = network.stages(picture)
        (gradient,) = torch.autograd.grad(maps[0, :, row, column].sum(), picture)
        rows = torch.nonzero(gradient[0, 0].abs().sum(dim=1))[:, 0]
        columns = torch.nonzero(gradient[0, 0].abs().sum(dim=0))[:, 0]
        for seen, place in ((rows, row), (columns, column)):
            first = STEP * place
            assert first <= seen.min() and seen.max() < first + REACH
            assert FIRST + STEP * place == first + (REACH - 1) / 2


def test_the_teacher_is_read_where_the_pupil_looks():
    """A map that holds its own coordinates gives back the places asked for."""
    teacher = distillation.Teacher(imagenet_body(), SPEC)
    high, wide = 16, 20
    rows = (torch.arange(high) + 0.5) * SPEC.height / high - 0.5  # in pixels of the picture
    columns = (torch.arange(wide) + 0.5) * SPEC.width / wide - 0.5
    maps = torch.stack([rows[:, None].expand(high, wide), columns[None].expand(high, wide)])
    corners = torch.tensor([[3, 7], [0, 24]])
    found = teacher.at([maps[None].expand(2, 2, high, wide)], corners, (2, 4))
    assert found.shape == (2, 2, 2, 4)
    for number, (top, left) in enumerate(corners.tolist()):
        down = top + STEP * torch.arange(2) + FIRST
        across = left + STEP * torch.arange(4) + FIRST
        assert torch.allclose(found[number, 0], down[:, None].expand(2, 4), atol=1e-3)
        assert torch.allclose(found[number, 1], across[None].expand(2, 4), atol=1e-3)


def test_windows_are_parts_of_their_pictures():
    torch.manual_seed(0)
    batch = torch.rand(3, 1, 96, 160)
    corners, parts = distillation._windows(batch, 76, 80)
    assert parts.shape == (2 * 3, 1, 76, 80) and len(corners) == 2
    for number, part in enumerate(parts):
        top, left = corners[number // 3][number % 3].tolist()
        assert torch.equal(part, batch[number % 3, :, top : top + 76, left : left + 80])


def test_what_is_shown_again_and_again_is_learned(pictures):
    """By the paper's convolutions themselves: the layer for what is told is left away later."""
    torch.manual_seed(0)
    network = PaperNetwork(SPEC)
    before = [value.clone() for value in network.stages.state_dict().values()]
    task = distillation.lessons(network, pictures[:2], pictures[:0], Recipe(lesson_rate=2e-3))
    optimiser = torch.optim.AdamW(task.groups)
    errors = []
    for _ in range(60):
        torch.manual_seed(1)  # the same windows every time
        loss = task.loss(task.outputs(pictures[:2]), np.arange(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.6 * errors[0]
    after = network.stages.state_dict().values()
    assert not any(map(torch.equal, before, after))


def test_each_pass_shows_own_pictures_twice_and_others_once(pictures):
    task = distillation.lessons(PaperNetwork(SPEC), pictures[:5], pictures[5:12], Recipe(seed=2))
    shown = np.concatenate(list(task.draw(0)))
    assert np.bincount(shown).tolist() == [2] * 5 + [1] * 7
    again, other = np.concatenate(list(task.draw(0))), np.concatenate(list(task.draw(1)))
    assert np.array_equal(shown, again) and not np.array_equal(shown, other)


def test_what_is_taught_is_brought_to_one_scale(pictures):
    """Values at the places of whole pictures have mean 0 and spread 1."""
    task = distillation.lessons(PaperNetwork(SPEC), pictures, pictures[:0], Recipe())
    teacher = distillation.Teacher(imagenet_body(), SPEC)
    values = teacher.at(teacher.maps(pictures), torch.zeros(len(pictures), 2), (4, 12))
    scaled = (values - task.network.centre) / task.network.spread
    assert scaled.mean(dim=(0, 2, 3)).abs().max() < 1e-3
    varied = scaled.std(dim=(0, 2, 3))
    assert (varied <= 1.001).all() and varied.median() > 0.97  # what never varies is not blown up
