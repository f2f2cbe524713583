"""Border weights of the U-Net paper: thin gaps between touching objects must cost more than anything else.

The insight: the weight dies off within a few sigma of an object, so its distance is needed only in its own bounding box
grown by that reach; hundreds of objects cost hundreds of small distance transforms, never hundreds of whole images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import ConfigError
from septum.geometry.arrays import Slices, Spacing, spacing_mm

NEGLIGIBLE = 1e-4  # the border term is not followed below this fraction of w0


def border_weights(
    labels: NDArray[Any],
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    spacing: Spacing = None,
    classes: NDArray[Any] | None = None,
) -> NDArray[np.float32]:
    """Weight map w(x) = w_c(x) + w0 · exp(-(d1(x) + d2(x))² / (2 sigma²)), equation 2 of Ronneberger et al. 2015.

    w_c balances the classes: every class present has the same total weight, and the mean of w_c is 1. d1 and d2 are the
    distances to the nearest and to the second nearest object. The border term is given to background voxels only, as in
    the paper's figure 3d, and is left out where it would be below `NEGLIGIBLE` · w0.

    Args:
        labels: integer array, any dimension; 0 is background. An object is a connected piece (diagonals included) of
            one value, so instance ids and class maps both work; touching objects need different values.
        w0: height of the border term.
        sigma: width of the border term, in voxels, or in mm when `spacing` is given.
        spacing: voxel size per axis; None counts in voxels.
        classes: class map (same shape) that w_c balances; None balances background against everything else.

    Returns:
        float32 array of the shape of `labels`; all ones when there is no object (or nothing else).

    Raises:
        ConfigError: sigma not positive, w0 negative, or shapes and spacing that do not match.

    >>> border_weights(np.array([1, 0, 0, 2]), w0=10, sigma=3).round(3)  # d1 + d2 = 3: 1 + 10 exp(-1/2)
    array([1.   , 7.065, 7.065, 1.   ], dtype=float32)
    """
    _check(labels, w0, sigma=sigma, spacing=spacing, classes=classes)
    weights = _balance((labels != 0) if classes is None else classes)
    sum_of_distances = _two_distances(labels, sigma * math.sqrt(-2.0 * math.log(NEGLIGIBLE)), spacing=spacing)
    border = w0 * np.exp(-(sum_of_distances**2) / (2.0 * sigma**2))
    return (weights + np.where(labels == 0, border, 0.0)).astype(np.float32)


def _check(
    labels: NDArray[Any],
    w0: float,
    *,
    sigma: float,
    spacing: Spacing,
    classes: NDArray[Any] | None,
) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        raise ConfigError(f"labels must be integer, got {labels.dtype}; convert them with a rule of your own")
    if not sigma > 0 or not w0 >= 0:
        raise ConfigError(f"sigma must be > 0 and w0 >= 0, got {sigma} and {w0}; the paper uses sigma=5, w0=10")
    spacing_mm(spacing, labels.ndim)
    if classes is not None and classes.shape != labels.shape:
        raise ConfigError(f"classes must have the shape of labels {labels.shape}, got {classes.shape}; crop both alike")


def _balance(classes: NDArray[Any]) -> NDArray[np.float64]:
    """n / (number of classes present × voxels of the voxel's class): every class weighs the same, the mean is 1."""
    present, index, counts = np.unique(classes, return_inverse=True, return_counts=True)
    per_class = classes.size / (len(present) * counts.astype(np.float64))
    return np.asarray(per_class[index]).reshape(classes.shape)


def _two_distances(labels: NDArray[Any], reach: float, *, spacing: Spacing) -> NDArray[np.float64]:
    """d1 + d2 per voxel; infinite where the second nearest object is further away than `reach`."""
    step = np.ones(labels.ndim) if spacing is None else np.asarray(spacing, dtype=np.float64)
    grow = np.ceil(reach / step).astype(int).tolist()
    nearest = np.full(labels.shape, np.inf)
    second = np.full(labels.shape, np.inf)
    for box, piece in _objects(labels):
        wide = tuple(slice(max(0, side.start - g), side.stop + g) for side, g in zip(box, grow, strict=True))
        outside = np.ones(nearest[wide].shape, dtype=bool)
        outside[_shift(box, wide)] = ~piece
        distance = ndimage.distance_transform_edt(outside, sampling=step)
        second[wide] = np.minimum(second[wide], np.maximum(nearest[wide], distance))
        nearest[wide] = np.minimum(nearest[wide], distance)
    both: NDArray[np.float64] = np.where(second <= reach, nearest + second, np.inf)
    return both


def _objects(labels: NDArray[Any]) -> Iterator[tuple[Slices, NDArray[np.bool_]]]:
    """Bounding box and mask inside it of every connected piece of every value but 0."""
    touching = np.ones((3,) * labels.ndim, dtype=bool)
    values, index = np.unique(labels, return_inverse=True)  # large ids must not become a long list of boxes
    boxes = ndimage.find_objects(index.reshape(labels.shape) + 1)
    for value, box in zip(values.tolist(), boxes, strict=True):
        if value == 0:
            continue
        pieces, _ = ndimage.label(labels[box] == value, structure=touching)
        for number, part in enumerate(ndimage.find_objects(pieces), start=1):
            yield _shift(part, box, back=True), pieces[part] == number


def _shift(box: Slices, origin: Slices, *, back: bool = False) -> Slices:
    """`box` seen from the start of `origin`; with `back`, a box seen from there in terms of the whole array."""
    sign = 1 if back else -1
    return tuple(
        slice(side.start + sign * start.start, side.stop + sign * start.start)
        for side, start in zip(box, origin, strict=True)
    )
