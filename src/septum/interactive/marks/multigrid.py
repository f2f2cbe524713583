"""Conjugate gradients for the weights of a grid, with a multigrid that keeps to the regions between strong edges.

The insight: what makes the equations of the random walker slow to solve are islands, regions that hang to the rest by
almost nothing, in which a sweep moves a wrong level hardly at all. So the unknowns are gathered into aggregates along
strong weights only, again and again: an island ends as one unknown, whose level is then solved for directly. The first
aggregates are the parts of blocks of 2×2×2 voxels (no matrix is built for the voxels); then rows are paired twice per
level. A level is visited twice, by two steps of conjugate gradients (K-cycle): aggregates alone are too stiff.

Source: Notay 2010, ETNA 37:123 (aggregation, pairing); Notay & Vassilevski 2008, Numer. Linear Algebra Appl. 15:473.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from septum.geometry.arrays import Float32Array
from septum.interactive.marks import multigrid_kernels
from septum.interactive.tool import IsCancelled, stop_if

Doubles = NDArray[np.float64]


_STRONG = 0.25  # of the mean weight: what holds the voxels of a block together


_DIRECT = 500  # unknowns that are solved for directly


_GOOD = 0.25  # share of the residual below which a level needs no second step


_STEPS = 500  # far more than any system needs: 5 to 10 are usual


@dataclass(frozen=True, eq=False)
class GridLevel:
    """Sparse rows without their diagonal, the diagonal, and the aggregate of the next level that each row is in."""

    rows: tuple[NDArray[np.int32], NDArray[np.int32], Float32Array]
    diagonal: Float32Array
    aggregate: NDArray[np.int32]
    size: int
    """Of the next level."""


class Multigrid:
    """Solver of L x = 0 on the voxels that are not fixed; L is the Laplacian of a grid with weights.

    Args:
        weights: three float32 arrays, of the grid's shape but one shorter along their own axis; above 0.
        fixed: `(Z, Y, X)`, voxels whose values are given.
    """

    def __init__(self, weights: Sequence[Float32Array], fixed: NDArray[np.bool_]) -> None:
        shape = tuple(n + 2 for n in fixed.shape)
        self.inner = (slice(1, -1),) * 3
        held = np.ones(shape, bool)
        held[self.inner] = fixed
        full = [np.zeros(shape, np.float32) for _ in range(3)]
        diagonal = np.zeros(shape, np.float32)
        for axis, weight in enumerate(weights):
            full[axis][tuple(slice(1, -2) if a == axis else slice(1, -1) for a in range(3))] = weight
            diagonal += full[axis]
            np.moveaxis(diagonal, axis, 0)[1:] += np.moveaxis(full[axis], axis, 0)[:-1]
        np.maximum(diagonal, np.float32(1e-30), out=diagonal)
        self.shape, self.fixed = shape, held.ravel()
        self.weights = (full[0].ravel(), full[1].ravel(), full[2].ravel())
        self.diagonal = diagonal.ravel()
        self.aggregate = np.full(held.size, -1, np.int32)
        strong = _STRONG * sum(float(w.sum()) for w in weights) / max(1, sum(w.size for w in weights))
        self.size = multigrid_kernels.blocks(shape, self.fixed, *self.weights, strong, self.aggregate)
        matrix, excess = self._first()
        self.levels: list[GridLevel] = []
        while matrix.shape[0] > _DIRECT:
            level, matrix, excess = _coarser(matrix, excess)
            self.levels.append(level)
        dense = np.diag(_diagonal(matrix, excess)) - matrix.toarray()
        self.factor = linalg.cho_factor(dense if self.size else np.eye(1))

    def solve(self, values: Float32Array, *, tolerance: float, cancelled: IsCancelled | None = None) -> int:
        """Fill in the `values` `(Z, Y, X)` that are not fixed, in place, starting from what stands there.

        Args:
            tolerance: residual at which to stop, relative to that of 0 on all voxels that are not fixed.
            cancelled: asked in every step.

        Returns:
            Steps of conjugate gradients that were taken.
        """
        if not self.size:
            return 0
        found = np.zeros(self.shape, np.float32)
        found[self.inner] = values
        x = found.ravel()
        try:
            return self._solve(x, tolerance, cancelled=cancelled)
        finally:
            values[...] = found[self.inner]

    def _solve(self, x: Float32Array, tolerance: float, *, cancelled: IsCancelled | None) -> int:
        system = (self.shape, self.fixed, *self.weights, self.diagonal)
        r, lp, p = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        multigrid_kernels.laplacian(*system, np.where(self.fixed, x, np.float32(0)), r)
        goal = tolerance**2 * self._norm(r)
        multigrid_kernels.laplacian(*system, x, r)
        np.negative(r, out=r)
        rho, ahead = 1.0, 0.0
        for step in range(_STEPS):
            if self._norm(r) <= goal:
                return step
            stop_if(cancelled)
            z = self._corrected(r)
            # the preconditioner differs from step to step: the turn by Polak and Ribière
            turn = -ahead * float(np.vdot(z, lp)) / rho if step else 0.0
            rho = float(np.vdot(r, z))
            p *= np.float32(turn)
            p += z
            curvature = multigrid_kernels.laplacian(*system, p, lp)
            if not (rho > 0 and curvature > 0):
                return step
            ahead = float(np.vdot(r, p)) / curvature
            x += np.float32(ahead) * p
            r -= np.float32(ahead) * lp
        return _STEPS

    def _norm(self, r: Float32Array) -> float:
        return float(np.vdot(r, r / self.diagonal))

    def _corrected(self, r: Float32Array) -> Float32Array:
        """About L⁻¹ r: a sweep, a correction from the aggregates, and the sweep in reverse."""
        system = (self.shape, self.fixed, *self.weights, self.diagonal)
        x, coarse = np.zeros_like(r), np.empty(self.size, np.float32)
        multigrid_kernels.relax(*system, x, r, 0)
        multigrid_kernels.relax(*system, x, r, 1)
        multigrid_kernels.restrict(*system, x, r, self.aggregate, coarse)
        multigrid_kernels.prolong(x, self.aggregate, self._cycle(0, coarse))
        multigrid_kernels.relax(*system, x, r, 1)
        multigrid_kernels.relax(*system, x, r, 0)
        return x

    def _cycle(self, depth: int, b: Float32Array) -> Float32Array:
        """About A⁻¹ b on a level, by at most two steps of conjugate gradients."""
        if depth == len(self.levels):
            return np.asarray(linalg.cho_solve(self.factor, b), dtype=np.float32)
        level = self.levels[depth]
        first, image = self._swept(depth, b), np.empty_like(b)
        length = multigrid_kernels.multiply(*level.rows, level.diagonal, first, image)
        if not length > 0:
            return first
        ahead = float(np.vdot(first, b)) / length
        r = b - np.float32(ahead) * image
        if float(np.vdot(r, r)) <= _GOOD**2 * float(np.vdot(b, b)):
            return np.float32(ahead) * first
        second, image_2 = self._swept(depth, r), np.empty_like(b)
        overlap = float(np.vdot(second, image))
        rest = multigrid_kernels.multiply(*level.rows, level.diagonal, second, image_2) - overlap**2 / length
        if not rest > 0:
            return np.float32(ahead) * first
        further = float(np.vdot(second, r)) / rest
        return np.float32(ahead - further * overlap / length) * first + np.float32(further) * second

    def _swept(self, depth: int, b: Float32Array) -> Float32Array:
        """As `_corrected`, on a level of sparse rows."""
        level = self.levels[depth]
        x, coarse = np.zeros_like(b), np.empty(level.size, np.float32)
        multigrid_kernels.sweep(*level.rows, level.diagonal, x, b, False)
        multigrid_kernels.gather(*level.rows, level.diagonal, x, b, level.aggregate, coarse)
        multigrid_kernels.prolong(x, level.aggregate, self._cycle(depth + 1, coarse))
        multigrid_kernels.sweep(*level.rows, level.diagonal, x, b, True)
        return x

    def _first(self) -> tuple[Any, Doubles]:
        """The weights between the aggregates of the voxels, and the sum of each one's weights to fixed voxels."""
        excess = np.zeros(self.size)
        grid = (self.shape, self.aggregate, *self.weights, excess)
        count = multigrid_kernels.links(*grid, np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
        one, other, weight = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.float32)
        if count:
            multigrid_kernels.links(*grid, one, other, weight)
        half = sparse.coo_matrix((weight.astype(np.float64), (one, other)), shape=(self.size, self.size)).tocsr()
        return (half + half.T).tocsr(), excess


def _coarser(matrix: Any, excess: Doubles) -> tuple[GridLevel, Any, Doubles]:
    """A level, and the weights and excess of the next, of a quarter of its rows: paired, and the pairs paired."""
    aggregate = np.empty(matrix.shape[0], np.int32)
    pairs = _gathered(
        matrix, aggregate, size=multigrid_kernels.pair(matrix.indptr, matrix.indices, matrix.data, aggregate)
    )
    again = np.empty(pairs.shape[0], np.int32)
    size = multigrid_kernels.pair(pairs.indptr, pairs.indices, pairs.data, again)
    aggregate = again[aggregate]
    rows = (matrix.indptr, matrix.indices, matrix.data.astype(np.float32))
    level = GridLevel(rows, _diagonal(matrix, excess).astype(np.float32), aggregate, size)
    beyond = np.bincount(aggregate, weights=excess, minlength=size).astype(np.float64)
    return level, _gathered(pairs, again, size=size), beyond


def _gathered(matrix: Any, aggregate: NDArray[np.int32], *, size: int) -> Any:
    """Weights between aggregates: the sums of those between their rows."""
    rows = np.arange(len(aggregate))
    belongs = sparse.csr_matrix((np.ones(len(aggregate)), (rows, aggregate)), shape=(len(aggregate), size))
    found = (belongs.T @ matrix @ belongs).tocsr()
    found.setdiag(0)
    found.eliminate_zeros()
    return found


def _diagonal(matrix: Any, excess: Doubles) -> Doubles:
    """Sums of the rows and what they have beyond; 1 where a row is empty, whose unknown is then 0.

    An island that hangs by a thread needs them in float64: its level is the small difference of large sums.
    """
    found = np.asarray(matrix.sum(axis=1)).ravel() + excess
    return np.where(found > 0, found, 1.0)
