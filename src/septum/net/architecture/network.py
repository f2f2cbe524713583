"""The networks that can be trained: a U-Net, or the sliding window that it superseded; what holds for both.

The insight: training and prediction ask a network for its margin, the sizes that it takes, its features and its head.
Whoever answers these is handled like any other, from the plan to the model folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from septum.net.architecture import unet
from septum.net.architecture.unet import UNet, UNetConfig
from septum.net.architecture.window import WindowConfig, WindowNet

NetworkConfig = UNetConfig | WindowConfig
Network = UNet | WindowNet


def build(config: NetworkConfig) -> Network:
    """The network that `config` describes, with random weights.

    >>> type(build(WindowConfig(1, 2))).__name__
    'WindowNet'
    """
    return WindowNet(config) if isinstance(config, WindowConfig) else unet.build_unet(config)


def config_kind(plain: Mapping[str, Any]) -> type[UNetConfig] | type[WindowConfig]:
    """The kind of configuration that plain data describe: only a sliding window has a hidden layer.

    >>> config_kind({"hidden": 200}).__name__
    'WindowConfig'
    """
    return WindowConfig if "hidden" in plain else UNetConfig
