"""What scribbles say about intensities: for every grey level, how probable each label is.

The insight: a scribble is a sample of its object. A smoothed histogram of the levels under it, with a little of every
level so that what was never marked is not impossible, is the whole model that cuts and geodesics need.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BANDWIDTH = 6.0  # levels, of 256


_EVERYWHERE = 0.02  # share of each histogram that is spread over all levels


def level_likelihoods(
    grey: NDArray[np.uint8], marks: NDArray[np.int32], *, values: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Likelihood of each of 256 levels under each label, `(len(values), 256)`, each row of sum 1.

    >>> grey, marks = np.array([[0, 0, 255]], np.uint8), np.array([[1, -1, 0]])
    >>> (level_likelihoods(grey, marks, values=np.array([0, 1]))[:, 0] > 0.01).tolist()
    [False, True]
    """
    from scipy import ndimage

    rows = []
    for value in values:
        counts = np.bincount(grey[marks == value], minlength=256).astype(np.float64)
        smooth = ndimage.gaussian_filter1d(counts, _BANDWIDTH, mode="nearest")
        rows.append((1 - _EVERYWHERE) * smooth / smooth.sum() + _EVERYWHERE / 256)
    return np.array(rows)
