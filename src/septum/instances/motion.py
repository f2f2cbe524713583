"""How the objects of a movie move: in common, by chance, and whether they keep their way.

The insight: everything is measured on the movie itself. A first tracking needs only how far objects move between
frames; it tells how well a movement foretells the next one, and where it does, each object is expected further along
its way, so that a second tracking follows cells that swim through each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from septum.geometry.arrays import Float64Array
from septum.instances.detections import Detections

_LEAST_FOR_DRIFT = 8  # fewer pairs say nothing about a common movement
_LEAST_FOR_PERSISTENCE = 20  # fewer pairs of movements say nothing about keeping one's way
_LEAST_PERSISTENCE = 0.2  # below this correlation movements foretell nothing
_MEMORIES = (1, 2, 4, 8)  # over how many movements the way of an object may be averaged


@dataclass(frozen=True, eq=False)
class Motion:
    """Movements of the objects of a movie, in the unit of its spacing.

    Args:
        scatter: standard deviations of movements (per axis, about what is expected), of the logarithm of sizes, and of
            brightness (nan without images).
        stride: the same of all movements, foretold or not.
        shift: `(frames, ndim)`, the common movement since the first frame.
        before, after: `(n, ndim)`, the own movement of each object per frame up to its frame and from there on, as a
            mean over some frames; nan where unknown.
        persistence: the part of such a movement that the next one keeps; 0 where it foretells nothing.
    """

    scatter: tuple[float, float, float]
    stride: float
    shift: Float64Array
    before: Float64Array
    after: Float64Array
    persistence: float = 0.0

    def passing(self, found: Detections) -> tuple[Float64Array, Float64Array]:
        """How far each object comes from the frame before, and goes to the next, with all that move in common."""
        drift = np.linalg.norm(np.diff(self.shift, axis=0, prepend=self.shift[:1], append=self.shift[-1:]), axis=1)
        return self.stride + drift[found.frame], self.stride + drift[found.frame + 1]


def measure_motion(found: Detections, *, drift: Float64Array | None = None) -> Motion:
    """Movements as pairs of objects tell them that are each other's nearest in consecutive frames.

    Args:
        drift: `(frames, ndim)`, the common movement into each frame as far as it is known; None: nothing is.

    >>> from septum.instances.detections import detect
    >>> found = detect([(np.array([[1, 1, 0, 0]]), None), (np.array([[0, 1, 1, 0]]), None)])
    >>> measure_motion(found).shift.tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    ndim = found.centre.shape[1]
    drift = np.zeros((found.n_frames, ndim)) if drift is None else drift.copy()
    moves, sizes, lights = [], [], []
    for frame in range(1, found.n_frames):
        a, b = found.of_frame(frame - 1), found.of_frame(frame)
        if not len(a) or not len(b):
            continue
        to = np.asarray(cKDTree(found.centre[b]).query(found.centre[a] + drift[frame])[1])
        back = np.asarray(cKDTree(found.centre[a] + drift[frame]).query(found.centre[b])[1])
        mutual = back[to] == np.arange(len(a))
        one, two = a[mutual], b[to[mutual]]
        move = found.centre[two] - found.centre[one]
        if len(move) >= _LEAST_FOR_DRIFT:
            drift[frame] = np.median(move, axis=0)  # also of a drift that was known: pairs tell it better
        moves.append(move - drift[frame])
        sizes.append(np.log(found.size[two] / found.size[one]))
        lights.append(found.brightness[two] - found.brightness[one])
    width = _width(np.concatenate(moves) if moves else np.zeros((0, ndim)), diameter=found.diameter())
    light = 1.4826 * float(np.median(np.abs(np.concatenate(lights)))) if lights else math.nan
    spread = float(np.std(found.brightness)) if len(found.brightness) else math.nan
    scatter = (
        width,
        max(1.4826 * float(np.median(np.abs(np.concatenate(sizes)))) if sizes else 0.0, 0.1),
        max(light, 0.05 * spread) if spread > 0 else math.nan,
    )
    unknown = np.full((len(found.frame), ndim), np.nan)
    return Motion(scatter, width, np.cumsum(drift, axis=0), unknown, unknown)


def foretold(motion: Motion, found: Detections, *, links: NDArray[np.int64]) -> Motion:
    """What a tracking adds: the movements of its objects, and how well the last ones foretell the next.

    Args:
        links: `(m, 2)` rows of the same object in consecutive frames, the earlier first; a row is the first of one
            link at most, and the second of one.

    >>> from septum.instances.detections import detect
    >>> movie = [np.roll(np.kron(np.eye(8, dtype=int), np.ones((1, 8), int)), t, axis=1) for t in range(4)]
    >>> found = detect([(np.where(frame, np.arange(1, 9)[:, None], 0), None) for frame in movie])
    >>> links = np.array([(row, row + 8) for row in range(24)])
    >>> foretold(measure_motion(found), found, links=links).after.shape
    (32, 2)
    """
    moves = found.centre[links[:, 1]] - found.centre[links[:, 0]]
    moves = moves - (motion.shift[found.frame[links[:, 1]]] - motion.shift[found.frame[links[:, 0]]])
    last, following = np.full_like(found.centre, np.nan), np.full_like(found.centre, np.nan)
    last[links[:, 1]], following[links[:, 0]] = moves, moves
    diameter = found.diameter()
    width = _width(moves, diameter=diameter)
    nothing = replace(motion, scatter=(width, *motion.scatter[1:]), stride=width, persistence=0.0)
    passed = np.flatnonzero(np.isfinite(last[:, 0]) & np.isfinite(following[:, 0]))
    if len(passed) < _LEAST_FOR_PERSISTENCE:
        return nothing
    earlier, later = np.full(len(last), -1), np.full(len(last), -1)
    earlier[links[:, 1]], later[links[:, 0]] = links[:, 0], links[:, 1]
    best, chosen = 1 - _LEAST_PERSISTENCE**2, nothing
    for memory in _MEMORIES:
        before = _mean_along(last, earlier, most=memory)
        keeps = min(float(np.sum(before[passed] * following[passed]) / max(np.sum(before[passed] ** 2), 1e-12)), 1.0)
        missed = following[passed] - keeps * before[passed]
        left = float(np.sum(missed**2) / max(np.sum(following[passed] ** 2), 1e-12))
        if keeps > 0 and left < best:
            after = _mean_along(following, later, most=memory)
            best, chosen = left, replace(nothing, before=before, after=after, persistence=keeps)
    if not chosen.persistence:
        return nothing
    missed = moves - expected(chosen, rows=(links[:, 0], links[:, 1]), steps=1)
    return replace(chosen, scatter=(_width(missed, diameter=diameter), *motion.scatter[1:]))


def _mean_along(moves: Float64Array, neighbour: NDArray[np.int64], *, most: int) -> Float64Array:
    """Mean of the movement of each row and of those before it (after it) in its track."""
    total, count = np.zeros_like(moves), np.zeros(len(moves))
    row = np.arange(len(moves))
    for _ in range(most):
        known = (row >= 0) & np.isfinite(moves[row, 0])
        total[known] += moves[row[known]]
        count += known
        row = np.where(known, neighbour[row], -1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count[:, None])


def expected(motion: Motion, *, rows: tuple[NDArray[np.int64], NDArray[np.int64]], steps: int) -> Float64Array:
    """How far each row i is expected to go on its own within so many frames if it becomes row j, as the last movements
    of i and the next ones of j say: `(len(i), ndim)`.

    >>> one, none = np.array([[2.0, 0.0]]), np.full((1, 2), np.nan)
    >>> motion = Motion((1.0, 0.1, np.nan), 1.0, np.zeros((2, 2)), before=one, after=none, persistence=0.5)
    >>> expected(motion, rows=(np.array([0]), np.array([0])), steps=2).tolist()
    [[1.5, 0.0]]
    """
    i, j = rows
    if not motion.persistence:
        return np.zeros((len(i), motion.shift.shape[1]))
    known = np.stack([motion.before[i], motion.after[j]])
    count = np.isfinite(known[..., 0]).sum(axis=0)
    reach = sum(motion.persistence**step for step in range(1, steps + 1))
    return np.asarray(reach * np.nan_to_num(known).sum(axis=0) / np.maximum(count, 1)[:, None])


def _width(moves: Float64Array, *, diameter: float) -> float:
    """Standard deviation per axis from the median of a chi distribution; outlines alone give 0.15 diameters."""
    length = float(np.median(np.linalg.norm(moves, axis=1))) if len(moves) else 0.0
    return max(length / math.sqrt(moves.shape[1] - 0.6), 0.15 * diameter)
