"""Objects linked over time: who continues, who divides, who merges, who comes and goes, decided all at once.

The insight: every object has exactly one past (it continues another, is a daughter, was merged, or appears) and one
future (it goes on, divides, merges, or disappears). Each thing that can happen is a column that covers some pasts and
futures at a cost, and a tracking is the cheapest set of columns that covers each exactly once: one integer programme
(set partitioning) over the whole movie, so that no early choice spoils a later one.

Costs are in units of the movie's own scatter: how far objects move between frames, and how much their size and
brightness change; so one set of weights fits cells and animals. It is measured on pairs that are each other's nearest,
and again on each tracking, which also tells whether objects keep their way (`motion.py`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from septum.errors import ConfigError
from septum.geometry.arrays import Spacing
from septum.instances.detections import Detections, Frame, detect
from septum.instances.motion import Motion, expected, foretold, measure_motion

_NO_OVERLAP = 1.5  # a link between objects that share nothing costs this much more than between equal ones
_NEIGHBOURS = 6  # candidates per object and frame
_MOST_PASSES = 6  # trackings that each learn from the movements of the one before


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
class Tracks:
    """The tracking of a movie.

    Args:
        detections: the objects.
        track: the track of each object, from 1, in the order in which tracks begin.
        lineage: `(tracks, 4)` rows `L B E P` as in the Cell Tracking Challenge: label, first and last frame, parent (0:
            none). A track has an object in each of its frames: after a gap the same object goes on under a new label
            with the old one as parent.
        cell: of each track, the label of the first track of the same object: gaps do not change it, divisions do.
        merged_into: track to the track that it runs into.
        motion: how the objects move, as the tracking found.
    """

    detections: Detections
    track: NDArray[np.int64]
    lineage: NDArray[np.int64]
    cell: NDArray[np.int64]
    merged_into: dict[int, int]
    motion: Motion

    def divisions(self) -> list[tuple[int, tuple[int, ...]]]:
        """Parent and daughters of every division."""
        found: dict[int, list[int]] = {}
        for label, _, _, parent in self.lineage.tolist():
            if parent and self.cell[label - 1] != self.cell[parent - 1]:
                found.setdefault(parent, []).append(label)
        return [(parent, tuple(daughters)) for parent, daughters in found.items()]


@dataclass(frozen=True)
class _Column:
    """Something that can happen: which futures and which pasts it covers, at what cost."""

    ends: tuple[int, ...]
    begins: tuple[int, ...]
    cost: float


def track_objects(
    frames: Iterable[Frame],
    *,
    spacing: Spacing = None,
    options: TrackOptions | None = None,
    on_pass: Callable[[float], None] = lambda part: None,
) -> Tracks:
    """Link the objects of a movie over time.

    Args:
        frames: pairs of a label map (ids per frame mean nothing) and its image of one channel or None, in order.
        spacing: size of a sample along each axis, in any unit.
        options: weights, and what is allowed.
        on_pass: told before each tracking which part of those that may be needed is done; what it raises ends the work.

    Raises:
        GeometryError: frames of different shapes.
        ConfigError: no solution within the time limit of the solver.

    Source: set partitioning solved by HiGHS (Huangfu and Hall 2018, Mathematical Programming Computation 10:119);
    divisions as joint events after Jug et al. 2014, BAMBI.

    >>> a, b = np.zeros((9, 20), int), np.zeros((9, 20), int)
    >>> a[3:6, 3:6], b[3:6, 4:7] = 1, 5
    >>> track_objects([(a, None), (b, None)]).lineage.tolist()
    [[1, 0, 1, 0]]
    """
    chosen = options or TrackOptions()
    found = detect(frames, spacing=spacing, gap=chosen.gap)
    motion = measure_motion(found)
    on_pass(0.0)
    taken = _cheapest(found, motion, options=chosen)
    for done in range(1, _MOST_PASSES + 1):
        before, known = taken, motion
        motion = foretold(motion, found, links=_continued(taken, found))
        if not motion.persistence and abs(motion.scatter[0] - known.scatter[0]) < 0.1 * known.scatter[0]:
            break
        on_pass(done / (_MOST_PASSES + 1))
        taken = _cheapest(found, motion, options=chosen)
        if taken == before:
            break
    return _assemble(found, taken, motion=motion)


def _continued(columns: list[_Column], found: Detections) -> NDArray[np.int64]:
    """Rows of the same object in consecutive frames."""
    pairs = [(*c.ends, *c.begins) for c in columns if len(c.ends) == len(c.begins) == 1]
    links = np.array(pairs, np.int64).reshape(-1, 2)
    return np.asarray(links[found.frame[links[:, 1]] == found.frame[links[:, 0]] + 1])


def _cheapest(found: Detections, motion: Motion, *, options: TrackOptions) -> list[_Column]:
    """What happens, for all that is known of the movements."""
    columns = _columns(found, motion, options=options)
    return [columns[i] for i in _solve(columns, len(found.frame))]


def _columns(found: Detections, motion: Motion, *, options: TrackOptions) -> list[_Column]:
    """Everything that can happen in the movie."""
    ndim = found.centre.shape[1]
    reach = options.max_distance or max(6 * motion.scatter[0] * math.sqrt(ndim), 1.5 * found.diameter())
    costs = _Costs(found, motion)
    columns: list[_Column] = []
    for frame in range(found.n_frames):
        here = found.of_frame(frame)
        columns += _comings(found, here, move=motion.stride, options=options)
        for skip in range(1, options.gap + 2):
            after = found.of_frame(frame + skip) if frame + skip < found.n_frames else here[:0]
            near = costs.near(here, after, reach=reach * math.sqrt(skip), most=options.max_distance)
            columns += [
                _Column((i,), (j,), costs.link(i, j) + options.missing * (skip - 1)) for i, js in near for j in js
            ]
            if skip == 1 and options.divisions:
                columns += [
                    _Column((i,), pair, options.division + costs.division(i, pair))
                    for i, js in near
                    for pair in itertools.combinations(js, 2)
                ]
            if skip == 1 and options.merges:
                columns += [
                    _Column(pair, (j,), options.merge + costs.division(j, pair))
                    for j, pairs in _turned(near)
                    for pair in itertools.combinations(pairs, 2)
                ]
    return columns


def _comings(found: Detections, here: NDArray[np.int64], *, move: float, options: TrackOptions) -> list[_Column]:
    """Appearing and disappearing: nothing at the ends of the movie, little at the edge of the frame.

    How near the edge is counts in movements: in a thin stack every object is near it, and few leave.
    """
    columns = []
    radius = found.diameters()[here] / 2
    for i, margin in zip(here.tolist(), (found.edge[here] - radius).tolist(), strict=True):
        cost = options.coming - (options.coming - options.at_edge) * math.exp(-max(margin, 0.0) / move)
        frame = int(found.frame[i])
        columns.append(_Column((), (i,), 0.0 if frame == 0 else cost))
        columns.append(_Column((i,), (), 0.0 if frame == found.n_frames - 1 else cost))
    return columns


def _turned(near: list[tuple[int, list[int]]]) -> list[tuple[int, list[int]]]:
    """From "whom each may become" to "who may become each"."""
    back: dict[int, list[int]] = {}
    for i, js in near:
        for j in js:
            back.setdefault(j, []).append(i)
    return list(back.items())


class _Costs:
    """Costs of links in units of the movie's scatter; places are those that the common movement leaves."""

    def __init__(self, found: Detections, motion: Motion) -> None:
        self.found, self.motion = found, motion
        self.place = found.centre - motion.shift[found.frame]
        self.ahead = self.place + motion.persistence * np.nan_to_num(motion.before)
        self.behind = self.place - motion.persistence * np.nan_to_num(motion.after)
        self.diameters = found.diameters()
        self.far: dict[tuple[int, int], float] = {}  # how far the one lies from where the other is expected

    def near(
        self, here: NDArray[np.int64], after: NDArray[np.int64], *, reach: float, most: float | None
    ) -> list[tuple[int, list[int]]]:
        """For each row of a frame the rows of a later one that lie nearest to where it is expected, within reach.

        `most` is the farthest that an object may move in a frame, expected or not.
        """
        if not len(here) or not len(after):
            return []
        k = min(_NEIGHBOURS, len(after))
        keeps = bool(self.motion.persistence)
        pairs = []
        for start in (self.place, self.ahead)[: 1 + keeps]:
            for goal in (self.place, self.behind)[: 1 + keeps]:
                found = cKDTree(goal[after]).query(start[here], k=k, distance_upper_bound=reach)
                far, which = (np.reshape(one, (-1, k)) for one in found)
                row, column = np.nonzero(np.isfinite(far))
                pairs.append(np.stack([here[row], after[which[row, column]]], axis=1))
        i, j = np.unique(np.concatenate(pairs), axis=0).T
        skip = int(self.found.frame[after[0]] - self.found.frame[here[0]])
        if most is not None:
            allowed = np.linalg.norm(self.place[j] - self.place[i], axis=1) <= most * skip
            i, j = i[allowed], j[allowed]
        own = expected(self.motion, rows=(i, j), steps=skip)
        far = np.linalg.norm(self.place[j] - self.place[i] - own, axis=1)
        chosen: dict[int, list[int]] = {int(row): [] for row in here}
        for place in np.lexsort((far, i)).tolist():
            one, two = int(i[place]), int(j[place])
            if len(chosen[one]) < k:
                chosen[one].append(two)
                self.far[one, two] = float(far[place])
        return list(chosen.items())

    def link(self, i: int, j: int) -> float:
        """Row i becomes row j; of an object that the frame cuts nobody knows the size."""
        f, (move, size, light) = self.found, self.motion.scatter
        steps = float(f.frame[j] - f.frame[i])
        cost = _rise(self.far[i, j] / (move * math.sqrt(steps)))
        if not (f.cut[i] or f.cut[j]):
            cost += 0.5 * _unlikeness(math.log(f.size[j] / f.size[i]) / size)
        if math.isfinite(light):
            cost += 0.5 * _unlikeness((f.brightness[j] - f.brightness[i]) / light)
        return cost + _NO_OVERLAP * (1 - self._share(i, j))

    def division(self, one: int, pair: tuple[int, ...]) -> float:
        """One row and two of the next (of the previous, for a merge) frame: the middle of the two lies where the one
        is, their sizes add up to its size, and they are alike."""
        f, (move, size, light) = self.found, self.motion.scatter
        a, b = pair
        total = f.size[a] + f.size[b]
        middle = (f.size[a] * self.place[a] + f.size[b] * self.place[b]) / total
        start = self.ahead if f.frame[a] > f.frame[one] else self.behind
        cost = _rise(math.dist(middle, start[one]) / move)
        if not (f.cut[one] or f.cut[a] or f.cut[b]):
            cost += 0.5 * _unlikeness(math.log(total / f.size[one]) / (2 * size))
            cost += 0.5 * _unlikeness(math.log(f.size[a] / f.size[b]) / (2 * size))
        if math.isfinite(light):
            cost += 0.5 * _unlikeness((f.brightness[a] - f.brightness[b]) / (2 * light))
        return cost + _NO_OVERLAP * (1 - max(self._share(one, a), self._share(one, b)))

    def _share(self, i: int, j: int) -> float:
        """Shared part of two objects; of objects that keep their way, of discs where they are expected."""
        if not self.motion.persistence:
            return self.found.overlaps.get((min(i, j), max(i, j)), 0.0)
        reach = float(self.diameters[i] + self.diameters[j]) / 2
        return max(0.0, 1.0 - self.far[min(i, j), max(i, j)] / reach)


def _rise(deviations: float) -> float:
    """Quadratic for small deviations, linear for large ones: one bad outline must not break a track."""
    return math.sqrt(1 + deviations * deviations) - 1


def _unlikeness(deviations: float) -> float:
    """Quadratic for small deviations, logarithmic for large ones: a dividing nucleus lights up tenfold and stays it."""
    return math.log1p(deviations * deviations / 2)


def _solve(columns: list[_Column], count: int) -> list[int]:
    """The cheapest columns that cover each past and each future exactly once."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    if not count:
        return []
    row = [end for c in columns for end in c.ends] + [count + begin for c in columns for begin in c.begins]
    column = [k for k, c in enumerate(columns) for _ in c.ends] + [k for k, c in enumerate(columns) for _ in c.begins]
    matrix = coo_array((np.ones(len(row)), (row, column)), shape=(2 * count, len(columns))).tocsc()
    solved: Any = milp(
        np.array([c.cost for c in columns]),
        integrality=np.ones(len(columns), np.uint8),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, 1, 1),
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise ConfigError(f"the assignment must have a solution, got none ({solved.message}); allow fewer gaps")
    return [int(k) for k in np.flatnonzero(solved.x > 0.5)]


def _assemble(found: Detections, taken: list[_Column], *, motion: Motion) -> Tracks:
    """Tracks of what happens: they begin at comings, daughters, merged objects and after gaps."""
    past: dict[int, tuple[int, bool]] = {}  # row: the row before, and whether it is the same object
    merged: dict[int, int] = {}
    for column in taken:
        for begin in column.begins:
            if len(column.ends) == 1:
                past[begin] = (column.ends[0], len(column.begins) == 1)
            elif column.ends:  # the larger goes on, the other runs into it
                larger, other = sorted(column.ends, key=lambda i: -found.size[i])
                past[begin] = (larger, True)
                merged[other] = begin
    track = np.zeros(len(found.frame), np.int64)
    rows: list[list[int]] = []
    cell: list[int] = []
    for row, frame in enumerate(found.frame.tolist()):
        before, same = past.get(row, (-1, False))
        if same and found.frame[before] == frame - 1:
            track[row] = track[before]
            rows[track[row] - 1][2] = frame
            continue
        track[row] = len(rows) + 1
        rows.append([len(rows) + 1, frame, frame, int(track[before]) if before >= 0 else 0])
        cell.append(cell[track[before] - 1] if same else len(rows))
    lineage = np.array(rows, np.int64).reshape(-1, 4)
    into = {int(track[i]): int(track[j]) for i, j in merged.items()}
    return Tracks(found, track, lineage, np.array(cell, np.int64), into, motion)


def relabelled(labels: NDArray[Any], tracks: Tracks, *, frame: int) -> NDArray[np.uint32]:
    """The label map of a frame with the numbers of tracks as labels.

    >>> movie = [np.array([[7, 7, 0]]), np.array([[0, 9, 9]])]
    >>> found = track_objects([(labels, None) for labels in movie])
    >>> relabelled(movie[1], found, frame=1).tolist()
    [[0, 1, 1]]
    """
    rows = tracks.detections.of_frame(frame)
    values, place = np.unique(labels, return_inverse=True)
    table = np.zeros(len(values), np.uint32)
    table[np.searchsorted(values, tracks.detections.label[rows])] = tracks.track[rows]
    return table[place].reshape(labels.shape)
