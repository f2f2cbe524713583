"""Smoothing in millimetres: the library that does not run underneath, phantoms with known shading, channels by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage as ndi
import SimpleITK
import skimage.color
import skimage.filters
import skimage.restoration
from tests import phantoms

from septum.classical import smooth
from septum.errors import ConfigError, DatasetError, GeometryError

GREY = [
    smooth.gaussian,
    smooth.median,
    smooth.bilateral,
    smooth.diffusion,
    smooth.bias_correct,
    smooth.subtract_background,
]
GRIDS = [((30, 34), (1.0, 1.0)), ((30, 34), (2.0, 0.7)), ((10, 20, 24), (2.5, 1.0, 0.8))]


def noise(shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 10, shape).astype(np.float32)


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_gaussian_smoothing_is_that_of_simpleitk_and_scikit_image(shape, spacing):
    image = noise(shape)
    found = smooth.gaussian(image, spacing=spacing, sigma_mm=2.0)
    expected = skimage.filters.gaussian(image, sigma=[2.0 / s for s in spacing], mode="nearest", preserve_range=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    picture = SimpleITK.GetImageFromArray(image)
    picture.SetSpacing(spacing[::-1])
    peer = SimpleITK.GetArrayFromImage(SimpleITK.DiscreteGaussian(picture, 4.0, 64, 1e-4))
    assert np.corrcoef(found.ravel(), peer.ravel())[0, 1] > 0.98


def test_smoothing_in_mm_does_not_depend_on_how_finely_an_image_is_sampled():
    fine = ndi.gaussian_filter(np.random.default_rng(1).normal(size=(80, 80)), 6.0)
    coarse = fine[:, ::2]
    found = smooth.gaussian(coarse, spacing=(1.0, 2.0), sigma_mm=4.0)
    expected = smooth.gaussian(fine, spacing=(1.0, 1.0), sigma_mm=4.0)[:, ::2]
    np.testing.assert_allclose(found[20:-20, 10:-10], expected[20:-20, 10:-10], atol=0.02 * np.abs(fine).max())


@pytest.mark.parametrize(("shape", "spacing"), GRIDS)
def test_the_median_is_that_of_scipy_on_a_box_in_mm(shape, spacing):
    image = noise(shape)
    size = [2 * math.floor(2.0 / s + 0.5) + 1 for s in spacing]
    assert np.array_equal(
        smooth.median(image, spacing=spacing, radius_mm=2.0), ndi.median_filter(image, size, mode="nearest")
    )


def test_the_bilateral_filter_is_near_that_of_scikit_image_and_keeps_the_edge():
    image = np.where(np.arange(40) < 20, 50.0, 150.0) + np.random.default_rng(0).normal(0, 4, (40, 40))
    found = smooth.bilateral(image, sigma_mm=2.0, contrast=0.15)
    span = image.max() - image.min()
    peer = skimage.restoration.denoise_bilateral(
        image, win_size=13, sigma_spatial=2.0, sigma_color=0.15 * span, bins=100000
    )
    assert np.abs(found - peer)[6:-6, 6:-6].max() < 0.02 * span
    assert found[:, :18].std() < 0.5 * image[:, :18].std()
    assert (found[:, 20] - found[:, 19]).mean() > 85


@pytest.mark.parametrize("kind", ["gradient", "curvature"])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8)])
def test_diffusion_smooths_within_regions_and_keeps_their_edge(kind, spacing):
    ball = phantoms.ball((16, 32, 32), spacing, radius_mm=9.0)
    image = ball.image(contrast=30.0).array[0]
    found = smooth.diffusion(image, spacing=spacing, kind=kind, iterations=10)
    outside = ndi.binary_erosion(~ball.mask, iterations=2)
    assert found[outside].std() < 0.6 * image[outside].std()
    assert found[ball.mask].mean() - found[~ball.mask].mean() > 28


@pytest.mark.parametrize(("shape", "spacing"), [((80, 90), (1.0, 1.0)), ((24, 48, 48), (2.0, 1.0, 1.0))])
def test_bias_correction_removes_a_known_shading(shape, spacing):
    ball = phantoms.ball(shape, spacing, radius_mm=21.0)
    rng = np.random.default_rng(0)
    clean = 20 + 100 * ball.mask + rng.normal(0, 2, shape)
    ramp = np.exp(np.linspace(-0.4, 0.4, shape[-1]))
    corrected = smooth.bias_correct(clean * ramp, spacing=spacing)
    inside = ndi.binary_erosion(ball.mask)

    def unevenness(image):
        return image[inside].std() / image[inside].mean()

    assert unevenness(corrected) < 0.5 * unevenness(clean * ramp)
    assert corrected.mean() == pytest.approx((clean * ramp).mean(), rel=0.02)


@pytest.mark.parametrize("side", ["dark", "bright"])
def test_ridges_find_a_line_and_its_width(side):
    image = np.zeros((40, 50))
    image[18:23] = 10.0 if side == "bright" else -10.0
    found = smooth.ridges(image, sigmas_mm=(2.0,), side=side)
    assert found[20, 25] == found[:, 25].max() > 0
    assert found[20, 25] > 5 * found[5, 25]
    scaled = smooth.ridges(image, spacing=(0.5, 0.5), sigmas_mm=(1.0,), side=side)
    np.testing.assert_allclose(scaled, found)


@pytest.mark.parametrize(("side", "sign"), [("bright", 1.0), ("dark", -1.0)])
def test_the_background_is_what_is_wider_than_the_box(side, sign):
    image = np.tile(np.arange(60.0), (60, 1))
    image[30:33, 30:33] += sign * 50
    found = smooth.subtract_background(image, spacing=(1.0, 1.0), radius_mm=4.0, side=side)
    peer = (ndi.white_tophat if side == "bright" else ndi.black_tophat)(image, size=9)
    np.testing.assert_allclose(found, peer, atol=1e-4)
    assert found[31, 31] > 40 > 20 > found[10, 10]


@pytest.mark.parametrize("function", [smooth.gaussian, smooth.median, smooth.diffusion, smooth.subtract_background])
def test_permuting_the_axes_permutes_the_smoothed_image(function):
    image, spacing = noise((8, 14, 18)), (2.0, 1.0, 0.7)
    result = function(image, spacing=spacing)
    turned = function(image.transpose(2, 0, 1), spacing=(0.7, 2.0, 1.0))
    np.testing.assert_allclose(turned, result.transpose(2, 0, 1), rtol=1e-3)


@pytest.mark.parametrize("function", [*GREY, smooth.ridges])
@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (1, 1, 1), (6, 6, 6)])
def test_constant_and_tiny_images_come_back_in_their_shape(function, shape):
    image = np.full(shape, 7, np.uint8)
    result = function(image)
    assert result.shape == shape
    assert result.dtype == np.float32
    wanted = 0.0 if function in (smooth.ridges, smooth.subtract_background) else 7.0
    np.testing.assert_allclose(result, wanted, atol=1e-4)


@pytest.mark.parametrize("function", [*GREY, smooth.ridges])
def test_the_argument_is_left_alone(function):
    image = noise((20, 22))
    before = image.copy()
    function(image)
    assert np.array_equal(image, before)


def test_channels_are_chosen_by_name_number_or_mixture():
    image = np.random.default_rng(0).integers(0, 255, (3, 5, 6)).astype(np.uint8)
    names = ("red", "green", "blue")
    assert np.array_equal(smooth.channel(image, use="green", names=names), image[1])
    assert np.array_equal(smooth.channel(image, use="2"), image[2])
    picture = np.moveaxis(image, 0, -1)
    np.testing.assert_allclose(smooth.channel(image), 255 * skimage.color.rgb2gray(picture), rtol=1e-5)
    hsv = skimage.color.rgb2hsv(picture)
    np.testing.assert_allclose(smooth.channel(image, use="saturation"), hsv[..., 1], atol=1e-6)
    np.testing.assert_allclose(smooth.channel(image, use="value") / 255, hsv[..., 2], atol=1e-6)
    np.testing.assert_allclose(smooth.channel(image[:2], use="grey"), image[:2].mean(axis=0), rtol=1e-6)
    assert np.array_equal(smooth.channel(image[:1], use="grey"), image[0])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: smooth.channel(np.zeros((3, 4, 4)), use="infrared", names=("a", "b", "c")), ConfigError, "a, b, c"),
        (lambda: smooth.channel(np.zeros((2, 4, 4)), use="saturation"), ConfigError, "channel must be one of"),
        (lambda: smooth.channel(np.zeros((4, 4))), GeometryError, "channels, "),
        (lambda: smooth.gaussian(np.full((3, 3), np.nan)), DatasetError, "9 NaN"),
        (lambda: smooth.gaussian(np.eye(3), spacing=(1.0, -1.0)), GeometryError, "positive"),
        (lambda: smooth.gaussian(np.eye(3), sigma_mm=-1.0), ConfigError, "sigma_mm"),
        (lambda: smooth.median(np.eye(3), radius_mm=-1.0), ConfigError, "radius_mm"),
        (lambda: smooth.bilateral(np.eye(3), contrast=0.0), ConfigError, "contrast"),
        (lambda: smooth.diffusion(np.eye(3), kind="heat"), ConfigError, "gradient, curvature"),
        (lambda: smooth.diffusion(np.eye(3), iterations=0), ConfigError, "iterations"),
        (lambda: smooth.bias_correct(np.eye(9), working_mm=0.0), ConfigError, "working_mm"),
        (lambda: smooth.ridges(np.eye(9), spacing=(1.0, 2.0)), ConfigError, "alike along all axes"),
        (lambda: smooth.subtract_background(np.eye(9), radius_mm=0.0), ConfigError, "radius_mm"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
