"""Region growing: against the library that does not run underneath, by hand where none has the method."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from skimage.segmentation import flood
from tests import phantoms
from tests.classical.grown import noise

from septum.classical import growing
from septum.classical.seeds import seeds_from_mm
from septum.errors import ConfigError, DatasetError, GeometryError

SHAPES = [((30, 41), (1.0, 2.0)), ((14, 18, 21), (3.0, 1.0, 0.5))]


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
@pytest.mark.parametrize(("connectivity", "reach"), [("faces", 1), ("full", None)])
def test_connected_threshold_equals_the_flood_of_scikit_image(shape, spacing, connectivity, reach) -> None:
    image = noise(shape)
    seed = np.unravel_index(image.argmax(), shape)
    inside = ((image >= 0.1) & (image <= 9)).astype(np.uint8)
    theirs = flood(inside, seed, connectivity=reach)
    ours = growing.connected_threshold(image, seeds=[seed], low=0.1, high=9, connectivity=connectivity, spacing=spacing)
    assert 1 < ours.sum() < ours.size
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_neighbourhood_connected_equals_simpleitk(shape, spacing) -> None:
    image = noise(shape)
    seed = np.unravel_index(ndimage.uniform_filter(image, 5).argmax(), shape)
    theirs = SimpleITK.NeighborhoodConnected(
        SimpleITK.GetImageFromArray(image), [[int(v) for v in seed[::-1]]], 0.0, 9.0, [1] * len(shape), 1.0
    )
    ours = growing.neighbourhood_connected(image, seeds=[seed], low=0, high=9, spacing=spacing)
    assert ours.any()
    np.testing.assert_array_equal(ours, SimpleITK.GetArrayFromImage(theirs).astype(bool))


def test_a_box_in_mm_reaches_fewer_voxels_along_a_long_axis() -> None:
    inside = phantoms.box((9, 20, 20), (3, 1, 1)).array
    grown = growing.neighbourhood_connected(inside, seeds=[[4, 10, 10]], low=1, radius_mm=2.0, spacing=(3, 1, 1))
    expected = ndimage.binary_erosion(inside, np.ones((1, 5, 5)))
    np.testing.assert_array_equal(grown, expected)


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_confidence_connected_equals_a_plain_loop(shape, spacing) -> None:
    image = noise(shape) + 6 * phantoms.box(shape).array
    middle = tuple(n // 2 for n in shape)
    near = image[tuple(slice(m - 1, m + 2) for m in middle)].astype(np.float64)
    mean, deviation = near.mean(), near.std(ddof=1)
    for _ in range(4):
        low, high = min(mean - 2.5 * deviation, image[middle]), max(mean + 2.5 * deviation, image[middle])
        parts, _ = ndimage.label((image >= low) & (image <= high))
        region = parts == parts[middle]
        mean, deviation = image[region].mean(dtype=float), image[region].std(ddof=1, dtype=float)
    low, high = min(mean - 2.5 * deviation, image[middle]), max(mean + 2.5 * deviation, image[middle])
    parts, _ = ndimage.label((image >= low) & (image <= high))
    ours = growing.confidence_connected(image, seeds=[middle], iterations=4, spacing=spacing)
    np.testing.assert_array_equal(ours, parts == parts[middle])


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_a_front_over_flat_ground_grows_a_ball_in_millimetres(spacing) -> None:
    shape = tuple(round(26 / s) | 1 for s in spacing)
    middle = [n // 2 for n in shape]
    times = growing.arrival_times(np.ones(shape), seeds=[middle], stop=11, spacing=spacing)
    distance = np.sqrt(sum(((i - m) * s) ** 2 for i, m, s in zip(np.indices(shape), middle, spacing, strict=True)))
    reached = np.isfinite(times)
    assert np.abs(times - distance)[reached].max() < 1.5 * max(spacing)
    assert not (reached & (distance > 11)).any()
    ball = growing.fast_marching(np.zeros(shape), seeds=[middle], reach_mm=10, spacing=spacing)
    assert not (ball & (distance > 10)).any()
    assert ball[distance < 10 - 1.5 * max(spacing)].all()


def test_a_front_stops_at_an_edge() -> None:
    shape = phantoms.box((20, 24, 28))
    image = shape.image(contrast=30).array[0]
    grown = growing.fast_marching(image, seeds=[[10, 12, 14]], reach_mm=12, sigma_mm=0.7, contrast=1.5)
    assert not (grown & ~ndimage.binary_dilation(shape.mask)).any()
    assert grown[ndimage.binary_erosion(shape.mask, iterations=2)].all()


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_permuting_the_axes_permutes_what_is_grown(order) -> None:
    image = noise((12, 14, 16))
    seed = np.unravel_index(image.argmax(), image.shape)
    moved, moved_seed = np.ascontiguousarray(image.transpose(order)), [seed[a] for a in order]
    spacing = (3.0, 1.0, 2.0)
    for grow in (
        lambda i, s, mm: growing.connected_threshold(i, seeds=[s], low=0.2, spacing=mm),
        lambda i, s, mm: growing.neighbourhood_connected(i, seeds=[s], low=-0.2, radius_mm=1, spacing=mm),
        lambda i, s, mm: growing.confidence_connected(i, seeds=[s], spacing=mm),
        lambda i, s, mm: growing.fast_marching(i, seeds=[s], reach_mm=8, spacing=mm),
    ):
        result = grow(image, seed, spacing).transpose(order)
        assert result.any()
        assert np.mean(result != grow(moved, moved_seed, [spacing[a] for a in order])) < 1e-3


def test_a_row_of_alternating_values_is_grown() -> None:
    grown = growing.connected_threshold(np.array([[1, 0, 1, 0, 1]]), seeds=[[0, 2]], low=1)
    assert grown.tolist() == [[False, False, True, False, False]]


def test_seeds_beside_the_limits_grow_nothing() -> None:
    assert not growing.connected_threshold(np.ones((4, 5)), seeds=[[0, 0]], low=2).any()


def test_impossible_options_are_refused() -> None:
    image, seeds = np.ones((4, 5)), [[0, 0]]
    with pytest.raises(ConfigError, match="low must not be above high"):
        growing.connected_threshold(image, seeds=seeds, low=2, high=1)
    for grow in (growing.connected_threshold, growing.neighbourhood_connected):
        with pytest.raises(ConfigError, match="low or high must be given"):
            grow(image, seeds=seeds)
    with pytest.raises(ConfigError, match="connectivity must be one of"):
        growing.connected_threshold(image, seeds=seeds, connectivity="edges")
    with pytest.raises(ConfigError, match="radius_mm must be"):
        growing.neighbourhood_connected(image, seeds=seeds, radius_mm=-1)
    with pytest.raises(ConfigError, match="multiplier must be above 0"):
        growing.confidence_connected(image, seeds=seeds, multiplier=0)
    with pytest.raises(ConfigError, match="stop must be above 0"):
        growing.fast_marching(image, seeds=seeds, reach_mm=0)
    with pytest.raises(ConfigError, match="speed must be at least 0"):
        growing.arrival_times(-image, seeds=seeds, stop=1)
    with pytest.raises(GeometryError, match="positive numbers"):
        growing.fast_marching(image, seeds=seeds, reach_mm=1, spacing=(0, 1))
    with pytest.raises(GeometryError, match="positive numbers"):
        growing.connected_threshold(image, seeds=seeds, spacing=(-1, 1))
    with pytest.raises(GeometryError, match="finite and of shape"):
        seeds_from_mm([1, 2, 3], spacing=(1, 1))
    with pytest.raises(DatasetError, match="finite"):
        growing.connected_threshold(np.array([[np.nan, 1]]), seeds=seeds, low=0)
    with pytest.raises(GeometryError, match="one channel"):
        growing.connected_threshold(np.ones((3, 4, 5, 6)), seeds=seeds, low=0)
