"""Movements farther than objects are apart: displacements that many objects share.

The insight: the nearest object of the next frame is the wrong one as soon as all move by more than half their spacing.
But of all the displacements from objects of one frame to objects of the next, the true one is shared by many and the
wrong ones are scattered; so what is common stands out as a peak, however far it goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from septum.geometry.arrays import Float64Array
from septum.instances.detections import Detections
from septum.instances.motion import Motion, foretold, measure_motion

_NEIGHBOURS = 60  # displacements per object
_MOST_OBJECTS = 200  # of a frame, whose displacements are looked at
_MOST_FRAMES = 40  # of a movie, for what all frames share
_NARROW = 0.09  # radius of a peak, in distances of neighbours
_COMMON = 0.2  # a common movement is shared by this part of the objects of a frame,
_LEAST = 4  # by so many,
_PLAINLY = 1.5  # and by so many times those that share what the nearest pairs tell
_STREAM = 0.06  # a stream has this part of the objects of a movie,
_BESIDE = 0.5  # and this part of those of the greatest stream
_MOST_STREAMS = 4
_STARTS, _SHIFTS = 6, 4  # boxes from which a peak is looked for, and steps of it


def first_motions(found: Detections) -> Iterator[Motion]:
    """How the objects may move, the simplest first: to what is nearest; all together, however far; in streams that go
    different ways.

    >>> from septum.instances.detections import detect
    >>> rows = np.array([3, 14, 25, 39, 47, 58])
    >>> movie = [np.zeros((80, 60), int) for _ in range(3)]
    >>> for t, frame in enumerate(movie):
    ...     frame[rows + 9 * t, rows % 7 + 2] = np.arange(1, 7)
    >>> [motion.shift[-1].round().tolist() for motion in first_motions(detect([(frame, None) for frame in movie]))]
    [[0.0, 0.0], [18.0, 0.0]]
    """
    nearest = measure_motion(found)
    yield nearest
    if found.n_frames < 2 or not len(found.frame):
        return
    apart = spacing_apart(found)
    drift = np.diff(nearest.shift, axis=0, prepend=0.0)
    common = drift.copy()
    for frame in range(1, found.n_frames):
        moves = displacements(found, frame - 1)
        told = np.count_nonzero(np.linalg.norm(moves - drift[frame], axis=1) <= _NARROW * apart)
        least = max(_LEAST, _COMMON * min(len(found.of_frame(frame - 1)), _MOST_OBJECTS), _PLAINLY * told)
        for place, count in peaks(moves, apart=apart, most=1):
            if count >= least:
                common[frame] = place
    if (np.linalg.norm(common - drift, axis=1) > _NARROW * apart).any():
        yield measure_motion(found, drift=common)
    ways = _streams(found, apart=apart)
    still = replace(nearest, shift=np.zeros_like(nearest.shift))
    for many in range(2, len(ways) + 1):
        yield foretold(still, found, links=_along(found, ways[:many]))


def _streams(found: Detections, *, apart: float) -> list[Float64Array]:
    """The ways that many objects of the movie go in a frame."""
    frames = range(0, found.n_frames - 1, -(-(found.n_frames - 1) // _MOST_FRAMES))
    objects = sum(min(len(found.of_frame(frame)), _MOST_OBJECTS) for frame in frames)
    shared = peaks(np.concatenate([displacements(found, t) for t in frames]), apart=apart, most=_MOST_STREAMS)
    least = max(_LEAST, _STREAM * objects, _BESIDE * shared[0][1]) if shared else 0
    return [place for place, count in shared if count >= least]


def _along(found: Detections, ways: list[Float64Array]) -> NDArray[np.int64]:
    """Links of each object to the one that lies nearest to where one of the ways leads; the nearest links first."""
    links = [np.empty((0, 2), np.int64)]
    for frame in range(found.n_frames - 1):
        a, b = found.of_frame(frame), found.of_frame(frame + 1)
        if not len(a) or not len(b):
            continue
        tree = cKDTree(found.centre[b])
        far, to = (np.stack(each) for each in zip(*[tree.query(found.centre[a] + way) for way in ways], strict=True))
        way, own = far.argmin(axis=0), np.arange(len(a))
        order = np.argsort(far[way, own], kind="stable")
        goal, first = np.unique(to[way, own][order], return_index=True)
        links.append(np.stack([a[order[first]], b[goal]], axis=1))
    return np.concatenate(links)


def spacing_apart(found: Detections) -> float:
    """Median distance of an object to its nearest neighbour in the frame; the median diameter where no frame has two.

    >>> from septum.instances.detections import detect
    >>> spacing_apart(detect([(np.array([[1, 0, 0, 2]]), None)]))
    3.0
    """
    each = []
    for frame in range(found.n_frames):
        centres = found.centre[found.of_frame(frame)]
        if len(centres) > 1:
            each.append(np.asarray(cKDTree(centres).query(centres, k=2)[0])[:, 1])
    return float(np.median(np.concatenate(each))) if each else found.diameter()


def displacements(found: Detections, frame: int) -> Float64Array:
    """Displacements from objects of a frame to those of the next that lie nearest: `(n, ndim)`.

    >>> from septum.instances.detections import detect
    >>> movie = [(np.array([[1, 0, 2, 0]]), None), (np.array([[0, 1, 0, 2]]), None)]
    >>> displacements(detect(movie), 0)[:, 1].tolist()
    [1.0, 3.0, 1.0, -1.0]
    """
    a, b = found.centre[found.of_frame(frame)], found.centre[found.of_frame(frame + 1)]
    if not len(a) or not len(b):
        return np.empty((0, found.centre.shape[1]))
    some = a[:: -(-len(a) // _MOST_OBJECTS)]
    near = np.asarray(cKDTree(b).query(some, k=list(range(1, min(_NEIGHBOURS, len(b)) + 1)))[1])
    return np.asarray((b[near] - some[:, None]).reshape(-1, a.shape[1]))


def peaks(moves: Float64Array, *, apart: float, most: int) -> list[tuple[Float64Array, int]]:
    """The displacements that most objects share, and how many share each; the most shared first.

    >>> one = np.array([[9.0, 0.0], [9.1, 0.1], [8.9, 0.0], [-4.0, 2.0], [5.0, 5.0]])
    >>> [(place.round().tolist(), count) for place, count in peaks(one, apart=3.0, most=1)]
    [([9.0, 0.0], 3)]
    """
    found: list[tuple[Float64Array, int]] = []
    width = _NARROW * apart
    left = moves
    while len(left) and len(found) < most:
        found.append(max((_refined(left, start, width=width) for start in _full(left, width)), key=lambda one: one[1]))
        place = found[-1][0]
        left = left[np.linalg.norm(left - place, axis=1) > 2 * width]
    return found


def _full(moves: Float64Array, width: float) -> Float64Array:
    """Middles of the boxes with most displacements; of equals those nearest to no movement."""
    box = np.floor((moves - moves.min(axis=0)) / (2 * width)).astype(np.int64)
    key = np.ravel_multi_index(tuple(box.T), tuple(box.max(axis=0) + 1))
    _, which, count = np.unique(key, return_inverse=True, return_counts=True)
    middle = np.stack([np.bincount(which, axis) / count for axis in moves.T], axis=1)
    return np.asarray(middle[np.lexsort((np.linalg.norm(middle, axis=1), -count))[:_STARTS]])


def _refined(moves: Float64Array, place: Float64Array, *, width: float) -> tuple[Float64Array, int]:
    """The peak to which a place leads, and how many displacements it has (mean shift)."""
    near = moves[np.linalg.norm(moves - place, axis=1) <= 4 * width]
    for _ in range(_SHIFTS):
        close = np.linalg.norm(near - place, axis=1) <= width
        if not close.any():
            break
        place = near[close].mean(axis=0)
    return place, int((np.linalg.norm(near - place, axis=1) <= width).sum())
