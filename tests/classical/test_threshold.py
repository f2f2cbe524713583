"""Thresholds: SimpleITK and scikit-image where they are not what runs, exhaustive loops where both search in part."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK
import skimage.filters
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests import phantoms
from tests.classical.greys import METHODS, two_tissues

from septum.classical import threshold
from septum.errors import ConfigError, DatasetError, GeometryError
from septum.geometry.arrays import radius_voxels

LOCAL = [threshold.local_mean, threshold.local_gaussian, threshold.niblack, threshold.sauvola, threshold.phansalkar]


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_multi_otsu_is_that_of_scikit_image_and_simpleitk(classes):
    image = np.concatenate([two_tissues(), two_tissues(seed=3) // 3])
    found = threshold.multi_otsu_values(image, classes=classes)
    assert found == pytest.approx(skimage.filters.threshold_multiotsu(image, classes=classes), abs=1.0)
    peer = SimpleITK.OtsuMultipleThresholdsImageFilter()
    peer.SetNumberOfThresholds(classes - 1)
    peer.SetNumberOfHistogramBins(256)
    peer.Execute(SimpleITK.GetImageFromArray(image))
    assert found == pytest.approx(peer.GetThresholds(), abs=2.0)
    labels = threshold.multi_otsu(image, classes=classes)
    assert sorted(np.unique(labels)) == list(range(classes))
    assert np.array_equal(labels, np.digitize(image, found))


@pytest.mark.parametrize("method", METHODS)
@given(factor=st.floats(0.01, 1000), shift=st.floats(-500, 500), volume=st.booleans())
def test_scaling_and_shifting_intensities_leaves_the_mask(method, factor, shift, volume):
    image = two_tissues((12, 20, 25) if volume else (60, 70)).astype(np.float64)
    before = threshold.automatic(image, method=method)
    assert 0 < before.mean() < 1
    assert np.array_equal(threshold.automatic(image * factor + shift, method=method), before)


@pytest.mark.parametrize("method", METHODS)
def test_the_type_of_number_does_not_change_the_mask(method):
    image = two_tissues()
    masks = [
        threshold.automatic(image.astype(t), method=method) for t in (np.uint8, np.int16, np.int32, np.float32, float)
    ]
    assert all(np.array_equal(mask, masks[0]) for mask in masks[1:])


@pytest.mark.parametrize("function", [*LOCAL, threshold.automatic, threshold.multi_otsu, threshold.hysteresis])
def test_permuting_the_axes_permutes_the_result(function):
    image = two_tissues((9, 14, 20))
    spacing = {"spacing": (3.0, 1.0, 0.5)} if function in LOCAL else {}
    turned = {"spacing": (0.5, 3.0, 1.0)} if spacing else {}
    result = function(image, **spacing)
    assert np.array_equal(function(image.transpose(2, 0, 1), **turned), result.transpose(2, 0, 1))


CONTRAST = {"huang": 11.0, "triangle": 11.0, "shanbhag": 11.0, "kittler-illingworth": 11.0}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 1.0, 0.7)])
def test_a_ball_of_known_volume_comes_back_within_a_voxel_layer(method, spacing):
    ball = phantoms.ball((24, 40, 48), spacing, radius_mm=11.0)
    image = ball.image(contrast=CONTRAST.get(method, 30.0)).array[0]
    if method in CONTRAST:
        image = (60 + 8 * image).astype(np.uint8)
    mask = threshold.automatic(image, method=method)
    layer = 4 * math.pi * 11.0**2 * max(spacing)
    assert abs(mask.sum() * ball.voxel_size - ball.size) < layer


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (1, 1, 1), (5, 6, 7)])
def test_a_constant_image_has_an_empty_mask(method, shape):
    assert not threshold.automatic(np.full(shape, 7), method=method).any()
    assert not threshold.automatic(np.full(shape, 7), method=method, side="dark").any()


@pytest.mark.parametrize("function", [*LOCAL, threshold.multi_otsu, threshold.hysteresis])
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (6, 7)])
def test_a_constant_image_has_no_local_object_and_one_class(function, shape):
    options = {"side": "bright"} if function in LOCAL else {}
    assert not function(np.full(shape, 3.0), **options).any()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"minimum", "intermodes"}))
def test_a_line_of_samples_is_divided(method):
    mask = threshold.automatic(np.array([[1, 1, 2, 1, 90, 91, 90, 1]]), method=method)
    assert mask[0, 5]
    assert not mask[0, 0]


def test_the_rarer_side_is_the_smaller_class():
    image = two_tissues()
    bright = threshold.automatic(image, side="rarer")
    assert np.array_equal(bright, threshold.automatic(image))
    assert np.array_equal(threshold.automatic(255 - image, side="rarer"), bright)


def test_the_dark_side_is_the_complement():
    image = two_tissues()
    assert np.array_equal(threshold.automatic(image, side="dark"), ~threshold.automatic(image))


@given(
    image=hnp.arrays(np.int16, (6, 7), elements=st.integers(-300, 300)),
    low=st.floats(-400, 400),
    width=st.floats(0, 300),
)
def test_manual_thresholds_include_both_ends_in_any_type(image, low, width):
    mask = threshold.manual(image, low=low, high=low + width)
    assert np.array_equal(mask, (image.astype(float) >= low) & (image.astype(float) <= low + width))


def test_a_manual_threshold_beyond_the_type_holds_everything_or_nothing():
    image = np.array([[0, 255]], np.uint8)
    assert threshold.manual(image, low=-5.0, high=1e9).all()
    assert not threshold.manual(image, low=300.0).any()


@pytest.mark.parametrize("shape", [(40, 50), (8, 20, 24)])
def test_hysteresis_is_that_of_scikit_image(shape):
    image = skimage.filters.gaussian(np.random.default_rng(3).normal(size=shape), 1.0)
    low, high = np.quantile(image, [0.6, 0.9])
    expected = skimage.filters.apply_hysteresis_threshold(image, low, high)
    assert np.array_equal(threshold.hysteresis(image, low=low, high=high), expected)
    dark = threshold.hysteresis(-image, low=-high, high=-low - 1e-12, side="dark")
    assert np.array_equal(dark, skimage.filters.apply_hysteresis_threshold(image, low + 1e-12, high))


@pytest.mark.parametrize(("shape", "spacing"), [((40, 50), (1.0, 1.0)), ((12, 30, 28), (2.0, 1.0, 0.5))])
def test_local_thresholds_are_those_of_scikit_image_on_relative_intensities(shape, spacing):
    image = skimage.filters.gaussian(np.random.default_rng(4).normal(size=shape), 1.5)
    relative = (image - image.min()) / (image.max() - image.min())
    window = tuple(2 * r + 1 for r in radius_voxels(3.0, spacing))
    nearly = 1e-5  # single precision moves a threshold by this much
    for k in (0.2, -0.3):
        level = skimage.filters.threshold_niblack(relative, window_size=window, k=-k)
        mask = threshold.niblack(image, spacing=spacing, radius_mm=3.0, k=k)
        sure = np.abs(relative - level) > nearly
        assert np.array_equal(mask[sure], (relative > level)[sure])
        level = skimage.filters.threshold_sauvola(relative, window_size=window, k=k, r=0.5)
        sure = np.abs(relative - level) > nearly
        mask = threshold.sauvola(image, spacing=spacing, radius_mm=3.0, k=k)
        assert np.array_equal(mask[sure], (relative < level)[sure])


def test_local_mean_and_gaussian_are_those_of_scikit_image():
    image = skimage.filters.gaussian(np.random.default_rng(5).normal(size=(40, 44)), 1.0)
    relative = (image - image.min()) / (image.max() - image.min())
    for mask, level in (
        (
            threshold.local_mean(image, radius_mm=4.0),
            skimage.filters.threshold_local(relative, 9, "mean", mode="mirror"),
        ),
        (
            threshold.local_gaussian(image, sigma_mm=2.0),
            skimage.filters.threshold_local(relative, 17, "gaussian", mode="mirror", param=2.0),
        ),
    ):
        sure = np.abs(relative - level) > 1e-5
        assert sure.mean() > 0.9
        assert np.array_equal(mask[sure], (relative > level)[sure])


@pytest.mark.parametrize("function", [threshold.local_mean, threshold.local_gaussian])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(60, 64), (30, 60, 34)])
def test_nothing_stands_out_where_the_whole_window_is_alike(function, kind, shape):
    image = np.full(shape, 113, kind)
    image[..., 40:, :] = 90
    image[..., 40:, 5:9] = 120
    options = {"sigma_mm": 3.0} if function is threshold.local_gaussian else {"radius_mm": 12.0}
    for side in ("bright", "dark"):
        mask = function(image, side=side, **options)
        assert mask.any()
        assert not mask[..., :27, :].any()


@pytest.mark.parametrize("function", [threshold.local_mean, threshold.local_gaussian])
def test_local_thresholds_do_not_depend_on_the_type_or_on_a_constant(function):
    image = two_tissues((50, 60)).astype(np.int16)
    mask = function(image, offset=0.02)
    assert 0 < mask.mean() < 1
    for other in (image.astype(np.uint8), image.astype(np.float64), image.astype(np.uint16) + 60_000, image - 30_000):
        assert np.array_equal(function(other, offset=0.02), mask)


def test_phansalkar_follows_its_formula_on_a_window_by_hand():
    image = np.array([[0.0, 0.2, 0.9], [0.1, 0.05, 0.8], [0.0, 0.3, 1.0]])
    window = np.pad(image, 1, mode="reflect")[1:4, 1:4]  # the 3x3 window of the middle sample is the image
    mean, deviation = window.mean(), window.std()
    level = mean * (1 + 3.0 * math.exp(-10.0 * mean) + 0.25 * (deviation / 0.5 - 1))
    assert (level > 0.05) == threshold.phansalkar(image, radius_mm=1.0)[1, 1]
    raised = threshold.phansalkar(image, radius_mm=1.0, p=0.0, k=-4.0)[1, 1]
    assert raised == (mean * (1 - 4.0 * (deviation / 0.5 - 1)) > 0.05)


def test_a_local_threshold_finds_objects_on_uneven_ground():
    y, x = np.mgrid[:80, :100]
    cells = ((y % 20 - 10) ** 2 + (x % 20 - 10) ** 2) < 16
    image = 3.0 * x + 60 * cells
    wanted = cells[:, 20:80]
    local = threshold.local_gaussian(image, sigma_mm=8.0, offset=0.03)[:, 20:80]
    assert 2 * (local & wanted).sum() / (local.sum() + wanted.sum()) > 0.95
    overall = threshold.automatic(image)[:, 20:80]
    assert 2 * (overall & wanted).sum() / (overall.sum() + wanted.sum()) < 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_images_that_are_not_finite_are_refused(value):
    image = two_tissues().astype(np.float32)
    image[3, 4] = value
    for function in (threshold.automatic, threshold.multi_otsu, threshold.hysteresis, *LOCAL):
        with pytest.raises(DatasetError, match="1 NaN or infinite"):
            function(image)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: threshold.automatic(np.zeros((3, 4, 5, 6))), GeometryError, "one channel"),
        (lambda: threshold.automatic(np.zeros((0, 4))), GeometryError, "at least one sample"),
        (lambda: threshold.automatic(np.array([["a"]])), DatasetError, "real numbers"),
        (lambda: threshold.automatic(np.eye(4), method="otus"), ConfigError, "otsu"),
        (lambda: threshold.automatic(np.eye(4), side="left"), ConfigError, "bright, dark"),
        (lambda: threshold.automatic(np.eye(4), bins=1), ConfigError, "65536"),
        (lambda: threshold.multi_otsu(np.array([[1, 2, 2]]), classes=3), ConfigError, "2 different intensities"),
        (lambda: threshold.multi_otsu(np.eye(4), classes=1), ConfigError, "classes must be at least 2"),
        (lambda: threshold.manual(np.eye(4)), ConfigError, "got neither"),
        (lambda: threshold.manual(np.eye(4), low=2, high=1), ConfigError, "above high"),
        (lambda: threshold.hysteresis(np.eye(4), low=2, high=1), ConfigError, "above high"),
        (lambda: threshold.hysteresis(np.eye(4)), ConfigError, "low and high must both be given"),
        (lambda: threshold.niblack(np.eye(4), spacing=(1.0, 0.0)), GeometryError, "positive"),
        (lambda: threshold.niblack(np.eye(4), spacing=(1.0, -2.0)), GeometryError, "positive"),
        (lambda: threshold.niblack(np.eye(4), spacing=(1.0,)), GeometryError, "2 positive numbers"),
        (lambda: threshold.niblack(np.eye(4), radius_mm=0.0), ConfigError, "radius_mm must be above 0"),
        (lambda: threshold.local_gaussian(np.eye(4), sigma_mm=0.0), ConfigError, "sigma_mm must be above 0"),
        (lambda: threshold.sauvola(np.eye(4), side="up"), ConfigError, "bright, dark"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
