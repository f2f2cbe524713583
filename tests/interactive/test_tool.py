"""Boxes, changes and strokes: the contract between tools and whoever owns the labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.tool import UNMARKED, Box, Change, Stroke, points_inside, seeds_of, stop_if


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), min_size=1), st.integers(0, 3))
def test_the_box_around_points_holds_them_and_no_more_than_the_margin(points, margin):
    box = Box.around(points, (7, 9), margin=margin)
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    assert box.start == tuple(np.maximum(low - margin, 0))
    assert box.stop == tuple(np.minimum(high + 1 + margin, (7, 9)))


def test_the_box_of_a_mask_is_the_box_around_its_voxels():
    mask = np.zeros((5, 6, 7), bool)
    assert Box.of(mask) is None
    mask[1, 2, 3] = mask[3, 2, 5] = True
    assert Box.of(mask) == Box((1, 2, 3), (4, 3, 6)) == Box.around(np.argwhere(mask), mask.shape)
    assert Box.of(mask, margin=(0, 9, 1)) == Box((1, 0, 2), (4, 6, 7))


def test_a_change_touches_its_box_only_and_leaves_the_given_labels_alone():
    labels = np.ones((4, 4), np.uint8)
    changed = Change(Box((1, 1), (3, 2)), np.array([[5], [0]])).applied_to(labels)
    assert changed[1, 1] == 5
    assert changed[2, 1] == 0
    assert changed.sum() == 14 + 5
    assert changed.dtype == labels.dtype
    assert (labels == 1).all()


@pytest.mark.parametrize(
    ("held", "label", "wanted"),
    [("u1", 255, "u1"), ("u1", 300, "u2"), ("i1", 200, "i2"), ("i4", 2**32 - 1, "i8"), ("?", 1, "?"), ("?", 7, "u1")],
)
def test_a_label_that_the_map_s_type_cannot_hold_widens_it(held, label, wanted):
    labels = np.ones((2, 3), held)
    changed = Change(Box((0, 1), (1, 2)), np.array([[label]], np.int64)).applied_to(labels)
    assert changed.dtype == np.dtype(wanted)
    assert changed.tolist() == [[1, label, 1], [1, 1, 1]]
    assert labels.dtype == np.dtype(held)


def test_a_box_with_another_number_of_axes_lies_in_no_other():
    assert not Box((0, 0), (1, 1)).within(Box((0, 0, 0), (5, 5, 5)))


def test_a_union_holds_both_boxes_and_a_box_lies_within_it():
    one, other = Box((0, 4), (2, 5)), Box((1, 1), (4, 3))
    both = one.union(other)
    assert both == Box((0, 1), (4, 5))
    assert one.within(both)
    assert other.within(both)
    assert not both.within(one)


def test_later_strokes_win_and_the_rest_is_unmarked():
    seeds = seeds_of([Stroke(np.array([[0, 0], [0, 1]]), 3), Stroke(np.array([[0, 1]]), 0)], (1, 3))
    assert seeds.tolist() == [[3, 0, UNMARKED]]
    assert (seeds_of([], (2, 2)) == UNMARKED).all()
    assert points_inside([], (2, 2)).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Box((2,), (1,)), GeometryError, "start <= stop"),
        (lambda: Box.around(np.zeros((0, 2), int), (3, 3)), GeometryError, "n at least 1"),
        (lambda: Change(Box((0, 0), (2, 2)), np.zeros((2, 3))), GeometryError, "box's shape"),
        (lambda: Change(Box((0,), (4,)), np.zeros(4)).applied_to(np.zeros(3)), GeometryError, "inside the labels"),
        (lambda: seeds_of([Stroke(np.array([[0, 5]]), 1)], (2, 5)), GeometryError, r"\[0, 5\]"),
        (lambda: seeds_of([Stroke(np.array([[0, 0]]), -2)], (2, 5)), ConfigError, "background"),
        (lambda: points_inside([[0.5, 1]], (2, 2)), GeometryError, "integer"),
    ],
)
def test_what_cannot_be_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_tool_that_is_asked_to_stop_stops():
    stop_if(None)
    stop_if(lambda: False)
    with pytest.raises(Cancelled):
        stop_if(lambda: True)
