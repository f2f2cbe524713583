"""The compiled loops of `join`: basins of one block, the pairs of basins that touch, and their merging.

All arrays are three-dimensional (a plane has one slice). Every voxel of an object points at one of its neighbours, so
the voxels form a forest (or, where vectors are followed, a functional graph), whose components a union-find gives
without caring whether a path ends in a root or in a circle.

Numba compiles on the first call and keeps the result on disk; this module is imported where it is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from septum.geometry.loops import in_order


@in_order
def find(parent: Any, one: int) -> int:
    """The representative of a set; paths are halved on the way."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


@in_order
def uphill(altitude: Any, mask: Any, z: int, y: int, x: int) -> Any:
    """Flat index of the highest voxel of the mask among a voxel and its neighbours; of equals, the last one."""
    depth, height, width = mask.shape
    best, best_altitude = (z * height + y) * width + x, altitude[z, y, x]
    for dz in range(-1 if z > 0 else 0, 2 if z + 1 < depth else 1):
        for dy in range(-1 if y > 0 else 0, 2 if y + 1 < height else 1):
            for dx in range(-1 if x > 0 else 0, 2 if x + 1 < width else 1):
                if not mask[z + dz, y + dy, x + dx]:
                    continue
                index, here = ((z + dz) * height + y + dy) * width + x + dx, altitude[z + dz, y + dy, x + dx]
                if here > best_altitude or (here == best_altitude and index > best):
                    best, best_altitude = index, here
    return best


@in_order
def along(step: int, mask: Any, z: int, y: int, x: int) -> Any:
    """Flat index of the neighbour that a step code (9 dz + 3 dy + dx, 0 to 2 each) names; itself outside the mask."""
    depth, height, width = mask.shape
    to_z, to_y, to_x = z + step // 9 - 1, y + step // 3 % 3 - 1, x + step % 3 - 1
    inside = 0 <= to_z < depth and 0 <= to_y < height and 0 <= to_x < width
    if not inside or not mask[to_z, to_y, to_x]:
        return (z * height + y) * width + x
    return (to_z * height + to_y) * width + to_x


@in_order
def basins(altitude: Any, mask: Any, steps: Any, low: Any, high: Any, parent: Any, number: Any) -> int:
    """Number the basins of a block from 1; returns how many there are.

    altitude, mask: of the block with its halo. steps: codes of `along`, or empty to go uphill. low, high: the block
    inside of them. parent, number: flat work arrays of the same size; `number` holds the result for every voxel that
    belongs to a basin, in the halo only where a path leaves the block.
    """
    depth, height, width = mask.shape
    for index in range(depth * height * width):
        parent[index] = index
        number[index] = 0
    follow = steps.size > 0
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            for x in range(low[2], high[2]):
                if mask[z, y, x]:
                    index = (z * height + y) * width + x
                    to = along(steps[z, y, x], mask, z, y, x) if follow else uphill(altitude, mask, z, y, x)
                    if to != index:
                        a, b = find(parent, index), find(parent, to)
                        if a < b:
                            parent[b] = a
                        else:
                            parent[a] = b
    return numbered(mask, low, high, parent, number)


@in_order
def numbered(mask: Any, low: Any, high: Any, parent: Any, number: Any) -> int:
    """Number the sets that hold a voxel of the block, in order of their appearance; then the halo's voxels in them."""
    depth, height, width = mask.shape
    count = 0
    names = np.zeros(depth * height * width, dtype=np.int32)
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            for x in range(low[2], high[2]):
                if mask[z, y, x]:
                    index = (z * height + y) * width + x
                    root = find(parent, index)
                    if names[root] == 0:
                        count += 1
                        names[root] = count
                    number[index] = names[root]
    for index in range(depth * height * width):
        if number[index] == 0 and parent[index] != index:
            number[index] = names[find(parent, index)]
    for index in range(depth * height * width):  # a voxel of the halo may itself stand for its set
        if number[index] == 0 and names[index] > 0:
            number[index] = names[index]
    return count


@in_order
def summits(altitude: Any, number: Any, low: Any, high: Any, first: Any, strides: Any, key: Any, size: Any) -> None:
    """Size of each basin in the block, and its summit as `altitude << 48 | index in the whole array`; number from 1."""
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            for x in range(low[2], high[2]):
                one = number[z, y, x]
                if one:
                    place = (first[0] + z) * strides[0] + (first[1] + y) * strides[1] + (first[2] + x)
                    here = (np.int64(altitude[z, y, x]) << 48) | np.int64(place)
                    size[one - 1] += 1
                    key[one - 1] = max(key[one - 1], here)


@in_order
def passes(altitude: Any, number: Any, low: Any, high: Any, bits: int, out: Any) -> int:
    """Pairs of neighbours in different basins as `smaller << bits + 8 | larger << 8 | altitude of the lower voxel`.

    Each pair of neighbours belongs to the block that holds its first voxel. With an empty `out` they are only counted.
    """
    depth, height, width = number.shape
    count = 0
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            for x in range(low[2], high[2]):
                one = number[z, y, x]
                if one == 0:
                    continue
                for step in range(14, 27):
                    to_z, to_y, to_x = z + step // 9 - 1, y + step // 3 % 3 - 1, x + step % 3 - 1
                    if to_z >= depth or to_y < 0 or to_y >= height or to_x < 0 or to_x >= width:
                        continue
                    other = number[to_z, to_y, to_x]
                    if other == 0 or other == one:
                        continue
                    if out.size:
                        lower = min(altitude[z, y, x], altitude[to_z, to_y, to_x])
                        pair = (np.int64(min(one, other)) << bits) | np.int64(max(one, other))
                        out[count] = (pair << 8) | np.int64(lower)
                    count += 1
    return count


@in_order
def merge(first: Any, second: Any, saddle: Any, peak: Any, marker: float, share: float) -> Any:
    """Representative of each basin after merging along passes, given from the highest to the lowest (Kruskal 1956)."""
    parent = np.arange(peak.size)
    top = peak.astype(np.float64)
    for edge in range(first.size):
        a, b = find(parent, first[edge]), find(parent, second[edge])
        if a == b:
            continue
        lower = min(top[a], top[b])
        if lower < marker or saddle[edge] >= share * lower:
            if top[a] < top[b] or (top[a] == top[b] and b > a):
                a, b = b, a
            parent[b] = a
    for one in range(peak.size):
        parent[one] = find(parent, one)
    return parent
