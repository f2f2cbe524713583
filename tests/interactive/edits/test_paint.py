"""Brushes: discs and balls in mm along strokes without gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi
from tests import phantoms

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.edits.paint import Brush, brush_mask, erase, paint
from septum.interactive.tool import Box


def painted(shape, **options):
    return paint(None, np.zeros(shape, np.uint8), **options).applied_to(np.zeros(shape, np.uint8))


def within(shape, spacing, a, b, radius):
    """Direct test of every voxel: its distance to the segment by a fine sampling of it."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1) * np.asarray(spacing)
    places = np.linspace(np.asarray(a, float), np.asarray(b, float), 400) * np.asarray(spacing)
    nearest = np.full(shape, np.inf)
    for place in places:
        nearest = np.minimum(nearest, np.linalg.norm(grid - place, axis=-1))
    return nearest <= radius


def test_a_dab_is_the_ball_of_the_phantom_on_an_anisotropic_grid():
    ball = phantoms.ball((11, 41, 41), (3.0, 0.8, 0.8), radius_mm=12.3)
    mask = painted((11, 41, 41), points=[[5, 20, 20]], radius_mm=12.3, spacing=(3.0, 0.8, 0.8)) > 0
    assert np.array_equal(mask, ball.mask)
    one_layer = mask.sum() * ball.voxel_size - ball.size
    surface = 4 * np.pi * 12.3**2
    assert abs(one_layer) < surface * 0.8 / 2


@given(
    st.tuples(*[st.floats(-0.5, n - 0.5) for n in (5, 9, 11)]),
    st.tuples(*[st.floats(-0.5, n - 0.5) for n in (5, 9, 11)]),
    st.floats(1.6, 4.0),
)
def test_a_stroke_holds_every_voxel_within_the_radius_of_its_line_and_no_other(a, b, radius):
    spacing = (3.0, 1.0, 1.5)
    mask = painted((5, 9, 11), points=[a, b], radius_mm=radius, spacing=spacing) > 0
    near, far = (within((5, 9, 11), spacing, a, b, radius + d) for d in (-0.03, 0.03))
    line = painted((5, 9, 11), points=[a, b], radius_mm=0, spacing=spacing) > 0
    assert not (near & ~mask).any()
    assert not (mask & ~(far | line)).any()


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 29), st.integers(0, 24)), min_size=1, max_size=6))
def test_a_stroke_has_no_gaps_however_thin_it_is(points):
    mask = painted((20, 30, 25), points=points, radius_mm=0.0, spacing=(5.0, 1.0, 1.0)) > 0
    assert ndi.label(mask, np.ones((3, 3, 3)))[1] == 1
    assert all(mask[p] for p in points)


def test_more_recorded_positions_on_the_same_line_paint_the_same():
    coarse = painted((60, 90), points=[[5, 5], [50, 80]], radius_mm=3)
    fine = painted((60, 90), points=np.linspace([5, 5], [50, 80], 31), radius_mm=3)
    assert np.array_equal(coarse, fine)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_disc_paints_one_slice_of_the_axis_only(axis):
    spacing = (3.0, 1.0, 2.0)
    mask = painted((9, 21, 15), points=[[4, 10, 7]], radius_mm=6, brush="disc", axis=axis, spacing=spacing) > 0
    ball = painted((9, 21, 15), points=[[4, 10, 7]], radius_mm=6, spacing=spacing) > 0
    level = (4, 10, 7)[axis]
    assert np.array_equal(np.take(mask, level, axis), np.take(ball, level, axis))
    assert mask.sum() == np.take(mask, level, axis).sum() > 1


def test_the_brush_ends_at_the_image_and_at_the_region():
    region = Box((0, 0), (4, 20))
    change = paint(None, np.zeros((20, 20), np.uint8), points=[[3, 3]], radius_mm=5, region=region)
    assert change.box.within(region)
    whole = paint(None, np.zeros((20, 20), np.uint8), points=[[3, 3]], radius_mm=5).applied_to(np.zeros((20, 20)))
    assert np.array_equal(change.applied_to(np.zeros((20, 20))), np.where(np.arange(20)[:, None] < 4, whole, 0))
    apart = paint(None, np.zeros((20, 20), np.uint8), points=[[15, 3]], radius_mm=2, region=region)
    assert apart.labels.size == 0


def test_arguments_stay_as_they_are_and_other_labels_are_proposed_over():
    labels = np.full((9, 9), 4, np.uint8)
    change = paint(None, labels, points=[[4, 4]], radius_mm=1, label=300)
    assert (labels == 4).all()
    assert change.labels.dtype == np.uint16
    assert sorted(np.unique(change.labels)) == [4, 300]


def test_erasing_takes_all_labels_or_only_those_named():
    labels = np.repeat(np.array([[1, 1, 2, 2]], np.uint8), 4, axis=0)
    assert not erase(None, labels, points=[[1, 1]], radius_mm=9).applied_to(labels).any()
    only = erase(None, labels, points=[[1, 1]], radius_mm=9, only=[2]).applied_to(labels)
    assert np.array_equal(only, np.where(labels == 2, 0, labels))


def test_axes_may_be_exchanged():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, [7, 11, 13], (4, 3))
    mask = painted((8, 12, 14), points=points, radius_mm=2.2, spacing=(2.0, 1.0, 0.7))
    turned = painted((14, 8, 12), points=points[:, [2, 0, 1]], radius_mm=2.2, spacing=(0.7, 2.0, 1.0))
    assert np.array_equal(mask.transpose(2, 0, 1), turned)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"points": []}, ConfigError, "at least one"),
        ({"points": [[1, 2, 3]]}, GeometryError, "shape"),
        ({"points": [[1, 99]]}, GeometryError, "inside the image"),
        ({"points": [[1, np.nan]]}, GeometryError, "inside the image"),
        ({"points": [["a", "b"]]}, GeometryError, "positions"),
        ({"points": [[1, 1]], "radius_mm": -1}, ConfigError, "radius_mm"),
        ({"points": [[1, 1]], "label": -1}, ConfigError, "label"),
        ({"points": [[1, 1]], "label": 2**32}, ConfigError, "label"),
        ({"points": [[1, 1]], "brush": "star"}, ConfigError, "brush"),
        ({"points": [[1, 1]], "spacing": (0, 1)}, GeometryError, "spacing"),
        ({"points": [[1, 1]], "region": Box((0,), (1,))}, GeometryError, "region"),
    ],
)
def test_bad_input_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        paint(None, np.zeros((5, 6), np.uint8), **options)


@pytest.mark.parametrize(
    ("points", "axis", "words"), [([[1, 1, 1], [2, 1, 1]], 0, "one slice"), ([[1, 1, 1]], 3, "axis")]
)
def test_a_disc_needs_one_slice(points, axis, words):
    with pytest.raises(ConfigError, match=words):
        brush_mask((4, 4, 4), points, brush=Brush(1, "disc", axis))


def test_a_person_can_stop_a_long_stroke():
    with pytest.raises(Cancelled):
        paint(None, np.zeros((9, 9), np.uint8), points=[[1, 1]], cancelled=lambda: True)
