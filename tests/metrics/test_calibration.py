"""Calibration: scikit-learn as oracle, cases that stream, and probabilities that are honest by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import ConfigError, GeometryError
from septum.metrics.calibration import (
    FINE_BINS,
    brier,
    calibration_counts,
    expected_calibration_error,
    reliability,
)

# Never on the edge of a bin, where scikit-learn closes the other side.
probabilities = st.integers(0, FINE_BINS - 1).map(lambda k: (k + 0.5) / FINE_BINS)
cases = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=probabilities), hnp.arrays(np.uint8, n, elements=st.integers(0, 1))
    )
)


@given(cases, st.sampled_from([5, 10, 20]))
def test_curve_and_brier_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray], n_bins: int) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    prob, labels = case
    counts = calibration_counts(prob, labels)
    assert brier(counts) == pytest.approx(brier_score_loss(labels, prob, pos_label=1), abs=1e-12)
    if np.unique(labels).size < 2:
        return  # scikit-learn refuses one class
    frequency, confidence = calibration_curve(labels, prob, n_bins=n_bins)
    ours = reliability(counts, n_bins=n_bins)
    np.testing.assert_allclose(ours.frequency, frequency, atol=1e-12)
    np.testing.assert_allclose(ours.confidence, confidence, atol=1e-12)


def test_brier_of_many_classes_equals_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(0)
    prob = rng.dirichlet(np.ones(3), 200).T
    labels = rng.integers(0, 3, 200)
    theirs = brier_score_loss(labels, prob.T, labels=[0, 1, 2], scale_by_half=False)
    assert brier(calibration_counts(prob, labels)) == pytest.approx(theirs, abs=1e-10)


def test_a_hand_computed_curve() -> None:
    counts = calibration_counts([0.12, 0.18, 0.92, 0.98], [0, 1, 1, 1])
    curve = reliability(counts, n_bins=10)
    assert curve.n.tolist() == [2, 2]
    np.testing.assert_allclose(curve.confidence, [0.15, 0.95])
    assert curve.frequency.tolist() == [0.5, 1.0]
    assert curve.expected_error == pytest.approx((0.35 + 0.05) / 2)
    assert curve.largest_error == pytest.approx(0.35)


@given(cases, cases)
def test_cases_add_up_as_if_they_were_one(
    one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]
) -> None:
    together = calibration_counts(np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]]))
    added = calibration_counts(*one) + calibration_counts(*two)
    assert brier(added) == pytest.approx(brier(together))
    for adaptive in (False, True):
        ours = expected_calibration_error(added, adaptive=adaptive)
        assert ours == pytest.approx(expected_calibration_error(together, adaptive=adaptive))
        assert 0 <= ours <= 1


def test_honest_probabilities_have_a_small_error_and_boastful_ones_a_large() -> None:
    rng = np.random.default_rng(5)
    prob = rng.random(200_000)
    labels = (rng.random(prob.size) < prob).astype(np.uint8)
    for adaptive in (False, True):
        assert expected_calibration_error(calibration_counts(prob, labels), adaptive=adaptive) < 0.01
        boastful = calibration_counts(np.where(prob > 0.5, 1.0, 0.0), labels)
        assert expected_calibration_error(boastful, adaptive=adaptive) == pytest.approx(0.25, abs=0.01)


def test_adaptive_bins_hold_nearly_equal_numbers() -> None:
    prob = np.random.default_rng(6).beta(1, 30, 50_000)
    n = reliability(calibration_counts(prob, np.zeros(prob.size, int)), n_bins=10, adaptive=True).n
    assert n.size == 10
    assert n.max() < 1.1 * n.min()
    two_lumps = calibration_counts([0.2] * 5 + [0.3] * 5, [0] * 10)
    assert reliability(two_lumps, n_bins=2, adaptive=True).n.tolist() == [5, 5]


def test_the_confidence_of_many_classes_is_their_largest_probability() -> None:
    prob = np.array([[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]])
    curve = reliability(calibration_counts(prob, [0, 1]))
    np.testing.assert_allclose(curve.confidence, [0.6, 0.7])
    assert curve.frequency.tolist() == [0.0, 1.0]


def test_ignored_voxels_count_nowhere_and_nothing_gives_nan() -> None:
    masked = calibration_counts([0.3, 0.9, 0.5], [0, 1, 255], ignore=255)
    assert masked.voxels == 2
    channels = calibration_counts([[0.3, 0.5], [0.7, 0.5]], [1, 255], ignore=255)
    assert channels.voxels == 1
    nothing = calibration_counts([0.5], [255], ignore=255)
    assert math.isnan(brier(nothing))
    assert math.isnan(expected_calibration_error(nothing))
    assert math.isnan(reliability(nothing).largest_error)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"between 0 and 1, got -1.0 to 2.0; apply a softmax"):
        calibration_counts([-1.0, 2.0], [0, 1])
    with pytest.raises(ConfigError, match="between 0 and 1, got nan"):
        calibration_counts([math.nan, 0.5], [0, 1])
    with pytest.raises(GeometryError, match="shape of reference"):
        calibration_counts([0.5, 0.5], [1])
    with pytest.raises(GeometryError, match="integer labels, got float64"):
        calibration_counts([0.5], [1.0])
    with pytest.raises(GeometryError, match="labels 0 to 1, one per channel of prob, got 2 to 2"):
        calibration_counts([[0.5], [0.5]], [2])
    with pytest.raises(ConfigError, match="n_bins must be a divisor of 10000, got 3"):
        reliability(calibration_counts([0.5], [1]), n_bins=3)
