"""Resampling between any two grids: checked against SimpleITK and against shapes with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from tests.geometry.test_grid import ORIENTATIONS, oriented

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap, resample, resample_image, resample_labels


def oblique(shape: tuple[int, ...], degrees: float = 20.0) -> Grid:
    angle = np.radians(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.eye(3)[:, ::-1] * (1.7, 0.9, 1.1)
    affine[:3, 3] = (2.0, 3.0, -1.0)
    return Grid(shape, affine)


def to_itk(array: np.ndarray, grid: Grid) -> sitk.Image:
    """The same grid for ITK, whose world here is simply our RAS world under another name."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ascontiguousarray(grid.direction[:, ::-1]).ravel().tolist())
    return image


def by_itk(array: np.ndarray, source: Grid, target: Grid, interpolator: int) -> np.ndarray:
    reference = to_itk(np.zeros(target.shape, np.float32), target)
    moved = sitk.Resample(to_itk(array, source), reference, sitk.Transform(), interpolator, 0.0)
    return np.asarray(sitk.GetArrayFromImage(moved))


@pytest.mark.parametrize("slab", [50, 2**22])
def test_linear_interpolation_agrees_with_itk(slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "SLAB_VOXELS", slab)
    rng = np.random.default_rng(0)
    source, target = oriented((2, 1, 0), (1, -1, 1), (12, 14, 16)), oblique((19, 21, 23))
    affine = source.affine.copy()
    affine[:3, 3] = target.index_to_world((4, 5, 20)) - affine[:3, :3] @ (6, 7, 8)
    source = Grid(source.shape, affine)
    array = rng.standard_normal(source.shape).astype(np.float32)
    ours = resample_image(Image(array[None], source), target, outside=0.0)
    oracle = by_itk(array, source, target, sitk.sitkLinear)
    index = source.world_to_index(target.index_to_world(np.moveaxis(np.indices(target.shape), 0, -1)))
    inner = ((index >= 0) & (index <= np.array(source.shape) - 1)).all(axis=-1)
    np.testing.assert_allclose(ours.array[0][inner], oracle[inner], atol=1e-4)
    beyond = ((index < -0.6) | (index > np.array(source.shape) - 0.4)).any(axis=-1)
    assert (ours.array[0][beyond] == 0).all()
    assert inner.any()
    assert beyond.any()


def test_nearest_labels_agree_with_itk() -> None:
    source, target = oblique((12, 14, 16), 20), oblique((10, 20, 12), 33)
    labels = np.random.default_rng(1).integers(0, 2000, source.shape).astype(np.uint16)
    ours = resample_labels(LabelMap(labels, source, {5: "five"}), target)
    np.testing.assert_array_equal(ours.array, by_itk(labels, source, target, sitk.sitkNearestNeighbor))
    assert ours.array.dtype == np.uint16
    assert ours.names == {5: "five"}


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_a_marked_voxel_stays_in_place_between_orientations(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    target = oriented((0, 1, 2), (1, 1, 1))
    affine = oriented(order, signs).affine.copy()
    affine[:3, :3] = np.sign(affine[:3, :3]) * np.array([[3.0], [2.0], [1.5]])  # the same steps along the world axes
    shape = tuple(target.shape[world] for world in order)
    middle = target.index_to_world(np.array(target.shape) // 2)
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array(shape) // 2)
    labels = np.zeros(shape, np.uint8)
    labels[tuple(np.array(shape) // 2)] = 1
    moved = resample_labels(LabelMap(labels, Grid(shape, affine)), target)
    np.testing.assert_array_equal(np.argwhere(moved.array), [np.array(target.shape) // 2])


def test_a_linear_ramp_is_reproduced_exactly() -> None:
    source, target = Grid.from_spacing((8, 9, 10), (2, 1, 1)), oblique((3, 3, 3), 10)
    world = source.index_to_world(np.moveaxis(np.indices(source.shape), 0, -1))
    moved = resample_image(Image(world.sum(axis=-1)[None], source), target)
    truth = target.index_to_world(np.moveaxis(np.indices(target.shape), 0, -1)).sum(axis=-1)
    index = source.world_to_index(target.index_to_world(np.moveaxis(np.indices(target.shape), 0, -1)))
    inner = ((index >= 0) & (index <= np.array(source.shape) - 1)).all(axis=-1)
    assert inner.sum() > 5
    np.testing.assert_allclose(moved.array[0][inner], truth[inner], atol=1e-4)


def test_beyond_the_source_an_image_has_its_smallest_value_and_labels_are_background() -> None:
    source, target = Grid.from_spacing((4, 4), (1, 1)), Grid.from_spacing((8, 8), (1, 1))
    image = resample_image(Image(np.full((1, 4, 4), -1000, np.int16), source), target)
    assert (image.array == -1000).all()
    labels = resample_labels(LabelMap(np.ones((4, 4), np.uint8), source), target)
    assert labels.array.sum() == 16


def test_the_same_grid_returns_the_same_values() -> None:
    grid = Grid.from_spacing((4, 5), (1, 1))
    array = np.random.default_rng(0).standard_normal((1, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(resample_image(Image(array, grid), grid).array, array)
    labels = LabelMap(np.eye(4, 5, dtype=np.uint8), grid)
    np.testing.assert_array_equal(resample_labels(labels, grid).array, labels.array)


def test_down_sampling_is_smoothed_and_order_0_is_not() -> None:
    source, target = Grid.from_spacing((4, 200), (1, 1)), Grid.from_spacing((4, 40), (1, 5))
    stripes = np.broadcast_to((np.arange(200) // 2) % 2, (1, 4, 200)).astype(np.uint8)
    assert np.ptp(resample_image(Image(stripes, source), target).array[..., 5:-5]) < 0.2
    sharp = resample_image(Image(stripes, source), target, order=0).array
    assert sharp.dtype == np.uint8
    assert np.ptp(sharp) == 1


def test_cubic_splines_follow_a_smooth_curve_better_than_lines() -> None:
    x = np.linspace(0, 6, 40)
    source = Grid.from_spacing((6, 40), (1, 1))
    target = Grid((6, 78), np.diag([1.0, 0.5, 1.0]))
    image = Image(np.broadcast_to(np.sin(x), (1, 6, 40)).astype(np.float32), source)
    truth = np.sin(np.arange(78) * 0.5 * (x[1] - x[0]))
    error = {
        order: np.abs(resample_image(image, target, order=order).array[0, 3] - truth)[8:-8].max() for order in (1, 3)
    }
    assert error[3] < error[1] / 2


def test_samples_that_are_not_finite_count_as_zero() -> None:
    grid = Grid.from_spacing((4, 5), (1, 1))
    array = np.ones((1, 4, 5), np.float32)
    array[0, 0, 0] = np.nan
    assert np.isfinite(resample_image(Image(array, grid), Grid.from_spacing((8, 10), (0.5, 0.5))).array).all()


def test_planes_and_volumes_do_not_mix() -> None:
    plane, volume = Grid.from_spacing((4, 5), (1, 1)), Grid.from_spacing((4, 5, 6), (1, 1, 1))
    with pytest.raises(GeometryError, match="as many axes"):
        resample_labels(LabelMap(np.zeros((4, 5), np.uint8), plane), volume)
    with pytest.raises(GeometryError, match="order must be 0 to 5"):
        resample_image(Image(np.zeros((1, 4, 5)), plane), plane, order=7)
