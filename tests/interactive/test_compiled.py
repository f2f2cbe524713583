"""The compiled fronts against Dijkstra's search of scipy, and the ring and pool that they run on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from septum.interactive import compiled
from septum.interactive.compiled import DONE, FREE, FULL, PAUSED

ROWS, COLUMNS = 7, 9
OFFSETS, STEPS = np.array([-COLUMNS, -1, 1, COLUMNS]), np.array([2, 1, 1, 2])
SLOPE = 3


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 6, (ROWS, COLUMNS)).astype(np.uint8)


def grid() -> np.ndarray:
    """Keys of a plane with a border that no front enters."""
    key = np.zeros((ROWS, COLUMNS), np.uint32)
    key[1:-1, 1:-1] = FREE
    return key


def grown(grey: np.ndarray, seeds: dict[int, int], *, pool: int = 4096, limit: int = 10**6) -> Any:
    key = grid().ravel()
    for place, label in seeds.items():
        key[place] = label
    begin = np.array(sorted(seeds))
    state = np.array([0, 0, 0, key.size, -1, 0], np.int64)
    heads = np.full(compiled.ring_size(2 + SLOPE * 5), -1, np.int32)
    entries, answers = compiled.pool_of(pool), []
    table = np.zeros((256, 256), np.int64)
    while not answers or answers[-1] != DONE:
        answers.append(
            compiled.spread(
                key, grey.ravel(), OFFSETS, STEPS, SLOPE, table, begin, np.zeros(len(begin), np.int64), heads, entries,
                state, limit,
            )
        )  # fmt: skip
        if answers[-1] == FULL:
            entries = compiled.enlarged(entries, state)
    return key, state, answers


def searched(grey: np.ndarray, seeds: dict[int, int]) -> np.ndarray:
    """Distances `(seeds, voxels)` by scipy."""
    inside = grid().ravel() == FREE
    links = sparse.lil_array((grey.size, grey.size))
    flat = grey.ravel().astype(int)
    for voxel in np.flatnonzero(inside):
        for offset, step in zip(OFFSETS, STEPS, strict=True):
            if inside[voxel + offset]:
                links[voxel, voxel + offset] = step + SLOPE * abs(flat[voxel + offset] - flat[voxel])
    return np.asarray(dijkstra(links.tocsr(), indices=sorted(seeds)))


SEEDS = {10: 1, 4 * COLUMNS + 6: 2, 2 * COLUMNS + 5: 7}


def test_each_voxel_gets_the_distance_and_label_that_dijkstra_gives(grey: np.ndarray) -> None:
    key, _, answers = grown(grey, SEEDS)
    inside = grid().ravel() == FREE
    distances = searched(grey, SEEDS)[:, inside]
    found = key[inside]
    assert np.array_equal(found >> 8, distances.min(axis=0))
    labels = np.array([SEEDS[place] for place in sorted(SEEDS)])
    tied = np.where(distances == distances.min(axis=0), labels[:, None], 255)
    assert np.array_equal(found & 255, tied.min(axis=0))  # of two as near, the lower label
    assert answers == [DONE]
    assert (key[~inside] == 0).all()


def test_pauses_and_a_pool_that_is_too_small_change_nothing(grey: np.ndarray) -> None:
    whole = grown(grey, SEEDS)[0]
    key, _, answers = grown(grey, SEEDS, limit=3)
    assert PAUSED in answers
    assert np.array_equal(key, whole)
    key, _, answers = grown(grey, SEEDS, pool=8)
    assert FULL in answers
    assert np.array_equal(key, whole)


def test_what_a_seed_reached_is_freed_with_it_and_its_neighbours_are_named(grey: np.ndarray) -> None:
    key, state, _ = grown(grey, SEEDS)
    lost = 4 * COLUMNS + 6
    others = {place: label for place, label in SEEDS.items() if place != lost}
    mine = key & 255 == SEEDS[lost]
    table = np.zeros((256, 256), np.int64)
    around = compiled.forget(np.array([lost]), key, grey.ravel(), OFFSETS, STEPS, SLOPE, table, state)
    assert (key[mine] == FREE).all()
    assert set(around) <= set(np.flatnonzero((key != FREE) & (key != 0)))
    assert len(around) > 0
    left = grown(grey, others)[0]
    kept = (key != FREE) & (key != 0)
    assert np.array_equal(key[kept], left[kept])


@pytest.mark.parametrize("largest", [1, 2, 5, 7, 8, 255])
def test_the_ring_is_a_power_of_two_above_the_largest_step(largest: int) -> None:
    size = compiled.ring_size(largest)
    assert size > largest
    assert size & (size - 1) == 0


def chained(pool: np.ndarray, first: int, *, count: int) -> list[int]:
    """The free entries in the order in which they are taken."""
    found = [first]
    while len(found) < count:
        found.append(int(pool[found[-1], 1]))
    return found


def test_a_pool_is_a_chain_of_free_entries_and_grows_with_what_it_holds() -> None:
    pool, state = compiled.pool_of(4), np.array([2, 2, 0, 0, -1, 0], np.int64)
    assert chained(pool, 0, count=4) == [0, 1, 2, 3]
    pool[:2, 0] = 77
    wide = compiled.enlarged(pool, state)
    assert chained(wide, int(state[0]), count=6) == [4, 5, 6, 7, 2, 3]
    assert wide[:2, 0].tolist() == [77, 77]


def test_a_wire_is_the_cheapest_path_and_is_walked_back() -> None:
    cost = np.full((ROWS * COLUMNS, 1), 9, np.int64)
    cheap = [11, 12, 13, 22, 31, 32, 33]
    cost[cheap] = 1
    key = grid().ravel()
    key[10] = 1
    state, heads = np.array([0, 0, 0, 0, 0, 0], np.int64), np.full(compiled.ring_size(9), -1, np.int32)
    pool, kinds = compiled.pool_of(512), np.zeros(4, np.int64)
    compiled.push(10, 0, heads, pool, state)
    assert compiled.wire(key, cost, kinds, OFFSETS, heads, pool, state, 33) == DONE
    assert key[33] >> 8 == len(cheap)
    path = compiled.walk_back(33, key, cost, kinds, OFFSETS)
    assert path.tolist() == [33, 32, 31, 22, 13, 12, 11, 10]
