"""Polygon, fill and scissors: what an outline that a person draws in one slice does to the labels.

The insight: whether a voxel's centre is inside is decided by the *even-odd* rule, row by row: a row enters and leaves
the polygon at each crossing with an edge. So a lasso that crosses itself leaves holes where it winds twice, and the
cost grows with the rows that the edges cross, not with area times corners. A centre that lies exactly on the outline
is inside.

Corners are positions in voxels, `(n, ndim)` in array order; in a volume they lie in one slice across `axis`, and they
may lie outside the image within its plane (the polygon is cut to the image).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import connected_parts
from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Spacing, label_array, spacing_mm
from septum.geometry.outline import inside_outline
from septum.interactive.edits.paint import (
    clip,
    is_one_of,
    label_value,
    nearest_voxels,
    set_label,
    slice_of,
)
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least, one_of

OPERATIONS = ("erase-inside", "erase-outside", "fill-inside", "fill-outside")


THROUGH = ("all", "range", "symmetric")


def polygon(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    label: int = 1,
    axis: int = 0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set `label` inside a polygon or lasso in one slice.

    Args:
        image: not looked at.
        labels: mask or label map, `(Y, X)` or `(Z, Y, X)`.
        points: corners `(n, ndim)`, n at least 3; the last is joined to the first.
        label: what to set; 0 erases.
        axis: the axis that the slice is perpendicular to (no matter in 2-D).
        spacing: not needed; every tool takes it.
        region: nothing outside it changes.
        cancelled: asked once.

    Raises:
        ConfigError: fewer than three corners, corners in several slices, an impossible label or axis.
        GeometryError: corners of another number of axes, not finite, or a slice outside the image.

    >>> square = [[1, 1], [1, 3], [3, 3], [3, 1]]
    >>> int(polygon(None, np.zeros((5, 5), np.uint8), points=square).labels.sum())
    9
    """
    stop_if(cancelled)
    array = label_array(labels)
    value = label_value(label)
    level, inside, plane = _outline(points, array.shape, axis=axis)
    box = inside if level is None else _in_volume(inside, axis, start=level, stop=level + 1)
    mask = plane if level is None else np.expand_dims(plane, axis)
    box, mask = _cut(box, mask, region=region)
    return set_label(array, box, mask=mask, label=value)


def fill(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    label: int = 1,
    axis: int | None = 0,
    closed: bool = True,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Fill a closed outline: the voxels of one value that hang together with the one under each point get `label`.

    Args:
        image: not looked at.
        labels: mask or label map that holds the outline.
        points: positions `(n, ndim)` in voxels, one in each outline.
        label: what to set.
        axis: fill within the slice across this axis; None fills through the volume.
        closed: raise when what would be filled reaches the border of the image (or of `region`): the outline has a gap.
        spacing: not needed.
        region: nothing outside it changes, and it bounds what hangs together.
        cancelled: asked before each point.

    Voxels hang together through faces, so an outline may be connected through corners. Raises `ConfigError` for an
    open outline, and otherwise as `polygon`.

    >>> ring = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    >>> fill(None, ring, points=[[1, 1]], label=2).labels.tolist()
    [[2]]
    """
    array = label_array(labels)
    value = label_value(label)
    places = nearest_voxels(points, array.shape)
    if axis is not None and axis not in range(array.ndim):
        raise ConfigError(f"axis must be from 0 to {array.ndim - 1}, got {axis}; 0 is the slowest")
    whole = clip(Box.whole(array.shape), region)
    result: Change | None = None
    for place in places:
        stop_if(cancelled)
        window = whole
        if axis is not None and array.ndim == 3:
            window = clip(
                _in_volume(
                    Box.whole(_plane(array.shape, axis)), axis, start=int(place[axis]), stop=int(place[axis]) + 1
                ),
                whole,
            )
        found = _flooded(array, place, window=window, closed=closed, axis=axis if array.ndim == 3 else None)
        if found is not None:
            change = set_label(array, found[0], mask=found[1], label=value)
            result = change if result is None else _joined(array, result, other=change, label=value)
    return result if result is not None else nothing(array)


def scissors(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    operation: str = "erase-inside",
    label: int = 1,
    only: Sequence[int] | None = None,
    axis: int = 0,
    through: str = "all",
    first: int | None = None,
    last: int | None = None,
    depth_mm: float | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Cut with a polygon that is pushed through the volume along `axis`.

    Args:
        image: not looked at.
        labels: mask or label map.
        points: corners as of `polygon`.
        operation: "erase-inside", "erase-outside", "fill-inside" or "fill-outside" of the polygon.
        label: what the filling operations set.
        only: the labels that the erasing operations erase; None: all.
        axis: direction of the cut (no matter in 2-D).
        through: "all" slices; the "range" of slices from `first` to `last`, both included; or "symmetric": the slices
            whose centre is within half of `depth_mm` of the slice of the polygon.
        first, last: of a range; None is the first or last slice of the image.
        depth_mm: of a symmetric cut.
        spacing: mm per axis.
        region: nothing outside it changes.
        cancelled: asked once.

    Slices that the cut does not reach stay as they are, also outside of the polygon. Errors as `polygon`, and
    `ConfigError` for an unknown word, a range that is empty or outside the image, or a depth that is missing.

    >>> full = np.ones((4, 4), int)
    >>> half = [[-1, -1], [-1, 1.5], [5, 1.5], [5, -1]]  # the two columns on the left
    >>> scissors(None, full, points=half).applied_to(full)[0].tolist()
    [0, 0, 1, 1]
    """
    stop_if(cancelled)
    array = label_array(labels)
    one_of(operation, OPERATIONS, name="operation")
    value = label_value(label, low=1) if operation.startswith("fill") else 0
    level, inside, plane = _outline(points, array.shape, axis=axis)
    reach = None
    if level is not None:
        reach = _slices(
            array.shape[axis],
            level,
            step=spacing_mm(spacing, array.ndim)[axis],
            through=through,
            first=first,
            last=last,
            depth_mm=depth_mm,
        )
    if operation.endswith("outside"):
        outer = np.ones(array.shape if level is None else _plane(array.shape, axis), bool)
        outer[inside.slices] = ~plane
        inside, plane = Box.whole(outer.shape), outer
    box = inside if reach is None else _in_volume(inside, axis, start=reach[0], stop=reach[1])
    mask = plane if reach is None else np.expand_dims(plane, axis)
    box, mask = _cut(box, np.broadcast_to(mask, box.shape), region=region)
    if value == 0 and only is not None:
        mask = mask & is_one_of(array[box.slices], only)
    return set_label(array, box, mask=mask, label=value)


def inside_polygon(corners: ArrayLike, shape: Sequence[int]) -> tuple[Box, NDArray[np.bool_]]:
    """The box of a polygon in an image plane of `shape` `(rows, columns)`, and which of its pixels are inside.

    As `geometry.outline.inside_outline`.

    >>> box, mask = inside_polygon([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]], (5, 5))
    >>> box, int(mask.sum())
    (Box(start=(1, 1), stop=(3, 3)), 4)
    """
    low, mask = inside_outline(corners, shape)
    return Box(low, (low[0] + mask.shape[0], low[1] + mask.shape[1])), mask


def _outline(points: ArrayLike, shape: tuple[int, ...], *, axis: int) -> tuple[int | None, Box, NDArray[np.bool_]]:
    """The slice of a polygon (None in 2-D), its box within the plane, and the mask there."""
    given = np.asarray(points)
    if given.ndim != 2 or given.shape[1] != len(shape) or given.dtype.kind not in "iuf":
        raise GeometryError(f"points must be corners in voxels of shape (n, {len(shape)}), got shape {given.shape}")
    if len(given) < 3:
        raise ConfigError(f"a polygon must have at least three corners, got {len(given)}; add points")
    if not np.isfinite(given).all():
        raise GeometryError("points must be finite, got NaN or infinity; correct them")
    place = given.astype(np.float64)
    if len(shape) == 2:
        return None, *inside_polygon(place, shape)
    level = slice_of(place, axis, shape=shape)
    outside = place[:, axis][(place[:, axis] < -0.5) | (place[:, axis] > shape[axis] - 0.5)]
    if len(outside):
        raise GeometryError(
            f"points must lie in a slice of the image, 0 to {shape[axis] - 1} along axis {axis}, got {outside[0]:g}"
        )
    return level, *inside_polygon(np.delete(place, axis, axis=1), _plane(shape, axis))


def _slices(
    count: int, level: int, *, step: float, through: str, first: int | None, last: int | None, depth_mm: float | None
) -> tuple[int, int]:
    """The slices of a cut, `stop` excluded."""
    one_of(through, THROUGH, name="through")
    if through == "all":
        return 0, count
    if through == "symmetric":
        if depth_mm is None:
            raise ConfigError("a symmetric cut must have a depth, got none; give depth_mm")
        reach = int(at_least(depth_mm, 0, name="depth_mm") / 2 / step + 1e-6)
        return max(level - reach, 0), min(level + reach + 1, count)
    start, stop = 0 if first is None else first, count - 1 if last is None else last
    if not 0 <= start <= stop < count:
        raise ConfigError(f"first and last must be slices from 0 to {count - 1} in order, got {start} and {stop}")
    return start, stop + 1


def _flooded(
    labels: NDArray[np.integer], place: NDArray[np.int64], *, window: Box, closed: bool, axis: int | None
) -> tuple[Box, NDArray[np.bool_]] | None:
    """What hangs together with one voxel inside the window; None when the voxel lies outside of it."""
    inner = place - np.asarray(window.start)
    if not all(0 <= i < n for i, n in zip(inner, window.shape, strict=True)):
        return None
    part = labels[window.slices]
    same = part == part[tuple(inner)]
    flat = same if axis is None else np.squeeze(same, axis)
    at = tuple(inner) if axis is None else tuple(np.delete(inner, axis))
    numbers, _ = connected_parts(np.ascontiguousarray(flat))
    mask = np.asarray(numbers == numbers[at])
    if closed and any(np.take(mask, end, axis=a).any() for a in range(mask.ndim) for end in (0, -1)):
        raise ConfigError(
            f"the outline around {place.tolist()} must be closed, got one that reaches the border; close its gap, "
            "or fill it with closed = false"
        )
    tight = Box.of(mask) or Box.whole(mask.shape)  # never empty: the voxel under the point is in it
    cut = mask[tight.slices]
    if axis is not None:
        tight, cut = _in_volume(tight, axis, start=0, stop=1), np.expand_dims(cut, axis)
    start = tuple(a + b for a, b in zip(window.start, tight.start, strict=True))
    return Box(start, tuple(a + n for a, n in zip(start, tight.shape, strict=True))), cut


def _joined(labels: NDArray[np.integer], one: Change, *, other: Change, label: int) -> Change:
    """Two changes of the same labels as one."""
    box = one.box.union(other.box)
    mask = np.zeros(box.shape, bool)
    for change in (one, other):
        inner = tuple(
            slice(a - b, a - b + n) for a, b, n in zip(change.box.start, box.start, change.box.shape, strict=True)
        )
        mask[inner] |= (change.labels == label) & (labels[change.box.slices] != label)
    return set_label(labels, box, mask=mask, label=label)


def nothing(labels: NDArray[np.integer] | NDArray[np.bool_]) -> Change:
    """The change that changes nothing: an empty box.

    >>> nothing(np.zeros((3, 3), int)).labels.size
    0
    """
    box = Box((0,) * labels.ndim, (0,) * labels.ndim)
    return Change(box, np.zeros(box.shape, np.uint8 if labels.dtype == bool else labels.dtype))


def _cut(box: Box, mask: NDArray[np.bool_], *, region: Box | None) -> tuple[Box, NDArray[np.bool_]]:
    """Box and mask cut to the region."""
    part = clip(box, region)
    inner = tuple(slice(p - q, r - q) for p, q, r in zip(part.start, box.start, part.stop, strict=True))
    return part, mask[inner]


def _plane(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return tuple(int(n) for i, n in enumerate(shape) if i != axis)


def _in_volume(box: Box, axis: int, *, start: int, stop: int) -> Box:
    """A box of a plane as a box of the volume, from slice `start` to before `stop`."""
    return Box(
        (*box.start[:axis], start, *box.start[axis:]),
        (*box.stop[:axis], stop, *box.stop[axis:]),
    )
