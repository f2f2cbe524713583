"""Where tiles lie, how much each one has to say about a voxel, and how an image is cut into blocks.

The one insight: tiles form a product grid, so everything about them is one-dimensional. The Gaussian weight of a tile
at a voxel is a product over axes, and so is the sum of the weights of all tiles there. Each tile therefore carries one
short vector of *shares* per axis, which already add up to one at every voxel: blending is a plain weighted sum, without
an array of weights and without a final division. Pure numpy; nothing here knows about networks.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Extent = tuple[tuple[int, int], ...]
"""A box of voxels: (start, stop) for each axis, stop excluded."""


def tile_starts(size: int, patch: int, *, overlap: float) -> tuple[int, ...]:
    """First voxels of the tiles of length `patch` that cover `size` voxels, evenly spread, both ends flush.

    Neighbours overlap by at least `overlap` (a fraction of `patch`). One tile, centred, when it covers the axis alone:
    the image then has mirrored context on both sides.

    >>> tile_starts(300, 128, overlap=0.5)
    (0, 57, 115, 172)
    >>> tile_starts(20, 32, overlap=0.5)
    (-6,)
    """
    if size <= patch:
        return ((size - patch) // 2,)
    step = max(1, int(patch * (1 - overlap)))
    count = -(-(size - patch) // step) + 1
    return tuple(int(start) for start in np.round(np.linspace(0, size - patch, count)))


def gaussian_window(patch: Sequence[int]) -> npt.NDArray[np.float64]:
    """Importance of each voxel of a tile, 1 in the middle: a Gaussian with standard deviation patch / 8, never zero.

    The eighth is nnU-Net's (Isensee et al. 2021): at the border of a tile a network sees context on one side only.

    >>> gaussian_window((3,)).round(3)
    array([0.029, 1.   , 0.029])
    """
    window = np.ones((), dtype=np.float64)
    for size in patch:
        centred = (np.arange(size) - (size - 1) / 2) / (size / 8)
        window = np.multiply.outer(window, np.exp(-0.5 * centred**2))
    return window


@dataclass(frozen=True)
class AxisTiles:
    """The tiles along one axis of `size` voxels.

    `spans[i]` are the voxels that tile i has a say in (start, stop), `shares[i]` its weight at each of them; the shares
    of all tiles add up to 1 at every voxel. `starts[i]` is the first voxel that the tile's output covers, `patch` the
    length of that output (it reaches beyond both ends when the image is smaller than a tile).
    """

    size: int
    patch: int
    starts: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    shares: tuple[npt.NDArray[np.float32], ...]

    def touching(self, start: int, stop: int) -> tuple[int, ...]:
        """Indices of the tiles that have a say in voxels start to stop."""
        return tuple(i for i, (low, high) in enumerate(self.spans) if low < stop and high > start)


def tile_axis(size: int, patch: int, *, overlap: float) -> AxisTiles:
    """Lay overlapping tiles of output length `patch` along an axis of `size` voxels, blended by `gaussian_window`.

    The outermost sixteenth of a tile (under a thousandth of the weight in the middle) is left out where another tile
    stands in, so that a block of the image depends on fewer tiles.

    >>> tiles = tile_axis(300, 128, overlap=0.5)
    >>> tiles.starts, tiles.spans
    ((0, 57, 115, 172), ((0, 120), (65, 177), (123, 235), (180, 300)))
    """
    starts = tile_starts(size, patch, overlap=overlap)
    step = max((b - a for a, b in itertools.pairwise(starts)), default=patch)
    trim = max(0, min(patch // 16, (patch - step) // 2))
    lows = (0, *(start + trim for start in starts[1:]))
    highs = (*(start + patch - trim for start in starts[:-1]), size)
    return _share_out(
        size, patch, starts=starts, spans=tuple(zip(lows, highs, strict=True)), window=gaussian_window((patch,))
    )


def abutting_axis(size: int, patch: int, *, unit: int) -> AxisTiles:
    """Lay tiles of output length `patch` side by side, for networks without padding (overlap-tile).

    Each tile starts a multiple of `unit` (the product of the strides) after the one before, so that pooling falls on
    the same voxels everywhere and the stitched result is that of the whole image; the last tile may reach beyond it.
    Source: Ronneberger, Fischer & Brox 2015, figure 2.

    >>> abutting_axis(512, 388, unit=16).spans
    ((0, 384), (384, 512))
    """
    step = max(1, patch // unit * unit)
    starts = tuple(range(0, size, step)) if size > patch else (0,)
    return _share_out(
        size, patch, starts=starts, spans=tuple(itertools.pairwise((*starts, size))), window=np.ones(patch)
    )


def _share_out(
    size: int,
    patch: int,
    *,
    starts: tuple[int, ...],
    spans: tuple[tuple[int, int], ...],
    window: npt.NDArray[np.float64],
) -> AxisTiles:
    """Weigh each tile by `window` within its span and divide by the sum of the weights at each voxel."""
    total = np.zeros(size)
    weights = [window[low - start : high - start] for start, (low, high) in zip(starts, spans, strict=True)]
    for weight, (low, high) in zip(weights, spans, strict=True):
        total[low:high] += weight
    shares = tuple((w / total[low:high]).astype(np.float32) for w, (low, high) in zip(weights, spans, strict=True))
    return AxisTiles(size, patch, starts, spans, shares)


class ChannelArray(Protocol):
    """What tiles are read from, `(C, *spatial)`: in memory, memory-mapped, or made where it is read (prompts)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    def __getitem__(self, place: Any, /) -> Any: ...


def read_box(array: ChannelArray, start: Sequence[int], *, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Read the box of `shape` voxels at `start` of a (C, *spatial) array as float32, mirroring what lies outside.

    Mirroring is about the border voxel (which is not repeated) and goes on to and fro, so any box may be read from any
    image, however small. Of a memory-mapped array only the voxels needed are touched. Always a copy.

    >>> read_box(np.arange(3.0)[None], (-2,), shape=(7,))
    array([[2., 1., 0., 1., 2., 1., 0.]], dtype=float32)
    """
    indices = [
        _mirrored(first, length, size=size) for first, length, size in zip(start, shape, array.shape[1:], strict=True)
    ]
    low = [int(index.min()) for index in indices]
    part = array[(slice(None), *(slice(a, int(index.max()) + 1) for a, index in zip(low, indices, strict=True)))]
    if part.shape[1:] != tuple(shape) or any(
        length > 1 and i[0] >= i[1] for i, length in zip(indices, shape, strict=True)
    ):
        part = part[np.ix_(np.arange(array.shape[0]), *(i - a for i, a in zip(indices, low, strict=True)))]
    return np.array(part, dtype=np.float32, order="C")


def _mirrored(start: int, length: int, *, size: int) -> npt.NDArray[np.intp]:
    period = max(1, 2 * (size - 1))
    index = np.arange(start, start + length) % period
    return np.minimum(index, period - index) if size > 1 else np.zeros(length, dtype=np.intp)


def plan_blocks(axes: Sequence[AxisTiles], limit: int, *, halo: int = 0) -> list[Extent]:
    """Cut the image into blocks of at most `limit` voxels so that as few tiles as possible are computed twice.

    A tile that has a say in several blocks is computed for each of them. halo: each block also needs this many voxels
    beyond its end (1 when values are interpolated there); they count towards the limit. The blocks partition the image,
    in order; a single block when it fits. When not even single voxels fit, blocks are single voxels.

    >>> plan_blocks([tile_axis(300, 128, overlap=0.5)], 1000)
    [((0, 300),)]
    """
    options = [[_cut(axis, count, halo=halo) for count in _counts(axis.size)] for axis in axes]
    fitting = (c for c in itertools.product(*options) if np.prod([cut.longest for cut in c], dtype=float) <= limit)
    finest = tuple(choices[-1] for choices in options)
    best = min(fitting, key=lambda c: float(np.prod([cut.tiles for cut in c], dtype=float)), default=finest)
    return list(itertools.product(*(tuple(itertools.pairwise(cut.borders)) for cut in best)))


@dataclass(frozen=True)
class _Cut:
    borders: tuple[int, ...]
    longest: int
    tiles: int


def _counts(size: int) -> list[int]:
    """Into how many pieces an axis may be cut: every small number, then ever coarser steps."""
    counts = [*range(1, 13), *(int(12 * 1.25**k) for k in range(1, 60))]
    return sorted({min(count, size) for count in counts if count < 2 * size})


def _cut(axis: AxisTiles, count: int, *, halo: int) -> _Cut:
    """Cut an axis into about `count` pieces, each border moved to where the fewest tiles reach across it."""
    at = np.arange(axis.size + 1)
    crossing = np.zeros(axis.size + 1, dtype=int)
    for low, high in axis.spans:
        crossing += (low < at + halo) & (high > at)
    reach = axis.size // (4 * count)
    borders = [0]
    for ideal in np.round(np.linspace(0, axis.size, count + 1)[1:-1]).astype(int):
        near = np.arange(max(borders[-1] + 1, ideal - reach), min(axis.size - 1, ideal + reach) + 1)
        if near.size:
            borders.append(int(min(near, key=lambda x: (crossing[x], abs(x - ideal)))))
    borders.append(axis.size)
    pieces = [(low, min(high + halo, axis.size)) for low, high in itertools.pairwise(borders)]
    tiles = sum(len(axis.touching(low, high)) for low, high in pieces)
    return _Cut(tuple(borders), max(high - low for low, high in pieces), tiles)


def split_box(box: Extent, limit: int) -> Iterator[Extent]:
    """Cut a box into slabs of at most `limit` voxels (at least one each), along the first axis that allows it.

    >>> list(split_box(((0, 4), (0, 10)), 20))
    [((0, 2), (0, 10)), ((2, 4), (0, 10))]
    """
    (start, stop), rest = box[0], box[1:]
    plane = int(np.prod([high - low for low, high in rest], dtype=np.int64))
    step = max(1, limit // max(1, plane))
    for low in range(start, stop, step):
        first = (low, min(low + step, stop))
        if plane > limit:
            yield from ((first, *others) for others in split_box(rest, limit))
        else:
            yield (first, *rest)


def halve_box(box: Extent) -> list[Extent]:
    """Cut a box in two across its longest axis; a single voxel stays whole.

    >>> halve_box(((0, 4), (0, 10)))
    [((0, 4), (0, 5)), ((0, 4), (5, 10))]
    """
    axis = max(range(len(box)), key=lambda i: box[i][1] - box[i][0])
    low, high = box[axis]
    if high - low < 2:
        return [box]
    middle = (low + high) // 2
    return [(*box[:axis], part, *box[axis + 1 :]) for part in ((low, middle), (middle, high))]


def fit_patch(
    shape: Sequence[int], patch: Sequence[int], *, margin: Sequence[int], divisor: Sequence[int]
) -> tuple[int, ...]:
    """Shrink the input size of a tile for an image that is smaller than it, so that no time goes into mirrored voxels.

    Sizes stay `patch` minus a multiple of `divisor`. With same padding at least two divisors are kept (where the patch
    has them), because a network that normalises by instance needs more than one voxel at its coarsest level.

    >>> fit_patch((300, 1), (128, 128), margin=(0, 0), divisor=(16, 16))
    (128, 32)
    """
    fitted = []
    for size, length, side, unit in zip(shape, patch, margin, divisor, strict=True):
        wanted = max(size + 2 * side, 2 * unit if side == 0 else 1)
        fitted.append(length - max(0, (length - wanted) // unit) * unit)
    return tuple(fitted)


def halve_patch(patch: Sequence[int], *, margin: Sequence[int], divisor: Sequence[int]) -> tuple[int, ...] | None:
    """Halve the longest axis of a tile's output, in steps of `divisor`; None when none can shrink (see `fit_patch`).

    >>> halve_patch((64, 128), margin=(0, 0), divisor=(16, 16))
    (64, 64)
    """
    for axis in sorted(range(len(patch)), key=lambda i: patch[i] - 2 * margin[i], reverse=True):
        output = patch[axis] - 2 * margin[axis]
        smallest = 2 * divisor[axis] if margin[axis] == 0 else 1
        steps = min(-(-(output // 2) // divisor[axis]), (output - smallest) // divisor[axis])
        if steps > 0:
            return (*patch[:axis], patch[axis] - steps * divisor[axis], *patch[axis + 1 :])
    return None
