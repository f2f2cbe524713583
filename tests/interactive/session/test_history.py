"""Undo and redo: nothing twice, the oldest forgotten, and what it costs."""

import tracemalloc

import numpy as np
import pytest
from tests.interactive.session.sequences import fresh

from septum.errors import ConfigError, SessionError
from septum.interactive.edits.paint import paint
from septum.interactive.session.session import Session
from septum.interactive.tool import Box, Change


def test_a_new_edit_ends_redoing_and_nothing_is_undone_where_nothing_was_done():
    session = fresh()
    with pytest.raises(SessionError, match="undone"):
        session.undo()
    session.run(paint, points=[[0, 0, 0]])
    session.undo()
    session.run(paint, points=[[5, 5, 5]], label=3)
    with pytest.raises(SessionError, match="redone"):
        session.redo()


def test_old_steps_are_forgotten_by_number_and_by_bytes():
    session = fresh(undo_steps=3)
    for place in range(6):
        session.run(paint, points=[[place, 1, 1]], radius_mm=0, label=3, what=str(place))
    assert session.can_undo == ("3", "4", "5")
    session = fresh(undo_bytes=700)
    for place in range(6):
        session.run(paint, points=[[place, 1, 1]], radius_mm=0, label=3)
    assert 0 < session.undo_bytes <= 700
    assert len(session.can_undo) == 3
    one = fresh(undo_bytes=1)
    one.run(paint, points=[[1, 1, 1]])
    one.run(paint, points=[[4, 4, 4]])
    assert len(one.can_undo) == 1
    with pytest.raises(ConfigError, match="undo_steps"):
        fresh(undo_steps=0)


def test_a_hundred_edits_of_a_large_mask_cost_a_hundredth_of_one_copy_each_and_less_than_50_mb():
    shape = (300, 512, 512)
    session = Session({"main": np.zeros(shape, np.uint8)}, spacing=(1.5, 0.8, 0.8))
    rng = np.random.default_rng(5)
    tracemalloc.start()
    for number in range(100):
        points = np.cumsum(rng.uniform(-15, 15, (5, 3)), axis=0) + rng.uniform(0.3, 0.7, 3) * np.array(shape)
        session.run(paint, points=points, radius_mm=12, label=1 + number % 3)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(session.can_undo) == 100
    assert session.undo_bytes < np.prod(shape) / 100 * 100
    assert held < 50_000_000


def test_an_edit_that_changes_half_the_voxels_at_random_costs_less_than_one_copy():
    noise = np.random.default_rng(0).integers(0, 2, (20, 100, 150)).astype(np.uint8)
    session = Session({"main": np.zeros(noise.shape, np.uint8)})
    session.apply(Change(Box.whole(noise.shape), noise))
    assert session.undo_bytes < noise.nbytes / 2
    session.undo()
    assert not session.labels().any()
    session.redo()
    assert np.array_equal(session.labels(), noise)
