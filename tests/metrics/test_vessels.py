"""clDice: gaps, branches, thickness, its formula and MONAI's soft skeletons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from septum.metrics import cl_dice, confusion_counts, dice


def lines(ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """A straight line of 20 voxels, and the same with a gap of 4."""
    line = np.zeros((9, 9, 26)[-ndim:], bool)
    line[(4,) * (ndim - 1) + (slice(3, 23),)] = True
    broken = line.copy()
    broken[..., 10:14] = False
    return line, broken


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_gap_costs_its_length_of_the_centre_line(ndim: int) -> None:
    line, broken = lines(ndim)
    assert math.isclose(cl_dice(line, broken), 2 * 0.8 / 1.8)
    assert math.isclose(cl_dice(broken, line), 2 * 0.8 / 1.8)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_vessel_drawn_too_thick_loses_nothing_but_its_ends(ndim: int) -> None:
    line, broken = lines(ndim)
    thick, thick_broken = (ndimage.binary_dilation(m, np.ones((3,) * ndim)) for m in (line, broken))
    (counts,) = confusion_counts(line, thick, classes=[1])
    assert dice(counts) < 0.5
    assert cl_dice(line, thick) > 0.9
    assert cl_dice(line, thick_broken) < cl_dice(line, thick)


@given(st.integers(0, 200), st.sampled_from([(20, 22), (10, 11, 12)]))
def test_cl_dice_is_symmetric_bounded_and_one_for_equal_masks(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    a, b = (ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > 0.05 for _ in range(2))
    assert cl_dice(a, a) == 1
    assert math.isclose(cl_dice(a, b), cl_dice(b, a))
    assert 0 <= cl_dice(a, b) <= 1


def test_cl_dice_equals_its_formula_on_whole_arrays() -> None:
    from skimage.morphology import skeletonize

    rng = np.random.default_rng(1)
    a, b = (ndimage.gaussian_filter(rng.normal(size=(40, 50)), 2) > 0.03 for _ in range(2))
    a[:, :2] = b[:, -3:] = False
    line_a, line_b = skeletonize(np.pad(a, 5))[5:-5, 5:-5], skeletonize(np.pad(b, 5))[5:-5, 5:-5]
    precision, sensitivity = (line_b & a).sum() / line_b.sum(), (line_a & b).sum() / line_a.sum()
    assert math.isclose(cl_dice(a, b), 2 * precision * sensitivity / (precision + sensitivity))


def crossing(ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """A long line with three branches of six voxels; and the same without one branch, with a spur of two elsewhere.

    All are one voxel wide and touch nowhere, so that each is its own skeleton.
    """
    reference = np.zeros((9, 25, 31)[-ndim:], bool)
    middle = (4,) * (ndim - 2)
    reference[(*middle, 12, slice(3, 28))] = True
    prediction = reference.copy()
    for column in (6, 14, 22):
        reference[(*middle, slice(14, 20), column)] = True
        if column != 14:
            prediction[(*middle, slice(14, 20), column)] = True
    prediction[(*middle, slice(8, 11), 18)] = True
    return reference, prediction


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_lost_branch_and_an_invented_one_are_scored_as_by_hand(ndim: int) -> None:
    """25 + 18 voxels of reference, 25 + 12 + 3 of prediction, 25 + 12 in both: sensitivity 37/43, precision 37/40."""
    reference, prediction = crossing(ndim)
    assert (reference.sum(), prediction.sum(), (reference & prediction).sum()) == (43, 40, 37)
    precision, sensitivity = 37 / 40, 37 / 43
    by_hand = 2 * precision * sensitivity / (precision + sensitivity)
    assert math.isclose(cl_dice(reference, prediction), by_hand)
    assert math.isclose(cl_dice(prediction, reference), by_hand)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("which", ["gap", "branches"])
def test_cl_dice_of_lines_follows_from_the_soft_skeletons_of_monai(ndim: int, which: str) -> None:
    """MONAI's clDice is a loss on soft skeletons, made by erosions. They differ from thinned ones except where a mask
    is a line one voxel wide, which both leave as it is; there the formula gives the same on either."""
    torch = pytest.importorskip("torch")
    from monai.losses.cldice import soft_skel

    pair = lines(ndim) if which == "gap" else crossing(ndim)
    a, b = (torch.from_numpy(mask[None, None].astype(np.float64)) for mask in pair)
    line_a, line_b = soft_skel(a, 3), soft_skel(b, 3)
    precision, sensitivity = ((line_b * a).sum() / line_b.sum()).item(), ((line_a * b).sum() / line_a.sum()).item()
    assert math.isclose(cl_dice(*pair), 2 * precision * sensitivity / (precision + sensitivity))


def test_lines_that_never_meet_score_zero() -> None:
    line, _ = lines(2)
    assert cl_dice(line, np.roll(line, 2, axis=0)) == 0
