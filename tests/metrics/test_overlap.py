"""Overlap: hand-computed counts, the properties of Dice, and two independent libraries as oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests import phantoms

from septum.errors import ConfigError, GeometryError
from septum.metrics import (
    Counts,
    confusion_counts,
    confusion_matrix,
    dice,
    iou,
    joint_table,
    overlap,
    pixel_error,
    precision,
    sensitivity,
    specificity,
    volume_difference_ml,
    volume_difference_percent,
)

shapes = hnp.array_shapes(min_dims=2, max_dims=3, max_side=7)
label_pairs = shapes.flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=st.integers(0, 3)) for _ in range(2)])
)


def test_counts_of_a_hand_drawn_case() -> None:
    reference = np.array([[0, 1, 1, 0], [0, 1, 2, 2]])
    prediction = np.array([[0, 1, 0, 1], [0, 1, 1, 2]])
    one, two, three = confusion_counts(reference, prediction, classes=[1, 2, 3])
    assert one == Counts(tp=2, fp=2, fn=1, tn=3)
    assert two == Counts(tp=1, fp=0, fn=1, tn=6)
    assert three == Counts(tp=0, fp=0, fn=0, tn=8)
    assert dice(one) == 4 / 7
    assert iou(one) == 2 / 5
    assert precision(one) == 2 / 4
    assert sensitivity(one) == 2 / 3
    assert pixel_error(reference, prediction) == 3 / 8


def test_classes_come_back_in_the_order_they_were_asked_for() -> None:
    reference = np.array([5, 5, 9])
    first, second = confusion_counts(reference, reference, classes=[9, 5])
    assert (first.tp, second.tp) == (1, 2)


def test_voxels_that_the_reference_ignores_count_nowhere() -> None:
    reference = np.array([1, 1, 255, 255, 0])
    prediction = np.array([1, 0, 1, 0, 0])
    (counts,) = confusion_counts(reference, prediction, classes=[1], ignore=255)
    assert counts == Counts(tp=1, fp=0, fn=1, tn=1)
    assert pixel_error(reference, prediction, ignore=255) == 1 / 3
    assert math.isnan(pixel_error([255], [1], ignore=255))


@given(label_pairs)
def test_dice_is_symmetric_bounded_and_one_only_for_equal_masks(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    (forth,), (back,) = confusion_counts(a, b, classes=[1]), confusion_counts(b, a, classes=[1])
    value = dice(forth)
    if not ((a == 1) | (b == 1)).any():
        assert math.isnan(value)
        return
    assert value == dice(back)
    assert 0 <= value <= 1
    assert (value == 1) == np.array_equal(a == 1, b == 1)
    assert iou(forth) <= value
    assert math.isclose(iou(forth), value / (2 - value))
    assert forth.total == a.size


@given(label_pairs)
def test_every_count_equals_the_boolean_arithmetic(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    for label, counts in zip(range(4), confusion_counts(a, b, classes=range(4)), strict=True):
        r, p = a == label, b == label
        assert counts == Counts(*(int(m.sum()) for m in (r & p, ~r & p, r & ~p, ~r & ~p)))


@pytest.mark.parametrize("spacing_free", phantoms.every(3), ids=lambda p: p.name)
def test_a_mask_compared_with_itself_has_no_errors(spacing_free: phantoms.Phantom) -> None:
    (counts,) = confusion_counts(spacing_free.array, spacing_free.array, classes=[1])
    assert counts.fp == counts.fn == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64])
def test_the_integer_type_does_not_matter(dtype: type) -> None:
    a = np.array([0, 1, 7, 7, 1]).astype(dtype)
    b = np.array([0, 7, 7, 1, 1]).astype(dtype)
    assert confusion_counts(a, b, classes=[7])[0] == Counts(tp=1, fp=1, fn=1, tn=2)


def test_boolean_masks_are_labels_zero_and_one() -> None:
    assert confusion_counts(np.array([True, False]), np.array([True, True]), classes=[1])[0] == Counts(1, 1, 0, 0)


def test_negative_and_large_labels_are_counted() -> None:
    reference = np.array([-5, 1_000_000, 1_000_000])
    prediction = np.array([-5, -5, 1_000_000])
    table = joint_table(reference, prediction)
    assert table.reference.tolist() == [-5, 1_000_000, 1_000_000]
    assert table.prediction.tolist() == [-5, -5, 1_000_000]
    assert table.voxels.tolist() == [1, 1, 1]


def test_chunks_and_the_sparse_way_give_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 40, (2, 30, 41))
    whole = joint_table(a, b)
    monkeypatch.setattr(overlap, "_CHUNK", 97)
    chunked = joint_table(a, b)
    monkeypatch.setattr(overlap, "_DENSE", 1)
    sparse = joint_table(a, b)
    for other in (chunked, sparse):
        for name in ("reference", "prediction", "voxels"):
            np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))


@given(label_pairs, st.integers(-2, 2), st.integers(0, 3))
def test_bytes_and_other_integers_and_margins_of_background_give_the_same_table(
    pair: tuple[np.ndarray, np.ndarray], shift: int, margin: int
) -> None:
    a, b = (np.pad(side.astype(np.int64) + shift, margin) for side in pair)
    table = joint_table(a, b)
    pairs, voxels = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1, return_counts=True)
    np.testing.assert_array_equal([table.reference, table.prediction, table.voxels], [*pairs, voxels])
    if shift >= 0:
        bytes_ = joint_table(a.astype(np.uint8), b.astype(np.uint8))
        np.testing.assert_array_equal([bytes_.reference, bytes_.prediction, bytes_.voxels], [*pairs, voxels])


def test_single_numbers_have_a_table_too() -> None:
    assert joint_table(np.array(3), np.array(4)).voxels.tolist() == [1]


def test_an_empty_array_has_an_empty_table() -> None:
    table = joint_table(np.zeros((0, 4), int), np.zeros((0, 4), int))
    assert table.voxels.size == 0
    assert math.isnan(table.pixel_error())


@pytest.mark.parametrize("seed", range(3))
def test_dice_and_iou_equal_monai(seed: int) -> None:
    torch = pytest.importorskip("torch")
    from monai.metrics.meandice import compute_dice
    from monai.metrics.meaniou import compute_iou

    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (2, 9, 10, 11))
    hot = [torch.from_numpy(np.stack([x == k for k in range(4)])[None].astype(np.float32)) for x in (b, a)]
    ours = confusion_counts(a, b, classes=range(4))
    np.testing.assert_allclose([dice(c) for c in ours], compute_dice(*hot)[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose([iou(c) for c in ours], compute_iou(*hot)[0].numpy(), rtol=1e-6)


def test_the_joint_table_equals_the_contingency_table_of_scikit_image() -> None:
    from skimage.metrics import contingency_table

    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, (2, 20, 30))
    table = joint_table(a, b)
    theirs = contingency_table(a, b, normalize=False).toarray()
    dense = np.zeros_like(theirs)
    dense[table.reference, table.prediction] = table.voxels
    np.testing.assert_array_equal(dense, theirs)


def test_specificity_and_volumes_of_a_hand_drawn_case() -> None:
    counts = Counts(tp=2, fp=2, fn=1, tn=3)
    assert specificity(counts) == 3 / 5
    assert volume_difference_percent(counts) == 100 / 3
    assert volume_difference_ml(counts, spacing=(10, 10, 5)) == 0.5
    assert volume_difference_ml(Counts(0, 0, 4, 0), spacing=(10, 10, 5)) == -2
    assert math.isnan(specificity(Counts(tp=3, fp=0, fn=1, tn=0)))


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, math.nan)])
def test_a_volume_needs_three_positive_spacings(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="spacing must hold three positive mm"):
        volume_difference_ml(Counts(1, 0, 0, 0), spacing=spacing)


@given(label_pairs)
def test_the_confusion_matrix_equals_scikit_learn_and_holds_every_count(pair: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn import metrics

    a, b = pair
    matrix = confusion_matrix(a, b, classes=[3, 0, 2, 1])
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(a.ravel(), b.ravel(), labels=[3, 0, 2, 1]))
    for index, counts in enumerate(confusion_counts(a, b, classes=[3, 0, 2, 1])):
        assert (counts.tp, counts.reference, counts.prediction) == (
            matrix[index, index],
            matrix[index].sum(),
            matrix[:, index].sum(),
        )


def test_the_confusion_matrix_leaves_ignored_voxels_out_and_nothing_else() -> None:
    assert confusion_matrix([0, 1, 9], [0, 0, 1], classes=[0, 1], ignore=9).tolist() == [[1, 0], [1, 0]]
    with pytest.raises(ConfigError, match=r"every value that occurs, got \[0, 1\] without \[9\]"):
        confusion_matrix([0, 1, 9], [0, 0, 1], classes=[0, 1])
    with pytest.raises(ConfigError, match="distinct"):
        confusion_matrix([0], [0], classes=[0, 0])


def test_precision_recall_and_specificity_equal_scikit_learn() -> None:
    from sklearn import metrics

    a, b = np.random.default_rng(2).integers(0, 2, (2, 500))
    (counts,) = confusion_counts(a, b, classes=[1])
    assert math.isclose(precision(counts), metrics.precision_score(a, b), rel_tol=1e-12)
    assert math.isclose(sensitivity(counts), metrics.recall_score(a, b), rel_tol=1e-12)
    assert math.isclose(specificity(counts), metrics.recall_score(a, b, pos_label=0), rel_tol=1e-12)


def test_overlap_equals_simpleitk() -> None:
    sitk = pytest.importorskip("SimpleITK")
    a, b = np.random.default_rng(3).integers(0, 2, (2, 8, 9, 10)).astype(np.uint8)
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(*(sitk.GetImageFromArray(m) for m in (a, b)))
    (counts,) = confusion_counts(a, b, classes=[1])
    assert math.isclose(dice(counts), filter_.GetDiceCoefficient(1), rel_tol=1e-9)
    assert math.isclose(iou(counts), filter_.GetJaccardCoefficient(1), rel_tol=1e-9)


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"same shape, got \(2, 3\) and \(3, 2\)"):
        joint_table(np.zeros((2, 3), int), np.zeros((3, 2), int))


def test_probabilities_are_refused() -> None:
    with pytest.raises(GeometryError, match="prediction must hold integer labels, got float64"):
        joint_table(np.zeros(3, int), np.zeros(3))


def test_labels_beyond_64_bits_are_refused() -> None:
    with pytest.raises(GeometryError, match="signed 64-bit"):
        joint_table(np.array([2**63], dtype=np.uint64), np.array([0], dtype=np.uint64))


def test_repeated_and_ignored_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="distinct"):
        confusion_counts([0], [0], classes=[1, 1])
    with pytest.raises(ConfigError, match="ignored value 2 must not be among"):
        confusion_counts([0], [0], classes=[1, 2], ignore=2)
