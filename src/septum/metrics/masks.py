"""What every metric of two masks asks first: are these masks, do they share a shape, and where is something?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import GeometryError

Slices = tuple[slice, ...]


def as_labels(labels: ArrayLike, name: str) -> NDArray[Any]:
    """An integer array (boolean as 0 and 1), of any shape; a GeometryError for anything else."""
    array = np.asarray(labels)
    if array.dtype == bool:
        return array.view(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise GeometryError(f"{name} must hold integer labels, got {array.dtype}; round or threshold it first")
    return array


def as_masks(reference: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two boolean masks of one 2-D or 3-D shape, from boolean or integer arrays; inside is everything but 0."""
    ref, pred = as_labels(reference, "reference"), as_labels(prediction, "prediction")
    check_shapes(ref, pred)
    return _inside(ref), _inside(pred)


def check_shapes(reference: NDArray[Any], prediction: NDArray[Any], *, spatial: bool = True) -> None:
    """A GeometryError unless both have one shape, and with `spatial` two or three axes."""
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"reference and prediction must have the same shape, got {reference.shape} and {prediction.shape}; "
            "resample one with `resample_labels`"
        )
    if spatial and reference.ndim not in (2, 3):
        raise GeometryError(
            f"reference must be 2-D or 3-D, got {reference.ndim} axes; measure one frame or channel at a time"
        )


def bounding_box(labels: NDArray[Any]) -> Slices | None:
    """The smallest box around everything that is not 0, in about one pass; None when there is nothing."""
    if not labels.size:
        return None
    if labels.dtype.kind != "u":  # the maximum of unsigned integers is the fastest "any" there is
        labels = labels.view(np.uint8) if labels.dtype == bool else (labels != 0).view(np.uint8)
    first = _extent(labels.reshape(labels.shape[0], -1).max(axis=1))
    if first is None:
        return None
    flat = np.maximum.reduce(labels[first], axis=0)
    if not flat.ndim:
        return (first,)
    others = [tuple(a for a in range(flat.ndim) if a != axis) for axis in range(flat.ndim)]
    rest = [_extent(np.maximum.reduce(flat, axis=axes)) for axes in others]
    return (first, *(extent for extent in rest if extent is not None))


def union_box(boxes: Sequence[Slices | None], *, ndim: int) -> Slices:
    """The smallest box around all boxes; an empty one where there is none."""
    found = [box for box in boxes if box is not None]
    if not found:
        return (slice(0, 0),) * ndim
    return tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*found, strict=True))


def _inside(labels: NDArray[Any]) -> NDArray[np.bool_]:
    return labels.view(bool) if labels.dtype == np.uint8 and labels.size and labels.max() <= 1 else labels != 0


def _extent(line: NDArray[Any]) -> slice | None:
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else None
