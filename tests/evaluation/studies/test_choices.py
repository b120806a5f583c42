"""Orders of columns: fitted on the train split alone, on all of the encoder's features."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.archives.archive import open_archive
from retrieval.codes import hashing
from retrieval.codes import model as models
from retrieval.codes.selection import MRMRSelector
from retrieval.encoding.encoder import spec_named
from retrieval.errors import EvaluationError
from retrieval.evaluation.cases import Cases
from retrieval.evaluation.studies.choices import (
    Sample,
    chosen_orders,
    random_orders,
    sample_of_archive,
    sample_of_folder,
)
from retrieval.reading import decode


def sample(splits, *, features=16, seed=0):
    """Random features, half of them with something of the label, of pictures in these splits."""
    random = np.random.default_rng(seed)
    n = len(splits)
    labels = np.array(["bar", "disk"])[np.arange(n) % 2]
    values = random.normal(size=(n, features)) * random.uniform(0.5, 2, features)
    values[:, ::2] += (labels == "disk")[:, None]
    names = np.array([f"p{number}" for number in range(n)])
    cases = Cases(
        np.zeros((n, 1), np.uint8), labels, names, np.array(splits), names, np.full(n, "")
    )
    return Sample(values.astype(np.float16).astype(np.float64), cases)


def test_variance_puts_the_widest_column_first():
    train = sample(["train"] * 30)
    spread = [sum((x - sum(column) / 30) ** 2 for x in column) for column in train.features.T]
    expected = sorted(range(16), key=lambda column: (-spread[column], column))
    assert chosen_orders(train)["variance"].tolist() == expected


def test_each_order_is_all_columns_and_starts_with_the_shorter_selection():
    train = sample(["train"] * 30)
    orders = chosen_orders(train)
    assert list(orders) == ["MID", "MIQ", "FCQ", "variance"]
    for name, order in orders.items():
        assert sorted(order.tolist()) == list(range(16))
        for count in (1, 3, 8) if name != "variance" else ():
            shorter = MRMRSelector(count, criterion=name).fit(train.features, train.cases.labels)
            np.testing.assert_array_equal(order[:count], shorter.ranking_)


@pytest.mark.parametrize("strange", ["val", "test", ""])
def test_a_picture_of_another_split_is_refused(strange):
    with pytest.raises(EvaluationError, match="chosen on pictures of split train"):
        chosen_orders(sample(["train"] * 29 + [strange]))


def test_no_picture_and_one_label_are_refused():
    train = sample(["train"] * 30)
    for mask in (np.zeros(30, dtype=bool), train.cases.labels == "bar"):
        with pytest.raises(EvaluationError, match="two labels"):
            chosen_orders(train.take(mask))


def test_random_orders_follow_their_seed():
    one, same, other = (random_orders(32, 20, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert len({tuple(order) for order in [*one, *other]}) == 40
    assert all(sorted(order.tolist()) == list(range(32)) for order in one)


def test_stored_features_come_in_the_order_of_the_encoder(archive, model):
    shuffled = np.random.default_rng(0).permutation(len(archive.columns))
    stored = replace(
        archive,
        about={**archive.about, "columns": shuffled.tolist()},
        features=np.asarray(archive.features)[:, shuffled],
    )
    np.testing.assert_array_equal(
        sample_of_archive(stored, model).features, np.asarray(archive.features)
    )


def test_a_folder_gives_the_sample_of_its_archive(archive, folder, model):
    encoded = sample_of_folder(folder.split(["val"]), model, read=decode.read)
    stored = sample_of_archive(archive, model)
    stored = stored.take(stored.cases.splits == "val")
    one, other = (side.take(np.argsort(side.cases.sha256)) for side in (encoded, stored))
    np.testing.assert_array_equal(one.features, other.features)
    for name in ("codes", "labels", "patients", "splits", "sha256"):
        np.testing.assert_array_equal(getattr(one.cases, name), getattr(other.cases, name))


def test_features_that_mrmr_chose_already_are_refused(archive, folder, model, tmp_path):
    pruned = models.prune(model, tmp_path / "pruned")

    def read(path):
        raise AssertionError("refused before any picture is read")

    with pytest.raises(EvaluationError, match="Only 32 of the 512 features"):
        sample_of_folder(folder, pruned, read=read)
    stored = replace(archive, about={**archive.about, "columns": pruned.columns.tolist()})
    with pytest.raises(EvaluationError, match="Only 32 of the 512 features"):
        sample_of_archive(stored, model)


def test_the_shipped_order_and_thresholds_follow_from_the_train_split():
    archive = open_archive("covid-ct-paper")
    model = archive.model()
    stored = sample_of_archive(archive, model)
    train = stored.take(stored.cases.splits == "train")
    np.testing.assert_array_equal(chosen_orders(train)["MID"], model.ranking)
    np.testing.assert_array_equal(hashing.fit_thresholds(train.features), model.thresholds)


@pytest.mark.parametrize("name", ["covid-ct", "pneumonia-xray"])
def test_with_bits_of_two_kinds_the_trained_ones_follow_mrmr(name):
    """On the pictures the model was trained on; after each come some that no label has touched."""
    archive = open_archive(name)
    model = archive.model()
    stored = sample_of_archive(archive, model)
    seen = stored.take(np.array([model.saw(sha256) for sha256 in stored.cases.sha256.tolist()]))
    spec = spec_named(model.encoder_name)
    learned, turn = stored.features.shape[1] - spec.kept, spec.kept_per_learned + 1
    selector = MRMRSelector(learned).fit(seen.features[:, :learned], seen.cases.labels)
    turns = spec.kept // spec.kept_per_learned
    mixed = model.ranking[: turns * turn].reshape(turns, turn)
    np.testing.assert_array_equal(mixed[:, 0], selector.ranking_[:turns])
    np.testing.assert_array_equal(np.sort(mixed[:, 1:].ravel()), learned + np.arange(spec.kept))
    np.testing.assert_array_equal(model.ranking[turns * turn :], selector.ranking_[turns:])
    thresholds = hashing.balanced_thresholds(seen.features, seen.cases.labels, learned)
    np.testing.assert_array_equal(thresholds, model.thresholds)
