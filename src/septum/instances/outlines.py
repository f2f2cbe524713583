"""Outlines of objects in a plane, as polygons along the edges between pixels' centres and their neighbours'.

The insight: an outline at the level of one half runs between pixels, so drawing the polygon again gives the object
back; corners are in pixels with (0, 0) the centre of the first, y before x.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from septum.errors import ConfigError

Ring = NDArray[np.float64]


def outlines(labels: NDArray[np.integer[Any]]) -> dict[int, list[Ring]]:
    """By id, the closed outer outlines `(n, 2)` of an object's pieces, the largest first; holes are left out.

    Raises:
        ConfigError: not a plane of integers.

    >>> rings = outlines(np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]]))
    >>> [len(ring) for ring in rings[5]]
    [5]
    """
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ConfigError(
            f"labels must be a plane of integers, got {labels.dtype} of shape {labels.shape}; give slices"
        )
    values, index = np.unique(labels, return_inverse=True)
    boxes = ndimage.find_objects(index.reshape(labels.shape) + 1)
    found: dict[int, list[Ring]] = {}
    for value, box in zip(values.tolist(), boxes, strict=True):
        if value == 0:
            continue
        corner = np.array([side.start for side in box]) - 1
        mask = np.pad(ndimage.binary_fill_holes(labels[box] == value), 1).astype(np.float64)
        rings = [ring + corner for ring in find_contours(mask, 0.5, fully_connected="high")]
        found[value] = sorted(rings, key=area, reverse=True)
    return found


def area(ring: Ring) -> float:
    """Area that a closed ring encloses, in pixels.

    >>> area(np.array([[0, 0], [0, 2], [2, 2], [2, 0], [0, 0.0]]))
    4.0
    """
    y, x = ring[:, 0], ring[:, 1]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)
