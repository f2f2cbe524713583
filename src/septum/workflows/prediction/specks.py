"""Specks: pieces of a mask that are far smaller than anything a person drew.

The insight: where every structure of the training images covers a fiftieth of the picture, a piece of a thousandth is
glare, not a structure. A class is never lost by it: of one that consists of specks alone, the largest stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.classical.cleanup import keep_largest, remove_small

SAID = (
    "pieces far smaller than any structure drawn in training were left out of the mask as specks; `specks` in the "
    "model's plan.json holds the limits, and an empty list keeps all"
)


def without_specks(classes: NDArray[Any], shares: Sequence[float]) -> tuple[NDArray[Any], int]:
    """A map of classes `(y, x)` without pieces smaller than their class's share of it, and the voxels left out.

    Args:
        classes: 0 is background; not changed.
        shares: by class; 0 keeps every piece. Classes without one keep theirs.

    >>> found, voxels = without_specks(np.array([[1, 1, 0, 1, 0, 2]]), [0, 0.3, 0.3])
    >>> found.tolist(), voxels
    ([[1, 1, 0, 0, 0, 2]], 1)
    """
    found = classes.copy()
    for index, share in enumerate(shares):
        mask = classes == index
        if index == 0 or share <= 0 or not mask.any():
            continue
        kept = remove_small(mask, minimum_size=share * classes.size)
        found[mask & ~(kept if kept.any() else keep_largest(mask))] = 0
    return found, int(np.count_nonzero(found != classes))
