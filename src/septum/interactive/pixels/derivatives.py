"""Gaussian derivatives of images and eigenvalues of symmetric matrices: what a filter bank is made of.

The insight: along the axes that come later only what is kept is computed; and each sum has one order, so that any block
has the very bits of the whole image, on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from septum.geometry.arrays import Float32Array

Orders = tuple[int, ...]


TRUNCATE = 4.0


NARROW = 64
"""Rows with fewer outputs are correlated after exchanging axes, many of them side by side."""


def derivatives(
    image: Float32Array,
    *,
    scale: float,
    spacing: Sequence[float],
    orders: Sequence[Orders],
    keep: tuple[slice, ...] | None = None,
) -> dict[Orders, Float32Array]:
    """Gaussian derivatives of the image, one per tuple of orders (0, 1 or 2 along each axis).

    Derivatives are per unit of `spacing`; the image is mirrored at its border. Sampled kernels are corrected so that
    constants, ramps and parabolas get their exact derivatives even at widths below one voxel. Only the voxels of `keep`
    (None: all) are returned, and no more is computed than they need.

    >>> ramp = np.arange(41, dtype=np.float32) * np.ones((41, 1), np.float32)
    >>> round(float(derivatives(ramp, scale=1.0, spacing=(1.0, 0.5), orders=[(0, 1)])[0, 1][20, 20]), 3)
    2.0
    """
    kept = keep or tuple(slice(0, n) for n in image.shape)
    partial: dict[Orders, Float32Array] = {(): image}
    for axis in range(image.ndim):  # the last one last: its rows are short in a block, and by then there are few
        sigma = scale / spacing[axis]
        heads = sorted({order[: axis + 1] for order in orders})
        following: dict[Orders, Float32Array] = {}
        for head, array in partial.items():
            padded = _mirrored(array, radius(sigma), axis=axis, keep=kept[axis])
            for order in (h[-1] for h in heads if h[:-1] == head):
                taps = kernel(sigma, order) / np.float32(spacing[axis] ** order)
                following[(*head, order)] = _along(padded, taps, axis=axis)
        partial = following
    return partial


def kernel(sigma: float, order: int) -> Float32Array:
    """A sampled Gaussian of `sigma` voxels, or its first or second derivative, to be correlated with the image.

    >>> kernel(0.01, 1).tolist(), kernel(0.01, 2).tolist()
    ([-0.5, 0.0, 0.5], [1.0, -2.0, 1.0])
    """
    x = np.arange(-radius(sigma), radius(sigma) + 1, dtype=np.float64)
    width = max(sigma, 0.05 if order == 0 else 0.2)  # narrower derivatives are the plain differences of neighbours
    taps = np.exp(-0.5 * (x / width) ** 2)
    if order == 0:
        taps /= taps.sum()
    elif order == 1:
        taps *= x
        taps /= (taps * x).sum()
    else:
        taps *= x**2 / width**2 - 1
        taps[len(x) // 2] -= taps.sum()
        taps *= 2 / (taps * x**2).sum()
    return np.asarray(taps, dtype=np.float32)


def radius(sigma: float) -> int:
    """Half-width of a kernel in voxels, as scipy's, and 1 at the least so that a derivative sees its neighbours.

    >>> radius(1.0), radius(0.1)
    (4, 1)
    """
    return max(int(TRUNCATE * sigma + 0.5), 1)


def _mirrored(array: Float32Array, reach: int, *, axis: int, keep: slice) -> Float32Array:
    """What a kernel of this radius sees of an axis from the places `keep`, mirrored beyond the array."""
    start, stop = keep.start - reach, keep.stop + reach
    missing = (max(-start, 0), max(stop - array.shape[axis], 0))
    before = (slice(None),) * axis
    if not any(missing):
        return array[(*before, slice(start, stop))]
    padded = np.pad(array, [missing if a == axis else (0, 0) for a in range(array.ndim)], mode="symmetric")
    return padded[(*before, slice(start + missing[0], stop + missing[0]))]


def _along(padded: Float32Array, taps: Float32Array, *, axis: int) -> Float32Array:
    """Correlate along an axis, where the taps lie whole inside; one order of sums whatever the size of the block."""
    size = padded.shape[axis] - len(taps) + 1
    shape = tuple(size if a == axis else n for a, n in enumerate(padded.shape))
    if axis == padded.ndim - 1 and size < NARROW and padded.ndim > 1:  # short rows: the other axis is the long one
        turned = _along(np.moveaxis(padded, -1, 0), taps, axis=0)
        return np.ascontiguousarray(np.moveaxis(turned, 0, -1))
    from septum.interactive.pixels.correlate import correlate

    outer, step = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    out = np.empty((outer, size * step), np.float32)
    correlate(np.ascontiguousarray(padded).reshape(outer, -1), taps, out, step)
    return out.reshape(shape)


def eigenvalues(tensor: Mapping[tuple[int, int], Float32Array], *, ndim: int) -> list[Float32Array]:
    """Eigenvalues of symmetric 2×2 or 3×3 matrices, one per voxel, in descending order, in closed form.

    Args:
        tensor: the entries `(i, j)` with `i <= j`, each an array.
        ndim: 2 or 3. In 3-D by Smith's trigonometric formula (1961, Communications of the ACM 4:168).

    >>> one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    >>> print(*(v[0] for v in eigenvalues({(0, 0): one, (0, 1): zero, (1, 1): 3 * one}, ndim=2)))
    3.0 1.0
    """
    if ndim == 2:
        half = np.float32(0.5)
        mean = half * (tensor[0, 0] + tensor[1, 1])
        root = np.sqrt(np.square(half * (tensor[0, 0] - tensor[1, 1])) + np.square(tensor[0, 1]))
        return [mean + root, mean - root]
    mean = (tensor[0, 0] + tensor[1, 1] + tensor[2, 2]) / np.float32(3)
    a, b, c = (tensor[i, i] - mean for i in range(3))
    p, q, r = tensor[0, 1], tensor[0, 2], tensor[1, 2]
    size = np.sqrt((a * a + b * b + c * c + 2 * (p * p + q * q + r * r)) / np.float32(6))
    inverse = np.float32(1) / np.maximum(size, np.float32(1e-30))
    a, b, c, p, q, r = (value * inverse for value in (a, b, c, p, q, r))
    turn = np.float32(0.5) * (a * (b * c - r * r) - p * (p * c - r * q) + q * (p * r - b * q))
    angle = np.arccos(np.clip(turn, -1, 1)) / np.float32(3)
    largest: Float32Array = mean + 2 * size * np.cos(angle)
    smallest: Float32Array = mean + 2 * size * np.cos(angle + np.float32(2 * np.pi / 3))
    return [largest, 3 * mean - largest - smallest, smallest]
