"""Seeds, and what hangs together with them.

The insight: what a person points at is a few voxels of a large volume, and most of what hangs together with them lies
near. So components are labelled in a box around the seeds, which grows only while the region reaches its sides.

Seeds are voxel coordinates `(n, ndim)` in array order, or a boolean mask of the image's shape; `seeds_from_mm` turns
millimetres into voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import connected_parts
from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Mask, spacing_mm

_ROOM = 24  # voxels around the seeds in the first box


def seeds_from_mm(points_mm: ArrayLike, *, spacing: Sequence[float]) -> NDArray[np.int64]:
    """Voxel coordinates `(n, ndim)` nearest to points in mm, measured along the axes from the first voxel's centre.

    Args:
        points_mm: `(n, ndim)`, or one point `(ndim,)`.
        spacing: mm per array axis.

    Raises:
        GeometryError: spacing that is not positive, or points of another number of axes.

    >>> seeds_from_mm([10.0, 4.6], spacing=(2.5, 1.0)).tolist()
    [[4, 5]]
    """
    step = spacing_mm(spacing, len(spacing))
    points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
    if points.ndim != 2 or points.shape[1] != len(step) or not np.isfinite(points).all():
        raise GeometryError(
            f"points_mm must be finite and of shape (n, {len(step)}), got shape {points.shape}; "
            "give one number in mm per axis"
        )
    return np.floor(points / step + 0.5).astype(np.int64)


def seed_voxels(seeds: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Seeds as voxel coordinates `(n, ndim)`, n at least 1, all inside `shape`.

    Raises:
        GeometryError: seeds outside the image, a mask of another shape, coordinates of another number of axes.
        ConfigError: no seed at all.

    >>> seed_voxels([[False, True], [True, False]], (2, 2)).tolist()
    [[0, 1], [1, 0]]
    """
    given = np.asarray(seeds)
    if given.dtype == bool:
        if given.shape != shape:
            raise GeometryError(
                f"a mask of seeds must have the image's shape {shape}, got {given.shape}; put it on the same grid"
            )
        voxels = np.argwhere(given)
    else:
        voxels = np.atleast_2d(given) if given.size else np.zeros((0, len(shape)), np.int64)
        if voxels.ndim != 2 or voxels.shape[1] != len(shape) or voxels.dtype.kind not in "iu":
            raise GeometryError(
                f"seeds must be integer voxel coordinates of shape (n, {len(shape)}) or a boolean mask of shape "
                f"{shape}, got {voxels.dtype} of shape {given.shape}; use seeds_from_mm for millimetres"
            )
    if not len(voxels):
        raise ConfigError("seeds must hold at least one voxel, got none; mark one inside the object")
    outside = ((voxels < 0) | (voxels >= np.array(shape))).any(axis=1)
    if outside.any():
        raise GeometryError(
            f"seeds must lie inside the image of shape {shape}, got {voxels[outside][0].tolist()}; "
            "give voxel coordinates in array order, slowest axis first"
        )
    return voxels.astype(np.int64)


def connected_to(
    array: NDArray[Any],
    voxels: NDArray[np.int64],
    *,
    member: Callable[[NDArray[Any]], NDArray[Any]],
    reach: Sequence[int],
    full: bool,
) -> Mask:
    """What hangs together with the voxels, found in a box that grows while the region touches it.

    Args:
        array: 2-D or 3-D.
        voxels: `(n, ndim)`, inside the array.
        member: says of a part of the array what may belong: a mask, or labels of which different ones never connect.
        reach: how many voxels around the box `member` sees, per axis.
        full: through corners too, else through faces.

    Small regions of large volumes so cost what they are worth; boxes double along every axis, so that large ones cost
    little more than the whole volume at once.

    >>> image = np.array([[5, 5, 0, 5]])
    >>> connected_to(image, np.array([[0, 0]]), member=lambda part: part > 0, reach=(1, 1), full=False).tolist()
    [[True, True, False, False]]
    """
    shape = np.array(array.shape)
    room = _ROOM
    while True:
        low, high = np.maximum(voxels.min(0) - room, 0), np.minimum(voxels.max(0) + 1 + room, shape)
        if np.prod(high - low) > 0.5 * shape.prod():
            low, high = np.zeros_like(shape), shape
        wide = np.maximum(low - reach, 0), np.minimum(high + reach, shape)
        inside = member(array[tuple(map(slice, *wide))])
        inside = np.ascontiguousarray(inside[tuple(map(slice, low - wide[0], high - wide[0]))])
        found = _holding(inside, voxels - low, full=full)
        if not _touches(found, low > 0, above=high < shape):
            break
        room *= 2
    if found.shape == array.shape:
        return found
    mask = np.zeros(array.shape, bool)
    mask[tuple(map(slice, low, high))] = found
    return mask


def _touches(found: Mask, below: NDArray[np.bool_], *, above: NDArray[np.bool_]) -> bool:
    """Whether the region reaches a side of its box beyond which the image goes on."""
    return any(
        bool(open_side and found.take(place, axis).any())
        for axis in range(found.ndim)
        for open_side, place in ((below[axis], 0), (above[axis], -1))
    )


def _holding(inside: NDArray[Any], voxels: NDArray[np.int64], *, full: bool) -> Mask:
    """The components of `inside` (0: none) that hold at least one of the voxels."""
    labels, count = connected_parts(inside, full=full)
    wanted = np.zeros(count + 1, dtype=bool)
    wanted[labels[tuple(voxels.T)]] = True
    wanted[0] = False
    chosen = np.flatnonzero(wanted)
    return np.asarray(labels == chosen[0] if len(chosen) == 1 else wanted[labels])
