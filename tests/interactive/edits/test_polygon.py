"""Polygon, fill and scissors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path
from skimage import draw
from tests import phantoms

from septum.errors import ConfigError, GeometryError
from septum.interactive.edits.polygon import fill, inside_polygon, nothing, polygon, scissors
from septum.interactive.tool import Box

corner = st.tuples(st.integers(-3, 15), st.integers(-3, 18))


def whole(corners, shape):
    mask = np.zeros(shape, bool)
    box, inside = inside_polygon(corners, shape)
    mask[box.slices] = inside
    return mask


@given(st.lists(corner, min_size=3, max_size=9))
def test_a_polygon_of_whole_corners_is_that_of_scikit_image(corners):
    rows, columns = draw.polygon([c[0] for c in corners], [c[1] for c in corners], (13, 16))
    expected = np.zeros((13, 16), bool)
    expected[rows, columns] = True
    edges = on_edges(corners, (13, 16))  # where scikit-image leaves some out of polygons without area
    assert np.array_equal(whole(corners, (13, 16)), expected | edges)


def on_edges(corners, shape):
    """Pixels whose centre lies exactly on an edge, by cross products of whole numbers."""
    mask = np.zeros(shape, bool)
    for (r0, c0), (r1, c1) in zip(corners, corners[1:] + corners[:1], strict=True):
        for row, column in np.ndindex(shape):
            straight = (row - r0) * (c1 - c0) == (column - c0) * (r1 - r0)
            between = min(r0, r1) <= row <= max(r0, r1) and min(c0, c1) <= column <= max(c0, c1)
            mask[row, column] |= straight and between
    return mask


@given(st.integers(3, 40), st.integers(0, 1000))
def test_a_star_shaped_polygon_is_that_of_matplotlib(count, seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = rng.uniform(4, 19, count)
    corners = np.stack([20 + radius * np.sin(angle), 22 + radius * np.cos(angle)], axis=1)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(45), indexing="ij"), axis=-1).reshape(-1, 2)
    inside = Path(np.vstack([corners, corners[:1]])).contains_points(grid).reshape(40, 45)
    assert np.array_equal(whole(corners, (40, 45)), inside)


def test_a_lasso_that_winds_twice_leaves_a_hole_by_the_even_odd_rule():
    angle = np.linspace(0, 4 * np.pi, 80, endpoint=False)
    radius = np.where(angle < 2 * np.pi, 18, 8)
    mask = whole(np.stack([20 + radius * np.sin(angle), 20 + radius * np.cos(angle)], axis=1), (41, 41))
    assert not mask[20, 16]
    assert mask[20, 34]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_polygon_lies_in_its_slice_of_any_axis(axis):
    corners = np.insert(np.array([[1.2, 1.2], [1.2, 5.8], [5.8, 5.8], [5.8, 1.2]]), axis, 3, axis=1)
    labels = np.zeros((8, 8, 8), np.uint8)
    out = polygon(None, labels, points=corners, label=2, axis=axis).applied_to(labels)
    assert (np.take(out, 3, axis)[2:6, 2:6] == 2).all()
    assert (out > 0).sum() == 16


def test_a_polygon_may_reach_out_of_the_image_and_is_cut():
    labels = np.zeros((6, 6), np.uint8)
    out = polygon(None, labels, points=[[-9, -9], [-9, 2], [2, 2], [2, -9]]).applied_to(labels)
    assert out.sum() == 9
    assert polygon(None, labels, points=[[-9, -9], [-9, -5], [-5, -5]]).labels.size == 0


def test_a_polygon_of_no_area_is_its_line():
    assert np.argwhere(whole([[2, 2], [2, 5], [2, 3]], (6, 8))).tolist() == [[2, 2], [2, 3], [2, 4], [2, 5]]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"points": [[1, 1, 1], [1, 2, 2]]}, ConfigError, "three corners"),
        ({"points": [[1, 1], [1, 2], [2, 2]]}, GeometryError, "corners"),
        ({"points": [[1, 1, 1], [2, 2, 2], [1, 2, 3]]}, ConfigError, "one slice"),
        ({"points": [[1, 1, 1], [1, 2, np.inf], [1, 2, 3]]}, GeometryError, "finite"),
        ({"points": [[9, 1, 1], [9, 2, 2], [9, 2, 3]]}, GeometryError, "slice of the image"),
        ({"points": [[1, 1, 1], [1, 2, 2], [1, 2, 3]], "axis": 5}, ConfigError, "axis"),
    ],
)
def test_impossible_polygons_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        polygon(None, np.zeros((5, 6, 7), np.uint8), **options)


def ring():
    labels = np.zeros((3, 12, 12), np.uint8)
    labels[1, 2:9, 2:9] = 1
    labels[1, 3:8, 3:8] = 0
    return labels


def test_a_closed_outline_is_filled_in_its_slice_only():
    labels = ring()
    out = fill(None, labels, points=[[1, 5, 5]], label=1).applied_to(labels)
    assert out[1].sum() == 49
    assert not out[[0, 2]].any()
    corners_only = labels.copy()
    corners_only[1, 2, 2] = corners_only[1, 8, 8] = 0
    assert fill(None, corners_only, points=[[1, 5, 5]]).applied_to(corners_only)[1].sum() == 47


def test_an_open_outline_is_refused_unless_it_may_be():
    labels = ring()
    labels[1, 5, 2] = 0
    with pytest.raises(ConfigError, match="must be closed"):
        fill(None, labels, points=[[1, 5, 5]])
    assert fill(None, labels, points=[[1, 5, 5]], closed=False).applied_to(labels)[1].all()
    with pytest.raises(ConfigError, match="must be closed"):
        fill(None, labels, points=[[0, 5, 5]], axis=None)


def test_a_hollow_body_is_filled_through_the_volume_and_several_points_at_once():
    shell = phantoms.ball((20, 20, 40), radius_mm=8).array
    shell[phantoms.ball((20, 20, 40), radius_mm=6).mask] = 0
    out = fill(None, shell, points=[[10, 10, 20]], label=3, axis=None).applied_to(shell)
    assert (out > 0).sum() == phantoms.ball((20, 20, 40), radius_mm=8).mask.sum()
    two = np.concatenate([ring(), ring()], axis=2)
    out = fill(None, two, points=[[1, 5, 5], [1, 5, 17]], label=4).applied_to(two)
    assert (out == 4).sum() == 50
    assert fill(None, two, points=[[1, 5, 5]], region=Box((0, 0, 0), (1, 12, 24))).labels.size == 0


SQUARE = [[4, 2, 2], [4, 2, 5], [4, 5, 5], [4, 5, 2]]


@pytest.mark.parametrize("operation", ["erase-inside", "erase-outside", "fill-inside", "fill-outside"])
@pytest.mark.parametrize(
    ("through", "slices"),
    [
        ({}, range(9)),
        ({"through": "range", "first": 2, "last": 6}, range(2, 7)),
        ({"through": "range"}, range(9)),
        ({"through": "symmetric", "depth_mm": 8.0}, range(3, 6)),
        ({"through": "symmetric", "depth_mm": 5.9}, range(4, 5)),
        ({"through": "symmetric", "depth_mm": 99.0}, range(9)),
    ],
)
def test_scissors_cut_inside_or_outside_through_the_slices_asked_for(operation, through, slices):
    labels = np.full((9, 8, 8), 7, np.uint8)
    out = scissors(None, labels, points=SQUARE, operation=operation, label=3, spacing=(3, 1, 1), **through).applied_to(
        labels
    )
    plane = np.zeros((8, 8), bool)
    plane[2:6, 2:6] = True
    expected = labels.copy()
    value = 0 if operation.startswith("erase") else 3
    for number in slices:
        expected[number][plane if operation.endswith("inside") else ~plane] = value
    assert np.array_equal(out, expected)


def test_scissors_leave_other_labels_and_what_is_outside_the_region():
    labels = np.full((3, 8, 8), 7, np.uint8)
    labels[:, :, 4:] = 2
    square = [[1, *c[1:]] for c in SQUARE]
    out = scissors(None, labels, points=square, only=[2]).applied_to(labels)
    assert (out == 0).sum() == 3 * 4 * 2
    assert (out[labels == 7] == 7).all()
    out = scissors(None, labels, points=square, region=Box((0, 0, 0), (1, 8, 8))).applied_to(labels)
    assert (out == 0).sum() == 16
    flat = np.ones((8, 8), np.uint8)
    assert scissors(None, flat, points=[c[1:] for c in SQUARE]).applied_to(flat).sum() == 64 - 16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"through": "symmetric"}, "depth_mm"),
        ({"through": "range", "first": 5, "last": 2}, "first and last"),
        ({"through": "range", "last": 9}, "first and last"),
        ({"through": "half"}, "through"),
        ({"operation": "cut"}, "operation"),
        ({"operation": "fill-inside", "label": 0}, "label"),
        ({"through": "symmetric", "depth_mm": -1}, "depth_mm"),
    ],
)
def test_scissors_refuse_what_cannot_be(options, words):
    with pytest.raises(ConfigError, match=words):
        scissors(None, np.zeros((9, 8, 8), np.uint8), points=SQUARE, **options)


def test_nothing_changes_nothing():
    labels = np.ones((3, 4), bool)
    assert np.array_equal(nothing(labels).applied_to(labels), labels)
