"""The compiled vote against a walk in plain Python, at thresholds and for more voxels than walk together."""

from __future__ import annotations

import numpy as np
import pytest

from septum.interactive.pixels.forest_kernels import CHUNK, vote

SPLIT = np.array([0, 0, 1, 0, 0, 0, 0, 0], np.int32)
THRESHOLD = np.array([0.5, np.inf, -1.0, np.inf, np.inf, 2.0, np.inf, np.inf], np.float32)
LEFT = np.array([1, 1, 3, 3, 4, 6, 6, 7], np.int32)
ROOTS, DEPTHS = np.array([0, 5], np.int32), np.array([2, 1], np.int32)
PROB = np.array([[0, 0], [1, 0], [0, 0], [0.25, 0.75], [0, 1], [0, 0], [0.5, 0.5], [0.125, 0.875]], np.float32)
"""Two trees: three leaves after two questions, two after one."""


def walked(column: np.ndarray) -> np.ndarray:
    total = np.zeros(2)
    for root in ROOTS:
        node = root
        while LEFT[node] != node:
            node = LEFT[node] + (column[SPLIT[node]] > THRESHOLD[node])
        total += PROB[node]
    return total


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_every_voxel_reaches_the_leaves_that_a_walk_reaches(count: int) -> None:
    features = np.random.default_rng(count).choice([-2.0, -1.0, 0.5, 0.6, 2.0, 3.0], (2, count)).astype(np.float32)
    out = np.ones((2, count), np.float32)
    vote(features, SPLIT, THRESHOLD, LEFT, ROOTS, DEPTHS, PROB, out)
    expected = np.array([walked(column) for column in features.T]).T
    np.testing.assert_allclose(out, 1 + expected)  # votes are added to what is there
