"""What a data set is like, in numbers: the only thing, beside the machine, that a plan is derived from.

Large structures and thin ones need different networks. What decides is not the size of the images but the *thickness*
of the structures (twice the largest distance to their border): a vessel is 8 pixels thick, a lung 150.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import DatasetError
from septum.geometry.placement import Placement
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.data.classes import ClassMap
from septum.workflows.runs.failures import Failures, listed

MOST_CASES = 40
"""A fingerprint is taken from at most so many cases, spread evenly: its medians do not change with more."""


MOST_VOXELS = 4_000_000


SMALL_SIDE = 8
"""Blocks per side of the small copies by which images are compared with their mirror images."""


@dataclass(frozen=True)
class Fingerprint:
    """Numbers about a data set, axes in the network's order, spacing in mm (pixels where files have no size).

    Args:
        cases: how many cases were looked at.
        ndim: 2 or 3.
        anatomical: volumes with a patient orientation.
        shape_min, shape_median, shape_max: of the images on their own grids.
        spacing_min, spacing_median, spacing_max: over the cases, per axis.
        channels: of the case with the most.
        low, high, mean, std: per channel, over the annotated structures: 0.5 and 99.5 percentile, mean and deviation.
        minimum: smallest intensity of all.
        zero_share: largest share of samples that are exactly zero over the cases (background that was cut away).
        class_shares: share of the annotated samples per class.
        brighter: share of the cases whose structures are brighter than their surroundings (first channel).
        thickness: median over the cases of the thickest structure, in samples of the finest axis.
        median_voxels: samples per image.
        grey: share of the cases that are grey although others have colours.
        directed: per axis, how much more alike the images are to each other than to their mirror images along it:
            about 0 where an image and its mirror image are equally likely (tissue, skin, the inside of a bowel), 0.2
            and more where one side is always up (radiographs, ultrasound). Difference of correlations of small copies.
        smallest: of planes, per class, the smallest connected piece of all cases as a share of its image; 0 for the
            background and for classes that do not occur.
    """

    cases: int
    ndim: int
    anatomical: bool
    shape_min: tuple[int, ...]
    shape_median: tuple[int, ...]
    shape_max: tuple[int, ...]
    spacing_min: tuple[float, ...]
    spacing_median: tuple[float, ...]
    spacing_max: tuple[float, ...]
    channels: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    minimum: float
    zero_share: float
    class_shares: tuple[float, ...]
    brighter: float
    thickness: float
    median_voxels: int
    grey: float = 0.0
    directed: tuple[float, ...] = ()
    smallest: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Look:
    """What one case contributes."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    anatomical: bool
    values: tuple[NDArray[np.float32], ...]
    minimum: float
    zero_share: float
    counts: NDArray[np.int64]
    brighter: bool
    thickness: float
    small: NDArray[np.float64]
    smallest: NDArray[np.float64]


def take_fingerprint(
    cases: Sequence[Case],
    classes: ClassMap,
    *,
    on_progress: Callable[[str, float], None] | None = None,
    failures: Failures | None = None,
) -> Fingerprint:
    """Look at labelled `cases`, one at a time; those that cannot be read go to `failures`, where it is given.

    Raises:
        DatasetError: when planes and volumes are mixed.
        GeometryError, FormatError: as `load_pair`.
    """
    step = max(1, -(-len(cases) // MOST_CASES))
    looks = []
    for number, case in enumerate(cases[::step]):
        with listed(failures, case.id):
            looks.append(_look(case, classes))
        if on_progress:
            on_progress(f"looking at {case.id}", (number + 1) * step / len(cases))
    if not looks and failures is not None:
        raise DatasetError(f"images and labels must be readable, got none that are; {failures.first}")
    dimensions = sorted({len(look.shape) for look in looks})
    if len(dimensions) > 1:
        raise DatasetError("a data set must hold planes or volumes, got both; put them into two data sets")
    shapes = np.array([look.shape for look in looks])
    spacings = np.array([look.spacing for look in looks])
    channels = max(len(look.values) for look in looks)
    pools = [np.concatenate([look.values[min(c, len(look.values) - 1)] for look in looks]) for c in range(channels)]
    counts = np.sum([look.counts for look in looks], axis=0)
    return Fingerprint(
        cases=len(looks),
        ndim=dimensions[0],
        anatomical=any(look.anatomical for look in looks),
        shape_min=_ints(shapes.min(0)),
        shape_median=_ints(np.median(shapes, axis=0)),
        shape_max=_ints(shapes.max(0)),
        spacing_min=_floats(spacings.min(0)),
        spacing_median=_floats(np.median(spacings, axis=0)),
        spacing_max=_floats(spacings.max(0)),
        channels=channels,
        low=tuple(float(np.percentile(pool, 0.5)) for pool in pools),
        high=tuple(float(np.percentile(pool, 99.5)) for pool in pools),
        mean=tuple(float(pool.mean(dtype=np.float64)) for pool in pools),
        std=tuple(float(pool.std(dtype=np.float64)) for pool in pools),
        minimum=min(look.minimum for look in looks),
        zero_share=max(look.zero_share for look in looks),
        class_shares=tuple(float(c) for c in counts / max(1, counts.sum())),
        brighter=float(np.mean([look.brighter for look in looks])),
        thickness=float(np.median([look.thickness for look in looks])),
        median_voxels=int(np.median(shapes.prod(axis=1))),
        grey=float(np.mean([len(look.values) == 1 < channels for look in looks])),
        directed=_directed([look.small for look in looks]),
        smallest=_finite(np.min([look.smallest for look in looks], axis=0)) if dimensions == [2] else (),
    )


def _look(case: Case, classes: ClassMap) -> _Look:
    image, labels = load_pair(case)
    place = Placement.plan(image.grid, None)
    target = classes.to_classes(place.reorient(labels.array))
    array = place.reorient(image.array)
    thin = max(1, round((target.size / MOST_VOXELS) ** (1 / target.ndim)))
    cut = (slice(None, None, thin),) * target.ndim
    small = target[cut]
    inside = (small > 0) & (small != classes.ignore_class)
    if not inside.any():
        inside = small != classes.ignore_class
    values = tuple(_some(channel[cut][inside]) for channel in array)
    spacing = tuple(image.grid.spacing[axis] for axis in place.axes)
    return _Look(
        shape=target.shape,
        spacing=spacing,
        anatomical=image.grid.anatomical,
        values=values,
        minimum=float(np.nanmin(array[(slice(None), *cut)])),
        zero_share=float(np.mean(array[0][cut] == 0)),
        counts=np.bincount(small[small != classes.ignore_class].ravel(), minlength=classes.n_classes)[
            : classes.n_classes
        ].astype(np.int64),
        brighter=bool(values[0].mean() > np.nanmean(array[0][cut][small == 0])) if (small == 0).any() else True,
        thickness=thin * _thickness(small, classes, spacing=spacing),
        small=_small(array[0]),
        smallest=_smallest_pieces(small, classes.n_classes) if small.ndim == 2 else np.zeros(0),
    )


def _small(channel: NDArray[Any]) -> NDArray[np.float64]:
    """Means of `SMALL_SIDE` blocks along each axis, shifted and scaled to mean 0 and norm 1 (0 when constant)."""
    small = channel
    for axis, size in enumerate(channel.shape):
        starts = np.linspace(0, size, SMALL_SIDE, endpoint=False).astype(int)
        blocks = [
            small.take(range(a, max(b, a + 1)), axis).mean(axis, dtype=np.float64)
            for a, b in zip(starts, [*starts[1:], size], strict=True)
        ]
        small = np.nan_to_num(np.stack(blocks, axis))
    small = small - small.mean()
    norm = float(np.linalg.norm(small))
    return np.asarray(small / norm if norm > 0 else small, np.float64)


def _directed(copies: Sequence[NDArray[np.float64]]) -> tuple[float, ...]:
    """Per axis: mean correlation of each small copy with the mean of the others, less that of its mirror image."""
    if len(copies) < 2:
        return ()
    total = np.sum(copies, axis=0)
    found = []
    for axis in range(total.ndim):
        gains = []
        for copy in copies:
            others = total - copy
            others = others / max(float(np.linalg.norm(others)), 1e-12)
            gains.append(float(np.sum((copy - np.flip(copy, axis)) * others)))
        found.append(round(float(np.mean(gains)), 4))
    return tuple(found)


def _thickness(target: NDArray[Any], classes: ClassMap, *, spacing: Sequence[float]) -> float:
    """Twice the largest distance to the border over all classes, in samples of the finest axis."""
    sampling = np.array(spacing) / min(spacing)
    widest = 0.0
    for index in range(1, min(classes.n_classes, 20)):
        mask = target == index
        if mask.any():
            box = ndimage.find_objects(mask.astype(np.uint8))[0]
            padded = np.pad(mask[box], 1)
            widest = max(widest, 2 * float(ndimage.distance_transform_edt(padded, sampling=sampling).max()))
    return widest


def _smallest_pieces(target: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Per class, the smallest connected piece of a plane as a share of it; infinite where there is none."""
    found = np.full(n_classes, np.inf)
    for index in range(1, n_classes):
        pieces, count = ndimage.label(target == index, np.ones((3, 3)))
        if count:
            found[index] = np.bincount(pieces.ravel())[1:].min() / target.size
    return found


def _finite(shares: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(share) if np.isfinite(share) else 0.0 for share in shares)


def _some(values: NDArray[Any]) -> NDArray[np.float32]:
    kept = values[:: max(1, values.size // 20000)].astype(np.float32)
    return kept[np.isfinite(kept)]


def _ints(values: NDArray[Any]) -> tuple[int, ...]:
    return tuple(round(float(v)) for v in values)


def _floats(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(v), 6) for v in values)
