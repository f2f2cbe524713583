"""Which regions touch, where the pass between them is, and merging neighbours until none is alike enough.

The insight: merging one pair after another in order of likeness is a loop over every merge; but all pairs that are
each other's best neighbour can merge at once, with all that would rather join them than anyone else, as whole-array
operations; and a few dozen rounds are enough for millions of regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONNECTIVITY = ("full", "faces")
"""What counts as a neighbour: through corners and edges too, or through faces alone."""

Pairs = NDArray[np.int64]
Statistics = NDArray[np.float64]
_TURNS = 8  # regions of a star that join one after the other in all stars at once; the rest star by star
_SLAB = 1 << 22  # voxels whose faces are looked at together


def connected_parts(labels: NDArray[Any], *, full: bool = False) -> tuple[NDArray[Any], int]:
    """Parts 1…n of equal value that hang together (0 stays 0), and n; `cc3d` runs.

    Args:
        labels: boolean or not negative, 2-D or 3-D.
        full: through corners too, else through faces.

    >>> connected_parts(np.array([[1, 0], [0, 1]]))[1], connected_parts(np.array([[1, 0], [0, 1]]), full=True)[1]
    (2, 1)
    """
    import cc3d

    if sum(n > 1 for n in labels.shape) <= 1:  # of a line of alternating values cc3d reserves too few labels
        flat = labels.reshape(-1)
        begins = (flat != 0) & np.concatenate([[True], flat[1:] != flat[:-1]])[: flat.size]
        line = np.where(flat != 0, np.cumsum(begins), 0).astype(np.uint32)
        return line.reshape(labels.shape), int(np.count_nonzero(begins))
    reach = (8 if full else 4) if labels.ndim == 2 else (26 if full else 6)
    labels = np.require(labels, requirements="W")  # files may be mapped for reading; cc3d takes none of those
    parts, count = cc3d.connected_components(labels, connectivity=reach, return_N=True)
    return parts, int(count)


def touching(labels: NDArray[Any], ground: NDArray[Any] | None = None) -> tuple[Pairs, NDArray[np.int64]]:
    """Pairs of labels that share a face.

    Args:
        labels: 2-D or 3-D, not negative, below 2^31; 0 touches nobody.
        ground: heights of the same shape.

    Returns:
        `(M, 2)` pairs, the smaller label first, each once, sorted; and for each the height of the lowest pass between
        them (the higher voxel of the lowest face) where `ground` is given, else the number of faces that they share.

    >>> pairs, _ = touching(np.array([[1, 2, 0, 3]]))
    >>> pairs.tolist()
    [[1, 2]]
    """
    count = np.int64(labels.max()) + 1 if labels.size else np.int64(1)
    keys, values = np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = max(_SLAB // max(labels[:1].size, 1), 1)
    for start in range(0, len(labels), rows):
        found = [
            _faces(labels[start : start + rows + 1], ground, start=start, rows=rows, axis=axis)
            for axis in range(labels.ndim)
        ]
        codes = np.concatenate([keys, *(low * count + high for low, high, _ in found)])
        heights = np.concatenate([values, *(value for _, _, value in found)])
        keys, values = _reduced(codes, heights, lowest=ground is not None)
    return np.stack([keys // count, keys % count], axis=1), values


def _faces(
    labels: NDArray[Any], ground: NDArray[Any] | None, *, start: int, rows: int, axis: int
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


@dataclass(frozen=True)
class Likeness:
    """How alike two regions are, from rows of numbers about them.

    Args:
        cost: `(M, S), (M, S) → (M,)`, what it costs to merge two regions.
        totals: `(n, S) → (n, S)`, row i: the first i + 1 regions taken together.
    """

    cost: Callable[[Statistics, Statistics], Statistics]
    totals: Callable[[Statistics], Statistics]


def merge_alike(pairs: Pairs, statistics: Statistics, *, likeness: Likeness, limit: float) -> NDArray[np.int64]:
    """Merge neighbours, best pairs first, until every pair of neighbours costs more than `limit`.

    Args:
        pairs: `(M, 2)` indices of touching regions.
        statistics: `(N, S)`, one row per region.
        likeness: of rows.
        limit: the largest cost of a merge.

    Returns:
        `(N,)` number of the merged region of each region, 0…m-1 in order of their first member.

    In each round every two regions that are each other's cheapest neighbour merge; then those whose cheapest neighbour
    is one of the two join them, cheapest first, while the cost of joining what has come together by then stays within
    the limit. (Without these a large region takes in one neighbour per round, which is thousands of rounds.) Equal
    costs are decided by a fixed shuffle of the pairs, so that flat images need few rounds too.

    >>> means = Likeness(lambda one, other: abs(one[:, 0] - other[:, 0]), lambda rows: np.cumsum(rows, axis=0))
    >>> merge_alike(np.array([[0, 1], [1, 2]]), np.array([[1.0], [2.0], [9.0]]), likeness=means, limit=2.0).tolist()
    [0, 0, 1]
    """
    parent = np.arange(len(statistics))
    statistics = statistics.copy()
    shuffle = np.random.default_rng(0)
    while len(pairs):
        price = likeness.cost(statistics[pairs[:, 0]], statistics[pairs[:, 1]])
        ranked = np.flatnonzero(price <= limit)
        if not len(ranked):
            break
        ranked = shuffle.permutation(ranked)
        order = ranked[np.argsort(price[ranked], kind="stable")]
        joining, centre = _stars(pairs[order], len(parent))
        joined = _gathered(joining, centre, statistics=statistics, likeness=likeness, limit=limit)
        into = np.arange(len(parent))
        into[joining[joined]] = centre[joined]
        parent = into[parent]
        pairs = _unique_pairs(into[pairs], len(parent))
    roots, first = np.unique(parent, return_index=True)
    number = np.empty(len(roots), np.int64)
    number[np.argsort(first, kind="stable")] = np.arange(len(roots))
    merged: NDArray[np.int64] = number[np.searchsorted(roots, parent)]
    return merged


def _stars(pairs: Pairs, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Regions that join, and the one that each joins, from pairs in order of preference.

    Of two regions whose first pair is the same, one joins the other; so do those whose first pair holds one of the
    two. Sorted by the region that is joined, then by preference.
    """
    place = np.arange(len(pairs))
    best = np.full(count, len(pairs), np.int64)
    best[pairs[::-1, 0]] = place[::-1]  # the last writer wins: the most preferred pair
    second = np.full(count, len(pairs), np.int64)
    second[pairs[::-1, 1]] = place[::-1]
    best = np.minimum(best, second)
    mutual = pairs[(best[pairs[:, 0]] == place) & (best[pairs[:, 1]] == place)]
    centre = np.full(count, -1, np.int64)
    centre[mutual] = mutual[:, :1]
    some = np.flatnonzero(best < len(pairs))
    other = pairs[best[some]].sum(axis=1) - some
    joins = (centre[other] >= 0) & (centre[some] != some)
    some, target = some[joins], centre[other[joins]]
    order = np.lexsort((best[some], target))
    return some[order], target[order]


def _gathered(
    joining: NDArray[np.int64], centre: NDArray[np.int64], *, statistics: Statistics, likeness: Likeness, limit: float
) -> NDArray[np.int64]:
    """Which of `joining` (sorted by `centre`) join, all before the first that is too unlike what came together before;
    their statistics are added to those of the centre.
    """
    start = np.flatnonzero(np.diff(centre, prepend=-1))
    size = np.diff(start, append=len(centre))
    joined = []
    for rank in range(_TURNS):
        start, size = start[size > rank], size[size > rank]
        at = start + rank
        here, more = statistics[centre[at]], statistics[joining[at]]
        fits = likeness.cost(here, more) <= limit
        at, start, size = at[fits], start[fits], size[fits]
        both = np.stack([here[fits], more[fits]])
        statistics[centre[at]] = likeness.totals(both)[1]
        joined.append(at)
    start, size = start[size > _TURNS], size[size > _TURNS]
    for first, last in zip(start + _TURNS, start + size, strict=True):
        rows = np.concatenate([statistics[centre[first : first + 1]], statistics[joining[first:last]]])
        totals = likeness.totals(rows)
        fits = likeness.cost(totals[:-1], rows[1:]) <= limit
        taken = int(np.argmin(fits)) if not fits.all() else len(fits)
        statistics[centre[first]] = totals[taken]
        joined.append(np.arange(first, first + taken))
    return np.concatenate(joined)


def _unique_pairs(pairs: Pairs, count: int) -> Pairs:
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    apart = low != high
    codes = np.sort(low[apart] * np.int64(count) + high[apart])  # several times as fast as `numpy.unique`
    codes = codes[np.diff(codes, prepend=-1) > 0]
    return np.stack([codes // count, codes % count], axis=1)
