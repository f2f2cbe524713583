"""Filters that OpenCV runs: scipy as the oracle, in 2-D and 3-D, on rows and single voxels, in every type of number."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.classical import filters, smooth

SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (40, 50), (1, 1, 1), (1, 1, 7), (5, 1, 9), (12, 30, 28)]
TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint64, np.float32, np.float64]
SIZES = [(3, 3, 3), (1, 5, 9), (31, 1, 3)]


def numbers(shape, kind=np.float64, seed=0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(60, 15, shape)
    return values.astype(kind)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["nearest", "mirror"])
@pytest.mark.parametrize("sigma", [(0.3, 0.3, 0.3), (0.0, 2.0, 0.7), (6.0, 0.1, 3.3)])
def test_a_gaussian_is_that_of_scipy_in_single_precision(shape, mode, sigma):
    image, sigma = numbers(shape), sigma[: len(shape)]
    found = filters.gaussian(image, sigma, mode=mode)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ndi.gaussian_filter(image, sigma, mode=mode), rtol=1e-6)
    short = filters.gaussian(image, sigma, mode=mode, truncate=2.0)
    np.testing.assert_allclose(short, ndi.gaussian_filter(image, sigma, mode=mode, truncate=2.0), rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", SIZES)
def test_means_and_extremes_of_a_box_are_those_of_scipy(shape, kind, size):
    image, size = numbers(shape, kind), size[: len(shape)]
    mean = filters.box_mean(image, size)
    np.testing.assert_allclose(mean, ndi.uniform_filter(image.astype(float), size, mode="mirror"), rtol=1e-6)
    near = image.astype(np.float32)
    assert np.array_equal(filters.box_extreme(image, size, largest=True), ndi.maximum_filter(near, size))
    assert np.array_equal(filters.box_extreme(image, size, largest=False), ndi.minimum_filter(near, size))


@pytest.mark.parametrize("shape", [(2, 3), (33, 1), (40, 50)])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("width", [1, 3, 5, 7, 31])
def test_the_median_of_a_plane_is_that_of_scipy_where_opencv_has_it(shape, kind, width):
    image = numbers(shape, kind)
    found = filters.plane_median(image, (width, width))
    if found is None:
        assert width == 1 or min(shape) == 1 or (width > 5 and kind != np.uint8)
    else:
        expected = ndi.median_filter(image.astype(np.float32), width, mode="nearest")
        assert np.array_equal(found, expected)


def test_the_bilateral_filter_follows_its_formula():
    image = numbers((12, 14), seed=3) * 40
    sigma, contrast, reach = 1.2, 0.3, 3
    span = np.ptp(image)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = (np.hypot(y, x) <= reach) * np.exp(-(y**2 + x**2) / (2 * sigma**2))
    wide = np.pad(image, reach, mode="edge")
    expected = np.empty_like(image)
    for at in np.ndindex(image.shape):
        window = wide[at[0] : at[0] + 2 * reach + 1, at[1] : at[1] + 2 * reach + 1]
        weight = near * np.exp(-((window - image[at]) ** 2) / (2 * (contrast * span) ** 2))
        expected[at] = (weight * window).sum() / weight.sum()
    found = filters.plane_bilateral(image, sigma=sigma, contrast=contrast)
    np.testing.assert_allclose(found, expected, atol=1e-4 * span)
    tiny = filters.plane_bilateral(image * 1e-12, sigma=sigma, contrast=contrast)
    np.testing.assert_allclose(tiny, expected * 1e-12, atol=1e-16 * span)


def test_a_bilateral_filter_on_stretched_pixels_is_left_to_simpleitk(monkeypatch):
    image = numbers((20, 20))
    square = smooth.bilateral(image, spacing=(2.0, 2.0), sigma_mm=3.0)
    np.testing.assert_allclose(square, smooth.bilateral(image, sigma_mm=1.5), rtol=1e-6)
    monkeypatch.setattr(filters, "plane_bilateral", None)
    stretched = smooth.bilateral(image, spacing=(1.0, 2.0), sigma_mm=1.5)
    assert stretched.shape == image.shape


@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9)),
    radius=st.floats(0, 3.5),
    spacing=st.tuples(*[st.sampled_from([0.6, 1.0, 2.5])] * 3),
)
def test_balls_erode_and_dilate_as_in_scipy(mask, radius, spacing):
    reach = [int(radius / s) for s in spacing[: mask.ndim]]
    axes = [np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=False)]
    ball = sum(a * a for a in np.meshgrid(*axes, indexing="ij")) <= radius**2
    assert np.array_equal(filters.eroded(mask, ball), ndi.binary_erosion(mask, ball, border_value=1))
    assert np.array_equal(filters.dilated(mask, ball), ndi.binary_dilation(mask, ball))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16])
def test_values_are_counted_as_by_numpy_over_several_portions(kind, monkeypatch):
    monkeypatch.setattr(filters, "_WHOLE", 100)
    edge = np.iinfo(kind)
    image = np.concatenate([numbers((999,), kind), [edge.min, edge.max]]).astype(kind)
    low, high = int(image.min()), int(image.max())
    counts = filters.count_values(image, low=low, high=high)
    values, expected = np.unique(image, return_counts=True)
    assert counts.sum() == image.size
    assert np.array_equal(counts[values.astype(int) - low], expected)


@pytest.mark.parametrize("turn", [lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a.astype(">u2"), np.asfortranarray])
def test_the_order_of_bytes_and_axes_in_memory_does_not_matter(turn):
    image = turn(numbers((30, 40), np.uint16) * 700)
    image.flags.writeable = False
    plain = np.ascontiguousarray(image).astype(np.uint16)
    for run in (smooth.gaussian, smooth.median, smooth.bilateral, smooth.subtract_background):
        assert np.array_equal(run(image), run(plain)), run.__name__


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.booleans())
def test_parts_of_a_plane_are_numbered_and_counted_as_by_scipy(mask, full):
    numbered, sizes = filters.plane_parts(mask, full=full)
    expected, count = ndi.label(mask, np.ones((3, 3)) if full else None)
    assert np.array_equal(numbered, expected)
    assert np.array_equal(sizes, np.bincount(expected.ravel(), minlength=count + 1))
