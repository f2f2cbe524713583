"""Fronts that grow from seeds: distances, updates, pauses."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.graph import MCP
from tests.interactive.marks.growing import scenery

from septum.interactive import compiled
from septum.interactive.marks.fronts import Fronts
from septum.interactive.marks.growcut import GrowCut, grow_cut


def test_distances_through_corners_equal_those_of_scikit_image() -> None:
    flat = np.zeros((15, 17), np.uint8)
    fronts = Fronts(flat, spacing=(1, 1), smoothness=100, slope=1, full=True)
    fronts.run(np.array([[3, 4]]), np.array([1]))
    theirs, _ = MCP(np.ones(flat.shape), fully_connected=True).find_costs([(3, 4)])
    steps = np.abs(np.indices(flat.shape) - np.array([3, 4])[:, None, None])
    expected = 141 * steps.min(axis=0) + 100 * (steps.max(axis=0) - steps.min(axis=0))
    np.testing.assert_array_equal(fronts.distances(), expected)
    np.testing.assert_array_equal(steps.max(axis=0), theirs - 1)  # theirs pays for the start too


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([(13, 17), (6, 7, 9)]))
def test_updates_equal_a_full_run_whether_strokes_come_go_or_change(number, full, shape) -> None:
    rng = np.random.default_rng(number)
    image, seeds = scenery(shape, number)
    labels = np.zeros(shape, np.uint8)
    how = {"connectivity": "full" if full else "faces"}
    tool = GrowCut(image, labels, **how)
    now = tool.update(seeds).applied_to(labels)
    for _ in range(3):
        seeds = seeds.copy()
        seeds.flat[rng.integers(0, image.size, 4)] = rng.choice([-1, 0, 2, 4], 4)
        marked = np.flatnonzero(seeds >= 0)
        seeds.flat[rng.choice(marked, 2)] = rng.choice([-1, 0, 2], 2)
        now = tool.update(seeds).applied_to(now)
        fresh = grow_cut(image, labels, seeds=seeds, **how).labels
        np.testing.assert_array_equal(now, fresh)
        np.testing.assert_array_equal(now[seeds >= 0], seeds[seeds >= 0])


def test_a_search_goes_on_where_it_paused_and_when_its_pool_was_too_small(monkeypatch) -> None:
    image, seeds = scenery((9, 12, 10))
    labels = np.zeros(image.shape, np.uint8)
    expected = grow_cut(image, labels, seeds=seeds).labels
    monkeypatch.setattr("septum.interactive.marks.fronts._SLICE", 7)
    whole = compiled.pool_of
    monkeypatch.setattr(compiled, "pool_of", lambda _: whole(16))
    np.testing.assert_array_equal(grow_cut(image, labels, seeds=seeds).labels, expected)
