"""Preparing for a network and the way back: nothing moves, nothing is lost, and it is fast."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests.geometry.test_grid import ORIENTATIONS, oriented

from septum.errors import GeometryError
from septum.geometry import Grid, Placement


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_a_marked_voxel_stays_in_place_in_every_orientation(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    grid = oriented(order, signs)
    labels = np.zeros(grid.shape, np.uint8)
    labels[1, 2, 4] = 7
    place = Placement.plan(grid, None)
    prepared = place.apply_labels(labels)
    assert place.target.orientation == "SAR"
    found = np.argwhere(prepared == 7)
    np.testing.assert_allclose(place.target.index_to_world(found[0]), grid.index_to_world((1, 2, 4)), atol=1e-9)
    assert len(found) == 1
    np.testing.assert_array_equal(place.apply(labels[None])[0], prepared)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_undo_is_exact_when_the_spacing_is_kept(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    grid = oriented(order, signs)
    labels = np.random.default_rng(0).integers(0, 9, grid.shape).astype(np.int16)
    place = Placement.plan(grid, None)
    back = place.undo(place.apply_labels(labels))
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == np.int16


@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 4)] * 3),
    which=st.sampled_from(ORIENTATIONS),
)
def test_the_box_of_space_that_is_covered_stays_the_same(
    shape: tuple[int, ...], spacing: tuple[float, ...], which: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    place = Placement.plan(oriented(*which, shape), spacing)
    for source_edge, target_edge in (
        (-0.5, -0.5),
        (np.array(place.canonical.shape) - 0.5, np.array(place.shape) - 0.5),
    ):
        source = place.canonical.index_to_world(np.broadcast_to(source_edge, 3))
        target = place.target.index_to_world(np.broadcast_to(target_edge, 3))
        np.testing.assert_allclose(source, target, atol=1e-6)
    np.testing.assert_allclose(place.target.spacing, place.spacing)
    for n, step, wanted in zip(place.shape, place.spacing, spacing, strict=True):
        assert n == 1 or abs(n * step / wanted - n) <= 0.5 + 1e-3 * n


@given(shape=st.tuples(*[st.integers(1, 30)] * 2), spacing=st.tuples(*[st.floats(0.2, 5)] * 2))
def test_coordinates_lead_from_source_voxels_to_the_same_place_in_the_network(
    shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    place = Placement.plan(Grid.from_spacing(shape, (1.0, 1.0)), spacing)
    for axis, coordinates in enumerate(place.coordinates()):
        assert coordinates.shape == (shape[axis],)
        index = np.zeros((shape[axis], 2))
        index[:, axis] = np.arange(shape[axis])
        expected = place.target.world_to_index(place.canonical.index_to_world(index))[:, axis]
        np.testing.assert_allclose(coordinates, np.clip(expected, 0, place.shape[axis] - 1), atol=1e-6)


@pytest.mark.parametrize("spacing", [(0.5, 0.4), (1.3, 0.7), (1.4, 1.2)])
def test_linear_resampling_agrees_with_scipy(spacing: tuple[float, float]) -> None:
    image = np.random.default_rng(0).standard_normal((1, 70, 90)).astype(np.float32)
    place = Placement.plan(Grid.from_spacing((70, 90), (1.0, 1.0)), spacing)
    centres = [(np.arange(m) + 0.5) * n / m - 0.5 for n, m in zip((70, 90), place.shape, strict=True)]
    mesh = np.meshgrid(*centres, indexing="ij")
    oracle = ndimage.map_coordinates(image[0], mesh, order=1, mode="nearest")
    np.testing.assert_allclose(place.apply(image)[0], oracle, atol=1e-5)


def test_cubic_resampling_reproduces_a_parabola_where_linear_cannot() -> None:
    x = np.arange(40, dtype=np.float32)
    image = np.broadcast_to(x**2, (1, 5, 40))
    place = Placement.plan(Grid.from_spacing((5, 40), (1.0, 1.0)), (1.0, 0.5))
    truth = (place.target.index_to_world([(0, i) for i in range(80)])[:, 1]) ** 2
    inner = slice(6, -6)
    np.testing.assert_allclose(place.apply(image, order=3)[0, 2, inner], truth[inner], rtol=1e-4, atol=1e-3)
    assert np.abs(place.apply(image, order=1)[0, 2, inner] - truth[inner]).max() > 0.1


def test_nearest_resampling_agrees_with_the_way_labels_are_sampled() -> None:
    labels = np.random.default_rng(1).integers(0, 5, (33, 47))
    for spacing in ((0.61, 0.45), (1.7, 2.9), (3.0, 1.0)):
        place = Placement.plan(Grid.from_spacing((33, 47), (1.0, 1.0)), spacing)
        np.testing.assert_array_equal(place.apply(labels[None], order=0)[0], place.apply_labels(labels))


def test_a_constant_stays_constant_at_any_spacing() -> None:
    image = np.full((1, 37, 23), 5.0)
    for spacing in ((0.3, 0.9), (1.9, 7.0), (100.0, 100.0)):
        prepared = Placement.plan(Grid.from_spacing((37, 23), (1.0, 1.0)), spacing).apply(image)
        np.testing.assert_allclose(prepared, 5.0, rtol=1e-5)


def test_strong_down_sampling_does_not_alias() -> None:
    stripes = np.broadcast_to(np.arange(256) % 2, (1, 8, 256)).astype(np.float32)
    place = Placement.plan(Grid.from_spacing((8, 256), (1.0, 1.0)), (1.0, 3.7))
    inner = slice(4, -4)  # at the rim the last sample is repeated, which is no stripe
    assert np.ptp(place.apply(stripes)[..., inner]) < 0.01
    assert np.ptp(place.apply(stripes, order=0)) == 1.0


def test_anti_aliasing_agrees_with_blurring_first() -> None:
    image = np.random.default_rng(2).standard_normal((1, 6, 200)).astype(np.float32)
    place = Placement.plan(Grid.from_spacing((6, 200), (1.0, 1.0)), (1.0, 4.0))
    blurred = ndimage.gaussian_filter1d(image[0], (4.0 - 1) / 2, axis=1, mode="nearest", truncate=4.0)
    centres = np.meshgrid(np.arange(6), (np.arange(50) + 0.5) * 4 - 0.5, indexing="ij")
    oracle = ndimage.map_coordinates(blurred, centres, order=1, mode="nearest")
    np.testing.assert_allclose(place.apply(image)[0], oracle, atol=2e-4)


def test_labels_keep_their_type_and_their_set_of_values() -> None:
    labels = np.random.default_rng(3).choice([0, 3, 1605], (20, 30)).astype(np.uint16)
    place = Placement.plan(Grid.from_spacing((20, 30), (1.0, 1.0)), (0.7, 2.2))
    prepared = place.apply_labels(labels)
    assert prepared.dtype == np.uint16
    assert prepared.shape == place.shape
    assert set(np.unique(prepared)) <= {0, 3, 1605}


def test_samples_that_are_not_finite_count_as_zero_and_do_not_spread() -> None:
    image = np.ones((1, 10, 12), np.float32)
    image[0, 5, 5] = np.nan
    image[0, 0, 0] = np.inf
    prepared = Placement.plan(Grid.from_spacing((10, 12), (1.0, 1.0)), (0.5, 0.5)).apply(image)
    assert np.isfinite(prepared).all()
    assert prepared[0, -1, -1] == 1.0
    assert np.isnan(image[0, 5, 5])


def test_a_plane_is_never_reoriented() -> None:
    place = Placement.plan(Grid((4, 5), np.diag([-1.0, -1.0, 1.0])), None)
    assert place.axes == (0, 1)
    assert place.flips == (False, False)


def test_a_volume_can_be_left_in_its_own_orientation() -> None:
    grid = oriented((2, 0, 1), (-1, 1, -1))
    place = Placement.plan(grid, None, reorient=False)
    assert place.target == grid


def test_preparing_never_shares_memory_with_the_image() -> None:
    image = np.zeros((1, 4, 5), np.float32)
    place = Placement.plan(Grid.from_spacing((4, 5), (1.0, 1.0)), None)
    place.apply(image)[...] = 1
    place.apply_labels(image[0].astype(np.uint8))[...] = 1
    assert image.max() == 0


def test_undo_keeps_leading_channels() -> None:
    grid = oriented((2, 0, 1), (-1, 1, -1))
    place = Placement.plan(grid, None)
    image = np.random.default_rng(0).standard_normal((2, *grid.shape)).astype(np.float32)
    np.testing.assert_array_equal(place.undo(place.apply(image)), image)


@pytest.mark.parametrize("spacing", [(1.0,), (0.0, 1.0), (float("nan"), 1.0), (-1.0, 1.0)])
def test_impossible_target_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="spacing must be 2 positive numbers"):
        Placement.plan(Grid.from_spacing((4, 5), (1.0, 1.0)), spacing)


def test_arrays_of_another_shape_are_refused() -> None:
    place = Placement.plan(Grid.from_spacing((4, 5), (1.0, 1.0)), None)
    with pytest.raises(GeometryError, match="must end with shape"):
        place.apply(np.zeros((1, 5, 4)))
    with pytest.raises(GeometryError, match="channels"):
        place.apply(np.zeros((4, 5)))
    with pytest.raises(GeometryError, match="must end with shape"):
        place.undo(np.zeros((5, 4)))
    with pytest.raises(GeometryError, match="order must be"):
        Placement.plan(place.source, (2.0, 2.0)).apply(np.zeros((1, 4, 5)), order=2)


def test_a_damaged_record_is_refused() -> None:
    grid = Grid.from_spacing((4, 5), (1.0, 1.0))
    with pytest.raises(GeometryError, match="ordering"):
        Placement(grid, (0, 0), (False, False), (4, 5), (1.0, 1.0))
    with pytest.raises(GeometryError, match="2 entries"):
        Placement(grid, (0, 1), (False,), (4, 5), (1.0, 1.0))
