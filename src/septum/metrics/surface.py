"""Distances between the surfaces of two masks, in millimetres, each weighted by the surface it stands for.

The insight: one expensive result, many cheap readers. `surface_distances` finds for every element of either surface how
far the other surface is; Hausdorff distance, its percentiles, average distances and surface Dice are then a maximum, a
weighted quantile, a weighted mean and a weighted fraction of the same four lists. Weighting matters: on a grid of
0.5 x 0.5 x 7.5 mm a count of border voxels mostly counts slices.

Conventions, where tools differ:

- A surface lies between voxels (`metrics.surfels`), not on border voxels. MONAI and SimpleITK measure between border
  voxels; their distances differ from these by up to about one voxel, and they do not see a voxel's thickness.
- A percentile is that of each direction by area, the smallest distance within which so much of the surface lies; the
  larger of the two directions is reported. No interpolation. (As in surface-distance; MONAI interpolates.)
- Distances come in single precision from the distance transform; a tolerance therefore admits one part in a million
  more, so that 0.3 mm is within 0.3 mm.
- Outside the array is background: a mask that touches the edge has a surface there.
- Empty masks are decided by `metrics.summary.POLICIES`.

Sources: Nikolov et al. 2021, J Med Internet Res 23:e26151; Reinke et al. 2024, Nature Methods 21:182; Maier-Hein et al.
2024, Nature Methods 21:195.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Slices, as_labels, as_masks, bounding_box, check_shapes, union_box
from septum.metrics.overlap import present
from septum.metrics.summary import EmptyCase, empty_case, empty_value
from septum.metrics.surfels import element_sizes, neighbour_codes, on_surface

# Grid corners per surface element above which a search tree beats the distance transform even where it is slowest,
# between concentric surfaces: measured, 2-D 1.4 to 5 against 7 ms on 500 x 500; in 3-D the tree may lose 5 to 1 at 20.
_SPARSE = {2: 30.0, 3: 400.0}
_SLACK = 1e-6  # relative: rounding of the distance transform
_SHARE_ROUNDING = 1e-9  # of the whole area: rounding of running sums, far below the share of any one element
_DIRECT = 1 << 16  # labels below this are located without renumbering


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """How far each element of either surface is from the other surface.

    Args:
        reference_to_prediction_mm: `(N,)` distances from the reference's elements; inf where the prediction is empty.
        prediction_to_reference_mm: `(M,)` distances from the prediction's elements; inf where the reference is empty.
        reference_sizes: `(N,)` areas in mm² of the reference's elements (lengths in mm in 2-D).
        prediction_sizes: `(M,)` the same of the prediction.
        diagonal_mm: of the whole array: no distance can be longer. The price of a missed structure in the policy
            "penalise".
    """

    reference_to_prediction_mm: NDArray[np.float64]
    prediction_to_reference_mm: NDArray[np.float64]
    reference_sizes: NDArray[np.float64]
    prediction_sizes: NDArray[np.float64]
    diagonal_mm: float

    @property
    def empty(self) -> EmptyCase | None:
        """The row of `metrics.summary.EMPTY_CASES` that applies, or None when both masks hold something."""
        return empty_case(
            reference_empty=not self.reference_sizes.size, prediction_empty=not self.prediction_sizes.size
        )


def surface_distances(reference: ArrayLike, prediction: ArrayLike, *, spacing: Sequence[float]) -> SurfaceDistances:
    """Distances between the surfaces of two masks, both ways.

    Args:
        reference: mask `(Y, X)` or `(Z, Y, X)`, boolean, or integer where everything but 0 is inside.
        prediction: mask of the same shape.
        spacing: positive mm per array axis.

    Raises:
        GeometryError: masks that are not 2-D or 3-D, not of one shape, not boolean or integer, or impossible spacing.

    Work and memory (about 10 bytes per voxel) go with the box around both masks, not with the array.

    >>> a = np.zeros((5, 9), bool); a[1:4, 1:4] = True
    >>> hausdorff(surface_distances(a, np.roll(a, 3, axis=1), spacing=(1.0, 0.5)))
    1.5
    """
    ref, pred = as_masks(reference, prediction)
    step = _check_spacing(spacing, ref.ndim)
    around = union_box([bounding_box(ref), bounding_box(pred)], ndim=ref.ndim)
    return _measure(ref[around], pred[around], spacing=step, diagonal=_diagonal(ref.shape, step))


def label_surfaces(
    reference: ArrayLike,
    prediction: ArrayLike,
    *,
    spacing: Sequence[float],
    labels: Sequence[int] | None = None,
    workers: int = 1,
) -> dict[int, SurfaceDistances]:
    """Surface distances of every label of a label map, one against the rest.

    Args:
        reference: integer labels `(Y, X)` or `(Z, Y, X)`.
        prediction: integer labels of the same shape.
        spacing: positive mm per array axis.
        labels: values to measure; None: all that occur on either side, except 0.
        workers: threads. Each holds one label's box at a time.

    Returns:
        a dictionary in the order of `labels`; a label that occurs nowhere has empty lists.

    Raises:
        GeometryError: as `surface_distances`.
        ConfigError: repeated labels, or fewer than one worker.

    All labels are located in one pass over either array; each is then measured within its own box.

    >>> volume = np.array([[1, 1, 2], [1, 1, 2]])
    >>> print(*(hausdorff(found) for found in label_surfaces(volume, volume, spacing=(1, 1)).values()))
    0.0 0.0
    """
    ref, pred = as_labels(reference, "reference"), as_labels(prediction, "prediction")
    check_shapes(ref, pred)
    step = _check_spacing(spacing, ref.ndim)
    if labels is not None and len(set(labels)) != len(labels):
        raise ConfigError(f"labels must be distinct, got {list(labels)}; name each value once")
    if workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}; 1 measures one label after the other")
    diagonal = _diagonal(ref.shape, step)
    if labels is None or 0 not in labels:
        around = union_box([bounding_box(ref), bounding_box(pred)], ndim=ref.ndim)
        ref, pred = ref[around], pred[around]
    chosen = _occurring(ref, pred) if labels is None else [int(label) for label in labels]
    places = list(zip(_boxes(ref, chosen), _boxes(pred, chosen), strict=True))

    def one(label: int, place: tuple[Slices | None, Slices | None]) -> SurfaceDistances:
        around = union_box(place, ndim=ref.ndim)
        return _measure(ref[around] == label, pred[around] == label, spacing=step, diagonal=diagonal)

    if workers == 1:
        return {label: one(label, place) for label, place in zip(chosen, places, strict=True)}
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(chosen, pool.map(one, chosen, places), strict=True))


def hausdorff(distances: SurfaceDistances, *, policy: str = "undefined") -> float:
    """Hausdorff distance in mm: the largest distance either way. Empty masks as in `summary.POLICIES`.

    Source: Huttenlocher et al. 1993, IEEE TPAMI 15:850.

    >>> square = np.zeros((5, 9), bool); square[1:4, 1:4] = True
    >>> hausdorff(surface_distances(square, np.roll(square, 2, axis=1), spacing=(1.0, 0.5)))
    1.0
    """
    decided = _decided("hausdorff", distances, policy=policy)
    if decided is not None:
        return decided
    return float(max(distances.reference_to_prediction_mm.max(), distances.prediction_to_reference_mm.max()))


def hausdorff_percentile(distances: SurfaceDistances, percentile: float = 95.0, *, policy: str = "undefined") -> float:
    """Percentile of the distances in mm, by area, the larger of both directions. Empty masks as in `POLICIES`.

    Args:
        distances: of `surface_distances`.
        percentile: between 0 and 100; 100 is the Hausdorff distance.
        policy: for empty masks, see `metrics.summary.POLICIES`.

    Raises:
        ConfigError: a percentile outside 0 to 100.

    >>> one, other = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    >>> one[1, 2] = other[1, 5] = True  # edges 2 mm and 3 mm apart
    >>> hausdorff_percentile(surface_distances(one, other, spacing=(1.0, 1.0)), 50)
    2.0
    >>> hausdorff_percentile(surface_distances(one, other, spacing=(1.0, 1.0)), 100)
    3.0
    """
    if not 0 <= percentile <= 100:
        raise ConfigError(f"percentile must lie between 0 and 100, got {percentile}; 95 is customary")
    decided = _decided("hausdorff_percentile", distances, policy=policy)
    if decided is not None:
        return decided
    there = _quantile(distances.reference_to_prediction_mm, distances.reference_sizes, fraction=percentile / 100)
    back = _quantile(distances.prediction_to_reference_mm, distances.prediction_sizes, fraction=percentile / 100)
    return max(there, back)


def average_surface_distance(distances: SurfaceDistances, *, policy: str = "undefined") -> tuple[float, float]:
    """Mean distances in mm, by area: from the reference to the prediction, and back. Empty masks as in `POLICIES`.

    >>> one, other = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    >>> one[1, 2] = other[1, 5] = True  # edges 2 mm and 3 mm apart
    >>> average_surface_distance(surface_distances(one, other, spacing=(1.0, 1.0)))
    (2.5, 2.5)
    """
    decided = _decided("average_surface_distance", distances, policy=policy)
    if decided is not None:
        return decided, decided
    return (
        float(np.average(distances.reference_to_prediction_mm, weights=distances.reference_sizes)),
        float(np.average(distances.prediction_to_reference_mm, weights=distances.prediction_sizes)),
    )


def average_symmetric_surface_distance(distances: SurfaceDistances, *, policy: str = "undefined") -> float:
    """Mean distance in mm over both surfaces together, by area (ASSD). Empty masks as in `POLICIES`.

    Source: Heimann et al. 2009, IEEE TMI 28:1251.

    >>> one, other = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    >>> one[1, 2] = other[1, 5] = True  # edges 2 mm and 3 mm apart
    >>> average_symmetric_surface_distance(surface_distances(one, other, spacing=(1.0, 1.0)))
    2.5
    """
    decided = _decided("average_symmetric_surface_distance", distances, policy=policy)
    if decided is not None:
        return decided
    total = distances.reference_to_prediction_mm @ distances.reference_sizes
    total += distances.prediction_to_reference_mm @ distances.prediction_sizes
    return float(total / (distances.reference_sizes.sum() + distances.prediction_sizes.sum()))


def mean_absolute_surface_distance(distances: SurfaceDistances, *, policy: str = "undefined") -> float:
    """Mean of the two directed averages in mm (MASD): both surfaces count alike, however large. Empty: `POLICIES`.

    Source: Maier-Hein et al. 2024, Nature Methods 21:195 (mean average surface distance).

    >>> one, other = np.zeros((3, 9), bool), np.zeros((3, 9), bool)
    >>> one[1, 2] = other[1, 5] = True  # edges 2 mm and 3 mm apart
    >>> mean_absolute_surface_distance(surface_distances(one, other, spacing=(1.0, 1.0)))
    2.5
    """
    decided = _decided("mean_absolute_surface_distance", distances, policy=policy)
    return sum(average_surface_distance(distances)) / 2 if decided is None else decided


def surface_dice(distances: SurfaceDistances, *, tolerance_mm: float, policy: str = "undefined") -> float:
    """Fraction of both surfaces that lies within a tolerance of the other (NSD), in [0, 1]. Empty: `POLICIES`.

    Args:
        distances: of `surface_distances`.
        tolerance_mm: what counts as agreement, for instance the distance between two experts.
        policy: for empty masks, see `metrics.summary.POLICIES`.

    Raises:
        ConfigError: a tolerance below 0.

    Source: Nikolov et al. 2021, J Med Internet Res 23:e26151, equation 2.

    >>> band, moved = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    >>> band[3:6] = True; moved[4:7] = True
    >>> distances = surface_distances(band, moved, spacing=(2.0, 1.0))
    >>> surface_dice(distances, tolerance_mm=2.0)
    1.0
    """
    if not tolerance_mm >= 0:
        raise ConfigError(f"tolerance_mm must be at least 0, got {tolerance_mm}; take about a voxel or more")
    decided = _decided("surface_dice", distances, policy=policy)
    if decided is not None:
        return decided
    within = tolerance_mm * (1 + _SLACK)
    agreed = distances.reference_sizes[distances.reference_to_prediction_mm <= within].sum()
    agreed += distances.prediction_sizes[distances.prediction_to_reference_mm <= within].sum()
    return min(1.0, float(agreed / (distances.reference_sizes.sum() + distances.prediction_sizes.sum())))


# Scores that need nothing but the distances, by the names they have in `summary.EMPTY_CASES`.
SURFACE_SCORES: dict[str, Callable[..., float]] = {
    "hausdorff": hausdorff,
    "hausdorff_percentile": hausdorff_percentile,
    "average_symmetric_surface_distance": average_symmetric_surface_distance,
    "mean_absolute_surface_distance": mean_absolute_surface_distance,
}


def _decided(name: str, distances: SurfaceDistances, *, policy: str) -> float | None:
    return empty_value(name, distances.empty, policy=policy, worst=distances.diagonal_mm)


def _quantile(distances: NDArray[np.float64], sizes: NDArray[np.float64], *, fraction: float) -> float:
    """The smallest distance within which a share `fraction` of the area lies, reached up to the rounding of the sums.

    Without that allowance a share met exactly (half of the outline, say) would depend on the unit of the spacing.
    """
    order = np.argsort(distances)
    running = np.cumsum(sizes[order])
    place = int(np.searchsorted(running / running[-1], fraction - _SHARE_ROUNDING))
    return float(distances[order[min(place, order.size - 1)]])


def _measure(
    ref: NDArray[np.bool_], pred: NDArray[np.bool_], *, spacing: Sequence[float], diagonal: float
) -> SurfaceDistances:
    """Distances of two masks cropped to the box around both."""
    sizes = element_sizes(spacing)
    codes = [neighbour_codes(mask) for mask in (ref, pred)]
    shape = codes[0].shape
    places = [np.flatnonzero(on_surface(code, ndim=ref.ndim)) for code in codes]
    areas = [sizes[code.reshape(-1)[place]] for code, place in zip(codes, places, strict=True)]
    there = _nearest(places[0], places[1], shape=shape, spacing=spacing)
    back = _nearest(places[1], places[0], shape=shape, spacing=spacing)
    return SurfaceDistances(there, back, areas[0], areas[1], diagonal)


def _nearest(
    start: NDArray[np.intp], goal: NDArray[np.intp], *, shape: tuple[int, ...], spacing: Sequence[float]
) -> NDArray[np.float64]:
    """Distance in mm from each grid corner of `start` to the nearest one of `goal`, both as flat places."""
    if not goal.size or not start.size:
        return np.full(start.size, np.inf)
    if math.prod(shape) > _SPARSE[len(shape)] * (start.size + goal.size):
        points = [np.stack(np.unravel_index(p, shape), axis=1) * np.asarray(spacing) for p in (start, goal)]
        return np.asarray(cKDTree(points[1]).query(points[0])[0], dtype=np.float64)
    free = np.ones(shape, dtype=np.uint8)
    free.reshape(-1)[goal] = 0
    distance: NDArray[np.float32] = edt.edt(free, anisotropy=spacing, black_border=False, parallel=1)
    return distance.reshape(-1)[start].astype(np.float64)


def _check_spacing(spacing: Sequence[float], ndim: int) -> tuple[float, ...]:
    step = tuple(float(s) for s in spacing)
    if len(step) != ndim or not all(0 < s < math.inf for s in step):
        raise GeometryError(f"spacing must hold {ndim} positive mm, one per array axis, got {step}")
    return step


def _diagonal(shape: tuple[int, ...], spacing: Sequence[float]) -> float:
    return math.hypot(*(n * s for n, s in zip(shape, spacing, strict=True)))


def _boxes(array: NDArray[Any], labels: Sequence[int]) -> list[Slices | None]:
    """The box around each label, all found in one pass; None for labels that do not occur."""
    if not array.size or not labels:
        return [None] * len(labels)
    if min(labels) < 1 or max(labels) >= _DIRECT or array.dtype.itemsize == 8 or array.min() < 0:
        values = np.array(sorted(labels))
        ranks = np.searchsorted(values, array).clip(max=values.size - 1)
        found = ndimage.find_objects(np.where(values[ranks] == array, ranks + 1, 0), max_label=values.size)
        by_value = dict(zip(values.tolist(), found, strict=True))
    else:
        by_value = dict(enumerate(ndimage.find_objects(array, max_label=max(labels)), start=1))
    return [by_value[label] for label in labels]


def _occurring(ref: NDArray[Any], pred: NDArray[Any]) -> list[int]:
    values = np.union1d(present(ref), present(pred))
    return [int(v) for v in values if v != 0]
