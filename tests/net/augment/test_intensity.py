"""Intensities: what each step does to mean, deviation and colour."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage
from tests.net.augment.patches import noise

from septum.net.augment.augment import (
    IntensityConfig,
)
from septum.net.augment.intensity import Intensity, change_intensity, sample_intensity
from septum.net.augment.separable import low_pass_matrix


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
