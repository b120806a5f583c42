"""Training: balanced batches, seeds, and going on after a stop."""

import numpy as np
import pytest
import torch

from retrieval.encoding.encoder import PaperNetwork, from_tensors, spec_named, to_tensors
from retrieval.errors import DataError, SettingError, TrainingError
from retrieval.training import siamese
from retrieval.training.augmentation import standardise
from retrieval.training.checkpoints import drop_checkpoints
from retrieval.training.loop import batches, stack
from retrieval.training.losses import contrastive_loss, supcon_plus_instance_loss
from retrieval.training.siamese import MapMeans, Recipe, train
from tests import small

SPEC = spec_named("small")


def test_batches_hold_each_label_alike_and_no_patient_twice():
    random = np.random.default_rng(1)
    patients = np.sort(random.integers(0, 40, 200))
    labels = (patients % 3 == 0).astype(np.intp)
    recipe = Recipe(batch=16, seed=3)
    drawn = list(batches(labels, patients, recipe, epoch=0))
    assert len(drawn) == 200 // 16
    for rows in drawn:
        assert np.bincount(labels[rows]).tolist() == [8, 8]
        assert len(set(patients[rows])) == 16
    again = list(batches(labels, patients, recipe, epoch=0))
    other = list(batches(labels, patients, recipe, epoch=1))
    assert np.array_equal(drawn, again) and not np.array_equal(drawn, other)


@pytest.fixture
def task(pictures):
    def made(**settings):
        classes = np.unique(pictures[1], return_inverse=True)[1]
        people = np.arange(len(classes))
        recipe = Recipe(batch=8, **settings)
        return siamese._task(MapMeans(PaperNetwork(SPEC)), classes, people, SPEC, recipe)

    return made


@pytest.fixture(scope="module")
def pictures():
    drawn = [(label, seed) for seed in range(8) for label in small.LABELS]
    scans = [small.picture(label, seed).astype(np.float32) / 255 for label, seed in drawn]
    labels = [label for label, _ in drawn]
    return scans, labels, [f"{label}-{seed}" for label, seed in drawn]


RECIPE = Recipe(epochs=3, batch=8, seed=4)


def run(pictures, recipe=RECIPE, **options):
    scans, labels, patients = pictures
    return train(scans, labels, patients, spec=SPEC, recipe=recipe, **options)


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_a_seed_reproduces_a_run_and_another_does_not(pictures):
    one = run(pictures)
    assert same(one, run(pictures))
    assert not same(one, run(pictures, Recipe(epochs=3, batch=8, seed=5)))


def test_a_stopped_run_goes_on_to_the_same_weights(pictures, tmp_path):
    whole = run(pictures)

    def stop(done, total, loss):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(pictures, checkpoints=tmp_path, progress=stop)
    seen = []
    resumed = run(pictures, checkpoints=tmp_path, progress=lambda done, *_: seen.append(done))
    assert seen == [3]
    assert same(whole, resumed)


def test_a_checkpoint_of_another_run_is_refused(pictures, tmp_path):
    """Other settings, other labels, other pictures: what was learnt from them must not leak in."""
    recipe = Recipe(epochs=1, batch=8)
    run(pictures, recipe, checkpoints=tmp_path)
    scans, labels, patients = pictures
    for other, settings in (
        (pictures, Recipe(epochs=1, batch=8, seed=9)),
        ((scans, labels[::-1], patients), recipe),
        (([scans[1], *scans[1:]], labels, patients), recipe),
        ((scans, labels, patients[::-1]), recipe),
    ):
        with pytest.raises(TrainingError, match="other pictures or with other settings"):
            run(other, settings, checkpoints=tmp_path)


def test_a_damaged_checkpoint_is_refused(pictures, tmp_path):
    run(pictures, Recipe(epochs=1, batch=8), checkpoints=tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(TrainingError, match="other pictures"):
        run(pictures, Recipe(epochs=1, batch=8), checkpoints=tmp_path)


def test_only_the_runs_own_files_are_dropped(pictures, tmp_path):
    run(pictures, Recipe(epochs=1, batch=8), checkpoints=tmp_path / "run")
    (tmp_path / "run" / "precious.png").write_text("mine")
    drop_checkpoints(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["precious.png"]
    (tmp_path / "run" / "precious.png").unlink()
    drop_checkpoints(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": -1},
        {"seed": 2**70},
        {"batch": 0},
        {"epochs": -1},
        {"learning_rate": float("nan")},
        {"learning_rate": -1.0},
        {"margin": 0.0},
        {"instance": -0.1},
        {"temperature": 0.0},
        {"lessons": -1},
        {"lesson_rate": 0.0},
    ],
)
def test_settings_that_no_run_can_use_are_refused(settings):
    with pytest.raises(SettingError, match="must lie between"):
        Recipe(**settings)


@pytest.mark.parametrize("instance", [0.0, 0.3])
def test_training_pulls_the_labels_apart(pictures, instance):
    """Held-out drawings of one kind come closer to each other than to the other kind."""

    def separation(recipe):
        encoder = from_tensors(SPEC, run(pictures, recipe))
        held_out = [
            small.picture(label, seed).astype(np.float32) / 255
            for label in small.LABELS
            for seed in range(100, 110)
        ]
        features = encoder.encode(held_out)
        features = features - features.mean(axis=0)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        cosine = features @ features.T
        return cosine[:10, :10].mean() + cosine[10:, 10:].mean() - 2 * cosine[:10, 10:].mean()

    untrained = separation(Recipe(epochs=0))
    trained = separation(Recipe(epochs=25, batch=16, instance=instance))
    assert trained > untrained + 0.5


def test_two_copies_of_each_picture_are_drawn_where_it_shall_stay_like_itself(task):
    rows = next(task(instance=0.3).draw(0))
    assert np.array_equal(rows[:8], rows[8:]) and len(set(rows)) == 8
    assert len(next(task().draw(0))) == 8


def test_the_loss_is_the_one_that_the_recipe_names(task):
    features, rows = torch.randn(16, 5), np.tile([0, 3, 5, 6, 8, 9, 12, 15], 2)
    labels = torch.from_numpy(rows % 2)  # as the drawings alternate
    pairs = task().loss(features, rows)
    assert torch.equal(pairs, contrastive_loss(features, labels, 1.0))
    found = task(instance=0.7, temperature=0.4).loss(features, rows)
    owners = torch.from_numpy(rows)
    expected = supcon_plus_instance_loss(features, labels, owners, temperature=0.4, instance=0.7)
    assert torch.equal(found, expected)


def test_mild_changes_leave_some_pictures_as_they_are(task, pictures):
    picture = stack(pictures[0][:1], SPEC)[0]
    mirrored = (picture, picture.flip(2))

    def unchanged(change):
        torch.manual_seed(0)
        copies = [change(picture) for _ in range(40)]
        return sum(any(torch.equal(copy, one) for one in mirrored) for copy in copies)

    assert unchanged(task().change) == 0
    assert 4 <= unchanged(task(mild=True).change) <= 20  # three of ten


@pytest.mark.parametrize("free", [False, True])
def test_positions_share_their_weights_unless_they_are_left_free(pictures, free):
    tensors = run(pictures, Recipe(epochs=2, batch=8, free=free))
    weights = tensors["full.values"].reshape(512, 128, -1)
    alike = (weights == weights[:, :, :1]).all()
    assert alike != free


def test_the_layer_written_out_gives_the_features_of_the_shared_one():
    torch.manual_seed(0)
    learner = MapMeans(PaperNetwork(SPEC))
    learner.centre.copy_(torch.rand(128))
    learner.spread.copy_(0.5 + torch.rand(128))
    picture = torch.randn(2, 1, SPEC.height, SPEC.width)
    with torch.no_grad():
        written = learner.written_out(SPEC)
        assert torch.allclose(written(picture), learner(picture), atol=1e-5)
        back = MapMeans(written)
        back.centre.copy_(torch.rand(128))
        back.spread.copy_(0.5 + torch.rand(128))
        back.take(written.full)
        assert torch.allclose(back(picture), learner(picture), atol=1e-5)


def test_rounding_to_eight_bits_keeps_the_features_of_maps_of_every_spread(pictures):
    """Divided by spreads that differ ten thousandfold, weights would be lost in a row's scale."""
    torch.manual_seed(0)
    learner = MapMeans(PaperNetwork(SPEC))
    with torch.no_grad():
        factor = torch.logspace(-4, 0, 128)[torch.randperm(128)]
        learner.stages[-2].weight.mul_(factor[:, None, None, None])
        learner.stages[-2].bias.mul_(factor)
        learner.spread.copy_(factor)
        batch = standardise(stack(pictures[0], SPEC))
        learner.centre.copy_(learner.means(batch).mean(dim=0))
        exact = learner(batch).numpy()
    encoder = from_tensors(SPEC, to_tensors(learner.written_out(SPEC)))
    served = encoder.encode(pictures[0])
    alike = [np.corrcoef(exact[:, row], served[:, row])[0, 1] for row in range(512)]
    assert np.percentile(alike, 1) > 0.99


def test_a_map_that_hardly_differs_is_not_blown_up():
    learner = MapMeans(PaperNetwork(SPEC))
    means = torch.randn(50, 128)
    means[:, :5] *= 1e-6
    learner.even_out(means)
    assert torch.allclose(learner.centre, means.mean(dim=0))
    assert torch.allclose(learner.spread[5:], means[:, 5:].std(dim=0))
    assert torch.allclose(learner.spread[:5], 0.1 * means.std(dim=0).median())


def test_a_start_goes_on_where_it_ended(pictures):
    """One more pass, hardly a step long, from a start keeps the features of that start."""
    first = run(pictures)
    after = run(pictures, Recipe(epochs=1, batch=8, learning_rate=1e-8), start=first)
    one, other = (from_tensors(SPEC, tensors).encode(pictures[0]) for tensors in (first, after))
    alike = [np.corrcoef(one[:, row], other[:, row])[0, 1] for row in range(512)]
    assert np.percentile(alike, 5) > 0.99


@pytest.mark.parametrize("more", [{}, {"instance": 0.3, "mild": True}])
def test_lessons_come_before_labels_and_use_what_stands_beside(pictures, more, tmp_path):
    """A run stopped in a lesson, between the two, or in an epoch comes to the same weights."""
    beside = [small.picture("disk", 50).astype(np.float32) / 255]
    recipe = Recipe(epochs=2, lessons=2, batch=8, **more)
    passes = []
    whole = run(pictures, recipe, beside=beside, progress=lambda *said: passes.append(said[:2]))
    assert passes == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not same(whole, run(pictures, Recipe(epochs=2, batch=8, **more)))
    assert not same(whole, run(pictures, recipe))

    def stop(*_):
        raise KeyboardInterrupt

    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            run(pictures, recipe, beside=beside, checkpoints=tmp_path, progress=stop)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["epoch-0002.safetensors"]
    assert same(whole, run(pictures, recipe, beside=beside, checkpoints=tmp_path, progress=stop))
    with pytest.raises(TrainingError, match="other pictures"):
        run(pictures, recipe, checkpoints=tmp_path)


def test_one_label_is_refused(pictures):
    scans, _, patients = pictures
    with pytest.raises(DataError, match="at least two labels"):
        train(scans, ["disk"] * len(scans), patients, spec=SPEC, recipe=RECIPE)


def test_training_starts_from_another_run(pictures, tmp_path):
    """Without an epoch, the weights are those of the start, rounded once more."""
    scans, labels, patients = pictures
    start = train(scans, labels, patients, spec=SPEC, recipe=Recipe(epochs=0, seed=5))
    other = train(scans, labels, patients, spec=SPEC, recipe=Recipe(epochs=0), start=start)
    assert all(np.array_equal(start[name], other[name]) for name in start)
    plain = train(scans, labels, patients, spec=SPEC, recipe=Recipe(epochs=0))
    assert not np.array_equal(plain["full.values"], other["full.values"])
    options = {"spec": SPEC, "recipe": Recipe(epochs=1, batch=8), "checkpoints": tmp_path}
    train(scans, labels, patients, **options)
    with pytest.raises(TrainingError, match="other settings"):
        train(scans, labels, patients, **options, start=start)
