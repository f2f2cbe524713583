"""The networks that can be trained: built by their configuration, which plain data describe."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

from septum.net.architecture.network import build, config_kind
from septum.net.architecture.unet import UNet, UNetConfig, lecture
from septum.net.architecture.window import WindowConfig, WindowNet

CONFIGS = [(lecture(2, 1, out_channels=2, features=(4, 8)), UNet), (WindowConfig(1, 2), WindowNet)]


@pytest.mark.parametrize(("config", "kind"), CONFIGS, ids=["unet", "window"])
def test_a_configuration_builds_its_network_and_is_known_by_its_fields(config: object, kind: type) -> None:
    network = build(config)  # type: ignore[arg-type]
    assert type(network) is kind
    assert network.config == config
    assert config_kind(asdict(config)) is type(config)  # type: ignore[call-overload]


@pytest.mark.parametrize(("config", "kind"), CONFIGS, ids=["unet", "window"])
def test_whoever_is_trained_answers_for_its_margin_its_sizes_and_its_head(config: object, kind: type) -> None:
    torch.manual_seed(0)
    network = build(config).eval()  # type: ignore[arg-type]
    assert len(network.margin) == len(network.divisor) == 2
    size = [2 * m + 2 * d for m, d in zip(network.margin, network.divisor, strict=True)]
    with torch.no_grad():
        found = network(torch.zeros(1, 1, *size))
    assert found.shape == (1, 2, *(n - 2 * m for n, m in zip(size, network.margin, strict=True)))
    assert isinstance(config, UNetConfig | WindowConfig)
