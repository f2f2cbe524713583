"""Pooling: the lecture's two examples, PyTorch as oracle, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.lessons.gradients import assert_gradients_agree, numerical_gradient
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.lessons.pooling import (
    global_pooling,
    global_pooling_gradient,
    pooling,
    pooling_gradient,
    pooling_steps,
)

FIVE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
FOUR = [[2, 2, 7, 3], [9, 4, 6, 1], [8, 5, 2, 4], [3, 1, 2, 6]]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_lectures_examples():
    assert pooling(FIVE, size=3, stride=1)[0].tolist() == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]
    assert pooling(FOUR, size=2, stride=2)[0].tolist() == [[9, 7], [8, 6]]
    assert pooling_steps(FOUR)[1].text == "max(7, 3, 6, 1) = 7"


@given(size=st.integers(1, 3), stride=st.integers(1, 3))
def test_it_is_pytorchs(size, stride):
    image = random(2, 8, 7)
    tensor = torch.tensor(image)[None]
    assert np.allclose(pooling(image, size=size, stride=stride), F.max_pool2d(tensor, size, stride)[0])
    assert np.allclose(pooling(image, size=size, stride=stride, kind="average"), F.avg_pool2d(tensor, size, stride)[0])


def test_windows_that_reach_out_of_the_image_look_at_the_pixels_inside():
    image = -1.0 - np.arange(9.0).reshape(3, 3)
    assert pooling(image, size=2, padding="same")[0].tolist() == [[-1, -3], [-7, -9]]
    assert pooling(image, size=2, padding="same", kind="average")[0].tolist() == [[-3, -4.5], [-7.5, -9]]
    assert pooling_steps(image, padding="same")[-1].text == "max(-9) = -9"


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("slide", [{"size": 2}, {"size": 3, "stride": 1}, {"size": 3, "stride": 2, "padding": "same"}])
def test_its_gradient_is_the_numerical_one(kind, slide):
    image = random(2, 6, 7)
    weigh = random(*pooling(image, kind=kind, **slide).shape, seed=1)
    numerical = numerical_gradient(lambda x: float((pooling(x, kind=kind, **slide) * weigh).sum()), image)
    assert_gradients_agree(pooling_gradient(weigh, image, kind=kind, **slide), numerical)


def test_of_equal_pixels_the_first_gets_the_gradient_as_in_pytorch():
    tensor = torch.tensor(FIVE, dtype=torch.float64)[None, None].requires_grad_()
    F.max_pool2d(tensor, 3, 1).sum().backward()
    own = pooling_gradient(np.ones((1, 3, 3)), FIVE, size=3, stride=1)
    assert np.array_equal(own[0], tensor.grad[0, 0].numpy())


@pytest.mark.parametrize("kind", ["max", "average"])
def test_global_pooling_and_its_gradient(kind):
    image = random(3, 4, 5)
    pooled = global_pooling(image, kind=kind)
    assert np.allclose(pooled, (image.max if kind == "max" else image.mean)(axis=(1, 2)))
    weigh = random(3, seed=1)
    numerical = numerical_gradient(lambda x: float((global_pooling(x, kind=kind) * weigh).sum()), image)
    assert_gradients_agree(global_pooling_gradient(weigh, image, kind=kind), numerical)


def test_an_unknown_kind_and_a_window_too_large_are_refused():
    with pytest.raises(ConfigError, match="kind must be one of max, average"):
        pooling(FOUR, kind="median")
    with pytest.raises(ConfigError, match="must fit"):
        pooling(FOUR, size=5)
    with pytest.raises(ConfigError, match="size must be at least 1"):
        pooling(FOUR, size=0)
