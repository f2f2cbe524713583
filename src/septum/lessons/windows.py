"""Windows: the one idea that convolution, pooling and transposed convolution share.

The insight: a layer that slides needs two movements only. `gather_windows` cuts the window under every output pixel out
of the image; `scatter` adds windows back where they came from. Each is the other's gradient, which is why the
transposed convolution that enlarges an image is the convolution's gradient that shrinks it.

Images are (C, Y, X), sizes per axis (Y, X).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array

Padding = int | Literal["valid", "same"]


@dataclass(frozen=True)
class Step:
    """How one output pixel came about.

    Args:
        position: (y, x) of the pixel in the output.
        window: what lay under the kernel, (C, ky, kx); nan where a pooling window reaches out of the image.
        products: window times kernel, of the same shape; for pooling the window again.
        value: the output pixel.
        text: the arithmetic in a line.
    """

    position: tuple[int, int]
    window: Float64Array
    products: Float64Array
    value: float
    text: str


@dataclass(frozen=True)
class Slide:
    """How a window slides along both axes: its size, stride, dilation, and the padding (before, after) of each axis.

    A negative padding after an axis stands for pixels that no window reaches (transposed convolution only).
    """

    size: tuple[int, int]
    stride: int
    dilation: int
    pads: tuple[tuple[int, int], tuple[int, int]]

    @classmethod
    def over(
        cls, shape: tuple[int, ...], size: tuple[int, ...], *, stride: int, padding: Padding, dilation: int = 1
    ) -> Slide:
        """The slide of a window of `size` (ky, kx) over an image of `shape` (C, Y, X).

        "same" pads so that the output has ceil(length / stride) pixels, the odd pixel at the end, as Keras does.

        Raises:
            ConfigError: when a number is not positive, or the window does not fit.
        """
        for name, value in (("size", min(size)), ("stride", stride), ("dilation", dilation)):
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}; give a larger one")
        pads = [
            _pad(n, k, stride=stride, padding=padding, dilation=dilation) for n, k in zip(shape[-2:], size, strict=True)
        ]
        slide = cls((size[0], size[1]), stride, dilation, (pads[0], pads[1]))
        if min(slide.output(shape)) < 1:
            raise ConfigError(
                f"the window {size} with dilation {dilation} must fit into the padded image, got an image of "
                f"{shape[-2:]}; take a smaller window, or padding 'same'"
            )
        return slide

    def output(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Size (Y, X) of the output: floor((n + padding - extent) / stride) + 1."""
        sizes = [
            (n + sum(pad) - self.dilation * (k - 1) - 1) // self.stride + 1
            for n, k, pad in zip(shape[-2:], self.size, self.pads, strict=True)
        ]
        return sizes[0], sizes[1]


def _pad(length: int, size: int, *, stride: int, padding: Padding, dilation: int) -> tuple[int, int]:
    if padding == "same":
        outputs = -(-length // stride)
        total = max(0, (outputs - 1) * stride + dilation * (size - 1) + 1 - length)
        return total // 2, total - total // 2
    if padding == "valid":
        return 0, 0
    if isinstance(padding, int) and padding >= 0:
        return padding, padding
    raise ConfigError(f"padding must be 'valid', 'same' or a number of pixels from 0, got {padding!r}")


def as_image(image: ArrayLike, name: str = "image") -> Float64Array:
    """The image as (C, Y, X) float64; a plane (Y, X) becomes one channel.

    Raises:
        ConfigError: of another dimension, empty, or with values that are not finite.

    >>> as_image([[1, 2], [3, 4]]).shape
    (1, 2, 2)
    """
    found = np.asarray(image, dtype=np.float64)
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or found.size == 0:
        raise ConfigError(
            f"{name} must be (Y, X) or (C, Y, X) and not empty, got shape {found.shape}; add or drop axes"
        )
    if not np.isfinite(found).all():
        raise ConfigError(f"{name} must be finite, got nan or infinity; replace them first")
    return found


def gather_windows(image: Float64Array, slide: Slide, *, fill: float = 0.0) -> Float64Array:
    """The window under every output pixel, as a view (C, Y', X', ky, kx) of the image padded with `fill`.

    >>> image = as_image([[1, 2, 3]])
    >>> gather_windows(image, Slide.over(image.shape, (1, 2), stride=1, padding=0))[0, 0].tolist()
    [[[1.0, 2.0]], [[2.0, 3.0]]]
    """
    pads = [(before, max(after, 0)) for before, after in slide.pads]
    padded = np.pad(image, ((0, 0), *pads), constant_values=fill)
    extent = tuple(slide.dilation * (k - 1) + 1 for k in slide.size)
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(1, 2))
    return windows[:, :: slide.stride, :: slide.stride, :: slide.dilation, :: slide.dilation]


def scatter(windows: Float64Array, slide: Slide, *, shape: tuple[int, ...]) -> Float64Array:
    """Add windows (C, Y', X', ky, kx) where `gather_windows` would cut them, and drop the padding: an image of `shape`.

    >>> image = as_image([[1, 2, 3]])
    >>> slide = Slide.over(image.shape, (1, 2), stride=1, padding=0)
    >>> scatter(gather_windows(image, slide), slide, shape=image.shape).tolist()  # the 2 lies in both windows
    [[[1.0, 4.0, 3.0]]]
    """
    (top, bottom), (left, right) = slide.pads
    y, x = shape[-2:]
    canvas = np.zeros((windows.shape[0], y + top + max(bottom, 0), x + left + max(right, 0)))
    rows, columns = windows.shape[1:3]
    s, d = slide.stride, slide.dilation
    for i in range(slide.size[0]):
        for j in range(slide.size[1]):
            below = (slice(i * d, i * d + s * (rows - 1) + 1, s), slice(j * d, j * d + s * (columns - 1) + 1, s))
            canvas[:, *below] += windows[:, :, :, i, j]
    return canvas[:, top : top + y, left : left + x]


def short_number(value: float) -> str:
    """A number in four digits, without trailing zeros.

    >>> short_number(3.0), short_number(-0.25)
    ('3', '-0.25')
    """
    return f"{value:.4g}"
