"""Sizes: the slides' shapes, PyTorch's sizes and parameter counts, and receptive fields found by asking the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.lessons import sizes, unet
from septum.net.architecture.unet import UNet, lecture


@given(
    length=st.integers(5, 12),
    size=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_output_sizes_are_pytorchs(length, size, stride, padding, dilation):
    own = sizes.output_size(length, size=size, stride=stride, padding=padding, dilation=dilation)
    x = torch.zeros(1, 1, length)
    assert F.conv1d(x, torch.zeros(1, 1, size), None, stride, padding, dilation).shape[-1] == own
    larger = sizes.transposed_output_size(length, size=size + 4, stride=stride, padding=padding)
    assert F.conv_transpose1d(x, torch.zeros(1, 1, size + 4), None, stride, padding).shape[-1] == larger


def test_every_block_of_the_encoder_and_decoder_slides():
    blocks = sizes.unet_blocks((128, 128), classes=3)
    assert [(block.name, block.shape) for block in blocks] == [
        ("encoder 1", (128, 128, 16)),
        ("encoder 2", (64, 64, 32)),
        ("encoder 3", (32, 32, 64)),
        ("encoder 4", (16, 16, 128)),
        ("bottom", (8, 8, 256)),
        ("decoder 4", (16, 16, 128)),
        ("decoder 3", (32, 32, 64)),
        ("decoder 2", (64, 64, 32)),
        ("decoder 1", (128, 128, 16)),
        ("head", (128, 128, 3)),
    ]


@given(depth=st.integers(1, 5), channels=st.integers(1, 4), classes=st.integers(1, 4))
def test_parameters_are_those_of_the_network_that_segments(depth, channels, classes):
    features = tuple(4 * 2**level for level in range(depth))
    blocks = sizes.unet_blocks((16, 16), features=features, channels=channels, classes=classes)
    network = UNet(lecture(2, channels, out_channels=classes, features=features))
    assert sizes.unet_parameters(blocks) == sum(p.numel() for p in network.parameters())


def test_receptive_fields_are_what_the_network_sees():
    """Positive weights on a positive image: every pixel that is seen has a gradient, and no other one."""
    features = (1, 1, 1)
    generator = np.random.default_rng(0)
    weights = {
        name: np.abs(value) + 0.1 for name, value in unet.create_unet(features=features, generator=generator).items()
    }
    side, depth = 128, len(features)
    image = 1.0 + generator.random((side, side))
    trace = unet.unet_forward(weights, image)
    blocks = {b.name: b.receptive_field for b in sizes.unet_blocks((side, side), features=features)}
    assert _seen(weights, trace, side) == blocks["head"] == blocks["decoder 1"]
    assert [blocks[n] for n in ("encoder 1", "encoder 2", "bottom")] == [5, 14, 32]
    assert depth == 3


def _seen(weights, trace, side):
    """Largest extent of the image that four output pixels see, each with another place in the pooling windows."""
    widest = 0
    for y in range(60, 64):
        gradient = np.zeros((1, side, side))
        gradient[0, y, y] = 1.0
        _, at_image = unet.unet_backward(weights, trace, gradient=gradient)
        rows = np.flatnonzero(np.abs(at_image[0]).sum(axis=1))
        widest = max(widest, int(rows[-1] - rows[0] + 1))
    return widest


def test_what_does_not_fit_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match="size must fit into 3 pixels, got 5"):
        sizes.output_size(3, size=5)
    with pytest.raises(ConfigError, match="size must be multiples of 16"):
        sizes.unet_blocks((100, 128))
