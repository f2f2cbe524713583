"""Smooth operations on patches, written as one small matrix per axis.

The insight: interpolating a coarse grid of random values up to a patch, blurring, and reducing then restoring the
resolution are all linear and act on each axis on its own. Each is therefore a product with an `(out, in)` matrix per
axis; several in a row multiply into one matrix before any voxel is touched, and the products run at the speed of the
processor's matrix multiplication (about 1 ms for 64³ voxels), on every device, without a Fourier transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]


def along_axes(values: Tensor, matrices: Sequence[Matrix | None]) -> Tensor:
    """Multiply the last `len(matrices)` axes of `values` by an `(out, in)` matrix each; `None` leaves an axis alone.

    Shapes `(..., *in)` to `(..., *out)`, on the device and in the type of `values`.

    >>> along_axes(torch.tensor([[1.0, 3.0]]), [None, np.array([[0.5, 0.5]])])
    tensor([[2.]])
    """
    for back, matrix in enumerate(reversed(matrices), start=1):
        if matrix is None:
            continue
        weights = torch.tensor(matrix, dtype=values.dtype, device=values.device)
        if back == 1:
            values = values @ weights.T
        else:
            *outer, _ = values.shape[: values.ndim - back + 1]
            inner = values.shape[values.ndim - back + 1 :]
            flat = weights @ values.flatten(-back + 1)  # (..., in, rest) -> (..., out, rest)
            values = flat.reshape(*outer, len(matrix), *inner)
    return values


@lru_cache(maxsize=256)
def spline_matrix(size: int, knots: int) -> Matrix:
    """`(size, knots)` weights of the cubic spline through `knots` even values; first and last sample lie on a knot.

    The spline passes through every knot and is twice continuously differentiable; beyond the ends the knots are
    mirrored (the same function as `scipy.ndimage.zoom(order=3, mode="mirror")`). Applied along each axis it is bicubic
    (tricubic) interpolation of a coarse grid.

    >>> spline_matrix(5, 3)[2].round(6) + 0.0
    array([0., 1., 0.])
    """
    if knots == 1:
        return np.ones((size, 1))
    positions = np.linspace(0.0, knots - 1, size) if size > 1 else np.array([(knots - 1) / 2])
    at_knots = _basis(np.arange(knots, dtype=np.float64), knots)
    matrix = np.asarray(np.linalg.solve(at_knots.T, _basis(positions, knots).T).T, dtype=np.float64)
    matrix.flags.writeable = False
    return matrix


def _basis(positions: Matrix, knots: int) -> Matrix:
    """`(len(positions), knots)` cubic B-spline values at `positions`, coefficients mirrored at both ends."""
    basis = np.zeros((len(positions), knots))
    first = np.floor(positions).astype(int) - 1
    for tap in range(4):
        distance = np.abs(positions - (first + tap))
        inside = 2 / 3 - distance**2 * (2 - distance) / 2
        weight = np.where(distance < 1, inside, np.maximum(2 - distance, 0) ** 3 / 6)
        np.add.at(basis, (np.arange(len(positions)), mirror(first + tap, knots)), weight)
    return basis


@lru_cache(maxsize=256)
def low_pass_matrix(size: int, sigma: float, *, factor: float) -> Matrix:
    """`(size, size)` matrix that blurs and then simulates a coarser acquisition along one axis.

    Args:
        size: samples along the axis.
        sigma: standard deviation of the Gaussian blur in samples; 0 = none.
        factor: the axis is averaged into samples `factor` times as large and interpolated linearly back; 1 = none.

    >>> low_pass_matrix(4, 0.0, factor=2.0).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    matrix = gaussian_matrix(size, sigma) if sigma > 1e-3 else np.eye(size)
    coarse = max(1, round(size / factor))
    if coarse < size:  # row operations, no matrix products: 0.5 instead of 16 ms beside a busy thread pool
        total = np.vstack([np.zeros(size), np.cumsum(matrix, axis=0)])
        means = np.diff(_rows_at(total, np.linspace(0, size, coarse + 1)), axis=0) * (coarse / size)
        matrix = _rows_at(means, np.clip((np.arange(size) + 0.5) * (coarse / size) - 0.5, 0, coarse - 1))
    matrix.flags.writeable = False
    return matrix


def _rows_at(rows: Matrix, positions: Matrix) -> Matrix:
    """Rows interpolated linearly at fractional positions in `[0, len(rows) - 1]`."""
    below = positions.astype(int)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, None]
    return np.asarray(rows[below] * (1 - share) + rows[above] * share)


def gaussian_matrix(size: int, sigma: float) -> Matrix:
    """`(size, size)` Gaussian blur of standard deviation `sigma` samples, mirrored ends, rows sum to 1.

    >>> gaussian_matrix(5, 1.0).sum(axis=1).round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    radius = int(np.ceil(3 * sigma))
    taps = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (taps / sigma) ** 2)
    kernel /= kernel.sum()
    matrix = np.zeros((size, size))
    columns = mirror(np.arange(size)[:, None] + taps, size)
    np.add.at(matrix, (np.arange(size)[:, None], columns), np.broadcast_to(kernel, columns.shape))
    return matrix


def mirror(index: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    """Fold any index into `[0, size)` by mirroring at the first and last sample, which are not repeated.

    >>> mirror(np.arange(-2, 5), 3)
    array([2, 1, 0, 1, 2, 1, 0])
    """
    if size == 1:
        return np.zeros_like(index)
    last = size - 1
    return np.asarray(last - np.abs(np.mod(index, 2 * last) - last))
