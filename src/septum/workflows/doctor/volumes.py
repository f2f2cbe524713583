"""What must still be true after a repair of labels: every class is there, about as large as it was.

One insight: a repair that is right moves the edges of a structure; one that takes a class for an artefact, or an
artefact for a class, changes volumes by far more than edges hold. So volumes are compared after each repair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import DatasetError

MOST_CHANGE = 0.5
"""Share of its volume by which a class may change. Hippocampi in two parts that were turned or scaled with linear
interpolation and mended again gained 16 to 48 % of the voxels that were still whole numbers, and came within 16 % of
their true volume; moved by half a voxel, which blurs every edge, they gained 40 to 72 % and were wrong by up to a
third."""

OFF_EDGE = 0.25
"""Share of the range of values by which a sample away from every edge may change: JPEG's ringing is weaker."""

MOST_OFF_EDGE = 0.01
"""Share of the marked samples that may change more than that away from every edge."""


def volumes_of(array: NDArray[Any], sample: float = 1.0) -> dict[int, float]:
    """Volume of each value but 0 of an integer array: its samples times the volume of a `sample`."""
    values, counts = np.unique(array, return_counts=True)
    return {int(v): float(n) * sample for v, n in zip(values, counts, strict=True) if v != 0}


def blended_volumes(array: NDArray[Any], mended: NDArray[Any]) -> dict[int, float]:
    """Volume of each value but 0 of `mended` in samples, where a sample of `array` that lies between the values around
    it counts for both, by how near it is to each: what an antialiased mask says the volume is.

    >>> blended_volumes(np.array([0, 0, 50, 200, 200]), np.array([0, 0, 0, 200, 200]))
    {200: 2.25}
    """
    low, high = ndimage.minimum_filter(mended, size=3), ndimage.maximum_filter(mended, size=3)
    share = np.clip((array - low.astype(float)) / np.maximum(high - low.astype(float), 1), 0, 1)
    found: dict[int, float] = {}
    for value in (int(v) for v in np.unique(mended) if v != 0):
        whole = (low == high) & (mended == value)
        upper, lower = share[(high == value) & (low < high)].sum(), (1 - share[(low == value) & (low < high)]).sum()
        found[value] = float(whole.sum() + upper + lower)
    return found


def check_edges(array: NDArray[Any], mended: NDArray[Any]) -> None:
    """Nothing, when a repair of in-between values changed samples at edges, or changed them little.

    Raises:
        DatasetError: samples that changed far from every edge of `mended`: what was taken for an edge is a structure.
    """
    flat = ndimage.minimum_filter(mended, size=3) == ndimage.maximum_filter(mended, size=3)
    change = np.abs(array.astype(float) - mended)
    off = int((flat & (change > OFF_EDGE * (float(mended.max()) - float(mended.min())))).sum())
    if off > MOST_OFF_EDGE * int((mended != 0).sum()):
        raise DatasetError(
            f"a repair must change edges only, but {off} samples away from every edge would change: in-between values "
            "and classes cannot be told apart; save the masks without antialiasing or compression, as PNG"
        )


def check_volumes(before: Mapping[int, float], after: Mapping[int, float], *, unit: str = "samples") -> None:
    """Nothing, when every class of `before` is still there and no volume changed by more than `MOST_CHANGE`.

    Args:
        before, after: volume by label value, without the background.
        unit: of the volumes, for the message.

    Raises:
        DatasetError: a class that vanished, or one that changed too much.

    >>> check_volumes({1: 100.0}, {1: 120.0})
    """
    for value, volume in before.items():
        mended = after.get(value, 0.0)
        if mended == 0:
            raise DatasetError(
                f"a repair must keep every class, but label {value} ({volume:.6g} {unit}) would vanish; "
                "draw or export the labels again"
            )
        if abs(mended - volume) > MOST_CHANGE * volume:
            raise DatasetError(
                f"a repair must change no volume by more than {MOST_CHANGE:.0%}, but label {value} would have "
                f"{mended:.6g} {unit} after {volume:.6g}; draw or export the labels again"
            )
