"""Watersheds: scikit-image floods where SimpleITK runs underneath, and the other way round."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from skimage.morphology import local_maxima
from skimage.segmentation import watershed as skimage_watershed
from tests import phantoms
from tests.classical.waters import SHAPES, noise

from septum.classical import hierarchy, watershed
from septum.errors import ConfigError, DatasetError, GeometryError


def same_partition(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the voxels in regions of `a` that keep the region of `b` in which most of them lie."""
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    table = np.zeros((a.max() + 1, b.max() + 1), int)
    np.add.at(table, (a.ravel(), b.ravel()), 1)
    return min(table.max(axis=0).sum(), table.max(axis=1).sum()) / a.size


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
@pytest.mark.parametrize("lines", [False, True])
def test_flooding_from_markers_equals_scikit_image(shape, spacing, lines) -> None:
    ground = np.random.default_rng(1).permutation(np.prod(shape)).reshape(shape).astype(np.uint16)  # no two alike
    ground = ndimage.gaussian_filter(ground.astype(float), 1.2)
    ground = ground.ravel().argsort().argsort().reshape(shape).astype(np.uint16)
    markers = np.where(local_maxima(np.invert(ground), connectivity=1), np.arange(ground.size).reshape(shape) + 1, 0)
    ours = watershed.watershed(
        ground, on="dark", markers=markers.astype(np.int32), sigma_mm=0, lines=lines, spacing=spacing
    )
    theirs = skimage_watershed(ground, markers.astype(np.int32), watershed_line=lines)
    if lines:
        both = (ours > 0) & (theirs > 0)  # theirs goes on drawing lines behind a line, so that more is line
        assert np.mean((ours == theirs)[both]) > 0.95
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_inside_a_mask_flooding_equals_scikit_image(shape, spacing) -> None:
    ground = noise(shape).ravel().argsort().argsort().reshape(shape).astype(np.uint16)
    mask = noise(shape, 5) > -0.5
    markers = np.zeros(shape, np.int32)
    places = np.argwhere(mask)[:: max(int(mask.sum()) // 6, 1)]
    markers[tuple(places.T)] = np.arange(1, len(places) + 1)
    ours = watershed.watershed(ground, on="dark", markers=markers, sigma_mm=0, mask=mask)
    theirs = skimage_watershed(ground, markers, mask=mask)
    assert not ours[~mask].any()
    assert np.mean(ours == theirs) > 0.995


@pytest.mark.parametrize("on", ["gradient", "bright", "dark"])
@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_regions_cover_the_image_and_are_numbered_without_gaps(shape, spacing, on) -> None:
    labels = watershed.watershed(noise(shape), on=on, spacing=spacing)
    assert labels.shape == shape
    assert np.unique(labels).tolist() == list(range(1, labels.max() + 1))
    assert labels.max() > 1
    assert all(ndimage.label(labels == k)[1] == 1 for k in range(1, int(labels.max()) + 1))


@pytest.mark.parametrize("lined", ["watershed", "hierarchical", "compact"])
@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_with_lines_no_two_regions_share_a_face(shape, spacing, lined) -> None:
    run = {
        "watershed": lambda **o: watershed.watershed(noise(shape), spacing=spacing, **o),
        "hierarchical": lambda **o: hierarchy.hierarchical_watershed(noise(shape), level=0.1, spacing=spacing, **o),
        "compact": lambda **o: watershed.compact_watershed(noise(shape), size_mm=6, spacing=spacing, **o),
    }[lined]
    labels, whole = run(lines=True), run(lines=False)
    assert (whole > 0).all()
    assert 0 < (labels == 0).sum() < labels.size * 0.9
    for axis in range(labels.ndim):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        assert not ((a != b) & (a > 0) & (b > 0)).any()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_two_touching_balls_are_cut_apart_at_their_neck(spacing) -> None:
    shape = tuple(round(n / s) for n, s in zip((22, 22, 40), spacing, strict=True))
    at = [np.array((11, 11, 12.0)), np.array((11, 11, 27.0))]
    mm = [i * s for i, s in zip(np.indices(shape), spacing, strict=True)]
    balls = [sum((m - c) ** 2 for m, c in zip(mm, centre, strict=True)) <= 81 for centre in at]
    mask = balls[0] | balls[1]
    labels = watershed.distance_watershed(mask, spacing=spacing)
    assert labels.max() == 2
    np.testing.assert_array_equal(labels > 0, mask)
    for ball in balls:
        inside = labels[ball & ~(balls[0] & balls[1])]
        assert np.bincount(inside).max() / inside.size > 0.97
        volume = np.bincount(inside).max() * np.prod(spacing)
        assert abs(volume - ball.sum() * np.prod(spacing)) < 0.1 * volume
    assert watershed.distance_watershed(mask, spacing=spacing, depth_mm=5).max() == 1


def test_objects_are_cut_at_the_neck_where_simpleitk_cuts_them() -> None:
    mask = noise((60, 70), 3) > 0
    ours = watershed.distance_watershed(mask, depth_mm=1.0, spacing=(1, 1))
    distance = ndimage.distance_transform_edt(mask)
    theirs = SimpleITK.MorphologicalWatershed(SimpleITK.GetImageFromArray(-distance), 1.0, False, False)
    theirs = SimpleITK.GetArrayFromImage(theirs) * mask
    assert same_partition(ours[mask], theirs[mask]) > 0.95


def test_nothing_in_an_empty_mask_and_one_object_in_a_full_one() -> None:
    assert not watershed.distance_watershed(phantoms.empty().array).any()
    assert (watershed.distance_watershed(phantoms.full().array) == 1).all()


def test_given_markers_give_their_numbers_and_a_part_without_one_stays_empty() -> None:
    mask = np.array([[1, 1, 1, 0, 1, 1]])
    markers = np.array([[7, 0, 0, 0, 0, 0]])
    assert watershed.distance_watershed(mask, markers=markers).tolist() == [[7, 7, 7, 0, 0, 0]]


def test_a_box_comes_back_within_a_voxel_layer() -> None:
    shape = phantoms.box((24, 28, 32), (2, 1, 1))
    image = shape.image(contrast=30).array[0]
    markers = np.zeros(shape.array.shape, np.uint8)
    markers[12, 14, 16], markers[0, 0, 0] = 2, 1
    found = watershed.watershed(image, markers=markers, spacing=shape.spacing) == 2
    assert found[ndimage.binary_erosion(shape.mask)].all()
    assert not found[~ndimage.binary_dilation(shape.mask)].any()


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_permuting_the_axes_permutes_the_regions(order) -> None:
    image, spacing = noise((12, 16, 20)), (3.0, 1.0, 2.0)
    moved, moved_spacing = np.ascontiguousarray(image.transpose(order)), [spacing[a] for a in order]
    for run in (watershed.watershed, hierarchy.hierarchical_watershed):
        one, other = run(image, spacing=spacing).transpose(order), run(moved, spacing=moved_spacing)
        assert one.max() == other.max() > 1
        assert same_partition(one, other) > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 5), (3, 1, 4)])
def test_a_constant_image_is_one_region(shape) -> None:
    image = np.full(shape, 3.0)
    assert (watershed.watershed(image) == 1).all()
    assert (hierarchy.hierarchical_watershed(image) == 1).all()
    assert (watershed.compact_watershed(image, size_mm=100) == 1).all()


def test_impossible_input_is_refused() -> None:
    image = np.ones((4, 5))
    with pytest.raises(GeometryError, match="markers must have the image's shape"):
        watershed.watershed(image, markers=np.ones((5, 4), int))
    with pytest.raises(ConfigError, match="at least one label inside the mask"):
        watershed.watershed(image, markers=np.zeros((4, 5), int))
    with pytest.raises(ConfigError, match="depth must be at least 0"):
        watershed.watershed(image, depth=-0.1)
    with pytest.raises(ConfigError, match="depth must be"):
        watershed.watershed(image, depth=1.1)
    with pytest.raises(ConfigError, match="on must be one of"):
        watershed.watershed(image, on="edges")
    with pytest.raises(ConfigError, match="level"):
        hierarchy.hierarchical_watershed(image, level=2)
    with pytest.raises(ConfigError, match="size_mm must be above 0"):
        watershed.compact_watershed(image, size_mm=0)
    with pytest.raises(ConfigError, match="depth_mm must be"):
        watershed.distance_watershed(image > 0, depth_mm=-1)
    with pytest.raises(GeometryError, match="mask must be boolean or integer"):
        watershed.distance_watershed(image)
    with pytest.raises(GeometryError, match="positive numbers"):
        watershed.watershed(image, spacing=(0, 1))
    with pytest.raises(DatasetError, match="finite"):
        watershed.watershed(image * np.nan)


def test_bodies_thinner_than_the_depth_are_objects_too():
    mask = np.zeros((12, 30), bool)
    mask[1:11, 2:12], mask[4:6, 16:18], mask[5, 22] = True, True, True
    found = watershed.distance_watershed(mask, depth_mm=2.0)
    assert np.array_equal(found > 0, mask)
    assert found.max() == 3
