"""The one door of the tools: what is cut, what is refused, and that nothing beyond the region is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.interactive.scene import (
    grey_levels,
    known_axis,
    label_type,
    marks_of,
    near,
    points_of,
    range_of,
    scene,
    shifted,
)
from septum.interactive.tool import Box

SHAPE = (8, 10)


def cut(region: Box | None = None, **given: Any) -> Any:
    image = given.pop("image", np.arange(80.0).reshape(SHAPE))
    labels = given.pop("labels", np.zeros(SHAPE, np.uint8))
    return scene(image, labels, spacing=given.pop("spacing", None), region=region)


def test_image_and_labels_are_cut_alike_and_values_outside_do_not_matter() -> None:
    image = np.arange(80.0).reshape(SHAPE)
    image[0, 0] = np.nan
    found = cut(Box((1, 2), (4, 7)), image=image)
    assert np.array_equal(found.image, image[1:4, 2:7])
    assert found.labels.shape == (3, 5)
    assert found.shape == SHAPE
    assert found.spacing == (1.0, 1.0)
    with pytest.raises(DatasetError):
        cut(Box((0, 0), (4, 7)), image=image)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"labels": np.zeros((8, 9), int)}, GeometryError, "labels must have the image's shape"),
        ({"region": Box((0, 0), (8, 11))}, GeometryError, "region must hold voxels"),
        ({"region": Box((3, 3), (3, 5))}, GeometryError, "region must hold voxels"),
        ({"region": Box((0, 0, 0), (1, 1, 1))}, GeometryError, "region must hold voxels"),
        ({"spacing": (0.0, 1.0)}, GeometryError, "spacing"),
        ({"spacing": (1.0,)}, GeometryError, "spacing"),
    ],
)
def test_what_no_tool_can_look_at_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cut(**given)


def test_a_change_is_the_smallest_box_and_keeps_other_labels() -> None:
    labels = np.full(SHAPE, 3, np.uint8)
    found = cut(Box((1, 2), (6, 9)), labels=labels)
    mask = np.zeros((5, 7), bool)
    mask[1, 2], mask[3, 4] = True, True
    change = found.change(mask, 300)
    assert change.box == Box((2, 4), (5, 7))
    assert change.labels.tolist() == [[300, 3, 3], [3, 3, 3], [3, 3, 300]]
    assert found.change(np.zeros((5, 7), bool), 1).box.shape == (0, 0)
    assert labels.max() == 3


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=4), st.integers(0, 4))
def test_what_a_tool_need_not_look_at_is_cut_off(points: list[tuple[int, int]], margin: int) -> None:
    region = Box((1, 1), (8, 10))
    found = near(np.zeros(SHAPE), points, margin=(margin, None), region=region)
    assert found is not None
    if any(y < 1 or x < 1 for y, x in points):
        assert found == region  # a point outside: others complain
        return
    rows = [y for y, _ in points]
    assert (found.start[0], found.stop[0]) == (max(1, min(rows) - margin), min(8, max(rows) + 1 + margin))
    assert (found.start[1], found.stop[1]) == (1, 10)


@pytest.mark.parametrize("points", [[], [[1.5, 2.0]], [[1, 2, 3]], [[[1, 2]]], [[99, 0]]])
def test_points_that_are_none_leave_the_region_as_it_was_given(points: Any) -> None:
    assert near(np.zeros(SHAPE), points, margin=(1, 1), region=None) is None
    assert near(np.zeros(SHAPE), points, margin=(1, 1), region=Box((0, 0), (9, 9))) == Box((0, 0), (9, 9))


def test_points_are_counted_from_the_region_and_stay_in_it() -> None:
    found = cut(Box((1, 2), (6, 9)))
    assert points_of([[1, 2], [5, 8]], found).tolist() == [[0, 0], [4, 6]]
    for wrong in ([[0, 5]], [[6, 5]], [[3, 9]]):
        with pytest.raises(GeometryError, match="inside the region"):
            points_of(wrong, found)
    with pytest.raises(ConfigError, match="at least one voxel"):
        points_of([], found)


@pytest.mark.parametrize(
    ("seeds", "least", "error", "message"),
    [
        (np.full((8, 9), -1), 2, GeometryError, "image's shape"),
        (np.full(SHAPE, -1.0), 2, GeometryError, "integer array"),
        (np.full(SHAPE, -2), 2, GeometryError, "got -2"),
        (np.full(SHAPE, -1), 1, ConfigError, "at least one voxel of the region"),
        (np.full(SHAPE, 4), 2, ConfigError, r"2 labels or more, got only \[4\]"),
    ],
)
def test_seeds_that_mark_too_little_are_refused(seeds: Any, least: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        marks_of(seeds, cut(), least=least)


def test_seeds_are_cut_and_one_label_may_be_enough() -> None:
    seeds = np.full(SHAPE, -1)
    seeds[2, 3], seeds[0, 0] = 5, 1
    found = marks_of(seeds, cut(Box((1, 2), (6, 9))), least=1)
    assert found[1, 1] == 5
    assert (found >= 0).sum() == 1


def test_an_axis_is_one_of_the_volumes_and_none_of_a_picture() -> None:
    assert [known_axis(axis, 3) for axis in (None, 0, 2)] == [None, 0, 2]
    assert [known_axis(axis, 2) for axis in (None, 0, 7)] == [None, None, None]
    for axis in (-1, 3):
        with pytest.raises(ConfigError, match="axis must be 0 to 2"):
            known_axis(axis, 3)


@given(st.floats(0.01, 1000), st.floats(-1e3, 1e3))
def test_levels_do_not_depend_on_unit_and_offset(factor: float, shift: float) -> None:
    image = np.linspace(0, 1, 256).reshape(16, 16)
    image[0, 0] = 50.0  # one hot pixel does not make the rest dark
    plain, scaled = grey_levels(image), grey_levels(factor * (image + shift))
    assert np.abs(plain.astype(int) - scaled.astype(int)).max() <= 1
    assert plain[0, 0] == 255
    assert plain[15, 15] > 250


def test_a_range_of_few_distinct_values_is_their_own() -> None:
    rare = np.zeros((100, 100))
    rare[0, 0] = 7.0
    assert range_of(rare) == (0.0, 7.0)
    assert range_of(np.full((3, 3), 2.0)) == (2.0, 2.0)


def test_types_widen_and_negative_labels_are_none() -> None:
    assert label_type(np.dtype(bool), 1) == np.uint8
    assert label_type(np.dtype(np.uint8), 70000) == np.uint32
    with pytest.raises(ConfigError, match="label must be 0"):
        label_type(np.dtype(np.uint8), -1)
    assert shifted(Box((0, 1), (2, 3)), Box((5, 5), (9, 9))) == Box((5, 6), (7, 8))
