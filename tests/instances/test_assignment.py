"""What happens is the cheapest that gives each object one past and one future, however long the movie is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from tests.instances import movies

from septum.errors import Cancelled, ConfigError
from septum.instances import assignment
from septum.instances.assignment import cheapest, frame_by_frame
from septum.instances.detections import detect
from septum.instances.events import TrackEvents, TrackOptions, comings, possible_events
from septum.instances.motion import measure_motion


def problem(seed=0, *, frames=5, cells=4, gap=0, step=6.0):
    """Places that wander in a small field, and what can happen to them."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 40, (cells, 2)) + np.cumsum(rng.normal(0, step, (frames, cells, 2)), axis=0)
    found = movies.detections(places)
    options = TrackOptions(gap=gap)
    return found, possible_events(found, measure_motion(found), options=options), options


def covered(events, count):
    """How often each past and each future is covered."""
    rows = [side[side >= 0] for side in (events.ends, events.begins)]
    return [np.bincount(row, minlength=count) for row in rows]


def least_cost(events, count):
    """By trying everything, object by object."""
    sets = [
        (frozenset([*(i for i in e if i >= 0), *(count + j for j in b if j >= 0)]), c)
        for e, b, c in zip(events.ends.tolist(), events.begins.tolist(), events.cost.tolist(), strict=True)
    ]

    def search(left):
        if not left:
            return 0.0
        first = min(left)
        return min((c + search(left - s) for s, c in sets if first in s and s <= left), default=np.inf)

    return search(frozenset(range(2 * count)))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_no_other_choice_is_cheaper(seed):
    found, events, _ = problem(seed, frames=3, cells=2)
    taken, excess = cheapest(events, found, gap=0)
    assert excess == 0.0
    assert taken.cost.sum() == pytest.approx(least_cost(events, len(found.frame)))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_stretches_cover_everything_once_and_cost_hardly_more_than_the_whole(seed, gap):
    found, events, _ = problem(seed, frames=40, cells=5, gap=gap)
    whole, _ = cheapest(events, found, gap=gap, most_events=10**9)
    parts, _ = cheapest(events, found, gap=gap, most_events=1)
    for taken in (whole, parts):
        assert all((count == 1).all() for count in covered(taken, len(found.frame)))
    assert whole.cost.sum() - 1e-9 <= parts.cost.sum() <= 1.01 * whole.cost.sum() + 1e-9


def test_a_long_movie_is_decided_in_stretches_and_told(monkeypatch):
    found, events, _ = problem(frames=60)
    sizes, solved = [], assignment._solved
    monkeypatch.setattr(assignment, "_solved", lambda some, **rest: sizes.append(len(some)) or solved(some, **rest))
    told = []
    cheapest(events, found, gap=0, most_events=1, on_wait=told.append)
    assert len(sizes) > 4
    assert max(sizes) < 0.5 * len(events)
    assert told == sorted(told)
    assert len(set(told)) == len(sizes)


def test_a_wish_to_stop_ends_the_work():
    found, events, _ = problem(frames=20)

    def stop(part):
        raise Cancelled

    with pytest.raises(Cancelled):
        cheapest(events, found, gap=0, on_wait=stop)


def test_a_solver_that_is_not_ready_in_time_is_told(monkeypatch):
    found, events, _ = problem(frames=5)
    real = assignment.milp

    def late(*args, **keywords):
        solved = real(*args, **keywords)
        solved.status, solved.mip_gap = 1, 0.07
        return solved

    monkeypatch.setattr(assignment, "milp", late)
    taken, excess = cheapest(events, found, gap=0)
    assert excess == 0.07
    assert all((count == 1).all() for count in covered(taken, len(found.frame)))


def test_a_solver_without_any_solution_says_what_helps(monkeypatch):
    found, events, _ = problem(frames=5)
    monkeypatch.setattr(assignment, "_SECONDS", 0.0)
    nothing = TrackEvents(*(getattr(events, name)[:0] for name in ("ends", "begins", "cost")))
    assert len(cheapest(nothing, found, gap=0)[0]) == 0
    unsolvable = events[(events.ends[:, 0] >= 0) & (events.begins[:, 0] >= 0)]  # nobody may come or go
    with pytest.raises(ConfigError, match="fewer gaps"):
        cheapest(unsolvable, found, gap=0)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_frame_by_frame_is_the_best_assignment_of_each_pair_of_frames(seed):
    found, events, options = problem(seed, frames=4, cells=6)
    motion = measure_motion(found)
    come, go = comings(found, motion, options=options)
    links, cost = frame_by_frame(events, found, comings=(come, go))
    price = {(int(i), int(j)): c for (i, j), c in zip(*events.links(), strict=True)}
    wanted = come.sum() + go.sum()
    for frame in range(3):
        a, b = found.of_frame(frame), found.of_frame(frame + 1)
        gain = np.zeros((len(a), len(b)))
        for x, y in itertools.product(range(len(a)), range(len(b))):
            key = (int(a[x]), int(b[y]))
            gain[x, y] = min(price.get(key, np.inf) - go[key[0]] - come[key[1]], 0.0)
        wanted += gain[linear_sum_assignment(gain)].sum()
    assert cost == pytest.approx(wanted)
    linked = np.zeros((2, len(found.frame)), int)
    np.add.at(linked, (0, links[:, 0]), 1)
    np.add.at(linked, (1, links[:, 1]), 1)
    assert linked.max(initial=0) <= 1
    unlinked = come[linked[1] == 0].sum() + go[linked[0] == 0].sum()
    assert cost == pytest.approx(sum(price[int(i), int(j)] for i, j in links) + unlinked)


def test_frames_without_objects_break_no_assignment():
    square = np.pad(np.ones((4, 4), int), 4)
    found = detect([(frame, None) for frame in (square, 0 * square, square, square)], gap=1)
    options = TrackOptions()
    motion = measure_motion(found)
    events = possible_events(found, motion, options=options)
    links, _ = frame_by_frame(events, found, comings=comings(found, motion, options=options))
    assert links.tolist() == [[1, 2]]
