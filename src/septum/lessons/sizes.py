"""Sizes of a U-Net: what every block makes of the image, how far each level sees, how many numbers it learns.

The insight: all of it follows from kernel sizes and strides; nothing needs to run. A layer widens the view by
(kernel - 1) times the distance between neighbouring pixels at its level, and a stride multiplies that distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from septum.errors import ConfigError
from septum.options import at_least


@dataclass(frozen=True)
class Block:
    """One block of the U-Net as the slides draw it.

    Args:
        name: "encoder 1", "bottom", "decoder 1", "head"; levels count from the finest, 1.
        layers: what it does, in words.
        shape: (Y, X, channels) of what leaves it, in the order of the slides (Keras).
        parameters: numbers it learns.
        receptive_field: side, in input pixels, of what one of its output pixels sees.
    """

    name: str
    layers: str
    shape: tuple[int, int, int]
    parameters: int
    receptive_field: int


def output_size(length: int, *, size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Pixels along an axis after a convolution or pooling: floor((n + 2 p - d (k - 1) - 1) / s) + 1.

    >>> output_size(5, size=3), output_size(5, size=3, padding=1), output_size(4, size=2, stride=2)
    (3, 5, 2)
    """
    at_least(stride, 1, name="stride")
    found = (length + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    if found < 1:
        raise ConfigError(
            f"size must fit into {length} pixels, got {size} with dilation {dilation}; take a smaller one"
        )
    return found


def transposed_output_size(
    length: int, *, size: int, stride: int = 2, padding: int = 0, output_padding: int = 0
) -> int:
    """Pixels along an axis after a transposed convolution: (n - 1) s + k - 2 p + output padding.

    >>> transposed_output_size(2, size=3, padding=1, output_padding=1), transposed_output_size(8, size=2)
    (4, 16)
    """
    return (length - 1) * stride + size - 2 * padding + output_padding


def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Side of what one output pixel sees, for layers (kernel, stride) from the input on.

    >>> receptive_field([(3, 1), (3, 1), (2, 2), (3, 1), (3, 1)])
    14
    """
    field, distance = 1, 1
    for size, stride in layers:
        field += (size - 1) * distance
        distance *= stride
    return field


def convolution_parameters(into: int, out: int, *, size: int) -> int:
    """A weight for every kernel pixel of every pair of channels, and a bias per output channel.

    >>> convolution_parameters(1, 16, size=3)
    160
    """
    return (into * size * size + 1) * out


def unet_blocks(
    size: tuple[int, int],
    *,
    features: Sequence[int] = (16, 32, 64, 128, 256),
    channels: int = 1,
    classes: int = 2,
) -> tuple[Block, ...]:
    """Every block of the lecture's U-Net (padding "same", two 3 × 3 convolutions a level) for an image of `size`.

    Raises:
        ConfigError: when the image cannot be halved often enough.

    >>> [block.shape for block in unet_blocks((128, 128))[:5]]
    [(128, 128, 16), (64, 64, 32), (32, 32, 64), (16, 16, 128), (8, 8, 256)]
    """
    depth = len(features)
    step = 2 ** (depth - 1)
    if any(n < step or n % step for n in size):
        raise ConfigError(f"size must be multiples of {step} for {depth} levels, got {size}; pad or crop the image")
    blocks = []
    field, distance, into = 1, 1, channels
    for level, width in enumerate(features):
        field += 4 * distance  # two 3 × 3 convolutions
        shape = (size[0] // distance, size[1] // distance, width)
        count = convolution_parameters(into, width, size=3) + convolution_parameters(width, width, size=3)
        last = level == depth - 1
        name = "bottom" if last else f"encoder {level + 1}"
        blocks.append(Block(name, "conv 3×3 ReLU, conv 3×3 ReLU", shape, count, field))
        if not last:
            field += distance  # 2 × 2 max pooling
            distance *= 2
        into = width
    return (*blocks, *_decoder_blocks(blocks, features, classes=classes, field=field))


def _decoder_blocks(encoder: Sequence[Block], features: Sequence[int], *, classes: int, field: int) -> list[Block]:
    """The way up: the up-convolution is seen through one pixel and adds nothing to the view; the convolutions do."""
    blocks = []
    for level in reversed(range(len(features) - 1)):
        width, below = features[level], features[level + 1]
        field += 4 * 2**level
        count = convolution_parameters(below, width, size=2) + convolution_parameters(2 * width, width, size=3)
        count += convolution_parameters(width, width, size=3)
        layers = "up-conv 2×2, concatenate, conv 3×3 ReLU, conv 3×3 ReLU"
        blocks.append(Block(f"decoder {level + 1}", layers, encoder[level].shape, count, field))
    shape = (*encoder[0].shape[:2], classes)
    blocks.append(Block("head", "conv 1×1", shape, convolution_parameters(features[0], classes, size=1), field))
    return blocks


def unet_parameters(blocks: Sequence[Block]) -> int:
    """How many numbers the whole network learns.

    >>> unet_parameters(unet_blocks((128, 128)))
    1940834
    """
    return sum(block.parameters for block in blocks)
