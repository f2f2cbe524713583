"""What the perceptron's lesson learns from: four features of each pixel, and three scribbles on a brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

STROKE = 60
"""Longest stroke in pixels."""


def pixel_features(image: ArrayLike) -> NDArray[np.float64]:
    """Intensity, intensity blurred by 1 and by 3 pixels, strength of the edge: (pixels, 4), mean 0 and deviation 1."""
    array = np.asarray(image, dtype=np.float64)
    maps = [array, *(ndimage.gaussian_filter(array, sigma) for sigma in (1.0, 3.0))]
    maps.append(ndimage.gaussian_gradient_magnitude(array, 1.0))
    rows = np.stack([each.ravel() for each in maps], axis=1)
    return np.asarray((rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9))


def brain_scribbles(image: ArrayLike, tissue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scribbles like a person's who knows the tissue: in each, the pixels of one row that lie in it.

    0 is unmarked, 1 other than brain, 2 grey matter, 3 white matter.
    """
    marked = np.zeros(np.shape(image), np.uint8)
    for value in range(3):
        rows = (tissue == value).sum(axis=1)
        middle = len(rows) // 2
        row = middle - 20 + int(np.argmax(rows[middle - 20 : middle + 20])) if value else middle + 5
        columns = np.flatnonzero(tissue[row] == value)
        kept = columns[:: max(1, len(columns) // STROKE)]
        marked[row, kept] = value + 1
    return marked
