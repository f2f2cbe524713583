"""Shapes between two drawn slices, from signed distances.

The insight: a contour cannot be averaged, its signed distance can. Where a shape also moves from slice to slice (an
oblique vessel), averaging in place lets it vanish in the middle; so what belongs together is found first, moved onto
one another, and averaged there. Labels are decided together, so that two that touch on the drawn slices touch between
them, without a gap and without an overlap.

Source: Raya and Udupa 1990, IEEE TMI 9:32; Herman, Zheng and Bucholtz 1992, IEEE CGA 12(3):69.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from septum.geometry.arrays import LabelArray

ENDS = ("taper", "half", "none")


_REACH = 2.0  # lone parts further apart than so many times their radii are two objects: one ends, one begins


_STILL = 0.05  # voxels; a smaller shift is none


Scores = NDArray[np.float32]


@dataclass(frozen=True)
class _Pair:
    """Parts of a label on the two slices that are one object; one of them may be empty."""

    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    single: bool  # one connected part on each side, so that moving one onto the other makes sense


def label_scores(
    first: LabelArray,
    last: LabelArray,
    *,
    labels: Sequence[int],
    spacing: Sequence[float],
    fractions: Sequence[float],
    ends: str,
) -> Scores:
    """Scores `(len(fractions), len(labels) + 1, *plane)`: the largest score wins, the last is background.

    Args:
        first, last: label planes of one shape, two axes.
        labels: values to be scored, all above 0.
        spacing: mm per axis of the planes.
        fractions: places between the planes, 0 (at `first`) to 1.
        ends: see `septum.interactive.slices.interpolate`.

    Returns:
        Signed distances in mm, positive inside. The background's score is that of the joint foreground, negated.

    >>> plane = np.zeros((3, 5), int); plane[1, 1:4] = 7
    >>> scores = label_scores(plane, plane, labels=[7], spacing=(1.0, 1.0), fractions=[0.5], ends="taper")
    >>> (scores[0].argmax(axis=0) == 0)[1].tolist()
    [False, True, True, True, False]
    """
    scores = np.empty((len(fractions), len(labels) + 1, *first.shape), np.float32)
    for place, value in enumerate(labels):
        scores[:, place] = mask_scores(first == value, last == value, spacing=spacing, fractions=fractions, ends=ends)
    best = scores[:, :-1].max(axis=1)
    if len(labels) > 1 and (_touching(first) or _touching(last)):
        # Labels that touch each move on their own way: their joint outline is that of the whole, and they share it.
        joint = mask_scores(first > 0, last > 0, spacing=spacing, fractions=fractions, ends=ends)
        scores[:, :-1] += (joint - best)[:, None]
        best = joint
    scores[:, -1] = -best
    return scores


def mask_scores(
    first: NDArray[np.bool_],
    last: NDArray[np.bool_],
    *,
    spacing: Sequence[float],
    fractions: Sequence[float],
    ends: str,
) -> Scores:
    """Signed distances `(len(fractions), *plane)` in mm of one mask between two planes, positive inside.

    >>> plane = np.zeros((3, 5), bool); plane[1, 1:4] = True
    >>> (mask_scores(plane, plane, spacing=(1.0, 1.0), fractions=[0.5], ends="taper")[0, 1] > 0).tolist()
    [False, True, True, True, False]
    """
    out = np.full((len(fractions), *first.shape), -np.inf, np.float32)
    for pair in _pairs(first, last):
        a, b = signed_distance(pair.first, spacing), signed_distance(pair.last, spacing)
        for place, t in enumerate(fractions):
            np.maximum(out[place], _between(pair, a, b=b, t=float(t), ends=ends), out=out[place])
    far = -float(np.linalg.norm(np.multiply(first.shape, spacing)))
    return np.maximum(out, np.float32(far))


def signed_distance(mask: NDArray[np.bool_], spacing: Sequence[float]) -> Scores:
    """Distance in mm to the edge of the mask, positive inside; an empty mask is nowhere (all -inf).

    >>> signed_distance(np.array([[False, True, True, True, False]]), (1.0, 2.0)).tolist()
    [[-1.5, 1.5, 3.5, 1.5, -1.5]]
    """
    if not mask.any():
        return np.full(mask.shape, -np.inf, np.float32)
    inside: Scores = edt.edt(mask, anisotropy=tuple(spacing), black_border=False)
    if mask.all():
        return np.full(mask.shape, np.float32(np.linalg.norm(np.multiply(mask.shape, spacing))))
    outside: Scores = edt.edt(~mask, anisotropy=tuple(spacing), black_border=False)
    half = 0.5 * min(spacing)  # distances run from centre to centre; the edge lies half-way
    return np.where(mask, inside - half, half - outside).astype(np.float32)


def _between(pair: _Pair, a: Scores, *, b: Scores, t: float, ends: str) -> Scores:
    if not pair.last.any():
        return _ending(a, t, ends=ends)
    if not pair.first.any():
        return _ending(b, 1 - t, ends=ends)
    if not pair.single:
        return (1 - t) * a + t * b
    move = _centre(pair.last) - _centre(pair.first)
    return (1 - t) * _moved(a, t * move) + t * _moved(b, (t - 1) * move)


def _ending(distance: Scores, t: float, *, ends: str) -> Scores:
    """An object at the share `t` of the way to a slice where it is not."""
    if ends == "taper":
        return (1 - t) * distance - t * float(distance.max())
    return distance if ends == "half" and t < 0.5 else np.full_like(distance, -np.inf)


def _moved(distance: Scores, shift: NDArray[np.float64]) -> Scores:
    if np.abs(shift).max() < _STILL:
        return distance
    moved: Scores = ndimage.shift(distance, shift, order=1, mode="nearest")
    return moved


def _centre(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.argwhere(mask).mean(axis=0)
    return found


def _touching(plane: LabelArray) -> bool:
    """Whether two different labels are neighbours anywhere in the plane."""
    for axis in range(plane.ndim):
        near, far = np.moveaxis(plane, axis, 0)[:-1], np.moveaxis(plane, axis, 0)[1:]
        if ((near != far) & (near > 0) & (far > 0)).any():
            return True
    return False


def _pairs(first: NDArray[np.bool_], last: NDArray[np.bool_]) -> Iterator[_Pair]:
    """Which parts of the two masks belong together: those that overlap, then lone ones that are near each other."""
    eight = np.ones((3, 3), bool)
    parts_a, n_a = ndimage.label(first, eight)
    parts_b, n_b = ndimage.label(last, eight)
    if n_a == 0 and n_b == 0:
        return
    if n_a <= 1 and n_b <= 1:
        yield _Pair(first, last, single=True)
        return
    both = (parts_a > 0) & (parts_b > 0)
    links = np.unique(np.stack([parts_a[both] - 1, parts_b[both] - 1 + n_a]), axis=1)
    graph = sparse.coo_matrix((np.ones(links.shape[1]), links), shape=(n_a + n_b, n_a + n_b))
    _, group = connected_components(graph, directed=False)
    group = _joined(group, parts_a, parts_b=parts_b, n_a=n_a)
    for one in np.unique(group):
        of_a, of_b = np.flatnonzero(group[:n_a] == one) + 1, np.flatnonzero(group[n_a:] == one) + 1
        yield _Pair(np.isin(parts_a, of_a), np.isin(parts_b, of_b), single=len(of_a) <= 1 and len(of_b) <= 1)


def _joined(group: NDArray[Any], parts_a: LabelArray, *, parts_b: LabelArray, n_a: int) -> NDArray[Any]:
    """The groups, where two lone parts that are each other's nearest and not too far apart become one."""
    alone = [np.flatnonzero(np.bincount(group, minlength=group.max() + 1)[group] == 1)]
    lone_a, lone_b = alone[0][alone[0] < n_a], alone[0][alone[0] >= n_a]
    if not len(lone_a) or not len(lone_b):
        return group
    centres_a = np.array(ndimage.center_of_mass(parts_a > 0, parts_a, lone_a + 1))
    centres_b = np.array(ndimage.center_of_mass(parts_b > 0, parts_b, lone_b - n_a + 1))
    away = np.linalg.norm(centres_a[:, None] - centres_b[None], axis=2)
    radius_a = np.sqrt(np.bincount(parts_a.ravel())[lone_a + 1] / np.pi)
    radius_b = np.sqrt(np.bincount(parts_b.ravel())[lone_b - n_a + 1] / np.pi)
    group = group.copy()
    for i, j in enumerate(away.argmin(axis=1)):
        if away[:, j].argmin() == i and away[i, j] <= _REACH * (radius_a[i] + radius_b[j]):
            group[lone_b[j]] = group[lone_a[i]]
    return group
