"""The encoder that has seen images: its shapes, its published weights, and what becomes of them in a U-Net."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from septum.errors import CheckpointError, ConfigError
from septum.net.architecture.efficientnet import (
    PIXEL_DEVIATION,
    WIDTHS,
    EfficientNet,
    InvertedResidual,
    MBConvStage,
    adapted,
    published_name,
)
from septum.net.architecture.unet import UNetConfig, build_unet, encoder_unet
from septum.net.learning.checkpoint import load_model, save_model
from septum.net.learning.pretrained import EFFICIENTNET, load_pretrained

DEEPEST = (-0.076940, 1.313327)
"""Mean and deviation of the deepest map of `noise` by the published weights; efficientnet-lite-pytorch 0.1.0, the
published code, gave the same features to 8e-6 (largest 3.6) on the same input."""


def noise() -> torch.Tensor:
    return torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return EFFICIENTNET.read(EFFICIENTNET.find())


def test_five_maps_each_of_half_the_size() -> None:
    maps = EfficientNet(1)(torch.zeros(1, 1, 64, 96))
    assert [m.shape[1] for m in maps] == list(WIDTHS)
    assert [m.shape[2:] for m in maps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]


def test_the_published_weights_give_the_published_features(published: dict[str, torch.Tensor]) -> None:
    weights = adapted(published, in_channels=3, image_channels=3)
    weights["stem.weight"] /= PIXEL_DEVIATION  # `noise` is in the published units
    network = EfficientNet(3)
    network.load_state_dict(weights)
    torch.manual_seed(0)
    with torch.no_grad():
        deepest = network(torch.randn(2, 3, 96, 64))[-1]
    assert (float(deepest.mean()), float(deepest.std())) == pytest.approx(DEEPEST, abs=1e-4)


def test_a_grey_image_is_seen_as_the_same_image_in_three_equal_channels(published: dict[str, torch.Tensor]) -> None:
    grey, colour = EfficientNet(1), EfficientNet(3)
    grey.load_state_dict(adapted(published, in_channels=1, image_channels=1))
    colour.load_state_dict(adapted(published, in_channels=3, image_channels=3))
    image = noise()[:, :1]
    with torch.no_grad():
        for one, other in zip(grey(image), colour(image.expand(-1, 3, -1, -1)), strict=True):
            torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_prompts_are_not_seen_at_first(published: dict[str, torch.Tensor]) -> None:
    stem = adapted(published, in_channels=5, image_channels=2)["stem.weight"]
    assert stem.shape[1] == 5
    assert not stem[:, 2:].any()
    torch.testing.assert_close(stem.sum(1), published["_conv_stem.weight"].sum(1) * PIXEL_DEVIATION)


def test_every_parameter_has_one_published_name(published: dict[str, torch.Tensor]) -> None:
    names = [published_name(name) for name in EfficientNet(3).state_dict()]
    assert len(set(names)) == len(names)
    classifier = {"_conv_head.weight", "_fc.weight", "_fc.bias"}
    left = {name for name in published if "num_batches" not in name} - set(names) - classifier
    assert {name.split(".")[0] for name in left} == {"_bn1"}


def test_weights_of_another_network_are_refused(published: dict[str, torch.Tensor]) -> None:
    broken = {**published, "_conv_stem.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="_conv_stem"):
        adapted(broken, in_channels=3, image_channels=3)


def test_the_statistics_of_the_photographs_stay_in_training() -> None:
    network = build_unet(encoder_unet(3, 2)).train()
    load_pretrained(network, image_channels=3)
    before = network.encoder.get_buffer("blocks.5.widen_norm.mean").clone()
    network(noise())
    assert torch.equal(network.encoder.get_buffer("blocks.5.widen_norm.mean"), before)


def test_training_in_bfloat16_takes_the_gradients_of_float32_nearly() -> None:
    torch.manual_seed(0)
    block = InvertedResidual(8, MBConvStage(5, 2, 6, 16, 1), stride=2)
    found = []
    for precision in (False, True):
        block.zero_grad(set_to_none=True)
        image = torch.randn(2, 8, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision):
            output = block(image)
        output.float().square().mean().backward()
        gradient = block.depthwise.weight.grad
        assert gradient is not None
        assert image.grad is not None
        found.append(torch.cat([gradient.flatten(), image.grad.flatten()]))
    assert float(nn.functional.cosine_similarity(found[0], found[1], dim=0)) > 0.99


def test_a_saved_network_comes_back_with_its_encoder(tmp_path: Path) -> None:
    network = build_unet(encoder_unet(3, 2)).eval()
    save_model(tmp_path / "weights.pt", network)
    again = load_model(tmp_path / "weights.pt")
    with torch.no_grad():
        assert torch.equal(again(noise()), network(noise()))


def test_an_encoder_made_elsewhere_refuses_other_forms() -> None:
    config = encoder_unet(3, 2)
    for changes in ({"features": (16, 24, 48, 64, 128, 64)}, {"dropout": 0.5}, {"residual": True}):
        with pytest.raises(ConfigError, match="encoder"):
            UNetConfig(**{**vars(config), **changes})
