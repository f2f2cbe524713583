"""What every interactive tool takes and gives: marks in, a changed box out.

The insight: a live editor never needs the whole label map back. A tool looks at a region of interest, and answers with
a `Change`: the box it touched and the labels that box should hold. Whoever owns the labels (a session, a script, the
workbench) filters the change by its own rules, sets it once, and stores the difference for undo. A tool that works in
steps yields one change per step; a tool that takes long asks `cancelled()` between its steps and raises `Cancelled`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import Cancelled, ConfigError, GeometryError

UNMARKED = -1
"""The value of a voxel in `seeds` that nobody marked; 0 is a mark for the background, k a mark for label k."""

IsCancelled = Callable[[], bool]


def stop_if(cancelled: IsCancelled | None) -> None:
    """Raise `Cancelled` when the person has asked to stop.

    >>> stop_if(lambda: False)  # goes on
    """
    if cancelled is not None and cancelled():
        raise Cancelled("stopped before the tool had an answer; nothing was changed")


@dataclass(frozen=True)
class Box:
    """A box of voxels, `start` included and `stop` excluded, one number per array axis.

    >>> Box((1, 0), (3, 4)).shape
    (2, 4)
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.start) != len(self.stop) or any(a < 0 or b < a for a, b in zip(self.start, self.stop, strict=True)):
            raise GeometryError(f"a box must have 0 <= start <= stop on each axis, got {self.start} to {self.stop}")

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        """The box of the whole array."""
        return cls((0,) * len(shape), tuple(int(n) for n in shape))

    @classmethod
    def around(cls, points: ArrayLike, shape: Sequence[int], *, margin: int | Sequence[int] = 0) -> Box:
        """The smallest box that holds `points` `(n, ndim)` and `margin` voxels more on each side, cut to `shape`.

        Raises:
            GeometryError: no point at all, or none of `shape`'s number of axes.

        >>> Box.around([[2, 2], [3, 5]], (10, 6), margin=1)
        Box(start=(1, 1), stop=(5, 6))
        """
        voxels = np.atleast_2d(np.asarray(points, dtype=np.int64))
        if voxels.shape[1] != len(shape) or not len(voxels):
            raise GeometryError(f"points must be of shape (n, {len(shape)}) with n at least 1, got {voxels.shape}")
        wide = np.broadcast_to(np.asarray(margin, dtype=np.int64), (len(shape),))
        low = np.clip(voxels.min(axis=0) - wide, 0, shape)
        high = np.clip(voxels.max(axis=0) + 1 + wide, low, shape)
        return cls(tuple(int(v) for v in low), tuple(int(v) for v in high))

    @classmethod
    def of(cls, mask: NDArray[np.bool_], *, margin: int | Sequence[int] = 0) -> Box | None:
        """The smallest box that holds every True of `mask`, grown by `margin` voxels; None for an empty mask."""
        spans: list[tuple[int, int]] = []
        left: NDArray[Any] = mask
        while left.ndim:
            hit = np.flatnonzero(left.any(axis=tuple(range(1, left.ndim))))
            if not len(hit):
                return None
            spans.append((int(hit[0]), int(hit[-1])))
            left = np.asarray(left[hit[0] : hit[-1] + 1].any(axis=0))
        return cls.around(np.array(spans).T, mask.shape, margin=margin)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels per axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The index that cuts this box from an array."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def within(self, other: Box) -> bool:
        """Whether every voxel of this box lies in `other`; never where one of them has more axes."""
        return (
            len(self.start) == len(other.start)
            and all(a >= c for a, c in zip(self.start, other.start, strict=True))
            and all(b <= d for b, d in zip(self.stop, other.stop, strict=True))
        )

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            tuple(min(a, b) for a, b in zip(self.start, other.start, strict=True)),
            tuple(max(a, b) for a, b in zip(self.stop, other.stop, strict=True)),
        )


@dataclass(frozen=True)
class Change:
    """What a tool proposes: the labels that `box` should hold (`labels.shape == box.shape`).

    >>> Change(Box((0, 1), (1, 3)), np.array([[7, 0]])).applied_to(np.zeros((2, 3), np.uint8))
    array([[0, 7, 0],
           [0, 0, 0]], dtype=uint8)
    """

    box: Box
    labels: NDArray[Any]

    def __post_init__(self) -> None:
        if self.labels.shape != self.box.shape:
            raise GeometryError(f"labels must have the box's shape {self.box.shape}, got {self.labels.shape}")

    def applied_to(self, labels: NDArray[Any]) -> NDArray[Any]:
        """A copy of the whole label map with this change set into it, in the map's dtype or one that holds all labels.

        Raises:
            GeometryError: the box reaches outside the map.
        """
        if not self.box.within(Box.whole(labels.shape)):
            raise GeometryError(f"the changed box {self.box} must lie inside the labels of shape {labels.shape}")
        out = labels.astype(holding(labels.dtype, int(self.labels.max(initial=0))))
        out[self.box.slices] = self.labels
        return out


def holding(kind: np.dtype[Any], label: int) -> np.dtype[Any]:
    """The type of a label map, or a wider one where `label` does not fit in it: nothing wraps around.

    >>> holding(np.dtype("u1"), 200), holding(np.dtype("u1"), 300)
    (dtype('uint8'), dtype('uint16'))
    """
    if kind.kind == "b":
        return kind if label <= 1 else np.promote_types(np.uint8, np.min_scalar_type(label))
    fits = kind.kind not in "iu" or label <= np.iinfo(kind).max
    return kind if fits else np.promote_types(kind, np.min_scalar_type(label))


@dataclass(frozen=True)
class Stroke:
    """Voxels that a person marked as `label` (0 marks the background), `points` `(n, ndim)` in array order."""

    points: NDArray[np.int64]
    label: int


def seeds_of(strokes: Sequence[Stroke], shape: Sequence[int]) -> NDArray[np.int32]:
    """An array of `shape` with each stroke's label at its points and `UNMARKED` elsewhere; later strokes win.

    Raises:
        GeometryError: a point outside `shape`, or of another number of axes.
        ConfigError: a negative label.

    >>> seeds_of([Stroke(np.array([[0, 0]]), 2), Stroke(np.array([[0, 2]]), 0)], (1, 3))
    array([[ 2, -1,  0]], dtype=int32)
    """
    seeds = np.full(tuple(shape), UNMARKED, dtype=np.int32)
    for stroke in strokes:
        if stroke.label < 0:
            raise ConfigError(f"a stroke's label must be 0 (background) or more, got {stroke.label}")
        points = points_inside(stroke.points, shape)
        seeds[tuple(points.T)] = stroke.label
    return seeds


def points_inside(points: ArrayLike, shape: Sequence[int], *, name: str = "points") -> NDArray[np.int64]:
    """`points` as an integer array `(n, ndim)`, all inside `shape`.

    Raises:
        GeometryError: another number of axes, not integers, or a point outside.

    >>> points_inside([[0, 2]], (3, 3)).tolist()
    [[0, 2]]
    """
    given = np.asarray(points)
    voxels = np.atleast_2d(given) if given.size else np.zeros((0, len(shape)), np.int64)
    if voxels.ndim != 2 or voxels.shape[1] != len(shape) or voxels.dtype.kind not in "iu":
        raise GeometryError(
            f"{name} must be integer voxel coordinates of shape (n, {len(shape)}), "
            f"got {given.dtype} of shape {given.shape}"
        )
    outside = ((voxels < 0) | (voxels >= np.asarray(shape))).any(axis=1)
    if outside.any():
        raise GeometryError(
            f"{name} must lie inside the image of shape {tuple(shape)}, got {voxels[outside][0].tolist()}; "
            "give voxel coordinates in array order, slowest axis first"
        )
    return voxels.astype(np.int64)
