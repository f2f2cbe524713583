"""Brushes that look at the image: against plain distances, floods and thresholds of other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.segmentation import flood
from tests import phantoms

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.marks.brush import adaptive_brush, ball, threshold_brush
from septum.interactive.tool import Box


def disc(shape: tuple[int, ...], point: list[int], radius_mm: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Within a radius of a voxel, by the distance transform of scipy."""
    away = np.ones(shape, bool)
    away[tuple(point)] = False
    return ndimage.distance_transform_edt(away, sampling=spacing) <= radius_mm + 1e-9


def scenery(shape: tuple[int, ...], number: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(number).standard_normal(shape), 1.0)
    return np.rint(20 * (noise - noise.min()) / np.ptp(noise))


def mask_of(tool, image: np.ndarray, **how) -> np.ndarray:
    labels = np.zeros(np.shape(image), np.uint8)
    return tool(image, labels, **how).applied_to(labels) == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.7, 1.0), (5.0, 1.0, 1.0)])
def test_a_brush_on_a_constant_image_is_a_ball_in_millimetres_cut_at_the_border(spacing) -> None:
    shape = (9, 15, 17)[-len(spacing) :]
    for point in ([n // 2 for n in shape], [0] * len(shape), [n - 1 for n in shape]):
        expected = disc(shape, point, 4.0, spacing)
        for tool in (adaptive_brush, threshold_brush):
            found = mask_of(tool, np.zeros(shape), points=[point], radius_mm=4.0, spacing=spacing)
            np.testing.assert_array_equal(found, expected)


def test_along_an_axis_the_brush_is_a_disc_in_its_slice() -> None:
    shape, spacing = (5, 11, 13), (1.0, 2.0, 1.0)
    found = mask_of(threshold_brush, np.zeros(shape), points=[[2, 5, 6]], radius_mm=4, axis=0, spacing=spacing)
    expected = np.zeros(shape, bool)
    expected[2] = disc(shape[1:], [5, 6], 4, spacing[1:])
    np.testing.assert_array_equal(found, expected)
    assert ball(4, spacing, axis=1).shape == (9, 1, 9)


@given(st.integers(0, 10_000), st.integers(0, 5), st.sampled_from([(14, 15), (6, 8, 9), (1, 20)]))
def test_with_a_tolerance_the_brush_floods_within_the_ball(number, tolerance, shape) -> None:
    image = scenery(shape, number)
    point = [n // 3 for n in shape]
    within = disc(shape, point, 4.0, (1.0,) * len(shape))
    walled = np.where(within, image, 1000)
    expected = flood(walled, tuple(point), connectivity=1, tolerance=tolerance)
    found = mask_of(adaptive_brush, image, points=[point], radius_mm=4.0, tolerance=tolerance)
    np.testing.assert_array_equal(found, expected)


@given(st.integers(0, 10_000), st.integers(30, 100), st.booleans())
def test_without_a_tolerance_the_brush_stops_where_otsu_of_scikit_image_does(number, step, bright) -> None:
    rng = np.random.default_rng(number)
    image = rng.integers(0, 15, (21, 21)) + step * (np.arange(21) >= 12)
    point = [10, 14 if bright else 9]
    within = disc(image.shape, point, 8.0, (1.0, 1.0))
    level = threshold_otsu(image[within])  # of whole numbers: the greatest of the lower class
    like = within & ((image > level) == bright)
    numbers, _ = ndimage.label(like)
    found = mask_of(adaptive_brush, image, points=[point], radius_mm=8.0)
    np.testing.assert_array_equal(found, numbers == numbers[tuple(point)])
    assert found.sum() < within.sum()


def test_without_an_edge_all_of_the_brush_is_painted() -> None:
    noise = np.random.default_rng(0).normal(0, 5, (31, 31))
    found = mask_of(adaptive_brush, noise, points=[[15, 15]], radius_mm=10)
    np.testing.assert_array_equal(found, disc((31, 31), [15, 15], 10, (1.0, 1.0)))


@given(st.integers(0, 1000), st.sampled_from([0.25, 8.0]), st.sampled_from([-256.0, 1024.0]))
def test_the_brush_s_own_classes_do_not_depend_on_the_units_of_the_image(number, factor, shift) -> None:
    image = scenery((15, 15), number) + 30 * (np.arange(15) > 8)
    plain = mask_of(adaptive_brush, image, points=[[7, 6]], radius_mm=6)
    np.testing.assert_array_equal(mask_of(adaptive_brush, factor * image + shift, points=[[7, 6]], radius_mm=6), plain)


def test_a_stroke_over_a_ball_fills_it_and_spares_what_is_beside() -> None:
    spacing = (2.0, 1.0, 1.0)
    phantom = phantoms.ball((16, 32, 32), spacing, radius_mm=8)
    image = 100.0 * phantom.array + np.random.default_rng(1).normal(0, 5, phantom.array.shape)
    stroke = [[8, 15, x] for x in range(10, 22, 2)]
    inside = phantom.array > 0
    found = mask_of(adaptive_brush, image, points=stroke, radius_mm=12, spacing=spacing)
    np.testing.assert_array_equal(found, inside)
    found = mask_of(threshold_brush, image, points=stroke, radius_mm=12, low=50, spacing=spacing)
    np.testing.assert_array_equal(found, inside)


def test_limits_of_the_threshold_brush_are_inside_and_either_may_be_open() -> None:
    image = np.arange(9.0)[None]
    for low, high, expected in ((2, 5, [2, 3, 4, 5]), (None, 3, [0, 1, 2, 3]), (6, None, [6, 7, 8]), (4, 4, [4])):
        found = mask_of(threshold_brush, image, points=[[0, 4]], radius_mm=4, low=low, high=high)
        assert np.flatnonzero(found).tolist() == expected


def test_a_brush_that_finds_nothing_changes_nothing() -> None:
    change = threshold_brush(np.zeros((5, 5)), np.ones((5, 5), np.uint8), points=[[2, 2]], low=1)
    assert change.labels.size == 0


@given(st.integers(0, 1000), st.permutations([0, 1, 2]), st.sampled_from([None, 4.0]))
def test_permuting_the_axes_permutes_the_stroke(number, order, tolerance) -> None:
    image = scenery((6, 9, 8), number)
    spacing, points = (2.0, 1.0, 0.5), np.array([[2, 3, 4], [3, 7, 1]])
    how = {"radius_mm": 2.5, "tolerance": tolerance}
    plain = mask_of(adaptive_brush, image, points=points, spacing=spacing, **how)
    turned = mask_of(
        adaptive_brush,
        image.transpose(order),
        points=points[:, list(order)],
        spacing=[spacing[a] for a in order],
        **how,
    )
    np.testing.assert_array_equal(turned, plain.transpose(order))


def test_a_brush_paints_only_within_its_region_and_what_it_crosses_there() -> None:
    labels = np.full((9, 9), 3, np.uint8)
    region = Box((2, 2), (6, 9))
    change = threshold_brush(np.zeros((9, 9)), labels, points=[[3, 3]], radius_mm=4, label=0, region=region)
    expected = labels.copy()
    near = disc((9, 9), [3, 3], 4, (1.0, 1.0))
    expected[region.slices] = np.where(near[region.slices], 0, 3)
    np.testing.assert_array_equal(change.applied_to(labels), expected)


def test_a_brush_as_wide_as_any_paints_the_image_and_needs_no_more_room_than_it() -> None:
    for shape in ((1, 1), (1, 9), (4, 5, 6)):
        assert mask_of(threshold_brush, np.zeros(shape), points=[[0] * len(shape)], radius_mm=1e9).all()
    assert ball(1e9, (1.0, 2.0), shape=(3, 2)).tolist() == [[True] * 3] * 5
    np.testing.assert_array_equal(ball(2.0, (1.0, 1.0), shape=(9, 2)), ball(2.0, (1.0, 1.0))[:, 1:4])


def test_a_radius_of_zero_paints_the_clicked_voxels() -> None:
    found = mask_of(adaptive_brush, scenery((6, 7), 0), points=[[1, 1], [4, 6]], radius_mm=0)
    assert np.argwhere(found).tolist() == [[1, 1], [4, 6]]


@pytest.mark.parametrize("tool", [adaptive_brush, threshold_brush])
def test_what_a_brush_cannot_do_is_refused(tool) -> None:
    image, labels = np.zeros((4, 4)), np.zeros((4, 4), np.uint8)
    for radius in (-1, np.nan, np.inf):
        with pytest.raises(ConfigError, match="radius_mm"):
            tool(image, labels, points=[[1, 1]], radius_mm=radius)
    with pytest.raises(ConfigError, match="axis must be 0 to 2"):
        tool(np.zeros((2, 2, 2)), np.zeros((2, 2, 2), int), points=[[0, 0, 0]], axis=3)
    with pytest.raises(GeometryError, match="inside the image"):
        tool(image, labels, points=[[-1, 0]])
    with pytest.raises(Cancelled):
        tool(image, labels, points=[[1, 1]], cancelled=lambda: True)


def test_limits_that_no_value_meets_are_refused() -> None:
    image, labels = np.zeros((4, 4)), np.zeros((4, 4), np.uint8)
    with pytest.raises(ConfigError, match="tolerance"):
        adaptive_brush(image, labels, points=[[1, 1]], tolerance=-0.5)
    with pytest.raises(ConfigError, match="exchange"):
        threshold_brush(image, labels, points=[[1, 1]], low=2, high=1)
