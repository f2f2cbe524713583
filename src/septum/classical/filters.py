"""Filters of planes and volumes that OpenCV runs: Gaussians, means and extremes of boxes, balls of a mask, counts.

The insight: such a filter goes one axis at a time, and a volume whose last two axes lie side by side is a picture, of
which OpenCV filters the columns with vector instructions. A volume therefore costs what a few planes cost, many times
less than in scipy or SimpleITK; and a ball is a stack of discs, so masks grow and shrink plane by plane too.

Functions take arrays that `inputs` has checked, and radii and widths in voxels, and return new arrays. Sums are kept in
single precision: a Gaussian differs from scipy's by at most a few units in the seventh digit. Minima, maxima, medians
and balls are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from septum.geometry.arrays import Float32Array, Mask

_BORDERS = {"nearest": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101}
_MEDIANS = (np.uint8, np.uint16, np.int16, np.float32)
_WHOLE = 1 << 24  # samples: single precision counts them one by one up to here
SMALL_BALL = 1000
"""Voxels of a ball up to which `eroded` and `dilated` are faster than an exact distance map, in 2-D and 3-D."""


def gaussian(
    array: NDArray[Any], sigma: Sequence[float], *, mode: str = "nearest", truncate: float = 4.0
) -> Float32Array:
    """The array smoothed by a Gaussian.

    Args:
        array: 2-D or 3-D, real numbers.
        sigma: standard deviation per axis in samples; 0 leaves an axis as it is.
        mode: what lies beyond the border: "nearest" (its values) or "mirror" (about the middle of the last sample).
        truncate: the kernel ends at so many standard deviations, rounded to samples.

    >>> gaussian(np.array([[0, 0, 9, 0, 0]]), (0.0, 0.5)).round().tolist()
    [[0.0, 1.0, 7.0, 1.0, 0.0]]
    """
    kernels = [_kernel(width, truncate) for width in sigma]
    border = _BORDERS[mode]

    def run(plane: Float32Array, down: Float32Array, *, across: Float32Array) -> Float32Array:
        return np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, across, down, borderType=border))

    image = _bytes_or_single(array)
    if image.ndim == 2:
        return run(image, kernels[0], across=kernels[1])
    nothing = np.ones(1, np.float32)
    if kernels[0].size > 1:
        image = run(image.reshape(len(image), -1), kernels[0], across=nothing).reshape(image.shape)
    return _planes(image, lambda plane: run(plane, kernels[1], across=kernels[2]))


def box_mean(array: NDArray[Any], size: Sequence[int], *, mode: str = "mirror") -> Float32Array:
    """Mean of the box of `size` samples (odd, per axis) around each sample; sums of 8 and 16 bits are exact.

    >>> box_mean(np.array([[0.0, 3.0, 0.0]]), (1, 3)).tolist()
    [[2.0, 1.0, 2.0]]
    """
    border = _BORDERS[mode]

    def run(plane: NDArray[Any], down: int, *, across: int) -> Float32Array:
        return np.asarray(cv2.boxFilter(plane, cv2.CV_32F, (across, down), borderType=border))

    image = _own_or_single(array)
    if image.ndim == 2:
        return run(image, size[0], across=size[1])
    image = (
        _single(image) if size[0] == 1 else run(image.reshape(len(image), -1), size[0], across=1).reshape(image.shape)
    )
    return _planes(image, lambda plane: run(plane, size[1], across=size[2]))


def box_extreme(array: NDArray[Any], size: Sequence[int], *, largest: bool) -> NDArray[Any]:
    """Smallest or largest value of the box of `size` samples (odd, per axis), of what of it lies in the array.

    Bytes and 16-bit integers stay what they are; all else becomes float32.

    >>> box_extreme(np.array([[1, 5, 2, 0]], np.uint8), (1, 3), largest=True).tolist()
    [[5, 5, 5, 2]]
    """
    change = cv2.dilate if largest else cv2.erode

    def run(plane: NDArray[Any], down: int, *, across: int) -> NDArray[Any]:
        return np.asarray(change(plane, np.ones((down, across), np.uint8)))

    image = _own_or_single(array)
    if image.ndim == 2:
        return run(image, size[0], across=size[1])
    if size[0] > 1:
        image = run(image.reshape(len(image), -1), size[0], across=1).reshape(image.shape)
    return _planes(image, lambda plane: run(plane, size[1], across=size[2]))


def plane_median(array: NDArray[Any], size: Sequence[int]) -> Float32Array | None:
    """Median of the box (border as its values), where OpenCV has it: planes, square boxes of 3 or 5 samples, and any
    odd width for 8 bits; None elsewhere.

    >>> float(plane_median(np.array([[1, 1, 1], [1, 9, 1], [1, 1, 1]], np.uint8), (3, 3)).max())
    1.0
    >>> plane_median(np.zeros((4, 4, 4)), (3, 3, 3)) is None
    True
    """
    if array.ndim != 2 or size[0] != size[1] or min(array.shape) < 2:
        return None
    image = array if array.dtype in _MEDIANS else array.astype(np.float32)
    if size[0] not in (3, 5) and not (array.dtype == np.uint8 and 1 < size[0] < 256):
        return None
    found: Float32Array = cv2.medianBlur(np.ascontiguousarray(image), size[0]).astype(np.float32)
    return found


def plane_bilateral(array: NDArray[Any], *, sigma: float, contrast: float) -> Float32Array:
    """Bilateral filter of a plane: weights by distance (`sigma` samples, in a disc of 2.5 of them) and by difference of
    intensity (`contrast`, as a share of the range, from a table of 4096 steps over the range).

    >>> step = np.array([[0.0, 0.0, 1.0, 1.0]])
    >>> plane_bilateral(step, sigma=1.0, contrast=0.1).round(3).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    low, high = float(array.min()), float(array.max())
    image = (_single(array) - np.float32(low)) / np.float32(high - low)  # OpenCV leaves tiny ranges alone
    width = 2 * max(int(np.ceil(2.5 * sigma)), 1) + 1
    smooth: Float32Array = cv2.bilateralFilter(image, width, contrast, sigma, borderType=cv2.BORDER_REPLICATE)
    smooth *= np.float32(high - low)
    smooth += np.float32(low)
    return smooth


def eroded(mask: Mask, ball: Mask) -> Mask:
    """Where the whole ball around a sample lies in the mask; beyond the border nothing is asked.

    Args:
        mask: 2-D or 3-D.
        ball: offsets as a mask of odd shape, symmetric about its middle; best up to `SMALL_BALL` voxels.

    >>> eroded(np.array([[1, 1, 1, 0]], bool), np.ones((1, 3), bool)).tolist()
    [[True, True, False, False]]
    """
    return _stacked(mask, ball, change=cv2.erode, join=np.logical_and)


def dilated(mask: Mask, ball: Mask) -> Mask:
    """Where the ball around a sample meets the mask; arguments as `eroded`.

    >>> dilated(np.array([[False, True, False, False]]), np.ones((1, 3), bool)).tolist()
    [[True, True, True, False]]
    """
    return _stacked(mask, ball, change=cv2.dilate, join=np.logical_or)


def count_values(array: NDArray[Any], *, low: int, high: int) -> NDArray[np.int64]:
    """How often each value from `low` to `high` occurs in an array of integers of one or two bytes between them.

    >>> count_values(np.array([[-1, 1], [1, 1]], np.int16), low=-1, high=1).tolist()
    [1, 0, 3]
    """
    flat = array.reshape(-1)
    kind = f"u{array.dtype.itemsize}"
    counts = np.zeros(high - low + 1, np.int64)
    for start in range(0, flat.size, _WHOLE):
        part = flat[start : start + _WHOLE].view(kind)
        if array.dtype.kind == "i":  # of negative values OpenCV cannot count two bytes
            part = part - np.array(low).astype(array.dtype).view(kind)
        first = 0 if array.dtype.kind == "i" else low
        found = cv2.calcHist([part.reshape(1, -1)], [0], None, [counts.size], [first, first + counts.size])
        np.add(counts, found.reshape(-1), out=counts, casting="unsafe")
    return counts


def plane_parts(mask: Mask, *, full: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number of the connected part of each sample of a plane, from 1 in the order met, 0 outside; and samples per part.

    >>> plane_parts(np.array([[True, False, True, True]]), full=True)[1].tolist()
    [1, 1, 2]
    """
    given = np.ascontiguousarray(mask).view(np.uint8)
    neighbours, in_rows = (8 if full else 4), cv2.CCL_SAUF  # the algorithms of blocks number in another order
    _, numbers, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(given, neighbours, cv2.CV_32S, in_rows)
    return np.asarray(numbers), stats[:, cv2.CC_STAT_AREA].astype(np.int64)


def _stacked(mask: Mask, ball: Mask, *, change: Callable[..., Any], join: Callable[..., Any]) -> Mask:
    """Plane by plane with the discs that make the ball, joined along the first axis."""
    discs = ball.view(np.uint8)
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    if mask.ndim == 2:
        return np.asarray(change(pixels, discs)).view(bool)
    middle = len(discs) // 2
    result = _planes(pixels, partial(change, kernel=discs[middle])).view(bool)
    for away in range(1, min(middle + 1, len(mask))):
        layer = _planes(pixels, partial(change, kernel=discs[middle + away])).view(bool)
        join(result[away:], layer[:-away], out=result[away:])
        join(result[:-away], layer[away:], out=result[:-away])
    return result


def _planes(volume: NDArray[Any], run: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    first = run(volume[0])
    result = np.empty(volume.shape, first.dtype)
    result[0] = first
    for place, plane in zip(result[1:], volume[1:], strict=True):
        place[...] = run(plane)
    return result


@lru_cache(maxsize=64)
def _kernel(sigma: float, truncate: float) -> Float32Array:
    """Weights of a Gaussian as scipy takes them, one number for no smoothing."""
    reach = int(truncate * sigma + 0.5)
    if reach == 0:
        return np.ones(1, np.float32)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = np.asarray(weights / weights.sum(), np.float32)
    kernel.setflags(write=False)  # it is kept
    return kernel


def _single(array: NDArray[Any]) -> Float32Array:
    return np.ascontiguousarray(array, np.float32)


def _bytes_or_single(array: NDArray[Any]) -> NDArray[Any]:
    """Bytes and masks as bytes, which OpenCV smooths a quarter faster than floats; all else in single precision."""
    if array.dtype in (np.uint8, np.bool_):
        return np.ascontiguousarray(array).view(np.uint8)
    return _single(array)


def _own_or_single(array: NDArray[Any]) -> NDArray[Any]:
    """Bytes and 16-bit integers as they are, all else in single precision."""
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2 and array.dtype != np.int8:
        return np.ascontiguousarray(array)
    return _single(array)
