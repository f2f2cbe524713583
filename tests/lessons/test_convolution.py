"""Convolution: the lecture's numbers, PyTorch and scipy as oracles, gradients, and the messages of its guards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from tests.lessons.gradients import assert_gradients_agree, numerical_gradient
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.lessons.convolution import convolution, convolution_gradients, convolution_steps

IMAGE = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
KERNEL = [[0, 1], [2, 3]]

slides = st.fixed_dictionaries(
    {"stride": st.integers(1, 3), "padding": st.sampled_from([0, 1, 2, "valid"]), "dilation": st.integers(1, 2)}
)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_lectures_example_gives_19_25_37_43_with_its_products():
    assert convolution(IMAGE, KERNEL)[0].tolist() == [[19, 25], [37, 43]]
    assert [step.text for step in convolution_steps(IMAGE, KERNEL)] == [
        "(0 × 0) + (1 × 1) + (3 × 2) + (4 × 3) = 19",
        "(1 × 0) + (2 × 1) + (4 × 2) + (5 × 3) = 25",
        "(3 × 0) + (4 × 1) + (6 × 2) + (7 × 3) = 37",
        "(4 × 0) + (5 × 1) + (7 × 2) + (8 × 3) = 43",
    ]


def test_true_convolution_flips_the_kernel_and_is_scipys():
    image, kernel = random(7, 6), random(3, 2, seed=1)
    assert np.allclose(convolution(image, kernel, flip=True)[0], signal.convolve2d(image, kernel, mode="valid"))
    assert np.allclose(convolution(image, kernel)[0], signal.correlate2d(image, kernel, mode="valid"))


@given(slide=slides, channels=st.integers(1, 3), size=st.integers(1, 3))
def test_it_is_pytorchs(slide, channels, size):
    image, weights, bias = random(channels, 9, 8), random(2, channels, size, size, seed=1), random(2, seed=2)
    expected = F.conv2d(torch.tensor(image)[None], torch.tensor(weights), torch.tensor(bias), **slide)[0]
    assert np.abs(convolution(image, weights, bias=bias, **slide) - expected.numpy()).max() < 1e-10


@given(slide=slides)
def test_its_gradients_are_numerical_ones(slide):
    image, weights, bias = random(2, 6, 7), random(3, 2, 2, 3, seed=1), random(3, seed=2)
    weigh = random(*convolution(image, weights, bias=bias, **slide).shape, seed=3)
    own = convolution_gradients(weigh, image, weights=weights, **slide)
    for index, array in enumerate((image, weights, bias)):
        arrays = [image, weights, bias]

        def loss(moved, arrays=arrays, index=index):
            arrays[index] = moved
            return float((convolution(*arrays[:2], bias=arrays[2], **slide) * weigh).sum())

        assert_gradients_agree(own[index], numerical_gradient(loss, array))


def test_same_padding_keeps_the_size_and_halves_it_with_stride_2():
    assert convolution(random(7, 6), random(3, 3), padding="same").shape == (1, 7, 6)
    assert convolution(random(7, 6), random(3, 3), padding="same", stride=2).shape == (1, 4, 3)
    assert convolution(random(7, 6), random(2, 4), padding="same").shape == (1, 7, 6)


def test_steps_hold_window_products_and_sum_of_every_channel():
    image, weights = random(2, 4, 5), random(3, 2, 3, 3, seed=1)
    out = convolution(image, weights, stride=2, padding=1)
    for step in convolution_steps(image, weights, stride=2, padding=1, channel=2):
        assert step.window.shape == step.products.shape == (2, 3, 3)
        assert np.isclose(step.products.sum(), step.value)
        assert np.isclose(step.value, out[2][step.position])


def test_a_shift_of_the_image_shifts_the_output():
    image = np.zeros((9, 9))
    image[4, 3] = 1.0
    moved = np.roll(image, (1, 2), axis=(0, 1))
    kernel = random(3, 3)
    assert np.allclose(
        np.roll(convolution(image, kernel, padding=1), (1, 2), axis=(1, 2)), convolution(moved, kernel, padding=1)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"padding": -1}, "padding must be 'valid', 'same' or a number"),
        ({"padding": "full"}, "padding must be 'valid', 'same' or a number"),
        ({"weights": np.ones((4, 4))}, "must fit into the padded image"),
        ({"weights": np.ones((1, 2, 2, 2))}, "as many input channels as the image"),
        ({"weights": np.ones(3)}, "weights must be"),
        ({"image": [[np.nan, 1.0], [1.0, 1.0]]}, "image must be finite"),
        ({"image": np.ones(3)}, "image must be"),
        ({"image": np.ones((0, 3))}, "not empty"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(changes, message):
    given = {"image": IMAGE, "weights": KERNEL} | changes
    with pytest.raises(ConfigError, match=message):
        convolution(given.pop("image"), given.pop("weights"), **given)
