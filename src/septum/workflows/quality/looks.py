"""What can be seen of an image and of a mask without knowing the truth: is it like those of the training?

The insight: data sets are mixtures (stains, scanners, magnifications), so an image is unusual when it has no *near
neighbour* among the training images, not when it is far from their mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.geometry.arrays import Float64Array
from septum.net.engines.evidence import Evidence

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)


_FEATURES = (
    *("its darkest values", "its dark values", "its middle values", "its bright values", "its brightest values"),
    "its sharpness",
    "its noise",
)


_MOST = 1 << 20  # values that a feature is taken from


_FLOOR = 0.05  # least spread of a feature: smaller differences between images mean nothing


_SPACING = 1.5  # a voxel size so much finer or coarser than any of the training is remarkable


FAR = 1.5
"""Times the largest distance of a training image from its nearest neighbour, beyond which an image is unlike them where
no held-out image has taught another limit."""


_APART = 3.0  # times the usual distance of training images beyond which an image stands apart


_USUAL = 0.8  # share of the training images that have a neighbour within the usual distance


_MOST_PARTS = 4_000_000  # samples of a mask on which its parts are counted


_ENOUGH = 4  # training images below which nothing can be said about what is usual


def image_names(channels: int) -> tuple[str, ...]:
    """Names of what `image_features` returns, in words.

    >>> image_names(3)[-1]
    'its noise in channel 3 of 3'
    """
    where = [""] if channels == 1 else [f" in channel {c + 1} of {channels}" for c in range(channels)]
    return tuple(f"{name}{channel}" for channel in where for name in _FEATURES)


def image_features(array: NDArray[np.floating]) -> Float64Array:
    """Numbers about an image as the network sees it, `(C, *spatial)`: per channel intensity quantiles, and the
    logarithms of its sharpness (mean difference of neighbours) and noise (median second difference) relative to its
    range of intensities."""
    return np.concatenate([_channel(channel) for channel in array])


def _channel(channel: NDArray[np.floating]) -> Float64Array:
    step = max(1, channel.size // _MOST)
    quantiles = np.quantile(channel.ravel()[::step].astype(np.float64), QUANTILES)
    extent = max(float(quantiles[3] - quantiles[1]), 1e-6)
    planes = channel.reshape(-1, *channel.shape[-2:])
    planes = planes[:: max(1, planes.size // _MOST)]
    first, second = [], []
    for axis in (1, 2):
        if planes.shape[axis] > 2:
            slopes = np.diff(planes, axis=axis)
            first.append(float(np.abs(slopes).mean(dtype=np.float64)))
            second.append(float(np.median(np.abs(np.diff(slopes, axis=axis)))))
    rough = [float(np.log(np.mean(found) / extent + 1e-3)) if found else 0.0 for found in (first, second)]
    return np.array([*quantiles, *rough])


@dataclass(frozen=True)
class ImageReference:
    """The training images, in numbers: what `image_features` says of them, or a network's own features.

    Args:
        features: one row per image.
        spread: of each feature over the images, with a floor.
        limit: largest distance of a training image from its nearest neighbour; 0 below four images.
    """

    features: tuple[tuple[float, ...], ...]
    spread: tuple[float, ...]
    limit: float

    def distance(self, features: ArrayLike) -> float:
        """How far an image lies from its nearest training image, in units of `limit`; nan where that is unknown."""
        values, table, spread = np.asarray(features, dtype=np.float64), np.array(self.features), np.array(self.spread)
        if not self.limit or values.shape != spread.shape:
            return math.nan
        return float(np.sqrt((((table - values) / spread) ** 2).mean(-1)).min() / self.limit)

    @classmethod
    def of(cls, features: Sequence[ArrayLike], *, floor: float = _FLOOR) -> ImageReference:
        """From the features of at least one training image; smaller differences than the floor mean nothing."""
        table = np.array([np.asarray(row, dtype=np.float64) for row in features])
        spread = np.maximum(table.std(axis=0), floor)
        limit = float(_nearest(table / spread).max()) if len(table) >= _ENOUGH else 0.0
        return cls(tuple(tuple(map(float, row)) for row in table), tuple(map(float, spread)), limit)

    @cached_property
    def usual(self) -> float:
        """Distance within which most training images have a neighbour, whatever the loneliest do; 0 below four."""
        if len(self.features) < _ENOUGH:
            return 0.0
        return float(np.quantile(_nearest(np.array(self.features) / np.array(self.spread)), _USUAL))

    def apart(self, features: ArrayLike) -> tuple[str, ...]:
        """Why an image stands apart from those of the training, in words; else empty.

        `unusual` knows how far an image may lie for its *mask* to be as good as promised, and one lonely training image
        widens that. This is about what the image is.
        """
        found = self._farthest(features)
        if found is None or not self.usual or found[0] <= _APART * self.usual:
            return ()
        times = found[0] / self.usual
        return (f"most of all in {found[1]}: {times:.1f} times as far from them as most of these from each other",)

    def unusual(self, features: ArrayLike, *, far: float = FAR) -> tuple[str, ...]:
        """Why an image is more than `far` times `limit` from those of the training, in words; else empty."""
        found = self._farthest(features)
        if found is None or found[0] <= far * self.limit:
            return ()
        return (f"most of all in {found[1]}: {times_as_different(found[0] / self.limit)}",)

    def _farthest(self, features: ArrayLike) -> tuple[float, str] | None:
        """How far the nearest training image is, and in what most, in words; None where that is unknown."""
        values, table, spread = np.asarray(features, dtype=np.float64), np.array(self.features), np.array(self.spread)
        if not self.limit or values.shape != spread.shape:
            return None
        offsets = np.abs(table - values) / spread
        nearest = int(np.argmin((offsets**2).mean(-1)))
        name = image_names(len(spread) // (len(QUANTILES) + 2))[int(offsets[nearest].argmax())]
        return float(np.sqrt((offsets[nearest] ** 2).mean())), name


def _nearest(table: Float64Array) -> Float64Array:
    """Distance of each row `(n, features)` from its nearest neighbour among the others."""
    far = np.sqrt(((table[:, None] - table[None]) ** 2).mean(-1))
    np.fill_diagonal(far, np.inf)
    return np.asarray(far.min(axis=1))


def times_as_different(ratio: float) -> str:
    """How far an image lies from those of the training, in words.

    >>> times_as_different(2.04)
    'it differs from the nearest training image 2.0 times as much as these differ from each other'
    """
    return f"it differs from the nearest training image {ratio:.1f} times as much as these differ from each other"


def unusual_spacing(
    spacing: Sequence[float], low: Sequence[float], *, high: Sequence[float], unit: str = "mm"
) -> tuple[str, ...]:
    """Why voxels are unlike those of the training, whose sizes were between `low` and `high` along each axis."""
    return tuple(
        f"voxels of {size:.3g} {unit} along {axis} (in training {least:.3g} to {most:.3g})"
        for axis, size, least, most in zip("zyx"[-len(spacing) :], spacing, low, high, strict=True)
        if not least / _SPACING <= size <= most * _SPACING
    )


@dataclass(frozen=True)
class Shape:
    """A class's part of a mask: volume in mm³ (mm² in 2-D, samples without spacing), connected parts, and the share of
    the largest of them."""

    volume: float
    parts: int
    largest: float


def shapes(classes: NDArray[np.integer], n_classes: int, *, spacing: Sequence[float]) -> tuple[Shape, ...]:
    """The shape of every class from 1 on; values from `n_classes` on do not count.

    Volumes are exact. Parts are counted on every k-th sample of large masks, so that the memory that this takes is
    bounded: parts smaller than that may be missed.
    """
    import cc3d

    count = np.sum([np.bincount(plane.ravel(), minlength=n_classes)[:n_classes] for plane in classes], axis=0)
    thin = max(1, math.ceil((classes.size / _MOST_PARTS) ** (1 / classes.ndim)))
    small = classes[(slice(None, None, thin),) * classes.ndim]
    kept = np.where(small < n_classes, small, 0).astype(np.uint16 if n_classes > 255 else np.uint8)
    parts = cc3d.connected_components(kept, connectivity=8 if kept.ndim == 2 else 26)
    sizes, owner = np.bincount(parts.ravel()), np.zeros(int(parts.max()) + 1, dtype=np.int64)
    owner[parts.ravel()] = kept.ravel()
    size = float(np.prod(spacing))
    found = []
    for index in range(1, n_classes):
        mine = sizes[owner == index]
        share = float(mine.max() / mine.sum()) if len(mine) else float("nan")
        found.append(Shape(float(count[index]) * size, len(mine), share))
    return tuple(found)


@dataclass(frozen=True)
class ShapeReference:
    """Ranges of a class over the training masks that hold it."""

    volume_low: float
    volume_high: float
    parts_high: int
    largest_low: float
    masks: int

    @classmethod
    def of(cls, found: Sequence[Shape]) -> ShapeReference | None:
        """From the shapes of a class in the training masks; None where none holds it."""
        held = [shape for shape in found if shape.volume > 0]
        if not held:
            return None
        volumes = [shape.volume for shape in held]
        return cls(
            min(volumes), max(volumes), max(s.parts for s in held), min(s.largest for s in held), masks=len(held)
        )

    def unusual(self, shape: Shape, *, unit: str = "pixel") -> tuple[str, ...]:
        """Why a mask is unlike those of the training, in words; `unit` is that of its volume (`Look.size_unit`)."""
        if self.masks < _ENOUGH or shape.volume == 0:
            return ()
        reasons = []
        if not self.volume_low / 2 <= shape.volume <= self.volume_high * 2:
            low, high = plain_number(self.volume_low), plain_number(self.volume_high)
            several = "s" if unit in ("pixel", "voxel") and shape.volume != 1 else ""
            reasons.append(f"the mask covers {plain_number(shape.volume)} {unit}{several}; in training {low} to {high}")
        if shape.parts > 2 * self.parts_high + 3 and shape.largest < self.largest_low:
            reasons.append(f"the mask is in {shape.parts} parts; in training at most {self.parts_high}")
        return tuple(reasons)


def plain_number(value: float) -> str:
    """Three figures of a number, without an exponent where a person would write none.

    >>> plain_number(59312), plain_number(0.01234)
    ('59,300', '0.0123')
    """
    return f"{float(f'{value:.3g}'):,.10g}"


class Look:
    """What one image and its mask look like; `project.prediction.segment` fills it.

    evidence: what the network tells about the mask. features: of the image as the network saw it. spacing: of the
    image, in the network's order of axes. unit: of the spacing, mm or px. shapes: of the classes from 1 on. unheeded:
    prompts that the mask does not follow, in words. unheeded_of: the same by the class that they put in doubt. unlike:
    why its single objects say that the image is unlike those of the training. specks: voxels that were left out of the
    mask as such.
    """

    def __init__(self, n_classes: int) -> None:
        self.evidence = Evidence(n_classes)
        self.features: Float64Array = np.zeros(0)
        self.spacing: tuple[float, ...] = ()
        self.unit = "px"
        self.shapes: tuple[Shape, ...] = ()
        self.unheeded: tuple[str, ...] = ()
        self.unheeded_of: dict[int, tuple[str, ...]] = {}
        self.unlike: tuple[str, ...] = ()
        self.specks = 0

    def of_class(self, index: int) -> Look:
        """The same look with the prompts of one class only."""
        found = copy(self)
        found.unheeded = self.unheeded_of.get(index, ())
        return found

    @property
    def size_unit(self) -> str:
        """Of the volumes of its shapes, in words."""
        plane = len(self.spacing) == 2
        return ("pixel" if plane else "voxel") if self.unit == "px" else f"{self.unit}{'²' if plane else '³'}"

    def see(
        self,
        array: NDArray[np.floating],
        classes: NDArray[np.integer],
        *,
        spacing: Sequence[float],
        unit: str = "px",
    ) -> None:
        """Take down the image `(C, *spatial)` as the network sees it, and the class map with the image's spacing."""
        self.unit = unit
        self.features = image_features(array)
        self.spacing = tuple(float(mm) for mm in spacing)
        self.shapes = shapes(classes, len(self.evidence.count), spacing=spacing)
