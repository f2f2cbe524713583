"""What tracking needs to know of the objects of a movie: where each is, how large and bright, and whom it covers later.

The insight: voxels are needed once. Frames stream through, a few label maps are held at a time, and what stays is a row
per object and a sparse list of overlaps between frames.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry.arrays import Float64Array, Spacing, label_array, spacing_mm
from septum.instances.split import renumbered

Frame = tuple[NDArray[Any], NDArray[Any] | None]
_Held = tuple[int, int, NDArray[np.uint32]]  # frame, number of the first object, label map 1…n


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects of a movie, in the order of frames; `n` rows.

    `frame` counts from 0; `label` is the id in the frame; `centre` `(n, ndim)`, `size` and `edge` (distance of the
    centre to the nearest edge of the frame) are in the unit of the spacing; `brightness` is the mean intensity (nan
    without an image); `cut` marks objects that touch the edge, so that their size is not all of theirs. `overlaps` maps
    pairs of rows to the shared part of the smaller object, in (0, 1].
    """

    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    centre: Float64Array
    size: Float64Array
    brightness: Float64Array
    edge: Float64Array
    cut: NDArray[np.bool_]
    overlaps: dict[tuple[int, int], float]
    n_frames: int

    def of_frame(self, frame: int) -> NDArray[np.int64]:
        """The rows of a frame."""
        return np.arange(*np.searchsorted(self.frame, [frame, frame + 1]))

    def diameters(self) -> Float64Array:
        """Diameter of the disc or ball of each object's size."""
        flat = self.centre.shape[1] == 2
        return np.asarray(2 * np.sqrt(self.size / math.pi) if flat else np.cbrt(6 * self.size / math.pi))

    def diameter(self) -> float:
        """Median diameter; 1 of no object at all."""
        return float(np.median(self.diameters())) if len(self.size) else 1.0


def detect(frames: Iterable[Frame], *, spacing: Spacing = None, gap: int = 1) -> Detections:
    """The objects of a movie.

    Args:
        frames: pairs of a label map `(Y, X)` or `(Z, Y, X)` and its image of one channel (or None), in order.
        spacing: size of a sample along each axis.
        gap: how many frames an object may be missing: overlaps are counted over as many more.

    Raises:
        GeometryError: label maps of different shapes, or an image of another shape than its labels.

    >>> found = detect([(np.array([[1, 1, 0]]), None), (np.array([[0, 7, 7]]), None)])
    >>> found.label.tolist(), found.overlaps
    ([1, 7], {(0, 1): 0.5})
    """
    held: deque[_Held] = deque(maxlen=gap + 1)
    rows: list[tuple[Float64Array, ...]] = []
    frame_of: list[NDArray[np.int64]] = []
    ids: list[NDArray[np.int64]] = []
    overlaps: dict[tuple[int, int], float] = {}
    first, shape, number = 0, None, -1
    for number, (given, image) in enumerate(frames):
        labels = label_array(given)
        if shape is not None and labels.shape != shape:
            raise GeometryError(
                f"the frames of a movie must have one shape, got {shape} and, in frame {number}, {labels.shape}; "
                "crop or pad them to one"
            )
        if image is not None and image.shape != labels.shape:
            raise GeometryError(
                f"the image of frame {number} must have the shape of its labels {labels.shape}, got {image.shape}"
            )
        shape = labels.shape
        numbers, old = renumbered(labels)
        rows.append(_rows(numbers, len(old), step=spacing_mm(spacing, labels.ndim), image=image))
        frame_of.append(np.full(len(old), number))
        ids.append(old)
        for _, before, earlier in held:
            overlaps |= _shared(earlier, numbers, first=(before, first))
        held.append((number, first, numbers))
        first += len(old)
    ndim = len(shape or (1, 1))
    columns = [np.concatenate([row[i] for row in rows]) if rows else np.empty(0) for i in range(5)]
    return Detections(
        np.concatenate(frame_of) if rows else np.empty(0, np.int64),
        np.concatenate(ids) if rows else np.empty(0, np.int64),
        columns[0].reshape(-1, ndim), columns[1], columns[2], columns[3], columns[4].astype(bool), overlaps, number + 1,
    )  # fmt: skip


def _rows(
    numbers: NDArray[np.uint32], count: int, *, step: Sequence[float], image: NDArray[Any] | None
) -> tuple[Float64Array, ...]:
    """Centre, size, brightness, distance to the edge and whether it is cut there, of the objects 1…count."""
    places = np.nonzero(numbers)
    owner = numbers[places] - 1
    voxels = np.bincount(owner, minlength=count).astype(np.float64)
    centre = np.stack([np.bincount(owner, axis, minlength=count) / voxels for axis in places], 1)
    bright = np.full(count, np.nan)
    if image is not None:
        bright = np.bincount(owner, image[places].astype(np.float64), minlength=count) / voxels
    sides = [np.minimum(centre[:, i], n - 1 - centre[:, i]) * step[i] for i, n in enumerate(numbers.shape) if n > 1]
    edge = np.min(sides, axis=0) if sides else np.zeros(count)
    cut = np.zeros(count + 1)
    for axis, n in enumerate(numbers.shape):
        if n > 1:
            cut[numbers.take((0, -1), axis=axis)] = 1.0
    return centre * np.array(step), voxels * float(np.prod(step)), bright, edge, cut[1:]


def _shared(
    earlier: NDArray[np.uint32], later: NDArray[np.uint32], *, first: tuple[int, int]
) -> dict[tuple[int, int], float]:
    """Shared part of the smaller object, by pair of rows; `first` are the rows of the objects 1 of both frames."""
    both = (earlier != 0) & (later != 0)
    width = int(later.max()) + 1
    pairs, counts = np.unique(earlier[both].astype(np.int64) * width + later[both], return_counts=True)
    a, b = np.divmod(pairs, width)
    sizes = np.bincount(earlier.ravel())[a], np.bincount(later.ravel())[b]
    share = counts / np.minimum(*sizes)
    return {
        (first[0] + i - 1, first[1] + j - 1): float(s)
        for i, j, s in zip(a.tolist(), b.tolist(), share.tolist(), strict=True)
    }
