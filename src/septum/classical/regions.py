"""Regions that are alike inside: split and merge, superpixels and their merging, Felzenszwalb's graph.

The insight: all of these end in the same question, which neighbours are alike enough to be one, and `adjacency` answers
it for any measure of likeness. What differs is where the first regions come from: blocks of a tree, superpixels, or
single pixels.

Regions are numbered 1…n, cover the whole image, and hang together through faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical import filters
from septum.classical.adjacency import Likeness, Statistics, connected_parts, merge_alike, touching
from septum.errors import GeometryError
from septum.geometry.arrays import Spacing, Uint32Array, channels_image, grey_image, spacing_mm
from septum.options import at_least, one_of

CRITERIA = ("deviation", "range")
_LEVELS = 5  # the largest block is 32 voxels long: larger ones never stay whole, and padding stays small


def split_and_merge(
    image: ArrayLike,
    *,
    tolerance: float | None = None,
    criterion: str = "deviation",
    spacing: Spacing = None,
) -> Uint32Array:
    """Split the image into blocks of a quadtree (octree) that are alike inside, then merge alike neighbours.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, one channel, finite.
        tolerance: the largest standard deviation (or range) inside a region, in the image's units; None for half the
            standard deviation of the image (half its range).
        criterion: "deviation" or "range" (largest less smallest value).
        spacing: mm per axis: the longest axis of a voxel is split last, so that blocks are as cubic as they can be.

    Returns:
        uint32 of the image's shape. Every region meets the criterion, and no two that touch could be one (for
        "deviation" their means must also lie within twice the tolerance). A constant image is one region.

    Hand-written: no library has it. Trees start from blocks of 32 voxels.

    Raises:
        GeometryError, ConfigError: several channels, impossible spacing, values not finite, negative tolerance.

    Source: Horowitz and Pavlidis 1976, Journal of the ACM 23:368.

    >>> split_and_merge([[0, 0, 8, 8], [0, 0, 8, 8]], tolerance=1).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    measure = _DEVIATION if one_of(criterion, CRITERIA, name="criterion") == "deviation" else _RANGE
    # Values are taken relative to their middle: sums of squares of large numbers would lose the small differences.
    values = array.astype(np.float32) if array.dtype.itemsize <= 4 else array.astype(np.float64)
    values -= values.mean(dtype=np.float64).astype(values.dtype)
    if tolerance is None:
        limit = 0.5 * float(values.std(dtype=np.float64) if measure is _DEVIATION else np.ptp(values))
    else:
        limit = at_least(tolerance, 0, name="tolerance")
    leaves, statistics = _split(values, step, measure=measure, limit=limit)
    pairs, _ = touching(leaves)
    merged = merge_alike(pairs - 1, statistics, likeness=Likeness(measure.cost, measure.totals), limit=limit)
    return _renumbered(leaves, merged)


class _Measure:
    """What is known of a block or region, how two are put together, and what must stay within the tolerance.

    Rows hold three numbers: count, sum and sum of squares ("deviation"), or smallest and largest value ("range").
    """

    def __init__(self, *, is_range: bool) -> None:
        self.is_range = is_range
        self.empty = (np.inf, -np.inf) if is_range else (0.0, 0.0, 0.0)

    def of_voxels(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        if self.is_range:
            return [values, values]
        return [np.ones_like(values), values, values * values]

    def reduced(self, part: int, blocks: NDArray[Any], *, axis: int) -> NDArray[Any]:
        """One of the numbers of larger blocks, from pairs of blocks along `axis`."""
        ways = (np.minimum, np.maximum) if self.is_range else (np.add, np.add, np.add)
        return np.asarray(ways[part](blocks.take(0, axis), blocks.take(1, axis)))

    def spread(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Range or standard deviation; not positive where a block is empty."""
        if self.is_range:
            return np.asarray(parts[1] - parts[0])
        count = np.maximum(parts[0], 1)
        variance = parts[2] / count - (parts[1] / count) ** 2
        return np.asarray(np.sqrt(np.maximum(variance, 0)))

    def combine(self, a: Statistics, b: Statistics) -> Statistics:
        if self.is_range:
            return np.stack((np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 1], b[:, 1])), axis=1)
        return np.asarray(a + b)

    def totals(self, rows: Statistics) -> Statistics:
        if self.is_range:
            lowest, highest = np.minimum.accumulate(rows[..., 0]), np.maximum.accumulate(rows[..., 1])
            return np.stack((lowest, highest), axis=-1)
        return np.asarray(np.cumsum(rows, axis=0))

    def cost(self, a: Statistics, b: Statistics) -> Statistics:
        spread: Statistics = np.asarray(self.spread(list(self.combine(a, b).T)))
        if self.is_range:
            return spread
        # Half the difference of the means is the deviation of two equal halves: a large region must not swallow a
        # small one that is unlike it.
        return np.asarray(np.maximum(spread, 0.5 * np.abs(a[:, 1] / a[:, 0] - b[:, 1] / b[:, 0])))


_DEVIATION, _RANGE = _Measure(is_range=False), _Measure(is_range=True)


def _factors(shape: tuple[int, ...], step: Sequence[float]) -> list[tuple[int, ...]]:
    """How many blocks of one level make one of the next, per axis: 2, or 1 while the block is still too long."""
    extent, size, factors = list(step), [1] * len(step), []
    for _ in range(_LEVELS):
        shortest = min((e for e, n, s in zip(extent, shape, size, strict=True) if s < n), default=0.0)
        factor = tuple(2 if e < 2 * shortest and s < n else 1 for e, n, s in zip(extent, shape, size, strict=True))
        if max(factor) == 1:
            break
        factors.append(factor)
        extent = [e * f for e, f in zip(extent, factor, strict=True)]
        size = [s * f for s, f in zip(size, factor, strict=True)]
    return factors


def _split(
    values: NDArray[Any], step: Sequence[float], *, measure: _Measure, limit: float
) -> tuple[NDArray[Any], Statistics]:
    """Leaves 1…n of the tree as a label map, and their rows of statistics."""
    factors = _factors(values.shape, step)
    whole = np.prod(np.array(factors, int).reshape(-1, values.ndim), axis=0)
    pad = [(0, int(-n % w)) for n, w in zip(values.shape, whole, strict=True)]
    level = [
        np.pad(part, pad, constant_values=fill)
        for part, fill in zip(measure.of_voxels(values), measure.empty, strict=True)
    ]
    pyramid = [level]
    for factor in factors:
        level = [_coarser(measure, part, blocks=blocks, factor=factor) for part, blocks in enumerate(level)]
        pyramid.append(level)
    leaves: NDArray[np.int32] = np.zeros(level[0].shape, np.int32)
    rows: list[Statistics] = []
    count = 0
    for index in range(len(factors), -1, -1):
        parts = pyramid[index]
        open_blocks = leaves == 0
        alike = open_blocks & (measure.spread(parts) <= limit) if index else open_blocks
        found = int(np.count_nonzero(alike))
        leaves[alike] = np.arange(count + 1, count + found + 1, dtype=np.int32)
        rows.append(np.stack([part[alike] for part in parts], axis=1).astype(np.float64))
        count += found
        pyramid.pop()
        if index:
            for axis, times in enumerate(factors[index - 1]):
                leaves = np.repeat(leaves, times, axis=axis) if times > 1 else leaves
    inside = tuple(slice(0, n) for n in values.shape)
    return _present(leaves[inside], np.concatenate(rows))


def _coarser(measure: _Measure, part: int, *, blocks: NDArray[Any], factor: tuple[int, ...]) -> NDArray[Any]:
    for axis, f in enumerate(factor):
        if f == 2:
            shape = (*blocks.shape[:axis], blocks.shape[axis] // 2, 2, *blocks.shape[axis + 1 :])
            blocks = measure.reduced(part, blocks.reshape(shape), axis=axis + 1)
    return blocks


def _present(leaves: NDArray[Any], rows: Statistics) -> tuple[NDArray[Any], Statistics]:
    """Without the leaves that lie in the padding alone."""
    seen = np.zeros(len(rows) + 1, bool)
    seen[leaves.reshape(-1)] = True
    if seen[1:].all():
        return leaves, rows
    number = np.cumsum(seen).astype(np.int32)
    return number[leaves], rows[seen[1:]]


def superpixels(
    image: ArrayLike,
    *,
    size_mm: float,
    compactness: float = 0.5,
    iterations: int = 5,
    spacing: Spacing = None,
) -> Uint32Array:
    """Simple linear iterative clustering in physical space; SimpleITK (SLIC, several threads) runs.

    Args:
        image: `(C, *spatial)` with 2 or 3 spatial axes, finite.
        size_mm: length of the cells of the first lattice along every axis, above 0; at least one voxel.
        compactness: weight of one cell's length against one standard deviation of the image; above 0.
        iterations: of the clustering, 1 or more.
        spacing: mm per spatial axis.

    Returns:
        uint32 of the spatial shape, 1…n, connected.

    Raises:
        GeometryError, ConfigError: impossible spacing, values not finite, options out of range.

    Source: Achanta et al. 2012, IEEE TPAMI 34:2274; Lowekamp et al. 2018, Insight Journal 986.

    >>> image = np.zeros((1, 8, 8)); image[0, :, 4:] = 9.0
    >>> cells = superpixels(image, size_mm=4.0)
    >>> bool((cells[:, :4].max(axis=1) != cells[:, 4:].max(axis=1)).all())
    True
    """
    import SimpleITK

    array = channels_image(image)
    step = spacing_mm(spacing, array.ndim - 1)
    at_least(size_mm, 0, name="size_mm", above=True)
    at_least(compactness, 0, name="compactness", above=True)
    at_least(iterations, 1, name="iterations")
    scaled = _standardised(array)
    # ITK divides distances along an axis by the cell's voxels along it: cells cubic in mm give distances in mm.
    cell = [max(min(round(size_mm / s), n), 1) for s, n in zip(step, array.shape[1:], strict=True)]
    vector = SimpleITK.GetImageFromArray(np.ascontiguousarray(np.moveaxis(scaled, 0, -1)), isVector=True)
    found = SimpleITK.GetArrayFromImage(
        SimpleITK.SLIC(vector, cell[::-1], float(compactness), int(iterations), True, True)
    )
    # SLIC leaves crumbs of a label behind where it joins small parts; every region hangs together here.
    return np.asarray(connected_parts(found + 1)[0].astype(np.uint32))


def merged_superpixels(
    image: ArrayLike,
    *,
    size_mm: float,
    tolerance: float = 0.5,
    compactness: float = 0.5,
    spacing: Spacing = None,
) -> Uint32Array:
    """Superpixels whose region adjacency graph is merged until no two neighbours have alike means.

    Args:
        image, size_mm, compactness, spacing: as `superpixels`.
        tolerance: neighbours merge while their mean intensities differ by no more than this many standard deviations
            of the image (Euclidean over channels), 0 or more.

    Raises:
        GeometryError, ConfigError: as `superpixels`.

    The merging is hand-written: scikit-image's merges one pair at a time in Python. See `merge_regions`.

    >>> image = np.zeros((1, 8, 8)); image[0, :, 4:] = 9.0
    >>> np.unique(merged_superpixels(image, size_mm=4.0)[:, [0, 7]], axis=0).tolist()
    [[1, 2]]
    """
    at_least(tolerance, 0, name="tolerance")
    array = channels_image(image)
    labels = superpixels(array, size_mm=size_mm, compactness=compactness, spacing=spacing)
    return merge_regions(labels, _standardised(array), tolerance=tolerance)


def merge_regions(labels: ArrayLike, image: ArrayLike, *, tolerance: float) -> Uint32Array:
    """Merge regions that touch while their mean intensities differ by no more than `tolerance`, best pairs first.

    Args:
        labels: label map, every value above 0 a region; 0 stays 0 and touches nobody.
        image: `(C, *spatial)` over the same voxels, in the units of `tolerance`.
        tolerance: Euclidean distance of the means over channels; means are those of the merged regions.

    Raises:
        GeometryError: shapes that differ. ConfigError: negative tolerance.

    Source: Haris et al. 1998, IEEE Transactions on Image Processing 7:1684 (merging in a region adjacency graph).

    >>> merge_regions([[1, 2, 3]], [[[0.0, 1.0, 9.0]]], tolerance=2).tolist()
    [[1, 1, 2]]
    """
    array = channels_image(image)
    found = np.asarray(labels)
    if found.shape != array.shape[1:] or found.dtype.kind not in "iu":
        raise GeometryError(
            f"labels must be integers of the image's spatial shape {array.shape[1:]}, got {found.dtype} of shape "
            f"{found.shape}; put them on the same grid"
        )
    at_least(tolerance, 0, name="tolerance")
    values, compact = np.unique(found, return_inverse=True)
    compact = compact.reshape(found.shape) + (0 if values[0] == 0 else 1)
    count = int(compact.max())
    flat = compact.reshape(-1)
    sums = [np.bincount(flat, channel.reshape(-1), minlength=count + 1)[1:] for channel in array]
    sizes = np.bincount(flat, minlength=count + 1)[1:].astype(np.float64)
    pairs, _ = touching(compact)
    likeness = Likeness(_mean_distance, partial(np.cumsum, axis=0))
    merged = merge_alike(pairs - 1, np.stack([sizes, *sums], axis=1), likeness=likeness, limit=tolerance)
    return _renumbered(compact, merged)


def felzenszwalb(
    image: ArrayLike,
    *,
    scale: float = 100.0,
    sigma_mm: float | None = None,
    smallest_mm2: float = 20.0,
    spacing: Spacing = None,
) -> Uint32Array:
    """Graph-based segmentation of a 2-D image; scikit-image runs.

    Args:
        image: `(C, Y, X)`, finite.
        scale: larger gives larger regions, above 0 (scikit-image's; a standard deviation counts as 1/4).
        sigma_mm: Gaussian smoothing before; None for 0.8 of the finest spacing.
        smallest_mm2: smaller regions join a neighbour.
        spacing: mm per axis.

    Raises:
        GeometryError: a volume, impossible spacing. ConfigError: options out of range.

    Source: Felzenszwalb and Huttenlocher 2004, International Journal of Computer Vision 59:167.

    >>> image = np.zeros((1, 8, 8)); image[0, :, 4:] = 9.0
    >>> felzenszwalb(image, sigma_mm=0, smallest_mm2=4)[0].tolist()
    [1, 1, 1, 1, 2, 2, 2, 2]
    """
    from skimage.segmentation import felzenszwalb as skimage_felzenszwalb

    array = channels_image(image)
    if array.ndim != 3:
        raise GeometryError(
            f"image must be (channels, Y, X) for this method, got shape {array.shape}; use split-and-merge in 3-D"
        )
    step = spacing_mm(spacing, 2)
    at_least(scale, 0, name="scale", above=True)
    sigma = 0.8 * min(step) if sigma_mm is None else at_least(sigma_mm, 0, name="sigma_mm")
    fewest = max(round(at_least(smallest_mm2, 0, name="smallest_mm2") / (step[0] * step[1])), 1)
    if min(array.shape[1:]) == 1:  # scikit-image takes differences along both axes
        array = np.repeat(array, 2, axis=1 if array.shape[1] == 1 else 2)
    scaled = _standardised(array) / 4
    smooth = np.stack([filters.gaussian(channel, [sigma / s for s in step]) for channel in scaled], axis=-1)
    found = skimage_felzenszwalb(smooth, scale=scale, sigma=0, min_size=fewest)
    spatial = np.shape(image)[1:]
    return np.asarray((found[: spatial[0], : spatial[1]] + 1).astype(np.uint32))


def _mean_distance(a: Statistics, b: Statistics) -> Statistics:
    difference = a[:, 1:] / a[:, :1] - b[:, 1:] / b[:, :1]
    return np.asarray(np.sqrt((difference * difference).sum(axis=1)))


def _standardised(array: NDArray[Any]) -> NDArray[np.float32]:
    """Each channel with mean 0 and standard deviation 1 (0 where it is constant), float32."""
    out = np.empty(array.shape, np.float32)
    for channel, into in zip(array, out, strict=True):
        into[...] = channel - channel.mean(dtype=np.float64)
        spread = float(into.std(dtype=np.float64))
        if spread > 0:
            into /= spread
    return out


def _renumbered(labels: NDArray[Any], merged: NDArray[np.int64]) -> Uint32Array:
    """Labels 1…n through `merged` (0-based); 0 stays 0."""
    lookup = np.concatenate([[0], merged + 1]).astype(np.uint32)
    return np.asarray(lookup[labels])
