"""Paint and erase: every voxel whose centre lies within the brush of any point of the stroke.

The insight: a stroke is a line, not a row of stamps. A disc or ball that moves along the line from one recorded
position to the next covers the voxels within its radius of that *segment*, so however fast the hand moved there is no
gap, and however densely the positions were recorded the result is the same. Distances are in mm; on a coarse axis a
ball covers fewer slices, as it should.

Points are positions in voxels, `(n, ndim)` in array order, and may be fractions: the centre of the first voxel is 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.inputs import Spacing, at_least, label_array, one_of, spacing_mm
from septum.errors import ConfigError, GeometryError
from septum.interactive.tool import Box, Change, IsCancelled, stop_if

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
        points=points,
        radius_mm=radius_mm,
        brush=brush,
        axis=axis,
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )
    return set_label(array, box, mask, value)


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
    """Set the background along a stroke; `only` names the labels that are erased (None: all). Otherwise as `paint`."""
    array = label_array(labels)
    box, mask = brush_mask(
        array.shape,
        points=points,
        radius_mm=radius_mm,
        brush=brush,
        axis=axis,
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )
    if only is not None:
        mask &= is_one_of(array[box.slices], only)
    return set_label(array, box, mask, 0)


def brush_mask(
    shape: Sequence[int],
    *,
    points: ArrayLike,
    radius_mm: float,
    brush: str = "ball",
    axis: int = 0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> tuple[Box, NDArray[np.bool_]]:
    """The box that a stroke touches and which of its voxels it covers; arguments and errors as `paint`."""
    ndim = len(shape)
    step = np.array(spacing_mm(spacing, ndim))
    radius = at_least(radius_mm, 0, "radius_mm")
    line = positions_inside(points, shape)
    one_of(brush, BRUSHES, "brush")
    flat = ndim == 3 and brush == "disc"
    if flat:
        line = line.copy()
        line[:, axis] = slice_of(line, axis, shape)
    room = np.ceil(radius / step + 1).astype(int)
    if flat:
        room[axis] = 0
    box = clip(Box.around(np.floor(line + 0.5).astype(np.int64), shape, margin=room.tolist()), region)
    mask = np.zeros(box.shape, bool)
    for a, b in _pieces(line):
        stop_if(cancelled)
        ends = np.floor(np.stack([a, b]) + 0.5).astype(np.int64)
        part = clip(Box.around(ends, shape, margin=room.tolist()), box)
        if not all(part.shape):
            continue
        inner = tuple(slice(p - q, r - q) for p, q, r in zip(part.start, box.start, part.stop, strict=True))
        mask[inner] |= _near(part, a, b, step, radius)
    _draw_line(mask, line, box)
    return box, mask


def positions_inside(points: ArrayLike, shape: Sequence[int], *, name: str = "points") -> Positions:
    """`points` as positions `(n, ndim)`, n at least 1, each within a voxel of an image of `shape`.

    Raises:
        ConfigError: no point.
        GeometryError: another number of axes, not finite, or outside.
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
    """The voxel of each position, `(n, ndim)`; errors as `positions_inside`."""
    voxels = np.floor(positions_inside(points, shape) + 0.5).astype(np.int64)
    return np.asarray(np.minimum(voxels, np.asarray(shape) - 1), dtype=np.int64)


def slice_of(points: Positions, axis: int, shape: Sequence[int]) -> int:
    """The one slice across `axis` in which all positions lie.

    Raises:
        ConfigError: an impossible axis, or positions in several slices.
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


def set_label(labels: NDArray[Any], box: Box, mask: NDArray[np.bool_], label: int) -> Change:
    """The change that gives the voxels of `mask` (of `box`) this label, in a type that holds it."""
    before = labels[box.slices]
    if before.dtype == bool:
        before = before.view(np.uint8)
    kind = np.result_type(before.dtype, np.min_scalar_type(label))
    return Change(box, np.where(mask, np.array(label, kind), before).astype(kind, copy=False))


def label_value(label: int, *, low: int = 0) -> int:
    """`label`, when it is a whole number from `low` to 2^32 - 1; `ConfigError` otherwise."""
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and low <= label < 2**32:
        return int(label)
    raise ConfigError(f"label must be a whole number from {low} to {2**32 - 1}, got {label!r}")


def is_one_of(labels: NDArray[Any], values: Sequence[int]) -> NDArray[np.bool_]:
    """Which voxels carry one of these labels."""
    wanted = [int(v) for v in values]
    if any(v != w for v, w in zip(values, wanted, strict=True)):
        raise ConfigError(f"labels must be whole numbers, got {list(values)}; they have no fractions")
    if len(wanted) == 1:
        return np.asarray(labels == wanted[0])
    return np.isin(labels, wanted)


def clip(box: Box, region: Box | None) -> Box:
    """The part of `box` inside `region`; an empty box at its corner when there is none."""
    if region is None:
        return box
    if len(region.start) != len(box.start):
        raise GeometryError(f"region must have {len(box.start)} axes, got {region}; cut it from the same image")
    start = tuple(min(max(a, c), b) for a, b, c in zip(box.start, box.stop, region.start, strict=True))
    stop = tuple(max(min(b, d), a) for a, b, d in zip(start, box.stop, region.stop, strict=True))
    return Box(start, stop)


def _pieces(line: Positions) -> Iterator[tuple[Positions, Positions]]:
    """The segments of a line, long ones cut; a single point is a segment of no length."""
    if len(line) == 1:
        yield line[0], line[0]
    for a, b in itertools.pairwise(line):
        count = max(1, math.ceil(float(np.abs(b - a).max()) / _PIECE))
        corners = a + (b - a) * (np.arange(count + 1) / count)[:, None]
        yield from itertools.pairwise(corners)


def _near(box: Box, a: Positions, b: Positions, step: Positions, radius: float) -> NDArray[np.bool_]:
    """Voxels of `box` whose centre is within `radius` mm of the segment from `a` to `b`."""
    axes = [(np.arange(p, q) - o) * s for p, q, o, s in zip(box.start, box.stop, a, step, strict=True)]
    offset = list(np.meshgrid(*axes, indexing="ij", sparse=True))
    way = (b - a) * step
    length2 = float(way @ way)
    if length2 > 0:
        share = np.clip(sum(o * w for o, w in zip(offset, way, strict=True)) / length2, 0.0, 1.0)
        offset = [o - share * w for o, w in zip(offset, way, strict=True)]
    distance2 = sum(o * o for o in offset)
    return np.asarray(distance2 <= (radius + _TOLERANCE * float(step.min())) ** 2)


def _draw_line(mask: NDArray[np.bool_], line: Positions, box: Box) -> None:
    """Mark the voxels that the line runs through, connected at least through corners."""
    for a, b in itertools.pairwise(line) if len(line) > 1 else [(line[0], line[0])]:
        count = max(1, math.ceil(2 * float(np.abs(b - a).max())))
        places = a + (b - a) * (np.arange(count + 1) / count)[:, None]
        voxels = np.floor(places + 0.5).astype(np.int64) - np.asarray(box.start)
        # A position on the far face of the last voxel belongs to it.
        voxels = np.where(places + 0.5 == np.asarray(box.start) + np.asarray(box.shape), voxels - 1, voxels)
        inside = ((voxels >= 0) & (voxels < np.asarray(box.shape))).all(axis=1)
        mask[tuple(voxels[inside].T)] = True
