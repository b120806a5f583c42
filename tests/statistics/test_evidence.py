"""Counts of cases by label and distance, against loops."""

import numpy as np
import pytest

from retrieval.errors import EvaluationError
from retrieval.statistics.evidence import Evidence, mean_nearest
from tests import simulated


def masked():
    made, _ = simulated.evidence(12)
    allowed = np.random.default_rng(5).random(made.distances.shape) < 0.7
    return type(made)(**{**vars(made), "allowed": allowed})


def test_histograms_count_the_allowed_cases_of_each_label():
    made = masked()
    for query, table in enumerate(made.histograms):
        for place, name in enumerate(made.names):
            for distance in range(simulated.BITS + 1):
                expected = sum(
                    allowed and label == name and d == distance
                    for allowed, label, d in zip(
                        made.allowed[query], made.gallery_labels, made.distances[query], strict=True
                    )
                )
                assert table[place, distance] == expected


def test_mean_distance_to_the_nearest_and_precision():
    made = masked()
    for query in range(len(made)):
        allowed = made.allowed[query]
        distances = made.distances[query][allowed].astype(int)
        assert mean_nearest(made.histograms)[query] == pytest.approx(np.sort(distances)[:10].mean())
        hit = made.gallery_labels[allowed] == made.labels[query]
        cut = np.sort(distances)[9]
        sure, tied = distances < cut, distances == cut
        expected = hit[sure].sum() + (10 - sure.sum()) * hit[tied].mean()
        assert made.precision[query] == pytest.approx(expected / 10)


def test_fewer_cases_than_neighbours():
    table = np.zeros((1, 2, 9), dtype=int)
    table[0, 0, 2] = table[0, 1, 8] = 1
    assert mean_nearest(table)[0] == 5


def test_take_keeps_what_belongs_together():
    made = masked()
    part = made.take(made.labels != "a")
    assert set(part.labels) == {"b", "c"} and part.names.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(part.histograms, made.histograms[made.labels != "a"])


def test_evidence_without_a_recipe_is_read_too(tmp_path):
    """As it was stored before recipes were."""
    made = masked()
    made.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as arrays:
        older = {name: arrays[name] for name in arrays if name != "recipe"}
    np.savez_compressed(tmp_path / "old.npz", **older)
    found = type(made).load(tmp_path / "old.npz")
    assert found.recipe == "" and np.array_equal(found.distances, made.distances)
    del older["bits"]
    np.savez_compressed(tmp_path / "damaged.npz", **older)
    with pytest.raises(EvaluationError, match="holds no evidence"):
        type(made).load(tmp_path / "damaged.npz")


def test_damaged_evidence_is_refused_or_whole(tmp_path):
    made = masked()
    made.save(tmp_path / "whole.npz")
    data = (tmp_path / "whole.npz").read_bytes()
    random = np.random.default_rng(0)
    whole = type(made).load(tmp_path / "whole.npz")
    refused = 0
    for number in range(200):
        spoilt = bytearray(data)
        for place in random.integers(len(data), size=3):
            spoilt[place] ^= int(random.integers(1, 256))
        path = tmp_path / f"{number}.npz"
        path.write_bytes(spoilt)
        try:
            found = type(made).load(path)
        except EvaluationError:
            refused += 1
        else:  # such as a date that nobody reads
            for name, value in vars(whole).items():
                assert np.array_equal(getattr(found, name), value), name
    assert refused > 150


def test_evidence_that_claims_to_be_encrypted_is_refused(tmp_path):
    masked().save(tmp_path / "made.npz")
    data = bytearray((tmp_path / "made.npz").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # a flag in the first entry of the directory
    (tmp_path / "made.npz").write_bytes(data)
    with pytest.raises(EvaluationError, match="holds no evidence"):
        Evidence.load(tmp_path / "made.npz")
