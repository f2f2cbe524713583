"""Paint and erase: every voxel whose centre lies within the brush of any point of the stroke.

The insight: a stroke is a line, not a row of stamps. A disc or ball that moves along the line from one recorded
position to the next covers the voxels within its radius of that *segment*, so however fast the hand moved there is no
gap, and however densely the positions were recorded the result is the same. Distances are in mm; on a coarse axis a
ball covers fewer slices, as it should.

Points are positions in voxels, `(n, ndim)` in array order, and may be fractions: the centre of the first voxel is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Spacing, label_array, spacing_mm
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least, one_of

BRUSHES = ("ball", "disc")


_TOLERANCE = 1e-4  # of the finest voxel: a centre at the radius, up to rounding, is within it


_PIECE = 32.0  # voxels: longer segments are cut, so that the box around each stays small


Positions = NDArray[np.float64]


def paint(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    radius_mm: float = 2.0,
    label: int = 1,
    brush: str = "ball",
    axis: int = 0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set `label` along a stroke.

    Args:
        image: not looked at; every tool takes it.
        labels: mask or label map, `(Y, X)` or `(Z, Y, X)`.
        points: the stroke's corners `(n, ndim)` in voxels; one point is a single dab.
        radius_mm: of the brush. The voxels that the line itself runs through are painted however small it is.
        label: what to paint; 0 erases.
        brush: "ball", or "disc": only the slice in which the points lie.
        axis: the axis that the disc's slice is perpendicular to (no matter in 2-D).
        spacing: mm per axis.
        region: nothing outside it changes.
        cancelled: asked between the segments.

    Raises:
        ConfigError: no point, a negative label or radius, an unknown brush, a disc's points in several slices.
        GeometryError: a point outside the image.

    >>> paint(None, np.zeros((3, 7), np.uint8), points=[[1, 1], [1, 5]], radius_mm=0).applied_to(np.zeros((3, 7), int))
    array([[0, 0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0, 0]])
    """
    array = label_array(labels)
    value = label_value(label)
    box, mask = brush_mask(
        array.shape,
        points,
        brush=Brush(radius_mm, brush, axis),
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )
    return set_label(array, box, mask=mask, label=value)


def erase(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    radius_mm: float = 2.0,
    only: Sequence[int] | None = None,
    brush: str = "ball",
    axis: int = 0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set the background along a stroke; `only` names the labels that are erased (None: all). Otherwise as `paint`.

    >>> erase(None, [[1, 1, 1, 2]], points=[[0, 1]], radius_mm=1, only=[1]).labels.tolist()
    [[0, 0, 0, 2]]
    """
    array = label_array(labels)
    box, mask = brush_mask(
        array.shape,
        points,
        brush=Brush(radius_mm, brush, axis),
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )
    if only is not None:
        mask &= is_one_of(array[box.slices], only)
    return set_label(array, box, mask=mask, label=0)


@dataclass(frozen=True)
class Brush:
    """What a stroke is drawn with: its radius in mm, its shape (one of `BRUSHES`), the axis that a disc stands on."""

    radius_mm: float
    shape: str = "ball"
    axis: int = 0


def brush_mask(
    shape: Sequence[int],
    points: ArrayLike,
    *,
    brush: Brush,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> tuple[Box, NDArray[np.bool_]]:
    """The box that a stroke touches and which of its voxels it covers; arguments and errors as `paint`.

    >>> box, mask = brush_mask((1, 7), [[0, 3]], brush=Brush(1))
    >>> box, mask.tolist()
    (Box(start=(0, 1), stop=(1, 6)), [[False, True, True, True, False]])
    """
    ndim = len(shape)
    step = np.array(spacing_mm(spacing, ndim))
    radius, axis = at_least(brush.radius_mm, 0, name="radius_mm"), brush.axis
    line = positions_inside(points, shape)
    one_of(brush.shape, BRUSHES, name="brush")
    flat = ndim == 3 and brush.shape == "disc"
    if flat:
        line = line.copy()
        line[:, axis] = slice_of(line, axis, shape=shape)
    room = np.ceil(radius / step + 1).astype(int)
    if flat:
        room[axis] = 0
    box = clip(Box.around(np.floor(line + 0.5).astype(np.int64), shape, margin=room.tolist()), region)
    mask = np.zeros(box.shape, bool)
    if mask.size:
        _sweep(mask, line - box.start, step=step, radius=radius, room=room, cancelled=cancelled)
        _draw_line(mask, line - box.start)
    return box, mask


def positions_inside(points: ArrayLike, shape: Sequence[int], *, name: str = "points") -> Positions:
    """`points` as positions `(n, ndim)`, n at least 1, each within a voxel of an image of `shape`.

    Raises:
        ConfigError: no point.
        GeometryError: another number of axes, not finite, or outside.

    >>> positions_inside([[0, 2.5]], (4, 4)).tolist()
    [[0.0, 2.5]]
    """
    given = np.asarray(points)
    if not given.size:
        raise ConfigError(f"{name} must hold at least one position, got none; give one inside the image")
    found = np.atleast_2d(given)
    if found.ndim != 2 or found.shape[1] != len(shape) or found.dtype.kind not in "iuf":
        raise GeometryError(
            f"{name} must be positions in voxels of shape (n, {len(shape)}), got {given.dtype} of shape {given.shape}"
        )
    place = found.astype(np.float64)
    limit = np.asarray(shape) - 0.5
    wrong = ~((place >= -0.5) & (place <= limit)).all(axis=1)
    if wrong.any():
        raise GeometryError(
            f"{name} must lie inside the image of shape {tuple(shape)}, got {place[wrong][0].tolist()}; "
            "give voxel coordinates in array order, slowest axis first"
        )
    return place


def nearest_voxels(points: ArrayLike, shape: Sequence[int]) -> NDArray[np.int64]:
    """The voxel of each position, `(n, ndim)`; errors as `positions_inside`.

    >>> nearest_voxels([[0.2, 2.8]], (4, 4)).tolist()
    [[0, 3]]
    """
    voxels = np.floor(positions_inside(points, shape) + 0.5).astype(np.int64)
    return np.asarray(np.minimum(voxels, np.asarray(shape) - 1), dtype=np.int64)


def slice_of(points: Positions, axis: int, *, shape: Sequence[int]) -> int:
    """The one slice across `axis` in which all positions lie.

    Raises:
        ConfigError: an impossible axis, or positions in several slices.

    >>> slice_of(np.array([[3.0, 1.0, 1.0], [3.0, 2.0, 5.0]]), 0, shape=(5, 8, 8))
    3
    """
    if axis not in range(len(shape)):
        raise ConfigError(f"axis must be from 0 to {len(shape) - 1}, got {axis}; 0 is the slowest")
    found = np.unique(np.clip(np.floor(points[:, axis] + 0.5), 0, shape[axis] - 1).astype(np.int64))
    if len(found) != 1:
        raise ConfigError(
            f"points must lie in one slice across axis {axis}, got the slices {found[:5].tolist()}; "
            "choose another axis, or a ball"
        )
    return int(found[0])


def set_label(labels: NDArray[Any], box: Box, *, mask: NDArray[np.bool_], label: int) -> Change:
    """The change that gives the voxels of `mask` (of `box`) this label, in a type that holds it.

    >>> labels, box = np.array([[0, 7, 0]], np.uint8), Box((0, 0), (1, 2))
    >>> set_label(labels, box, mask=np.array([[True, False]]), label=3).labels.tolist()
    [[3, 7]]
    """
    before = labels[box.slices]
    if before.dtype == bool:
        before = before.view(np.uint8)
    kind = np.result_type(before.dtype, np.min_scalar_type(label))
    return Change(box, np.where(mask, np.array(label, kind), before).astype(kind, copy=False))


def label_value(label: int, *, low: int = 0) -> int:
    """`label`, when it is a whole number from `low` to 2^32 - 1; `ConfigError` otherwise.

    >>> label_value(3)
    3
    """
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and low <= label < 2**32:
        return int(label)
    raise ConfigError(f"label must be a whole number from {low} to {2**32 - 1}, got {label!r}")


def is_one_of(labels: NDArray[Any], values: Sequence[int]) -> NDArray[np.bool_]:
    """Which voxels carry one of these labels.

    >>> is_one_of(np.array([0, 1, 2, 5]), [1, 5]).tolist()
    [False, True, False, True]
    """
    wanted = [int(v) for v in values]
    if any(v != w for v, w in zip(values, wanted, strict=True)):
        raise ConfigError(f"labels must be whole numbers, got {list(values)}; they have no fractions")
    if len(wanted) == 1:
        return np.asarray(labels == wanted[0])
    return np.isin(labels, wanted)


def clip(box: Box, region: Box | None) -> Box:
    """The part of `box` inside `region`; an empty box at its corner when there is none.

    >>> clip(Box((0, 0), (4, 4)), Box((2, 1), (9, 3)))
    Box(start=(2, 1), stop=(4, 3))
    """
    if region is None:
        return box
    if len(region.start) != len(box.start):
        raise GeometryError(f"region must have {len(box.start)} axes, got {region}; cut it from the same image")
    start = tuple(min(max(a, c), b) for a, b, c in zip(box.start, box.stop, region.start, strict=True))
    stop = tuple(max(min(b, d), a) for a, b, d in zip(start, box.stop, region.stop, strict=True))
    return Box(start, stop)


def _sweep(
    mask: NDArray[np.bool_],
    line: Positions,
    *,
    step: Positions,
    radius: float,
    room: NDArray[np.int64],
    cancelled: IsCancelled | None,
) -> None:
    """Mark the voxels whose centre is within `radius` mm of a line, segment by segment, each in its own box."""
    starts, stops = _pieces(line)
    shape = np.array(mask.shape)
    low = np.clip(np.floor(np.minimum(starts, stops) + 0.5).astype(np.int64) - room, 0, shape).tolist()
    high = np.clip(np.floor(np.maximum(starts, stops) + 0.5).astype(np.int64) + room + 1, 0, shape).tolist()
    axes = [
        (np.arange(n) * s).reshape([-1 if i == axis else 1 for i in range(mask.ndim)])
        for axis, (n, s) in enumerate(zip(mask.shape, step, strict=True))
    ]
    limit = (radius + _TOLERANCE * float(step.min())) ** 2
    origins, ways = (starts * step).tolist(), ((stops - starts) * step).tolist()
    for first, last, origin, way in zip(low, high, origins, ways, strict=True):
        stop_if(cancelled)
        box = tuple(slice(p, q) for p, q in zip(first, last, strict=True))
        offset = [
            axes[i][(slice(None),) * i + (part,)] - origin[i] for i, part in enumerate(box)
        ]  # open mesh: one axis each
        length2 = sum(w * w for w in way)
        if length2 > 0:
            along = sum((o * (w / length2) for o, w in zip(offset, way, strict=True) if w), np.float64(0))
            share = np.clip(along, 0.0, 1.0)
            offset = [o - share * w if w else o for o, w in zip(offset, way, strict=True)]
        mask[box] |= sum(o * o for o in offset) <= limit


def _pieces(line: Positions) -> tuple[Positions, Positions]:
    """Starts and stops of the segments of a line, long ones cut; a single point is a segment of no length."""
    if len(line) == 1:
        return line, line
    starts, ways = line[:-1], np.diff(line, axis=0)
    parts = np.maximum(np.ceil(np.abs(ways).max(axis=1) / _PIECE), 1).astype(np.int64)
    index, number = _counted(parts)
    first = starts[index] + ways[index] * (number / parts[index])[:, None]
    last = starts[index] + ways[index] * ((number + 1) / parts[index])[:, None]
    return first, last


def _draw_line(mask: NDArray[np.bool_], line: Positions) -> None:
    """Mark the voxels that the line runs through, connected at least through corners."""
    starts, stops = (line, line) if len(line) == 1 else (line[:-1], line[1:])
    ways = stops - starts
    samples = np.ceil(2 * np.abs(ways).max(axis=1)).astype(np.int64) + 1
    index, number = _counted(samples)
    places = starts[index] + ways[index] * (number / np.maximum(samples[index] - 1, 1))[:, None]
    places = np.concatenate([places, line[-1:]])
    voxels = np.floor(places + 0.5).astype(np.int64)
    # A position on the far face of the last voxel belongs to it.
    voxels = np.where(places + 0.5 == mask.shape, voxels - 1, voxels)
    inside = ((voxels >= 0) & (voxels < mask.shape)).all(axis=1)
    mask[tuple(voxels[inside].T)] = True


def _counted(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For `counts[i]` things of each i: which i each belongs to, and its number among those."""
    index = np.repeat(np.arange(len(counts)), counts)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
