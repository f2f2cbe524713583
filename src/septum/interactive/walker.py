"""The random walker: each voxel gets the label whose seed a walker that shuns edges would reach first.

The insight: the probabilities solve one sparse system per label less one, and conjugate gradients need few steps when
they start from the answer at half the resolution; the system is never built, its rows are read from the image.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.inputs import at_least
from septum.errors import ConfigError
from septum.interactive.scene import label_type, marks_of, range_of, scene
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled, stop_if

Floats = NDArray[np.float32]
_FAINTEST = 1e-5  # weight of the strongest edge, so that every voxel is reached
_SMALLEST = 24  # voxels per axis below which the resolution is not halved


def random_walker(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    beta: float = 300.0,
    tolerance: float = 1e-3,
    spacing: Sequence[float] | None = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Each voxel gets the label of the seed that a random walker from it reaches first, most probably.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape; only its type matters.
        seeds: integer array of the image's shape, -1 without a mark, 0 for the background (`seeds_of`).
        beta: how much edges repel, above 0: a step over a difference d (1: the image's range) weighs exp(-beta d²).
        tolerance: residual, relative to that of the start, at which to stop; above 0.
        spacing: mm per axis; a step's weight falls with the square of its length.
        region: box of interest; only its voxels are seen and changed.
        cancelled: asked in every step.

    Returns:
        The region with its new labels; seeds keep theirs, the lower label wins where two are equally probable.

    Raises:
        GeometryError: shapes that differ, an empty region.
        ConfigError: no seeds, seeds of one label only, options out of range.
        Cancelled: `cancelled` said so.

    Source: Grady 2006, IEEE TPAMI 28:1768.

    >>> random_walker([[1, 1, 9, 9]], [[0, 0, 0, 0]], seeds=[[2, -1, -1, 0]]).labels.tolist()
    [[2, 2, 0, 0]]
    """
    found = scene(image, labels, spacing=spacing, region=region)
    marks = marks_of(seeds, found)
    prob, values = _solved(found.image, marks, found.spacing, beta, tolerance, cancelled)
    kind = label_type(found.labels.dtype, int(values[-1]))
    new = values.astype(kind)[prob.argmax(axis=0)]
    new[marks != UNMARKED] = marks[marks != UNMARKED]
    return Change(found.box, new)


def walker_probabilities(
    image: ArrayLike,
    *,
    seeds: ArrayLike,
    beta: float = 300.0,
    tolerance: float = 1e-3,
    spacing: Sequence[float] | None = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> tuple[Floats, tuple[int, ...]]:
    """Probabilities `(K, *region)` of the K labels among the seeds, 0 to 1 with sum 1, and which labels those are.

    Arguments and errors as `random_walker`.
    """
    array = np.asarray(image)
    found = scene(array, np.zeros(array.shape, np.uint8), spacing=spacing, region=region)
    marks = marks_of(seeds, found)
    prob, values = _solved(found.image, marks, found.spacing, beta, tolerance, cancelled)
    return prob, tuple(int(v) for v in values)


def _solved(
    array: NDArray[Any],
    marks: NDArray[np.int32],
    step: Sequence[float],
    beta: float,
    tolerance: float,
    cancelled: IsCancelled | None,
) -> tuple[Floats, NDArray[np.int64]]:
    at_least(beta, 0, "beta", above=True)
    at_least(tolerance, 0, "tolerance", above=True)
    values = np.unique(marks[marks != UNMARKED]).astype(np.int64)
    if len(values) > 32:
        raise ConfigError(f"seeds must hold at most 32 labels, got {len(values)}; use grow-cut for so many")
    low, high = range_of(array)
    grey = np.subtract(array, low, dtype=np.float32) / np.float32(max(high - low, 1e-30))
    index = np.full(marks.shape, UNMARKED, np.int32)
    index[marks != UNMARKED] = np.searchsorted(values, marks[marks != UNMARKED])
    flat = array.ndim == 2
    volume, places, lengths = (grey[None], index[None], (1.0, *step)) if flat else (grey, index, tuple(step))
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:

        def run(kernel: Callable[..., float], *arguments: Any) -> float:
            planes = arguments[0].shape[0]
            cuts = np.linspace(0, planes, min(workers, planes) + 1).astype(int)
            parts = [pool.submit(kernel, *arguments, int(a), int(b)) for a, b in itertools.pairwise(cuts)]
            return sum(part.result() for part in parts)

        prob = _pyramid(volume, places, lengths, len(values), beta, tolerance, run, cancelled)
    return (prob[:, 0] if flat else prob), values


def _pyramid(
    grey: Floats,
    index: NDArray[np.int32],
    step: Sequence[float],
    count: int,
    beta: float,
    tolerance: float,
    run: Callable[..., float],
    cancelled: IsCancelled | None,
) -> Floats:
    """Probabilities, started from those at half the resolution along every axis that is long enough."""
    factors = tuple(2 if n >= 2 * _SMALLEST else 1 for n in grey.shape)
    if max(factors) == 1:
        guess = np.full((count, *grey.shape), 1 / count, np.float32)
    else:
        small, seeds = _halved(grey, factors), _thinned(index, factors)
        lengths = [s * f for s, f in zip(step, factors, strict=True)]
        coarse = _pyramid(small, seeds, lengths, count, beta, tolerance * 4, run, cancelled)
        for axis, factor in enumerate(factors, start=1):
            coarse = np.repeat(coarse, factor, axis=axis) if factor > 1 else coarse
        guess = np.ascontiguousarray(coarse[(slice(None), *(slice(n) for n in grey.shape))])
    weights, diagonal = _weights(grey, step, beta)
    fixed = index >= 0
    for k in range(count - 1):
        x = guess[k]
        x[fixed] = index[fixed] == k
        _conjugate(x, fixed, weights, diagonal, tolerance, run, cancelled)
        np.clip(x, 0, 1, out=x)
    guess[-1] = np.clip(1 - guess[:-1].sum(axis=0), 0, 1)
    return guess


def _conjugate(
    x: Floats,
    fixed: NDArray[np.bool_],
    weights: Sequence[Floats],
    diagonal: Floats,
    tolerance: float,
    run: Callable[..., float],
    cancelled: IsCancelled | None,
) -> None:
    """Solve L x = 0 off the fixed voxels in place; the residual of x = 1/2 there would be the start's."""
    from septum.interactive import kernels

    r, lp = np.zeros_like(x), np.zeros_like(x)
    goal = tolerance**2 * _energy(x, fixed, weights, diagonal, run)
    run(kernels.laplacian, x, fixed, *weights, diagonal, lp)
    np.negative(lp, out=r)
    p = r / diagonal
    rho = float(np.vdot(r, p))
    for _ in range(2000):
        if rho <= goal:
            return
        stop_if(cancelled)
        curvature = run(kernels.laplacian, p, fixed, *weights, diagonal, lp)
        if not curvature > 0:
            return
        fresh = run(kernels.descend, x, r, p, lp, diagonal, rho / curvature)
        run(kernels.turn, p, r, diagonal, fresh / rho)
        rho = fresh


def _energy(
    x: Floats, fixed: NDArray[np.bool_], weights: Sequence[Floats], diagonal: Floats, run: Callable[..., float]
) -> float:
    """The preconditioned residual of a start at 0 off the seeds: what `tolerance` is relative to."""
    from septum.interactive import kernels

    start, out = np.where(fixed, x, np.float32(0)), np.zeros_like(x)
    run(kernels.laplacian, start, fixed, *weights, diagonal, out)
    return float(np.vdot(out, out / diagonal))


def _weights(grey: Floats, step: Sequence[float], beta: float) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    """Weight of the step to the next voxel along each axis, and the sum of a voxel's weights."""
    diagonal = np.zeros_like(grey)
    found = []
    finest = min(step)
    for axis in range(3):
        weight = np.diff(grey, axis=axis)
        weight *= weight
        weight *= np.float32(-beta)
        np.exp(weight, out=weight)
        np.maximum(weight, np.float32(_FAINTEST), out=weight)
        weight *= np.float32((finest / step[axis]) ** 2)
        view = np.moveaxis(diagonal, axis, 0)
        moved = np.moveaxis(weight, axis, 0)
        view[:-1] += moved
        view[1:] += moved
        found.append(weight)
    np.maximum(diagonal, np.float32(1e-30), out=diagonal)
    return (found[0], found[1], found[2]), diagonal


def _halved(grey: Floats, factors: Sequence[int]) -> Floats:
    """Means of pairs along each axis whose factor is 2; an odd end stands for itself."""
    for axis, factor in enumerate(factors):
        if factor == 2:
            moved = np.moveaxis(grey, axis, 0)
            even = moved[0::2].copy()
            even[: len(moved) // 2] += moved[1::2]
            even[: len(moved) // 2] *= np.float32(0.5)
            grey = np.moveaxis(even, 0, axis)
    return np.ascontiguousarray(grey)


def _thinned(index: NDArray[np.int32], factors: Sequence[int]) -> NDArray[np.int32]:
    """Seeds at half the resolution; where two meet the higher index stays."""
    places = np.argwhere(index >= 0)
    small = np.full([-(-n // f) for n, f in zip(index.shape, factors, strict=True)], UNMARKED, np.int32)
    np.maximum.at(small, tuple((places // np.array(factors)).T), index[tuple(places.T)])
    return small
