"""Intelligent scissors and level tracing: outlines that cling to edges while the cursor moves.

The insight: one search from the anchor gives the path to every pixel, so what a cursor move costs is walking back along
it; the search runs only as far as the cursor has been, and goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import connected_parts
from septum.classical.landscape import smoothed
from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Spacing, grey_image, spacing_mm
from septum.interactive.scene import Scene, points_of, scene
from septum.interactive.tool import Box, Change, IsCancelled, points_inside, stop_if
from septum.options import at_least, one_of

_SCALE = 100  # whole-number cost of the dearest step along an axis


_FLOOR = 3  # cost of the cheapest, so that no path is free


ZERO_CROSSING, DIRECTION, MAGNITUDE = 0.43, 0.43, 0.14


SIDES = ("auto", "bright", "dark")


_MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))


def live_wire(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    label: int = 1,
    axis: int = 0,
    filled: bool = True,
    sigma_mm: float | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """An outline through the points in their order, along edges, closed and filled with `label`.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape.
        points: voxels `(n, ndim)`, all in one slice across `axis`; two or more, three to fill.
        label: what is set.
        axis: axis that the slice of a volume is perpendicular to; nothing for a picture.
        filled: close the outline and fill it, else draw the open path only.
        sigma_mm: Gaussian smoothing before edges are sought; None for the finest spacing.
        spacing: mm per axis.
        region: box of interest; paths stay inside.
        cancelled: asked before each path.

    Raises:
        GeometryError: points outside, or in several slices; shapes that differ.
        ConfigError: too few points, an axis that there is not.
        Cancelled: `cancelled` said so.

    Source: Mortensen and Barrett 1995, SIGGRAPH (zero crossing of the Laplacian, direction and size of the gradient).

    >>> image = np.zeros((9, 9)); image[2:7, 2:7] = 1.0
    >>> corners = [[2, 2], [2, 6], [6, 6], [6, 2]]
    >>> int(live_wire(image, np.zeros((9, 9), int), points=corners).labels[2, 2])
    1
    """
    found = scene(image, labels, spacing=spacing, region=region)
    voxels = points_of(points, found)
    least = 3 if filled else 2
    if len(voxels) < least:
        raise ConfigError(f"points must hold {least} voxels or more, got {len(voxels)}; click along the outline")
    cut, flat = _slice_of(voxels, axis, found=found)
    corners = np.delete(voxels, axis, axis=1) if found.image.ndim == 3 else voxels
    step = tuple(s for a, s in enumerate(found.spacing) if found.image.ndim == 2 or a != axis)
    wire = LiveWire(found.image[cut], spacing=step, sigma_mm=sigma_mm)
    outline = np.zeros(flat, bool)
    ends = [*corners[1:], corners[0]] if filled else list(corners[1:])
    for start, end in zip(corners, ends, strict=False):
        stop_if(cancelled)
        wire.anchor(start)
        outline[tuple(wire.path_to(end).T)] = True
    if filled:
        from scipy import ndimage

        outline = ndimage.binary_fill_holes(outline)
    return _in_slice(found, cut, flat=outline, label=label)


class LiveWire:
    """The wire of one picture: `anchor` where the last click was, `path_to` the cursor.

    Args:
        image: `(Y, X)`, finite.
        spacing: mm per axis.
        sigma_mm: smoothing before edges are sought; None for the finest spacing.

    Raises:
        GeometryError, DatasetError: no picture; values that are not finite.

    >>> wire = LiveWire(np.eye(9))
    >>> wire.anchor((2, 2))
    >>> wire.path_to((2, 4)).shape[1]
    2
    """

    def __init__(self, image: ArrayLike, *, spacing: Spacing = None, sigma_mm: float | None = None) -> None:
        array = grey_image(image)
        if array.ndim != 2:
            raise GeometryError(f"image must be a picture (Y, X), got shape {array.shape}; cut a slice")
        self._shape = array.shape
        step = spacing_mm(spacing, 2)
        at_least(0.0 if sigma_mm is None else sigma_mm, 0, name="sigma_mm")
        self._cost = _costs(array, step, sigma_mm=sigma_mm)
        self._row = array.shape[1] + 2
        self._offsets = np.array([y * self._row + x for y, x in _MOVES], np.int64)
        self._kinds = np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int64)
        # The largest sum of costs fits into a key's 24 bits: a straight way costs at most the dearest step per pixel.
        if int(self._cost.max()) * sum(array.shape) >= 1 << 24:
            raise GeometryError(f"image must be smaller or of like spacing, got {array.shape}; cut a region")
        self._anchored = False

    def anchor(self, point: ArrayLike) -> None:
        """Let all paths start at this pixel; errors as `points_inside`."""
        from septum.interactive import compiled

        place = points_inside(np.asarray(point)[None], self._shape, name="point")[0]
        key = np.zeros((self._shape[0] + 2, self._row), np.uint32)
        key[1:-1, 1:-1] = compiled.FREE
        self._key = key.ravel()
        self._heads = np.full(compiled.ring_size(int(self._cost.max())), -1, np.int32)
        self._pool = compiled.pool_of(1 << 15)
        self._state = np.zeros(3, np.int64)
        start = self._flat(place)
        self._key[start] = 1
        compiled.push(start, 0, self._heads, self._pool, self._state)
        self._anchored = True

    def path_to(self, point: ArrayLike) -> NDArray[np.int64]:
        """Pixels `(n, 2)` of the cheapest path from the anchor to this pixel, both included.

        Raises:
            ConfigError: no anchor yet.
            GeometryError: a point outside the picture.
        """
        from septum.interactive import compiled

        if not self._anchored:
            raise ConfigError("the wire must have an anchor, got none; call anchor first")
        target = self._flat(points_inside(np.asarray(point)[None], self._shape, name="point")[0])
        while (
            compiled.wire(
                self._key, self._cost, self._kinds, self._offsets, self._heads, self._pool, self._state, target
            )
            == compiled.FULL
        ):
            self._pool = compiled.enlarged(self._pool, self._state)
        path = compiled.walk_back(target, self._key, self._cost, self._kinds, self._offsets)[::-1]
        return np.stack([path // self._row - 1, path % self._row - 1], axis=1)

    def _flat(self, place: NDArray[np.int64]) -> int:
        return int((place[0] + 1) * self._row + place[1] + 1)


def level_tracing(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    points: ArrayLike,
    label: int = 1,
    axis: int = 0,
    side: str = "auto",
    sigma_mm: float = 0.0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """What the outline at the intensity of each point encloses, in its slice.

    The outline runs at the intensity of the clicked voxel and encloses the part that hangs together with it, holes
    included: the "bright" part at or above the intensity, the "dark" one at or below, and with "auto" the smaller of
    those that do not touch the slice's border (the smaller one where both do).

    Args:
        image, labels, points, label, axis, spacing, region, cancelled: as `live_wire`, but each point has a
            slice of its own.
        side: "auto", "bright" or "dark".
        sigma_mm: Gaussian smoothing before, 0 for none.

    Raises:
        GeometryError, ConfigError, Cancelled: as `live_wire`.

    Source: the effect of 3D Slicer's Level tracing, through the theory of level sets of functions.

    >>> level_tracing([[0, 5, 5, 0, 0, 0]], [[0] * 6], points=[[0, 1]], side="bright").labels.tolist()
    [[1, 1]]
    """
    found = scene(image, labels, spacing=spacing, region=region)
    voxels = points_of(points, found)
    one_of(side, SIDES, name="side")
    at_least(sigma_mm, 0, name="sigma_mm")
    mask = np.zeros(found.image.shape, bool)
    for voxel in voxels:
        stop_if(cancelled)
        cut, _ = _slice_of(voxel[None], axis, found=found)
        step = tuple(s for a, s in enumerate(found.spacing) if found.image.ndim == 2 or a != axis)
        plane = smoothed(found.image[cut], spacing=step, sigma_mm=sigma_mm)
        place = tuple(np.delete(voxel, axis)) if found.image.ndim == 3 else tuple(voxel)
        mask[cut] |= _enclosed(plane, place, side=side)
    return found.change(mask, label)


def _enclosed(plane: NDArray[Any], place: tuple[int, ...], *, side: str) -> NDArray[np.bool_]:
    from scipy import ndimage

    parts = []
    for inside in ([plane >= plane[place]] if side != "dark" else []) + (
        [plane <= plane[place]] if side != "bright" else []
    ):
        numbers, _ = connected_parts(inside)
        part = ndimage.binary_fill_holes(numbers == numbers[place])
        rim = bool(part[[0, -1]].any() or part[:, [0, -1]].any())
        parts.append((rim, int(part.sum()), part))
    chosen: NDArray[np.bool_] = min(parts, key=lambda found: found[:2])[2]
    return chosen


def _slice_of(voxels: NDArray[np.int64], axis: int, *, found: Scene) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The index of the points' slice, and its shape."""
    ndim = found.image.ndim
    if ndim == 2:
        return (slice(None), slice(None)), found.image.shape
    if not 0 <= axis < ndim:
        raise ConfigError(f"axis must be 0 to {ndim - 1}, got {axis}; 0 is the slowest")
    places = np.unique(voxels[:, axis])
    if len(places) > 1:
        raise GeometryError(
            f"points must lie in one slice across axis {axis}, got slices "
            f"{(places + found.box.start[axis]).tolist()}; choose another axis"
        )
    cut = tuple(int(places[0]) if a == axis else slice(None) for a in range(ndim))
    return cut, tuple(n for a, n in enumerate(found.image.shape) if a != axis)


def _in_slice(found: Scene, cut: tuple[Any, ...], *, flat: NDArray[np.bool_], label: int) -> Change:
    mask = np.zeros(found.image.shape, bool)
    mask[cut] = flat
    return found.change(mask, label)


def _costs(array: NDArray[Any], step: Sequence[float], *, sigma_mm: float | None) -> NDArray[np.uint16]:
    """What it costs to enter each pixel along a row, along a column and along both diagonals, padded by one pixel."""
    smooth = smoothed(array, spacing=step, sigma_mm=sigma_mm).astype(np.float32, copy=False)
    slopes = [
        np.gradient(smooth, s, axis=a) if smooth.shape[a] > 1 else np.zeros_like(smooth) for a, s in enumerate(step)
    ]
    size = np.hypot(*slopes)
    strongest = float(np.quantile(size[:: max(1, len(size) // 512)], 0.995)) or float(size.max())
    flat = np.float32(1) / np.maximum(size, np.float32(1e-12 + 1e-6 * float(size.max())))
    local = ZERO_CROSSING * (1 - _edge_pixels(smooth, step)) + MAGNITUDE * (
        1 - np.clip(size / strongest if strongest > 0 else size, 0, 1)
    )
    found = np.zeros((array.shape[0] + 2, array.shape[1] + 2, 4), np.uint16)
    for kind, (y, x) in enumerate(_MOVES[::2]):
        length = math.hypot(y * step[0], x * step[1])
        along = np.abs(slopes[0] * (y * step[0] / length) + slopes[1] * (x * step[1] / length)) * flat
        along[size == 0] = 1
        total = (local + DIRECTION * along) * (_SCALE * length / min(step))
        found[1:-1, 1:-1, kind] = np.clip(np.rint(total), _FLOOR, 65535)
    return found.reshape(-1, 4)


def _edge_pixels(smooth: NDArray[np.float32], step: Sequence[float]) -> NDArray[np.float32]:
    """1 where the Laplacian crosses zero, on the side that is nearer to zero."""
    bend = np.zeros_like(smooth)
    for axis, s in enumerate(step):
        view, out = np.moveaxis(smooth, axis, 0), np.moveaxis(bend, axis, 0)
        out[1:-1] += (view[2:] - 2 * view[1:-1] + view[:-2]) / np.float32(s * s)
    edge = np.zeros(smooth.shape, np.float32)
    for axis in range(2):
        view, out = np.moveaxis(bend, axis, 0), np.moveaxis(edge, axis, 0)
        crossing = view[:-1] * view[1:] < 0
        nearer = np.abs(view[:-1]) <= np.abs(view[1:])
        out[:-1][crossing & nearer] = 1
        out[1:][crossing & ~nearer] = 1
    return edge
