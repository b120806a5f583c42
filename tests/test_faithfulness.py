"""Insertion and deletion: a map that is right by construction wins, a wrong one loses."""

import json

import numpy as np
import pytest

from retrieval import explain, faithfulness, scans
from retrieval.__main__ import main
from retrieval.errors import EvaluationError
from retrieval.faithfulness import GRID, STEPS, Faithfulness


def test_cells_are_replaced_one_by_one():
    start = np.zeros((37, 50), np.float32)
    end = np.ones_like(start)
    whole = np.arange(GRID * GRID)
    assert (faithfulness.replaced(start, end, whole) == 1).all()
    total = sum(faithfulness.replaced(start, end, whole[[cell]]) for cell in range(GRID * GRID))
    assert (total == 1).all()  # every pixel lies in exactly one cell
    corner = faithfulness.replaced(start, end, np.array([0]))
    rows, columns = np.nonzero(corner)
    assert rows.max() == 4 and columns.max() == 6


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


def result(map_curve, random_curve, pairs=4):
    curves = np.tile(np.stack([map_curve, random_curve]), (pairs, 1, 1))
    return Faithfulness(
        archive_id="a", model_id="m", bits=8, splits=("val",),
        deletion=curves, insertion=curves, patients=np.array(list("abcd")[:pairs]),
    )  # fmt: skip


def test_lower_is_better_for_deletion_and_higher_for_insertion():
    low, high = np.linspace(1, 0, STEPS + 1), np.ones(STEPS + 1)
    found = result(low, high).json()
    assert found["deletion"]["better_than_random"]["value"] == 1
    assert found["deletion"]["area_gained"]["value"] == pytest.approx(0.5)
    assert found["insertion"]["better_than_random"]["value"] == 0
    same = result(low, low).json()
    assert same["deletion"]["better_than_random"]["value"] == 0  # a tie is no win


def test_measured_on_a_folder_as_by_hand(archive, model, folder):
    val = folder.split(["val"])
    found = faithfulness.measure(archive, model, val, pairs=2, read=scans.read)
    assert found.deletion.shape == found.insertion.shape == (2, 2, STEPS + 1)
    assert (found.deletion[:, :, 0] == 1).all() and (found.insertion[:, :, -1] == 1).all()
    np.testing.assert_array_equal(found.deletion[:, :, -1], found.insertion[:, :, 0])
    again = faithfulness.measure(archive, model, val, pairs=2, read=scans.read)
    np.testing.assert_array_equal(found.deletion, again.deletion)


def test_the_other_case_is_the_nearest_of_another_patient(archive, model):
    patients = archive.catalogue.column("patient_id")
    for row in range(0, len(archive), 7):
        query = explain.stored_features(archive, model, row)
        other = faithfulness.nearest_stranger(archive, model, query, patients[row])
        bits = np.unpackbits(archive.codes, axis=1)
        wanted = min(
            (int((bits[row] != bits[case]).sum()), case)
            for case in range(len(archive))
            if patients[case] != patients[row]
        )[1]
        np.testing.assert_array_equal(other, explain.stored_features(archive, model, wanted))


def test_nothing_to_ask_is_refused(archive, model, folder):
    with pytest.raises(EvaluationError):
        faithfulness.measure(archive, model, folder, pairs=0, read=scans.read)


def test_the_command_writes_what_it_prints(archive, folder, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["faithfulness", str(archive.folder), "--queries", str(folder.root)]
    assert main([*arguments, "--pairs", "2", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    printed = capsys.readouterr().out
    assert found["pairs"] == 2 and "2 pairs, split val" in printed
    assert f"{found['deletion']['better_than_random']['value']:.3f}" in printed
