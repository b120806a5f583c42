"""Refining by example: Rocchio's rule as a loop, and what simulated readers gain."""

import json

import numpy as np
import pytest

from retrieval.__main__ import main
from retrieval.archives.indexing import index
from retrieval.codes import hamming
from retrieval.errors import EvaluationError, ModelMismatch, SearchError
from retrieval.evaluation.studies import refinement
from retrieval.search.refining import Examples, Space, code_of


@pytest.fixture(scope="module")
def space(archive, model):
    return Space.of(archive, model)


def test_without_examples_the_code_is_the_querys_own(archive, space):
    for row in range(len(archive)):
        code = code_of(space.relevance_feedback(space.margins[row], Examples()))
        np.testing.assert_array_equal(code[0], archive.codes[row])


def test_the_move_is_the_rule_written_as_loops(space):
    examples = Examples((1, 4), (7,))
    found = space.relevance_feedback(space.margins[0], examples, beta=0.8, gamma=0.3)
    for bit in range(space.margins.shape[1]):
        more = (space.margins[1, bit] + space.margins[4, bit]) / 2
        wanted = space.margins[0, bit] + 0.8 * more - 0.3 * space.margins[7, bit]
        assert found[bit] == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_moving_far_ends_at_the_example(archive, space):
    code = code_of(space.relevance_feedback(space.margins[0], Examples((5,)), beta=1e6))
    assert hamming.distances(archive.codes[[5]], code)[0, 0] == 0


def test_a_querys_features_have_the_margins_of_its_case(archive, model, space):
    place = {int(column): row for row, column in enumerate(archive.columns)}
    features = np.asarray(archive.features[3])[[place[int(c)] for c in model.columns]]
    np.testing.assert_allclose(space.of_query(features), space.margins[3], rtol=1e-5)
    with pytest.raises(ModelMismatch):
        space.of_query(features[:-1])


def test_a_case_is_an_example_once():
    examples = Examples().with_more(3).with_less(4)
    assert examples == Examples((3,), (4,)) and len(examples) == 2
    for again in (examples.with_more, examples.with_less):
        with pytest.raises(SearchError):
            again(3)


def test_simulated_readers_by_brute_force(archive, model, space):
    found = refinement.measure(archive, model, "val")
    labels, splits = (archive.catalogue.column(name) for name in ("label", "split"))
    bits = np.unpackbits(archive.codes, axis=1)
    wanted = []
    for query in np.flatnonzero(splits == "val"):
        gallery = [row for row in range(len(archive)) if splits[row] == "train"]
        ranked = sorted(gallery, key=lambda row: ((bits[row] != bits[query]).sum(), row))
        liked = next(row for row in ranked if labels[row] == labels[query])
        disliked = next(row for row in ranked if labels[row] != labels[query])
        moved = space.margins[query] + space.margins[liked] - 0.5 * space.margins[disliked]
        pair = []
        for code in (bits[query], moved > 0):
            rest = [row for row in gallery if row not in (liked, disliked)]
            pair.append(expected_precision(rest, bits, code, labels, labels[query]))
        wanted.append(pair)
    np.testing.assert_allclose(np.stack([found.before, found.after], axis=1), wanted)


def expected_precision(rows, bits, code, labels, label):
    """P@10 as the mean over 400 random orders of the ties would be: here in closed form."""
    distances = {row: int((bits[row] != code).sum()) for row in rows}
    cut = sorted(distances.values())[9]
    sure = [row for row in rows if distances[row] < cut]
    tied = [row for row in rows if distances[row] == cut]
    hits = sum(labels[row] == label for row in sure)
    return (hits + (10 - len(sure)) * np.mean([labels[row] == label for row in tied])) / 10


def test_test_queries_and_missing_splits_are_refused(archive, model):
    for split in ("test", "nowhere"):
        with pytest.raises(EvaluationError):
            refinement.measure(archive, model, split)


def test_a_split_alone_is_refused_in_words_of_its_own(folder, model, tmp_path):
    alone = index(folder.split(["val", "test"]), model, tmp_path / "alone")
    with pytest.raises(EvaluationError, match="no case to find in splits other than val and test"):
        refinement.measure(alone, model, "val")


def test_the_command_writes_what_it_prints(archive, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert main(["study", "refinement", str(archive.folder), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert f"{found['gain']['value']:.3f}" in capsys.readouterr().out
