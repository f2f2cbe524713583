"""A whole U-Net from the layers of this room: the lecture's blocks, forward and backward, small enough to read.

The insight: the network is a list of blocks and a stack. Going down, each encoder block pushes what it computed; going
up, each decoder block pops it and lays it beside the enlarged coarse map. The way back is the same walk in reverse:
what was concatenated is split, what was copied is added.

Weights are a dictionary with the names that `septum.net.architecture.unet` gives them, so that weights go either way
and give the same numbers. Ronneberger, Fischer & Brox 2015, in the lecture's form: padding "same", ReLU, sigmoid per
class outside the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.lessons.convolution import convolution, convolution_gradients
from septum.lessons.perceptron import sigmoid
from septum.lessons.pooling import pooling, pooling_gradient
from septum.lessons.transposed import transposed_convolution, transposed_convolution_gradients
from septum.lessons.windows import as_image
from septum.options import at_least

UNetWeights = dict[str, Float64Array]


@dataclass(frozen=True)
class BlockTrace:
    """What a block of two convolutions computed: its input, the sums before each ReLU, and the map after each."""

    image: Float64Array
    sums: tuple[Float64Array, Float64Array]
    maps: tuple[Float64Array, Float64Array]


@dataclass(frozen=True)
class UNetTrace:
    """What a forward pass computed.

    Args:
        encoder: one trace per level, finest first; the last is the bottom of the U.
        decoder: one trace per level but the last, finest first; its `image` is the concatenation.
        logits: (classes, Y, X), before the sigmoid.
    """

    encoder: tuple[BlockTrace, ...]
    decoder: tuple[BlockTrace, ...]
    logits: Float64Array


def create_unet(
    *, channels: int = 1, classes: int = 1, features: Sequence[int] = (4, 8, 16), generator: np.random.Generator
) -> UNetWeights:
    """Random weights, standard deviation sqrt(2 / incoming numbers) (He et al. 2015), biases 0.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> unet_forward(weights, np.zeros((4, 6))).logits.shape
    (1, 4, 6)
    """
    if min(channels, classes, len(features), *features) < 1:
        raise ConfigError(f"channels, classes and features must be positive, got {channels}, {classes}, {features}")
    shapes: dict[str, tuple[int, ...]] = {}
    into = channels
    for level, width in enumerate(features):
        shapes |= _double(f"encoder.{level}", into, width=width)
        into = width
    for level, (width, below) in enumerate(pairwise(features)):
        shapes[f"ups.{level}.weight"] = (below, width, 2, 2)
        shapes |= _double(f"decoder.{level}", 2 * width, width=width)
    shapes["head.weight"] = (classes, features[0], 1, 1)
    weights: UNetWeights = {}
    for name, shape in shapes.items():
        up = name.startswith("ups.")
        incoming = shape[0] if up else shape[1] * shape[2] * shape[3]
        weights[name] = generator.normal(0.0, np.sqrt(2.0 / incoming), shape)
        weights[name.replace("weight", "bias")] = np.zeros(shape[1] if up else shape[0])
    return weights


def _double(name: str, into: int, *, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.first.conv.weight": (width, into, 3, 3), f"{name}.second.conv.weight": (width, width, 3, 3)}


def unet_depth(weights: Mapping[str, Float64Array]) -> int:
    """Number of levels of a network with these weights.

    >>> unet_depth(create_unet(features=(2, 4, 8), generator=np.random.default_rng(0)))
    3
    """
    return sum(name.endswith("first.conv.weight") and name.startswith("encoder.") for name in weights)


def double_convolution(image: ArrayLike, weights: Mapping[str, Float64Array], *, name: str) -> BlockTrace:
    """Two 3 × 3 convolutions, padding "same", each followed by ReLU: the body of every block.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> trace = double_convolution(np.ones((1, 4, 6)), weights, name="encoder.0")
    >>> [each.shape for each in trace.maps]
    [(2, 4, 6), (2, 4, 6)]
    """
    x = as_image(image)
    first = convolution(x, weights[f"{name}.first.conv.weight"], bias=weights[f"{name}.first.conv.bias"], padding=1)
    bent = np.maximum(first, 0)
    second = convolution(
        bent, weights[f"{name}.second.conv.weight"], bias=weights[f"{name}.second.conv.bias"], padding=1
    )
    return BlockTrace(x, (first, second), (bent, np.maximum(second, 0)))


def double_convolution_gradients(
    gradient: Float64Array, trace: BlockTrace, *, weights: Mapping[str, Float64Array], name: str
) -> tuple[Float64Array, UNetWeights]:
    """From the gradient at a block's output to the one at its input, and those at its weights.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> trace = double_convolution(np.ones((1, 4, 6)), weights, name="encoder.0")
    >>> image, found = double_convolution_gradients(np.ones((2, 4, 6)), trace, weights=weights, name="encoder.0")
    >>> image.shape, len(found)
    ((1, 4, 6), 4)
    """
    found: UNetWeights = {}
    back = gradient
    for part, index, image in (("second", 1, trace.maps[0]), ("first", 0, trace.image)):
        key = f"{name}.{part}.conv"
        at_sums = back * (trace.sums[index] > 0)
        back, found[f"{key}.weight"], found[f"{key}.bias"] = convolution_gradients(
            at_sums, image, weights=weights[f"{key}.weight"], padding=1
        )
    return back, found


def encoder_block(
    image: ArrayLike, weights: Mapping[str, Float64Array], *, name: str
) -> tuple[BlockTrace, Float64Array]:
    """The lecture's encoder block: its trace (the map after it goes to the decoder), and that map max-pooled 2 × 2.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> trace, pooled = encoder_block(np.ones((1, 4, 6)), weights, name="encoder.0")
    >>> trace.maps[1].shape, pooled.shape
    ((2, 4, 6), (2, 2, 3))
    """
    trace = double_convolution(image, weights, name=name)
    return trace, pooling(trace.maps[1], size=2)


def decoder_block(
    coarse: ArrayLike, skip: Float64Array, *, weights: Mapping[str, Float64Array], level: int
) -> tuple[BlockTrace, Float64Array]:
    """The lecture's decoder block: enlarge, concatenate the encoder's map, convolve twice; its trace and its map.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> _, found = decoder_block(np.ones((4, 2, 3)), np.ones((2, 4, 6)), weights=weights, level=0)
    >>> found.shape
    (2, 4, 6)
    """
    up = transposed_convolution(coarse, weights[f"ups.{level}.weight"], bias=weights[f"ups.{level}.bias"], stride=2)
    trace = double_convolution(np.concatenate([up, skip]), weights, name=f"decoder.{level}")
    return trace, trace.maps[1]


def unet_forward(weights: Mapping[str, Float64Array], image: ArrayLike) -> UNetTrace:
    """Run an image (Y, X) or (C, Y, X) through the network.

    Raises:
        ConfigError: when a side is no multiple of 2^(levels - 1), or the channels do not fit.

    >>> weights = create_unet(classes=3, features=(2, 4), generator=np.random.default_rng(0))
    >>> unet_forward(weights, np.zeros((4, 6))).logits.shape
    (3, 4, 6)
    """
    x = as_image(image)
    depth = unet_depth(weights)
    step = 2 ** (depth - 1)
    if x.shape[1] % step or x.shape[2] % step:
        raise ConfigError(f"image must have sides that are multiples of {step}, got {x.shape[1:]}; pad or crop it")
    encoder: list[BlockTrace] = []
    for level in range(depth - 1):
        trace, x = encoder_block(x, weights, name=f"encoder.{level}")
        encoder.append(trace)
    encoder.append(double_convolution(x, weights, name=f"encoder.{depth - 1}"))
    x = encoder[-1].maps[1]
    decoder: list[BlockTrace] = []
    for level in reversed(range(depth - 1)):
        trace, x = decoder_block(x, encoder[level].maps[1], weights=weights, level=level)
        decoder.insert(0, trace)
    logits = convolution(x, weights["head.weight"], bias=weights["head.bias"])
    return UNetTrace(tuple(encoder), tuple(decoder), logits)


def unet_backward(
    weights: Mapping[str, Float64Array], trace: UNetTrace, *, gradient: Float64Array
) -> tuple[UNetWeights, Float64Array]:
    """From the gradient at the logits to those at every weight, and at the image.

    >>> weights = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> trace = unet_forward(weights, np.ones((4, 6)))
    >>> gradients, image = unet_backward(weights, trace, gradient=np.ones((1, 4, 6)))
    >>> gradients.keys() == weights.keys(), image.shape
    (True, (1, 4, 6))
    """
    found: UNetWeights = {}
    last = trace.decoder[0].maps[1] if trace.decoder else trace.encoder[0].maps[1]
    back, found["head.weight"], found["head.bias"] = convolution_gradients(
        gradient, last, weights=weights["head.weight"]
    )
    skips: list[Float64Array] = []
    for level, block in enumerate(trace.decoder):
        back, some = double_convolution_gradients(back, block, weights=weights, name=f"decoder.{level}")
        found |= some
        width = weights[f"ups.{level}.weight"].shape[1]
        skips.append(back[width:])
        below = trace.decoder[level + 1] if level + 1 < len(trace.decoder) else trace.encoder[-1]
        back, found[f"ups.{level}.weight"], found[f"ups.{level}.bias"] = transposed_convolution_gradients(
            back[:width], below.maps[1], weights=weights[f"ups.{level}.weight"], stride=2
        )
    for level in reversed(range(len(trace.encoder))):
        block = trace.encoder[level]
        if level < len(skips):
            back = pooling_gradient(back, block.maps[1], size=2) + skips[level]
        back, some = double_convolution_gradients(back, block, weights=weights, name=f"encoder.{level}")
        found |= some
    return found, back


def cross_entropy(logits: Float64Array, target: ArrayLike) -> tuple[float, Float64Array]:
    """Mean binary cross entropy of a sigmoid per class, and its gradient at the logits; `target` is 0 or 1.

    >>> loss, gradient = cross_entropy(np.zeros((1, 1, 2)), [[0, 1]])
    >>> round(loss, 4), gradient.tolist()  # log 2: nothing is known yet
    (0.6931, [[[0.25, -0.25]]])
    """
    wanted = np.asarray(target, dtype=np.float64)
    wanted = wanted[None] if wanted.ndim == 2 else wanted
    if wanted.shape != logits.shape or not ((wanted == 0) | (wanted == 1)).all():
        raise ConfigError(
            f"target must be 0 and 1 of the logits' shape {logits.shape}, got {wanted.shape}; one per class"
        )
    # log(1 + e^s) - t s, written so that it does not overflow
    value = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - wanted * logits
    return float(value.mean()), (sigmoid(logits) - wanted) / logits.size


def train_unet(
    weights: Mapping[str, Float64Array],
    image: ArrayLike,
    *,
    target: ArrayLike,
    steps: int = 100,
    rate: float = 0.01,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[UNetWeights, Float64Array]:
    """Train on one image by Adam (Kingma & Ba 2015): the weights, and the loss before each step (steps,).

    >>> target = np.zeros((8, 8))
    >>> target[2:6, 2:6] = 1
    >>> start = create_unet(features=(2, 4), generator=np.random.default_rng(0))
    >>> _, losses = train_unet(start, target, target=target, steps=20, rate=0.05)
    >>> bool(losses[-1] < losses[0])
    True
    """
    losses = np.empty(int(at_least(steps, 1, name="steps")))
    now = {name: np.array(value, dtype=np.float64) for name, value in weights.items()}
    mean = {name: np.zeros_like(value) for name, value in now.items()}
    square = {name: np.zeros_like(value) for name, value in now.items()}
    for step in range(steps):
        trace = unet_forward(now, image)
        losses[step], gradient = cross_entropy(trace.logits, target)
        gradients, _ = unet_backward(now, trace, gradient=gradient)
        for name, g in gradients.items():
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g**2
            m, v = mean[name] / (1 - 0.9 ** (step + 1)), square[name] / (1 - 0.999 ** (step + 1))
            now[name] = now[name] - rate * m / (np.sqrt(v) + 1e-8)
        if on_step is not None:
            on_step(step, float(losses[step]))
    return now, losses
