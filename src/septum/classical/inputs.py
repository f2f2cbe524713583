"""What every classical method asks of its input, said once so that the messages are the same everywhere.

The insight: an automatic threshold of an image with one NaN, or of the three channels of a photograph taken for a
volume, gives a mask that looks like an answer. So arrays are checked at the door: finite, not empty, 2-D or 3-D, and a
spacing of positive millimetres per axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, DatasetError, GeometryError

Spacing = Sequence[float] | None


def grey_image(image: ArrayLike, *, name: str = "image") -> NDArray[Any]:
    """The image as an array of finite numbers with 2 or 3 axes.

    Raises:
        GeometryError: another number of axes (a channel axis among them), or an empty axis.
        DatasetError: values that are not numbers, NaN or infinite.
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
    """The image as a finite array `(C, *spatial)` with 2 or 3 spatial axes; errors as `grey_image`."""
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
    """
    if spacing is None:
        return (1.0,) * ndim
    step = tuple(float(s) for s in spacing)
    if len(step) != ndim or not all(s > 0 and math.isfinite(s) for s in step):
        raise GeometryError(f"spacing must be {ndim} positive numbers (mm per axis), got {list(step)}")
    return step


def at_least(value: float, low: float, name: str, *, above: bool = False) -> float:
    """`value`, when it is a number not below `low` (with `above`: greater than it); `ConfigError` otherwise."""
    if math.isfinite(value) and (value > low if above else value >= low):
        return value
    raise ConfigError(f"{name} must be {'above' if above else 'at least'} {low:g}, got {value:g}; choose a larger one")


def one_of(value: str, allowed: Sequence[str], name: str) -> str:
    """`value`, when it is among `allowed`; `ConfigError` otherwise."""
    if value in allowed:
        return value
    raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def radius_voxels(radius_mm: float, step: Sequence[float]) -> tuple[int, ...]:
    """Half-width in whole voxels per axis of a window that reaches `radius_mm` to either side.

    >>> radius_voxels(2.0, (3.0, 0.5, 0.5))
    (1, 4, 4)
    >>> radius_voxels(1.0, (3.0, 0.5, 0.5))
    (0, 2, 2)
    """
    return tuple(math.floor(radius_mm / s + 0.5 + 1e-9) for s in step)
