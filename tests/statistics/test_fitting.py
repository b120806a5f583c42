"""The fit on queries whose true chances are known."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import EvaluationError
from retrieval.statistics import fitting
from retrieval.statistics.calibration import abstain
from retrieval.statistics.fitting import COVERAGE, cross_fitted, patient_folds
from retrieval.statistics.rankings import mean_nearest
from retrieval.statistics.reliability import log_loss
from tests import simulated


def fit(made, *options):
    return fitting.fit(simulated.evidence(made), *options)


def test_true_chances_are_recovered():
    made, true = simulated.rankings(3000)
    calibration = fit(made, "abc")
    assert (calibration.temperature, calibration.archive_id) == (0.1, "abc")
    assert calibration.slope == pytest.approx(1, abs=0.1)
    assert np.abs(calibration.chances(made.histograms) - true).mean() < 0.02
    assert np.abs(cross_fitted(made) - true).mean() < 0.02


def test_many_labels():
    made, true = simulated.rankings(1500, names=tuple("abcdefghijkl"), pull=8)
    calibration = fit(made)
    assert calibration.informative
    assert np.abs(calibration.chances(made.histograms) - true).mean() < 0.02


def test_the_fit_is_the_best_on_a_fine_grid():
    """Of the loss with Platt's smoothed targets, written out here."""
    made, _ = simulated.rankings(60, slices=3)
    calibration = fit(made)
    assert calibration.informative
    names, mixed = made.names.tolist(), 3 / (20 + 3)
    shares = np.array([(made.gallery_labels == name).mean() for name in names])

    def loss(temperature, slope):
        chances = replace(calibration, temperature=temperature, slope=slope).chances(
            made.histograms
        )
        targets = (1 - mixed) * np.eye(3)[made.truth] + mixed * shares
        return -(targets * np.log(chances)).sum(axis=1).mean()

    best = min(
        loss(temperature, slope)
        for temperature in fitting.TEMPERATURES
        for slope in np.linspace(0, 5, 501)
    )
    assert loss(calibration.temperature, calibration.slope) <= best + 1e-9


def test_labels_that_have_nothing_to_do_with_the_codes_give_shares_and_no_answer():
    made, _ = simulated.rankings(200)
    shuffled = np.random.default_rng(1).permutation(made.labels)
    calibration = fit(replace(made, labels=shuffled))
    assert (calibration.slope, calibration.informative) == (0.0, False)
    np.testing.assert_allclose(
        calibration.chances(made.histograms), np.tile([10 / 45, 15 / 45, 20 / 45], (200, 1))
    )
    assert abstain(calibration, {"a": 1.0})


def test_constant_codes_give_the_shares():
    made, _ = simulated.rankings(100)
    constant = replace(made, distances=np.full_like(made.distances, 7))
    calibration = fit(constant)
    np.testing.assert_allclose(calibration.chances(constant.histograms)[0], [2 / 9, 3 / 9, 4 / 9])
    np.testing.assert_allclose(cross_fitted(constant)[0], [2 / 9, 3 / 9, 4 / 9])


def test_four_fifths_are_answered():
    made, _ = simulated.rankings(301)
    calibration = fit(made)
    largest = calibration.chances(made.histograms).max(axis=1)
    assert COVERAGE <= (largest >= calibration.threshold).mean() < COVERAGE + 2 / 301


def test_separable_queries_keep_a_finite_slope():
    made, _ = simulated.rankings(40, pull=0)
    gallery = made.gallery_labels
    labels = np.resize(["a", "b", "c"], 40)
    apart = np.where(gallery == labels[:, None], 1, 30).astype(np.uint16)
    calibration = fit(replace(made, labels=labels, distances=apart))
    chances = calibration.chances(replace(made, distances=apart).histograms).max(axis=1)
    assert (chances < 0.99).all() and (chances > 0.9).all()


def test_nobody_is_measured_by_a_fit_that_saw_the_patient():
    made, _ = simulated.rankings(150, slices=3)
    fold, chances = patient_folds(made), cross_fitted(made)
    for patient in np.unique(made.patients):
        assert len(set(fold[made.patients == patient].tolist())) == 1
    for number in range(5):
        others = fit(made.take(fold != number))
        np.testing.assert_allclose(
            chances[fold == number], others.chances(made.histograms[fold == number])
        )


def test_folds_deal_patients_and_labels_evenly_whatever_the_order():
    made, _ = simulated.rankings(100, names=("a", "b"))
    fold = patient_folds(made)
    assert set(np.bincount(fold).tolist()) == {20}
    for label in "ab":
        counts = np.bincount(fold[made.labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    order = np.random.default_rng(2).permutation(100)
    mixed = made.take(order)
    np.testing.assert_array_equal(patient_folds(mixed), fold[order])
    assert fit(mixed).slope == pytest.approx(fit(made).slope, abs=1e-4)


def test_too_little_to_fit_on_is_refused():
    made, _ = simulated.rankings(60, slices=10)
    with pytest.raises(EvaluationError, match="at least 10 patients"):
        fit(made)
    made, _ = simulated.rankings(60)
    with pytest.raises(EvaluationError, match="2 labels"):
        fit(made.take(made.labels == "c"))
    unknown = np.where(np.arange(60) < 3, "z", made.labels)
    with pytest.raises(EvaluationError, match="no case they are compared with"):
        fit(replace(made, labels=unknown))


def test_a_fit_beats_the_shares_on_queries_it_never_saw():
    made, _ = simulated.rankings(200)
    fresh, _ = simulated.rankings(400, seed=9)
    chances = fit(made).chances(fresh.histograms)
    shares = np.tile([2 / 9, 3 / 9, 4 / 9], (400, 1))
    assert log_loss(chances, fresh.truth).mean() < log_loss(shares, fresh.truth).mean() - 0.1


def test_what_is_kept_back_is_searched_and_not_fitted_on():
    """Another label, near to every query: it changes what is read off, not what is fitted."""
    made, _ = simulated.rankings(200, pull=8)
    near = np.full((200, 15), 9, dtype=np.uint16)
    searched = replace(
        made,
        distances=np.hstack([made.distances, near]),
        allowed=np.hstack([made.allowed, np.ones(near.shape, dtype=bool)]),
        gallery_labels=np.append(made.gallery_labels, ["z"] * 15),
    )
    apart = fit(made)
    found = fitting.fit(simulated.evidence(searched, range(45, 60)))
    assert found.informative and found.threshold < apart.threshold
    assert (found.slope, found.temperature) == (apart.slope, apart.temperature)
    largest = found.chances(searched.histograms).max(axis=1)
    assert COVERAGE <= (largest >= found.threshold).mean() < COVERAGE + 2 / 200
    nearest = mean_nearest(searched.histograms)
    assert found.quantiles[0] == nearest.min() and found.quantiles[-1] == nearest.max()
    assert np.mean([found.is_novel(one) for one in nearest]) <= 0.01


def test_the_patients_of_the_fit_are_known_by_digests():
    made, _ = simulated.rankings(60, slices=3)
    found = fit(made)
    assert len(found.groups) == found.patients == 20 and not set(found.groups) & set(made.patients)
    assert found.was_fitted_on("f" * 64, "p19") and not found.was_fitted_on("f" * 64, "p20")
    assert found.was_fitted_on(made.pictures[0] + "f" * 48, "somebody")
