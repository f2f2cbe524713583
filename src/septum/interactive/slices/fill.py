"""Interpolation between slices as a tool among the others: image and labels in, one change out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Spacing
from septum.interactive.scene import scene
from septum.interactive.slices.interpolate import interpolate
from septum.interactive.tool import Box, Change, IsCancelled
from septum.options import at_least


def fill_between_slices(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    method: str = "distance",
    axis: int | None = None,
    slices: Sequence[float] | None = None,
    ends: str = "taper",
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Fill the slices between drawn ones, all labels at once.

    Args:
        image: `(Z, Y, X)`, finite; only the method `image` looks at it.
        labels: sparse label map of the image's shape.
        method, ends: as `septum.interactive.slices.interpolate.interpolate`.
        axis: across which slices were drawn; None finds it (0 where `slices` are given).
        slices: the drawn ones, whole numbers of the whole volume; None takes those that hold a label.
        spacing: mm per axis.
        region: box of interest; slices outside do not count.
        cancelled: asked before each slab.

    Raises:
        GeometryError, ConfigError, Cancelled: as `interpolate`; drawn slices that are no whole numbers.

    >>> sparse = np.zeros((3, 2, 2), np.uint8); sparse[[0, 2]] = 4
    >>> fill_between_slices(np.zeros((3, 2, 2)), sparse, axis=0).labels[1].tolist()
    [[4, 4], [4, 4]]
    """
    found = scene(image, labels, spacing=spacing, region=region)
    drawn: dict[int, list[int]] | None = None
    if axis is not None or slices is not None:
        across = 0 if axis is None else int(at_least(axis, 0, name="axis"))
        drawn = {across: _drawn(found.labels, across, slices=slices, start=found.box.start)}
    filled = interpolate(
        found.labels,
        drawn=drawn,
        method=method,
        image=found.image if method == "image" else None,
        spacing=found.spacing,
        ends=ends,
        cancelled=cancelled,
    )
    return Change(found.box, filled)


def _drawn(labels: NDArray[Any], axis: int, *, slices: Sequence[float] | None, start: Sequence[int]) -> list[int]:
    """Drawn slices counted from the start of the region."""
    if labels.ndim != 3 or axis > 2:
        raise ConfigError(f"axis must be 0, 1 or 2 of a volume, got {axis} of {labels.ndim} axes; give a volume")
    if slices is None:
        others = tuple(a for a in range(3) if a != axis)
        return [int(i) for i in np.flatnonzero((labels > 0).any(axis=others))]
    if any(float(index) != int(index) for index in slices):
        raise ConfigError(f"slices must be whole numbers, got {list(slices)}; count them from 0")
    return [int(index) - start[axis] for index in slices]
