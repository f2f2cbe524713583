"""What can happen to the objects of a movie, and at what cost: continue, divide, merge, come and go.

The insight: every object has exactly one past (it continues another, is a daughter, was merged, or appears) and one
future (it goes on, divides, merges, or disappears). Each thing that can happen is a column that covers some pasts and
futures at a cost.

Costs are in units of the movie's own scatter: how far objects move between frames, and how much their size and
brightness change; so one set of weights fits cells and animals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.instances.detections import Detections
from septum.instances.motion import Motion, expected

_NO_OVERLAP = 1.5  # a link between objects that share nothing costs this much more than between equal ones
_NEIGHBOURS = 6  # candidates per object and frame
_STILL = 0.25  # of a diameter: objects that move farther in common do not overlap with themselves
_NOBODY = -1

ObjectRows = NDArray[np.int64]


@dataclass(frozen=True)
class TrackOptions:
    """Weights of what can happen, in the movie's own scatter, and what is allowed.

    Args:
        max_distance: farthest that an object moves in a frame beside the common movement of all, in the unit of the
            spacing; None: 6 standard deviations of the movements, at least 1.5 diameters.
        gap: how many frames an object may be missing, 0 to 5.
        divisions, merges: whether objects divide, and run together.
        coming, division, merge, missing: costs of appearing (and of disappearing) away from the edge, of a division, of
            a merge, and of each frame in which an object is missing.
        at_edge: cost of appearing and disappearing at the edge of the frame; it grows to `coming` over a few movements.
    """

    max_distance: float | None = None
    gap: int = 1
    divisions: bool = True
    merges: bool = False
    coming: float = 6.0
    division: float = 3.5
    merge: float = 4.0
    missing: float = 1.5
    at_edge: float = 2.5

    def __post_init__(self) -> None:
        if self.max_distance is not None and not self.max_distance > 0:
            raise ConfigError(f"max_distance must be above 0, got {self.max_distance}; leave it out to measure it")
        if not 0 <= self.gap <= 5:
            raise ConfigError(f"gap must lie between 0 and 5 frames, got {self.gap}")
        for name in ("coming", "division", "merge", "missing", "at_edge"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class TrackEvents:
    """Things that can happen, `n` of them.

    Args:
        ends: `(n, 2)` rows of the objects whose future each is, -1 where it covers fewer.
        begins: `(n, 2)` rows of the objects whose past each is.
        cost: `(n,)`.
    """

    ends: ObjectRows
    begins: ObjectRows
    cost: Float64Array

    def __len__(self) -> int:
        return len(self.cost)

    def __getitem__(self, chosen: NDArray[np.generic]) -> TrackEvents:
        return TrackEvents(self.ends[chosen], self.begins[chosen], self.cost[chosen])

    def links(self) -> tuple[ObjectRows, Float64Array]:
        """`(m, 2)` rows of the objects that go on as another, and the cost of each."""
        single = (self.ends[:, 0] >= 0) & (self.begins[:, 0] >= 0) & (self.ends[:, 1] < 0) & (self.begins[:, 1] < 0)
        return np.stack([self.ends[single, 0], self.begins[single, 0]], axis=1), self.cost[single]


def comings(found: Detections, motion: Motion, *, options: TrackOptions) -> tuple[Float64Array, Float64Array]:
    """Cost of appearing and of disappearing of each object: nothing at the ends of the movie, little at the edge of the
    frame.

    How near the edge is counts in movements: in a thin stack every object is near it, and few leave.

    >>> from septum.instances.detections import detect
    >>> from septum.instances.motion import measure_motion
    >>> frame = np.zeros((99, 99), int)
    >>> frame[48:51, 48:51] = 1
    >>> found = detect([(frame, None)] * 2)
    >>> [cost.round(2).tolist() for cost in comings(found, measure_motion(found), options=TrackOptions())]
    [[0.0, 6.0], [6.0, 0.0]]
    """
    margin = np.maximum(found.edge - found.diameters() / 2, 0.0)
    costs = []
    for move, spared in zip(motion.passing(found), (found.frame == 0, found.frame == found.n_frames - 1), strict=True):
        cost = options.coming - (options.coming - options.at_edge) * np.exp(-margin / move)
        costs.append(np.where(spared, 0.0, cost))
    return costs[0], costs[1]


def possible_events(found: Detections, motion: Motion, *, options: TrackOptions) -> TrackEvents:
    """Everything that can happen in the movie.

    >>> from septum.instances.detections import detect
    >>> from septum.instances.motion import measure_motion
    >>> found = detect([(np.array([[1, 1, 0, 0]]), None), (np.array([[0, 1, 1, 0]]), None)])
    >>> possible_events(found, measure_motion(found), options=TrackOptions()).links()[0].tolist()
    [[0, 1]]
    """
    costs = _Costs(found, motion)
    nobody = np.full(len(found.frame), _NOBODY)
    everybody = np.arange(len(found.frame))
    come, go = comings(found, motion, options=options)
    parts = [
        _events((nobody, nobody), (everybody, nobody), cost=come),
        _events((everybody, nobody), (nobody, nobody), cost=go),
    ]
    for frame in range(found.n_frames):
        for skip in range(1, options.gap + 2):
            near = costs.near(frame, skip, options=options)
            none = np.full(len(near.one), _NOBODY)
            parts.append(_events((near.one, none), (near.other, none), cost=near.cost + options.missing * (skip - 1)))
            if skip == 1 and options.divisions:
                one, pair, cost = costs.joint(near)
                parts.append(_events((one, np.full(len(one), _NOBODY)), pair, cost=options.division + cost))
            if skip == 1 and options.merges:
                one, pair, cost = costs.joint(near.turned())
                parts.append(_events(pair, (one, np.full(len(one), _NOBODY)), cost=options.merge + cost))
    return TrackEvents(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("ends", "begins", "cost"))
    )


def _events(
    ends: tuple[ObjectRows, ObjectRows], begins: tuple[ObjectRows, ObjectRows], *, cost: Float64Array
) -> TrackEvents:
    return TrackEvents(np.stack(ends, axis=1), np.stack(begins, axis=1), cost)


@dataclass(frozen=True, eq=False)
class Near:
    """Links that can be, sorted by `one`: rows of two frames, their cost, and the share that the two have in common."""

    one: ObjectRows
    other: ObjectRows
    cost: Float64Array
    share: Float64Array

    def turned(self) -> Near:
        """From "whom each may become" to "who may become each"."""
        order = np.argsort(self.other, kind="stable")
        return Near(self.other[order], self.one[order], self.cost[order], self.share[order])

    def twos(self) -> tuple[ObjectRows, ObjectRows]:
        """Every two links of the same `one`, as places."""
        first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for step in range(1, len(self.one)):
            same = np.flatnonzero(self.one[step:] == self.one[:-step])
            if not len(same):
                break
            first.append(same)
            second.append(same + step)
        return np.concatenate(first), np.concatenate(second)


class _Costs:
    """Costs of links in units of the movie's scatter; places are those that the common movement leaves."""

    def __init__(self, found: Detections, motion: Motion) -> None:
        self.found, self.motion = found, motion
        self.place = found.centre - motion.shift[found.frame]
        self.ahead = self.place + motion.persistence * np.nan_to_num(motion.before)
        self.behind = self.place - motion.persistence * np.nan_to_num(motion.after)
        self.diameters = found.diameters()
        self.width = max(6 * motion.scatter[0] * math.sqrt(found.centre.shape[1]), 1.5 * found.diameter())
        keys = np.array([i * len(found.frame) + j for i, j in found.overlaps], np.int64)
        order = np.argsort(keys)
        self.overlapping = keys[order]
        self.overlaps = np.array(list(found.overlaps.values()), np.float64)[order]

    def near(self, frame: int, skip: int, *, options: TrackOptions) -> Near:
        """For each object of a frame those of a later one that lie nearest to where it is expected, within reach."""
        here = self.found.of_frame(frame)
        after = self.found.of_frame(frame + skip) if frame + skip < self.found.n_frames else here[:0]
        if not len(here) or not len(after):
            return Near(here[:0], here[:0], np.empty(0), np.empty(0))
        reach = (options.max_distance or self.width) * math.sqrt(skip)
        k = min(_NEIGHBOURS, len(after))
        keeps = bool(self.motion.persistence)
        pairs = []
        for start in (self.place, self.ahead)[: 1 + keeps]:
            for goal in (self.place, self.behind)[: 1 + keeps]:
                close = cKDTree(goal[after]).query(start[here], k=k, distance_upper_bound=reach)
                far, which = (np.reshape(one, (-1, k)) for one in close)
                row, column = np.nonzero(np.isfinite(far))
                pairs.append(here[row] * len(self.place) + after[which[row, column]])
        i, j = np.divmod(np.unique(np.concatenate(pairs)), len(self.place))
        if options.max_distance is not None:
            allowed = np.linalg.norm(self.place[j] - self.place[i], axis=1) <= options.max_distance * skip
            i, j = i[allowed], j[allowed]
        own = expected(self.motion, rows=(i, j), steps=skip)
        far = np.linalg.norm(self.place[j] - self.place[i] - own, axis=1)
        order = np.lexsort((far, i))
        i, j, far = i[order], j[order], far[order]
        place = np.arange(len(i)) - np.searchsorted(i, i)
        i, j, far = i[place < k], j[place < k], far[place < k]
        share = self._share(i, j, far=far)
        return Near(i, j, self._link(i, j, far=far, share=share), share)

    def _link(self, i: ObjectRows, j: ObjectRows, *, far: Float64Array, share: Float64Array) -> Float64Array:
        """Row i becomes row j; of an object that the frame cuts nobody knows the size."""
        f, (move, size, light) = self.found, self.motion.scatter
        steps = f.frame[j] - f.frame[i]
        cost = _rise(far / (move * np.sqrt(steps))) + _NO_OVERLAP * (1 - share)
        known = ~(f.cut[i] | f.cut[j])
        cost += np.where(known, 0.5 * _unlikeness(np.log(f.size[j] / f.size[i]) / size), 0.0)
        if math.isfinite(light):
            cost += 0.5 * _unlikeness((f.brightness[j] - f.brightness[i]) / light)
        return np.asarray(cost)

    def joint(self, near: Near) -> tuple[ObjectRows, tuple[ObjectRows, ObjectRows], Float64Array]:
        """One row and two of the next (of the previous, for a merge) frame: the middle of the two lies where the one
        is, their sizes add up to its size, and they are alike."""
        first, second = near.twos()
        one, a, b = near.one[first], near.other[first], near.other[second]
        f, (move, size, light) = self.found, self.motion.scatter
        total = f.size[a] + f.size[b]
        middle = (f.size[a, None] * self.place[a] + f.size[b, None] * self.place[b]) / total[:, None]
        start = np.where((f.frame[a] > f.frame[one])[:, None], self.ahead[one], self.behind[one])
        cost = _rise(np.linalg.norm(middle - start, axis=1) / move)
        cost += _NO_OVERLAP * (1 - np.maximum(near.share[first], near.share[second]))
        whole = 0.5 * _unlikeness(np.log(total / f.size[one]) / (2 * size))
        alike = 0.5 * _unlikeness(np.log(f.size[a] / f.size[b]) / (2 * size))
        cost += np.where(f.cut[one] | f.cut[a] | f.cut[b], 0.0, whole + alike)
        if math.isfinite(light):
            cost += 0.5 * _unlikeness((f.brightness[a] - f.brightness[b]) / (2 * light))
        return one, (a, b), np.asarray(cost)

    def _share(self, i: ObjectRows, j: ObjectRows, *, far: Float64Array) -> Float64Array:
        """Shared part of two objects; of those that keep their way or move in common, of discs where they are
        expected."""
        reach = (self.diameters[i] + self.diameters[j]) / 2
        discs = np.maximum(0.0, 1.0 - far / reach)
        if self.motion.persistence or not len(i):
            return discs
        shift = self.motion.shift[self.found.frame[j]] - self.motion.shift[self.found.frame[i]]
        shared = np.zeros(len(i))
        if len(self.overlaps):
            keys = i * len(self.place) + j
            at = np.minimum(np.searchsorted(self.overlapping, keys), len(self.overlapping) - 1)
            shared = np.where(self.overlapping[at] == keys, self.overlaps[at], 0.0)
        return np.where(np.linalg.norm(shift, axis=1) > _STILL * reach, discs, shared)


def _rise(deviations: Float64Array) -> Float64Array:
    """Quadratic for small deviations, linear for large ones: one bad outline must not break a track."""
    return np.asarray(np.sqrt(1 + deviations * deviations) - 1)


def _unlikeness(deviations: Float64Array) -> Float64Array:
    """Quadratic for small deviations, logarithmic for large ones: a dividing nucleus lights up tenfold and stays it."""
    return np.asarray(np.log1p(deviations * deviations / 2))
