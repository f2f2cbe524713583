"""Objects linked over time: who continues, who divides, who merges, who comes and goes, decided all at once.

The insight: how objects move is learned from the movie itself, by quick trackings of pairs of frames (`motion.py`,
`displacement.py`); what happens (`events.py`) is then decided once, for many frames together (`assignment.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry.arrays import Spacing
from septum.instances.assignment import cheapest, frame_by_frame
from septum.instances.detections import Detections, Frame, detect
from septum.instances.displacement import first_motions, spacing_apart
from septum.instances.events import TrackEvents, TrackOptions, comings, possible_events
from septum.instances.motion import Motion, foretold, measure_motion

_MOST_PASSES = 6  # trackings that each learn from the movements of the one before
_SIMPLER = 0.05  # nats per link by which a less simple movement has to be likelier


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
        excess: by which part the cost may lie above the least; 0 where the solver was ready in time.
    """

    detections: Detections
    track: NDArray[np.int64]
    lineage: NDArray[np.int64]
    cell: NDArray[np.int64]
    merged_into: dict[int, int]
    motion: Motion
    excess: float = 0.0

    def divisions(self) -> list[tuple[int, tuple[int, ...]]]:
        """Parent and daughters of every division."""
        found: dict[int, list[int]] = {}
        for label, _, _, parent in self.lineage.tolist():
            if parent and self.cell[label - 1] != self.cell[parent - 1]:
                found.setdefault(parent, []).append(label)
        return [(parent, tuple(daughters)) for parent, daughters in found.items()]

    def unforeseen(self) -> float:
        """How far objects move beside what was expected of them, as a part of the distance between neighbours: the
        larger it is, the more links are guesses."""
        return self.motion.scatter[0] / max(spacing_apart(self.detections), 1e-12)

    def sudden(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of objects that appear out of nothing, and of those that disappear into nothing: within the movie, and
        away from the edge of the frame."""
        found, rows = self.detections, np.arange(len(self.track))
        order = np.lexsort((found.frame, self.track))
        first = order[np.searchsorted(self.track[order], np.arange(1, len(self.lineage) + 1))]
        last = order[np.searchsorted(self.track[order], np.arange(1, len(self.lineage) + 1), side="right") - 1]
        goes_on = np.isin(self.lineage[:, 0], [*self.lineage[:, 3], *self.merged_into])
        within = [found.edge - found.diameters() / 2 > 2 * move for move in self.motion.passing(found)]
        begins = np.isin(rows, first[self.lineage[:, 3] == 0]) & within[0] & (found.frame > 0)
        ends = np.isin(rows, last[~goes_on]) & within[1] & (found.frame < found.n_frames - 1)
        return np.flatnonzero(begins), np.flatnonzero(ends)


def track_objects(
    frames: Iterable[Frame],
    *,
    spacing: Spacing = None,
    options: TrackOptions | None = None,
    on_pass: Callable[[float], None] = lambda part: None,
) -> Tracks:
    """Link the objects of a movie over time.

    How they move is learned first, from quick trackings frame by frame; then all is decided at once.

    Args:
        frames: pairs of a label map (ids per frame mean nothing) and its image of one channel or None, in order.
        spacing: size of a sample along each axis, in any unit.
        options: weights, and what is allowed.
        on_pass: told now and then which part is done at least; what it raises ends the work.

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
    motion = _learned(found, options=chosen, on_pass=on_pass)
    taken, excess = cheapest(possible_events(found, motion, options=chosen), found, gap=chosen.gap, on_wait=on_pass)
    return _assemble(found, taken, motion=motion, excess=excess)


def _learned(found: Detections, *, options: TrackOptions, on_pass: Callable[[float], None]) -> Motion:
    """How the objects move: of all movements that may be, the one that makes the movie likeliest.

    Each learns from quick trackings with what the one before told. A movie is likelier where links cost less and need
    less scatter.
    """
    best, chosen = math.inf, measure_motion(found)
    quick = replace(options, gap=0, divisions=False, merges=False)
    for motion in first_motions(found):
        before = None
        for _ in range(_MOST_PASSES):
            on_pass(0.0)
            ends = comings(found, motion, options=options)
            links, cost = frame_by_frame(possible_events(found, motion, options=quick), found, comings=ends)
            cost += len(links) * found.centre.shape[1] * math.log(motion.scatter[0] / found.diameter())
            if before is not None and np.array_equal(links, before):
                break
            motion, before = foretold(motion, found, links=links), links
        if cost < best - _SIMPLER * len(links):
            best, chosen = cost, motion
    return chosen


def _assemble(found: Detections, taken: TrackEvents, *, motion: Motion, excess: float) -> Tracks:
    """Tracks of what happens: they begin at comings, daughters, merged objects and after gaps."""
    past: dict[int, tuple[int, bool]] = {}  # row: the row before, and whether it is the same object
    merged: dict[int, int] = {}
    for ends, begins in zip(taken.ends.tolist(), taken.begins.tolist(), strict=True):
        if ends[1] >= 0:  # the larger goes on, the other runs into it
            larger, other = sorted(ends, key=lambda i: -found.size[i])
            past[begins[0]] = (larger, True)
            merged[other] = begins[0]
        elif ends[0] >= 0:
            past |= {begin: (ends[0], begins[1] < 0) for begin in begins if begin >= 0}
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
    return Tracks(found, track, lineage, np.array(cell, np.int64), into, motion, excess)


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
