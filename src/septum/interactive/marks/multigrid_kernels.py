"""The compiled loops of the multigrid: sweeps over a grid whose rows are read from its weights, and over sparse rows.

A grid lies in flat arrays of `shape` with a border of one voxel, which is fixed and spares every test for the edge;
`wz[p]` (and `wy`, `wx`) is the weight between voxel p and the next one along that axis. Voxels that are `fixed` have no
equation. Sparse rows are CSR (`ptr`, `idx`, `val`) without their diagonal: row a reads
`diagonal[a] x[a] - Σ val x[idx] = b[a]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from septum.geometry.loops import compiled


@compiled
def laplacian(shape: Any, fixed: Any, wz: Any, wy: Any, wx: Any, diagonal: Any, x: Any, out: Any) -> float:
    """out = L x, 0 on fixed voxels; returns x·out."""
    nz, ny, nx = shape
    total = 0.0
    for z in range(1, nz - 1):
        for y in range(1, ny - 1):
            for p in range((z * ny + y) * nx + 1, (z * ny + y + 1) * nx - 1):
                if fixed[p]:
                    out[p] = 0
                    continue
                a, b = p - nx, p - nx * ny
                beside = wx[p - 1] * x[p - 1] + wx[p] * x[p + 1] + wy[a] * x[a] + wy[p] * x[p + nx]
                value = diagonal[p] * x[p] - (beside + wz[b] * x[b] + wz[p] * x[p + nx * ny])
                out[p] = value
                total += value * x[p]
    return total


@compiled
def relax(shape: Any, fixed: Any, wz: Any, wy: Any, wx: Any, diagonal: Any, x: Any, right: Any, colour: int) -> None:
    """Solve the equations of one colour of the chessboard for their own voxels: half a sweep of Gauss and Seidel."""
    nz, ny, nx = shape
    for z in range(1, nz - 1):
        for y in range(1, ny - 1):
            row = (z * ny + y) * nx
            for p in range(row + 1 + (z + y + colour) % 2, row + nx - 1, 2):
                if not fixed[p]:
                    a, b = p - nx, p - nx * ny
                    beside = wx[p - 1] * x[p - 1] + wx[p] * x[p + 1] + wy[a] * x[a] + wy[p] * x[p + nx]
                    x[p] = (right[p] + beside + wz[b] * x[b] + wz[p] * x[p + nx * ny]) / diagonal[p]


@compiled
def restrict(
    shape: Any,
    fixed: Any,
    wz: Any,
    wy: Any,
    wx: Any,
    diagonal: Any,
    x: Any,
    right: Any,
    aggregate: Any,
    coarse: Any,
) -> None:
    """Sums of the residual right - L x over the aggregates."""
    nz, ny, nx = shape
    coarse[:] = 0
    for z in range(1, nz - 1):
        for y in range(1, ny - 1):
            for p in range((z * ny + y) * nx + 1, (z * ny + y + 1) * nx - 1):
                if not fixed[p]:
                    a, b = p - nx, p - nx * ny
                    beside = wx[p - 1] * x[p - 1] + wx[p] * x[p + 1] + wy[a] * x[a] + wy[p] * x[p + nx]
                    beside += wz[b] * x[b] + wz[p] * x[p + nx * ny]
                    coarse[aggregate[p]] += right[p] - diagonal[p] * x[p] + beside


@compiled
def prolong(x: Any, aggregate: Any, coarse: Any) -> None:
    """Add to each voxel (or row) the value of its aggregate; those without one (-1) stay."""
    for p in range(len(x)):
        if aggregate[p] >= 0:
            x[p] += coarse[aggregate[p]]


@compiled
def blocks(shape: Any, fixed: Any, wz: Any, wy: Any, wx: Any, strong: float, aggregate: Any) -> int:
    """Number the parts of each block of 2×2×2 voxels that hang together by weights of `strong` or more.

    Fixed voxels keep what they have. Returns how many parts there are.
    """
    nz, ny, nx = shape
    root, steps = np.empty(8, np.int64), np.array([nx * ny, nx, 1])
    count = 0
    for z in range(1, nz - 1, 2):
        for y in range(1, ny - 1, 2):
            for first in range((z * ny + y) * nx + 1, (z * ny + y + 1) * nx - 1, 2):
                for q in range(8):  # a forest: the root of a part is its voxel of the lowest number
                    root[q] = q
                for q in range(8):
                    p = first + (q >> 2) * steps[0] + ((q >> 1) & 1) * steps[1] + (q & 1)
                    for axis in range(3):
                        bit = 4 >> axis
                        if q & bit or fixed[p] or fixed[p + steps[axis]]:
                            continue
                        if (wz[p] if axis == 0 else (wy[p] if axis == 1 else wx[p])) < strong:
                            continue
                        a, b = q, q | bit
                        while root[a] != a:
                            a = root[a]
                        while root[b] != b:
                            b = root[b]
                        root[max(a, b)] = min(a, b)
                for q in range(8):
                    p = first + (q >> 2) * steps[0] + ((q >> 1) & 1) * steps[1] + (q & 1)
                    if fixed[p]:
                        continue
                    a = q
                    while root[a] != a:
                        a = root[a]
                    if a == q:
                        aggregate[p] = count
                        count += 1
                    else:
                        aggregate[p] = aggregate[first + (a >> 2) * steps[0] + ((a >> 1) & 1) * steps[1] + (a & 1)]
    return count


@compiled
def links(shape: Any, aggregate: Any, wz: Any, wy: Any, wx: Any, excess: Any, one: Any, other: Any, weight: Any) -> int:
    """The steps between voxels of two aggregates as rows (one, other, weight); returns how many there are.

    With empty rows it counts alone, and `excess` gathers the weights of the steps from an aggregate to fixed voxels.
    """
    nz, ny, nx = shape
    steps = np.array([nx * ny, nx, 1])
    writes = len(one) > 0
    found = 0
    for p in range(nx * ny * (nz - 1)):
        a = aggregate[p]
        for axis in range(3):
            b = aggregate[p + steps[axis]]
            w = wz[p] if axis == 0 else (wy[p] if axis == 1 else wx[p])
            if a == b or w <= 0:
                continue
            if a >= 0 and b >= 0:
                if writes:
                    one[found], other[found], weight[found] = a, b, w
                found += 1
            elif not writes:
                excess[max(a, b)] += w
    return found


@compiled
def pair(ptr: Any, idx: Any, val: Any, aggregate: Any) -> int:
    """Pair each row with the free row it hangs to most, or add it to the aggregate of its nearest; returns how many.

    A row that hangs to nothing is solved by a sweep alone: all such rows are put into aggregate 0.
    """
    size = len(ptr) - 1
    aggregate[:] = -1
    count = 1
    for a in range(size):
        if aggregate[a] >= 0:
            continue
        nearest, best = -1, -1
        strongest, top = np.float32(0), np.float32(0)
        for k in range(ptr[a], ptr[a + 1]):
            if val[k] > strongest:
                nearest, strongest = idx[k], val[k]
            if aggregate[idx[k]] < 0 and val[k] > top:
                best, top = idx[k], val[k]
        if nearest < 0:
            aggregate[a] = 0
        elif best >= 0 and top >= np.float32(0.25) * strongest:
            aggregate[a] = aggregate[best] = count
            count += 1
        else:
            aggregate[a] = aggregate[nearest]
    return count


@compiled
def sweep(ptr: Any, idx: Any, val: Any, diagonal: Any, x: Any, b: Any, backwards: bool) -> None:
    """One sweep of Gauss and Seidel over all rows."""
    size = len(diagonal)
    for n in range(size):
        a = size - 1 - n if backwards else n
        total = b[a]
        for k in range(ptr[a], ptr[a + 1]):
            total += val[k] * x[idx[k]]
        x[a] = total / diagonal[a]


@compiled
def multiply(ptr: Any, idx: Any, val: Any, diagonal: Any, x: Any, out: Any) -> float:
    """out = A x; returns x·out."""
    product = 0.0
    for a in range(len(diagonal)):
        total = diagonal[a] * x[a]
        for k in range(ptr[a], ptr[a + 1]):
            total -= val[k] * x[idx[k]]
        out[a] = total
        product += total * x[a]
    return product


@compiled
def gather(ptr: Any, idx: Any, val: Any, diagonal: Any, x: Any, b: Any, aggregate: Any, coarse: Any) -> None:
    """Sums of the residual b - A x over the aggregates."""
    coarse[:] = 0
    for a in range(len(diagonal)):
        total = b[a] - diagonal[a] * x[a]
        for k in range(ptr[a], ptr[a + 1]):
            total += val[k] * x[idx[k]]
        coarse[aggregate[a]] += total
