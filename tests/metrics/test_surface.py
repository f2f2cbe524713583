"""Surfaces: areas known from geometry, distances known by hand, their properties, and three libraries as oracles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests import phantoms
from tests.metrics.shifted import SPACINGS

from septum.errors import ConfigError, GeometryError
from septum.metrics import (
    SURFACE_SCORES,
    SurfaceDistances,
    average_surface_distance,
    average_symmetric_surface_distance,
    hausdorff,
    hausdorff_percentile,
    label_surfaces,
    mean_absolute_surface_distance,
    surface,
    surface_dice,
    surface_distances,
)

Mask = NDArray[np.bool_]


def blobs(shape: Sequence[int], seed: int) -> tuple[Mask, Mask]:
    """Two random masks of a few connected lumps that overlap in part."""
    rng = np.random.default_rng(seed)
    first, change = (ndimage.gaussian_filter(rng.normal(size=shape), 2) for _ in range(2))
    return first > 0.05, first + 0.5 * change > 0.04


def everything(found: SurfaceDistances) -> list[float]:
    """All distances in mm that can be read."""
    scores = [score(found) for score in SURFACE_SCORES.values()]
    return [*scores, *average_surface_distance(found), hausdorff_percentile(found, 50)]


cases = st.tuples(
    st.sampled_from([(12, 15), (9, 10, 11)]).flatmap(
        lambda shape: st.integers(0, 1000).map(lambda seed: blobs(shape, seed))
    ),
    st.lists(st.floats(0.2, 5), min_size=3, max_size=3),
).filter(lambda case: case[0][0].any() and case[0][1].any())


def test_a_box_has_the_surface_of_a_box_with_its_edges_cut() -> None:
    """Faces meet in edges and corners that marching cubes cuts off: known exactly."""
    box = phantoms.box((16, 16, 16), size=[6, 6, 6])
    found = surface_distances(box.mask, box.mask, spacing=(1, 1, 1))
    edges = 12 * 5 * math.sqrt(0.5)
    corners = 8 * math.sqrt(3) / 8
    assert math.isclose(found.reference_sizes.sum(), 6 * 5 * 5 + edges + corners, rel_tol=1e-12)


@pytest.mark.parametrize(("spacing", "excess"), [((1.0, 1.0, 1.0), 0.09), ((2.0, 1.0, 1.0), 0.12)])
def test_the_area_of_a_ball_is_too_large_by_a_known_amount(spacing: tuple[float, ...], excess: float) -> None:
    """Stairs are longer than slopes: a smooth surface measures about a tenth too large, whatever its size."""
    ball = phantoms.ball((80, 80, 80), spacing, radius_mm=30)
    area = surface_distances(ball.mask, ball.mask, spacing=spacing).reference_sizes.sum()
    assert math.isclose(area, (1 + excess) * 4 * math.pi * 30**2, rel_tol=0.01)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("spacing", SPACINGS[3])
def test_a_shifted_plate_is_as_far_as_its_shift(axis: int, spacing: tuple[float, ...]) -> None:
    plate = np.zeros((20, 20, 20), bool)
    where = [slice(None)] * 3
    where[axis] = slice(5, 8)
    plate[tuple(where)] = True
    found = surface_distances(plate, np.roll(plate, 2, axis), spacing=spacing)
    assert math.isclose(hausdorff(found), 2 * spacing[axis], rel_tol=1e-6)


def test_two_single_pixels_by_hand() -> None:
    reference, prediction = np.zeros((2, 5, 8), bool)
    reference[2, 2] = prediction[2, 5] = True
    found = surface_distances(reference, prediction, spacing=(2.0, 1.0))
    assert found.reference_sizes.tolist() == [math.hypot(2, 1) / 2] * 4
    assert sorted(found.reference_to_prediction_mm.tolist()) == [2, 2, 3, 3]
    assert hausdorff(found) == 3
    assert hausdorff_percentile(found, 50) == 2
    assert average_surface_distance(found) == (2.5, 2.5)
    assert average_symmetric_surface_distance(found) == 2.5
    assert surface_dice(found, tolerance_mm=2) == 0.5


def test_symmetric_averages_weigh_by_area_or_by_side() -> None:
    found = SurfaceDistances(np.array([1.0]), np.array([4.0, 4.0]), np.array([1.0]), np.array([2.0, 1.0]), 9.0)
    assert average_surface_distance(found) == (1, 4)
    assert average_symmetric_surface_distance(found) == (1 + 12) / 4
    assert mean_absolute_surface_distance(found) == 2.5


def test_a_percentile_counts_area_not_elements() -> None:
    found = SurfaceDistances(np.array([5.0, 1.0]), np.array([0.0]), np.array([1.0, 99.0]), np.array([1.0]), 9.0)
    assert hausdorff_percentile(found, 95) == 1
    assert hausdorff_percentile(found, 99.5) == 5
    assert hausdorff_percentile(found, 100) == hausdorff(found) == 5


def test_a_distance_equal_to_the_tolerance_is_within_it_in_spite_of_rounding() -> None:
    reference, prediction = np.zeros((2, 3, 12), bool)
    reference[1, 2] = prediction[1, 5] = True
    for step in (0.1, 0.3, 0.7):
        found = surface_distances(reference, prediction, spacing=(step, step))
        assert surface_dice(found, tolerance_mm=3 * step) == 1


@given(cases)
def test_exchanging_the_masks_exchanges_the_directions(case: Any) -> None:
    (a, b), spacing = case[0], case[1][: case[0][0].ndim]
    forth, back = surface_distances(a, b, spacing=spacing), surface_distances(b, a, spacing=spacing)
    for score in SURFACE_SCORES.values():
        assert math.isclose(score(forth), score(back), rel_tol=1e-12)
    assert average_surface_distance(forth) == average_surface_distance(back)[::-1]
    assert math.isclose(surface_dice(forth, tolerance_mm=1), surface_dice(back, tolerance_mm=1))


@given(cases)
def test_scores_are_ordered_and_bounded(case: Any) -> None:
    (a, b), spacing = case[0], case[1][: case[0][0].ndim]
    found = surface_distances(a, b, spacing=spacing)
    assert 0 <= average_symmetric_surface_distance(found) <= hausdorff(found) <= found.diagonal_mm
    assert hausdorff_percentile(found, 50) <= hausdorff_percentile(found, 95) <= hausdorff(found)
    assert 0 <= surface_dice(found, tolerance_mm=0) <= surface_dice(found, tolerance_mm=1) <= 1
    assert surface_dice(found, tolerance_mm=found.diagonal_mm) == 1


@given(cases, st.floats(0.1, 10))
def test_scaling_the_spacing_scales_millimetres(case: Any, factor: float) -> None:
    (a, b), spacing = case[0], case[1][: case[0][0].ndim]
    one = surface_distances(a, b, spacing=spacing)
    other = surface_distances(a, b, spacing=[s * factor for s in spacing])
    np.testing.assert_allclose(everything(other), np.multiply(everything(one), factor), rtol=2e-6)
    power = a.ndim - 1
    np.testing.assert_allclose(other.reference_sizes.sum(), one.reference_sizes.sum() * factor**power, rtol=1e-9)


def test_a_percentile_reached_exactly_does_not_depend_on_the_unit_of_the_spacing() -> None:
    """Half of these outlines' lengths lies within one distance: whether 50 % is reached must not hang on rounding."""
    for seed in range(40):
        a, b = blobs((9, 11), seed)
        at_one = hausdorff_percentile(surface_distances(a, b, spacing=(1.0, 1.0)), 50)
        for factor in (0.84375, 0.1, 0.3, 1.7, 7.3):
            scaled = hausdorff_percentile(surface_distances(a, b, spacing=(factor, factor)), 50)
            np.testing.assert_allclose(scaled, at_one * factor, rtol=1e-6, err_msg=f"{seed}, {factor}")


@given(cases, st.randoms(use_true_random=False))
def test_permuting_and_flipping_the_axes_changes_nothing(case: Any, random: Any) -> None:
    (a, b), spacing = case[0], case[1][: case[0][0].ndim]
    order = random.sample(range(a.ndim), a.ndim)
    flips = tuple(axis for axis in range(a.ndim) if random.random() < 0.5)
    moved = [np.flip(m, flips).transpose(order) for m in (a, b)]
    one = surface_distances(a, b, spacing=spacing)
    other = surface_distances(*moved, spacing=[spacing[axis] for axis in order])
    np.testing.assert_allclose(everything(other), everything(one), rtol=2e-6)


@given(cases)
def test_a_mask_is_no_distance_from_itself(case: Any) -> None:
    (a, _), spacing = case[0], case[1][: case[0][0].ndim]
    found = surface_distances(a, a, spacing=spacing)
    assert hausdorff(found) == 0
    assert surface_dice(found, tolerance_mm=0) == 1


@given(cases)
def test_empty_space_around_the_masks_changes_nothing(case: Any) -> None:
    (a, b), spacing = case[0], case[1][: case[0][0].ndim]
    one = surface_distances(a, b, spacing=spacing)
    other = surface_distances(np.pad(a, 3), np.pad(b, 3), spacing=spacing)
    assert everything(one) == everything(other)


@pytest.mark.parametrize(
    ("ndim", "spacing", "seed"), [(n, s, seed) for n, every in SPACINGS.items() for s in every for seed in range(2)]
)
def test_everything_equals_surface_distance(ndim: int, spacing: tuple[float, ...], seed: int) -> None:
    peer = pytest.importorskip("surface_distance")
    a, b = blobs((26, 23, 19)[-ndim:], seed)
    ours = surface_distances(a, b, spacing=spacing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls scipy by names of long ago
        theirs = peer.compute_surface_distances(a, b, spacing)
    for percent in (50, 95, 100):
        expected = peer.compute_robust_hausdorff(theirs, percent)
        assert math.isclose(hausdorff_percentile(ours, percent), expected, rel_tol=1e-6)
    np.testing.assert_allclose(average_surface_distance(ours), peer.compute_average_surface_distance(theirs), rtol=1e-6)
    for tolerance in (0.45, 1.05, 2.3):
        expected = peer.compute_surface_dice_at_tolerance(theirs, tolerance)
        assert math.isclose(surface_dice(ours, tolerance_mm=tolerance), expected, rel_tol=1e-6)


@pytest.mark.parametrize("where", ["mri-hippocampus-msd/labels", "mri-spinal-cord-sct/labels", "ct-spleen-crop/labels"])
def test_real_masks_equal_surface_distance(where: str, realdata: Path) -> None:
    peer = pytest.importorskip("surface_distance")
    paths = sorted((realdata / where).rglob("*.nii.gz"))[:3]
    assert paths
    for path in paths:
        image = nibabel.load(path)
        reference, spacing = np.asarray(image.dataobj) > 0, [float(s) for s in image.header.get_zooms()[:3]]
        prediction = ndimage.binary_dilation(np.roll(reference, 1, axis=0), iterations=2)
        ours = surface_distances(reference, prediction, spacing=spacing)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = peer.compute_surface_distances(reference, prediction, spacing)
        assert math.isclose(hausdorff(ours), peer.compute_robust_hausdorff(theirs, 100), rel_tol=1e-6)
        assert math.isclose(hausdorff_percentile(ours), peer.compute_robust_hausdorff(theirs, 95), rel_tol=1e-6)
        averages = peer.compute_average_surface_distance(theirs)
        np.testing.assert_allclose(average_surface_distance(ours), averages, rtol=1e-6)
        expected = peer.compute_surface_dice_at_tolerance(theirs, 1.05)
        assert math.isclose(surface_dice(ours, tolerance_mm=1.05), expected, rel_tol=1e-6)


def border_distances(a: Mask, b: Mask, spacing: Sequence[float]) -> tuple[list[float], list[float]]:
    """Hausdorff and average distances of MONAI: between border voxels, each counted once."""
    torch = pytest.importorskip("torch")
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_distance import compute_average_surface_distance

    ref, pred = (torch.from_numpy(m[None, None]) for m in (a, b))
    shared = {"include_background": True, "spacing": list(spacing)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it calls itself by arguments it has deprecated
        farthest = [float(compute_hausdorff_distance(pred, ref, percentile=p, **shared)) for p in (None, 95)]
        means = [float(compute_average_surface_distance(x, y, **shared)) for x, y in ((ref, pred), (pred, ref))]
    return farthest, means


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
@pytest.mark.parametrize("seed", range(2))
def test_monai_differs_by_no_more_than_a_voxel(spacing: tuple[float, ...], seed: int) -> None:
    """MONAI measures between border voxels, we between the faces of voxels: the documented difference."""
    a, b = blobs((24, 24, 24), seed)
    found, voxel = surface_distances(a, b, spacing=spacing), math.hypot(*spacing)
    farthest, averages = border_distances(a, b, spacing)
    assert abs(hausdorff(found) - farthest[0]) <= voxel
    assert abs(hausdorff_percentile(found, 95) - farthest[1]) <= voxel
    np.testing.assert_allclose(average_surface_distance(found), averages, atol=voxel / 2)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_shifted_boxes_have_the_distance_that_monai_and_simpleitk_find(spacing: tuple[float, ...]) -> None:
    """For a mask that was only moved, both ideas of a surface agree on the Hausdorff distance exactly."""
    sitk = pytest.importorskip("SimpleITK")
    a = phantoms.box((24, 24, 24), start=(6, 6, 6), size=(7, 8, 9)).mask
    b = np.roll(a, (2, 0, 3), axis=(0, 1, 2))
    ours = hausdorff(surface_distances(a, b, spacing=spacing))
    images = [sitk.GetImageFromArray(m.astype(np.uint8)) for m in (a, b)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    filter_ = sitk.HausdorffDistanceImageFilter()
    filter_.Execute(*images)
    assert math.isclose(ours, filter_.GetHausdorffDistance(), rel_tol=1e-6)
    assert math.isclose(ours, border_distances(a, b, spacing)[0][0], rel_tol=1e-6)
    assert math.isclose(ours, math.hypot(2 * spacing[0], 3 * spacing[2]), rel_tol=1e-6)


def test_the_search_tree_and_the_distance_transform_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = blobs((20, 21, 22), 3)
    monkeypatch.setattr(surface, "_SPARSE", {3: math.inf})
    dense = surface_distances(a, b, spacing=(0.5, 0.7, 3.1))
    monkeypatch.setattr(surface, "_SPARSE", {3: 0})
    sparse = surface_distances(a, b, spacing=(0.5, 0.7, 3.1))
    np.testing.assert_allclose(dense.reference_to_prediction_mm, sparse.reference_to_prediction_mm, rtol=1e-6)
    np.testing.assert_allclose(dense.prediction_to_reference_mm, sparse.prediction_to_reference_mm, rtol=1e-6)


def label_maps(dtype: type = np.int16) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(4)
    maps = [ndimage.zoom(rng.integers(0, 6, (3, 4, 5)), 4, order=0).astype(dtype) for _ in range(2)]
    maps[1][maps[1] == 5] = 9
    return maps[0], maps[1]


@pytest.mark.parametrize("workers", [1, 3])
def test_all_labels_at_once_equal_one_by_one(workers: int) -> None:
    a, b = label_maps()
    found = label_surfaces(a, b, spacing=(1, 2, 3), workers=workers)
    assert list(found) == [1, 2, 3, 4, 5, 9]
    for label, distances in found.items():
        alone = surface_distances(a == label, b == label, spacing=(1, 2, 3))
        np.testing.assert_array_equal(distances.reference_to_prediction_mm, alone.reference_to_prediction_mm)
        np.testing.assert_array_equal(distances.prediction_sizes, alone.prediction_sizes)
        assert distances.diagonal_mm == alone.diagonal_mm


def test_labels_of_any_value_are_located() -> None:
    a, b = label_maps(np.int64)
    plain = label_surfaces(a, b, spacing=(1, 1, 1), labels=[0, 4, 2])
    far = label_surfaces(a * 10**10 - 7, b * 10**10 - 7, spacing=(1, 1, 1), labels=[-7, 4 * 10**10 - 7, 2 * 10**10 - 7])
    for near, distant in zip(plain.values(), far.values(), strict=True):
        assert hausdorff(near) == hausdorff(distant) > 0


def test_the_background_is_a_label_too_up_to_the_edge_of_the_array() -> None:
    a, b = (np.pad(side, 2) for side in label_maps())
    found = label_surfaces(a, b, spacing=(1, 1, 1), labels=[0])[0]
    alone = surface_distances(a == 0, b == 0, spacing=(1, 1, 1))
    np.testing.assert_array_equal(found.reference_to_prediction_mm, alone.reference_to_prediction_mm)


def test_a_label_that_occurs_nowhere_has_empty_lists() -> None:
    a, b = label_maps()
    found = label_surfaces(a, b, spacing=(1, 1, 1), labels=[77])[77]
    assert found.empty is not None
    assert found.empty.name == "both empty"
    assert label_surfaces(np.zeros((0, 3), int), np.zeros((0, 3), int), spacing=(1, 1)) == {}


def test_a_missing_surface_is_infinitely_far() -> None:
    box = phantoms.box((8, 8, 8)).mask
    found = surface_distances(box, np.zeros_like(box), spacing=(1, 1, 1))
    assert np.isinf(found.reference_to_prediction_mm).all()
    assert found.reference_to_prediction_mm.size == found.reference_sizes.size > 0
    assert found.prediction_to_reference_mm.size == found.prediction_sizes.size == 0


@pytest.mark.parametrize("spacing", [(1,), (1, 1, 1), (1, 0), (1, -2), (1, math.nan), (math.inf, 1)])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="spacing must hold 2 positive mm"):
        surface_distances(np.ones((3, 3), bool), np.ones((3, 3), bool), spacing=spacing)


def test_masks_that_are_none_are_refused() -> None:
    with pytest.raises(GeometryError, match="same shape"):
        surface_distances(np.ones((3, 3), bool), np.ones((3, 4), bool), spacing=(1, 1))
    with pytest.raises(GeometryError, match="2-D or 3-D, got 1 axes"):
        surface_distances(np.ones(3, bool), np.ones(3, bool), spacing=(1,))
    with pytest.raises(GeometryError, match="integer labels, got float64"):
        surface_distances(np.ones((3, 3)), np.ones((3, 3), bool), spacing=(1, 1))


def test_impossible_settings_are_refused() -> None:
    mask = np.ones((3, 3), np.uint8)
    found = surface_distances(mask, mask, spacing=(1, 1))
    with pytest.raises(ConfigError, match="percentile must lie between 0 and 100, got 101"):
        hausdorff_percentile(found, 101)
    for wrong in (-1.0, math.nan):
        with pytest.raises(ConfigError, match="tolerance_mm must be at least 0"):
            surface_dice(found, tolerance_mm=wrong)
    with pytest.raises(ConfigError, match="labels must be distinct"):
        label_surfaces(mask, mask, spacing=(1, 1), labels=[1, 1])
    with pytest.raises(ConfigError, match="workers must be at least 1, got 0"):
        label_surfaces(mask, mask, spacing=(1, 1), workers=0)
