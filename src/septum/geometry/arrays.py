"""Is this an image, a label map, a spacing? The one door for arrays, with one message for each refusal.

The insight: an automatic threshold of an image with one NaN, or of the three channels of a photograph taken for a
volume, gives a mask that looks like an answer. So arrays are checked at the door: finite, not empty, 2-D or 3-D, and a
spacing of positive millimetres per axis; label maps hold integers, and two that are compared share a shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import DatasetError, GeometryError

Spacing = Sequence[float] | None
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Uint32Array = NDArray[np.uint32]
LabelArray = NDArray[Any]
"""Labels of any integer type, as `label_array` lets them through."""


Mask = NDArray[np.bool_]


def grey_image(image: ArrayLike, *, name: str = "image") -> NDArray[Any]:
    """The image as an array of finite numbers with 2 or 3 axes.

    Raises:
        GeometryError: another number of axes (a channel axis among them), or an empty axis.
        DatasetError: values that are not numbers, NaN or infinite.

    >>> grey_image([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    array = _native(image)
    if array.dtype == bool:
        array = array.view(np.uint8)
    if array.ndim not in (2, 3):
        raise GeometryError(
            f"{name} must be one channel with 2 or 3 axes, got shape {array.shape}; "
            "choose a channel (step `channel`), or cut a frame"
        )
    return _finite(array, name)


def channels_image(image: ArrayLike, *, name: str = "image") -> NDArray[Any]:
    """The image as a finite array `(C, *spatial)` with 2 or 3 spatial axes; errors as `grey_image`.

    >>> channels_image(np.zeros((3, 4, 5))).shape
    (3, 4, 5)
    """
    array = _native(image)
    if array.dtype == bool:
        array = array.view(np.uint8)
    if array.ndim not in (3, 4):
        raise GeometryError(f"{name} must be (channels, *spatial) with 2 or 3 spatial axes, got shape {array.shape}")
    return _finite(array, name)


def _native(values: ArrayLike) -> NDArray[Any]:
    """An array in this machine's byte order: files may hold the other one, and libraries misread it."""
    array = np.asarray(values)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _finite(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype.kind not in "iuf":
        raise DatasetError(f"{name} must hold real numbers, got {array.dtype}; convert it first")
    if not array.size:
        raise GeometryError(f"{name} must have at least one sample, got shape {array.shape}")
    if array.dtype.kind == "f" and not math.isfinite(float(array.sum(dtype=np.float64))):
        wrong = int(array.size - np.count_nonzero(np.isfinite(array)))
        if wrong:
            raise DatasetError(
                f"{name} must be finite, got {wrong} NaN or infinite sample(s); replace them, "
                "with `numpy.nan_to_num`, or in files with `septum doctor DATASET --fix OUT`"
            )
    return array.astype(np.float32) if array.dtype == np.float16 else array


def label_array(labels: ArrayLike, *, name: str = "labels") -> NDArray[Any]:
    """A mask or label map: a boolean or integer array with 2 or 3 axes, no negative value.

    Raises:
        GeometryError: not integer, another number of axes, empty, or a negative value.

    >>> label_array([[True, False]]).tolist()
    [[True, False]]
    """
    array = _native(labels)
    if array.dtype != bool and array.dtype.kind not in "iu":
        raise GeometryError(f"{name} must be boolean or integer, got {array.dtype}; threshold or round it first")
    if array.ndim not in (2, 3) or not array.size:
        raise GeometryError(f"{name} must have 2 or 3 axes with at least one sample, got shape {array.shape}")
    if array.dtype.kind == "i" and int(array.min()) < 0:
        raise GeometryError(f"{name} must not be negative, got {int(array.min())}; set such samples to 0")
    return array


def spacing_mm(spacing: Spacing, ndim: int) -> tuple[float, ...]:
    """The spacing in mm per array axis; 1 along every axis where it is None.

    Raises:
        GeometryError: another number of values than axes, or a value that is not a positive number.

    >>> spacing_mm((3, 0.5, 0.5), 3), spacing_mm(None, 2)
    ((3.0, 0.5, 0.5), (1.0, 1.0))
    """
    if spacing is None:
        return (1.0,) * ndim
    step = tuple(float(s) for s in spacing)
    if len(step) != ndim or not all(s > 0 and math.isfinite(s) for s in step):
        raise GeometryError(f"spacing must be {ndim} positive numbers (mm per axis), got {list(step)}")
    return step


def radius_voxels(radius_mm: float, step: Sequence[float]) -> tuple[int, ...]:
    """Half-width in whole voxels per axis of a window that reaches `radius_mm` to either side.

    >>> radius_voxels(2.0, (3.0, 0.5, 0.5))
    (1, 4, 4)
    >>> radius_voxels(1.0, (3.0, 0.5, 0.5))
    (0, 2, 2)
    """
    return tuple(math.floor(radius_mm / s + 0.5 + 1e-9) for s in step)


Slices = tuple[slice, ...]


def as_labels(labels: ArrayLike, name: str) -> NDArray[Any]:
    """An integer array (boolean as 0 and 1), of any shape; a GeometryError for anything else.

    >>> as_labels([True, False], "labels").tolist()
    [1, 0]
    """
    array = np.asarray(labels)
    if array.dtype == bool:
        return array.view(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise GeometryError(f"{name} must hold integer labels, got {array.dtype}; round or threshold it first")
    return array


def as_masks(reference: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two boolean masks of one 2-D or 3-D shape, from boolean or integer arrays; inside is everything but 0.

    >>> reference, prediction = as_masks([[2, 0]], [[0, 1]])
    >>> reference.tolist(), prediction.tolist()
    ([[True, False]], [[False, True]])
    """
    ref, pred = as_labels(reference, "reference"), as_labels(prediction, "prediction")
    check_shapes(ref, pred)
    return _inside(ref), _inside(pred)


def check_shapes(reference: NDArray[Any], prediction: NDArray[Any], *, spatial: bool = True) -> None:
    """A GeometryError unless both have one shape, and with `spatial` two or three axes.

    >>> check_shapes(np.zeros((2, 3)), np.zeros((2, 3)))  # says nothing
    """
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
    """The smallest box around everything that is not 0, in about one pass; None when there is nothing.

    >>> bounding_box(np.array([[0, 0, 0], [0, 1, 1]]))
    (slice(1, 2, None), slice(1, 3, None))
    >>> bounding_box(np.zeros((2, 2), int)) is None
    True
    """
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
    """The smallest box around all boxes; an empty one where there is none.

    >>> union_box([(slice(0, 2), slice(1, 2)), None, (slice(1, 3), slice(1, 5))], ndim=2)
    (slice(0, 3, None), slice(1, 5, None))
    """
    found = [box for box in boxes if box is not None]
    if not found:
        return (slice(0, 0),) * ndim
    return tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*found, strict=True))


def _inside(labels: NDArray[Any]) -> NDArray[np.bool_]:
    return labels.view(bool) if labels.dtype == np.uint8 and labels.size and labels.max() <= 1 else labels != 0


def _extent(line: NDArray[Any]) -> slice | None:
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else None
