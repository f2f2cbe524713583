"""Basins of a map and their merging into objects, block by block, with a result that does not depend on the blocks.

The insight: flooding a map from markers is a question of order, and order is global; but *pointing* is local. Every
voxel points at its highest neighbour (or where a vector says), which needs one voxel beyond the block; the paths end in
basins, and basins that touch meet at a pass. Blocks agree on all of this exactly, so what remains is a small graph of
basins and passes for the whole image, and merging it from the highest pass to the lowest is the marker-controlled
watershed (minimum spanning forest: Cousty, Bertrand, Najman & Couprie 2009, IEEE TPAMI 31:1362).

Memory beside the maps and the labels (4 bytes per voxel): the work arrays of one block, and the tables of basins and
passes. Time is linear in voxels, but for sorting the passes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from septum.errors import Cancelled, ConfigError

BLOCK = (64, 512, 512)
"""Voxels per side of a block of a volume; a plane is cut into blocks of `PLANE`."""

PLANE = (1, 1024, 1024)

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BasinGraph:
    """The graph of a map: which voxel lies in which basin, and how high basins and the passes between them are.

    Args:
        labels: number of the basin of each voxel from 1, 0 outside the mask, uint32.
        peak: altitude of the summit of each basin, uint8, in the order of the summits in the array.
        size: voxels of each.
        first, second: positions of the two basins of each pass, from the highest pass to the lowest.
        saddle: altitude of each pass: of all pairs of neighbours in the two basins, the highest lower voxel.
    """

    labels: NDArray[np.uint32]
    peak: NDArray[np.uint8]
    size: Ints
    first: Ints
    second: Ints
    saddle: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Merged:
    """Which object each basin belongs to (from 1 in the order of their summits, 0: to none), and each object's peak."""

    object_of: NDArray[np.uint32]
    peak: NDArray[np.uint8]

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.peak.size)


@dataclass(frozen=True)
class _Block:
    """A block in terms of its own arrays (low, high), which are the slices `wide` of the whole."""

    wide: tuple[slice, ...]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def first(self) -> NDArray[np.int64]:
        return np.array([side.start for side in self.wide])

    @property
    def core(self) -> tuple[slice, ...]:
        """The block without its halo, in the whole."""
        return tuple(
            slice(int(side.start + a), int(side.start + b))
            for side, a, b in zip(self.wide, self.low, self.high, strict=True)
        )

    @property
    def inner(self) -> tuple[slice, ...]:
        """The block without its halo, in its own arrays."""
        return tuple(slice(int(a), int(b)) for a, b in zip(self.low, self.high, strict=True))


def find_basins(
    altitude: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    *,
    steps: NDArray[np.uint8] | None = None,
    block: Sequence[int] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> BasinGraph:
    """The basins of a map inside a mask, in 2-D or 3-D, neighbours over faces, edges and corners.

    Args:
        altitude: uint8; may be memory-mapped.
        mask: where objects are, of the same shape.
        steps: codes of `step_codes`: every voxel goes where its code says, instead of to its highest neighbour.
        block: sides of the blocks; the result is the same for all.
        should_stop: asked between blocks.

    Raises:
        ConfigError: arrays of other types or shapes.
        Cancelled: `should_stop` said so.

    >>> found = find_basins(np.array([[1, 3, 1, 2, 1]], np.uint8), np.ones((1, 5), bool))
    >>> found.labels.tolist(), found.peak.tolist(), found.saddle.tolist()
    ([[1, 1, 1, 2, 2]], [3, 2], [1])
    """
    _check(altitude, mask, steps=steps)
    shape = mask.shape
    three = (1,) * (3 - mask.ndim) + shape
    altitude, mask = altitude.reshape(three), mask.reshape(three)
    steps = np.empty((0, 0, 0), np.uint8) if steps is None else steps.reshape(three)
    blocks = list(_blocks(three, _sides(block, len(shape))))
    labels = np.zeros(three, dtype=np.uint32)
    key, size, links = _number(altitude, mask, steps=steps, labels=labels, blocks=blocks, should_stop=should_stop)
    name, key, size = _linked(labels, key, size=size, links=links)
    first, second, saddle = _passes(altitude, labels, name=name, blocks=blocks, should_stop=should_stop)
    order = np.lexsort((second, first, -saddle.astype(np.int16)))
    peak = (key >> 48).astype(np.uint8)
    return BasinGraph(labels.reshape(shape), peak, size, first[order], second[order], saddle[order])


def merge_basins(basins: BasinGraph, *, marker: float, share: float, smallest: int = 0) -> Merged:
    """Merge basins into objects along their passes, from the highest to the lowest.

    Two sides of a pass are one object when the lower of their summits is below `marker` (it is no object of its own),
    or when the pass reaches `share` of it. What stays below `marker` or has fewer than `smallest` voxels is none.

    >>> found = find_basins(np.array([[1, 9, 2, 8, 1]], np.uint8), np.ones((1, 5), bool))
    >>> merge_basins(found, marker=5, share=0.5).count, merge_basins(found, marker=5, share=0.2).count
    (2, 1)
    """
    from septum.instances.compiled import merge

    if not basins.peak.size:
        return Merged(np.zeros(1, np.uint32), np.zeros(0, np.uint8))
    top = merge(basins.first, basins.second, basins.saddle, basins.peak, float(marker), float(share))
    size = np.bincount(top, weights=basins.size, minlength=top.size)
    kept = (top == np.arange(top.size)) & (basins.peak >= marker) & (size >= smallest)
    number = np.cumsum(kept) * kept
    object_of = np.concatenate([[0], number[top]]).astype(np.uint32)
    return Merged(object_of, basins.peak[kept])


def paint_objects(basins: BasinGraph, merged: Merged, *, out: NDArray[np.uint32] | None = None) -> NDArray[np.uint32]:
    """The label map of the objects; `out` may be `basins.labels` itself where it is not needed any more.

    >>> found = find_basins(np.array([[1, 9, 2, 8, 1]], np.uint8), np.ones((1, 5), bool))
    >>> paint_objects(found, merge_basins(found, marker=5, share=0.5)).tolist()
    [[1, 1, 1, 2, 2]]
    """
    labels = np.empty_like(basins.labels) if out is None else out
    for row in range(len(labels)):
        labels[row] = merged.object_of[basins.labels[row]]
    return labels


def step_codes(vectors: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """The neighbour that a vector `(ndim, *shape)` points at, as a code; a vector shorter than 0.1 stays where it is.

    The code is 9 dz + 3 dy + dx with 0, 1, 2 for a step back, none and forth.

    >>> step_codes(np.array([[0.0, 0.9], [1.0, -0.8]])).tolist()  # one step in x; one in y and back in x
    [14, 15]
    """
    longest = np.abs(vectors).max(axis=0)
    scaled = np.divide(vectors, longest, out=np.zeros_like(vectors), where=longest > 0.1)
    code = np.full(vectors.shape[1:], 13, dtype=np.int16)
    for axis, along in enumerate(scaled[::-1]):
        code += np.rint(along).astype(np.int16) * 3**axis
    return code.astype(np.uint8)


def _number(
    altitude: NDArray[Any],
    mask: NDArray[Any],
    *,
    steps: NDArray[Any],
    labels: NDArray[np.uint32],
    blocks: Sequence[_Block],
    should_stop: Callable[[], bool] | None,
) -> tuple[Ints, Ints, Ints]:
    """Number the basins of each block into `labels`; their summits and sizes, and where paths leave their block."""
    from septum.instances import compiled

    _, height, width = mask.shape
    strides = np.array([height * width, width, 1], dtype=np.int64)
    keys, sizes, links = [], [], [np.empty((0, 2), np.int64)]
    total = 0
    for block in blocks:
        _stop(should_stop)
        inside = np.ascontiguousarray(mask[block.wide], dtype=np.bool_)
        heights = np.ascontiguousarray(altitude[block.wide])
        codes = np.ascontiguousarray(steps[block.wide]) if steps.size else steps
        parent, number = np.empty(inside.size, np.int32), np.empty(inside.size, np.int32)
        count = compiled.basins(heights, inside, codes, block.low, block.high, parent, number)
        local = number.reshape(inside.shape)
        key, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
        compiled.summits(heights, local, block.low, block.high, block.first, strides, key, size)
        own = local[block.inner]
        labels[block.core] = np.where(own > 0, own + total, 0)
        local[block.inner] = 0
        z, y, x = np.nonzero(local)
        place = (z + block.first[0]) * strides[0] + (y + block.first[1]) * strides[1] + x + block.first[2]
        links.append(np.stack([local[z, y, x] + (total - 1), place], axis=1))
        keys.append(key)
        sizes.append(size)
        total += count
    return np.concatenate(keys), np.concatenate(sizes), np.concatenate(links)


def _linked(labels: NDArray[np.uint32], key: Ints, *, size: Ints, links: Ints) -> tuple[NDArray[np.uint32], Ints, Ints]:
    """Basins that go on in another block become one; they are named in the order of their summits in the array."""
    count = key.size
    to = labels.reshape(-1)[links[:, 1]].astype(np.int64) - 1
    graph = coo_array((np.ones(len(to), np.int8), (links[:, 0], to)), shape=(count, count))
    whole, group = connected_components(graph, directed=False) if count else (0, np.zeros(0, np.int32))
    top, voxels = np.zeros(whole, np.int64), np.zeros(whole, np.int64)
    np.maximum.at(top, group, key)
    np.add.at(voxels, group, size)
    order = np.argsort(top & ((1 << 48) - 1))
    rank = np.empty(whole, np.uint32)
    rank[order] = np.arange(1, whole + 1, dtype=np.uint32)
    return np.concatenate([np.zeros(1, np.uint32), rank[group]]), top[order], voxels[order]


def _passes(
    altitude: NDArray[Any],
    labels: NDArray[np.uint32],
    *,
    name: NDArray[np.uint32],
    blocks: Sequence[_Block],
    should_stop: Callable[[], bool] | None,
) -> tuple[Ints, Ints, NDArray[np.uint8]]:
    """Give every voxel the name of its basin; then the highest pass between every two basins that touch."""
    for block in blocks:
        labels[block.core] = name[labels[block.core]]
    found = [np.empty((0, 3), np.int64)]
    for block in blocks:
        _stop(should_stop)
        found.append(_passes_of(np.ascontiguousarray(altitude[block.wide]), labels[block.wide], block=block))
    pairs = np.concatenate(found)
    pairs = pairs[np.lexsort((pairs[:, 2], pairs[:, 1], pairs[:, 0]))]
    last = np.ones(len(pairs), dtype=bool)
    last[:-1] = (pairs[1:, :2] != pairs[:-1, :2]).any(axis=1)
    pairs = pairs[last]
    return pairs[:, 0], pairs[:, 1], pairs[:, 2].astype(np.uint8)


def _passes_of(altitude: NDArray[Any], labels: NDArray[np.uint32], *, block: _Block) -> Ints:
    """Rows (basin, basin, altitude) of the passes whose first voxel lies in the block; basins from 0."""
    from septum.instances import compiled

    names, local = np.unique(labels, return_inverse=True)
    offset = 0 if names[0] == 0 else 1  # 0 stays background
    local = local.reshape(labels.shape) + offset
    bits = int(local.max()).bit_length() + 1
    count = compiled.passes(altitude, local, block.low, block.high, bits, np.empty(0, np.int64))
    packed = np.empty(count, np.int64)
    if count:
        compiled.passes(altitude, local, block.low, block.high, bits, packed)
    packed.sort()
    last = np.ones(len(packed), dtype=bool)
    last[:-1] = (packed[1:] >> 8) != (packed[:-1] >> 8)
    packed = packed[last]
    pair = packed >> 8
    first, second = names[(pair >> bits) - offset], names[(pair & ((1 << bits) - 1)) - offset]
    return np.stack([first.astype(np.int64) - 1, second.astype(np.int64) - 1, packed & 255], axis=1)


def _blocks(shape: Sequence[int], sides: Sequence[int]) -> Iterator[_Block]:
    """The blocks of an array, each with one more voxel on every side that has one."""
    for start in itertools.product(*(range(0, n, side) for n, side in zip(shape, sides, strict=True))):
        stop = [min(n, a + side) for n, a, side in zip(shape, start, sides, strict=True)]
        wide = tuple(slice(max(0, a - 1), min(n, b + 1)) for n, a, b in zip(shape, start, stop, strict=True))
        low = np.array([a - side.start for a, side in zip(start, wide, strict=True)])
        high = np.array([b - side.start for b, side in zip(stop, wide, strict=True)])
        yield _Block(wide, low, high)


def _sides(block: Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    if block is None:
        return PLANE if ndim == 2 else BLOCK
    if len(block) != ndim or min(block) < 1:
        raise ConfigError(f"block must be {ndim} positive sides, got {tuple(block)}; give one per axis")
    return (1,) * (3 - ndim) + tuple(int(n) for n in block)


def _stop(should_stop: Callable[[], bool] | None) -> None:
    if should_stop is not None and should_stop():
        raise Cancelled("decoding the objects was stopped; start it again to get a result")


def _check(altitude: NDArray[Any], mask: NDArray[Any], *, steps: NDArray[Any] | None) -> None:
    if mask.ndim not in (2, 3) or not mask.size:
        raise ConfigError(f"mask must be 2-D or 3-D and not empty, got shape {mask.shape}; give an image's mask")
    if altitude.dtype != np.uint8 or mask.dtype != np.bool_:
        raise ConfigError(
            f"altitude must be uint8 and mask boolean, got {altitude.dtype} and {mask.dtype}; convert them"
        )
    for what, array in (("altitude", altitude), ("steps", steps)):
        if array is not None and array.shape != mask.shape:
            raise ConfigError(
                f"{what} must have the shape of the mask {mask.shape}, got {array.shape}; crop both alike"
            )
