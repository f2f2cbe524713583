"""Patches cut from images: exact where nothing is interpolated, aligned with their labels everywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests import phantoms
from tests.net.augment.patches import noise, smooth, take, warp_of

from septum.net.augment import augment
from septum.net.augment.augment import (
    AugmentConfig,
    IntensityConfig,
    Parameters,
    SpatialConfig,
)
from septum.net.augment.cut import cut_patch
from septum.net.augment.intensity import Intensity
from septum.net.augment.spatial import rotation_matrix, sample_warp


def test_a_constant_displacement_shifts_the_image() -> None:
    image = smooth(40, 50)
    bend = np.zeros((2, 3, 3))
    bend[0], bend[1] = 3, -5
    shifted = take(image, warp_of((15, 17), bends=(bend,)), (20, 25))
    np.testing.assert_allclose(shifted, image[16:31, 12:29], atol=1e-4)


@given(
    shape=st.lists(st.integers(1, 12), min_size=2, max_size=3),
    sizes=st.lists(st.integers(1, 20), min_size=3, max_size=3),
    places=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_without_a_transformation_the_patch_is_the_mirror_padded_crop(
    shape: list[int], sizes: list[int], places: list[float]
) -> None:
    patch = sizes[: len(shape)]
    centre = [int(p * (n - 1)) for p, n in zip(places, shape, strict=False)]
    image = noise(*shape)
    oracle = image
    for axis, (n, c, size) in enumerate(zip(shape, centre, patch, strict=True)):
        index = np.pad(np.arange(n), 40, mode="reflect" if n > 1 else "edge")
        oracle = oracle.take(index[40 + c - size // 2 :][:size], axis=axis)
    np.testing.assert_array_equal(take(image, warp_of(patch), centre), oracle)
    identity = take(image, warp_of(patch, np.eye(len(shape))), centre)
    np.testing.assert_allclose(identity, oracle, atol=1e-4)


@pytest.mark.parametrize("how", ["linear", "cubic"])
def test_the_resampling_path_with_identity_parameters_is_the_plain_crop(how: str) -> None:
    image = noise(60, 70)
    crop = take(image, warp_of((20, 31)), (4, 60), how)
    np.testing.assert_allclose(take(image, warp_of((20, 31), np.eye(2)), (4, 60), how), crop, atol=2e-4)


@pytest.mark.parametrize("flips", [(True, False, False), (False, True, True), (True, True, True)])
def test_flips_are_exact(flips: tuple[bool, ...]) -> None:
    image = noise(12, 14, 16)
    flipped = take(image, warp_of((8, 7, 6), flips=flips), (5, 6, 7))
    expected = np.flip(take(image, warp_of((8, 7, 6)), (5, 6, 7)), [a for a, f in enumerate(flips) if f])
    np.testing.assert_array_equal(flipped, expected)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_by_90_degrees_equals_numpys_rotation(quarters: int) -> None:
    image = noise(21, 21)
    turned = take(image, warp_of((21, 21), rotation_matrix([90.0 * quarters])), (10, 10))
    np.testing.assert_allclose(turned, np.rot90(image, -quarters), atol=1e-4)


def test_the_exact_path_and_the_resampling_path_cut_at_the_same_place() -> None:
    image = smooth(40, 40)
    for patch in ((8, 8), (7, 8), (9, 9)):
        for axes in ((0, 1), (1, 0)):
            exact = warp_of(patch, axes=axes, flips=(True, False))
            resampled = dataclasses.replace(exact, matrix=((1.0, 0.0), (0.0, 1.0)))
            np.testing.assert_allclose(take(image, exact, (19, 22)), take(image, resampled, (19, 22)), atol=1e-4)


def test_cubic_interpolation_keeps_more_of_a_fine_line_than_linear() -> None:
    image = np.zeros((65, 65), np.float32)
    image[:, 32] = 1
    turned = warp_of((33, 33), rotation_matrix([30.0]))
    assert take(image, turned, (32, 32), "cubic").std() > 1.05 * take(image, turned, (32, 32), "linear").std()


def test_a_ball_in_millimetres_stays_a_ball_when_thick_slices_are_rotated() -> None:
    ball = phantoms.ball((25, 80, 80), (3.0, 1.0, 1.0), radius_mm=15.0)
    config = SpatialConfig(flips=(False,) * 3, rotation=(60.0, 60.0, 60.0), rotation_probability=1.0)
    crop = take(ball.array, warp_of((13, 36, 36)), (12, 40, 40)) > 0.5

    def overlap(spacing: tuple[float, ...], seed: int) -> float:
        warp = sample_warp(config, patch=(13, 36, 36), spacing=spacing, generator=np.random.default_rng(seed))
        turned = cut_patch(warp, [(ball.array[None], "labels")], centre=(12, 40, 40))[0][0].numpy() == 1
        return float(2 * (turned & crop).sum() / (turned.sum() + crop.sum()))

    assert min(overlap(ball.spacing, seed) for seed in range(6)) > 0.95
    assert max(overlap((1.0, 1.0, 1.0), seed) for seed in range(6)) < 0.8  # turned in voxels it becomes an ellipsoid


@pytest.mark.parametrize("ndim", [2, 3])
def test_image_labels_and_maps_stay_aligned(ndim: int) -> None:
    config = augment.microscopy_2d((40, 40)) if ndim == 2 else augment.medical_3d((40,) * 3, (1.0,) * 3)
    config = AugmentConfig(
        dataclasses.replace(config.spatial, rotation_probability=1.0, scale_probability=1.0), IntensityConfig()
    )
    labels = (smooth(*(60,) * ndim, seed=3) > 0).astype(np.uint8)
    maps = np.stack([labels, 1 - labels]).astype(np.float32)
    for seed in range(4):
        drawn = augment.sample(config, patch=(40,) * ndim, spacing=(1.0,) * ndim, generator=np.random.default_rng(seed))
        patch = augment.apply(drawn, labels[None].astype(np.float32), labels=labels, centre=(20,) * ndim, extras=maps)
        assert patch.labels is not None
        assert patch.extras is not None
        assert patch.labels.dtype == torch.int64
        assert ((patch.image[0] > 0.5) == (patch.labels == 1)).float().mean() > 0.98  # cubic image, linear labels
        assert ((patch.extras[0] > 0.5) == (patch.labels == 1)).all()
        np.testing.assert_allclose(patch.extras.sum(0), 1, atol=1e-4)


def test_interpolated_classes_follow_a_rotated_shape_better_than_the_nearest_voxel() -> None:
    truth = phantoms.ellipsoid((33, 33, 33), radii_mm=(5, 9, 6)).array
    angle = rotation_matrix([20.0, 20.0, 20.0])
    mesh = np.stack(np.meshgrid(*[np.arange(33.0) - 16] * 3, indexing="ij"))
    z, y, x = np.tensordot(angle, mesh, 1)
    exact = (z / 5) ** 2 + (y / 9) ** 2 + (x / 6) ** 2 <= 1
    dice = {}
    for name, labels in {"shares": truth, "nearest": truth.astype(np.int64)}.items():
        found = cut_patch(warp_of((33,) * 3, angle), [(labels[None], "labels")], centre=(16,) * 3)[0][0].numpy() == 1
        dice[name] = 2 * (found & exact).sum() / (found.sum() + exact.sum())
    assert dice["shares"] > dice["nearest"] + 0.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
@pytest.mark.parametrize("classes", [1, 3, 200])
def test_warped_labels_only_hold_values_of_the_source(dtype: type, classes: int) -> None:
    labels = np.random.default_rng(0).integers(0, classes, (30, 30)).astype(dtype) + 7
    turned = cut_patch(warp_of((21, 21), rotation_matrix([30.0])), [(labels[None], "labels")], centre=(15, 15))[0]
    assert set(np.unique(turned)) <= set(np.unique(labels))
    assert len(np.unique(turned)) >= min(classes, 30)


def test_ids_beyond_float_precision_survive() -> None:
    labels = np.full((12, 12), 2**40 + 1, np.int64)
    turned = cut_patch(warp_of((9, 9), rotation_matrix([30.0])), [(labels[None], "labels")], centre=(6, 6))[0]
    assert (turned == 2**40 + 1).all()


class Recorder:
    """A source that remembers which part of it was read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.voxels = array, array.shape, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        part: np.ndarray = self.array[key]
        self.voxels += part.size
        return part


@pytest.mark.parametrize("matrix", [None, rotation_matrix([40.0])])
def test_only_the_bounding_box_is_read(matrix: Any, tmp_path: Path) -> None:
    poison: Any = np.memmap(tmp_path / "big.raw", np.float32, "w+", shape=(1, 300, 400))
    poison[:] = np.nan
    poison[0, 80:160, 60:140] = 1
    source: Any = Recorder(poison)
    patch = cut_patch(warp_of((32, 32), matrix), [(source, "linear")], centre=(120, 100))[0]
    np.testing.assert_allclose(patch, 1, atol=1e-5)
    assert source.voxels <= 52**2


def test_far_out_in_a_huge_source_positions_stay_exact() -> None:
    source: Any = np.broadcast_to(np.arange(2_000_000, dtype=np.float32) % 1024, (1, 3, 2_000_000))
    patch = cut_patch(warp_of((3, 16), np.eye(2) * 0.5), [(source, "linear")], centre=(1, 1_900_000))[0]
    start = (1_900_000 - 8 + 7.5) % 1024
    np.testing.assert_allclose(patch[0, 1], start + (np.arange(16) - 7.5) / 2, atol=1e-3)


@pytest.mark.parametrize("dtype", [">f4", "<u2", "f8"])
def test_any_numpy_type_can_be_a_source(dtype: str) -> None:
    image = np.arange(100).reshape(1, 10, 10).astype(dtype)
    for matrix in (None, np.eye(2)):
        patch = cut_patch(warp_of((4, 4), matrix, flips=(True, False)), [(image, "linear")], centre=(5, 5))[0]
        np.testing.assert_allclose(patch[0], image[0, 3:7, 3:7][::-1].astype(np.float32), atol=1e-3)


def test_tensors_and_arrays_give_the_same_patch() -> None:
    image, labels = smooth(30, 30)[None], np.random.default_rng(0).integers(0, 3, (30, 30)).astype(np.uint8)
    drawn = augment.sample(
        augment.microscopy_2d((20, 20)), patch=(20, 20), spacing=(1, 1), generator=np.random.default_rng(2)
    )
    one = augment.apply(drawn, image, labels=labels, centre=(12, 9))
    two = augment.apply(drawn, torch.from_numpy(image), labels=torch.from_numpy(labels), centre=(12, 9))
    assert torch.equal(one.image, two.image)
    assert one.labels is not None
    assert two.labels is not None
    assert torch.equal(one.labels, two.labels)


def test_the_source_is_never_changed_and_a_patch_is_a_copy() -> None:
    image = torch.from_numpy(noise(1, 10, 10))
    before = image.clone()
    patch = augment.apply(Parameters(warp_of((10, 10)), Intensity(brightness=(1.0,))), image, centre=(5, 5))
    patch.image.zero_()
    plain = augment.apply(Parameters(warp_of((10, 10)), Intensity()), image, centre=(5, 5))
    plain.image.zero_()
    assert torch.equal(image, before)


@given(st.data())
def test_a_centre_moved_inside_keeps_the_patch_in_the_image_and_moves_no_further_than_needed(data: Any) -> None:
    shape, patch = (data.draw(st.tuples(*[st.integers(1, 30)] * 2)) for _ in range(2))
    centre = data.draw(st.tuples(*[st.integers(0, n - 1) for n in shape]))
    for was, now, n, size in zip(centre, augment.inside(centre, patch=patch, shape=shape), shape, patch, strict=True):
        starts = [c - size // 2 for c in range(-40, 70)]
        allowed = [s + size // 2 for s in starts if s >= 0 and s + size <= n]
        assert now == (min(allowed, key=lambda c: abs(c - was)) if allowed else n // 2)
