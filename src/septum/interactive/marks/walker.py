"""The random walker: each voxel gets the label whose seed a walker that shuns edges would reach first.

The insight: the probabilities solve one sparse system per label less one, all with the same matrix, so that its
multigrid (`multigrid`) is made once; for the voxels the matrix is never built, its rows are read from the image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array, Spacing
from septum.interactive.scene import label_type, marks_of, range_of, scene
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled
from septum.options import at_least

_FAINTEST = 1e-5  # weight of the strongest edge, so that every voxel is reached


def random_walker(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    beta: float = 300.0,
    tolerance: float = 1e-3,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Each voxel gets the label of the seed that a random walker from it reaches first, most probably.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape; only its type matters.
        seeds: integer array of the image's shape, -1 without a mark, 0 for the background (`seeds_of`).
        beta: how much edges repel, above 0: a step over a difference d weighs exp(-beta d²); d = 1 is the range of all
            intensities but the lowest and the highest 0.5 %.
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
    prob, values = _solved(found.image, marks, step=found.spacing, beta=beta, tolerance=tolerance, cancelled=cancelled)
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
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> tuple[Float32Array, tuple[int, ...]]:
    """Probabilities `(K, *region)` of the K labels among the seeds, 0 to 1 with sum 1, and which labels those are.

    Arguments and errors as `random_walker`.

    >>> found, labels = walker_probabilities([[1.0, 1.0, 9.0, 9.0]], seeds=[[2, -1, -1, 0]])
    >>> labels, found.argmax(axis=0).tolist()
    ((0, 2), [[1, 1, 0, 0]])
    """
    array = np.asarray(image)
    found = scene(array, np.zeros(array.shape, np.uint8), spacing=spacing, region=region)
    marks = marks_of(seeds, found)
    prob, values = _solved(found.image, marks, step=found.spacing, beta=beta, tolerance=tolerance, cancelled=cancelled)
    return prob, tuple(int(v) for v in values)


def _solved(
    array: NDArray[Any],
    marks: NDArray[np.int32],
    *,
    step: Sequence[float],
    beta: float,
    tolerance: float,
    cancelled: IsCancelled | None,
) -> tuple[Float32Array, NDArray[np.int64]]:
    at_least(beta, 0, name="beta", above=True)
    at_least(tolerance, 0, name="tolerance", above=True)
    values = np.unique(marks[marks != UNMARKED]).astype(np.int64)
    if len(values) > 32:
        raise ConfigError(f"seeds must hold at most 32 labels, got {len(values)}; use grow-cut for so many")
    low, high = range_of(array)
    grey = np.subtract(array, low, dtype=np.float32) / np.float32(max(high - low, 1e-30))
    index = np.full(marks.shape, UNMARKED, np.int32)
    index[marks != UNMARKED] = np.searchsorted(values, marks[marks != UNMARKED])
    flat = array.ndim == 2
    volume, places, lengths = (grey[None], index[None], (1.0, *step)) if flat else (grey, index, tuple(step))
    prob = _probabilities(
        _weights(volume, lengths, beta=beta), places, count=len(values), tolerance=tolerance, cancelled=cancelled
    )
    return (prob[:, 0] if flat else prob), values


def _probabilities(
    weights: Sequence[Float32Array],
    index: NDArray[np.int32],
    *,
    count: int,
    tolerance: float,
    cancelled: IsCancelled | None,
) -> Float32Array:
    """Solve for all labels but the last, side by side; the last has what is left."""
    from septum.interactive.marks.multigrid import Multigrid

    grid = Multigrid(weights, index >= 0)
    prob = np.zeros((count, *index.shape), np.float32)

    def solve(k: int) -> None:
        prob[k] = index == k
        grid.solve(prob[k], tolerance=tolerance, cancelled=cancelled)
        np.clip(prob[k], 0, 1, out=prob[k])

    with ThreadPoolExecutor(min(os.cpu_count() or 1, count - 1)) as pool:
        list(pool.map(solve, range(count - 1)))
    prob[-1] = np.clip(1 - prob[:-1].sum(axis=0), 0, 1)
    return prob


def _weights(grey: Float32Array, step: Sequence[float], *, beta: float) -> list[Float32Array]:
    """Weight of the step to the next voxel along each axis."""
    found = []
    finest = min(step)
    for axis in range(3):
        weight = np.diff(grey, axis=axis)
        weight *= weight
        weight *= np.float32(-beta)
        np.exp(weight, out=weight)
        np.maximum(weight, np.float32(_FAINTEST), out=weight)
        weight *= np.float32((finest / step[axis]) ** 2)
        found.append(weight)
    return found
