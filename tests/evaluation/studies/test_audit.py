"""The audit against evaluations of folders whose pictures were changed beforehand."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from retrieval.codes import hamming
from retrieval.data.folder import read_folder
from retrieval.errors import EvaluationError, ModelMismatch, PatientOverlap
from retrieval.evaluation.cases import cases_of_folder
from retrieval.evaluation.curves import evaluate
from retrieval.evaluation.studies.audit import audit, overlap_at
from retrieval.imaging.disturbances import Disturbance, named
from retrieval.reading import decode
from tests import small

SAME = Disturbance(lambda pixels: pixels, "Nothing is changed.")
FLIP = Disturbance(lambda pixels: pixels[::-1].copy(), "The picture is turned upside down.")
BLANK = Disturbance(np.zeros_like, "Everything is black.")


def test_no_change_has_no_effect(archive, folder, model):
    found = audit(archive, model, folder.split(["val"]), {"same": SAME})
    effect = found.effects["same"]
    assert effect.difference[0] == 0 and effect.overlap[0] == 1
    np.testing.assert_array_equal(effect.precision, found.unchanged)


def test_figures_are_those_of_an_evaluation_of_changed_pictures(archive, folder, model, tmp_path):
    root = tmp_path / "flipped"
    shutil.copytree(folder.root, root)
    for path in (root / "images").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[::-1]).save(path)
    val, flipped = folder.split(["val"]), read_folder(root).split(["val"])
    found = audit(archive, model, val, {"flip": FLIP})
    before, after = (
        evaluate(archive, model, cases_of_folder(one, model), protocol="official").overall
        for one in (val, flipped)
    )
    assert found.unchanged == pytest.approx(before.at_k["precision"][:, 9])
    assert found.chance == pytest.approx(before.chance)
    effect = found.effects["flip"]
    assert effect.precision == pytest.approx(after.at_k["precision"][:, 9])
    assert effect.difference[0] == pytest.approx(effect.precision[0] - found.unchanged[0])
    assert effect.difference[1] <= effect.difference[0] <= effect.difference[2]


def test_overlap_is_that_of_the_lists_a_user_sees(archive, folder, model):
    queries = folder.split(["test"])
    codes = cases_of_folder(queries, model).codes
    pixels = [decode.read(queries.path(case)).pixels[::-1].copy() for case in queries.cases]
    turned = model.codes(model.encode(pixels))
    gallery = np.asarray(archive.codes)
    lists = []
    for side in (codes, turned):
        order = hamming.distances(gallery, side).argsort(axis=1, kind="stable")[:, :10]
        lists.append([set(row.tolist()) for row in order])
    expected = [len(a & b) / 10 for a, b in zip(*lists, strict=True)]
    np.testing.assert_allclose(overlap_at(gallery, codes, turned), expected)
    assert min(expected) < 1
    assert overlap_at(gallery[:4], codes, turned).tolist() == [1.0] * 4


def test_queries_that_all_look_alike_score_as_one_code(archive, folder, model):
    """A change that leaves nothing gives every query the same first ten cases."""
    found = audit(archive, model, folder.split(["val"]), {"blank": BLANK})
    assert found.effects["blank"].precision[0] == pytest.approx(0.5)
    assert found.effects["blank"].balanced[0] == pytest.approx(0.5)


def test_leaks_are_refused_whatever_the_change(archive, folder, model, tmp_path):
    with pytest.raises(EvaluationError, match="was trained on 16 of the queries"):
        audit(archive, model, folder.split(["train"]), {"flip": FLIP})
    root = tmp_path / "copy"
    shutil.copytree(folder.root, root)
    target, source = folder.split(["test"]).cases[0], folder.split(["val"]).cases[0]
    shutil.copy(root / source.file, root / target.file)
    with pytest.raises(PatientOverlap, match="under another patient"):
        audit(archive, model, read_folder(root).split(["test"]), {"flip": FLIP})
    other = small.build_model(tmp_path / "other", folder, seed=9)
    with pytest.raises(ModelMismatch):
        audit(archive, other, folder.split(["val"]), {})


def test_json_names_model_archive_and_every_change(archive, folder, model):
    seen = []
    result = audit(
        archive,
        model,
        folder.split(["val"]),
        named(["mask-text", "border-only"]),
        bits=8,
        progress=lambda done, total: seen.append((done, total)),
    )
    found = json.loads(json.dumps(result.json()))
    assert (found["archive"]["id"], found["model"]["id"]) == (archive.id, model.id)
    assert (found["protocol"], found["bits"], found["queries"]) == ("official", 8, 4)
    assert list(found["changes"]) == ["mask-text", "border-only"]
    for effect in found["changes"].values():
        for name in ("precision_at_10", "balanced_at_10", "difference", "overlap_at_10"):
            assert effect[name]["low"] <= effect[name]["value"] <= effect[name]["high"]
    assert seen == 2 * [(number, 4) for number in range(1, 5)]
