"""Convolution: every output pixel is a weighted sum of the pixels under a window that slides over the image.

The insight: networks do not flip the kernel. What they call convolution is the cross-correlation of signal processing;
true convolution turns the kernel by 180° first (`flip=True`). Since a network learns its kernel, it does not care; a
person who carries a kernel from a text book (a Gaussian gradient, a motion blur) does.

Weights are (O, C, ky, kx) as in PyTorch, images (C, Y, X), outputs (O, Y', X').
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.lessons.windows import Padding, Slide, Step, as_image, gather_windows, scatter, short_number


def convolution(
    image: ArrayLike,
    weights: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
    flip: bool = False,
) -> Float64Array:
    """Slide a kernel over an image.

    Args:
        image: (Y, X) or (C, Y, X).
        weights: (ky, kx) or (O, C, ky, kx).
        bias: (O,), added to every pixel of its output channel.
        stride: step of the window in pixels.
        padding: zeros around the image: a number of pixels, "valid" (none) or "same" (as Keras).
        dilation: distance between neighbouring kernel elements in the image.
        flip: true convolution instead of cross-correlation.

    Returns:
        (O, Y', X') with Y' = floor((Y + padding - dilation (ky - 1) - 1) / stride) + 1.

    Raises:
        ConfigError: when shapes do not fit, or a number is out of its range.

    >>> convolution([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])[0].tolist()
    [[19.0, 25.0], [37.0, 43.0]]
    """
    x, w = as_image(image), _kernels(weights, flip)
    slide = _slide(x, w, stride=stride, padding=padding, dilation=dilation)
    windows = gather_windows(x, slide)  # (C, Y', X', ky, kx)
    sums = np.tensordot(w, windows, axes=([1, 2, 3], [0, 3, 4]))  # (O, Y', X')
    return sums if bias is None else sums + np.asarray(bias, dtype=np.float64)[:, None, None]


def convolution_gradients(
    gradient: Float64Array,
    image: ArrayLike,
    *,
    weights: ArrayLike,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """From the loss's gradient at the output (O, Y', X') to those at the image, the weights and the bias.

    An image pixel receives, from each output whose window it lay in, that output's gradient times the weight that it
    was multiplied by; a weight receives the sum over all windows of gradient times pixel.

    >>> image, weights, bias = convolution_gradients(np.ones((1, 1, 1)), [[1, 2], [3, 4]], weights=[[5, 6], [7, 8]])
    >>> image.tolist(), bias.tolist()
    ([[[5.0, 6.0], [7.0, 8.0]]], [1.0])
    """
    x, w = as_image(image), _kernels(weights, flip=False)
    slide = _slide(x, w, stride=stride, padding=padding, dilation=dilation)
    to_windows = np.tensordot(w, gradient, axes=([0], [0]))  # (C, ky, kx, Y', X')
    to_image = scatter(to_windows.transpose(0, 3, 4, 1, 2), slide, shape=x.shape)
    to_weights = np.tensordot(gradient, gather_windows(x, slide), axes=([1, 2], [1, 2]))  # (O, C, ky, kx)
    return to_image, to_weights, gradient.sum(axis=(1, 2))


def convolution_steps(
    image: ArrayLike,
    weights: ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    dilation: int = 1,
    flip: bool = False,
    channel: int = 0,
) -> tuple[Step, ...]:
    """Every output pixel of one output channel with its window, its products and their sum, row by row.

    >>> convolution_steps([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]])[0].text
    '(0 × 0) + (1 × 1) + (3 × 2) + (4 × 3) = 19'
    """
    x, w = as_image(image), _kernels(weights, flip)
    slide = _slide(x, w, stride=stride, padding=padding, dilation=dilation)
    windows = gather_windows(x, slide)
    kernel = w[channel]
    steps = []
    for y, column in np.ndindex(*slide.output(x.shape)):
        window = windows[:, y, column]
        products = window * kernel
        pairs = zip(window.ravel(), kernel.ravel(), strict=True)
        text = " + ".join(f"({short_number(a)} × {short_number(b)})" for a, b in pairs)
        value = float(products.sum())
        steps.append(Step((y, column), window, products, value, f"{text} = {short_number(value)}"))
    return tuple(steps)


def _kernels(weights: ArrayLike, flip: bool) -> Float64Array:
    w = np.asarray(weights, dtype=np.float64)
    w = w[None, None] if w.ndim == 2 else w
    if w.ndim != 4 or w.size == 0:
        raise ConfigError(f"weights must be (ky, kx) or (O, C, ky, kx), got shape {w.shape}; add or drop axes")
    return w[:, :, ::-1, ::-1] if flip else w


def _slide(x: Float64Array, w: Float64Array, *, stride: int, padding: Padding, dilation: int) -> Slide:
    if w.shape[1] != x.shape[0]:
        raise ConfigError(
            f"weights must have as many input channels as the image ({x.shape[0]}), got {w.shape[1]}; match them"
        )
    return Slide.over(x.shape, w.shape[2:], stride=stride, padding=padding, dilation=dilation)
