"""Which regions touch, where the pass between them is, and merging neighbours until none is alike enough.

The insight: merging one pair after another in order of likeness is a loop over every merge; but all pairs that are
each other's best neighbour can merge at once, as whole-array operations, and a few dozen rounds are enough for millions
of regions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pairs = NDArray[np.int64]
_SLAB = 1 << 22  # voxels whose faces are looked at together


def connected_parts(labels: NDArray[Any], *, full: bool = False) -> tuple[NDArray[Any], int]:
    """Parts 1…n of equal value that hang together (0 stays 0), and n; `cc3d` runs.

    Args:
        labels: boolean or not negative, 2-D or 3-D.
        full: through corners too, else through faces.
    """
    import cc3d

    if labels.ndim == 2:
        # A single row is turned into a column: cc3d reserves too few labels for a row of alternating values.
        row = labels.shape[0] == 1
        parts, count = cc3d.connected_components(
            labels.T if row else labels, connectivity=8 if full else 4, return_N=True
        )
        return (parts.T if row else parts), int(count)
    parts, count = cc3d.connected_components(labels, connectivity=26 if full else 6, return_N=True)
    return parts, int(count)


def touching(labels: NDArray[Any], ground: NDArray[Any] | None = None) -> tuple[Pairs, NDArray[np.int64]]:
    """Pairs of labels that share a face.

    Args:
        labels: 2-D or 3-D, not negative, below 2^31; 0 touches nobody.
        ground: heights of the same shape.

    Returns:
        `(M, 2)` pairs, the smaller label first, each once, sorted; and for each the height of the lowest pass between
        them (the higher voxel of the lowest face) where `ground` is given, else the number of faces that they share.
    """
    count = np.int64(labels.max()) + 1 if labels.size else np.int64(1)
    keys, values = np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = max(_SLAB // max(labels[:1].size, 1), 1)
    for start in range(0, len(labels), rows):
        found = [_faces(labels[start : start + rows + 1], ground, start, rows, axis) for axis in range(labels.ndim)]
        codes = np.concatenate([keys, *(low * count + high for low, high, _ in found)])
        heights = np.concatenate([values, *(value for _, _, value in found)])
        keys, values = _reduced(codes, heights, lowest=ground is not None)
    return np.stack([keys // count, keys % count], axis=1), values


def _faces(
    labels: NDArray[Any], ground: NDArray[Any] | None, start: int, rows: int, axis: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Smaller label, larger label and value of every face along one axis between two regions of a slab."""
    slab = labels if axis == 0 else labels[:rows]
    before, after = np.moveaxis(slab, axis, 0)[:-1], np.moveaxis(slab, axis, 0)[1:]
    border = (before != after) & (before > 0) & (after > 0)
    one, other = before[border].astype(np.int64), after[border].astype(np.int64)
    if ground is None:
        value = np.ones(len(one), np.int64)
    else:
        high = np.moveaxis(ground[start : start + len(slab)], axis, 0)
        value = np.maximum(high[:-1][border], high[1:][border]).astype(np.int64)
    return np.minimum(one, other), np.maximum(one, other), value


def _reduced(codes: NDArray[np.int64], values: NDArray[np.int64], *, lowest: bool) -> tuple[Pairs, NDArray[np.int64]]:
    """Each code once, with the lowest or the sum of its values."""
    if not len(codes):
        return codes, values
    order = np.argsort(codes, kind="stable")
    codes, values = codes[order], values[order]
    first = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return codes[first], (np.minimum if lowest else np.add).reduceat(values, first)


def merge_alike(
    pairs: Pairs,
    statistics: NDArray[np.float64],
    *,
    cost: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    combine: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    limit: float,
) -> NDArray[np.int64]:
    """Merge neighbours, best pairs first, until every pair of neighbours costs more than `limit`.

    Args:
        pairs: `(M, 2)` indices of touching regions.
        statistics: `(N, S)`, one row per region; `cost(a, b)` and `combine(a, b)` take and return rows.
        limit: the largest cost of a merge.

    Returns:
        `(N,)` number of the merged region of each region, 0…m-1 in order of their first member.

    In each round every two regions that are each other's cheapest neighbour merge. Equal costs are decided by a fixed
    shuffle of the pairs, so that flat images need few rounds too.
    """
    parent = np.arange(len(statistics))
    statistics = statistics.copy()
    shuffle = np.random.default_rng(0)
    while len(pairs):
        price = cost(statistics[pairs[:, 0]], statistics[pairs[:, 1]])
        ranked = np.flatnonzero(price <= limit)
        if not len(ranked):
            break
        candidates, price = pairs[ranked], price[ranked]
        order = np.lexsort((shuffle.permutation(len(price)), price))
        chosen = candidates[order[_mutual_first(candidates[order], len(parent))]]
        keep, gone = chosen[:, 0], chosen[:, 1]
        statistics[keep] = combine(statistics[keep], statistics[gone])
        into = np.arange(len(parent))
        into[gone] = keep
        parent = into[parent]
        pairs = _unique_pairs(into[pairs], len(parent))
    roots, first = np.unique(parent, return_index=True)
    number = np.empty(len(roots), np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(len(roots))
    merged: NDArray[np.int64] = number[np.searchsorted(roots, parent)]
    return merged


def _mutual_first(pairs: Pairs, count: int) -> NDArray[np.int64]:
    """Of pairs in order of preference: those that come first for both of their members."""
    best = np.full(count, len(pairs), np.int64)
    index = np.arange(len(pairs))[::-1]
    best[pairs[::-1, 0]] = index  # the last writer wins: the most preferred pair
    second = np.full(count, len(pairs), np.int64)
    second[pairs[::-1, 1]] = index
    best = np.minimum(best, second)
    place = np.arange(len(pairs))
    return np.flatnonzero((best[pairs[:, 0]] == place) & (best[pairs[:, 1]] == place))


def _unique_pairs(pairs: Pairs, count: int) -> Pairs:
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    codes = np.unique(low[low != high] * np.int64(count) + high[low != high])
    return np.stack([codes // count, codes % count], axis=1)
