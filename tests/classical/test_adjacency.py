"""Merging of neighbours: stars of every size, and what stops a merge."""

from __future__ import annotations

import numpy as np
import pytest

from septum.classical.adjacency import Likeness, merge_alike

SUMS = Likeness(
    cost=lambda a, b: np.abs(a[:, 1] / a[:, 0] - b[:, 1] / b[:, 0]), totals=lambda rows: np.cumsum(rows, axis=0)
)


@pytest.mark.parametrize("leaves", range(1, 20))
@pytest.mark.parametrize("stars", [1, 3])
def test_a_centre_takes_in_any_number_of_neighbours_that_are_like_it(leaves, stars):
    centres = np.arange(stars) * (leaves + 1)
    pairs = np.concatenate([[[c, c + leaf] for leaf in range(1, leaves + 1)] for c in centres])
    statistics = np.ones((stars * (leaves + 1), 2))
    merged = merge_alike(pairs, statistics, likeness=SUMS, limit=0.5)
    assert merged.tolist() == np.repeat(np.arange(stars), leaves + 1).tolist()


def test_a_neighbour_that_is_unlike_stays_alone():
    statistics = np.array([[1.0, 0.0], [1.0, 0.2], [1.0, 9.0], [1.0, 0.3]])
    merged = merge_alike(np.array([[0, 1], [0, 2], [0, 3]]), statistics, likeness=SUMS, limit=0.5)
    assert merged.tolist() == [0, 0, 1, 0]
