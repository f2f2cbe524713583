"""Filters against scipy and scikit-image, and polynomials whose derivatives are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import hessian_matrix, hessian_matrix_eigvals, structure_tensor_eigenvalues
from tests.interactive.pixels.grids import noise, one

from septum.interactive.pixels.derivatives import eigenvalues
from septum.interactive.pixels.features import (
    FeatureSettings,
    filter_bank,
)
from septum.interactive.tool import Box


@pytest.mark.parametrize("shape", [(37, 41), (13, 17, 15)])
@pytest.mark.parametrize("scale", [0.3, 0.7, 1.6, 5.0])
def test_the_gaussian_is_scipys(shape, scale):
    image = noise(shape)
    np.testing.assert_allclose(
        one(image, "gaussian", scale)[0], ndimage.gaussian_filter(image, scale), rtol=1e-4, atol=1e-5
    )


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
