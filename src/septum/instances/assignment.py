"""Which of the things that can happen do happen: the cheapest that give each object one past and one future.

The insight: early choices must not spoil later ones, but what happens a few frames ahead hardly depends on what happens
far away. So the movie is decided in stretches of frames, each as one integer programme (set partitioning) that looks
some frames beyond what it decides: time and memory grow with the length of the movie only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.instances.detections import Detections
from septum.instances.events import ObjectRows, TrackEvents

_AHEAD = 8  # frames that a stretch looks ahead, beside the gap
_MOST_EVENTS = 300_000  # of a stretch, where it has more frames than it looks ahead
_SECONDS = 120.0  # for the integer programme of a stretch
_LISTEN = 0.1  # seconds


def cheapest(
    events: TrackEvents,
    found: Detections,
    *,
    gap: int,
    most_events: int = _MOST_EVENTS,
    on_wait: Callable[[float], None] = lambda part: None,
) -> tuple[TrackEvents, float]:
    """The events that cover each past and each future exactly once at the least cost.

    Args:
        events: all that can happen; each object may come and go.
        gap: how many frames an event may span beside the next one.
        most_events: how many make a stretch.
        on_wait: told several times in a second which part is done; what it raises ends the work.

    Returns:
        What happens, and by how much its cost may lie above the least, as a part of it; 0 where the solver was ready in
        time.

    Raises:
        ConfigError: no solution within the time limit of the solver.

    Source: set partitioning solved by HiGHS (Huangfu and Hall 2018, Mathematical Programming Computation 10:119).

    >>> from septum.instances.detections import detect
    >>> found = detect([(np.array([[1, 1, 0, 0]]), None), (np.array([[0, 1, 1, 0]]), None)])
    >>> rows = np.array([[0, -1], [1, -1], [-1, -1]])
    >>> events = TrackEvents(rows[[0, 1, 2, 2, 0]], rows[[2, 2, 0, 1, 1]], np.array([0.0, 0.0, 0.0, 9.0, 1.0]))
    >>> sorted(cheapest(events, found, gap=0)[0].cost.tolist())
    [0.0, 0.0, 1.0]
    """
    frame = np.append(found.frame, -1)  # of nobody
    rows = np.concatenate([events.ends, events.begins], axis=1)
    frames = np.where(rows >= 0, frame[rows], -1)
    last = frames.max(axis=1, initial=-1)
    first = np.where(frames >= 0, frames, found.n_frames).min(axis=1, initial=found.n_frames)
    order = np.argsort(first, kind="stable")
    per_frame = np.searchsorted(first[order], np.arange(found.n_frames + 1))
    happened, open_rows, worst, low = [np.empty(0, np.int64)], _Open(len(found.frame)), 0.0, 0
    while low < found.n_frames:
        high = int(np.searchsorted(per_frame, per_frame[low] + most_events, side="right")) - 1
        high = max(high, low + 2 * (gap + _AHEAD))
        high = found.n_frames if high + _AHEAD >= found.n_frames else high
        decided = found.n_frames if high == found.n_frames else high - gap - _AHEAD
        among = order[per_frame[low] : per_frame[high]]
        among = among[(last[among] < high) & open_rows.allow(events, among)]
        free = (found.frame >= high - gap - 1) & (high < found.n_frames)
        chosen, missed = _solved(events[among], free=free, on_wait=partial(on_wait, low / found.n_frames))
        worst = max(worst, missed)
        taken = among[chosen]
        taken = taken[first[taken] < decided]
        open_rows.close(events, taken)
        happened.append(taken)
        low = decided
    return events[np.concatenate(happened)], worst


class _Open:
    """Pasts and futures that nothing has covered."""

    def __init__(self, count: int) -> None:
        self.ends, self.begins = np.ones(count + 1, bool), np.ones(count + 1, bool)  # the last is nobody's

    def allow(self, events: TrackEvents, among: ObjectRows) -> NDArray[np.bool_]:
        return np.asarray(self.ends[events.ends[among]].all(axis=1) & self.begins[events.begins[among]].all(axis=1))

    def close(self, events: TrackEvents, taken: ObjectRows) -> None:
        for is_open, rows in ((self.ends, events.ends[taken]), (self.begins, events.begins[taken])):
            is_open[rows[rows >= 0]] = False


def _solved(events: TrackEvents, *, free: NDArray[np.bool_], on_wait: Callable[[], None]) -> tuple[ObjectRows, float]:
    """Places of the cheapest events that cover each past and future that any of them covers, but for the futures of
    `free` objects, which may stay open; and what that may cost too much."""
    if not len(events):
        return np.empty(0, np.int64), 0.0
    count = len(free)
    covers = np.concatenate([events.ends, np.where(events.begins >= 0, events.begins + count, -1)], axis=1)
    column, side = np.nonzero(covers >= 0)
    which, row = np.unique(covers[column, side], return_inverse=True)
    matrix = coo_array((np.ones(len(row)), (row, column)), shape=(len(which), len(events))).tocsc()
    least = np.where(np.append(free, np.zeros(count, bool))[which], 0.0, 1.0)
    solved: Any = _heard(
        lambda: milp(
            events.cost,
            integrality=np.ones(len(events), np.uint8),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, least, 1.0),
            options={"mip_rel_gap": 0.0, "time_limit": _SECONDS},
        ),
        on_wait=on_wait,
    )
    if solved.x is None:
        raise ConfigError(
            f"the assignment must have a solution, got none ({solved.message}); allow fewer gaps, no merges, or a "
            "smaller max_distance"
        )
    return np.flatnonzero(solved.x > 0.5), 0.0 if solved.status == 0 else float(solved.mip_gap)


def _heard(work: Callable[[], Any], *, on_wait: Callable[[], None]) -> Any:
    """The result of work that cannot be interrupted, in a thread of its own, so that a wish to stop is heard."""
    pool = ThreadPool(1)
    pending = pool.apply_async(work)
    pool.close()
    while not pending.ready():
        pending.wait(_LISTEN)
        on_wait()
    return pending.get()


def frame_by_frame(
    events: TrackEvents, found: Detections, *, comings: tuple[Float64Array, Float64Array]
) -> tuple[ObjectRows, float]:
    """Links to the next frame alone, each pair of frames on its own: quick, and enough to learn how objects move.

    Args:
        events: what can happen; only links to the next frame count.
        comings: cost of appearing and of disappearing of each object.

    Returns:
        `(m, 2)` rows, and what they and all comings and goings cost.

    Source: Jaqaman et al. 2008, Nature Methods 5:695 (linking with births and deaths in one assignment).

    >>> from septum.instances.detections import detect
    >>> found = detect([(np.array([[1, 1, 0, 0]]), None), (np.array([[0, 1, 1, 0]]), None)])
    >>> events = TrackEvents(np.array([[0, -1]]), np.array([[1, -1]]), np.array([1.0]))
    >>> links, cost = frame_by_frame(events, found, comings=(np.array([0.0, 9.0]), np.array([9.0, 0.0])))
    >>> links.tolist(), cost
    ([[0, 1]], 1.0)
    """
    come, go = comings
    chosen, total = [np.empty((0, 2), np.int64)], float(come.sum() + go.sum())
    links, cost = events.links()
    near = found.frame[links[:, 1]] == found.frame[links[:, 0]] + 1
    order = np.argsort(links[near, 0], kind="stable")
    links, cost = links[near][order], cost[near][order]
    gain = cost - come[links[:, 1]] - go[links[:, 0]]
    for frame in range(found.n_frames - 1):
        here, after = found.of_frame(frame), found.of_frame(frame + 1)
        if not len(here) or not len(after):
            continue
        among = slice(*np.searchsorted(links[:, 0], [here[0], here[-1] + 1]))
        own = np.arange(len(here))
        row = np.concatenate([links[among, 0] - here[0], own])
        column = np.concatenate([links[among, 1] - after[0], len(after) + own])  # its own: it disappears
        weight = np.concatenate([gain[among], np.zeros(len(here))])
        least = float(weight.min()) - 1.0  # explicit zeros would be taken as no edge
        table = csr_array((weight - least, (row, column)), shape=(len(here), len(after) + len(here)))
        one, other = min_weight_full_bipartite_matching(table)
        total += float(table[one, other].sum() + least * len(one))
        linked = other < len(after)
        chosen.append(np.stack([here[0] + one[linked], after[0] + other[linked]], axis=1))
    return np.concatenate(chosen), total
