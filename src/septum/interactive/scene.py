"""What the semi-automated tools look at: an image and labels cut to the region of interest, checked at one door.

The insight: every tool asks the same of what it is given, so a tool that forgets to ask is a tool with its own errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Spacing, grey_image, label_array, spacing_mm
from septum.interactive.tool import UNMARKED, Box, Change, holding, points_inside


@dataclass(frozen=True)
class Scene:
    """Image and labels within `box`, both of `box.shape`; `shape` of the whole image; spacing in mm per axis."""

    image: NDArray[Any]
    labels: NDArray[Any]
    box: Box
    shape: tuple[int, ...]
    spacing: tuple[float, ...]

    def change(self, mask: NDArray[np.bool_], label: int) -> Change:
        """`label` where `mask` (of the box's shape) holds, in the smallest box around it; an empty box for none."""
        inner = Box.of(mask)
        if inner is None:
            return Change(Box(self.box.start, self.box.start), np.zeros((0,) * mask.ndim, self.labels.dtype))
        held = self.labels[inner.slices].astype(label_type(self.labels.dtype, label))
        held[mask[inner.slices]] = label
        return Change(shifted(inner, self.box), held)


def scene(image: ArrayLike, labels: ArrayLike, *, spacing: Spacing = None, region: Box | None = None) -> Scene:
    """Image and labels cut to the region, all of the image without one.

    Raises:
        GeometryError: several channels, labels of another shape, an impossible spacing, a region that is empty or
            reaches outside the image.
        DatasetError: values in the region that are not finite.

    >>> found = scene(np.zeros((4, 4)), np.zeros((4, 4), int), spacing=(2.0, 1.0), region=Box((1, 1), (3, 4)))
    >>> found.image.shape, found.spacing
    ((2, 3), (2.0, 1.0))
    """
    shape = np.shape(image)
    box = Box.whole(shape) if region is None else region
    inside = box.within(Box.whole(shape)) and 0 not in box.shape
    # only what the tool sees is looked at: checking a large volume takes longer than a stroke of a brush
    cut = box.slices if inside and shape == np.shape(labels) else ()
    array, drawn = grey_image(np.asarray(image)[cut]), label_array(np.asarray(labels)[cut])
    if not cut and array.shape != drawn.shape:
        raise GeometryError(f"labels must have the image's shape {shape}, got {drawn.shape}; put them on the same grid")
    step = spacing_mm(spacing, array.ndim)
    if not inside:
        raise GeometryError(
            f"region must hold voxels of the image of shape {shape}, got {box.start} to {box.stop}; "
            "draw it inside the image"
        )
    return Scene(array, drawn, box, shape, step)


def near(image: ArrayLike, points: ArrayLike, *, margin: Sequence[int | None], region: Box | None) -> Box | None:
    """The part of the region within `margin` voxels of the points, per axis (None: all of that axis).

    A tool that reaches no further need not look at the rest. Whatever is wrong with the points or the region, both are
    left for `scene` and `points_of` to complain about: the region comes back as it was given.

    >>> near(np.zeros((9, 9)), [[4, 4]], margin=(1, 2), region=None)
    Box(start=(3, 2), stop=(6, 7))
    """
    shape, given = np.shape(image), np.asarray(points)
    whole = Box.whole(shape) if region is None else region
    fits = given.size and given.dtype.kind in "iu" and np.atleast_2d(given).shape[-1] == len(shape) == len(margin)
    if not fits or not whole.within(Box.whole(shape)) or given.ndim > 2:
        return region
    voxels = np.atleast_2d(given)
    if ((voxels < whole.start) | (voxels >= whole.stop)).any():
        return region
    reach = [n if m is None else m for n, m in zip(shape, margin, strict=True)]
    low = np.maximum(voxels.min(axis=0) - reach, whole.start)
    high = np.minimum(voxels.max(axis=0) + 1 + reach, whole.stop)
    return Box(tuple(int(v) for v in low), tuple(int(v) for v in high))


def label_type(held: np.dtype[Any], label: int) -> np.dtype[Any]:
    """The type of the labels, or a wider one when `label` does not fit in it.

    >>> label_type(np.dtype("uint8"), 255), label_type(np.dtype("uint8"), 256)
    (dtype('uint8'), dtype('uint16'))
    """
    if label < 0:
        raise ConfigError(f"label must be 0 (background) or more, got {label}; choose another")
    return holding(np.dtype(np.uint8) if held.kind == "b" else held, label)


def shifted(inner: Box, outer: Box) -> Box:
    """A box given within `outer`, in the coordinates of the image.

    >>> shifted(Box((0, 1), (2, 3)), Box((5, 5), (9, 9)))
    Box(start=(5, 6), stop=(7, 8))
    """
    return Box(
        tuple(a + o for a, o in zip(inner.start, outer.start, strict=True)),
        tuple(b + o for b, o in zip(inner.stop, outer.start, strict=True)),
    )


def points_of(points: ArrayLike, found: Scene) -> NDArray[np.int64]:
    """Voxels `(n, ndim)`, n at least 1, in the region's coordinates.

    Raises:
        ConfigError: no point.
        GeometryError: a point outside the image or outside the region.

    >>> found = scene(np.zeros((4, 4)), np.zeros((4, 4), int), spacing=None, region=Box((1, 1), (4, 4)))
    >>> points_of([[2, 3]], found).tolist()
    [[1, 2]]
    """
    voxels = points_inside(points, found.shape)
    if not len(voxels):
        raise ConfigError("points must hold at least one voxel, got none; click inside the object")
    start, stop = np.array(found.box.start), np.array(found.box.stop)
    outside = ((voxels < start) | (voxels >= stop)).any(axis=1)
    if outside.any():
        raise GeometryError(
            f"points must lie inside the region {found.box.start} to {found.box.stop}, "
            f"got {voxels[outside][0].tolist()}; enlarge the region"
        )
    inner: NDArray[np.int64] = voxels - start
    return inner


def marks_of(seeds: ArrayLike, found: Scene, *, least: int = 2) -> NDArray[np.int32]:
    """The seeds within the region: `UNMARKED` (-1), 0 for the background, k for label k.

    Raises:
        GeometryError: seeds of another shape than the image, not integer, below -1.
        ConfigError: no seed in the region, or fewer than `least` different labels.

    >>> found = scene(np.zeros((1, 3)), np.zeros((1, 3), int), spacing=None, region=None)
    >>> marks_of([[1, -1, 0]], found).tolist()
    [[1, -1, 0]]
    """
    given = np.asarray(seeds)
    if given.shape != found.shape or given.dtype.kind not in "iu":
        raise GeometryError(
            f"seeds must be an integer array of the image's shape {found.shape}, got {given.dtype} of shape "
            f"{given.shape}; make it with `seeds_of`"
        )
    marks: NDArray[np.int32] = given[found.box.slices].astype(np.int32, copy=False)
    if int(marks.min()) < UNMARKED:
        raise GeometryError(f"seeds must be -1 (no mark), 0 (background) or a label, got {int(marks.min())}")
    present = np.unique(marks[marks != UNMARKED])
    if not len(present):
        raise ConfigError("seeds must mark at least one voxel of the region, got none; draw a stroke for each label")
    if len(present) < least:
        raise ConfigError(
            f"seeds must hold {least} labels or more, got only {present.tolist()}; "
            "draw a stroke of another label, or of the background (0)"
        )
    return marks


def known_axis(axis: int | None, ndim: int) -> int | None:
    """The axis that a slice is perpendicular to; None means the whole volume, and always holds for a picture.

    Raises:
        ConfigError: an axis that the image does not have.

    >>> known_axis(1, 3), known_axis(1, 2)
    (1, None)
    """
    if axis is None or ndim == 2:
        return None
    if not 0 <= axis < ndim:
        raise ConfigError(f"axis must be 0 to {ndim - 1}, got {axis}; 0 is the slowest")
    return int(axis)


def range_of(array: NDArray[Any]) -> tuple[float, float]:
    """Where nearly all values lie: the 0.5th and 99.5th percentile of at most about a million voxels.

    >>> range_of(np.arange(1001.0))
    (5.0, 995.0)
    """
    every = max(1, round((array.size / 1e6) ** (1 / array.ndim)))
    low, high = np.percentile(array[(slice(None, None, every),) * array.ndim], (0.5, 99.5))
    if high <= low:
        low, high = float(array.min()), float(array.max())
    return float(low), float(high)


def grey_levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Intensities as 256 levels between the ends of `range_of`; 0 everywhere for a constant image.

    >>> grey_levels(np.array([0.0, 1.0])).tolist(), grey_levels(np.array([3.0, 3.0])).tolist()
    ([0, 255], [0, 0])
    """
    low, high = range_of(array)
    scale = 255 / (high - low) if high > low else 0.0
    scaled = np.subtract(array, low, dtype=np.float32)
    scaled *= np.float32(scale)
    np.clip(scaled, 0, 255, out=scaled)
    scaled += np.float32(0.5)
    found: NDArray[np.uint8] = scaled.astype(np.uint8)
    return found
