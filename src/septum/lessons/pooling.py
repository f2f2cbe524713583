"""Pooling: one number for each window: its largest value, its mean, or one for the whole channel.

The insight: pooling has nothing to learn. It forgets where in the window a feature was and keeps that it was there; the
gradient of max pooling therefore flows to the winner alone, which is how the network still learns where to look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from septum.geometry.arrays import Float64Array
from septum.lessons.windows import Padding, Slide, Step, as_image, gather_windows, scatter, short_number
from septum.options import one_of

KINDS = ("max", "average")


def pooling(
    image: ArrayLike, *, size: int = 2, stride: int | None = None, padding: Padding = "valid", kind: str = "max"
) -> Float64Array:
    """Max or average pooling of an image (Y, X) or (C, Y, X), channel by channel: (C, Y', X').

    Windows that reach out of the image ("same") look at the pixels inside only. `stride` None is `size`: windows lie
    side by side.

    Raises:
        ConfigError: an unknown kind, or a window that does not fit.

    >>> image = [[2, 2, 7, 3], [9, 4, 6, 1], [8, 5, 2, 4], [3, 1, 2, 6]]
    >>> pooling(image, size=2)[0].tolist()
    [[9.0, 7.0], [8.0, 6.0]]
    """
    one_of(kind, KINDS, name="kind")
    x = as_image(image)
    windows = gather_windows(x, _slide(x, size, stride=stride, padding=padding), fill=np.nan)
    pooled: Float64Array = (np.nanmax if kind == "max" else np.nanmean)(windows, axis=(3, 4))
    return pooled


def pooling_gradient(
    gradient: Float64Array,
    image: ArrayLike,
    *,
    size: int = 2,
    stride: int | None = None,
    padding: Padding = "valid",
    kind: str = "max",
) -> Float64Array:
    """From the gradient at the output (C, Y', X') to the one at the image (C, Y, X).

    Max: all of it to the largest pixel of the window, the first in reading order of equal ones. Average: to all
    equally.

    >>> pooling_gradient(np.array([[[7.0]]]), [[1, 4], [2, 3]]).tolist()
    [[[0.0, 7.0], [0.0, 0.0]]]
    """
    one_of(kind, KINDS, name="kind")
    x = as_image(image)
    slide = _slide(x, size, stride=stride, padding=padding)
    windows = gather_windows(x, slide, fill=np.nan)
    if kind == "max":
        flat = np.where(np.isnan(windows), -np.inf, windows).reshape(*windows.shape[:3], -1)
        share = (np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]).reshape(windows.shape).astype(np.float64)
    else:
        inside = ~np.isnan(windows)
        share = inside / inside.sum(axis=(3, 4), keepdims=True)
    return scatter(share * gradient[..., None, None], slide, shape=x.shape)


def global_pooling(image: ArrayLike, *, kind: str = "average") -> Float64Array:
    """One number per channel, (C,): the mean or the largest value of the whole channel.

    >>> global_pooling([[1, 2], [3, 6]]).tolist()
    [3.0]
    """
    x = as_image(image)
    one_of(kind, KINDS, name="kind")
    found: Float64Array = (x.max if kind == "max" else x.mean)(axis=(1, 2))
    return found


def global_pooling_gradient(gradient: Float64Array, image: ArrayLike, *, kind: str = "average") -> Float64Array:
    """From the gradient at the output (C,) to the one at the image (C, Y, X).

    >>> global_pooling_gradient(np.array([4.0]), [[1, 2], [3, 4]]).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    x = as_image(image)
    one_of(kind, KINDS, name="kind")
    flat = x.reshape(len(x), -1)
    share = np.full(flat.shape, 1.0 / flat.shape[1])
    if kind == "max":
        share = (np.arange(flat.shape[1]) == flat.argmax(1)[:, None]).astype(np.float64)
    return np.asarray(share * gradient[:, None]).reshape(x.shape)


def pooling_steps(
    image: ArrayLike, *, size: int = 2, stride: int | None = None, padding: Padding = "valid", kind: str = "max"
) -> tuple[Step, ...]:
    """Every output pixel of the first channel with its window, row by row.

    >>> pooling_steps([[2, 2], [9, 4]], size=2)[0].text
    'max(2, 2, 9, 4) = 9'
    """
    x = as_image(image)[:1]
    values = pooling(x, size=size, stride=stride, padding=padding, kind=kind)[0]
    windows = gather_windows(x, _slide(x, size, stride=stride, padding=padding), fill=np.nan)
    steps = []
    for y, column in np.ndindex(*values.shape):
        window = windows[:, y, column]
        seen = ", ".join(short_number(value) for value in window.ravel() if not np.isnan(value))
        value = float(values[y, column])
        name = "max" if kind == "max" else "mean"
        steps.append(Step((y, column), window, window, value, f"{name}({seen}) = {short_number(value)}"))
    return tuple(steps)


def _slide(x: Float64Array, size: int, *, stride: int | None, padding: Padding) -> Slide:
    return Slide.over(x.shape, (size, size), stride=size if stride is None else stride, padding=padding)
