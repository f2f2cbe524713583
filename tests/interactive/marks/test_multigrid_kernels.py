"""The compiled loops of the multigrid against the matrix that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from septum.interactive.marks import multigrid_kernels as kernels

SHAPE = (5, 6, 7)
STRIDES = (42, 7, 1)


@pytest.fixture(scope="module")
def grid() -> dict[str, Any]:
    """Random weights on a bordered grid with some fixed voxels inside, and the matrix of its equations."""
    rng = np.random.default_rng(0)
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    fixed = ~inside | (rng.random(SHAPE) < 0.2)
    weights = {}
    for name, axis in (("wz", 0), ("wy", 1), ("wx", 2)):
        w = rng.uniform(0.1, 1.0, SHAPE)
        both = inside & np.roll(inside, -1, axis)
        weights[name] = np.where(both, w, 0).astype(np.float32).ravel()
    size = int(np.prod(SHAPE))
    links = sparse.lil_array((size, size))
    for name, stride in zip(("wz", "wy", "wx"), STRIDES, strict=True):
        for p in np.flatnonzero(weights[name]):
            links[p, p + stride] = links[p + stride, p] = float(weights[name][p])
    links = links.toarray()
    diagonal = links.sum(axis=1)
    matrix = np.diag(diagonal) - links
    free = ~fixed.ravel()
    diagonal = np.where(diagonal > 0, diagonal, 1).astype(np.float32)
    return {"fixed": fixed.ravel(), "free": free, "matrix": matrix, "diagonal": diagonal, **weights}


def given(grid: dict[str, Any]) -> tuple[Any, ...]:
    return (np.array(SHAPE), *(grid[name] for name in ("fixed", "wz", "wy", "wx", "diagonal")))


def vectors(grid: dict[str, Any], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=len(grid["fixed"])).astype(np.float32)


def test_the_laplacian_is_the_matrix_on_free_voxels_and_0_on_fixed_ones(grid: dict[str, Any]) -> None:
    x, out = vectors(grid, 1), np.full(len(grid["fixed"]), 9, np.float32)
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    total = kernels.laplacian(*given(grid), x, out)
    expected = np.where(grid["free"], grid["matrix"] @ x, 0)
    np.testing.assert_allclose(out[inside.ravel()], expected[inside.ravel()], atol=1e-5)
    assert total == pytest.approx(float(x @ expected), rel=1e-4)


def test_a_sweep_solves_the_equations_of_its_colour_and_leaves_the_others(grid: dict[str, Any]) -> None:
    z, y, x = np.indices(SHAPE)
    for colour in (0, 1):
        values, right = vectors(grid, 2), vectors(grid, 3)
        before = values.copy()
        kernels.relax(*given(grid), values, right, colour)
        own = grid["free"] & ((1 + z + y + colour) % 2 == x % 2).ravel()
        np.testing.assert_allclose((grid["matrix"] @ values)[own], right[own], atol=1e-4)
        assert np.array_equal(values[~own], before[~own])
        assert own.sum() > 10


def test_residuals_are_summed_over_aggregates_and_corrections_go_back_to_them(grid: dict[str, Any]) -> None:
    values, right = vectors(grid, 4), vectors(grid, 5)
    aggregate = np.where(grid["free"], np.arange(len(values)) % 4, -1).astype(np.int32)
    coarse = np.full(4, 7, np.float32)
    kernels.restrict(*given(grid), values, right, aggregate, coarse)
    residual = right - grid["matrix"] @ values
    expected = [residual[aggregate == part].sum() for part in range(4)]
    np.testing.assert_allclose(coarse, expected, atol=1e-4)
    before = values.copy()
    kernels.prolong(values, aggregate, coarse)
    np.testing.assert_allclose(values - before, np.where(aggregate >= 0, coarse[aggregate], 0), atol=1e-5)


@pytest.mark.parametrize(("strong", "parts"), [(2.0, 2 * 4 * 4), (1.0, 1 * 2 * 2)])
def test_voxels_of_a_block_hang_together_by_strong_weights_only(strong: float, parts: int) -> None:
    free = np.zeros((4, 6, 6), bool)
    free[1:-1, 1:-1, 1:-1] = True
    weights = [np.where(free & np.roll(free, -1, axis), 1, 0).astype(np.float32).ravel() for axis in range(3)]
    aggregate = np.full(free.size, -1, np.int32)
    assert kernels.blocks(np.array(free.shape), ~free.ravel(), *weights, strong, aggregate) == parts
    found = aggregate.reshape(free.shape)
    assert (found[~free] == -1).all()
    assert sorted(set(found[free])) == list(range(parts))
    if parts == 4:
        assert len(set(found[1:3, 1:3, 1:3].ravel())) == 1  # a block of 2 × 2 × 2
        assert len(set(found[1, 1, 1:5])) == 2
