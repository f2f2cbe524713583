"""The compiled loops of the interactive tools: fronts that grow on a grid.

The insight: a front that grows from seeds is a shortest-path search, and with whole-number costs a ring of buckets
(Dial 1969, CACM 12:632) replaces the heap: each voxel is settled by a handful of reads and writes, with no logarithm. A
border of one voxel whose key cannot be improved replaces every test for the edge of the array.

A key is `distance << 8 | label`, so that comparing two keys compares distances, and labels where distances are equal:
the answer depends neither on the order of the seeds nor on how the array lies in memory. All steps cost 1 or more.

Numba compiles on the first call and keeps the result on disk; this module is imported where it is used, so that the
command line starts without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry.loops import compiled

FREE = np.uint32(0xFFFFFFFF)
"""The key of a voxel that no front has reached."""


DONE, PAUSED, FULL = 0, 1, 2


@compiled
def push(voxel: int, bucket: int, heads: Any, pool: Any, state: Any) -> None:
    """Put a voxel into a bucket; `state` as of `spread`."""
    entry = state[0]
    state[0] = pool[entry, 1]
    pool[entry, 0] = voxel
    pool[entry, 1] = heads[bucket]
    heads[bucket] = entry
    state[1] += 1


@compiled
def spread(
    key: Any,
    grey: Any,
    offsets: Any,
    steps: Any,
    slope: int,
    table: Any,
    begin: Any,
    at: Any,
    heads: Any,
    pool: Any,
    state: Any,
    limit: int,
) -> int:
    """Let the fronts run until all is settled (DONE), `limit` voxels were settled (PAUSED) or the pool is FULL.

    A step along `offsets[k]` from p to q costs `steps[k] + slope * |grey[p] - grey[q]| + table[label, grey[q]]`. The
    voxels `begin`, whose keys are set, join at the distances `at`, which ascend. `state`: first free entry, live
    entries, distance now, lowest and highest voxel that changed, how many of `begin` have joined.
    """
    ring, settled, kinds = len(heads) - 1, 0, len(offsets)
    while state[1] > 0 or state[5] < len(begin):
        if state[1] == 0:
            state[2] = max(state[2], at[state[5]])
        distance = state[2]
        bucket = distance & ring
        while state[5] < len(begin) and at[state[5]] <= distance:
            if state[1] + kinds + 1 >= len(pool):
                return FULL
            push(begin[state[5]], bucket, heads, pool, state)
            state[5] += 1
        while heads[bucket] >= 0:
            if settled >= limit:
                return PAUSED
            if state[1] + kinds + 1 >= len(pool):
                return FULL
            entry = heads[bucket]
            voxel = np.int64(pool[entry, 0])
            heads[bucket] = pool[entry, 1]
            pool[entry, 1] = state[0]
            state[0] = entry
            state[1] -= 1
            mine = np.int64(key[voxel])
            if mine >> 8 != distance:
                continue
            settled += 1
            label, own = mine & 255, np.int64(grey[voxel])
            for k in range(kinds):
                other = voxel + offsets[k]
                value = np.int64(grey[other])
                total = distance + steps[k] + slope * abs(value - own) + table[label, value]
                fresh = total << 8 | label
                if fresh < np.int64(key[other]):
                    key[other] = fresh
                    push(other, total & ring, heads, pool, state)
                    state[3] = min(state[3], other)
                    state[4] = max(state[4], other)
        state[2] += 1
    return DONE


@compiled
def forget(lost: Any, key: Any, grey: Any, offsets: Any, steps: Any, slope: int, table: Any, state: Any) -> Any:
    """Free every voxel whose shortest path may come from the voxels `lost`; return settled voxels beside the freed."""
    stack = np.empty(max(1024, 2 * len(lost)), np.int64)
    keys = np.empty(len(stack), np.uint32)
    freed = np.empty(len(stack), np.int64)
    top = count = 0
    for i in range(len(lost)):
        stack[top], keys[top] = lost[i], key[lost[i]]
        key[lost[i]] = FREE
        top += 1
    while top > 0:
        top -= 1
        voxel, mine = stack[top], np.int64(keys[top])
        if count == len(freed):
            freed = np.concatenate((freed, np.empty_like(freed)))
        freed[count] = voxel
        count += 1
        state[3] = min(state[3], voxel)
        state[4] = max(state[4], voxel)
        label, own = mine & 255, np.int64(grey[voxel])
        for k in range(len(offsets)):
            other = voxel + offsets[k]
            value = np.int64(grey[other])
            total = (mine >> 8) + steps[k] + slope * abs(value - own) + table[label, value]
            if np.int64(key[other]) == (total << 8 | label):
                if top == len(stack):
                    stack = np.concatenate((stack, np.empty_like(stack)))
                    keys = np.concatenate((keys, np.empty_like(keys)))
                stack[top], keys[top] = other, key[other]
                key[other] = FREE
                top += 1
    return _beside(freed[:count], key, offsets)


@compiled
def _beside(freed: Any, key: Any, offsets: Any) -> Any:
    """Reached voxels next to the freed ones, each once or more; voxels of key 0 (border, mask) are left out."""
    found = np.empty(1024, np.int64)
    count = 0
    for i in range(len(freed)):
        for k in range(len(offsets)):
            other = freed[i] + offsets[k]
            if key[other] != FREE and key[other] != 0:
                if count == len(found):
                    found = np.concatenate((found, np.empty_like(found)))
                found[count] = other
                count += 1
    return found[:count]


@compiled
def wire(key: Any, cost: Any, kinds: Any, offsets: Any, heads: Any, pool: Any, state: Any, target: int) -> int:
    """Dijkstra from the buckets until `target` is settled; a step along `offsets[k]` costs `cost[:, kinds[k]]`.

    The cost is read where the step ends. What is left in the buckets is enough to go on with another target.
    """
    ring = len(heads) - 1
    while state[1] > 0:
        distance = state[2]
        if np.int64(key[target] >> 8) < distance:
            return DONE
        bucket = distance & ring
        while heads[bucket] >= 0:
            if state[1] + len(offsets) + 1 >= len(pool):
                return FULL
            entry = heads[bucket]
            voxel = np.int64(pool[entry, 0])
            heads[bucket] = pool[entry, 1]
            pool[entry, 1] = state[0]
            state[0] = entry
            state[1] -= 1
            if np.int64(key[voxel] >> 8) != distance:
                continue
            for k in range(len(offsets)):
                other = voxel + offsets[k]
                total = distance + np.int64(cost[other, kinds[k]])
                fresh = total << 8 | 1
                if fresh < np.int64(key[other]):
                    key[other] = fresh
                    push(other, total & ring, heads, pool, state)
        state[2] += 1
    return DONE


@compiled
def walk_back(voxel: int, key: Any, cost: Any, kinds: Any, offsets: Any) -> Any:
    """The cheapest path from a settled voxel back to where its front began; costs as of `wire`."""
    path = np.empty(256, np.int64)
    path[0] = voxel
    count = 1
    while key[voxel] >> 8 > 0:
        for k in range(len(offsets)):
            other = voxel - offsets[k]
            if key[other] != 0 and np.int64(key[other] >> 8) + np.int64(cost[voxel, kinds[k]]) == key[voxel] >> 8:
                break
        voxel = other
        if count == len(path):
            path = np.concatenate((path, np.empty_like(path)))
        path[count] = voxel
        count += 1
    return path[:count]


def ring_size(largest_step: int) -> int:
    """Buckets of the ring: a power of two above the largest step.

    >>> ring_size(5)
    8
    """
    return 1 << int(largest_step + 1).bit_length()


def pool_of(size: int) -> NDArray[np.int32]:
    """Free entries (voxel, next), chained.

    >>> pool_of(2).shape
    (2, 2)
    """
    pool = np.zeros((size, 2), np.int32)
    pool[:, 1] = np.arange(1, size + 1)
    return pool


def enlarged(pool: NDArray[np.int32], state: NDArray[np.int64]) -> NDArray[np.int32]:
    """A pool of twice the size with the same entries; the new ones are free first.

    >>> enlarged(pool_of(2), np.zeros(8, np.int64)).shape
    (4, 2)
    """
    size = len(pool)
    wide = np.concatenate([pool, np.zeros_like(pool)])
    wide[size:, 1] = np.arange(size + 1, 2 * size + 1)
    wide[-1, 1] = state[0]
    state[0] = size
    return wide
