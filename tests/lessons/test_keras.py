"""The lecture's code lines in Keras 3 give the same arrays as this room."""

from __future__ import annotations

import numpy as np
import pytest
from tests.lessons import lecture_keras

from septum.lessons import convolution, pooling, transposed_convolution
from septum.lessons.unet import unet_forward

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own deprecations are not ours to mend


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def last(image):
    """(C, Y, X) as a batch of one, channels last."""
    return np.moveaxis(image, 0, -1)[None]


def first(batch):
    return np.moveaxis(np.asarray(batch)[0], -1, 0)


def test_max_pooling_lines(keras):
    image = np.array([[2.0, 2, 7, 3], [9, 4, 6, 1], [8, 5, 2, 4], [3, 1, 2, 6]])
    model = keras.Sequential([keras.layers.MaxPooling2D(pool_size=2, strides=2)])
    out = np.squeeze(model.predict(image.reshape(1, 4, 4, 1), verbose=0))
    assert out.tolist() == pooling(image, size=2, stride=2)[0].tolist() == [[9, 7], [8, 6]]
    big = random(2, 7, 5)
    for padding in ("valid", "same"):
        layer = keras.layers.MaxPooling2D((3, 3), strides=(1, 1), padding=padding)
        assert np.abs(first(layer(last(big)).numpy()) - pooling(big, size=3, stride=1, padding=padding)).max() < 1e-5


@pytest.mark.parametrize("stride", [1, 2])
def test_average_pooling_with_same(keras, stride):
    image = random(2, 6, 7)
    layer = keras.layers.AveragePooling2D((2, 2), strides=stride, padding="same")
    own = pooling(image, size=2, stride=stride, padding="same", kind="average")
    assert np.abs(first(layer(last(image)).numpy()) - own).max() < 1e-5


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (3, 1), (4, 2)])
def test_conv2d_transpose_with_same(keras, size, stride):
    image = random(2, 5, 4)
    layer = keras.layers.Conv2DTranspose(3, (size, size), strides=(stride, stride), padding="same")
    out = first(layer(last(image)).detach().numpy())
    kernel, bias = (np.asarray(w) for w in layer.get_weights())  # (ky, kx, O, C)
    own = transposed_convolution(image, kernel.transpose(3, 2, 0, 1), bias=bias, stride=stride, padding="same")
    assert own.shape == out.shape
    assert np.abs(out - own).max() < 1e-5


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv2d(keras, stride, dilation, padding):
    image = random(2, 8, 7)
    layer = keras.layers.Conv2D(4, (3, 3), strides=stride, dilation_rate=dilation, padding=padding)
    out = first(layer(last(image)).detach().numpy())
    kernel, bias = (np.asarray(w) for w in layer.get_weights())  # (ky, kx, C, O)
    own = convolution(image, kernel.transpose(3, 2, 0, 1), bias=bias, stride=stride, dilation=dilation, padding=padding)
    assert np.abs(out - own).max() < 1e-5


def test_the_lectures_whole_network(keras):
    """Encoder and decoder blocks and the final 1 × 1 convolution with a sigmoid, as the slides write them."""
    model = lecture_keras.unet(keras, features=(4, 8, 16), num_classes=3)
    image = random(1, 16, 24)
    out = first(model.predict(last(image), verbose=0))
    logits = unet_forward(lecture_keras.septum_weights(model), image).logits
    assert np.abs(out - 1 / (1 + np.exp(-logits))).max() < 1e-5
