"""Brushes that look at the image: paint what is like the voxel under the cursor, or what lies within limits.

The insight: a stroke touches little, so only the box of one ball is looked at per position; positions closer together
than a quarter of the radius add nothing and are left out by whoever sends the stroke.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import connected_parts
from septum.errors import ConfigError
from septum.geometry.arrays import Mask, Spacing, spacing_mm
from septum.interactive.scene import Scene, known_axis, near, points_of, scene
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least


def adaptive_brush(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    radius_mm: float = 5.0,
    label: int = 1,
    tolerance: float | None = None,
    axis: int | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set `label` within the brush where the image is like the voxel under the cursor and hangs together with it.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape.
        points: positions of the cursor, voxels `(n, ndim)`.
        radius_mm: of the brush, 0 or more.
        label: what is set.
        tolerance: how far from the voxel under the cursor an intensity may lie, 0 or more. Without it the brush's
            voxels are split into two classes (Otsu), and the class of the cursor is painted; where the classes explain
            less than three quarters of the variance there is no edge, and all of the brush is.
        axis: the brush is a disc in the slice across this axis; None for a ball.
        spacing: mm per axis.
        region: box of interest.
        cancelled: asked at each position.

    Raises:
        GeometryError: points outside the image or the region, shapes that differ, an empty region.
        ConfigError: no point, options out of range.
        Cancelled: `cancelled` said so.

    >>> adaptive_brush([[5, 5, 9, 5]], [[0, 0, 0, 0]], points=[[0, 0]], radius_mm=3, tolerance=1).labels.tolist()
    [[1, 1]]
    """
    if tolerance is not None:
        at_least(tolerance, 0, name="tolerance")
    found = _reached(image, labels, points=points, radius_mm=radius_mm, spacing=spacing, region=region)

    def like(part: NDArray[Any], brush: Mask, centre: tuple[int, ...]) -> Mask:
        value = float(part[centre])
        if tolerance is None:
            low, high = _class_of(part[brush], value)
        else:
            low, high = value - tolerance, value + tolerance
        inside = brush & (part >= low) & (part <= high)
        numbers, _ = connected_parts(inside)
        return np.asarray(numbers == numbers[centre]) & inside

    return found.change(_stroke(found, points, radius_mm=radius_mm, axis=axis, paint=like, cancelled=cancelled), label)


def threshold_brush(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    low: float | None = None,
    high: float | None = None,
    radius_mm: float = 5.0,
    label: int = 1,
    axis: int | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Set `label` within the brush where `low` <= intensity <= `high`, connected or not.

    Args:
        low, high: limits in the image's units, both inside; None leaves that side open.
        image, labels, points, radius_mm, label, axis, spacing, region, cancelled: as `adaptive_brush`.

    Raises:
        GeometryError, ConfigError, Cancelled: as `adaptive_brush`; `low` above `high`.

    >>> threshold_brush([[5, 5, 9, 5]], [[0, 0, 0, 0]], points=[[0, 0]], radius_mm=3, high=6).labels.tolist()
    [[1, 1, 0, 1]]
    """
    if low is not None and high is not None and not low <= high:
        raise ConfigError(f"low must not be above high, got {low} and {high}; exchange them")
    found = _reached(image, labels, points=points, radius_mm=radius_mm, spacing=spacing, region=region)

    def between(part: NDArray[Any], brush: Mask, _: tuple[int, ...]) -> Mask:
        inside = brush.copy()
        if low is not None:
            inside &= part >= low
        if high is not None:
            inside &= part <= high
        return inside

    return found.change(
        _stroke(found, points, radius_mm=radius_mm, axis=axis, paint=between, cancelled=cancelled), label
    )


def ball(
    radius_mm: float, spacing: Sequence[float], *, axis: int | None = None, shape: Sequence[int] | None = None
) -> Mask:
    """The voxels whose centres are within `radius_mm` of the middle one's; one voxel thick along `axis`.

    With `shape` no more than an image of that shape can hold of it, wherever its middle lies.

    >>> ball(1.0, (2.0, 1.0)).tolist()
    [[True, True, True]]
    """
    reach = [0 if a == axis else int(radius_mm / s + 1e-9) for a, s in enumerate(spacing)]
    if shape is not None:
        reach = [min(r, n - 1) for r, n in zip(reach, shape, strict=True)]
    square = np.zeros((1,) * len(reach))
    for a, (r, s) in enumerate(zip(reach, spacing, strict=True)):
        along = np.square(np.arange(-r, r + 1) * s)
        square = square + along.reshape([-1 if b == a else 1 for b in range(len(reach))])
    return np.asarray(square <= radius_mm**2 * (1 + 1e-9))


def _reached(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    radius_mm: float,
    spacing: Spacing,
    region: Box | None,
) -> Scene:
    """The scene within the brush's reach of the points: the rest of a volume costs nothing."""
    at_least(radius_mm, 0, name="radius_mm")
    step = spacing_mm(spacing, np.ndim(image))
    margin = [int(min(radius_mm / s, n)) + 1 for s, n in zip(step, np.shape(image), strict=True)]
    return scene(image, labels, spacing=spacing, region=near(image, points, margin=margin, region=region))


def _stroke(
    found: Scene, points: ArrayLike, *, radius_mm: float, axis: int | None, paint: Any, cancelled: IsCancelled | None
) -> Mask:
    """The union of what `paint(part, brush, centre)` chooses at each position."""
    voxels = points_of(points, found)
    brush = ball(radius_mm, found.spacing, axis=known_axis(axis, found.image.ndim), shape=found.image.shape)
    reach = np.array(brush.shape) // 2
    shape = np.array(found.image.shape)
    mask = np.zeros(found.image.shape, bool)
    for voxel in voxels:
        stop_if(cancelled)
        low, high = np.maximum(voxel - reach, 0), np.minimum(voxel + reach + 1, shape)
        cut = tuple(map(slice, low, high))
        own = tuple(map(slice, low - voxel + reach, high - voxel + reach))
        mask[cut] |= paint(found.image[cut], brush[own], tuple(voxel - low))
    return mask


def _class_of(values: NDArray[Any], value: float) -> tuple[float, float]:
    """Limits of the class of `value` among the two that Otsu's threshold makes; open where there is no edge."""
    ordered = np.sort(values.astype(np.float64, copy=False))
    n = len(ordered)
    total = float(ordered.var()) * n
    if n < 8 or total <= 0:
        return -np.inf, np.inf
    sums = np.cumsum(ordered - ordered.mean())[:-1]
    below = np.arange(1, n)
    between = np.where(ordered[1:] > ordered[:-1], sums**2 * n / (below * (n - below)), -1.0)
    cut = int(between.argmax())
    if between[cut] < _EDGE * total:
        return -np.inf, np.inf
    level = (ordered[cut] + ordered[cut + 1]) / 2
    return (-np.inf, level) if value <= level else (level, np.inf)


# Two classes explain 2/pi (0.64) of the variance of a single normal distribution and 0.75 of a uniform one.
_EDGE = 0.75
