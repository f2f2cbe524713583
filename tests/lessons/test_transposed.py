"""Transposed convolution: the lecture's example, PyTorch as oracle, adjoint of the convolution, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.lessons.gradients import assert_gradients_agree, numerical_gradient
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.lessons.convolution import convolution
from septum.lessons.transposed import (
    transposed_convolution,
    transposed_convolution_gradients,
    transposed_convolution_steps,
)

IMAGE = [[2, 1], [3, 2]]
FILTER = [[1, 2, 1], [2, 0, 1], [0, 2, 1]]
RESULT = [[0, 4, 0, 1], [10, 7, 6, 3], [0, 7, 0, 2], [6, 3, 4, 2]]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_lectures_example_2x2_by_3x3_padding_1_stride_2_gives_4x4():
    out = transposed_convolution(IMAGE, FILTER, stride=2, padding=1, output_padding=1)
    assert out[0].tolist() == RESULT


def test_its_stamps_add_up_to_the_full_result():
    full = np.zeros((5, 5))
    for step in transposed_convolution_steps(IMAGE, FILTER, stride=2):
        y, x = step.position
        full[y : y + 3, x : x + 3] += step.products[0]
    assert np.array_equal(full, transposed_convolution(IMAGE, FILTER, stride=2)[0])
    assert np.array_equal(full[1:, 1:], RESULT)


@given(
    stride=st.integers(1, 3),
    padding=st.integers(0, 1),
    size=st.integers(3, 4),
    extra=st.integers(0, 2),
    channels=st.integers(1, 3),
)
def test_it_is_pytorchs(stride, padding, size, extra, channels):
    extra = min(extra, stride - 1)
    image, weights, bias = random(channels, 4, 5), random(channels, 2, size, size, seed=1), random(2, seed=2)
    own = transposed_convolution(image, weights, bias=bias, stride=stride, padding=padding, output_padding=extra)
    expected = F.conv_transpose2d(
        torch.tensor(image)[None],
        torch.tensor(weights),
        torch.tensor(bias),
        stride=stride,
        padding=padding,
        output_padding=extra,
    )[0]
    assert own.shape == expected.shape
    assert np.abs(own - expected.numpy()).max() < 1e-10


@given(stride=st.integers(1, 3), padding=st.integers(0, 1))
def test_it_is_the_adjoint_of_the_convolution(stride, padding):
    """<convolution(x), y> = <x, transposed(y)>."""
    x, weights = random(2, 9, 9), random(3, 2, 3, 3, seed=1)
    y = random(*convolution(x, weights, stride=stride, padding=padding).shape, seed=2)
    spare = (9 + 2 * padding - 3) % stride
    back = transposed_convolution(y, weights, stride=stride, padding=padding, output_padding=spare)
    assert np.isclose((convolution(x, weights, stride=stride, padding=padding) * y).sum(), (x * back).sum())


@pytest.mark.parametrize(
    "slide",
    [
        {"stride": 2},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": 2, "padding": "same"},
        {"stride": 4, "padding": "same"},
        {"stride": 3, "output_padding": 2},
        {"stride": 1, "padding": 1},
    ],
)
def test_its_gradients_are_numerical_ones(slide):
    image, weights, bias = random(2, 3, 4), random(2, 2, 3, 3, seed=1), random(2, seed=2)
    weigh = random(*transposed_convolution(image, weights, bias=bias, **slide).shape, seed=3)
    own = transposed_convolution_gradients(weigh, image, weights=weights, **slide)
    for index, array in enumerate((image, weights, bias)):
        arrays = [image, weights, bias]

        def loss(moved, arrays=arrays, index=index):
            arrays[index] = moved
            return float((transposed_convolution(*arrays[:2], bias=arrays[2], **slide) * weigh).sum())

        assert_gradients_agree(own[index], numerical_gradient(loss, array))


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 3), (2, 3), (5, 2), (1, 2)])
def test_same_gives_stride_times_the_size(size, stride):
    out = transposed_convolution(random(4, 5), random(size, size), stride=stride, padding="same")
    assert out.shape == (1, 4 * stride, 5 * stride)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 0}, "stride must be at least 1"),
        ({"output_padding": 2}, "output_padding from 0 to stride - 1"),
        ({"padding": 4}, "padding must leave an output"),
        ({"padding": "full"}, "padding must be 'valid', 'same'"),
        ({"weights": np.ones((2, 1, 2, 2))}, "must begin with the image's 1 channels, got 2"),
        ({"weights": np.ones(2)}, "weights must be"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(changes, message):
    given = {"image": IMAGE, "weights": FILTER} | changes
    with pytest.raises(ConfigError, match=message):
        transposed_convolution(given.pop("image"), given.pop("weights"), **given)
