"""A reference that was cropped to a box, and a prediction that reaches beyond it.

The insight: putting the prediction onto the reference's grid would cut off every false positive outside the box, and
the score would be too good in silence. So the reference is the one that grows: to the box of what the prediction marks,
on its own lattice, with background outside, and the samples that this concerns are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid, LabelMap
from septum.geometry.resample import resample_labels

MOST_GROWTH = 8
"""A reference grows at most to this many times the samples of both masks: farther apart they do not belong together."""


@dataclass(frozen=True)
class Covered:
    """Both masks on one grid: the reference's own lattice, from `start` (in samples of the reference) on.

    `outside` counts the marked samples of the prediction beyond the reference's edges, `missed` the marked samples of
    the reference beyond the prediction's.
    """

    reference: LabelMap
    prediction: LabelMap
    start: tuple[int, ...]
    outside: int = 0
    missed: int = 0


def cover(reference: LabelMap, prediction: LabelMap, *, background: int) -> Covered | str:
    """Prediction on the reference's lattice (nearest neighbour), which grows to hold all that the prediction marks.

    Returns a sentence instead when the two do not share a place.
    """
    own = _box(prediction.grid, [(0, n) for n in prediction.grid.shape], target=reference.grid)
    if any(high <= 0 or low >= n for (low, high), n in zip(own, reference.grid.shape, strict=True)):
        return "the two share no place"
    marked = _marked(prediction.array, background)
    box = _box(prediction.grid, marked, target=reference.grid) if marked else [(0, n) for n in reference.grid.shape]
    start = tuple(min(0, low) for low, _ in box)
    stop = tuple(max(n, high) for (_, high), n in zip(box, reference.grid.shape, strict=True))
    shape = tuple(b - a for a, b in zip(start, stop, strict=True))
    if np.prod(shape, dtype=float) > MOST_GROWTH * (reference.array.size + prediction.array.size):
        return f"the prediction marks samples far beyond the reference (together they span {shape})"
    inner = tuple(slice(-a, n - a) for a, n in zip(start, reference.grid.shape, strict=True))
    grid = reference.grid if shape == reference.grid.shape else reference.grid.crop(start, shape)
    moved = resample_labels(prediction, grid, outside=background)
    outside = int((moved.array != background).sum()) - int((moved.array[inner] != background).sum())
    within = resample_labels(LabelMap(np.ones(prediction.grid.shape, np.uint8), prediction.grid), reference.grid)
    missed = int(((reference.array != background) & (reference.array >= 0) & (within.array == 0)).sum())
    return Covered(padded(reference, grid, start=start, background=background), moved, start, outside, missed)


def on_the_plane(prediction: LabelMap, reference: Grid) -> LabelMap | None:
    """The prediction on the reference's grid where one of them is a volume of one slice and the other its plane.

    Their sizes must agree where both are known, to within 1 %; the place of a plane in space is rarely stored and does
    not count. None where this is not so.
    """
    own = prediction.grid
    if reference.ndim == 2 and own.shape == (1, *reference.shape):
        array, sizes = prediction.array[0], (own.spacing[1:], reference.spacing)
    elif own.ndim == 2 and reference.shape == (1, *own.shape):
        array, sizes = prediction.array[None], (own.spacing, reference.spacing[1:])
    else:
        return None
    if own.unit == reference.unit == "mm" and not np.allclose(*sizes, rtol=0.01):
        return None
    return LabelMap(array, reference, prediction.names, prediction.notes)


def padded(labels: LabelMap, grid: Grid, *, start: tuple[int, ...], background: int) -> LabelMap:
    """Labels on a larger `grid` of their lattice that begins at `start` (in their samples); background around them."""
    if grid.shape == labels.grid.shape:
        return labels
    around = [(-a, n + a - m) for a, n, m in zip(start, grid.shape, labels.grid.shape, strict=True)]
    dtype = np.promote_types(labels.array.dtype, np.min_scalar_type(background))
    array = np.pad(labels.array.astype(dtype, copy=False), around, constant_values=background)
    return LabelMap(array, grid, labels.names, labels.notes)


def _marked(array: NDArray[Any], background: int) -> list[tuple[int, int]]:
    """Per axis the first and the last index (plus one) of samples that are not background; empty where none is."""
    marked = array != background
    box = []
    for axis in range(array.ndim):
        found = np.flatnonzero(marked.any(axis=tuple(a for a in range(array.ndim) if a != axis)))
        if not found.size:
            return []
        box.append((int(found[0]), int(found[-1]) + 1))
    return box


def _box(source: Grid, box: list[tuple[int, int]], *, target: Grid) -> list[tuple[int, int]]:
    """The samples of `target` that a box of samples of `source` covers, outer edges included; may lie outside it."""
    edges = np.stack(np.meshgrid(*[(a - 0.5, b - 0.5) for a, b in box], indexing="ij"), -1).reshape(-1, source.ndim)
    index = target.world_to_index(source.index_to_world(edges))
    low, high = np.ceil(index.min(axis=0) - 1e-6), np.floor(index.max(axis=0) + 1e-6) + 1
    return [(int(a), int(b)) for a, b in zip(low, high, strict=True)]
