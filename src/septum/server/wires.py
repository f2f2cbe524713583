"""The live-wire under a moving cursor: what a slice costs to cross is worked out once, while the cursor is on it.

The insight: between two moves of the cursor neither the slice nor the last click has changed. So the wire of a slice is
kept with its search from the last click, and a move costs no more than walking back along it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import spacing_mm
from septum.interactive.marks.livewire import LiveWire
from septum.interactive.tool import Box, Change, points_inside

MOST = 4
"""Slices whose wires are kept: that of each plane, and one more."""


class Wires:
    """The wires of a case; may be asked from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], tuple[LiveWire, NDArray[Any], tuple[int, ...] | None]] = OrderedDict()
        self._lock = threading.Lock()

    def path(
        self, image: NDArray[Any], points: ArrayLike, *, axis: int, spacing: Sequence[float],
        sigma_mm: float | None = None, region: Box | None = None, label: int = 1,
    ) -> Change:  # fmt: skip
        """The open path through the points of one slice, as the labels of its box; errors as `live_wire`.

        Args:
            image: `(Y, X)` or `(Z, Y, X)`; one that the caller does not change.
            points: voxels `(n, ndim)`, two or more.
            axis: the slice is across it; nothing for a picture.
            spacing: mm per axis.
            sigma_mm, region, label: as `live_wire`.
        """
        voxels = points_inside(np.atleast_2d(np.asarray(points)), image.shape, name="points")
        if len(voxels) < 2:
            raise ConfigError(f"points must hold 2 voxels or more, got {len(voxels)}; click along the outline")
        seen = _slice_box(image.shape, voxels, axis=axis, region=region)
        across = None if image.ndim == 2 else axis
        corners = voxels - np.array(seen.start)
        flat = corners if across is None else np.delete(corners, across, axis=1)
        steps = spacing_mm(spacing, image.ndim)
        step = tuple(s for a, s in enumerate(steps) if a != across)
        with self._lock:
            pieces = [self._piece(image, seen, across=across, ends=ends, step=step, sigma_mm=sigma_mm)
                      for ends in pairwise(flat)]  # fmt: skip
        path = np.concatenate(pieces)
        whole = path if across is None else np.insert(path, across, 0, axis=1)
        whole = whole + np.array(seen.start)
        box = Box.around(whole, image.shape)
        labels = np.zeros(box.shape, np.min_scalar_type(label))
        labels[tuple((whole - np.array(box.start)).T)] = label
        return Change(box, labels)

    def _piece(
        self, image: NDArray[Any], seen: Box, *, across: int | None, ends: Sequence[NDArray[Any]],
        step: tuple[float, ...], sigma_mm: float | None,
    ) -> NDArray[np.int64]:  # fmt: skip
        """The path between two pixels of the slice, from a wire that is kept where it can be."""
        key = (image.__array_interface__["data"][0], image.shape, seen, across, step, sigma_mm)
        start = tuple(int(n) for n in ends[0])
        wire, held, anchor = self._kept.pop(key, (None, image, None))
        if wire is None:
            plane = image[seen.slices]
            wire = LiveWire(plane if across is None else plane.take(0, axis=across), spacing=step, sigma_mm=sigma_mm)
        if anchor != start:
            wire.anchor(start)
        self._kept[key] = (wire, held, start)  # `held`: its memory cannot become another image's
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return wire.path_to(ends[1])


def _slice_box(shape: Sequence[int], voxels: NDArray[np.int64], *, axis: int, region: Box | None) -> Box:
    """The box of the points' slice within the region."""
    box = Box.whole(shape) if region is None else region
    start, stop = list(box.start), list(box.stop)
    if len(shape) == 3:
        if not 0 <= axis < 3:
            raise ConfigError(f"axis must be 0 to 2, got {axis}; 0 is the slowest")
        places = np.unique(voxels[:, axis]).tolist()
        if len(places) > 1:
            raise GeometryError(
                f"points must lie in one slice across axis {axis}, got slices {places}; choose another axis"
            )
        start[axis], stop[axis] = places[0], places[0] + 1
    found = Box(tuple(start), tuple(stop))
    inside = np.all((voxels >= np.array(start)) & (voxels < np.array(stop)))
    if not (found.within(Box.whole(shape)) and 0 not in found.shape and inside):
        raise GeometryError(
            f"points must lie in the region {box.start} to {box.stop} of the image, got {voxels.tolist()[:4]}"
        )
    return found
