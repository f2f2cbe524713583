"""What is drawn in space: knots of the paper, millimetres, no folds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.net.augment.patches import CONFIGS, noise, smooth, take, warp_of

from septum.net.augment import augment
from septum.net.augment.augment import (
    Elastic,
    SpatialConfig,
)
from septum.net.augment.cut import displacement
from septum.net.augment.spatial import rotation_matrix, sample_warp


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
    config = augment.paper_augmentation((572, 572)).spatial
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


@pytest.mark.parametrize("ndim", [2, 3])
def test_rotation_and_scaling_are_one_affine_transformation(ndim: int) -> None:
    shape, patch, centre = (30, 34, 28)[:ndim], (25, 18, 21)[:ndim], (6, 17, 20)[:ndim]
    image = smooth(*shape)
    matrix = rotation_matrix([33.0] if ndim == 2 else [33.0, -20.0, 12.0]) @ np.diag([0.8, 1.25, 1.1][:ndim])
    middle = (np.array(patch) - 1) / 2
    offset = np.array(centre) - np.array(patch) // 2 + middle - matrix @ middle
    oracle = ndimage.affine_transform(image, matrix, offset, output_shape=patch, order=1, mode="mirror")
    np.testing.assert_allclose(take(image, warp_of(patch, matrix), centre), oracle, atol=1e-4)


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


def test_thick_slices_are_rotated_within_the_slice_only() -> None:
    assert CONFIGS["thick slices"].spatial.rotation[1:] == (0.0, 0.0)
    assert CONFIGS["medical 3-D"].spatial.rotation[1] > 0
