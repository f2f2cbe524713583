"""The multigrid solver: what a direct solver solves, on all its levels."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from septum.interactive.marks.multigrid import Multigrid


def test_the_multigrid_solves_what_a_direct_solver_solves_on_all_its_levels() -> None:
    rng = np.random.default_rng(0)
    shape = (13, 16, 17)
    weights = [
        np.exp(-rng.uniform(0, 11, [n - (a == axis) for a, n in enumerate(shape)])).astype(np.float32)
        for axis in range(3)
    ]
    fixed = np.zeros(shape, bool)
    fixed[6, 8, 4:12] = fixed[0, 0, 0] = True
    grid = Multigrid(weights, fixed)
    assert len(grid.levels) >= 1
    values = np.where(fixed, np.float32(0), rng.random(shape, dtype=np.float32))  # a poor start
    values[6, 8, 4:12] = 1
    grid.solve(values, tolerance=1e-7)
    node = np.arange(fixed.size).reshape(shape)
    system = sparse.coo_array((fixed.size,) * 2)
    for axis, weight in enumerate(weights):
        near, far = (np.moveaxis(node, axis, 0)[cut] for cut in (slice(None, -1), slice(1, None)))
        w = np.moveaxis(weight, axis, 0).astype(np.float64).ravel()
        links = sparse.coo_array((w, (near.ravel(), far.ravel())), shape=system.shape)
        system = system + links + links.T
    system = (sparse.diags_array(system.sum(axis=1)) - system).tocsc()
    free, held = np.flatnonzero(~fixed), np.flatnonzero(fixed)
    expected = values.ravel().astype(np.float64)
    expected[free] = spsolve(system[free][:, free], -(system[free][:, held] @ expected[held]))
    np.testing.assert_allclose(values.ravel(), expected, atol=1e-3)


def test_voxels_that_hang_to_seeds_only_are_solved_too() -> None:
    shape = (2, 40, 80)
    fixed = np.indices(shape).sum(axis=0) % 2 == 0
    weights = [np.ones([n - (a == axis) for a, n in enumerate(shape)], np.float32) for axis in range(3)]
    values = np.where(fixed, np.float32(0.25), np.float32(0))
    Multigrid(weights, fixed).solve(values, tolerance=1e-5)
    np.testing.assert_allclose(values, 0.25, rtol=1e-4)


def test_the_level_of_a_block_between_walls_is_solved_for_directly() -> None:
    shape = (12, 16, 16)
    fixed = (np.indices(shape) % 4 >= 2).any(axis=0)
    weights = [np.ones([n - (a == axis) for a, n in enumerate(shape)], np.float32) for axis in range(3)]
    grid = Multigrid(weights, fixed)
    # 4 voxels of each side of a block look at a wall, but for those at the edge of the volume
    walls = np.array([3 + sum(n > 0 for n in place) for place in np.ndindex(3, 4, 4)]) * 4
    np.testing.assert_array_equal(grid._first()[1], walls)
    values = np.where(fixed, np.float32(0.5), np.float32(0))
    assert grid.solve(values, tolerance=1e-5) <= 5
    np.testing.assert_allclose(values, 0.5, rtol=1e-3)
