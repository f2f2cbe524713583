"""Consensus of readers: SimpleITK as oracle, the pairwise definition of Dice, and readers who are copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests import phantoms

from septum.errors import ConfigError, GeometryError
from septum.metrics import confusion_counts, dice
from septum.metrics.consensus import (
    majority_vote,
    staple,
    vote_patterns,
    voxel_agreement,
)

readings = st.integers(2, 5).flatmap(
    lambda n: hnp.arrays(np.uint8, (n, 5, 6), elements=st.integers(0, 3)).map(lambda stack: list(stack))
)


def noisy_readers(truth: np.ndarray, errors: list[float], *, seed: int = 0) -> list[np.ndarray]:
    """Readers who replace a label by another with the given probability."""
    rng = np.random.default_rng(seed)
    n_labels = int(truth.max()) + 1
    masks = []
    for error in errors:
        wrong = rng.random(truth.shape) < error
        masks.append(
            np.where(wrong, (truth + rng.integers(1, n_labels, truth.shape)) % n_labels, truth).astype(np.uint8)
        )
    return masks


def test_binary_staple_equals_simpleitk() -> None:
    truth = phantoms.ball((12, 16, 16), radius_mm=5).array
    masks = noisy_readers(truth, [0.05, 0.1, 0.2, 0.3])
    oracle = sitk.STAPLEImageFilter()
    theirs = sitk.GetArrayFromImage(oracle.Execute([sitk.GetImageFromArray(m) for m in masks]))
    ours = staple(masks)
    assert ours.converged
    np.testing.assert_allclose(ours.probability(), theirs, atol=1e-6)
    np.testing.assert_allclose(ours.sensitivity(), oracle.GetSensitivity(), atol=1e-6)
    np.testing.assert_allclose(ours.sensitivity(0), oracle.GetSpecificity(), atol=1e-6)


def test_staple_of_many_labels_equals_simpleitk() -> None:
    truth = np.kron(np.arange(9).reshape(3, 3) % 4, np.ones((12, 12), int))
    masks = noisy_readers(truth, [0.05, 0.15, 0.25, 0.35, 0.1], seed=3)
    oracle = sitk.MultiLabelSTAPLEImageFilter()
    oracle.SetTerminationUpdateThreshold(1e-9)
    theirs = sitk.GetArrayFromImage(oracle.Execute([sitk.GetImageFromArray(m) for m in masks]))
    ours = staple(masks)
    np.testing.assert_array_equal(ours.labels, theirs)
    assert (ours.labels == truth).mean() > 0.97


def test_staple_trusts_one_good_reader_over_two_bad_ones() -> None:
    truth = phantoms.box((16, 20, 24)).array
    masks = noisy_readers(truth, [0.02, 0.4, 0.4], seed=1)
    ours = staple(masks)
    assert ours.sensitivity(0)[0] > 0.95 > 0.7 > ours.sensitivity(0)[1:].max()
    assert (ours.labels != truth).mean() < 0.2 * (majority_vote(masks) != truth).mean()


@given(readings)
def test_majority_equals_the_label_voting_of_simpleitk(masks: list[np.ndarray]) -> None:
    theirs = sitk.GetArrayFromImage(sitk.LabelVoting([sitk.GetImageFromArray(m) for m in masks], 9))
    np.testing.assert_array_equal(majority_vote(masks, undecided=9), theirs)


@given(readings)
def test_patterns_tell_every_voxel_what_each_reader_said(masks: list[np.ndarray]) -> None:
    patterns = vote_patterns(masks)
    said = patterns.labels[patterns.votes[patterns.pattern]]  # (*shape, R)
    for r, mask in enumerate(masks):
        np.testing.assert_array_equal(said[..., r], mask)
    assert patterns.n.sum() == masks[0].size
    assert len(np.unique(patterns.votes, axis=0)) == len(patterns.votes)


@given(readings)
def test_staple_is_a_probability_and_does_not_depend_on_the_order_of_readers(masks: list[np.ndarray]) -> None:
    forward, backward = staple(masks, max_iterations=20), staple(masks[::-1], max_iterations=20)
    total = sum(forward.probability(int(v)) for v in forward.label_values)
    np.testing.assert_allclose(total, 1.0, atol=1e-9)
    np.testing.assert_allclose(forward.probability(1), backward.probability(1), atol=1e-6)


def test_readers_who_agree_are_their_own_consensus() -> None:
    truth = phantoms.touching_pair().array
    ours = staple([truth, truth, truth])
    np.testing.assert_array_equal(ours.labels, truth)
    np.testing.assert_allclose(ours.sensitivity(2), 1.0)
    assert np.isnan(ours.sensitivity(7)).all()
    assert not ours.probability(7).any()


def test_ignored_voxels_count_nowhere() -> None:
    masks = [np.array([1, 1, 0, 0]), np.array([1, 0, 0, 1])]
    assert voxel_agreement(vote_patterns(masks, ignore=np.array([False, True, False, True]))).cohen[0, 1] == 1.0
    with pytest.raises(ConfigError, match="a voxel that is not ignored"):
        staple(masks, ignore=np.ones(4, bool))


def test_kappa_of_voxels_equals_scikit_learn_and_statsmodels() -> None:
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    truth = np.kron(np.arange(9).reshape(3, 3) % 3, np.ones((9, 9), int))
    masks = noisy_readers(truth, [0.05, 0.2, 0.35, 0.1])
    found = voxel_agreement(vote_patterns(masks))
    flat = np.stack([m.ravel() for m in masks], axis=1)
    for i in range(4):
        for j in range(4):
            assert found.cohen[i, j] == pytest.approx(cohen_kappa_score(flat[:, i], flat[:, j]), abs=1e-12)
    assert found.fleiss == pytest.approx(fleiss_kappa(aggregate_raters(flat)[0]), abs=1e-12)
    assert found.voxels == truth.size


def test_kappa_leaves_out_ignored_voxels_and_is_undefined_for_one_label() -> None:
    one, other = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 0])
    patterns = vote_patterns([one, other], ignore=np.array([0, 0, 0, 0, 1], bool))
    assert voxel_agreement(patterns).cohen[0, 1] == 0.5  # 3 of 4 agree, chance gives 2 of 4
    same = voxel_agreement(vote_patterns([np.zeros(4, int)] * 2))
    assert same.observed == 1
    assert math.isnan(same.fleiss)
    assert math.isnan(same.cohen[0, 1])
    nothing = voxel_agreement(vote_patterns([one, other], ignore=np.ones(5, bool)))
    assert (nothing.voxels, math.isnan(nothing.observed)) == (0, True)


def test_kappa_of_a_structure_in_a_large_background_is_its_dice() -> None:
    a, b = np.zeros((2, 400, 400), int)
    a[:20, :20], b[4:24, :20] = 1, 1
    found = voxel_agreement(vote_patterns([a, b]))
    (counts,) = confusion_counts(a, b, classes=[1])
    assert found.cohen[0, 1] == pytest.approx(dice(counts), abs=1e-3)


def test_bad_masks_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least two readers, got 1"):
        majority_vote([np.zeros(3, int)])
    with pytest.raises(GeometryError, match=r"same shape, got \[\(2,\), \(3,\)\]"):
        vote_patterns([[0, 1], [0, 1, 1]])
    with pytest.raises(GeometryError, match="integer labels, got float64"):
        staple([[0.5], [0.5]])
    with pytest.raises(GeometryError, match="ignore must have the shape"):
        vote_patterns([[0, 1], [0, 1]], ignore=[True])
    with pytest.raises(ConfigError, match="max_iterations must be at least 1"):
        staple([[0, 1], [0, 1]], max_iterations=0)
    assert staple([[0, 1], [0, 1]], max_iterations=1).labels.tolist() == [0, 1]
