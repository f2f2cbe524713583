"""Dice in its other forms: the lecture's code beside ours, weights by hand, and MONAI as oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import ConfigError, GeometryError
from septum.metrics import Counts, confusion_counts, dice, dice_coef, generalised_dice, iou, weighted_dice

masks = hnp.array_shapes(min_dims=1, max_dims=3, max_side=6).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.int64, shape, elements=st.integers(0, 1)) for _ in range(2)])
)


def as_the_lecture_says(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Its formula as published, on masks of 0 and 1."""
    both = np.sum(prediction * reference)
    return round(np.mean(2 * both / (np.sum(prediction) + np.sum(reference))), 3)


@given(masks)
def test_dice_coef_is_the_lecture_s_number_wherever_that_exists(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    if a.any() or b.any():
        assert dice_coef(a, b) == as_the_lecture_says(a, b) == round(dice(confusion_counts(a, b, classes=[1])[0]), 3)
    else:
        assert math.isnan(dice_coef(a, b))


def test_the_second_formula_of_the_lecture_is_twice_iou_and_not_dice() -> None:
    mask = np.array([0, 1, 1])
    (counts,) = confusion_counts(mask, mask, classes=[1])
    with_the_union = 2 * counts.tp / (counts.tp + counts.fp + counts.fn)
    assert with_the_union == 2 * iou(counts) == 2
    assert dice_coef(mask, mask) == 1


def test_dice_coef_takes_booleans_and_floats_and_refuses_what_its_arithmetic_gets_wrong() -> None:
    mask = np.array([True, False, True])
    assert dice_coef(mask, mask.astype(np.float32)) == 1
    with pytest.raises(GeometryError, match="masks must hold 0 and 1, got values up to 255"):
        dice_coef(mask.astype(np.uint8) * 255, mask)
    with pytest.raises(GeometryError, match=r"same shape, got \(3,\) and \(2,\)"):
        dice_coef(mask, mask[:2])


def test_the_weights_of_generalised_dice_by_hand() -> None:
    counts = [Counts(tp=8, fp=0, fn=2, tn=0), Counts(tp=1, fp=2, fn=1, tn=0)]
    assert math.isclose(generalised_dice(counts, weighting="uniform"), 2 * 9 / (18 + 5))
    assert math.isclose(generalised_dice(counts, weighting="simple"), 2 * (8 / 10 + 1 / 2) / (18 / 10 + 5 / 2))
    assert math.isclose(generalised_dice(counts), 2 * (8 / 100 + 1 / 4) / (18 / 100 + 5 / 4))


@pytest.mark.parametrize("weighting", ["square", "simple", "uniform"])
@pytest.mark.parametrize("seed", range(3))
def test_generalised_dice_equals_monai(weighting: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    from monai.metrics.generalized_dice import compute_generalized_dice

    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (2, 9, 10, 11))
    if seed == 2:
        a[a == 3] = 0  # a class that the reference lacks
    hot = [torch.from_numpy(np.stack([x == k for k in range(4)])[None].astype(np.float32)) for x in (b, a)]
    theirs = compute_generalized_dice(*hot, weight_type=weighting, sum_over_classes=True).item()
    ours = generalised_dice(confusion_counts(a, b, classes=range(4)), weighting=weighting)
    assert math.isclose(ours, theirs, rel_tol=1e-6)


@given(st.lists(st.builds(Counts, *[st.integers(0, 50)] * 4), min_size=1, max_size=4), st.integers(2, 9))
def test_generalised_dice_is_bounded_and_does_not_depend_on_the_voxel_size(counts: list[Counts], k: int) -> None:
    value = generalised_dice(counts)
    finer = generalised_dice([Counts(c.tp * k, c.fp * k, c.fn * k, c.tn * k) for c in counts])
    assert math.isnan(value) or 0 <= value <= 1 + 1e-12
    np.testing.assert_allclose(finer, value, rtol=1e-9)


def test_weighted_dice_leaves_out_undefined_classes_with_their_weight() -> None:
    counts = [Counts(1, 0, 0, 0), Counts(0, 1, 1, 0), Counts(0, 0, 0, 5)]
    assert weighted_dice(counts, weights=[1, 3, 100]) == 0.25
    assert weighted_dice(counts, weights=[1, 3, 4], policy="perfect") == 5 / 8
    assert math.isnan(weighted_dice(counts, weights=[0, 0, 1]))


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, math.inf], [math.nan, 1]])
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="weights must be one number of at least 0 per class"):
        weighted_dice([Counts(1, 0, 0, 0)] * 2, weights=weights)


def test_unknown_weightings_and_no_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="weighting must be one of square, simple, uniform, got 'cube'"):
        generalised_dice([Counts(1, 0, 0, 0)], weighting="cube")
    with pytest.raises(ConfigError, match="at least one class"):
        generalised_dice([])
