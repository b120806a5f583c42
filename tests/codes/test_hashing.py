"""Thresholds, bits and packing against bit strings."""

import numpy as np
import pytest

from retrieval.codes.hashing import fit_thresholds, pack, to_bits
from retrieval.errors import SelectionError


def test_packing_is_the_bit_string_read_from_the_left():
    bits = np.random.default_rng(0).random((7, 24)) < 0.5
    for row, code in zip(bits, pack(bits), strict=True):
        text = "".join("1" if bit else "0" for bit in row)
        assert code.tolist() == [int(text[i : i + 8], 2) for i in range(0, 24, 8)]


def test_a_prefix_of_a_code_is_the_code_of_the_prefix():
    bits = np.random.default_rng(1).random((5, 64)) < 0.5
    np.testing.assert_array_equal(pack(bits)[:, :4], pack(bits[:, :32]))


def test_packing_loses_no_bit():
    bits = np.random.default_rng(2).random((9, 40)) < 0.3
    np.testing.assert_array_equal(np.unpackbits(pack(bits), axis=1), bits)


@pytest.mark.parametrize("n", [2, 3, 20, 21, 425])
def test_a_threshold_lies_between_training_values_near_the_median(n):
    features = np.random.default_rng(n).normal(size=(n, 30)).astype(np.float16)
    thresholds = fit_thresholds(features)
    assert not (features.astype(np.float32) == thresholds).any()
    above = to_bits(features, thresholds).sum(axis=0)
    assert (np.abs(above - n / 2) <= 0.05 * n + 1).all()


def test_the_gap_chosen_is_the_widest_near_the_median():
    values = np.concatenate([np.arange(50), 60 + np.arange(50)]).astype(np.float32)[:, None]
    assert fit_thresholds(values)[0] == pytest.approx((49 + 60) / 2)


def test_a_rare_label_weighs_as_much_as_a_common_one():
    """Ninety of one label below, ten of the other above: the cut lies between them."""
    common = np.arange(90, dtype=np.float32)
    rare = 120 + np.arange(10, dtype=np.float32)
    values = np.concatenate([common, rare])[:, None]
    labels = ["common"] * 90 + ["rare"] * 10
    assert fit_thresholds(values, labels)[0] == pytest.approx((89 + 120) / 2)
    assert 40 < fit_thresholds(values)[0] < 50
    mixed = np.random.default_rng(0).permutation(100)
    shuffled = [labels[row] for row in mixed]
    assert fit_thresholds(values[mixed], shuffled)[0] == fit_thresholds(values, labels)[0]


def test_labels_of_equal_number_change_nothing():
    features = np.random.default_rng(4).normal(size=(60, 20)).astype(np.float16)
    labels = ["a", "b", "c"] * 20
    np.testing.assert_array_equal(fit_thresholds(features, labels), fit_thresholds(features))


def test_rounding_noise_changes_no_training_bit():
    random = np.random.default_rng(5)
    features = random.normal(size=(101, 64)).astype(np.float32)
    thresholds = fit_thresholds(features)
    noisy = features * (1 + 1e-6 * random.choice([-1, 1], features.shape)).astype(np.float32)
    np.testing.assert_array_equal(to_bits(noisy, thresholds), to_bits(features, thresholds))


def test_refusals():
    with pytest.raises(SelectionError, match="multiple of 8"):
        pack(np.zeros((2, 12), dtype=bool))
    with pytest.raises(SelectionError, match="do not fit"):
        to_bits(np.zeros((2, 3), np.float32), np.zeros(4, np.float32))
    with pytest.raises(SelectionError, match="two pictures"):
        fit_thresholds(np.zeros((1, 3), np.float32))
    with pytest.raises(SelectionError, match="not numbers"):
        fit_thresholds(np.full((3, 3), np.nan, np.float32))
