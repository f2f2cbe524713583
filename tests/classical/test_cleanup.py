"""Clean-up: scipy and SimpleITK as oracles with digital balls, sizes in mm, several labels at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage as ndi
import SimpleITK
import skimage.morphology
import skimage.segmentation
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests import phantoms

from septum.classical import cleanup
from septum.errors import ConfigError, GeometryError

GRIDS = [((40, 44), (1.0, 1.0)), ((30, 36), (2.0, 0.8)), ((12, 24, 26), (2.5, 1.0, 0.8))]
MORPHOLOGY = [
    cleanup.opening,
    cleanup.closing,
    cleanup.smooth_median,
    cleanup.smooth_gaussian,
    cleanup.smooth_joint,
    cleanup.margin,
    cleanup.hollow,
    cleanup.fill_holes,
]


def blobs(shape, seed=0, share=0.3) -> np.ndarray:
    """Random smooth shapes, some of which touch the border."""
    noise = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0 if len(shape) == 2 else 1.3)
    return noise > np.quantile(noise, 1 - share)


def many(shape, seed=0) -> np.ndarray:
    """Labels 0, 2, 5 and 9 in smooth regions."""
    noise = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return np.array([0, 2, 5, 9], np.uint8)[np.digitize(noise, np.quantile(noise, [0.4, 0.6, 0.8]))]


def ball(radius, spacing) -> np.ndarray:
    reach = [int(radius / s + 1e-6) for s in spacing]
    mesh = np.meshgrid(*[np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=True)], indexing="ij")
    return sum(m**2 for m in mesh) <= radius**2 + 1e-6


def eroded(mask, element):
    return ndi.binary_erosion(mask, element, border_value=1)


def dilated(mask, element):
    return ndi.binary_dilation(mask, element)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
@pytest.mark.parametrize("radius", [1.0, 2.5])
def test_opening_and_closing_are_those_of_a_digital_ball(shape, spacing, radius):
    mask, element = blobs(shape), ball(radius, spacing)
    opened = cleanup.opening(mask, spacing=spacing, radius_mm=radius)
    assert np.array_equal(opened, dilated(eroded(mask, element), element) & mask)
    closed = cleanup.closing(mask, spacing=spacing, radius_mm=radius)
    assert np.array_equal(closed, eroded(dilated(mask, element), element) | mask)
    assert closed.sum() > mask.sum() > opened.sum()


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
@pytest.mark.parametrize("distance", [1.0, 3.0, -1.0, -2.5])
def test_a_margin_is_dilation_or_erosion_by_a_ball(shape, spacing, distance):
    mask, element = blobs(shape), ball(abs(distance), spacing)
    expected = dilated(mask, element) if distance > 0 else eroded(mask, element)
    assert np.array_equal(cleanup.margin(mask, spacing=spacing, distance_mm=distance), expected)


def test_several_labels_grow_like_expand_labels_of_scikit_image():
    labels = np.zeros((30, 40), np.int32)
    labels[5:9, 5:9], labels[20:24, 30:33], labels[7:9, 20:22] = 3, 1, 8
    grown = cleanup.margin(labels, spacing=(1.0, 2.0), distance_mm=5.0)
    expected = skimage.segmentation.expand_labels(labels, 5.0, spacing=(1.0, 2.0))
    assert np.array_equal(grown, expected)
    assert grown.dtype == labels.dtype


def test_labels_shrink_from_each_other_too():
    pair = phantoms.touching_pair()
    shrunk = cleanup.margin(pair.array, distance_mm=-1.0)
    for value in (1, 2):
        assert np.array_equal(shrunk == value, eroded(pair.array == value, ball(1.0, (1, 1, 1))))


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_holes_are_filled_as_by_scipy_and_simpleitk(shape, spacing):
    mask = blobs(shape, share=0.6)
    filled = cleanup.fill_holes(mask, spacing=spacing)
    assert np.array_equal(filled, ndi.binary_fill_holes(mask))
    peer = SimpleITK.BinaryFillhole(SimpleITK.GetImageFromArray(mask.astype(np.uint8)))
    assert np.array_equal(filled, SimpleITK.GetArrayFromImage(peer) > 0)


def test_a_tunnel_is_filled_slice_by_slice_only():
    mask = np.zeros((6, 12, 12), bool)
    mask[:, 3:9, 3:9] = True
    mask[:, 5:7, 5:7] = False
    assert np.array_equal(cleanup.fill_holes(mask), mask)
    filled = cleanup.fill_holes(mask, per_slice=True)
    assert np.array_equal(filled, np.stack([ndi.binary_fill_holes(plane) for plane in mask]))
    assert filled.sum() == mask.sum() + 6 * 4


def test_holes_above_a_size_stay_open():
    mask = np.ones((12, 20), bool)
    mask[2:4, 2:4], mask[5:9, 10:16] = False, False
    filled = cleanup.fill_holes(mask, spacing=(0.5, 2.0), maximum_size=4.0)
    assert filled[2, 2]
    assert not filled[6, 12]
    assert cleanup.fill_holes(mask, spacing=(0.5, 2.0), maximum_size=24.0).all()


def test_nested_rings_fill_from_the_inside_and_never_over_each_other():
    y, x = np.mgrid[:41, :41] - 20
    distance = np.hypot(y, x)
    labels = np.select([(distance > 14) & (distance < 18), (distance > 5) & (distance < 8)], [1, 2], 0)
    filled = cleanup.fill_holes(labels)
    assert (filled[distance <= 5] == 2).all()
    assert (filled[(distance >= 8) & (distance <= 14)] == 1).all()
    assert np.array_equal(filled[labels > 0], labels[labels > 0])


@pytest.mark.parametrize("connectivity", ["full", "faces"])
@pytest.mark.parametrize("shape", [(30, 34), (10, 16, 18)])
def test_the_largest_components_are_those_of_scipy(shape, connectivity):
    mask = np.random.default_rng(1).random(shape) > (0.6 if len(shape) == 2 else 0.8)
    structure = np.ones((3,) * len(shape)) if connectivity == "full" else None
    numbers, total = ndi.label(mask, structure)
    sizes = np.bincount(numbers.ravel())[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    for count in (1, 3):
        kept = cleanup.keep_largest(mask, count=count, connectivity=connectivity)
        assert sorted(np.bincount(ndi.label(kept, structure)[0].ravel())[1:]) == sorted(sizes[order[:count] - 1])
        assert (kept <= mask).all()
    assert np.array_equal(cleanup.keep_largest(mask, count=total, connectivity=connectivity), mask)


def test_each_label_keeps_its_own_largest_component():
    labels = np.array([[1, 0, 2, 2, 0, 1, 1, 0, 2]])
    assert cleanup.keep_largest(labels).tolist() == [[0, 0, 2, 2, 0, 1, 1, 0, 0]]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.5)])
def test_small_components_go_by_their_volume_in_mm(spacing):
    mask = np.zeros((8, 12, 12), bool)
    mask[1:3, 1:3, 1:3], mask[5:7, 5:10, 5:9] = True, True
    size = 8 * math.prod(spacing)
    assert np.array_equal(cleanup.remove_small(mask, spacing=spacing, minimum_size=size), mask)
    assert cleanup.remove_small(mask, spacing=spacing, minimum_size=1.01 * size).sum() == 40
    peer = skimage.morphology.remove_small_objects(mask, max_size=8)
    assert np.array_equal(cleanup.remove_small(mask, spacing=spacing, minimum_size=1.01 * size), peer)


def test_components_that_hold_a_seed_stay():
    mask = np.array([[1, 1, 0, 1, 0, 1]], bool)
    assert cleanup.keep_touching(mask, seeds=[[0, 3], [0, 2]]).tolist() == [[False, False, False, True, False, False]]
    seeds = np.array([[0, 1, 0, 0, 0, 1]], bool)
    assert cleanup.keep_touching(mask, seeds=seeds).tolist() == [[True, True, False, False, False, True]]


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
@pytest.mark.parametrize("radius", [1.0, 2.6])
def test_median_smoothing_is_the_median_filter_of_the_ball(shape, spacing, radius):
    mask = np.random.default_rng(2).random(shape) > 0.5
    element = ball(radius, spacing)
    expected = ndi.median_filter(mask.astype(np.uint8), footprint=element, mode="nearest")
    assert np.array_equal(cleanup.smooth_median(mask, spacing=spacing, radius_mm=radius), expected > 0)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_gaussian_smoothing_is_that_of_simpleitk_away_from_one_half(shape, spacing):
    mask = blobs(shape)
    image = SimpleITK.GetImageFromArray(np.pad(mask, 12, mode="edge").astype(np.float32))
    image.SetSpacing(spacing[::-1])
    blurred = SimpleITK.GetArrayFromImage(SimpleITK.DiscreteGaussian(image, 1.5**2, 64, 1e-4))
    blurred = blurred[(slice(12, -12),) * len(shape)]
    sure = np.abs(blurred - 0.5) > 0.06  # SimpleITK's kernel is the discrete Gaussian, not the sampled one
    assert sure.mean() > 0.8
    smooth = cleanup.smooth_gaussian(mask, spacing=spacing, sigma_mm=1.5)
    assert np.array_equal(smooth[sure], (blurred > 0.5)[sure])


def test_joint_smoothing_is_the_strongest_of_all_blurred_labels_and_leaves_no_gap():
    labels = many((50, 60))
    labels[labels == 0] = 2  # no background at all
    smooth = cleanup.smooth_joint(labels, sigma_mm=2.0)
    assert (smooth > 0).all()
    values = [2, 5, 9]
    strength = np.stack([ndi.gaussian_filter((labels == v).astype(float), 2.0, mode="nearest") for v in values])
    ordered = np.sort(strength, axis=0)
    sure = ordered[-1] - ordered[-2] > 1e-4
    assert np.array_equal(smooth[sure], np.array(values)[strength.argmax(axis=0)][sure])
    apart = cleanup.smooth_gaussian(labels, sigma_mm=2.0)
    assert (apart == 0).any()


@pytest.mark.parametrize("side", ["inside", "outside", "both"])
def test_a_shell_lies_on_its_side_of_the_surface(side):
    phantom = phantoms.ball((40, 40, 40), radius_mm=12.0)
    shell = cleanup.hollow(phantom.mask, thickness_mm=3.0, side=side)
    inner, outer = {"inside": (9.0, 12.0), "outside": (12.0, 15.0), "both": (10.5, 13.5)}[side]
    volume = 4 / 3 * math.pi * (outer**3 - inner**3)
    assert shell.sum() == pytest.approx(volume, rel=0.15)
    assert (shell & phantom.mask).any() == (side != "outside")
    assert (shell & ~phantom.mask).any() == (side != "inside")


masks = hnp.arrays(bool, (5, 6))


@given(first=masks, second=masks)
def test_logical_operations_are_those_of_sets(first, second):
    combine = cleanup.combine
    assert np.array_equal(combine(first, other=second, operation="union"), first | second)
    assert np.array_equal(combine(first, other=second, operation="intersection"), first & second)
    assert np.array_equal(combine(first, other=second, operation="subtract"), first & ~second)
    assert np.array_equal(combine(first, other=second, operation="difference"), first ^ second)
    assert np.array_equal(cleanup.invert(first), ~first)


def test_the_union_of_label_maps_keeps_the_labels_of_both():
    first, second = np.array([[0, 1, 1]], np.uint8), np.array([[300, 300, 0]], np.uint16)
    assert cleanup.combine(first, other=second).tolist() == [[300, 1, 1]]


@pytest.mark.parametrize("function", MORPHOLOGY)
def test_no_label_takes_a_sample_of_another_nor_is_one_invented(function):
    labels = many((40, 44))
    result = function(labels, spacing=(1.0, 1.5))
    assert result.dtype == labels.dtype
    assert set(np.unique(result)) <= {0, 2, 5, 9}
    if function is not cleanup.smooth_joint:
        assert ((result == labels) | (labels == 0) | (result == 0)).all()


@pytest.mark.parametrize("function", [*MORPHOLOGY, cleanup.keep_largest, cleanup.remove_small])
def test_permuting_the_axes_permutes_the_cleaned_mask(function):
    mask, spacing = blobs((10, 18, 22), seed=4), (2.0, 1.0, 0.7)
    options = {} if function is cleanup.keep_largest else {"spacing": spacing}
    turned = {} if not options else {"spacing": (spacing[2], spacing[0], spacing[1])}
    result = function(mask, **options)
    assert np.array_equal(function(mask.transpose(2, 0, 1), **turned), result.transpose(2, 0, 1))


@pytest.mark.parametrize("function", [*MORPHOLOGY, cleanup.keep_largest, cleanup.remove_small])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4, 5, 6)])
def test_an_empty_mask_stays_empty_and_a_full_one_is_no_error(function, shape):
    empty = function(np.zeros(shape, bool))
    assert empty.dtype == bool
    assert not empty.any()
    assert function(np.ones(shape, np.int16)).shape == shape


@pytest.mark.parametrize("function", [cleanup.opening, cleanup.closing, cleanup.fill_holes, cleanup.keep_largest])
@given(mask=hnp.arrays(bool, (7, 8), elements=st.booleans()))
def test_cleaning_twice_is_cleaning_once(function, mask):
    once = function(mask)
    assert np.array_equal(function(once), once)


def test_labels_of_large_numbers_are_kept():
    labels = np.zeros((9, 9), np.uint64)
    labels[2:5, 2:5], labels[7, 7] = 5_000_000_000, 7
    assert np.array_equal(cleanup.fill_holes(labels), labels)
    assert set(np.unique(cleanup.smooth_joint(labels, sigma_mm=0.3))) == {0, 7, 5_000_000_000}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cleanup.keep_largest(np.eye(3)), GeometryError, "boolean or integer"),
        (lambda: cleanup.keep_largest(-np.eye(3, dtype=int)), GeometryError, "must not be negative"),
        (lambda: cleanup.keep_largest(np.ones(3, int)), GeometryError, "2 or 3 axes"),
        (lambda: cleanup.keep_largest(np.ones((2, 2), int), count=0), ConfigError, "count must be at least 1"),
        (lambda: cleanup.components(np.ones((2, 2), int), connectivity="6"), ConfigError, "full, faces"),
        (lambda: cleanup.opening(np.ones((2, 2), int), spacing=(0.0, 1.0)), GeometryError, "positive"),
        (lambda: cleanup.opening(np.ones((2, 2), int), radius_mm=-1), ConfigError, "radius_mm must be at least 0"),
        (lambda: cleanup.margin(np.ones((2, 2), int), distance_mm=math.nan), ConfigError, "must be a number"),
        (lambda: cleanup.hollow(np.ones((2, 2), int), thickness_mm=0), ConfigError, "above 0"),
        (lambda: cleanup.hollow(np.ones((2, 2), int), side="top"), ConfigError, "inside, outside, both"),
        (lambda: cleanup.combine(np.eye(2, dtype=int), other=np.eye(3, dtype=int)), GeometryError, "shape"),
        (lambda: cleanup.keep_touching(np.ones((2, 2), int), seeds=[[5, 0]]), GeometryError, "seeds must lie inside"),
        (lambda: cleanup.keep_touching(np.ones((2, 2), int), seeds=[[0.5, 0]]), GeometryError, "integer voxel"),
        (lambda: cleanup.assign(np.array([[3]]), values=[0, 1]), ConfigError, "one number from 0 for each label"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("shape", [(1, 31), (31, 1), (1, 1, 31), (1, 31, 1), (31, 1, 1), (1, 1), (1, 1, 1)])
@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_parts_of_a_line_are_counted_in_every_direction(shape, kind):
    alternating = (np.arange(max(shape)) % 2 == 0).astype(kind).reshape(shape)
    numbered = cleanup.components(alternating)
    assert np.array_equal(numbered.ravel()[::2], np.arange(1, (max(shape) + 1) // 2 + 1))
    assert not numbered.ravel()[1::2].any()


def test_parts_of_a_line_end_where_the_label_changes():
    assert cleanup.components(np.array([[1, 1, 2, 0, 2, 2, 1]])).tolist() == [[1, 1, 2, 0, 3, 3, 4]]
