"""Scores of the electron microscopy challenge: cases computed by hand, scikit-learn as oracle, topology that stays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import ConfigError, GeometryError
from septum.metrics import pixel_error
from septum.metrics.neurite import (
    THRESHOLDS,
    best_over_thresholds,
    neurite_scores,
    thin_borders,
    threshold_curve,
    warping_error,
)

label_pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=st.integers(0, 3)) for _ in range(2)])
)
mask_pairs = hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=6).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.bool_, shape) for _ in range(2)])
)


def test_two_neurites_run_together_are_scored_as_by_hand() -> None:
    ours = neurite_scores([1, 1, 2, 2], [1, 1, 1, 1])
    assert (ours.v_rand_split, ours.v_rand_merge) == (1.0, 0.5)
    assert ours.v_rand == pytest.approx(2 / 3)
    assert (ours.v_info_split, ours.v_info_merge, ours.v_info) == (1.0, 0.0, 0.0)


def test_a_neurite_cut_in_two_is_scored_as_by_hand() -> None:
    ours = neurite_scores([1, 1, 1, 1], [1, 1, 2, 2])
    assert (ours.v_rand_split, ours.v_rand_merge) == (0.5, 1.0)
    assert (ours.v_info_split, ours.v_info_merge) == (0.0, 1.0)


def test_a_border_in_the_wrong_place_is_scored_as_by_hand() -> None:
    ours = neurite_scores([1, 1, 2, 2, 0], [1, 1, 1, 2, 2])
    # p: 1/2, 1/4, 1/4; of the truth 1/2, 1/2; of the prediction 3/4, 1/4; the membrane pixel counts nowhere.
    assert ours.v_rand_split == pytest.approx(0.375 / 0.5)
    assert ours.v_rand_merge == pytest.approx(0.375 / 0.625)
    h_guess = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    shared = math.log(2) + h_guess - (0.5 * math.log(2) + 0.5 * math.log(4))
    assert ours.v_info_split == pytest.approx(shared / h_guess)
    assert ours.v_info_merge == pytest.approx(shared / math.log(2))


def test_membrane_predicted_inside_a_neurite_falls_apart_into_single_pixels() -> None:
    ours = neurite_scores([1, 1], [0, 0])
    assert (ours.v_rand_split, ours.v_rand_merge) == (0.5, 1.0)


@given(label_pairs)
def test_scores_follow_from_those_of_scikit_image(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Two equalities.

    `adapted_rand_error` counts *pairs* of different pixels: its precision is (P − n) / (A − n) and its recall (P − n) /
    (B − n), where P, A, B are the sums of squared counts of the table, of the truth and of the prediction on the n
    pixels of neurites. So P = precision · (A − n) + n, and V_rand's split and merge are P / A and P / B. On large
    images n vanishes beside the squares, and V_rand becomes 1 minus the adapted Rand error.

    `variation_of_information` gives H(prediction | truth) and H(truth | prediction), in bits; what both share is
    H(truth) − H(truth | prediction).
    """
    from scipy.stats import entropy
    from skimage.metrics import adapted_rand_error, variation_of_information

    reference, prediction = pair
    ours = neurite_scores(reference, prediction)
    inside = reference > 0
    n = int(inside.sum())
    guess = prediction.astype(int)
    guess[guess == 0] = 100 + np.arange((guess == 0).sum())  # membrane pixels are segments of their own
    sizes_truth, sizes_guess = (
        np.unique(reference[inside], return_counts=True)[1],
        np.unique(guess[inside], return_counts=True)[1],
    )
    a, b = int((sizes_truth.astype(int) ** 2).sum()), int((sizes_guess.astype(int) ** 2).sum())
    if n < 2 or a == n or b == n:  # no two pixels of one segment: their ratios are 0/0
        return
    _, precision, recall = adapted_rand_error(reference, guess, ignore_labels=(0,))
    p = precision * (a - n) + n
    assert p == pytest.approx(recall * (b - n) + n)
    assert ours.v_rand_split == pytest.approx(p / a)
    assert ours.v_rand_merge == pytest.approx(p / b)
    h_guess_given_truth, h_truth_given_guess = variation_of_information(reference, guess, ignore_labels=(0,))
    h_truth, h_guess = entropy(sizes_truth, base=2), entropy(sizes_guess, base=2)
    assert h_truth - h_truth_given_guess == pytest.approx(h_guess - h_guess_given_truth, abs=1e-9)
    if h_truth > 1e-9:
        assert ours.v_info_merge == pytest.approx((h_truth - h_truth_given_guess) / h_truth, abs=1e-9)
    if h_guess > 1e-9:
        assert ours.v_info_split == pytest.approx((h_guess - h_guess_given_truth) / h_guess, abs=1e-9)


def test_on_large_images_v_rand_is_one_minus_the_adapted_rand_error_of_scikit_image() -> None:
    from skimage.metrics import adapted_rand_error

    rng = np.random.default_rng(5)
    reference, prediction = (np.kron(rng.integers(0, 5, (6, 7)), np.ones((40, 40), int)) for _ in range(2))
    prediction[prediction == 0] = 9
    error, _, _ = adapted_rand_error(reference, prediction, ignore_labels=(0,))
    assert neurite_scores(reference, prediction).v_rand == pytest.approx(1 - error, abs=1e-4)


@given(label_pairs)
def test_scores_equal_their_definition_on_the_tables_of_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy.stats import entropy
    from sklearn.metrics import mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    reference, prediction = pair
    ours = neurite_scores(reference, prediction)
    truth, guess = reference[reference > 0], prediction[reference > 0].astype(int)
    if not truth.size:
        assert math.isnan(ours.v_rand)
        assert math.isnan(ours.v_info)
        return
    guess[guess == 0] = 100 + np.arange((guess == 0).sum())
    p = contingency_matrix(truth, guess) / truth.size
    both = (p**2).sum()
    assert ours.v_rand_split == pytest.approx(both / (p.sum(axis=1) ** 2).sum())
    assert ours.v_rand_merge == pytest.approx(both / (p.sum(axis=0) ** 2).sum())
    shared = mutual_info_score(truth, guess)
    for value, certain in ((ours.v_info_split, entropy(p.sum(axis=0))), (ours.v_info_merge, entropy(p.sum(axis=1)))):
        assert value == pytest.approx(shared / certain if certain > 1e-9 else 1.0, abs=1e-9)
        assert 0 <= value <= 1


@given(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 3)).filter(np.any))
def test_an_image_against_itself_is_perfect(labels: np.ndarray) -> None:
    ours = neurite_scores(labels, labels)
    assert (ours.v_rand, ours.v_info) == pytest.approx((1.0, 1.0))
    assert warping_error(labels, labels).error == 0.0


def test_thinning_leaves_one_pixel_between_segments_and_makes_thick_membranes_free() -> None:
    thick = np.zeros((20, 31), int)
    thick[:, :12], thick[:, 19:] = 1, 2
    thin = thin_borders(thick)
    assert (thin == 0).sum(axis=1).tolist() == [1] * 20
    assert set(np.unique(thin)) == {0, 1, 2}
    truth = np.ones((20, 31), int)
    truth[:, 15], truth[:, 16:] = 0, 2
    assert neurite_scores(truth, thick).v_rand < 0.9
    assert neurite_scores(truth, thin).v_rand == 1.0
    assert not thin_borders(np.zeros((3, 3), int)).any()
    np.testing.assert_array_equal(thin_borders(np.full((3, 3), 7)), np.full((3, 3), 7))


def membrane_map() -> tuple[np.ndarray, np.ndarray]:
    """A map that is right only between 0.35 and 0.6: weak gap in the true membrane, ghost of another."""
    truth = np.ones((24, 30), bool)
    truth[:, 14] = False
    prob = np.full(truth.shape, 0.05)
    prob[:, 14] = 0.9
    prob[10:12, 14] = 0.6
    prob[5, :14] = 0.35
    return truth, prob


def test_the_best_threshold_is_found() -> None:
    truth, prob = membrane_map()
    curve = threshold_curve(prob, truth)
    best = best_over_thresholds([curve, curve])
    assert (best.v_rand, best.v_info) == (1.0, 1.0)
    assert best.v_rand_threshold in (0.4, 0.5, 0.6)
    assert curve[0].v_rand_split < 1.0
    assert curve[-2].v_rand_merge < 1.0
    nothing = threshold_curve(prob, np.zeros_like(truth))
    assert best_over_thresholds([curve, nothing]).v_rand == 1.0
    assert math.isnan(best_over_thresholds([nothing]).v_info)


def count(mask: np.ndarray) -> tuple[int, int]:
    """Neurites (face-connected) and membranes (fully connected, with the outside) by scikit-image."""
    from skimage.measure import label

    padded = np.pad(mask, 1)
    return int(label(padded, connectivity=1).max()), int(label(~padded, connectivity=mask.ndim).max())


@given(mask_pairs)
def test_warping_keeps_the_topology_of_the_reference_and_comes_no_farther(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, prediction = pair
    ours = warping_error(reference, prediction)
    assert count(ours.warped) == count(reference)
    assert ours.n_errors <= (reference != prediction).sum()
    same = reference == prediction
    np.testing.assert_array_equal(ours.warped[same], reference[same])


def test_simple_points_of_the_plane_are_those_whose_flip_keeps_all_components() -> None:
    from septum.metrics.neurite import _is_simple, _neighbours

    simple = 0
    for code in range(256):
        block = np.zeros((3, 3), bool)
        for bit, (y, x) in enumerate(_neighbours(2)):
            block[y + 1, x + 1] = code >> bit & 1
        without, with_ = block.copy(), block.copy()
        with_[1, 1] = True
        keeps = count_alone(without) == count_alone(with_)
        assert _is_simple(code, 2) == keeps, block
        simple += keeps
    assert simple == 116


def count_alone(block: np.ndarray) -> tuple[int, int]:
    """Components of a 3×3 block on its own: no outside joins them."""
    from skimage.measure import label

    return int(label(block, connectivity=1).max()), int(label(~block, connectivity=2).max())


def test_a_membrane_that_moved_costs_nothing_and_a_gap_in_it_costs_its_pixel() -> None:
    truth = np.ones((15, 21), bool)
    truth[:, 10] = False
    moved = np.roll(truth, 1, axis=1)
    assert pixel_error(truth, moved) > 0
    assert warping_error(truth, moved).n_errors == 0
    gap = truth.copy()
    gap[7, 10] = True
    assert warping_error(truth, gap).n_errors == 1
    wide = np.ones((15, 21), bool)
    wide[:, 8:13] = False
    assert warping_error(truth, wide).n_errors == 0
    assert warping_error(truth, np.ones_like(truth)).n_errors == 15
    # Only pixels that differ may flip: a membrane does not cross pixels that both sides call neurite.
    assert warping_error(truth, np.roll(truth, 3, axis=1)).n_errors > 0


def test_a_ghost_membrane_costs_what_it_takes_to_cut() -> None:
    truth = np.ones((9, 9), bool)
    ghost = truth.copy()
    ghost[:, 4] = False
    # The membrane grows from the rim on both sides; the one pixel in which it would cut the neurite stays.
    assert warping_error(truth, ghost).n_errors == 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_appears_or_vanishes_is_scored_as_by_hand(ndim: int) -> None:
    """What is there on both sides may shrink or grow; what only one side has needs a pixel that cannot flip."""
    nothing = np.zeros((9,) * ndim, bool)
    island = nothing.copy()
    island[(slice(3, 6),) * ndim] = True
    size = 3**ndim
    # A neurite that was missed shrinks to its last pixel; one that was invented has no pixel to grow from.
    assert warping_error(island, nothing).n_errors == 1
    assert warping_error(nothing, island).n_errors == size
    # A hole likewise, inside a neurite that reaches the rim.
    assert warping_error(~island, ~nothing).n_errors == 1
    assert warping_error(~nothing, ~island).n_errors == size
    # On both sides, an island of one pixel grows into the whole of the other's.
    seed = nothing.copy()
    seed[(4,) * ndim] = True
    assert warping_error(seed, island).n_errors == warping_error(island, seed).n_errors == 0


def test_membranes_of_a_volume_move_too() -> None:
    truth = np.ones((6, 7, 12), bool)
    truth[..., 5] = False
    assert warping_error(truth, np.roll(truth, 1, axis=2)).n_errors == 0
    hole = truth.copy()
    hole[3, 3, 5] = True
    assert warping_error(truth, hole).n_errors == 1


def test_outside_the_mask_nothing_moves_and_nothing_is_compared() -> None:
    truth = np.ones((9, 12), bool)
    truth[:, 5] = False
    moved = np.roll(truth, 1, axis=1)
    mask = np.zeros(truth.shape, bool)
    mask[:4] = True
    ours = warping_error(truth, moved, mask=mask)
    assert ours.n_compared == 48
    np.testing.assert_array_equal(ours.warped[4:], truth[4:])
    np.testing.assert_array_equal(ours.warped[:3], moved[:3])
    assert math.isnan(warping_error(truth, moved, mask=np.zeros_like(mask)).error)


def test_real_sections_are_perfect_against_themselves_and_worse_when_gaps_open(realdata: Path) -> None:
    from PIL import Image

    truth = np.asarray(Image.open(sorted((realdata / "em-isbi2012" / "labels").glob("*.png"))[0])) > 0
    gaps = truth.copy()
    membrane = np.argwhere(~truth)
    for y, x in membrane[np.random.default_rng(0).choice(len(membrane), 12, replace=False)]:
        gaps[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6] = True
    perfect, worse = neurite_scores(truth, truth), neurite_scores(truth, thin_borders(gaps))
    assert (perfect.v_rand, perfect.v_info) == pytest.approx((1.0, 1.0))
    assert worse.v_rand < 0.99
    assert 0 < warping_error(truth, gaps).error < pixel_error(truth, gaps)


def test_bad_input_is_refused() -> None:
    image = np.ones((3, 4), int)
    with pytest.raises(GeometryError, match="prediction must hold integer labels, got float64"):
        neurite_scores(image, image * 0.5)
    with pytest.raises(GeometryError, match="same shape"):
        warping_error(image, image.T)
    with pytest.raises(GeometryError, match="2-D or 3-D to be warped, got 1-D"):
        warping_error([1, 0], [1, 1])
    with pytest.raises(GeometryError, match="mask must have the shape"):
        warping_error(image, image, mask=image.T)
    with pytest.raises(ConfigError, match="membrane must lie between 0 and 1, got 255"):
        threshold_curve(image * 255, image)
    with pytest.raises(ConfigError, match="at least one value"):
        threshold_curve(image * 0.5, image, thresholds=[])
    with pytest.raises(ConfigError, match=r"one score per threshold \(9\), got \[1\]"):
        best_over_thresholds([[neurite_scores(image, image)]], thresholds=THRESHOLDS)
