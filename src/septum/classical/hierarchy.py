"""Hierarchical watershed: flood once from every minimum, then cut the tree of basins at any level.

The insight: the basins and the lowest pass between each two of them hold all that a watershed at any flooding level
needs. In the order of their passes basins join, and each join drowns the shallower side; what it drowns is its depth
(dynamics). Keeping the joins up to a level gives the regions at that level, and a higher level only ever merges regions
of a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import touching
from septum.classical.landscape import summits
from septum.classical.watershed import LANDSCAPES, draw_lines, flood, heights, landscape_of
from septum.geometry.arrays import Spacing, Uint32Array, grey_image, spacing_mm
from septum.options import at_least, one_of


@dataclass(frozen=True, eq=False)
class BasinTree:
    """The basins of a landscape and the tree in which they join.

    Args:
        labels: basins 1…n, uint32, no 0.
        joins: `(n - 1, 2)` basins that join (fewer only where parts do not touch).
        depth: of the side that the join drowns, as a share of the landscape's range, in [0, 1].
    """

    labels: Uint32Array
    joins: NDArray[np.int64]
    depth: NDArray[np.float64]

    def at(self, level: float) -> Uint32Array:
        """Regions 1…m when every basin not deeper than `level` (0 to 1) is drowned; 1 leaves one region."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        at_least(1 - at_least(level, 0, name="level"), 0, name="1 - level")
        count = int(self.labels.max())
        kept = self.joins[self.depth <= level] - 1
        graph = coo_array((np.ones(len(kept), bool), (kept[:, 0], kept[:, 1])), shape=(count, count))
        _, region = connected_components(graph, directed=False)
        lookup = np.concatenate([[0], region + 1]).astype(np.uint32)
        return lookup[self.labels]


def basins(
    image: ArrayLike, *, on: str = "gradient", sigma_mm: float | None = None, spacing: Spacing = None
) -> BasinTree:
    """Flood a landscape of the image from each of its minima and find how the basins join.

    Args:
        image, on, sigma_mm, spacing: as `watershed`.

    A constant image is one basin. SimpleITK floods; scipy finds the minimum spanning tree of the passes.

    Raises:
        GeometryError, ConfigError: as `watershed`.

    Source: Najman and Schmitt 1996, IEEE TPAMI 18:1163 (dynamics and the hierarchy); Grimaud 1992 (dynamics).

    >>> tree = basins([[0, 9, 1, 3, 1]], on="dark", sigma_mm=0)
    >>> tree.at(0.0).tolist(), tree.at(0.5).tolist()
    ([[1, 1, 2, 2, 3]], [[1, 1, 2, 2, 2]])
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    one_of(on, LANDSCAPES, name="on")
    ground = heights(landscape_of(array, on, step=step, sigma_mm=sigma_mm))
    labels = flood(ground, markers=summits(np.invert(ground), depth=0))
    count = int(labels.max())
    pairs, passes = touching(labels, ground)
    bottom = np.full(count + 1, 65535, np.int64)
    np.minimum.at(bottom, labels.reshape(-1), ground.reshape(-1))
    joins, drowned = _joins(pairs, passes, bottom=bottom)
    return BasinTree(labels, joins, drowned / max(int(ground.max()), 1))


def hierarchical_watershed(
    image: ArrayLike,
    *,
    level: float = 0.1,
    on: str = "gradient",
    sigma_mm: float | None = None,
    lines: bool = False,
    spacing: Spacing = None,
) -> Uint32Array:
    """The regions of `basins` at one flooding level; regions of a higher level are unions of those of a lower one.

    Args:
        image, on, sigma_mm, spacing: as `watershed`.
        level: depth up to which basins are drowned, as a share of the landscape's range, 0 (every minimum) to 1 (one
            region).
        lines: leave 0 between regions, so that no two share a face.

    Raises:
        GeometryError, ConfigError: as `watershed`; level outside 0 to 1.

    >>> pits = [[0, 5, 4, 9, 0]]
    >>> print(*(hierarchical_watershed(pits, on="dark", sigma_mm=0, level=at).max() for at in (0, 0.2, 1)))
    3 2 1
    """
    at_least(1 - at_least(level, 0, name="level"), 0, name="1 - level")
    labels = basins(image, on=on, sigma_mm=sigma_mm, spacing=spacing).at(level)
    return draw_lines(labels) if lines else labels


def _joins(
    pairs: NDArray[np.int64], passes: NDArray[np.int64], *, bottom: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The joins along the minimum spanning tree of the passes, lowest first, and the depth that each drowns."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    count = len(bottom)
    if not len(pairs):
        return np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    weights = passes.astype(np.float64) + 1  # a weight of 0 would be no edge
    tree = minimum_spanning_tree(coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(count, count))).tocoo()
    order = np.argsort(tree.data, kind="stable")
    one, other = tree.row[order].astype(np.int64), tree.col[order].astype(np.int64)
    height = tree.data[order].astype(np.int64) - 1
    drowned = _drown(one.tolist(), other.tolist(), height=height.tolist(), bottom=bottom.tolist())
    return np.stack([one, other], axis=1), np.array(drowned, np.int64)


def _drown(one: list[int], other: list[int], *, height: list[int], bottom: list[int]) -> list[int]:
    """Depth of the shallower side of each join, in the order given (union-find with path halving)."""
    root = list(range(len(bottom)))

    def find(a: int) -> int:
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        return a

    depths = []
    for a, b, h in zip(one, other, height, strict=True):
        a, b = find(a), find(b)
        if bottom[a] > bottom[b]:
            a, b = b, a
        depths.append(h - bottom[b])
        root[b] = a
    return depths
