"""Transfer: what is trained, seeds, and going on after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.encoding.encoder import EncoderSpec, from_tensors, prepare
from retrieval.encoding.lite import FIXED_BLOCKS, POOLED, imagenet_body
from retrieval.errors import SettingError, TrainingError
from retrieval.training.transfer import TransferRecipe, transfer
from tests import small

SPEC = EncoderSpec("lite", 64, 64, 24, pretrained=True, kept=8)  # a smaller picture, for speed
RECIPE = TransferRecipe(epochs=2, batch=8)


@pytest.fixture(scope="module")
def drawn():
    made = [(label, seed) for seed in range(8) for label in small.LABELS]
    scans = [small.picture(label, seed).astype(np.float32) / 255 for label, seed in made]
    labels = [label for label, _ in made]
    return scans, labels, [f"{label}-{seed}" for label, seed in made]


def run(drawn, recipe=RECIPE, **options):
    return transfer(*drawn, spec=SPEC, recipe=recipe, **options)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_a_seed_reproduces_a_run_and_another_does_not(drawn):
    one = run(drawn)
    assert same(one, run(drawn))
    assert not same(one, run(drawn, TransferRecipe(epochs=2, batch=8, seed=1)))


def test_a_stopped_run_goes_on_to_the_same_weights(drawn, tmp_path):
    def stop(done, total, loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(drawn, checkpoints=tmp_path, progress=stop)
    assert len(list(tmp_path.glob("epoch-*"))) == 1
    assert same(run(drawn), run(drawn, checkpoints=tmp_path))
    scans, labels, patients = drawn
    with pytest.raises(TrainingError, match="other pictures"):
        run((scans, labels[::-1], patients), checkpoints=tmp_path)


def test_first_stages_keep_their_imagenet_weights_and_the_others_learn(drawn):
    trained = run(drawn)
    body = imagenet_body().state_dict()
    for name, array in trained.items():
        if not name.startswith("body."):
            continue
        before = body[name.removeprefix("body.")].numpy().astype(np.float16)
        block = int(name.split(".")[2]) if name.startswith("body.blocks") else -1
        assert np.array_equal(array, before) == (block < FIXED_BLOCKS), name


def test_beside_what_is_learned_stands_a_view_that_no_label_has_touched(drawn):
    scans, labels, patients = drawn
    one = run(drawn)
    other = run((scans, labels[1:] + labels[:1], patients))
    assert not np.array_equal(one["full.weight"][:16], other["full.weight"][:16])
    assert np.array_equal(one["full.weight"][16:], other["full.weight"][16:])
    assert not one["full.weight"][:16, POOLED:].any() and not one["full.weight"][16:, :POOLED].any()
    body = imagenet_body().state_dict()
    for name, array in one.items():
        if name.startswith("still."):
            _, block, rest = name.split(".", 2)
            before = body[f"blocks.{int(block) + FIXED_BLOCKS}.{rest}"].numpy()
            assert np.array_equal(array, before.astype(np.float16)), name


def test_both_views_are_centred_on_the_training_pictures(drawn):
    encoder = from_tensors(SPEC, run(drawn, TransferRecipe(epochs=0)))
    pictures = torch.from_numpy(np.stack([prepare(scan, SPEC) for scan in drawn[0]]))[:, None]
    with torch.inference_mode():
        pooled = (encoder.network.pooled(pictures) + encoder.network.pooled(pictures.flip(3))) / 2
    learned, kept = pooled[:, :POOLED], pooled[:, POOLED:]
    assert kept.mean(dim=0).abs().max() < 0.1
    assert learned.mean(dim=0).abs().median() < 0.3  # in 16 bits and without the mirror image
    for view in (learned, kept):
        assert 0.7 < view.std(dim=0).median() < 1.2


def test_no_epoch_leaves_imagenet_as_it_is(drawn):
    """Nothing that any label changes."""
    frozen = run(drawn, TransferRecipe(epochs=0))
    scans, labels, patients = drawn
    assert same(frozen, run((scans, labels[1:] + labels[:1], patients), TransferRecipe(epochs=0)))
    for name, array in imagenet_body().state_dict().items():
        assert np.array_equal(frozen[f"body.{name}"], array.numpy().astype(np.float16))


def test_it_learns_the_labels(drawn):
    trained = run(drawn, TransferRecipe(epochs=6, batch=16))
    untrained = run(drawn, TransferRecipe(epochs=0))

    def separation(tensors):
        held_out = [
            small.picture(label, seed).astype(np.float32) / 255
            for label in small.LABELS
            for seed in range(100, 110)
        ]
        features = from_tensors(SPEC, tensors).encode(held_out)[:, :16]
        features = features - features.mean(axis=0)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        cosine = features @ features.T
        return cosine[:10, :10].mean() + cosine[10:, 10:].mean() - 2 * cosine[:10, 10:].mean()

    assert separation(trained) > separation(untrained) + 0.5


def test_how_much_is_kept_changes_nothing_of_what_is_learned(drawn):
    recipe = TransferRecipe(epochs=1, batch=8)
    less = run(drawn, recipe)
    more = transfer(*drawn, spec=replace(SPEC, features=28, kept=12), recipe=recipe)
    for name in less:
        if name.startswith("body.") or name == "centre":
            np.testing.assert_array_equal(less[name], more[name])
    np.testing.assert_array_equal(less["full.weight"][:16], more["full.weight"][:16])
    assert more["full.weight"].shape == (28, less["full.weight"].shape[1])


def test_textures_change_what_is_learned_and_nothing_that_is_kept(drawn):
    plain, rough = (run(drawn, TransferRecipe(epochs=1, batch=8, texture=t)) for t in (0.0, 1.0))
    assert not np.array_equal(plain["full.weight"][:16], rough["full.weight"][:16])
    np.testing.assert_array_equal(plain["full.weight"][16:], rough["full.weight"][16:])


@pytest.mark.parametrize(
    "settings", [{"epochs": -1}, {"temperature": 0.0}, {"dropout": 1.0}, {"texture": 1.1}]
)
def test_settings_that_no_run_can_use_are_refused(settings):
    with pytest.raises(SettingError, match="must lie between"):
        TransferRecipe(**settings)
