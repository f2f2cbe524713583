"""A filter bank that describes each voxel by what lies round it: brightness, edges, blobs, ridges at several scales.

The insight: every filter here is made of Gaussian derivatives, so the filters of one scale share them. A scale needs
the image only a few widths beyond the block that is asked for, so any block gives what the whole image gives, and
memory is bounded by the block.

Filters and scales as in ilastik (Berg et al. 2019, Nature Methods 16:1226): Gaussian, Laplacian of Gaussian, Gaussian
gradient magnitude, difference of Gaussians, eigenvalues of the structure tensor and of the Hessian.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.geometry.arrays import Float32Array, Spacing, channels_image, spacing_mm
from septum.interactive.pixels.derivatives import Orders, derivatives, eigenvalues, radius
from septum.interactive.tool import Box
from septum.options import at_least, one_of

KINDS = ("gaussian", "laplacian", "gradient", "difference", "structure", "hessian")


UNITS = ("voxel", "mm")


SCALES = (0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0)


DERIVED_FROM = 0.5
"""Scales below this one are so narrow that only the Gaussian is worth having (ilastik's rule)."""


NARROWER, OUTER = 0.66, 0.5
"""The second Gaussian of the difference, and the window of the structure tensor, as shares of the scale (ilastik's)."""


LARGEST = 30.0


MOST_VALUE = 1e9


@dataclass(frozen=True)
class FeatureSettings:
    """Which filters, at which scales.

    Args:
        kinds: filters of `KINDS`.
        scales: standard deviations of the Gaussians, 0.3 to 30; below 0.5 only the Gaussian itself is taken.
        unit: "mm", or "voxel" for multiples of the image's finest spacing. Both are isotropic in mm.
        selection: which of `feature_names` are kept, by number; None keeps all.

    Raises:
        ConfigError: an unknown kind or unit, none or repeated ones, a scale outside its range, or a wrong selection.
    """

    kinds: tuple[str, ...] = KINDS
    scales: tuple[float, ...] = SCALES
    unit: str = "voxel"
    selection: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        one_of(self.unit, UNITS, name="unit")
        for kind in self.kinds:
            one_of(kind, KINDS, name="kinds")
        for scale in self.scales:
            if at_least(scale, 0.3, name="scales") > LARGEST:
                raise ConfigError(f"scales must be at most {LARGEST:g}, got {scale:g}; choose a smaller one")
        chosen = (0,) if self.selection is None else self.selection
        for name, values in (("kinds", self.kinds), ("scales", self.scales), ("selection", chosen)):
            if not values or len(set(values)) != len(values):
                raise ConfigError(f"{name} must name one thing or more, each once, got {list(values)}; correct it")
        if min(chosen) < 0:
            raise ConfigError(f"selection must hold feature numbers from 0, got {list(chosen)}; correct it")
        if "gaussian" not in self.kinds and max(self.scales) < DERIVED_FROM:
            raise ConfigError(
                f"scales must reach {DERIVED_FROM:g} for filters other than the Gaussian, got {list(self.scales)}; "
                "add a wider one"
            )


class Feature(NamedTuple):
    """One feature: channel, scale, filter, and which eigenvalue (0 is the largest; None for the other filters)."""

    channel: int
    scale: float
    kind: str
    part: int | None

    @property
    def name(self) -> str:
        """As it is shown, such as "0 hessian 1.6 #2"."""
        return f"{self.channel} {self.kind} {self.scale:g}" + ("" if self.part is None else f" #{self.part + 1}")


def features_of(settings: FeatureSettings, *, channels: int, ndim: int) -> tuple[Feature, ...]:
    """The features of an image, in the order of `filter_bank`: by channel, scale and filter.

    >>> found = features_of(FeatureSettings(("gaussian", "hessian"), (0.3, 1.0)), channels=1, ndim=2)
    >>> ", ".join(f.name for f in found)
    '0 gaussian 0.3, 0 gaussian 1, 0 hessian 1 #1, 0 hessian 1 #2'

    Raises:
        ConfigError: a selection of features that there are not.
    """
    found = [
        Feature(channel, scale, kind, part)
        for channel, scale, kind in product(range(channels), settings.scales, settings.kinds)
        if kind == "gaussian" or scale >= DERIVED_FROM
        for part in (range(ndim) if kind in ("structure", "hessian") else (None,))
    ]
    if settings.selection is None:
        return tuple(found)
    if max(settings.selection) >= len(found):
        raise ConfigError(
            f"selection must be below {len(found)}, the features of {channels} channel(s) in {ndim}-D, "
            f"got {max(settings.selection)}; choose others"
        )
    return tuple(found[i] for i in settings.selection)


class FilterBank:
    """The features of one image, made block by block.

    Args:
        image: `(C, *spatial)` with 2 or 3 spatial axes, finite. Beyond its border it is mirrored.
        settings: filters and scales; None takes the defaults.
        spacing: mm per spatial axis; derivatives are per mm (with unit "voxel": per finest spacing).

    Raises:
        GeometryError, DatasetError: an image of other axes, with values that are not finite, or beyond ±1e9.
        ConfigError: a selection of features that there are not.

    >>> bank = FilterBank(np.ones((1, 9, 9)), settings=FeatureSettings(("gaussian", "gradient"), (1.0,)))
    >>> bank.block(Box((4, 4), (5, 5)))[:, 0, 0].round(5).tolist()
    [1.0, 0.0]
    """

    def __init__(self, image: ArrayLike, *, settings: FeatureSettings | None = None, spacing: Spacing = None) -> None:
        self.array = _moderate(channels_image(image))
        self.settings = settings or FeatureSettings()
        ndim = self.array.ndim - 1
        self.step = scaled_spacing(spacing_mm(spacing, ndim), self.settings.unit)
        self.features = features_of(self.settings, channels=len(self.array), ndim=ndim)

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return self.array.shape[1:]

    def block(self, box: Box | None = None) -> Float32Array:
        """The features `(F, *box.shape)` of the voxels of `box` (None: of the whole image), named by `features`.

        They are those of the whole image, bit by bit. Eigenvalues come in descending order.

        Raises:
            GeometryError: an empty box, or one that reaches outside the image.
        """
        place = checked_box(box, self.shape)
        out = np.empty((len(self.features), *place.shape), np.float32)
        groups: dict[tuple[int, float], list[tuple[int, Feature]]] = {}
        for row, feature in enumerate(self.features):
            groups.setdefault((feature.channel, feature.scale), []).append((row, feature))
        for (channel, scale), wanted in groups.items():
            kinds = {feature.kind for _, feature in wanted}
            made = _scale_features(self.array[channel], place, scale=scale, step=self.step, kinds=kinds)
            for row, feature in wanted:
                out[row] = made[feature.kind][feature.part or 0]
        return out


def _moderate(array: NDArray[Any]) -> NDArray[Any]:
    """The image, when fourth powers of its values (eigenvalues of products) stay finite in single precision."""
    if array.dtype.itemsize > 2:
        largest = max(abs(float(array.min())), abs(float(array.max())))
        if largest > MOST_VALUE:
            raise DatasetError(
                f"image must hold values within ±{MOST_VALUE:g}, got one of size {largest:g}; rescale it first"
            )
    return array


def filter_bank(
    image: ArrayLike, *, settings: FeatureSettings | None = None, spacing: Spacing = None, box: Box | None = None
) -> Float32Array:
    """The features `(F, *box.shape)` of the voxels of `box` (None: the whole image); all as `FilterBank`.

    >>> filter_bank(np.ones((1, 9, 9))).shape[1:]
    (9, 9)
    """
    return FilterBank(image, settings=settings, spacing=spacing).block(box)


def scaled_spacing(spacing: Sequence[float], unit: str) -> tuple[float, ...]:
    """Spacing per axis in the unit of the scales.

    >>> scaled_spacing((3.0, 0.5), "voxel")
    (6.0, 1.0)
    """
    return tuple(s / min(spacing) for s in spacing) if unit == "voxel" else tuple(spacing)


def checked_box(box: Box | None, shape: Sequence[int]) -> Box:
    """`box`, or the whole of `shape`.

    Raises:
        GeometryError: an empty box, one of other axes, or one that reaches outside.

    >>> checked_box(None, (4, 5))
    Box(start=(0, 0), stop=(4, 5))
    """
    whole = Box.whole(shape)
    if box is None:
        return whole
    if len(box.start) != len(shape) or not box.within(whole) or 0 in box.shape:
        raise GeometryError(
            f"region must be a box inside the image of shape {tuple(shape)}, got {box.start} to {box.stop}; correct it"
        )
    return box


def boxes_of(box: Box, *, voxels: int = 1 << 18) -> Iterator[Box]:
    """Boxes of about `voxels` voxels at most that together are `box`, cut across the longest axes first.

    >>> list(boxes_of(Box((0, 0), (4, 2)), voxels=4))
    [Box(start=(0, 0), stop=(2, 2)), Box(start=(2, 0), stop=(4, 2))]
    """
    size = list(box.shape)
    while math.prod(size) > voxels and max(size) > 1:
        longest = size.index(max(size))
        size[longest] = -(-size[longest] // 2)
    starts = [range(a, b, max(n, 1)) for a, b, n in zip(box.start, box.stop, size, strict=True)]
    for start in product(*starts):
        yield Box(start, tuple(min(a + n, b) for a, n, b in zip(start, size, box.stop, strict=True)))


def _scale_features(
    channel: NDArray[Any], box: Box, *, scale: float, step: Sequence[float], kinds: set[str]
) -> dict[str, list[Float32Array]]:
    """The features of one channel and scale in `box`, by kind.

    The gradient reaches as far round the box as the window of the structure tensor, the image by a kernel further.
    """
    window = [radius(OUTER * scale / s) if "structure" in kinds else 0 for s in step]
    wide = _grown(box, channel.shape, margin=window)
    crop = _grown(wide, channel.shape, margin=[radius(scale / s) for s in step])
    part = channel[crop.slices].astype(np.float32)
    ndim = part.ndim
    zero, first, second = _orders(ndim)
    needed: set[Orders] = set()
    needed |= {zero} if kinds & {"gaussian", "difference"} else set()
    needed |= {second[i, i] for i in range(ndim)} if "laplacian" in kinds else set()
    needed |= set(second.values()) if "hessian" in kinds else set()
    inner = _seen_from(crop, box)
    got = derivatives(part, scale=scale, spacing=step, orders=sorted(needed), keep=inner)
    made: dict[str, list[Float32Array]] = {}
    if "gaussian" in kinds:
        made["gaussian"] = [got[zero]]
    if "difference" in kinds:
        narrow = derivatives(part, scale=NARROWER * scale, spacing=step, orders=[zero], keep=inner)
        made["difference"] = [got[zero] - narrow[zero]]
    if "laplacian" in kinds:
        made["laplacian"] = [_sum(got[second[i, i]] for i in range(ndim))]
    if "hessian" in kinds:
        made["hessian"] = eigenvalues({key: got[orders] for key, orders in second.items()}, ndim=ndim)
    if kinds & {"gradient", "structure"}:
        slopes = derivatives(part, scale=scale, spacing=step, orders=first, keep=_seen_from(crop, wide))
        middle = _seen_from(wide, box)
        made["gradient"] = [np.sqrt(_sum(np.square(slopes[o][middle]) for o in first))]
        if "structure" in kinds:
            made["structure"] = _structure([slopes[o] for o in first], middle, scale=OUTER * scale, step=step)
    return made


def _grown(box: Box, shape: Sequence[int], *, margin: Sequence[int]) -> Box:
    return Box.around([box.start, [b - 1 for b in box.stop]], shape, margin=margin)


def _seen_from(outer: Box, box: Box) -> tuple[slice, ...]:
    """The index that cuts `box` from the array of `outer`."""
    return tuple(slice(a - c, b - c) for a, b, c in zip(box.start, box.stop, outer.start, strict=True))


@lru_cache
def _orders(ndim: int) -> tuple[Orders, tuple[Orders, ...], dict[tuple[int, int], Orders]]:
    """Orders of no derivative, of the first ones by axis, and of the second ones by pair of axes."""
    first = tuple(tuple(int(a == axis) for a in range(ndim)) for axis in range(ndim))
    second = {
        (i, j): tuple(a + b for a, b in zip(first[i], first[j], strict=True))
        for i in range(ndim)
        for j in range(i, ndim)
    }
    return (0,) * ndim, first, second


def _sum(arrays: Iterator[Float32Array]) -> Float32Array:
    total = next(arrays).copy()
    for array in arrays:
        total += array
    return total


def _structure(
    gradient: list[Float32Array], inner: tuple[slice, ...], *, scale: float, step: Sequence[float]
) -> list[Float32Array]:
    """Eigenvalues of the outer product of the gradient, averaged over a Gaussian window."""
    ndim = len(gradient)
    zero = (0,) * ndim
    tensor = {}
    for i, j in combinations_with_replacement(range(ndim), 2):
        square = gradient[i] * gradient[j]
        tensor[i, j] = derivatives(square, scale=scale, spacing=step, orders=[zero], keep=inner)[zero]
    return eigenvalues(tensor, ndim=ndim)
