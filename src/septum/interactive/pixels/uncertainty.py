"""How unsure a classifier is, and where to ask a person next.

The insight: where the trees of a forest disagree they have not seen the like; a person who scribbles there teaches them
something new. Single voxels of an edge always look unsure, so the question is asked of a neighbourhood.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array, Spacing, spacing_mm
from septum.options import at_least, one_of

MEASURES = ("entropy", "margin")


def uncertainty(prob: Float32Array, *, kind: str = "entropy") -> Float32Array:
    """How unsure each voxel is, 0 (certain) to 1 (all labels equally probable), of probabilities `(K, *spatial)`.

    Args:
        prob: probabilities of K labels, 2 or more, with sum 1.
        kind: "entropy" of the probabilities over that of a guess, or "margin": 1 less the lead of the first label.

    Raises:
        ConfigError: another kind, or fewer than two labels.

    >>> uncertainty(np.array([[1.0, 0.5], [0.0, 0.5]], np.float32)).tolist()
    [0.0, 1.0]
    """
    one_of(kind, MEASURES, name="kind")
    if len(prob) < 2:
        raise ConfigError(f"prob must hold two labels or more, got {len(prob)}; there is nothing to be unsure of")
    if kind == "margin":
        first = np.partition(prob, (-2, -1), axis=0)
        return np.asarray(1 - (first[-1] - first[-2]), dtype=np.float32)
    safe = np.maximum(prob, np.float32(1e-12))
    found = (prob * np.log(safe)).sum(axis=0) / np.float32(-np.log(len(prob)))
    return np.asarray(np.clip(np.abs(found), 0, 1), dtype=np.float32)


def most_uncertain(
    unsure: Float32Array, *, spacing: Spacing = None, radius_mm: float = 0.0, without: NDArray[np.bool_] | None = None
) -> tuple[int, ...]:
    """Where to ask for a scribble: the voxel with the largest mean uncertainty within about `radius_mm` of it.

    Args:
        unsure: map of `uncertainty`.
        spacing: mm per axis.
        radius_mm: width of the Gaussian that takes the mean; 0 looks at single voxels.
        without: voxels that are not asked for, such as those marked already.

    Returns:
        Its index; the first in array order where several are equal.

    Raises:
        ConfigError: a negative radius, or nothing left to ask for.

    >>> most_uncertain(np.array([[0.1, 0.9, 0.2]]), without=np.array([[False, True, False]]))
    (0, 2)
    """
    from scipy import ndimage

    at_least(radius_mm, 0, name="radius_mm")
    step = spacing_mm(spacing, unsure.ndim)
    smooth = ndimage.gaussian_filter(unsure, [radius_mm / s for s in step]) if radius_mm else unsure.copy()
    if without is not None:
        if without.all():
            raise ConfigError("a voxel must be left that is not marked, got none; nothing is to be asked")
        smooth[without] = -np.inf
    return tuple(int(i) for i in np.unravel_index(int(smooth.argmax()), unsure.shape))
