"""The magic wand: against the floods of scikit-image and SimpleITK, in a slice, in a volume, in a region."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import flood
from tests.phantoms import ball

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.marks.wand import magic_wand
from septum.interactive.tool import Box


def scenery(shape: tuple[int, ...], number: int = 0) -> np.ndarray:
    """Whole numbers from 0 to about 20 in smooth lumps."""
    noise = ndimage.gaussian_filter(np.random.default_rng(number).standard_normal(shape), 1.0)
    return np.rint(20 * (noise - noise.min()) / np.ptp(noise)).astype(np.int16)


def mask_of(image: np.ndarray, **how) -> np.ndarray:
    labels = np.zeros(np.shape(image), np.uint8)
    return magic_wand(image, labels, **how).applied_to(labels) == how.get("label", 1)


@given(st.integers(0, 10_000), st.sampled_from([(13, 17), (6, 7, 9), (1, 20)]), st.booleans(), st.integers(0, 6))
def test_the_wand_floods_as_scikit_image_does(number, shape, full, tolerance) -> None:
    image = scenery(shape, number)
    point = [n // 2 for n in shape]
    theirs = flood(image, tuple(point), connectivity=len(shape) if full else 1, tolerance=tolerance)
    ours = mask_of(image, points=[point], tolerance=tolerance, connectivity="full" if full else "faces")
    np.testing.assert_array_equal(ours, theirs)


def test_several_clicks_give_the_union_of_simpleitk_s_regions_each_with_its_own_limits() -> None:
    image = scenery((9, 14, 12), 3)
    points, theirs = [[2, 3, 4], [7, 11, 9], [4, 7, 1]], np.zeros(image.shape, bool)
    for z, y, x in points:
        value = float(image[z, y, x])
        grown = SimpleITK.ConnectedThreshold(SimpleITK.GetImageFromArray(image), [(x, y, z)], value - 2, value + 2)
        theirs |= SimpleITK.GetArrayFromImage(grown) > 0
    np.testing.assert_array_equal(mask_of(image, points=points, tolerance=2), theirs)
    assert 0 < theirs.sum() < theirs.size


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_with_an_axis_only_the_clicked_slice_is_flooded(axis) -> None:
    image = scenery((8, 9, 10), 5)
    point = [3, 4, 5]
    found = mask_of(image, points=[point], tolerance=4, axis=axis)
    expected = np.zeros(image.shape, bool)
    cut = tuple(v if a == axis else slice(None) for a, v in enumerate(point))
    expected[cut] = flood(image[cut], tuple(np.delete(point, axis)), connectivity=1, tolerance=4)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() < mask_of(image, points=[point], tolerance=4).sum()


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 0.5), (1.0, 1.0)])
def test_a_ball_is_found_whole_and_smoothed_in_millimetres(spacing) -> None:
    shape = (17, 33, 65)[: len(spacing)]
    phantom = ball(shape, spacing, radius_mm=6)
    noisy = 100.0 * phantom.array + np.random.default_rng(0).normal(0, 15, shape)
    middle = [[n // 2 for n in shape]]
    smooth = mask_of(noisy, points=middle, tolerance=50, sigma_mm=1.0, spacing=spacing)
    inside = phantom.array > 0
    assert 2 * (smooth & inside).sum() / (smooth.sum() + inside.sum()) > 0.9
    width = [np.ptp(np.nonzero(smooth)[a]) * s for a, s in enumerate(spacing)]
    assert max(width) - min(width) <= 2 * max(spacing)


@given(st.integers(0, 1000), st.permutations([0, 1, 2]), st.sampled_from([None, 3.0]))
def test_permuting_the_axes_permutes_the_mask(number, order, tolerance) -> None:
    image = scenery((6, 8, 7), number)
    point = np.array([2, 5, 3])
    plain = mask_of(image, points=[point], tolerance=tolerance)
    turned = mask_of(image.transpose(order), points=[point[list(order)]], tolerance=tolerance)
    np.testing.assert_array_equal(turned, plain.transpose(order))


@given(st.integers(0, 1000), st.sampled_from([0.125, 4.0]), st.sampled_from([-512.0, 64.0]))
def test_the_wand_s_own_tolerance_follows_the_units_of_the_image(number, factor, shift) -> None:
    image = scenery((12, 14), number).astype(np.float64)
    plain = mask_of(image, points=[[6, 7]])
    np.testing.assert_array_equal(mask_of(factor * image + shift, points=[[6, 7]]), plain)


@given(st.integers(0, 1000), st.integers(0, 5))
def test_more_tolerance_never_takes_a_voxel_away(number, tolerance) -> None:
    image = scenery((10, 12), number)
    little = mask_of(image, points=[[5, 6]], tolerance=tolerance)
    assert not (little & ~mask_of(image, points=[[5, 6]], tolerance=tolerance + 1)).any()


def test_the_flood_does_not_leave_the_region_even_to_come_back() -> None:
    image = np.array([[5, 9, 5], [5, 9, 5], [5, 5, 5]])
    assert mask_of(image, points=[[0, 0]], tolerance=1).sum() == 7
    labels = np.full((3, 3), 4, np.uint8)
    change = magic_wand(image, labels, points=[[0, 0]], tolerance=1, region=Box((0, 0), (2, 3)))
    assert change.applied_to(labels).tolist() == [[1, 4, 4], [1, 4, 4], [4, 4, 4]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (1, 1, 1), (4, 5, 6)])
def test_a_constant_image_is_one_part(shape) -> None:
    for tolerance in (None, 0):
        assert mask_of(np.full(shape, 7.5), points=[[0] * len(shape)], tolerance=tolerance).all()


def test_a_mask_as_labels_and_a_label_beyond_their_type_widen_it() -> None:
    change = magic_wand([[1, 1, 9]], np.array([[False, False, True]]), points=[[0, 1]], tolerance=0, label=300)
    assert change.labels.tolist() == [[300, 300]]
    assert change.labels.dtype == np.uint16


def test_what_the_wand_cannot_do_is_refused() -> None:
    image, labels = np.zeros((4, 4)), np.zeros((4, 4), np.uint8)
    for wrong, words in (
        ({"tolerance": -1}, "tolerance"),
        ({"tolerance": np.nan}, "tolerance"),
        ({"sigma_mm": -1}, "sigma_mm"),
        ({"connectivity": "corners"}, "connectivity"),
        ({"label": -1}, "label"),
    ):
        with pytest.raises(ConfigError, match=words):
            magic_wand(image, labels, **{"points": [[1, 1]], **wrong})
    with pytest.raises(ConfigError, match="axis must be 0 to 2"):
        magic_wand(np.zeros((2, 2, 2)), np.zeros((2, 2, 2), int), points=[[0, 0, 0]], axis=-1)
    with pytest.raises(GeometryError, match="integer voxel"):
        magic_wand(image, labels, points=[[1.5, 1.0]])


def test_a_wand_is_asked_before_each_click_and_stops_at_the_second() -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        magic_wand(np.zeros((4, 4)), np.zeros((4, 4), int), points=[[0, 0], [1, 1]], cancelled=lambda: next(asked))
    assert next(asked, None) is None
