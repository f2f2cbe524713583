"""From what a network says about voxels to objects.

The insight: the learned distance is a landscape with one hill per object, and the learned border cuts the saddles
between hills that touch. Kept in one byte each, the maps of an image of a hundred million pixels fit into memory, and
everything that is tuned (what is a hill, which saddles part) is a question about the small graph of its basins
(`septum.instances.join`). Following the vectors instead only changes which way a voxel points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Spacing
from septum.instances.join import BasinGraph, find_basins, merge_basins, paint_objects, step_codes
from septum.instances.targets import SCALARS

METHODS = ("watershed", "vectors")

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Decoding:
    """How objects are read from the maps; tuned on held-out images in training.

    Args:
        method: "watershed" (every voxel belongs to the hill it lies on) or "vectors" (to where its vector leads).
        foreground: least probability of a voxel that belongs to an object.
        marker: least height of a hill that is an object, 0 to 1.
        share: two hills are one object when the saddle between them reaches this share of the lower one.
        smallest: least size of an object, in mm³ (mm²), or voxels where the image has no size.
    """

    method: Literal["watershed", "vectors"] = "watershed"
    foreground: float = 0.5
    marker: float = 0.4
    share: float = 0.8
    smallest: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}; choose one of these")
        for name in ("foreground", "marker", "share"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}; 0.5 is customary")
        if not (self.smallest >= 0 and math.isfinite(self.smallest)):
            raise ConfigError(f"smallest must be a size of at least 0, got {self.smallest}; 0 keeps every object")


@dataclass(frozen=True, eq=False)
class ObjectMaps:
    """What a network says, in bytes: probability of an object, altitude (both 0 to 255), and steps (`step_codes`)."""

    foreground: Bytes
    altitude: Bytes
    steps: Bytes

    @classmethod
    def empty(cls, shape: Sequence[int]) -> ObjectMaps:
        """Maps without any object, to be filled block by block with `put`.

        >>> ObjectMaps.empty((2, 3)).altitude.shape
        (2, 3)
        """
        return cls(*(np.zeros(tuple(shape), np.uint8) for _ in range(3)))

    def put(self, place: tuple[slice, ...], foreground: NDArray[Any], *, outputs: NDArray[Any]) -> None:
        """Enter what the network says about a block.

        Args:
            place: the block.
            foreground: probability that a voxel belongs to an object.
            outputs: `(2 + ndim, *block)` logit of the border, logit of the distance, vectors.
        """
        border, distance = (1 / (1 + np.exp(-np.clip(part, -30, 30))) for part in outputs[: len(SCALARS)])
        self.foreground[place] = _byte(foreground)
        self.altitude[place] = _byte(distance * (1 - border))
        ndim = self.altitude.ndim
        vectors = outputs[len(SCALARS) :]
        if len(vectors) < ndim:  # a 2-D network on slices has no say about the axis across them
            vectors = np.concatenate([np.zeros((ndim - len(vectors), *vectors.shape[1:]), vectors.dtype), vectors])
        self.steps[place] = step_codes(vectors)


@dataclass(frozen=True, eq=False)
class DecodedObjects:
    """Objects of an image.

    Args:
        labels: ids from 1 to n, uint32, in the order of their summits in the array.
        confidence: `(n,)` mean probability of the object's voxels times the height of its hill, 0 to 1.
        size: `(n,)` voxels.
    """

    labels: NDArray[np.uint32]
    confidence: NDArray[np.float64]
    size: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.size.size)


def decode(
    maps: ObjectMaps,
    decoding: Decoding,
    *,
    spacing: Spacing = None,
    block: Sequence[int] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> DecodedObjects:
    """The objects of an image; the same for all blocks that the image is cut into on the way.

    Args:
        maps: of the whole image.
        decoding: how.
        spacing: voxel size per axis, for `decoding.smallest`; None counts in voxels.
        block: sides of the blocks (see `find_basins`).
        should_stop: asked between blocks.

    Raises:
        Cancelled: `should_stop` said so.

    >>> maps = ObjectMaps.empty((1, 5))
    >>> maps.foreground[:], maps.altitude[:] = 255, [[90, 200, 90, 200, 90]]
    >>> decode(maps, Decoding()).labels.tolist()
    [[1, 1, 2, 2, 2]]
    """
    found = basins_of(maps, decoding, block=block, should_stop=should_stop)
    return objects_of(found, maps, decoding=decoding, spacing=spacing)


def basins_of(
    maps: ObjectMaps,
    decoding: Decoding,
    *,
    block: Sequence[int] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> BasinGraph:
    """The basins alone, which depend on method and foreground only; many other thresholds may be tried on them.

    >>> maps = ObjectMaps.empty((4, 5))
    >>> objects_of(basins_of(maps, Decoding()), maps, decoding=Decoding()).count  # nothing was said of any voxel
    0
    """
    steps = maps.steps if decoding.method == "vectors" else None
    mask = maps.foreground >= max(1, round(255 * decoding.foreground))
    return find_basins(maps.altitude, mask, steps=steps, block=block, should_stop=should_stop)


def objects_of(basins: BasinGraph, maps: ObjectMaps, *, decoding: Decoding, spacing: Spacing = None) -> DecodedObjects:
    """The objects that these basins make with the decoding's other thresholds.

    >>> maps = ObjectMaps.empty((4, 5))
    >>> objects_of(basins_of(maps, Decoding()), maps, decoding=Decoding(smallest=3.0)).labels.max()
    np.uint32(0)
    """
    voxel = math.prod(spacing) if spacing is not None else 1.0
    least = math.ceil(decoding.smallest / voxel - 1e-9)
    merged = merge_basins(basins, marker=255 * decoding.marker, share=decoding.share, smallest=least)
    labels = paint_objects(basins, merged)
    size, held = np.zeros(merged.count + 1), np.zeros(merged.count + 1)
    for row, chance in zip(labels, maps.foreground, strict=True):  # row by row, so that no copy of the image is made
        size += np.bincount(row.ravel(), minlength=merged.count + 1)
        held += np.bincount(row.ravel(), weights=chance.ravel(), minlength=merged.count + 1)
    confidence = held[1:] / np.maximum(size[1:], 1) / 255 * merged.peak / 255
    return DecodedObjects(labels, confidence, size[1:].astype(np.int64))


def _byte(share: NDArray[Any]) -> Bytes:
    scaled: Bytes = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
    return scaled
