"""Scores of the electron microscopy challenge: foreground-restricted Rand and information, and the warping error.

The insight: a membrane that is a pixel too wide does no harm, a gap of one pixel in it joins two neurites. Pixel error
sees it the other way round. V_rand and V_info therefore compare *regions*, and only on the reference's neurites; the
warping error first moves the reference's membranes wherever that changes no topology, and counts what is left.

Neurites are 4-connected in 2-D (6 in 3-D), membranes 8-connected (26), so that a membrane that is thin on the diagonal
still separates. Membrane is 0.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import as_labels
from septum.metrics.overlap import joint_table
from septum.metrics.summary import UNDEFINED

# As the challenge's own script steps, without 0 and 1, at which nothing or all is membrane.
THRESHOLDS: tuple[float, ...] = tuple(round(0.1 * step, 1) for step in range(1, 10))


@dataclass(frozen=True)
class NeuriteScores:
    """Foreground-restricted scores, all in [0, 1], 1 is best; nan where the reference holds no neurite.

    `*_split` falls when neurites are cut apart, `*_merge` when they run together; `v_rand` and `v_info` are the
    harmonic means of the two.
    """

    v_rand: float
    v_rand_split: float
    v_rand_merge: float
    v_info: float
    v_info_split: float
    v_info_merge: float


@dataclass(frozen=True)
class BestScores:
    """The best mean V_rand and V_info over sections, and the thresholds at which they are reached."""

    v_rand: float
    v_rand_threshold: float
    v_info: float
    v_info_threshold: float


@dataclass(frozen=True, eq=False)
class Warping:
    """What warping the reference onto the prediction leaves.

    Args:
        error: fraction in [0, 1] of the compared pixels that differ in topology; nan when none was compared.
        n_errors: how many pixels that are.
        n_compared: pixels that were compared.
        warped: boolean, the reference moved as close to the prediction as its topology allows.
    """

    error: float
    n_errors: int
    n_compared: int
    warped: NDArray[np.bool_]


def neurite_scores(reference: ArrayLike, prediction: ArrayLike) -> NeuriteScores:
    """V_rand and V_info of one section (or volume), on the pixels that the reference gives to neurites.

    Args:
        reference: neurite labels, 0 is membrane; a boolean array (True is neurite) is split into its components.
        prediction: likewise. A pixel that the prediction calls membrane inside a neurite counts as a segment of its
            own, so thick membranes cost; thin them first with `thin_borders`, as the challenge does.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.

    Where one side has a single segment its entropy is 0: a score that could not have been lost is then 1.
    Source: Arganda-Carreras et al. 2015, Front Neuroanat 9:142, equations 2 to 6.

    >>> scores = neurite_scores([1, 1, 0, 2, 2], [1, 1, 1, 1, 1])
    >>> round(scores.v_rand, 3), scores.v_rand_split, scores.v_rand_merge, scores.v_info
    (0.667, 1.0, 0.5, 0.0)
    """
    table = joint_table(_segments(reference, "reference"), _segments(prediction, "prediction")).without(0)
    total = int(table.voxels.sum())
    if not total:
        return NeuriteScores(*[UNDEFINED] * 6)
    in_segment = table.prediction != 0
    alone = int(table.voxels[~in_segment].sum())  # pixels that are segments of their own
    p_alone = 1 / total
    p_joint = table.voxels[in_segment] / total
    p_truth = _marginal(table.reference, table.voxels) / total
    p_guess = _marginal(table.prediction[in_segment], table.voxels[in_segment]) / total
    both = float((p_joint**2).sum()) + alone * p_alone**2
    split = both / float((p_truth**2).sum())
    merge = both / (float((p_guess**2).sum()) + alone * p_alone**2)
    single = alone * p_alone * math.log(total)
    h_joint, h_truth, h_guess = _entropy(p_joint) + single, _entropy(p_truth), _entropy(p_guess) + single
    information = max(h_truth + h_guess - h_joint, 0.0)
    info_split = min(information / h_guess, 1.0) if h_guess > 1e-12 else 1.0
    info_merge = min(information / h_truth, 1.0) if h_truth > 1e-12 else 1.0
    return NeuriteScores(
        v_rand=_harmonic(split, merge),
        v_rand_split=split,
        v_rand_merge=merge,
        v_info=_harmonic(info_split, info_merge),
        v_info_split=info_split,
        v_info_merge=info_merge,
    )


def thin_borders(segments: ArrayLike) -> NDArray[np.int32]:
    """Grow all segments at one speed until membranes between them are one pixel wide.

    Args:
        segments: labels, 0 is membrane; a boolean array (True is neurite) is split into its components.

    Returns:
        Labels of the same shape. Membranes that separate nothing (dead ends, the rim of the picture) vanish; without
        any segment all stays membrane.

    Raises:
        GeometryError: arrays that are not integer.

    >>> thin_borders([[1, 0, 0, 0, 2]]).tolist()
    [[1, 1, 0, 2, 2]]
    """
    from skimage.segmentation import watershed

    labels = _segments(segments, "segments")
    if not labels.any():
        return np.zeros(labels.shape, dtype=np.int32)
    present, renamed = np.unique(labels, return_inverse=True)
    start = (renamed + (present[0] != 0)).astype(np.int32).reshape(labels.shape)  # membrane 0, segments 1 to n
    grown = watershed(np.zeros(labels.shape, np.uint8), start, connectivity=1, watershed_line=True)
    names = present if present[0] == 0 else np.concatenate([[0], present])
    return np.asarray(names[grown], dtype=np.int32)


def threshold_curve(
    membrane: ArrayLike, reference: ArrayLike, *, thresholds: Sequence[float] = THRESHOLDS, thin: bool = True
) -> tuple[NeuriteScores, ...]:
    """Scores of a membrane probability map at each threshold.

    Args:
        membrane: probability in [0, 1] that a pixel is membrane; neurites are where it is below the threshold.
        reference: neurite labels, or a boolean array (True is neurite).
        thresholds: where to cut.
        thin: thin the predicted membranes first, as the challenge's re-scoring does; that of 2012 did not.

    Raises:
        GeometryError: shapes that differ, or a reference that is not integer.
        ConfigError: probabilities outside [0, 1], or no threshold.

    >>> membrane = [[0.0, 0.6, 0.0]]
    >>> [scores.v_rand for scores in threshold_curve(membrane, [[1, 0, 2]], thresholds=(0.5, 0.7))]
    [1.0, 0.6666666666666666]
    """
    prob = np.asarray(membrane)
    if not thresholds:
        raise ConfigError("thresholds must hold at least one value, got none; 0.5 is customary")
    if prob.size and not (prob.min() >= 0 and prob.max() <= 1):
        raise ConfigError(f"membrane must lie between 0 and 1, got {prob.min()} to {prob.max()}; scale it first")
    truth = _segments(reference, "reference")
    scores = []
    for threshold in thresholds:
        segments = _segments(prob < threshold, "membrane")
        scores.append(neurite_scores(truth, thin_borders(segments) if thin else segments))
    return tuple(scores)


def best_over_thresholds(
    curves: Sequence[Sequence[NeuriteScores]], *, thresholds: Sequence[float] = THRESHOLDS
) -> BestScores:
    """The challenge's two numbers: the mean over sections at the threshold where it is largest, for each score.

    Args:
        curves: per section, what `threshold_curve` gave.
        thresholds: those it was given.

    Raises:
        ConfigError: no section, or curves of another length than `thresholds`.

    Sections without a neurite (nan) are left out; nan when none is left. The best threshold is chosen on the very
    sections that are scored, which flatters a little; choose it on training sections for an honest number.

    >>> curve = threshold_curve([[0.0, 0.6, 0.0]], [[1, 0, 2]], thresholds=(0.5, 0.7))
    >>> best_over_thresholds([curve], thresholds=(0.5, 0.7)).v_rand
    1.0
    """
    if not curves or any(len(curve) != len(thresholds) for curve in curves):
        raise ConfigError(
            f"curves must hold sections with one score per threshold ({len(thresholds)}), got "
            f"{[len(curve) for curve in curves]}; give both functions the same thresholds"
        )
    best = []
    for name in ("v_rand", "v_info"):
        values = np.array([[getattr(point, name) for point in curve] for curve in curves])
        values = values[~np.isnan(values).any(axis=1)]
        means = values.mean(axis=0) if len(values) else np.full(len(thresholds), UNDEFINED)
        place = int(means.argmax())
        best += [float(means[place]), float(thresholds[place])]
    return BestScores(*best)


def warping_error(reference: ArrayLike, prediction: ArrayLike, *, mask: ArrayLike | None = None) -> Warping:
    """Homotopic digital warping: move the reference's membranes onto the prediction's, and count what will not move.

    Args:
        reference: boolean or labels, 2-D or 3-D; neurite is where it is not 0.
        prediction: likewise, of the same shape.
        mask: boolean: where membranes may move and are compared, e.g. within some pixels of the reference's membranes.

    Raises:
        GeometryError: shapes that differ, or neither 2-D nor 3-D.

    Pixels that differ are flipped while they are *simple*, that is while this joins and cuts nothing on either side
    (3×3(×3) neighbourhood; outside of the picture is membrane); pixels that agree never flip, so a membrane follows
    by at most its own width. They are visited from the first to the last and again
    where a neighbour flipped: the result is a local optimum, which another order may better by a pixel.
    Source: Jain et al. 2010, CVPR, algorithm 1; simple points: Bertrand & Malandain 1994, Pattern Recogn Lett 15:169.

    >>> moved = warping_error([[1, 0, 1, 1]] * 3, [[1, 1, 0, 1]] * 3)
    >>> moved.error
    0.0
    """
    truth, guess = np.asarray(reference) != 0, np.asarray(prediction) != 0
    if truth.shape != guess.shape:
        raise GeometryError(
            f"reference and prediction must have the same shape, got {truth.shape} and {guess.shape}; "
            "resample one with `resample_labels`"
        )
    if truth.ndim not in (2, 3):
        raise GeometryError(
            f"reference must be 2-D or 3-D to be warped, got {truth.ndim}-D; warp one section at a time"
        )
    inside = np.ones(truth.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if inside.shape != truth.shape:
        raise GeometryError(f"mask must have the shape {truth.shape} of the reference, got {inside.shape}")
    warped = _warp(truth, guess, inside=inside)
    n_errors, n_compared = int(((warped != guess) & inside).sum()), int(inside.sum())
    return Warping(n_errors / n_compared if n_compared else UNDEFINED, n_errors, n_compared, warped)


def _warp(truth: NDArray[np.bool_], guess: NDArray[np.bool_], *, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(truth, 1)
    strides = [int(np.prod(padded.shape[axis + 1 :])) for axis in range(padded.ndim)]
    steps = [sum(o * s for o, s in zip(offset, strides, strict=True)) for offset in _neighbours(truth.ndim)]
    # Python's own bytes and lists: a pixel at a time, they are several times faster than array elements.
    state = bytearray(padded.tobytes())
    wanted = bytes(np.pad(guess, 1).tobytes())
    free = bytes(np.pad(inside, 1).tobytes())
    weighted = [(step, 1 << bit) for bit, step in enumerate(steps)]
    queue = deque(int(p) for p in np.flatnonzero(np.pad((truth != guess) & inside, 1)))
    waiting = bytearray(len(state))
    for p in queue:
        waiting[p] = 1
    while queue:
        p = queue.popleft()
        waiting[p] = 0
        code = sum(bit for step, bit in weighted if state[p + step])
        if not _is_simple(code, truth.ndim):
            continue
        state[p] = wanted[p]
        for step in steps:
            q = p + step
            if free[q] and not waiting[q] and state[q] != wanted[q]:
                waiting[q] = 1
                queue.append(q)
    warped = np.frombuffer(bytes(state), dtype=bool).reshape(padded.shape)
    return warped[(slice(1, -1),) * truth.ndim].copy()


@cache
def _neighbours(ndim: int) -> tuple[tuple[int, ...], ...]:
    """The 8 or 26 offsets around a pixel, in the order of the bits of a code."""
    return tuple(offset for offset in product((-1, 0, 1), repeat=ndim) if any(offset))


@lru_cache(maxsize=1 << 18)
def _is_simple(code: int, ndim: int) -> bool:
    """Whether flipping the middle changes no topology: one neurite and one membrane component touch it."""
    block = np.zeros((3,) * ndim, dtype=bool)
    for bit, offset in enumerate(_neighbours(ndim)):
        block[tuple(o + 1 for o in offset)] = bool(code >> bit & 1)
    middle = (1,) * ndim
    far = ndimage.generate_binary_structure(ndim, ndim)
    near = ndimage.generate_binary_structure(ndim, 1)
    # Neurites: face-connected components that share a face with the middle, corners of a cube left out (3-D: 18
    # neighbours). Membranes: components of all 8 or 26 neighbours.
    reach = ndimage.generate_binary_structure(ndim, 2)
    neurites, _ = ndimage.label(block & reach, near)
    touching = np.unique(neurites[near])
    membrane = ~block
    membrane[middle] = False
    return int((touching > 0).sum()) == 1 and int(ndimage.label(membrane, far)[1]) == 1


def _segments(labels: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.dtype == bool:
        return np.asarray(ndimage.label(array)[0], dtype=np.int64)
    return as_labels(array, name).astype(np.int64, copy=False)


def _marginal(labels: NDArray[np.int64], voxels: NDArray[np.int64]) -> NDArray[np.float64]:
    _, place = np.unique(labels, return_inverse=True)
    return np.bincount(place, weights=voxels).astype(np.float64)


def _entropy(p: NDArray[np.float64]) -> float:
    return float(-(p * np.log(p)).sum())


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other > 0 else 0.0
