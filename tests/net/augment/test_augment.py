"""Augmentation against independent oracles: scipy's zoom, affine and filters, numpy's rotation and padding."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests import phantoms

from septum.errors import ConfigError
from septum.net.augment import augment
from septum.net.augment.augment import (
    AugmentConfig,
    Chance,
    Elastic,
    IntensityConfig,
    Parameters,
    SpatialConfig,
    Warp,
)
from septum.net.augment.cut import cut, displacement, offsets
from septum.net.augment.intensity import Intensity, change_intensity, sample_intensity
from septum.net.augment.preview import GAP, contact_sheet, full_columns, preview
from septum.net.augment.separable import along_axes, gaussian_matrix, low_pass_matrix, spline_matrix
from septum.net.augment.spatial import rotation_matrix, sample_warp


def warp_of(patch: Sequence[int], matrix: Any = None, bends: tuple[Any, ...] = (), **changes: Any) -> Warp:
    rows = None if matrix is None else tuple(tuple(float(v) for v in row) for row in matrix)
    plain = Warp(tuple(patch), tuple(range(len(patch))), (False,) * len(patch), rows, bends)
    return dataclasses.replace(plain, **changes)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def smooth(*shape: int, seed: int = 0) -> np.ndarray:
    return ndimage.gaussian_filter(noise(*shape, seed=seed), 2.0) * 5


def take(image: np.ndarray, warp: Warp, centre: Sequence[int], how: str = "linear") -> np.ndarray:
    return cut(warp, [(image[None], how)], centre=centre)[0][0].numpy()


# --- the elastic deformation of the paper -------------------------------------------------------------------------


def test_elastic_field_is_the_cubic_interpolation_of_a_3_by_3_grid() -> None:
    vectors = np.random.default_rng(1).normal(0, 10, (2, 3, 3))
    field = displacement(vectors, (97, 65)).numpy()
    oracle = np.stack([ndimage.zoom(v, (97 / 3, 65 / 3), order=3, mode="mirror") for v in vectors])
    np.testing.assert_allclose(field, oracle, atol=2e-5)


def test_elastic_field_passes_through_its_vectors() -> None:
    vectors = np.random.default_rng(1).normal(0, 10, (3, 3, 4, 2))
    field = displacement(vectors, (9, 10, 6)).numpy()
    np.testing.assert_allclose(field[:, ::4, ::3, ::5], vectors, atol=1e-5)


def test_paper_form_draws_3_by_3_vectors_with_a_standard_deviation_of_10_pixels() -> None:
    config = augment.paper((572, 572)).spatial
    draws = [
        sample_warp(config, patch=(572, 572), spacing=(1, 1), generator=np.random.default_rng(i)) for i in range(200)
    ]
    vectors = np.array([warp.bends[0] for warp in draws])
    assert vectors.shape == (200, 2, 3, 3)
    assert vectors.std() == pytest.approx(10, rel=0.05)
    assert vectors.mean() == pytest.approx(0, abs=0.6)


def test_dense_elastic_places_vectors_at_the_asked_distance_in_millimetres() -> None:
    config = SpatialConfig(flips=(False,) * 3, rotation=(0, 0, 0), elastic=(Elastic(1.0, (2.0, 2.0), distance=16),))
    warp = sample_warp(config, patch=(9, 65, 33), spacing=(4.0, 1.0, 1.0), generator=np.random.default_rng(0))
    assert warp.bends[0].shape == (3, 3, 5, 3)


def test_a_deformation_that_would_fold_tissue_is_weakened_and_a_gentle_one_is_left_alone() -> None:
    patch, folded = (33, 33), 0
    for seed in range(20):
        gentle, wild = (
            sample_warp(
                SpatialConfig(flips=(False,) * 2, rotation=(0.0,), elastic=(Elastic(1.0, (std, std)),)),
                patch=patch,
                spacing=(1.0, 1.0),
                generator=np.random.default_rng(seed),
            )
            for std in (0.5, 6.0)
        )
        raw = 12 * gentle.bends[0]
        folded += least_volume(raw, patch) <= 0
        assert least_volume(wild.bends[0], patch) > 0
        share = wild.bends[0] / raw
        np.testing.assert_allclose(share, share.flat[0])
        assert share.flat[0] <= 1
        again = np.random.default_rng(seed)
        again.random(2), again.uniform(0.5, 0.5)  # whether to scale and to bend, and how strongly
        np.testing.assert_allclose(gentle.bends[0], 0.5 * again.normal(size=(2, 3, 3)))
    assert folded >= 10  # of these 20, had they been left alone


def least_volume(vectors: np.ndarray, patch: tuple[int, ...]) -> float:
    """Smallest determinant of the Jacobian of position plus displacement."""
    places = np.indices(patch) + displacement(vectors, patch).numpy()
    slopes = np.stack([np.stack(np.gradient(part)) for part in places])
    return float(np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1))).min())


def test_displacements_along_thick_slices_are_as_long_in_millimetres() -> None:
    config = SpatialConfig(flips=(False,) * 3, rotation=(0, 0, 0), elastic=(Elastic(1.0, (2.0, 2.0)),))
    draws = [
        sample_warp(config, patch=(65, 65, 65), spacing=(4.0, 0.5, 0.5), generator=np.random.default_rng(i)).bends[0]
        for i in range(100)
    ]
    std = np.array(draws).std(axis=(0, 2, 3, 4))
    np.testing.assert_allclose(std, [2 * 0.5 / 4, 2, 2], rtol=0.1)


def test_a_constant_displacement_shifts_the_image() -> None:
    image = smooth(40, 50)
    bend = np.zeros((2, 3, 3))
    bend[0], bend[1] = 3, -5
    shifted = take(image, warp_of((15, 17), bends=(bend,)), (20, 25))
    np.testing.assert_allclose(shifted, image[16:31, 12:29], atol=1e-4)


# --- one resampling ----------------------------------------------------------------------------------------------


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


def test_quarter_turns_and_flips_reach_the_eight_symmetries_of_the_square_exactly() -> None:
    config = SpatialConfig(flips=(True, True), quarter_turns=True)
    image = noise(9, 9)
    symmetries = {np.rot90(f, k).tobytes() for f in (image, image[::-1]) for k in range(4)}
    seen = set()
    for seed in range(60):
        warp = sample_warp(config, patch=(9, 9), spacing=(1, 1), generator=np.random.default_rng(seed))
        assert warp.exact
        seen.add(take(image, warp, (4, 4)).tobytes())
    assert seen == symmetries


def test_no_quarter_turn_between_axes_of_different_spacing() -> None:
    config = SpatialConfig(flips=(False, False), quarter_turns=True)
    for seed in range(20):
        warp = sample_warp(config, patch=(8, 6), spacing=(2, 1), generator=np.random.default_rng(seed))
        assert warp.axes == (0, 1)


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


@pytest.mark.parametrize("ndim", [2, 3])
def test_rotation_and_scaling_are_one_affine_transformation(ndim: int) -> None:
    shape, patch, centre = (30, 34, 28)[:ndim], (25, 18, 21)[:ndim], (6, 17, 20)[:ndim]
    image = smooth(*shape)
    matrix = rotation_matrix([33.0] if ndim == 2 else [33.0, -20.0, 12.0]) @ np.diag([0.8, 1.25, 1.1][:ndim])
    middle = (np.array(patch) - 1) / 2
    offset = np.array(centre) - np.array(patch) // 2 + middle - matrix @ middle
    oracle = ndimage.affine_transform(image, matrix, offset, output_shape=patch, order=1, mode="mirror")
    np.testing.assert_allclose(take(image, warp_of(patch, matrix), centre), oracle, atol=1e-4)


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
        turned = cut(warp, [(ball.array[None], "labels")], centre=(12, 40, 40))[0][0].numpy() == 1
        return float(2 * (turned & crop).sum() / (turned.sum() + crop.sum()))

    assert min(overlap(ball.spacing, seed) for seed in range(6)) > 0.95
    assert max(overlap((1.0, 1.0, 1.0), seed) for seed in range(6)) < 0.8  # turned in voxels it becomes an ellipsoid


def test_scale_magnifies_and_is_drawn_within_its_range() -> None:
    config = SpatialConfig(flips=(False, False), scale=(2.0, 2.0), scale_probability=1.0)
    warp = sample_warp(config, patch=(9, 9), spacing=(1, 1), generator=np.random.default_rng(0))
    np.testing.assert_allclose(warp.matrix, np.eye(2) / 2)
    config = SpatialConfig(flips=(False, False), scale=(0.5, 2.0), anisotropy=0.1, scale_probability=1.0)
    drawn = [
        1 / np.diag(sample_warp(config, patch=(9, 9), spacing=(1, 1), generator=np.random.default_rng(i)).matrix)  # type: ignore[arg-type]
        for i in range(200)
    ]
    assert 0.5 / 1.1 <= np.min(drawn) < 0.6
    assert 1.7 < np.max(drawn) <= 2.0 * 1.1
    assert np.exp(np.abs(np.diff(np.log(drawn), axis=1)).max()) <= 1.1**2


# --- image, labels and maps --------------------------------------------------------------------------------------


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
        found = cut(warp_of((33,) * 3, angle), [(labels[None], "labels")], centre=(16,) * 3)[0][0].numpy() == 1
        dice[name] = 2 * (found & exact).sum() / (found.sum() + exact.sum())
    assert dice["shares"] > dice["nearest"] + 0.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
@pytest.mark.parametrize("classes", [1, 3, 200])
def test_warped_labels_only_hold_values_of_the_source(dtype: type, classes: int) -> None:
    labels = np.random.default_rng(0).integers(0, classes, (30, 30)).astype(dtype) + 7
    turned = cut(warp_of((21, 21), rotation_matrix([30.0])), [(labels[None], "labels")], centre=(15, 15))[0]
    assert set(np.unique(turned)) <= set(np.unique(labels))
    assert len(np.unique(turned)) >= min(classes, 30)


def test_ids_beyond_float_precision_survive() -> None:
    labels = np.full((12, 12), 2**40 + 1, np.int64)
    turned = cut(warp_of((9, 9), rotation_matrix([30.0])), [(labels[None], "labels")], centre=(6, 6))[0]
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
    patch = cut(warp_of((32, 32), matrix), [(source, "linear")], centre=(120, 100))[0]
    np.testing.assert_allclose(patch, 1, atol=1e-5)
    assert source.voxels <= 52**2


def test_far_out_in_a_huge_source_positions_stay_exact() -> None:
    source: Any = np.broadcast_to(np.arange(2_000_000, dtype=np.float32) % 1024, (1, 3, 2_000_000))
    patch = cut(warp_of((3, 16), np.eye(2) * 0.5), [(source, "linear")], centre=(1, 1_900_000))[0]
    start = (1_900_000 - 8 + 7.5) % 1024
    np.testing.assert_allclose(patch[0, 1], start + (np.arange(16) - 7.5) / 2, atol=1e-3)


@pytest.mark.parametrize("dtype", [">f4", "<u2", "f8"])
def test_any_numpy_type_can_be_a_source(dtype: str) -> None:
    image = np.arange(100).reshape(1, 10, 10).astype(dtype)
    for matrix in (None, np.eye(2)):
        patch = cut(warp_of((4, 4), matrix, flips=(True, False)), [(image, "linear")], centre=(5, 5))[0]
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


def test_the_same_seed_gives_the_same_bits() -> None:
    image, labels = smooth(40, 40, 40)[None], (smooth(40, 40, 40) > 0).astype(np.uint8)
    config = augment.medical_3d((24,) * 3, (1.0,) * 3)

    def once(seed: int) -> tuple[bytes, bytes]:
        drawn = augment.sample(config, patch=(24,) * 3, spacing=(1.0,) * 3, generator=np.random.default_rng((7, seed)))
        patch = augment.apply(drawn, image, labels=labels, centre=(20, 5, 30))
        assert patch.labels is not None
        return patch.image.numpy().tobytes(), patch.labels.numpy().tobytes()

    runs = [once(seed) for seed in range(6)]
    assert runs == [once(seed) for seed in range(6)]
    assert len(set(runs)) == 6


@given(st.data())
def test_a_centre_moved_inside_keeps_the_patch_in_the_image_and_moves_no_further_than_needed(data: Any) -> None:
    shape, patch = (data.draw(st.tuples(*[st.integers(1, 30)] * 2)) for _ in range(2))
    centre = data.draw(st.tuples(*[st.integers(0, n - 1) for n in shape]))
    for was, now, n, size in zip(centre, augment.inside(centre, patch=patch, shape=shape), shape, patch, strict=True):
        starts = [c - size // 2 for c in range(-40, 70)]
        allowed = [s + size // 2 for s in starts if s >= 0 and s + size <= n]
        assert now == (min(allowed, key=lambda c: abs(c - was)) if allowed else n // 2)


# --- separable matrices and intensity ----------------------------------------------------------------------------


def test_products_along_axes_equal_einsum() -> None:
    values = torch.from_numpy(noise(2, 4, 5, 6))
    a, b, c = noise(3, 4, seed=1), noise(7, 5, seed=2), noise(2, 6, seed=3)
    expected = np.einsum("nzyx,az,by,cx->nabc", values, a, b, c)
    np.testing.assert_allclose(along_axes(values, [a, b, c]), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(along_axes(values, [None, None, None]), values)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.5])
def test_gaussian_matrix_equals_scipys_filter(sigma: float) -> None:
    signal = noise(17)
    radius = int(np.ceil(3 * sigma))
    expected = ndimage.gaussian_filter1d(signal.astype(float), sigma, mode="mirror", radius=radius)
    np.testing.assert_allclose(gaussian_matrix(17, sigma) @ signal, expected, atol=1e-9)


@given(size=st.integers(1, 40), sigma=st.floats(0, 3), factor=st.floats(1, 6))
def test_low_pass_keeps_constants_and_creates_no_new_extremes(size: int, sigma: float, factor: float) -> None:
    matrix = low_pass_matrix(size, sigma, factor=factor)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-9)
    assert matrix.min() >= -1e-12


def test_low_resolution_averages_blocks_and_interpolates_between_them() -> None:
    signal = noise(12)
    means = signal.reshape(4, 3).mean(1)
    np.testing.assert_allclose(
        low_pass_matrix(12, 0.0, factor=3.0) @ signal, np.interp(np.arange(12), [1, 4, 7, 10], means), atol=1e-6
    )


def test_a_single_knot_or_sample_is_constant() -> None:
    np.testing.assert_array_equal(spline_matrix(4, 1), np.ones((4, 1)))
    np.testing.assert_allclose(spline_matrix(1, 3), [[0, 1, 0]], atol=1e-12)


def test_contrast_keeps_the_mean_and_brightness_shifts_it_per_channel() -> None:
    image = torch.from_numpy(noise(2, 20, 20))
    changed = change_intensity(Intensity(contrast=(2.0, 0.5), brightness=(1.0, 0.0)), image)
    for channel, factor, shift in ((0, 2.0, 1.0), (1, 0.5, 0.0)):
        mean = image[channel].mean()
        np.testing.assert_allclose(changed[channel], mean + factor * (image[channel] - mean) + shift, atol=1e-5)
    np.testing.assert_allclose(
        change_intensity(Intensity(brightness=(1.0, 2.0)), image).mean((1, 2)),
        image.mean((1, 2)) + torch.tensor([1.0, 2.0]),
        atol=1e-5,
    )


@pytest.mark.parametrize("gamma", [0.6, 1.7, -0.6, -1.7])
def test_gamma_is_monotonous_and_keeps_mean_and_deviation(gamma: float) -> None:
    image = torch.from_numpy(noise(1, 24, 24))
    changed = change_intensity(Intensity(gamma=(gamma,)), image)
    assert changed.mean().item() == pytest.approx(image.mean().item(), abs=1e-4)
    assert changed.std().item() == pytest.approx(image.std().item(), abs=1e-3)
    order = image.flatten().argsort()
    assert (changed.flatten()[order].diff() >= -1e-5).all()
    bright = (
        (changed > image).float()[image > 1.5].mean()
    )  # a small exponent lifts dark tones, a large one stretches bright
    assert bright == (1.0 if gamma in (1.7, -0.6) else 0.0)


def test_bias_field_multiplies_smoothly_and_leaves_black_black() -> None:
    image = torch.from_numpy(np.abs(noise(1, 30, 30)) + 2)
    image[0, 3, 4] = 0.0
    knots = np.random.default_rng(0).normal(0, 0.3, (3, 3))
    changed = change_intensity(Intensity(bias=knots), image)
    field = ndimage.zoom(knots, 10, order=3, mode="mirror")
    np.testing.assert_allclose(changed[0], image[0].numpy() * np.exp(field), rtol=1e-4)


def test_blur_and_low_resolution_act_per_axis() -> None:
    image = torch.from_numpy(noise(1, 16, 18, 20))
    changed = change_intensity(Intensity(blur=(0.0, 1.0, 0.5), low_resolution=(2.0, 1.0, 1.0)), image)
    oracle = np.asarray(image[0], dtype=float)
    for axis, sigma in ((1, 1.0), (2, 0.5)):
        oracle = ndimage.gaussian_filter1d(oracle, sigma, axis=axis, mode="mirror", radius=int(np.ceil(3 * sigma)))
    oracle = np.tensordot(low_pass_matrix(16, 0.0, factor=2.0), oracle, 1)
    np.testing.assert_allclose(changed[0], oracle, atol=1e-5)


def test_noise_has_the_drawn_deviation_and_is_repeatable() -> None:
    image = torch.zeros(1, 100, 100)
    drawn = Intensity(noise=0.2, noise_seed=5)
    changed = change_intensity(drawn, image)
    assert changed.std().item() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(changed, change_intensity(drawn, image))
    assert not torch.equal(changed, change_intensity(dataclasses.replace(drawn, noise_seed=6), image))


def test_stronger_ranges_contain_the_moderate_ones() -> None:
    moderate = augment.microscopy_3d((32, 48, 32), (1.0, 1.0, 1.0))
    strong = augment.stronger(moderate)
    assert augment.medical_3d((32, 48, 32), (1.0, 1.0, 1.0)).intensity == strong.intensity  # bodies get them anyway
    assert all(b >= a for a, b in zip(moderate.spatial.rotation, strong.spatial.rotation, strict=True))
    assert strong.spatial.scale[0] <= moderate.spatial.scale[0]
    assert strong.spatial.flips == moderate.spatial.flips
    for name in ("gamma", "contrast", "brightness", "noise", "blur"):
        weak, wide = getattr(moderate.intensity, name), getattr(strong.intensity, name)
        assert wide.low <= weak.low <= weak.high <= wide.high
        assert wide.probability > weak.probability


def test_inversion_negates_the_image_before_everything_else() -> None:
    image = torch.from_numpy(noise(1, 16, 18))
    assert torch.equal(change_intensity(Intensity(inversion=True), image), -image)
    shifted = change_intensity(Intensity(brightness=(2.0,), inversion=True), image)
    assert torch.allclose(shifted, 2.0 - image)


def test_greying_puts_one_mixture_of_the_channels_into_all_of_them() -> None:
    image = torch.from_numpy(noise(3, 16, 18))
    changed = change_intensity(Intensity(grey=(0.5, 0.3, 0.2)), image)
    expected = 0.5 * image[0] + 0.3 * image[1] + 0.2 * image[2]
    for channel in changed:
        assert torch.allclose(channel, expected, atol=1e-6)
    drawn = sample_intensity(
        IntensityConfig(grey=1.0), channels=3, spacing=(1, 1), generator=np.random.default_rng(0)
    ).grey
    assert drawn is not None
    assert min(drawn) >= 0
    assert sum(drawn) == pytest.approx(1.0)


def test_a_constant_patch_stays_finite_and_constant_through_every_step() -> None:
    drawn = Intensity(np.ones((3, 3)), (1.5,), (2.0,), (0.0,), (1.0, 1.0), (2.0, 2.0))
    np.testing.assert_allclose(change_intensity(drawn, torch.full((1, 16, 16), 3.0)), 3.0, atol=1e-5)


def test_probabilities_decide_what_is_drawn() -> None:
    chances = ("inversion", "gamma_inversion", "grey")
    always = IntensityConfig(
        **{f.name: Chance(1.0, 1.0, 1.5) for f in dataclasses.fields(IntensityConfig) if f.name not in chances},
        inversion=1.0,
        grey=1.0,
    )  # type: ignore[arg-type]
    for config, expected in ((always, 9), (IntensityConfig(), 0)):
        drawn = sample_intensity(config, channels=2, spacing=(1, 1), generator=np.random.default_rng(0))
        assert len(drawn.drawn) == expected
    moderate = augment.microscopy_2d((64, 64)).intensity
    draws = [
        sample_intensity(moderate, channels=1, spacing=(1, 1), generator=np.random.default_rng(i)) for i in range(400)
    ]
    assert np.mean([d.noise is not None for d in draws]) == pytest.approx(moderate.noise.probability, abs=0.06)
    assert np.mean([d.gamma[0] < 0 for d in draws if d.gamma]) == pytest.approx(moderate.gamma_inversion, abs=0.12)


def test_thick_slices_are_not_blurred_or_thickened_further() -> None:
    config = IntensityConfig(blur=Chance(1, 1, 1), low_resolution=Chance(1, 2, 2))
    for seed in range(10):
        drawn = sample_intensity(config, channels=1, spacing=(5.0, 1.0, 1.0), generator=np.random.default_rng(seed))
        assert drawn.blur == pytest.approx((0.2, 1.0, 1.0))
        assert drawn.low_resolution is not None
        assert drawn.low_resolution[0] == 1.0


# --- configuration ------------------------------------------------------------------------------------------------


CONFIGS = {
    "none": augment.none(3),
    "paper": augment.paper((388, 388)),
    "paper, small volume": augment.paper((44, 60, 60)),
    "microscopy 3-D": augment.microscopy_3d((31, 61, 57), (2.0, 1.0, 1.0)),
    "microscopy": augment.microscopy_2d((256, 256)),
    "medical 2-D": augment.medical_2d((256, 192)),
    "medical 3-D": augment.medical_3d((48, 48, 48), (1.0, 1.0, 1.0)),
    "thick slices": augment.medical_3d((12, 96, 96), (5.0, 0.8, 0.8)),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_survives_json(config: AugmentConfig) -> None:
    assert AugmentConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_preset_gives_finite_patches(config: AugmentConfig) -> None:
    ndim = len(config.spatial.flips)
    image, labels = smooth(*(20,) * ndim)[None], np.zeros((20,) * ndim, np.uint8)
    for seed in range(8):
        drawn = augment.sample(config, patch=(16,) * ndim, spacing=(1.0,) * ndim, generator=np.random.default_rng(seed))
        patch = augment.apply(drawn, image, labels=labels, centre=(3,) * ndim)
        assert patch.image.shape == (1, *(16,) * ndim)
        assert torch.isfinite(patch.image).all()


@pytest.mark.parametrize(
    ("make", "patch", "spacing"),
    [
        (augment.microscopy_2d, (256, 256), None),
        (augment.microscopy_2d, (48, 64), None),
        (augment.medical_2d, (256, 192), None),
        (augment.paper, (572, 572), None),
        (augment.paper, (188, 188), None),
        (augment.medical_3d, (48, 48, 48), (1.0, 1.0, 1.0)),
        (augment.microscopy_3d, (12, 96, 96), (5.0, 1.0, 1.0)),
    ],
)
def test_preset_deformations_never_fold_tissue(make: Any, patch: tuple[int, ...], spacing: Any) -> None:
    config = make(patch) if spacing is None else make(patch, spacing)
    bent = 0
    for seed in range(8):
        warp = sample_warp(
            config.spatial, patch=patch, spacing=spacing or (1, 1), generator=np.random.default_rng(seed)
        )
        bent += bool(warp.bends)
        places = offsets(warp).numpy()
        jacobian = np.stack([np.stack(np.gradient(p)) for p in places])
        signs = np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1)))
        assert (np.abs(signs) > 0).all()
        assert (signs > 0).all() or (signs < 0).all()
    assert bent


def test_thick_slices_are_rotated_within_the_slice_only() -> None:
    assert CONFIGS["thick slices"].spatial.rotation[1:] == (0.0, 0.0)
    assert CONFIGS["medical 3-D"].spatial.rotation[1] > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Elastic(1.5, (1, 1)),
        lambda: Elastic(0.5, (-1, 1)),
        lambda: Elastic(0.5, (2, 1)),
        lambda: Elastic(0.5, (1, 1), knots=1),
        lambda: Elastic(0.5, (1, 1), distance=-1),
        lambda: SpatialConfig(flips=(True,)),
        lambda: SpatialConfig(flips=(True, True), rotation=(1, 2, 3)),
        lambda: SpatialConfig(flips=(True, True), rotation_probability=2),
        lambda: SpatialConfig(flips=(True, True), scale_probability=-0.1),
        lambda: SpatialConfig(flips=(True, True), scale=(0.0, 1.0)),
        lambda: SpatialConfig(flips=(True, True), scale=(1.0, float("nan"))),
        lambda: SpatialConfig(flips=(True, True), anisotropy=1.0),
        lambda: Chance(-0.1, 0, 1),
        lambda: Chance(0.5, 1, 0),
        lambda: IntensityConfig(gamma_inversion=2),
        lambda: IntensityConfig(gamma=Chance(0.5, 0, 1)),
        lambda: IntensityConfig(low_resolution=Chance(0.5, 0.5, 1)),
        lambda: IntensityConfig(noise=Chance(0.5, -1, 1)),
        lambda: AugmentConfig.from_dict({"spatial": {"flips": [True, True]}}),
        lambda: AugmentConfig.from_dict({"spatial": {"flips": [True, True], "rotations": 3}, "intensity": {}}),
        lambda: sample_warp(
            SpatialConfig(flips=(True, True)), patch=(8, 8, 8), spacing=(1, 1, 1), generator=np.random.default_rng(0)
        ),
        lambda: preview(augment.none(2), noise(1, 8, 8), labels=None, spacing=(1, 1), patch=(8, 8), count=0, seed=0),
    ],
)
def test_values_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


# --- contact sheets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tiles", "columns"), [(9, 9), (2, 2), (10, 5), (18, 9), (19, 7), (1, 1)])
def test_rows_of_a_preview_are_full(tiles: int, columns: int) -> None:
    assert full_columns(tiles) == columns


def test_the_first_tile_of_a_preview_is_untouched_and_outlined() -> None:
    labels = np.zeros((200, 220), np.uint8)
    labels[80:120, 90:140] = 1
    image = smooth(200, 220)[None]
    sheet = preview(
        augment.microscopy_2d((200, 200)),
        image,
        labels=labels,
        spacing=(1, 1),
        patch=(200, 200),
        count=10,
        seed=1,
    )
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * 200 + GAP, 6 * 200 + 5 * GAP, 3)
    first = sheet[:200, :200].astype(int)
    coloured = np.ptp(first, axis=-1) > 0
    assert coloured.sum() == 2 * 40 + 2 * 50 - 4
    grey = first[~coloured][:, 0]
    assert np.ptp(grey) == 255
    assert not (sheet[:200, 200 + GAP : 400 + GAP] == sheet[:200, :200]).all()


def test_previews_show_colour_volumes_and_images_without_labels() -> None:
    colour = preview(augment.none(2), noise(3, 30, 30), labels=None, spacing=(1, 1), patch=(24, 24), count=1, seed=0)
    assert np.ptp(colour.reshape(-1, 3).astype(int), axis=1).max() > 0
    volume = preview(
        augment.medical_3d((8, 24, 24), (3, 1, 1)),
        noise(2, 9, 30, 30),
        labels=np.zeros((9, 30, 30), np.uint8),
        spacing=(3, 1, 1),
        patch=(8, 24, 24),
        count=2,
        seed=0,
    )
    assert volume.shape == (192, 3 * 192 + 2 * GAP, 3)


def test_contact_sheets_of_different_widths_are_padded_with_white() -> None:
    sheet = contact_sheet([np.zeros((2, 3, 3), np.uint8), np.zeros((1, 5, 3), np.uint8)])
    assert sheet.shape == (3 + GAP, 5, 3)
    assert (sheet[0, 3:] == 255).all()
    assert (sheet[2 : 2 + GAP] == 255).all()
