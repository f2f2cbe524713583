"""Resampling between any two grids, for images and for labels, slab by slab so that memory stays bounded.

The insight: two grids and nothing else decide the map (target index -> world -> source index is one affine), so there
is no "interpolation spacing" to get out of step with the data. For the fixed way into a network and back see
`placement`, which is separable and faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry.grid import Grid
from septum.geometry.image import Image, LabelMap
from septum.geometry.placement import ANTI_ALIAS_FROM

SLAB_VOXELS = 2**22
"""Number of target samples that are computed at once."""


def resample_image(image: Image, grid: Grid, *, order: int = 1, outside: float | None = None) -> Image:
    """Intensities of `image` at the samples of `grid`.

    Args:
        image: `(C, *spatial)`; samples that are not finite count as 0.
        grid: where to sample; the same number of axes as the image's grid, any orientation and spacing.
        order: 0 nearest, 1 linear, 2 to 5 spline of that order.
        outside: value beyond the source's voxels; by default the smallest value of each channel.

    Returns:
        Image on `grid`, float32 (for order 0 the type of the source). Down-sampling by more than 1.5 along a source
        axis is preceded by a Gaussian when `order` is at least 1.

    Raises:
        GeometryError: when the grids differ in the number of axes or the order is not 0 to 5.

    >>> image = Image(np.array([[[0.0, 2.0, 4.0]]]), Grid.from_spacing((1, 3), (1.0, 1.0)))
    >>> resample_image(image, Grid.from_spacing((1, 5), (1.0, 0.5))).array.tolist()
    [[[0.0, 1.0, 2.0, 3.0, 4.0]]]
    """
    from scipy import ndimage

    to_source = _index_map(image.grid, grid)
    if order not in range(6):
        raise GeometryError(f"order must be 0 to 5, got {order}")
    dtype = image.array.dtype if order == 0 else np.dtype(np.float32)
    if _is_identity(to_source, image.grid, target=grid):
        return Image(image.array.astype(dtype, copy=False), grid, image.channels, image.notes)
    spline: Any = order  # the stubs of scipy want a literal
    result = np.empty((len(image.array), *grid.shape), dtype=dtype)
    for source, out in zip(image.array, result, strict=True):
        data: Any = source if order == 0 else _smoothed(source, to_source)
        fill = float(data.min()) if outside is None else outside
        if order > 1:
            data = ndimage.spline_filter(data, order=spline, output=np.float32, mode="nearest")
        for slab, matrix, offset in _slabs(grid.shape, to_source):
            ndimage.affine_transform(
                data, matrix, offset, output=out[slab], output_shape=out[slab].shape,
                order=spline, mode="nearest", prefilter=False,
            )  # fmt: skip
            out[slab][_beyond(out[slab].shape, matrix, offset=offset, counts=source.shape)] = fill
    return Image(result, grid, image.channels, image.notes)


def resample_labels(labels: LabelMap, grid: Grid, *, outside: int = 0) -> LabelMap:
    """Labels at the samples of `grid`, nearest neighbour; beyond the source's voxels `outside`.

    The integer type is kept where it holds `outside`.

    Raises:
        GeometryError: when the grids differ in the number of axes.

    >>> labels = LabelMap(np.array([[0, 7]]), Grid.from_spacing((1, 2), (1.0, 1.0)))
    >>> resample_labels(labels, Grid.from_spacing((1, 4), (1.0, 0.5))).array.tolist()
    [[0, 7, 7, 0]]
    """
    to_source = _index_map(labels.grid, grid)
    if _is_identity(to_source, labels.grid, target=grid):
        return LabelMap(labels.array, grid, labels.names, labels.notes)
    result = np.empty(grid.shape, dtype=np.promote_types(labels.array.dtype, np.min_scalar_type(outside)))
    for slab, matrix, offset in _slabs(grid.shape, to_source):
        index = [axis.astype(np.intp) for axis in _rounded(result[slab].shape, matrix, offset=offset)]
        valid = np.ones(result[slab].shape, dtype=bool)
        for axis, n in zip(index, labels.grid.shape, strict=True):
            valid &= (axis >= 0) & (axis < n)
            np.clip(axis, 0, n - 1, out=axis)
        result[slab] = np.where(valid, labels.array[tuple(np.broadcast_arrays(*index))], result.dtype.type(outside))
    return LabelMap(result, grid, labels.names, labels.notes)


def _index_map(source: Grid, target: Grid) -> NDArray[np.float64]:
    if source.ndim != target.ndim:
        raise GeometryError(f"both grids must have as many axes, got {source.ndim} and {target.ndim}")
    return np.asarray(np.linalg.inv(source.affine) @ target.affine, dtype=np.float64)


def _is_identity(to_source: NDArray[np.float64], source: Grid, *, target: Grid) -> bool:
    return source.shape == target.shape and bool(np.abs(to_source - np.eye(len(to_source))).max() < 1e-6)


def _slabs(
    shape: tuple[int, ...], to_source: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float64]]]:
    """Slices of the first target axis, each with the matrix and offset that lead from its indices to the source's."""
    rows = max(1, SLAB_VOXELS // max(1, int(np.prod(shape[1:], dtype=np.int64))))
    matrix = to_source[:-1, :-1]
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0])), matrix, to_source[:-1, -1] + matrix[:, 0] * start


def _source_axes(
    shape: tuple[int, ...], matrix: NDArray[np.float64], *, offset: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Per source axis its fractional index at every target sample; axes that play no part are left out (size 1)."""
    for row, start in zip(matrix, offset, strict=True):
        total = np.full((1,) * len(shape), start)
        for axis, step in enumerate(row):
            if step != 0:
                ramp = np.arange(shape[axis]) * step
                total = total + ramp.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        yield total


def _rounded(
    shape: tuple[int, ...], matrix: NDArray[np.float64], *, offset: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    # The nudge keeps exact halves, which rounding noise would scatter, on one side.
    for axis in _source_axes(shape, matrix, offset=offset):
        yield np.floor(axis + 0.5 + 1e-9)


def _beyond(
    shape: tuple[int, ...], matrix: NDArray[np.float64], *, offset: NDArray[np.float64], counts: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which target samples lie beyond the outer faces of the source's voxels."""
    result = np.zeros(shape, dtype=bool)
    for axis, n in zip(_source_axes(shape, matrix, offset=offset), counts, strict=True):
        result |= (axis < -0.5 - 1e-6) | (axis > n - 0.5 + 1e-6)
    return result


def _smoothed(source: NDArray[Any], to_source: NDArray[np.float64]) -> NDArray[np.float32]:
    from scipy import ndimage

    data = np.array(source, dtype=np.float32)
    if not np.isfinite(data).all():
        np.nan_to_num(data, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    for axis, factor in enumerate(np.linalg.norm(to_source[:-1, :-1], axis=1)):
        if factor > ANTI_ALIAS_FROM and data.shape[axis] > 1:
            data = ndimage.gaussian_filter1d(data, (factor - 1) / 2, axis=axis, mode="nearest")
    return data
