"""The magic wand: what hangs together with a click and is of like intensity.

The insight: a wand is region growing whose limits come from the clicked voxel, in one slice or through the volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import CONNECTIVITY
from septum.classical.growing import connected_threshold
from septum.classical.landscape import smoothed
from septum.geometry.arrays import Spacing
from septum.interactive.scene import known_axis, near, points_of, range_of, scene
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least, one_of

SHARE = 0.1
"""Tolerance where none is given and the click's surroundings are flat, as share of the range of intensities."""


_REACH = 3  # voxels to each side of a click that say how uneven the object is


_DEVIATIONS = 3  # median absolute deviations from the clicked value: two standard deviations of Gaussian noise


def magic_wand(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    label: int = 1,
    tolerance: float | None = None,
    axis: int | None = None,
    sigma_mm: float = 0.0,
    connectivity: str = "faces",
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set `label` where the image differs from a clicked voxel by `tolerance` at most and hangs together with it.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape.
        points: voxels `(n, ndim)`, each growing its own part.
        label: what is set.
        tolerance: in the image's units, 0 or more; None for three times the median difference from the clicked voxel
            within 3 voxels of it, or, where that is 0, a tenth of the range (0.5th to 99.5th percentile) of what is
            filled, the slice or the volume.
        axis: axis across which each click's slice is filled; None for the whole volume.
        sigma_mm: Gaussian smoothing before, 0 for none.
        connectivity: "faces" or "full".
        spacing: mm per axis.
        region: box of interest.
        cancelled: asked before each point.

    Raises:
        GeometryError: points outside the image or the region, shapes that differ, an empty region.
        ConfigError: no point, options out of range.
        Cancelled: `cancelled` said so.

    Source: flood fill with a tolerance; Adams and Bischof 1994, IEEE TPAMI 16:641.

    >>> magic_wand([[5, 6, 9, 5]], [[0, 0, 0, 0]], points=[[0, 0]], tolerance=1).labels.tolist()
    [[1, 1]]
    """
    one_of(connectivity, CONNECTIVITY, name="connectivity")
    at_least(sigma_mm, 0, name="sigma_mm")
    across = known_axis(axis, np.ndim(image))
    if across is not None and sigma_mm == 0:
        margin = [0 if a == across else None for a in range(np.ndim(image))]
        region = near(image, points, margin=margin, region=region)
    found = scene(image, labels, spacing=spacing, region=region)
    voxels = points_of(points, found)
    array = smoothed(found.image, spacing=found.spacing, sigma_mm=sigma_mm)
    if tolerance is not None:
        at_least(tolerance, 0, name="tolerance")
    mask = np.zeros(array.shape, bool)
    for voxel in voxels:
        stop_if(cancelled)
        cut = tuple(slice(v, v + 1) if a == across else slice(None) for a, v in enumerate(voxel))
        seed = np.where(np.arange(array.ndim) == across, 0, voxel) if across is not None else voxel
        value = float(array[tuple(voxel)])
        reach = _unevenness(array[cut], seed) if tolerance is None else tolerance
        mask[cut] |= connected_threshold(
            array[cut], seeds=[seed], low=value - reach, high=value + reach, connectivity=connectivity
        )
    return found.change(mask, label)


def _unevenness(array: NDArray[Any], voxel: NDArray[np.int64]) -> float:
    """The tolerance that a click's surroundings suggest; without any unevenness, the array's range."""
    around = tuple(slice(max(v - _REACH, 0), v + _REACH + 1) for v in voxel)
    found = _DEVIATIONS * float(np.median(np.abs(array[around].astype(np.float64) - float(array[tuple(voxel)]))))
    if found:
        return found
    low, high = range_of(array)
    return SHARE * (high - low)
