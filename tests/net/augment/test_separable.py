"""Products along axes: einsum, scipy's filters, and no new extremes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests.net.augment.patches import noise

from septum.net.augment.separable import along_axes, gaussian_matrix, low_pass_matrix, spline_matrix


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
