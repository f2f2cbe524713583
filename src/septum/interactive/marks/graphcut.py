"""Scribbles to a region: the graph cut (exact, one object) and geodesics (fast, any number of labels).

The insight: both read the same model of intensities from the scribbles. The cut weighs it against the length of the
border and finds the global optimum with a maximum flow; geodesics let fronts run that pay for every voxel that does not
look like their own scribble. A flow through millions of voxels takes minutes, so large regions are cut at half the
resolution first, and again only in a band around that border.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.landscape import smoothed
from septum.errors import ConfigError
from septum.geometry.arrays import Mask, Spacing
from septum.interactive.marks.fronts import Fronts
from septum.interactive.marks.scribbles import level_likelihoods
from septum.interactive.scene import grey_levels, label_type, marks_of, scene
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled, stop_if
from septum.options import at_least

_UNIT = 64  # capacities are whole numbers: this many to 1


_HARDEST = 4096  # smoothness up to which no border around a seed is dearer than the seed itself


_EXACT = 60_000  # voxels up to which the cut is made at once


_BAND = 2  # voxels on either side of the coarse border that are cut again


def graph_cut(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    smoothness: float = 4.0,
    sigma_mm: float = 0.0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """The region of two labels with the least energy: unlikely intensities, and `smoothness` times a border off edges.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape; only its type matters.
        seeds: integer array of the image's shape with marks of exactly two labels, 0 being the background.
        smoothness: weight of the border between like neighbours, 0 to 4096.
        sigma_mm: Gaussian smoothing before, 0 for none.
        spacing: mm per axis; a neighbour counts in inverse proportion to its distance.
        region: box of interest; only its voxels are seen and changed.
        cancelled: asked before each flow.

    Returns:
        The region with its new labels; seeds keep theirs. The cut is the global optimum in regions up to 60,000 voxels,
        beyond that the optimum within a band around the cut at half the resolution.

    Raises:
        GeometryError: shapes that differ, an empty region.
        ConfigError: no seeds, seeds of one label or of more than two, options out of range.
        Cancelled: `cancelled` said so.

    Source: Boykov and Jolly 2001, ICCV; bands: Lombaert et al. 2005, ICCV. scipy finds the maximum flow.

    >>> graph_cut([[1, 1, 9, 9]], [[0, 0, 0, 0]], seeds=[[2, -1, -1, 0]]).labels.tolist()
    [[2, 2, 0, 0]]
    """
    found = scene(image, labels, spacing=spacing, region=region)
    marks = marks_of(seeds, found)
    if not 0 <= smoothness <= _HARDEST:
        raise ConfigError(f"smoothness must be 0 to {_HARDEST}, got {smoothness:g}; 4 is usual")
    at_least(sigma_mm, 0, name="sigma_mm")
    values = np.unique(marks[marks != UNMARKED]).astype(np.int64)
    if len(values) != 2:
        raise ConfigError(f"seeds must hold exactly two labels, got {values.tolist()}; use geodesic for several")
    grey = grey_levels(smoothed(found.image, spacing=found.spacing, sigma_mm=sigma_mm))
    likelihoods = level_likelihoods(grey, marks, values=values)
    favour = np.log(likelihoods[1] / likelihoods[0])
    pull = np.where(marks == values[1], np.inf, np.where(marks == values[0], -np.inf, favour[grey]))
    inside = _cut(grey.astype(np.float32), pull, step=found.spacing, smoothness=smoothness, cancelled=cancelled)
    return Change(found.box, values.astype(label_type(found.labels.dtype, int(values[-1])))[inside.astype(np.intp)])


def geodesic(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    contrast: float = 64.0,
    smoothness: float = 1.0,
    sigma_mm: float = 0.0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Each voxel gets the label whose scribble is nearest through voxels that look like that scribble.

    Args:
        image, labels, seeds, spacing, region: as `grow_cut`.
        contrast: what a voxel costs that certainly is of another label, in steps of 1; 0 to 4096.
        smoothness: cost of one step along the finest spacing, 0 or more (a step costs at least 1).
        sigma_mm: Gaussian smoothing before, 0 for none.
        cancelled: asked every quarter of a second or so.

    Returns:
        The region with its new labels; seeds keep theirs, and each voxel hangs together with a seed of its label. The
        lower label wins where two arrive at once.

    Raises:
        GeometryError, ConfigError, Cancelled: as `grow_cut`.

    Source: Bai and Sapiro 2007, ICCV; Criminisi et al. 2008, ECCV; fronts of several labels that stop each other.

    >>> geodesic([[1, 1, 9, 9]], [[0, 0, 0, 0]], seeds=[[2, -1, -1, 0]]).labels.tolist()
    [[2, 2, 0, 0]]
    """
    found = scene(image, labels, spacing=spacing, region=region)
    marks = marks_of(seeds, found)
    at_least(smoothness, 0, name="smoothness")
    at_least(sigma_mm, 0, name="sigma_mm")
    if not 0 <= contrast <= 4096:
        raise ConfigError(f"contrast must be 0 to 4096, got {contrast:g}; 64 is usual")
    values = np.unique(marks[marks != UNMARKED]).astype(np.int64)
    if len(values) > 255:
        raise ConfigError(f"seeds must hold at most 255 labels, got {len(values)}; work in a smaller region")
    grey = grey_levels(smoothed(found.image, spacing=found.spacing, sigma_mm=sigma_mm))
    likelihoods = level_likelihoods(grey, marks, values=values)
    table = np.zeros((256, 256), np.int64)
    table[1 : len(values) + 1] = np.rint(contrast * (1 - likelihoods / likelihoods.sum(axis=0)))
    fronts = Fronts(grey, spacing=found.spacing, smoothness=smoothness, slope=0, table=table)
    places = np.argwhere(marks != UNMARKED)
    fronts.run(places, np.searchsorted(values, marks[tuple(places.T)]) + 1, cancelled=cancelled)
    kind = label_type(found.labels.dtype, int(values[-1]))
    return Change(found.box, np.concatenate([[0], values]).astype(kind)[fronts.labels(Box.whole(marks.shape))])


def _cut(
    grey: NDArray[np.float32],
    pull: NDArray[np.float64],
    *,
    step: Sequence[float],
    smoothness: float,
    cancelled: IsCancelled | None,
) -> Mask:
    """Where the cut is inside: everywhere at once, or in a band around the cut at half the resolution."""
    if grey.size <= _EXACT:
        stop_if(cancelled)
        return _flow(grey, pull, free=np.ones(grey.shape, bool), inside=pull > 0, step=step, smoothness=smoothness)
    factors = [2 if n >= 8 else 1 for n in grey.shape]
    coarse = _cut(
        _means(grey, factors),
        _pulls(pull, factors),
        step=[s * f for s, f in zip(step, factors, strict=True)],
        smoothness=smoothness,
        cancelled=cancelled,
    )
    for axis, factor in enumerate(factors):
        coarse = np.repeat(coarse, factor, axis=axis) if factor > 1 else coarse
    inside = coarse[tuple(slice(n) for n in grey.shape)]
    stop_if(cancelled)
    return _flow(grey, pull, free=_band(inside) | np.isinf(pull), inside=inside, step=step, smoothness=smoothness)


def _flow(
    grey: NDArray[np.float32],
    pull: NDArray[np.float64],
    *,
    free: Mask,
    inside: Mask,
    step: Sequence[float],
    smoothness: float,
) -> Mask:
    """The optimal side of the `free` voxels, the others staying as in `inside`."""
    from scipy import sparse
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = int(free.sum())
    if not count:
        return inside.copy()
    node = np.full(grey.shape, -1, np.int64)
    node[free] = np.arange(count)
    strength = pull[free]
    terminal = np.where(np.isinf(strength), 0.0, strength * _UNIT)
    rows, columns, capacities = [], [], []
    for one, other, weight, across in _links(grey, node, inside=inside, step=step, smoothness=smoothness):
        both = (one >= 0) & (other >= 0)
        rows += [one[both], other[both]]
        columns += [other[both], one[both]]
        capacities += [weight[both], weight[both]]
        edge = (one >= 0) & (other < 0)
        np.add.at(terminal, one[edge], np.where(across[edge], weight[edge], -weight[edge]))
    hard = 1 << 24
    terminal[np.isposinf(strength)], terminal[np.isneginf(strength)] = hard, -hard
    source, sink = count, count + 1
    towards, away = np.flatnonzero(terminal > 0), np.flatnonzero(terminal < 0)
    rows += [np.full(len(towards), source), away]
    columns += [towards, np.full(len(away), sink)]
    capacities += [terminal[towards], -terminal[away]]
    values = np.rint(np.concatenate(capacities)).astype(np.int32)
    graph = sparse.csr_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=(sink + 1, sink + 1))
    left: Any = graph - maximum_flow(graph, source, sink).flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = np.zeros(sink + 1, bool)
    reached[breadth_first_order(left, source, return_predecessors=False)] = True
    out = inside.copy()
    out[free] = reached[:count]
    return out


Link = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], Mask]


def _links(
    grey: NDArray[np.float32], node: NDArray[np.int64], *, inside: Mask, step: Sequence[float], smoothness: float
) -> list[Link]:
    """Per axis and direction: nodes of neighbours (-1 where not free), weight, side of the second.

    A pair of free nodes comes once, with the first before the second; a free one beside a settled one in its direction.
    """
    finest = min(step)
    squares = [np.square(np.diff(grey, axis=axis)) for axis in range(grey.ndim)]
    mean = sum(float(s.sum(dtype=np.float64)) for s in squares) / max(1, sum(s.size for s in squares))
    found: list[Link] = []
    for axis, square in enumerate(squares):
        weight = smoothness * _UNIT * finest / step[axis] * np.exp(-square / (2 * mean if mean > 0 else 1))
        a, b = (np.moveaxis(node, axis, 0)[cut] for cut in (slice(None, -1), slice(1, None)))
        side = np.moveaxis(inside, axis, 0)
        moved = np.moveaxis(weight, axis, 0).astype(np.float64)
        any_free = (a >= 0) | (b >= 0)
        one, other, w = a[any_free], b[any_free], moved[any_free]
        found.append((one, other, w, side[1:][any_free]))
        back = (other >= 0) & (one < 0)
        found.append((other[back], one[back], w[back], side[:-1][any_free][back]))
    return found


def _band(inside: Mask) -> Mask:
    """Voxels within `_BAND` steps of the border between both sides."""
    from scipy import ndimage

    near = np.zeros(inside.shape, bool)
    for axis in range(inside.ndim):
        view = np.moveaxis(near, axis, 0)
        turn = np.diff(np.moveaxis(inside, axis, 0), axis=0)
        view[:-1] |= turn
        view[1:] |= turn
    found: Mask = ndimage.binary_dilation(near, iterations=_BAND)
    return found


def _blocks(array: NDArray[Any], factors: Sequence[int]) -> NDArray[Any]:
    """The array cut into blocks, odd ends repeated: `(n0, f0, n1, f1, …)` with the axes of the blocks last."""
    padded = np.pad(array, [(0, -n % f) for n, f in zip(array.shape, factors, strict=True)], mode="edge")
    shape = [m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)]
    return np.moveaxis(padded.reshape(shape), range(1, 2 * array.ndim, 2), range(-array.ndim, 0))


def _means(grey: NDArray[np.float32], factors: Sequence[int]) -> NDArray[np.float32]:
    means: NDArray[np.float32] = _blocks(grey, factors).mean(axis=tuple(range(-grey.ndim, 0)), dtype=np.float32)
    return means


def _pulls(pull: NDArray[np.float64], factors: Sequence[int]) -> NDArray[np.float64]:
    """Mean pull of each block; a seed decides for its block, seeds of both sides leave it undecided."""
    blocks = _blocks(np.where(np.isinf(pull), 0.0, pull), factors)
    axes = tuple(range(-pull.ndim, 0))
    seeds = _blocks(np.where(np.isinf(pull), np.sign(pull), 0.0), factors)
    plus, minus = (seeds > 0).any(axis=axes), (seeds < 0).any(axis=axes)
    mean = blocks.mean(axis=axes)
    return np.where(plus & ~minus, np.inf, np.where(minus & ~plus, -np.inf, mean))
