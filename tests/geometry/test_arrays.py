"""The one door for arrays: finite, of the right axes, in this machine's byte order, or refused with what was given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import DatasetError, GeometryError
from septum.geometry.arrays import (
    as_labels,
    as_masks,
    bounding_box,
    channels_image,
    check_shapes,
    grey_image,
    label_array,
    radius_voxels,
    spacing_mm,
    union_box,
)


@pytest.mark.parametrize(
    ("door", "shape", "passes"),
    [
        (grey_image, (4,), False), (grey_image, (4, 5), True), (grey_image, (3, 4, 5), True),
        (grey_image, (1, 3, 4, 5), False), (channels_image, (4, 5), False), (channels_image, (1, 4, 5), True),
        (channels_image, (2, 3, 4, 5), True), (channels_image, (1, 2, 3, 4, 5), False), (grey_image, (0, 5), False),
    ],
)  # fmt: skip
def test_axes_and_sizes_are_checked(door: Any, shape: tuple[int, ...], passes: bool) -> None:
    if passes:
        assert door(np.zeros(shape)).shape == shape
    else:
        with pytest.raises(GeometryError, match="got shape"):
            door(np.zeros(shape))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_one_sample_that_is_not_finite_is_refused_and_counted(wrong: float) -> None:
    image = np.zeros((50, 50), np.float32)
    image[3, 4] = wrong
    with pytest.raises(DatasetError, match=r"must be finite, got 1 NaN or infinite"):
        grey_image(image)
    with pytest.raises(DatasetError, match="must hold real numbers, got complex"):
        grey_image(np.zeros((2, 2), complex))


def test_large_finite_values_whose_sum_overflows_are_taken() -> None:
    with np.errstate(over="ignore"):
        assert grey_image(np.full((2, 2), 1.7e308)).max() == 1.7e308


def test_types_are_made_usable_without_changing_values() -> None:
    assert grey_image(np.ones((2, 2), bool)).dtype == np.uint8
    assert grey_image(np.ones((2, 2), np.float16)).dtype == np.float32
    swapped = np.arange(4, dtype=">u2").reshape(2, 2)
    found = grey_image(swapped)
    assert found.dtype.isnative
    assert np.array_equal(found, swapped)
    assert label_array(swapped).dtype.isnative


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((2, 2)), "must be boolean or integer, got float64"),
        (np.zeros(3, int), "2 or 3 axes"),
        (np.zeros((0, 3), int), "at least one sample"),
        (np.array([[0, -1]]), "must not be negative, got -1"),
    ],
)
def test_what_is_no_label_map_is_refused(labels: Any, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        label_array(labels)


@pytest.mark.parametrize("wrong", [(1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, float("nan")), (1.0, float("inf"))])
def test_a_spacing_is_positive_and_finite_along_every_axis(wrong: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="spacing must be 2 positive numbers"):
        spacing_mm(wrong, 2)
    assert spacing_mm(None, 3) == (1.0, 1.0, 1.0)


@given(st.integers(0, 20), st.floats(0.1, 5))
def test_a_window_reaches_the_voxels_whose_middle_lies_within_half_a_voxel(voxels: int, step: float) -> None:
    assert radius_voxels(voxels * step, (step,)) == (voxels,)
    assert radius_voxels((voxels + 0.49) * step, (step,)) == (voxels,)
    assert radius_voxels((voxels + 0.51) * step, (step,)) == (voxels + 1,)


def test_masks_are_everything_but_0_and_share_a_shape() -> None:
    ref, pred = as_masks([[2, 0, -1]], np.array([[True, False, False]]))
    assert ref.tolist() == [[True, False, True]]
    assert pred.tolist() == [[True, False, False]]
    with pytest.raises(GeometryError, match="same shape"):
        as_masks([[1]], [[1, 0]])
    with pytest.raises(GeometryError, match="2-D or 3-D, got 1 axes"):
        as_masks([1], [1])
    check_shapes(np.zeros(3), np.zeros(3), spatial=False)
    with pytest.raises(GeometryError, match="integer labels, got float64"):
        as_labels([0.5], "labels")


@given(
    hnp.arrays(st.sampled_from([np.uint8, np.int16, np.bool_]), hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
)
def test_the_box_of_an_array_holds_all_that_is_not_0_and_touches_it_on_every_side(array: Any) -> None:
    box = bounding_box(array)
    if not array.any():
        assert box is None
        return
    assert box is not None
    outside = array.copy()
    outside[box] = 0
    assert not outside.any()
    for axis in range(array.ndim):
        ends = np.moveaxis(array[box], axis, 0)
        assert ends[0].any()
        assert ends[-1].any()


def test_a_box_around_boxes_holds_them_and_none_is_empty() -> None:
    assert union_box([None, None], ndim=2) == (slice(0, 0), slice(0, 0))
    found = union_box([(slice(2, 3),), None, (slice(0, 1),)], ndim=1)
    assert found == (slice(0, 3),)
