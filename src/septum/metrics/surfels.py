"""Surface elements of a voxel mask: which grid corners lie on its surface, and how much surface each carries.

The insight: a mask has no surface, only voxels; a surface appears once every 2x2x2 neighbourhood (2x2 in 2-D) is
replaced by the piece of the marching-cubes surface that its eight bits describe. There are only 256 (16) such pieces,
so their areas are worked out once, geometrically, as area vectors on the unit cube; for a grid of any spacing they
scale exactly. A mask is then surveyed by three shifted bit-ors over one byte per voxel.

A *surface element* sits at the grid corner in the middle of its neighbourhood, so that its position is exact to half a
voxel and the same for both sides of a plate of one voxel. Everything outside the array counts as background.

Sources: Lorensen & Cline 1987, SIGGRAPH 21:163 (marching cubes, with their rule that corners of the rarer kind are kept
apart on an ambiguous face); Nikolov et al. 2021, J Med Internet Res 23:e26151 (areas as weights of distances).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Edge = frozenset[int]
Triangle = tuple[int, int, int]


def neighbour_codes(mask: NDArray[Any]) -> NDArray[np.uint8]:
    """The bits of the neighbourhood of every grid corner.

    Args:
        mask: boolean array `(Y, X)` or `(Z, Y, X)`.

    Returns:
        uint8 array one larger along every axis. In 3-D the voxel at offset `(i, j, k)`, each 0 or 1, sets the bit
        `4 i + 2 j + k` (in 2-D `2 j + k`); a corner lies on the surface where some bits are set and some are not.

    >>> neighbour_codes(np.array([[True]])).tolist()
    [[8, 4], [2, 1]]
    """
    codes = np.pad(mask.view(np.uint8), 1)
    for power, axis in enumerate(reversed(range(mask.ndim))):
        first = [slice(None)] * mask.ndim
        second = list(first)
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        after = np.left_shift(codes[tuple(second)], np.uint8(1 << power), dtype=np.uint8)
        after |= codes[tuple(first)]
        codes = after
    return codes


def on_surface(codes: NDArray[np.uint8], *, ndim: int) -> NDArray[np.bool_]:
    """Where the surface runs: neighbourhoods that are neither empty nor full. Shape of `codes`.

    >>> on_surface(np.array([0, 1, 14, 15], np.uint8), ndim=2).tolist()
    [False, True, True, False]
    """
    full = (1 << (1 << ndim)) - 1
    mixed: NDArray[np.bool_] = (codes != 0) & (codes != full)
    return mixed


@lru_cache(maxsize=64)
def element_sizes(spacing: Sequence[float]) -> NDArray[np.float64]:
    """Area in mm² (length in mm in 2-D) of the surface in each neighbourhood, by its code; read-only.

    Args:
        spacing: 2 or 3 positive mm per array axis.

    Returns:
        float64 array of 256 (2-D: 16) sizes; 0 for the empty and the full neighbourhood.

    >>> float(element_sizes((1.0, 2.0))[0b0011])  # a straight edge along the last axis
    2.0
    """
    step = np.asarray(spacing, dtype=np.float64)
    vectors, owner = _length_vectors() if step.size == 2 else _area_vectors()
    scale = step if step.size == 2 else step.prod() / step  # an area vector scales with the other two axes
    sizes = np.zeros(1 << (1 << step.size))
    np.add.at(sizes, owner, np.linalg.norm(vectors * scale, axis=1))
    sizes.flags.writeable = False
    return sizes


@lru_cache(maxsize=1)
def _length_vectors() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Contour pieces of all 16 codes on the unit square `(M, 2)`, and the code of each `(M,)`."""
    square = [0, 1, 3, 2]
    corners = np.array(list(itertools.product((0, 1), repeat=2)), dtype=np.float64)
    pieces: list[NDArray[np.float64]] = []
    owner = []
    for code in range(16):
        for begin, end in _runs(square, _rarer(code, 4)):
            pieces.append(_middle(end, corners) - _middle(begin, corners))
            owner.append(code)
    return np.array(pieces), np.array(owner, dtype=np.intp)


@lru_cache(maxsize=1)
def _area_vectors() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Area vectors `(M, 3)` of the triangles of all 256 codes on the unit cube, and the code of each `(M,)`."""
    corners = np.array(list(itertools.product((0, 1), repeat=3)), dtype=np.float64)
    vectors: list[NDArray[np.float64]] = []
    owner = []
    for code in range(256):
        for polygon in _polygons(_rarer(code, 8)):
            found = _triangulate(np.array([_middle(edge, corners) for edge in polygon]))
            vectors.extend(found)
            owner.extend([code] * len(found))
    return np.array(vectors), np.array(owner, dtype=np.intp)


def _rarer(code: int, corners: int) -> frozenset[int]:
    """The corners of the rarer kind: a mask and its complement have the same surface."""
    inside = frozenset(c for c in range(corners) if code >> c & 1)
    return inside if len(inside) <= corners // 2 else frozenset(range(corners)) - inside


def _runs(loop: Sequence[int], inside: frozenset[int]) -> Iterator[tuple[Edge, Edge]]:
    """Pieces of contour on a face: each run of inside corners around its `loop` is cut off from the rest."""
    n = len(loop)
    for i, corner in enumerate(loop):
        if corner in inside and loop[i - 1] not in inside:
            j = i
            while loop[(j + 1) % n] in inside:
                j += 1
            yield frozenset((loop[i - 1], corner)), frozenset((loop[j % n], loop[(j + 1) % n]))


def _faces() -> Iterator[list[int]]:
    """The six faces of the cube, each as its four corners in order around it; corner `(i, j, k)` is `4 i + 2 j + k`."""
    for axis, side in itertools.product((4, 2, 1), (0, 1)):
        a, b = (step for step in (4, 2, 1) if step != axis)
        yield [axis * side + offset for offset in (0, a, a + b, b)]


def _polygons(inside: frozenset[int]) -> Iterator[list[Edge]]:
    """Closed polygons through the cut edges of the cube, one per connected piece of surface."""
    next_to: dict[Edge, list[Edge]] = {}
    for begin, end in (piece for face in _faces() for piece in _runs(face, inside)):
        next_to.setdefault(begin, []).append(end)
        next_to.setdefault(end, []).append(begin)
    left = set(next_to)
    while left:
        polygon = [min(left, key=sorted)]
        while polygon[-1] in left:
            left.discard(polygon[-1])
            polygon.extend([edge for edge in next_to[polygon[-1]] if edge in left][:1])
        yield polygon


def _middle(edge: Edge, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(corners[list(edge)].mean(axis=0))


def _triangulate(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Area vectors of the triangulation that is largest on the unit cube.

    Polygons of five and six corners are not flat. The largest triangulation is the one that keeps their flat parts
    flat; which of its equals is taken does not change the area at any spacing.
    """

    def vectors(split: list[Triangle]) -> list[NDArray[np.float64]]:
        return [np.cross(points[b] - points[a], points[c] - points[a]) / 2 for a, b, c in split]

    def size(split: list[Triangle]) -> float:
        return round(math.fsum(float(np.linalg.norm(v)) for v in vectors(split)), 9)

    return vectors(max(_splits(list(range(len(points)))), key=size))


def _splits(polygon: list[int]) -> Iterator[list[Triangle]]:
    """Every way to cut a polygon into triangles."""
    if len(polygon) < 3:
        yield []
        return
    for k in range(1, len(polygon) - 1):
        for left, right in itertools.product(_splits(polygon[: k + 1]), list(_splits(polygon[k:]))):
            yield [(polygon[0], polygon[k], polygon[-1]), *left, *right]
