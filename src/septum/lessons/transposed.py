"""Transposed convolution: every input pixel stamps the kernel, times its value, into a larger image; stamps add up.

The insight: it is convolution with gather and scatter exchanged, so its forward pass is the gradient of a convolution
and its gradient is a convolution. It does not undo a convolution: the values are new, only the sizes go back.

Weights are (C, O, ky, kx) as in PyTorch: input channel first, because the convolution that it is the gradient of went
the other way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.lessons.windows import Padding, Slide, Step, as_image, gather_windows, scatter, short_number


def transposed_convolution(
    image: ArrayLike,
    weights: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    stride: int = 2,
    padding: Padding = "valid",
    output_padding: int = 0,
) -> Float64Array:
    """Enlarge an image (Y, X) or (C, Y, X) with weights (ky, kx) or (C, O, ky, kx).

    Args:
        stride: distance between neighbouring stamps in the output.
        padding: pixels cut off on every side of the full output, "valid" (none), or "same": as Keras, the output has
            stride times the input's size, and of the k - stride surplus pixels the larger half is cut at the end.
        output_padding: pixels that are not cut at the end of each axis, as in PyTorch.

    Returns:
        (O, Y', X') with Y' = (Y - 1) stride + ky - 2 padding + output_padding.

    Raises:
        ConfigError: when shapes do not fit, or nothing would be left.

    The lecture's example, 2 × 2 by a 3 × 3 filter with padding 1 and stride 2 to 4 × 4. The full result is 5 × 5; its
    first row and column are the padding that goes:

    >>> out = transposed_convolution([[2, 1], [3, 2]], [[1, 2, 1], [2, 0, 1], [0, 2, 1]], padding=1, output_padding=1)
    >>> out[0].astype(int).tolist()
    [[0, 4, 0, 1], [10, 7, 6, 3], [0, 7, 0, 2], [6, 3, 4, 2]]
    """
    x, w = as_image(image), _kernels(weights)
    slide, shape = _slide(x, w, stride=stride, padding=padding, output_padding=output_padding)
    stamps = np.tensordot(w, x, axes=([0], [0])).transpose(0, 3, 4, 1, 2)  # (O, Y, X, ky, kx)
    out = scatter(stamps, slide, shape=shape)
    return out if bias is None else out + np.asarray(bias, dtype=np.float64)[:, None, None]


def transposed_convolution_gradients(
    gradient: Float64Array,
    image: ArrayLike,
    *,
    weights: ArrayLike,
    stride: int = 2,
    padding: Padding = "valid",
    output_padding: int = 0,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """From the gradient at the output (O, Y', X') to those at the image, the weights and the bias.

    >>> image, _, bias = transposed_convolution_gradients(np.ones((1, 2, 2)), [[3]], weights=np.ones((2, 2)))
    >>> image.tolist(), bias.tolist()
    ([[[4.0]]], [4.0])
    """
    x, w = as_image(image), _kernels(weights)
    slide, _ = _slide(x, w, stride=stride, padding=padding, output_padding=output_padding)
    windows = gather_windows(gradient, slide)  # (O, Y, X, ky, kx)
    to_image = np.tensordot(w, windows, axes=([1, 2, 3], [0, 3, 4]))
    to_weights = np.tensordot(x, windows, axes=([1, 2], [1, 2]))  # (C, O, ky, kx)
    return to_image, to_weights, gradient.sum(axis=(1, 2))


def transposed_convolution_steps(
    image: ArrayLike,
    weights: ArrayLike,
    *,
    stride: int = 2,
    padding: Padding = "valid",
    output_padding: int = 0,
) -> tuple[Step, ...]:
    """The stamp of every input pixel, in reading order: `window` is the kernel, `products` the stamp.

    `position` is the output pixel of the stamp's upper left corner, and may lie in the padding that is cut off; `value`
    is the input pixel. The first input and output channels are shown.

    >>> transposed_convolution_steps([[2, 1], [3, 2]], [[1, 2], [3, 4]])[1].text
    '1 × kernel is added from row 0, column 2'
    """
    x, w = as_image(image), _kernels(weights)
    slide, _ = _slide(x, w, stride=stride, padding=padding, output_padding=output_padding)
    kernel = w[0, :1]
    steps = []
    for y, column in np.ndindex(*x.shape[1:]):
        value = float(x[0, y, column])
        corner = (y * stride - slide.pads[0][0], column * stride - slide.pads[1][0])
        text = f"{short_number(value)} × kernel is added from row {corner[0]}, column {corner[1]}"
        steps.append(Step(corner, kernel, value * kernel, value, text))
    return tuple(steps)


def _kernels(weights: ArrayLike) -> Float64Array:
    w = np.asarray(weights, dtype=np.float64)
    w = w[None, None] if w.ndim == 2 else w
    if w.ndim != 4 or w.size == 0:
        raise ConfigError(f"weights must be (ky, kx) or (C, O, ky, kx), got shape {w.shape}; add or drop axes")
    return w


def _slide(
    x: Float64Array, w: Float64Array, *, stride: int, padding: Padding, output_padding: int
) -> tuple[Slide, tuple[int, int]]:
    """The slide of the convolution that this one transposes, over the output, and the output's size."""
    if w.shape[0] != x.shape[0]:
        raise ConfigError(f"weights must begin with the image's {x.shape[0]} channels, got {w.shape[0]}; match them")
    if stride < 1 or not 0 <= output_padding < stride:
        raise ConfigError(
            f"stride must be at least 1 and output_padding from 0 to stride - 1, got {stride} and {output_padding}"
        )
    pads = [_cut(k, stride, padding=padding, output_padding=output_padding) for k in w.shape[2:]]
    sizes = [(n - 1) * stride + k - sum(cut) for n, k, cut in zip(x.shape[1:], w.shape[2:], pads, strict=True)]
    if min(sizes) < 1:
        raise ConfigError(f"padding must leave an output, got {padding!r} for a kernel of {w.shape[2:]}; take less")
    return Slide((w.shape[2], w.shape[3]), stride, 1, (pads[0], pads[1])), (sizes[0], sizes[1])


def _cut(size: int, stride: int, *, padding: Padding, output_padding: int) -> tuple[int, int]:
    """Pixels that go at the beginning and the end of an axis; a negative number adds pixels that no stamp reaches."""
    if padding == "same":
        surplus = size - stride
        return max(surplus, 0) // 2, surplus - max(surplus, 0) // 2
    pixels = 0 if padding == "valid" else padding
    if not isinstance(pixels, int) or pixels < 0:
        raise ConfigError(f"padding must be 'valid', 'same' or a number of pixels from 0, got {padding!r}")
    return pixels, pixels - output_padding
