"""Which pixels lie inside an outline: the one rule for polygons that people draw and for contours in files.

The insight: whether a pixel's centre is inside is decided by the even-odd rule, row by row: a row enters and leaves
the polygon at each crossing with an edge. The cost grows with the rows that the edges cross, not with area times
corners.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_EXACT = 1e-9  # pixels: rounding of a crossing that falls on a pixel's centre


def inside_outline(corners: ArrayLike, shape: Sequence[int]) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """Where the box of a polygon in a plane of `shape` `(rows, columns)` begins, and which of its pixels are inside.

    Args:
        corners: positions `(n, 2)`, row and column, n at least 3; may lie outside the plane.
        shape: of the plane.

    Even-odd rule; a centre on an edge or corner is inside. A polygon beside the plane gives an empty mask.

    >>> first, mask = inside_outline([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]], (5, 5))
    >>> first, mask.shape, int(mask.sum())
    ((1, 1), (2, 2), 4)
    """
    place = np.asarray(corners, dtype=np.float64)
    low = np.clip(np.ceil(place.min(axis=0) - _EXACT), 0, shape).astype(int)
    high = np.clip(np.floor(place.max(axis=0) + _EXACT) + 1, low, shape).astype(int)
    rows, columns = (high - low).tolist()
    if not rows or not columns:
        return (int(low[0]), int(low[1])), np.zeros((rows, columns), bool)
    start = place - low
    stop = np.roll(start, -1, axis=0)
    row, column = _crossings(start, stop, rows=rows)
    first = np.clip(np.ceil(column - _EXACT), 0, columns).astype(np.int64)
    turns = np.bincount(row * (columns + 1) + first, minlength=rows * (columns + 1)).reshape(rows, columns + 1)
    mask = (np.cumsum(turns, axis=1)[:, :columns] & 1).astype(bool)
    _mark_edges(mask, start, stop=stop)
    return (int(low[0]), int(low[1])), mask


def _crossings(
    start: NDArray[np.float64], stop: NDArray[np.float64], *, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row and column of every crossing of an edge with the centre line of a row, each edge's lower end excluded."""
    flip = start[:, 0] > stop[:, 0]
    top, bottom = np.where(flip[:, None], stop, start), np.where(flip[:, None], start, stop)
    first = np.clip(np.ceil(top[:, 0]), 0, rows).astype(np.int64)
    count = np.maximum(np.clip(np.ceil(bottom[:, 0]), 0, rows).astype(np.int64) - first, 0)
    edge = np.repeat(np.arange(len(top)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    share = (row - top[edge, 0]) / (bottom[edge, 0] - top[edge, 0])
    return row, top[edge, 1] + share * (bottom[edge, 1] - top[edge, 1])


def _mark_edges(mask: NDArray[np.bool_], start: NDArray[np.float64], *, stop: NDArray[np.float64]) -> None:
    """Mark the pixels whose centre lies exactly on an edge or corner."""
    rows, columns = mask.shape
    level = start[:, 0] == stop[:, 0]
    for a, b in zip(start[level], stop[level], strict=True):
        if a[0] == int(a[0]) and 0 <= a[0] < rows:
            left, right = sorted((a[1], b[1]))
            mask[int(a[0]), max(int(np.ceil(left)), 0) : max(int(np.floor(right)) + 1, 0)] = True
    row, column = _crossings(start[~level], stop[~level], rows=rows)
    corners = start[(start == np.floor(start)).all(axis=1)]
    row = np.concatenate([row, corners[:, 0].astype(np.int64)])
    column = np.concatenate([column, corners[:, 1]])
    near = np.rint(column)
    on = (np.abs(column - near) <= _EXACT) & (near >= 0) & (near < columns) & (row >= 0) & (row < rows)
    mask[row[on], near[on].astype(np.int64)] = True
