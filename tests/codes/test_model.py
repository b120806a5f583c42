"""Models on disk: same code from the full and the pruned one, damage is noticed."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from retrieval import storage
from retrieval.codes import model as models
from retrieval.errors import ModelError, SelectionError
from retrieval.reading import decode
from tests import small


def decoded(folder):
    return [decode.read(folder.path(case)) for case in folder.cases]


def test_codes_are_the_thresholded_features_in_mrmr_order(folder, model):
    features = model.encode([scan.pixels for scan in decoded(folder)[:5]])
    assert features.shape == (5, 512) and features.dtype == np.float16
    for row, code in zip(features, model.codes(features), strict=True):
        bits = "".join(
            "1" if float(row[column]) > float(model.thresholds[column]) else "0"
            for column in model.ranking[:32]
        )
        assert "".join(f"{byte:08b}" for byte in code) == bits


def test_pruned_model_has_the_same_id_and_codes(folder, model, tmp_path):
    pruned = models.prune(model, tmp_path / "pruned")
    pixels = [scan.pixels for scan in decoded(folder)]
    assert pruned.id == model.id and pruned.columns.tolist() == model.ranking[:32].tolist()
    full, few = model.encode(pixels), pruned.encode(pixels)
    assert few.shape == (len(pixels), 32)
    np.testing.assert_array_equal(pruned.codes(few), model.codes(full))
    weights = [next(m.folder.glob("weights-*")).stat().st_size for m in (pruned, model)]
    assert weights[0] < weights[1] / 3
    with pytest.raises(ModelError, match="pruned already"):
        models.prune(pruned, tmp_path / "again")


def test_shorter_codes_are_prefixes_and_longer_ones_need_features(folder, model, tmp_path):
    features = model.encode([decoded(folder)[0].pixels])
    np.testing.assert_array_equal(model.codes(features, 16), model.codes(features)[:, :2])
    assert model.codes(features, 512).shape == (1, 64)
    pruned = models.prune(model, tmp_path / "pruned")
    with pytest.raises(SelectionError, match="64 bits need features that are not stored"):
        pruned.codes(pruned.encode([decoded(folder)[0].pixels]), 64)


def test_building_again_gives_the_same_model(folder, model, tmp_path):
    again = small.build_model(tmp_path / "again", folder)
    assert again.id == model.id
    other = small.build_model(tmp_path / "other", folder, seed=1)
    assert other.id != model.id


def test_selection_and_thresholds_see_training_pictures_alone(folder, model, tmp_path):
    """Changing every picture outside the train split changes nothing of a model."""
    root = tmp_path / "folder"
    shutil.copytree(folder.root, root)
    for case in folder.cases:
        if case.split != "train":
            shutil.copy(folder.path(folder.cases[0]), root / case.file)
    from retrieval.data.folder import read_folder

    assert small.build_model(tmp_path / "model", read_folder(root)).id == model.id


def test_it_knows_what_it_was_trained_on(folder, model):
    for case, scan in zip(folder.cases, decoded(folder), strict=True):
        assert model.saw(scan.sha256) == (case.split == "train")


def test_damage_is_noticed(model, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model.folder, copy)
    rewrite(copy, lambda about: about["thresholds"].__setitem__(about["ranking"][0], 1.0))
    with pytest.raises(ModelError, match="does not match its id"):
        models.verify(models.load(copy))
    weights = next(copy.glob("weights-*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match="does not match its checksum"):
        models.verify(models.load(copy))
    weights.unlink()
    with pytest.raises(ModelError, match="missing or cut off"):
        models.load(copy)
    models.verify(model)


def test_weights_that_all_positions_share_are_stored_once_under_the_same_id(
    folder, model, tmp_path
):
    tensors = small.untrained_tensors()
    maps = tensors["full.values"].reshape(512, 128, -1)
    tensors["full.values"] = maps[:, :, :1].repeat(maps.shape[2], axis=2).reshape(512, -1)
    short = small.build_model(tmp_path / "short", folder, tensors=tensors)
    path = storage.data_file(short.folder, short.about, models.WEIGHTS)
    assert load_file(path)["full.values"].shape == (512, 128)
    np.testing.assert_array_equal(short.weights()["full.values"], tensors["full.values"])
    shutil.copytree(short.folder, tmp_path / "long")
    spread = {models.WEIGHTS: lambda path: save_file(tensors, path)}
    storage.update(tmp_path / "long", models.MANIFEST, short.about, spread)
    long = models.load(tmp_path / "long")
    models.verify(short)
    models.verify(long)  # the same id, and it is recomputed from the weights
    pixels = [decoded(folder)[0].pixels]
    np.testing.assert_array_equal(short.encoder.encode(pixels), long.encoder.encode(pixels))
    own = storage.data_file(model.folder, model.about, models.WEIGHTS)
    assert load_file(own)["full.values"].shape == (512, maps[0].size)


def rewrite(folder, change):
    """Change a manifest and seal it again, as a faulty program might."""
    about = storage.read_manifest(folder, "model.json", 1, ModelError)
    change(about)
    storage.replace_json(folder / "model.json", {**about, "digest": storage.fingerprint(about)})


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about["files"].clear(),
        lambda about: about["ranking"].__setitem__(0, 9999),
        lambda about: about["ranking"].pop(),
        lambda about: about["thresholds"].pop(),
        lambda about: about["thresholds"].__setitem__(3, float("nan")),
        lambda about: about["columns"].clear(),
        lambda about: about.__setitem__("bits", "x"),
        lambda about: about.__setitem__("bits", 12),
        lambda about: about.__setitem__("name", 3),
        lambda about: about.pop("trained_on"),
        lambda about: about.pop("id"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(model, tmp_path, change):
    shutil.copytree(model.folder, tmp_path / "copy")
    rewrite(tmp_path / "copy", change)
    with pytest.raises(ModelError, match="is damaged"):
        models.load(tmp_path / "copy")


@pytest.mark.parametrize("bits", [0, -8, 4, 12, 520])
def test_a_code_length_that_cannot_be_is_refused(folder, model, bits):
    features = model.encode([decoded(folder)[0].pixels])
    with pytest.raises(SelectionError, match=f"not {bits}"):
        model.codes(features, bits)


def test_features_that_are_not_numbers_are_refused():
    for bad in (np.nan, np.inf, 1e9):
        with pytest.raises(ModelError, match="not numbers"):
            models.half_precision(np.array([[1.0, bad]], dtype=np.float32))


def test_refusals(folder, model, tmp_path):
    with pytest.raises(ModelError, match="There is no model nowhere; shipped models:"):
        models.load("nowhere")
    with pytest.raises(ModelError, match="is not empty"):
        small.build_model(model.folder, folder)
    with pytest.raises(SelectionError, match="not 12"):
        small.build_model(tmp_path / "odd", folder, bits=12)


@pytest.mark.parametrize("name", models.shipped())
def test_shipped_models_are_whole(name):
    models.verify(models.load(name))


def test_learned_and_kept_bits_take_turns():
    learned, kept = np.array([4, 2, 0, 1, 3]), np.array([5, 6])
    assert models.interleaved(learned, kept).tolist() == [4, 5, 2, 6, 0, 1, 3]
    assert models.interleaved(learned, kept[:0]).tolist() == learned.tolist()
    assert models.interleaved(learned[:1], kept).tolist() == [4, 5, 6]
    assert models.interleaved(learned, kept, 2).tolist() == [4, 5, 6, 2, 0, 1, 3]
    assert models.interleaved(learned[:1], np.arange(5, 9), 2).tolist() == [4, 5, 6, 7, 8]
