"""Specks: pieces of a mask that are far smaller than anything a person drew.

The insight: where every structure of the training images covers a fiftieth of the picture, a piece of a thousandth is
glare, not a structure. A class is never lost by it: of one that consists of specks alone, the largest stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from septum.classical.cleanup import keep_largest, remove_small


def without_specks(classes: NDArray[Any], shares: Sequence[float]) -> NDArray[Any]:
    """A map of classes `(y, x)` in which pieces smaller than their class's share of the image have become background.

    Args:
        classes: 0 is background; not changed.
        shares: by class; 0 keeps every piece. Classes without one keep theirs.

    >>> import numpy as np
    >>> without_specks(np.array([[1, 1, 0, 1, 0, 2]]), [0, 0.3, 0.3]).tolist()
    [[1, 1, 0, 0, 0, 2]]
    """
    found = classes.copy()
    for index, share in enumerate(shares):
        mask = classes == index
        if index == 0 or share <= 0 or not mask.any():
            continue
        kept = remove_small(mask, minimum_size=share * classes.size)
        found[mask & ~(kept if kept.any() else keep_largest(mask))] = 0
    return found
