"""Insertion and deletion: a map that is right by construction wins, a wrong one loses."""

import json

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.errors import EvaluationError
from retrieval.evaluation.studies import faithfulness
from retrieval.evaluation.studies.faithfulness import STEPS, Faithfulness
from retrieval.explain import evidence_map, occlusion
from retrieval.explain.occlusion import GRID
from retrieval.reading import decode
from retrieval.reports.tables import interval


def test_the_right_order_loses_what_it_counts_sooner_than_any_other():
    picture = np.zeros((GRID * 4, GRID * 4), np.float32)
    picture[:8, :8] = 1.0  # four cells hold all there is

    def kept(changed):
        return float(changed.sum() / picture.sum())

    empty = np.zeros_like(picture)
    cells = faithfulness.by_cell(picture)
    right = faithfulness.curve(np.argsort(-cells, kind="stable"), picture, empty, kept)
    wrong = faithfulness.curve(np.argsort(cells, kind="stable"), picture, empty, kept)
    assert right == [0.0] * (STEPS - 1)
    assert wrong == [1.0] * (STEPS - 1)


def test_a_displaced_map_is_the_same_cells_elsewhere_with_the_same_neighbours():
    cells = np.arange(GRID * GRID, dtype=np.float32)
    random = np.random.default_rng(0)

    def neighbours(found):
        square = found.reshape(GRID, GRID).astype(int)
        sides = [(square, np.roll(square, 1, axis)) for axis in (0, 1)]
        return {
            frozenset(pair) for one, two in sides for pair in zip(one.flat, two.flat, strict=True)
        }

    for _ in range(40):
        moved = faithfulness.displaced(cells, random)
        assert sorted(moved) == sorted(cells) and not np.array_equal(moved, cells)
        assert neighbours(moved) == neighbours(cells)


def result(map_curve, random_curve, displaced_curve, pairs=4):
    one = np.stack([map_curve, random_curve, displaced_curve])
    curves = np.tile(np.stack([np.ones_like(one), one]), (pairs, 1, 1, 1))
    return Faithfulness(
        archive_id="a", model_id="m", bits=8, splits=("val",),
        deletion=curves, insertion=curves, patients=np.array(list("abcd")[:pairs]),
    )  # fmt: skip


def test_lower_is_better_for_deletion_and_higher_for_insertion():
    low, high = np.linspace(1, 0, STEPS + 1), np.ones(STEPS + 1)
    for control, whole in (
        ("random", result(low, high, low).json()),
        ("displaced", result(low, low, high).json()),
    ):
        assert whole["exact"]["deletion"][control]["faster"]["value"] == 0  # all are the same
        found = whole["covering"]
        assert found["deletion"][control]["faster"]["value"] == 1
        assert found["deletion"][control]["area_gained"]["value"] == pytest.approx(0.5)
        assert found["deletion"][control]["curve"] == high.tolist()
        assert found["insertion"][control]["faster"]["value"] == 0
        (other,) = {"random", "displaced"} - {control}
        assert found["deletion"][other]["faster"]["value"] == 0  # a tie is no win


def test_measured_on_a_folder_as_by_hand(archive, model, folder):
    val = folder.split(["val"])
    found = faithfulness.measure(archive, model, val, pairs=2, read=decode.read)
    assert found.deletion.shape == found.insertion.shape == (2, 2, 3, STEPS + 1)
    assert (found.deletion[..., 0] == 1).all() and (found.insertion[..., -1] == 1).all()
    np.testing.assert_array_equal(found.deletion[..., -1], found.insertion[..., 0])
    again = faithfulness.measure(archive, model, val, pairs=2, read=decode.read)
    np.testing.assert_array_equal(found.deletion, again.deletion)


def test_each_curve_stands_where_it_is_said_to_stand(archive, model, folder):
    """With orders drawn again from the same seed, one by one."""
    pixels = decode.read(folder.path(folder.cases[0])).pixels
    scales = evidence_map.Scales.of(archive, model)
    other = evidence_map.stored_features(archive, model, 7)
    found = faithfulness.curves_of_pair(scales, pixels, other, np.random.default_rng(3))
    fitted = model.seen(pixels)
    before = scales.agreement(model.encode_seen([fitted])[0], other)
    empty = evidence_map.empty_like(fitted)
    covered = occlusion.covered_features(model, fitted)
    cells = (
        faithfulness.by_cell(scales.evidence_seen(fitted, before)),
        occlusion.parts(scales, covered, before).ravel(),
    )
    random = np.random.default_rng(3)
    at_random = [random.permutation(GRID * GRID) for _ in range(faithfulness.RANDOM_ORDERS)]
    elsewhere = [
        [
            faithfulness.falling(faithfulness.displaced(one, random))
            for _ in range(faithfulness.DISPLACED_ORDERS)
        ]
        for one in cells
    ]
    steps = np.arange(1, STEPS) * GRID * GRID // STEPS

    def left(picture):
        after = scales.agreement(model.encode_seen([picture])[0], other)
        return (before.agrees & after.agrees).sum() / before.agrees.sum()

    def by_hand(order, start, end):
        away = [np.isin(np.arange(GRID * GRID), order[:step]) for step in steps]
        return [left(occlusion.replaced(start, end, gone)) for gone in away]

    for target, (start, end) in enumerate(((fitted, empty), (empty, fitted))):
        for name in range(2):
            curves = [
                by_hand(faithfulness.falling(cells[name]), start, end),
                np.mean([by_hand(order, start, end) for order in at_random], axis=0),
                np.mean([by_hand(order, start, end) for order in elsewhere[name]], axis=0),
            ]
            np.testing.assert_allclose(found[target, name, :, 1:-1], curves)
            np.testing.assert_allclose(found[target, name, :, 0], left(start))
            np.testing.assert_allclose(found[target, name, :, -1], left(end))


def test_the_other_case_is_the_nearest_of_another_patient(archive, model):
    patients = archive.catalogue.column("patient_id")
    for row in range(0, len(archive), 7):
        query = evidence_map.stored_features(archive, model, row)
        other = faithfulness.nearest_stranger(archive, model, query, patients[row])
        bits = np.unpackbits(archive.codes, axis=1)
        wanted = min(
            (int((bits[row] != bits[case]).sum()), case)
            for case in range(len(archive))
            if patients[case] != patients[row]
        )[1]
        np.testing.assert_array_equal(other, evidence_map.stored_features(archive, model, wanted))


def test_nothing_to_ask_is_refused(archive, model, folder):
    with pytest.raises(EvaluationError):
        faithfulness.measure(archive, model, folder, pairs=0, read=decode.read)


def test_the_command_writes_what_it_prints(archive, folder, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["study", "faithfulness", str(archive.folder), "--queries", str(folder.root)]
    assert main([*arguments, "--pairs", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert found["pairs"] == 2 and "2 pairs, split val" in printed
    for name, words in (("exact", "by exact shares"), ("covering", "by covering")):
        for target, moves in (("deletion", "falls"), ("insertion", "rises")):
            for control, orders in (("random", "random"), ("displaced", "the map displaced")):
                beside = found[name][target][control]
                line = (
                    f"map {words}: {target} {moves} faster than by {orders} for "
                    f"{interval(beside['faster'])} of the pairs, area gained "
                    f"{interval(beside['area_gained'])}\n"
                )
                assert line in printed
