"""The filter bank against scipy and scikit-image, and the promise that a block equals the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import hessian_matrix, hessian_matrix_eigvals, structure_tensor_eigenvalues

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.interactive.pixels.derivatives import eigenvalues
from septum.interactive.pixels.features import (
    KINDS,
    FeatureSettings,
    FilterBank,
    blocks,
    features_of,
    filter_bank,
)
from septum.interactive.tool import Box


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(image: np.ndarray, kind: str, scale: float, spacing=None, unit: str = "voxel") -> np.ndarray:
    return filter_bank(image[None], settings=FeatureSettings((kind,), (scale,), unit), spacing=spacing)


@pytest.mark.parametrize("shape", [(37, 41), (13, 17, 15)])
@pytest.mark.parametrize("scale", [0.3, 0.7, 1.6, 5.0])
def test_the_gaussian_is_scipys(shape, scale):
    image = noise(shape)
    np.testing.assert_allclose(
        one(image, "gaussian", scale)[0], ndimage.gaussian_filter(image, scale), rtol=1e-4, atol=1e-5
    )


def test_scales_are_millimetres_or_finest_voxels_and_the_same_along_every_axis():
    image, spacing = noise((20, 30, 31)), (2.5, 0.5, 1.0)
    expected = ndimage.gaussian_filter(image, [2.0 / s for s in spacing])
    np.testing.assert_allclose(one(image, "gaussian", 2.0, spacing, "mm")[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one(image, "gaussian", 4.0, spacing)[0], expected, rtol=1e-4, atol=1e-5)


def test_the_difference_is_that_of_two_gaussians():
    image = noise((33, 35))
    expected = ndimage.gaussian_filter(image, 3.5) - ndimage.gaussian_filter(image, 0.66 * 3.5)
    np.testing.assert_allclose(one(image, "difference", 3.5)[0], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 61), (24, 25, 26)])
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("laplacian", ndimage.gaussian_laplace), ("gradient", ndimage.gaussian_gradient_magnitude)],
)
def test_laplacian_and_gradient_are_scipys(shape, kind, theirs):
    image = noise(shape)
    expected = theirs(image, 2.0)
    np.testing.assert_allclose(one(image, kind, 2.0)[0], expected, atol=0.005 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(40, 45), (20, 22, 21)])
def test_hessian_eigenvalues_are_those_of_scikit_image(shape):
    image = ndimage.gaussian_filter(noise(shape), 1.0)
    matrix = hessian_matrix(image, sigma=2.0, mode="reflect", use_gaussian_derivatives=True)
    expected = hessian_matrix_eigvals(matrix)
    inside = (slice(None), *(slice(7, -7) for _ in shape))  # theirs mirrors the image twice, once per half of the width
    got = one(image, "hessian", 2.0)[inside]
    np.testing.assert_allclose(got, expected[inside], atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(40, 45), (20, 22, 21)])
def test_structure_tensor_eigenvalues_are_those_of_scipys_gradient(shape):
    image, spacing = noise(shape), (2.0, 1.0, 1.5)[: len(shape)]
    sigma = [3.0 / s for s in spacing]
    orders = np.eye(len(shape), dtype=int)
    slopes = [ndimage.gaussian_filter(image, sigma, order=o) / s for o, s in zip(orders, spacing, strict=True)]
    pairs = [(i, j) for i in range(len(shape)) for j in range(i, len(shape))]
    tensor = [ndimage.gaussian_filter(slopes[i] * slopes[j], np.divide(sigma, 2)) for i, j in pairs]
    expected = structure_tensor_eigenvalues(tensor)
    got = one(image, "structure", 3.0, spacing, "mm")
    np.testing.assert_allclose(got, expected, atol=0.01 * expected.max())


@pytest.mark.parametrize("scale", [0.7, 1.0, 3.5])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 0.5)])
def test_ramps_and_parabolas_have_their_exact_derivatives(scale, spacing):
    z, y, x = np.meshgrid(*(np.arange(61) * s for s in spacing), indexing="ij", sparse=True)
    middle = Box((30, 30, 30), (31, 31, 31))
    settings = FeatureSettings(("gradient", "hessian", "laplacian"), (scale,), "mm")

    def at_middle(image):
        return filter_bank(image[None], settings=settings, spacing=spacing, box=middle).ravel()

    np.testing.assert_allclose(at_middle(2.0 * z - y + 2.0 * x)[0], 3.0, rtol=1e-3)
    bent = 0.5 * (3.0 * (z - z[30]) ** 2 - (y - y[:, 30]) ** 2 + 0.5 * (x - x[..., 30]) ** 2)
    np.testing.assert_allclose(at_middle(bent), [0, 3.0, 0.5, -1.0, 2.5], atol=2e-2)


@given(st.data(), st.sampled_from([(30, 41), (17, 12, 20), (1, 25, 9)]), st.sampled_from(["voxel", "mm"]))
def test_any_block_is_what_the_whole_image_gives(data, shape, unit):
    ends = [sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2).filter(lambda e: e[0] != e[1]))) for n in shape]
    box = Box(*(tuple(e) for e in zip(*ends, strict=True)))
    image = noise((2, *shape), 3)
    settings = FeatureSettings(scales=(0.3, 0.7, 2.0, 6.0), unit=unit)
    bank = FilterBank(image, settings=settings, spacing=(3.0, 1.0, 0.5)[-len(shape) :])
    whole = bank.block()
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(bank.block(box), whole[(slice(None), *box.slices)])


@given(st.permutations([0, 1, 2]))
def test_permuting_the_axes_permutes_the_features(order):
    image, spacing = noise((9, 11, 13)), (3.0, 1.0, 0.5)
    settings = FeatureSettings(scales=(0.3, 1.6))
    plain = filter_bank(image[None], settings=settings, spacing=spacing)
    turned = filter_bank(image.transpose(order)[None], settings=settings, spacing=[spacing[a] for a in order])
    np.testing.assert_allclose(turned, plain.transpose(0, *(a + 1 for a in order)), rtol=2e-3, atol=2e-4)


@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.sampled_from([0.0, 1e-3, 1.0]))
def test_eigenvalues_are_numpys_even_where_two_are_nearly_equal(seed, ndim, spread):
    rng = np.random.default_rng(seed)
    matrices = np.eye(ndim) * rng.normal() + spread * rng.normal(size=(20, ndim, ndim))
    matrices = matrices + matrices.transpose(0, 2, 1)
    tensor = {(i, j): matrices[:, i, j].astype(np.float32) for i in range(ndim) for j in range(i, ndim)}
    expected = np.linalg.eigvalsh(matrices)[:, ::-1].T
    got = np.stack(eigenvalues(tensor, ndim=ndim))
    np.testing.assert_allclose(got, expected, atol=2e-3 * max(spread, 1e-3) + 1e-6 * np.abs(expected).max())
    assert (np.diff(got, axis=0) <= 2e-6 * np.abs(expected).max()).all()


def test_a_selection_gives_just_those_features_in_its_order():
    image = noise((2, 20, 22))
    chosen = (60, 3, 17)
    whole = filter_bank(image)
    picked = FilterBank(image, settings=FeatureSettings(selection=chosen))
    np.testing.assert_array_equal(picked.block(), whole[list(chosen)])
    names = features_of(FeatureSettings(), channels=2, ndim=2)
    assert [f.name for f in picked.features] == [names[i].name for i in chosen]


def test_there_are_ilastiks_filters_each_named_once():
    for ndim, count in ((2, 49), (3, 61)):
        names = [f.name for f in features_of(FeatureSettings(), channels=1, ndim=ndim)]
        assert len(set(names)) == len(names) == count
        assert filter_bank(np.zeros((1, *[3] * ndim)), settings=FeatureSettings()).shape == (count, *[3] * ndim)


def test_integers_and_truth_values_are_images_too():
    image = np.arange(72, dtype=np.uint16).reshape(1, 8, 9)
    np.testing.assert_array_equal(filter_bank(image), filter_bank(image.astype(np.float32)))
    np.testing.assert_array_equal(filter_bank(image > 9), filter_bank((image > 9).astype(np.float32)))


@given(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9)), st.integers(1, 300))
def test_blocks_cover_a_box_once_and_are_small(shape, voxels):
    counts = np.zeros((40, 40, 12), int)
    start = (3, 0, 1)
    for block in blocks(Box(start, tuple(a + n for a, n in zip(start, shape, strict=True))), voxels=voxels):
        assert np.prod(block.shape) <= voxels
        counts[block.slices] += 1
    inside = counts[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))]
    assert (inside == 1).all()
    assert counts.sum() == inside.size


def test_what_cannot_be_described_is_refused():
    image = np.zeros((1, 8, 9))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((0, 0), (9, 9)))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((2, 2), (2, 5)))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((0, 0, 0), (1, 1, 1)))
    with pytest.raises(GeometryError, match="channels"):
        filter_bank(np.zeros((8, 9)))
    with pytest.raises(DatasetError, match="finite"):
        filter_bank(np.full((1, 8, 9), np.nan))
    with pytest.raises(DatasetError, match="rescale"):
        filter_bank(np.full((1, 8, 9), -2e9))
    with pytest.raises(GeometryError, match="spacing"):
        filter_bank(image, spacing=(1.0, 0.0))
    with pytest.raises(ConfigError, match="selection must be below 49"):
        filter_bank(image, settings=FeatureSettings(selection=(49,)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kinds": ("gabor",)}, "kinds must be one of"),
        ({"kinds": ()}, "kinds must name"),
        ({"kinds": ("hessian", "hessian")}, "kinds must name"),
        ({"scales": (0.2,)}, "at least 0.3"),
        ({"scales": (31.0,)}, "at most 30"),
        ({"scales": ()}, "scales must"),
        ({"scales": (float("nan"),)}, "scales"),
        ({"scales": (0.3,), "kinds": ("hessian",)}, "must reach 0.5"),
        ({"unit": "inch"}, "unit"),
        ({"selection": ()}, "selection must name"),
        ({"selection": (-1,)}, "from 0"),
        ({"selection": (2, 2)}, "each once"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FeatureSettings(**wrong)


def test_every_kind_answers_to_something():
    image = noise((1, 30, 30))
    for kind in KINDS:
        assert np.ptp(filter_bank(image, settings=FeatureSettings((kind,), (1.0,)))) > 0


@pytest.mark.parametrize("shape", [(1, 20, 21), (1, 9, 10, 11)])
def test_the_largest_values_that_are_taken_give_finite_features(shape):
    image = 1e9 * np.random.default_rng(0).choice([-1.0, 1.0], shape)
    assert np.isfinite(filter_bank(image)).all()
