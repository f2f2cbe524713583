"""Integer pictures that are no labels: antialiased masks, and grey pictures or maps of probabilities.

The insight: samples of a class or of an object lie together, however small it is; greys are scattered, or rise and
fall in steps. So the neighbours tell what the number of values cannot: a mask of a thousand cells has a thousand, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 22
"""Samples that are counted at a time."""

_PICTURE_VALUES = 20
"""Fewer values than this are no grey picture."""

_PICTURE_SHARE = 0.15
"""Of samples without the commonest value: more of them alone or on a step than this is a picture. Of 30 masks of cells
and atlases of the brain none had more than 0.02; images have 0.2 to 1, smooth maps of probabilities 0.24 to 0.76."""


def value_counts(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of an integer array, sorted, and how often each occurs; counts instead of sorting where it can."""
    if not array.size:
        return np.empty(0, array.dtype), np.empty(0, np.int64)
    low, span = int(array.min()), int(array.max()) - int(array.min()) + 1
    if span > 1 << 16:
        values, found = np.unique(array, return_counts=True)
        return values, found.astype(np.int64)
    flat, counts = array.reshape(-1), np.zeros(span, dtype=np.int64)
    for start in range(0, flat.size, _CHUNK):
        counts += np.bincount(flat[start : start + _CHUNK].astype(np.int64) - low, minlength=span)
    present = np.flatnonzero(counts)
    return present + low, counts[present]


def grey_edges(array: NDArray[Any], values: NDArray[Any], *, counts: NDArray[Any]) -> tuple[int, ...]:
    """In-between values that interpolation or JPEG left along the edges between the true ones; else `()`.

    Samples of a class or of an object lie together, however small it is. In-between values are scattered (most of their
    samples have no neighbour of the same value along the last two axes), or they are steps (most of their samples have
    a smaller value on one side and a larger one on the other). A mask counts as antialiased when such values outnumber
    the others and hold less than a third of all samples.
    """
    alone, step = _alone_and_steps(array)
    between = 2 * _counts_where(array, alone, values=values) > counts
    between |= 10 * _counts_where(array, step, values=values) > 7 * counts
    n_between, samples = int(between.sum()), int(counts[between].sum())
    if n_between < 3 or 2 * n_between <= len(values) or 3 * samples > counts.sum() or between.all():
        return ()
    low, high = int(values[~between].min()), int(values[~between].max())
    if not ((values[between] > low) & (values[between] < high)).any():
        return ()
    return tuple(int(v) for v in values[between])


def _alone_and_steps(array: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Samples that differ from all neighbours along the last two axes, and those that lie between two of them."""
    alone, step = np.ones(array.shape, dtype=bool), np.zeros(array.shape, dtype=bool)
    for axis in range(max(0, array.ndim - 2), array.ndim):
        before = tuple(slice(None, -1) if a == axis else slice(None) for a in range(array.ndim))
        after = tuple(slice(1, None) if a == axis else slice(None) for a in range(array.ndim))
        middle = tuple(slice(1, -1) if a == axis else slice(None) for a in range(array.ndim))
        differs, rises = array[before] != array[after], array[before] < array[after]
        alone[before] &= differs
        alone[after] &= differs
        falls = differs & ~rises
        step[middle] |= (rises[before] & rises[after]) | (falls[before] & falls[after])
    return alone, step


def _counts_where(array: NDArray[Any], where: NDArray[np.bool_], *, values: NDArray[Any]) -> NDArray[np.int64]:
    """For each value: how many of its samples lie where the mask is true."""
    found, counts = value_counts(array[where])
    result = np.zeros(len(values), dtype=np.int64)
    result[np.searchsorted(values, found)] = counts
    return result


def _beside(other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a neighbour along the last two axes is true."""
    found = np.zeros_like(other)
    for axis in range(max(0, other.ndim - 2), other.ndim):
        before = tuple(slice(None, -1) if a == axis else slice(None) for a in range(other.ndim))
        after = tuple(slice(1, None) if a == axis else slice(None) for a in range(other.ndim))
        found[before] |= other[after]
        found[after] |= other[before]
    return found


def is_picture(array: NDArray[Any]) -> bool:
    """Whether an integer array is a grey picture or a map of probabilities instead of labels.

    >>> is_picture(np.arange(400).reshape(20, 20) // 2)
    True
    >>> is_picture(np.repeat(np.repeat(np.arange(25).reshape(5, 5), 8, axis=0), 8, axis=1))
    False
    """
    if array.ndim == 3 and array.size > _CHUNK:
        array = array[:: 1 + array.size // _CHUNK]  # neighbours are those within a slice
    values, counts = value_counts(array)
    if len(values) < _PICTURE_VALUES:
        return False
    other = array != values[counts.argmax()]
    alone, step = _alone_and_steps(array)
    alone &= _beside(other)  # ids of points, single samples in the background, are labels
    return bool(np.count_nonzero((alone | step) & other) > _PICTURE_SHARE * np.count_nonzero(other))
