"""The landscape that fronts and floods move in: slopes of an image, and the summits and pits that count.

The insight: smoothing once and taking central differences needs three passes of the Gaussian in 3-D; one derivative of
Gaussian per axis needs nine, for the same answer up to a fraction of a voxel's smoothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical import filters
from septum.classical.adjacency import connected_parts
from septum.geometry.arrays import Spacing, grey_image, spacing_mm
from septum.options import at_least


def gradient_magnitude(
    image: ArrayLike, *, spacing: Spacing = None, sigma_mm: float | None = None
) -> NDArray[np.float32]:
    """Length of the gradient, in image units per mm, of the image smoothed by a Gaussian; float32.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, one channel, finite.
        spacing: mm per axis.
        sigma_mm: standard deviation of the Gaussian; 0 for none, without it the finest spacing.

    Central differences inside, one-sided at the border; an axis of one voxel has no slope. OpenCV smooths.

    Raises:
        GeometryError, ConfigError: several channels, impossible spacing, values not finite, negative sigma.

    >>> gradient_magnitude([[0.0, 3.0, 6.0]], spacing=(1, 2), sigma_mm=0).tolist()
    [[1.5, 1.5, 1.5]]
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    smooth = smoothed(array, spacing=step, sigma_mm=sigma_mm).astype(np.float32, copy=False)
    squared = np.zeros_like(smooth)
    for axis, s in enumerate(step):
        if smooth.shape[axis] > 1:
            slope = _differences(smooth, axis, step=s)
            slope *= slope
            squared += slope
    return np.sqrt(squared, out=squared)


def smoothed(array: NDArray[Any], *, spacing: Sequence[float], sigma_mm: float | None) -> NDArray[Any]:
    """The array smoothed by a Gaussian (float32, OpenCV); `sigma_mm` 0 leaves it as it is, None: the finest spacing.

    >>> spike = np.zeros((5, 5)); spike[2, 2] = 1.0
    >>> blurred = smoothed(spike, spacing=(1.0, 1.0), sigma_mm=1.0)
    >>> float(blurred[2, 2]) < 1.0, float(blurred[2, 1]) > 0.0
    (True, True)
    """
    sigma = min(spacing) if sigma_mm is None else at_least(sigma_mm, 0, name="sigma_mm")
    if sigma == 0:
        return array
    return filters.gaussian(array, [sigma / s for s in spacing], truncate=3.0)


def _differences(array: NDArray[np.float32], axis: int, *, step: float) -> NDArray[np.float32]:
    """Derivative along one axis: (next - previous) / 2 inside, one-sided at the ends."""
    slope = np.empty_like(array)
    view, out = np.moveaxis(array, axis, 0), np.moveaxis(slope, axis, 0)
    np.subtract(view[2:], view[:-2], out=out[1:-1])
    out[1:-1] *= 0.5 / step
    out[0], out[-1] = (view[1] - view[0]) / step, (view[-1] - view[-2]) / step
    return slope


def summits(image: NDArray[Any], *, depth: float) -> NDArray[np.uint32]:
    """Markers 1…n on the maxima that rise more than `depth` above the pass to a higher one (h-maxima), 0 elsewhere.

    Args:
        image: 2-D or 3-D, float32 or integer, finite.
        depth: h in the image's units, 0 for every regional maximum.

    A constant image has no pass and is one summit. SimpleITK (HMaxima), scikit-image (local_maxima) and `cc3d` run,
    all through faces, as the floods do.

    Source: Soille 2003, Morphological Image Analysis, section 6.3.

    >>> summits(np.array([[0, 5, 3, 9, 0]], np.float32), depth=1.0).tolist()
    [[0, 1, 0, 2, 0]]
    >>> summits(np.array([[0, 5, 3, 9, 0]], np.float32), depth=3.0).tolist()
    [[0, 0, 0, 1, 0]]
    """
    import SimpleITK
    from skimage.morphology import local_maxima

    if image.min() == image.max():
        return np.ones(image.shape, np.uint32)
    if depth > 0:
        image = SimpleITK.GetArrayFromImage(SimpleITK.HMaxima(SimpleITK.GetImageFromArray(image), float(depth)))
        if image.min() == image.max():
            return np.ones(image.shape, np.uint32)
    # Without axes of one voxel: scikit-image finds no maximum in a column of voxels.
    peaks = local_maxima(image.squeeze(), connectivity=1).reshape(image.shape)
    parts: NDArray[np.uint32] = connected_parts(peaks)[0].astype(np.uint32)
    return parts
