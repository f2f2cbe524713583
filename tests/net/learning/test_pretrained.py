"""Weights that have seen images: they fill the encoder alone."""

from __future__ import annotations

import torch

from septum.net.architecture.unet import UNetConfig, build_unet, encoder_unet
from septum.net.learning.pretrained import load_pretrained


def test_loading_fills_the_encoder_alone_and_leaves_other_networks_as_they_are() -> None:
    network = build_unet(encoder_unet(1, 2))
    head = network.head.get_parameter("weight").clone()
    load_pretrained(network, image_channels=1)
    assert torch.equal(network.head.get_parameter("weight"), head)
    assert float(network.encoder.get_buffer("stem_norm.variance").std()) > 0
    plain = build_unet(UNetConfig(2, 1, 2, (2, 4), ((2, 2),), ((3, 3),) * 2))
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    load_pretrained(plain, image_channels=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in plain.state_dict().items())
