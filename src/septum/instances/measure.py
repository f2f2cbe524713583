"""Every object of a label map measured: size, shape, place, brightness, in the unit that the image knows.

The insight: a table is only as good as what it says about itself. So the unit stands in every column's name, an object
that the image's edge cuts is marked (its size is a lower bound), and an id that lies in two pieces is marked too,
because such a row is two cells or a mistake.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from septum.classical.adjacency import connected_parts
from septum.errors import GeometryError
from septum.geometry.arrays import label_array, spacing_mm
from septum.instances.split import renumbered

if TYPE_CHECKING:
    import pandas as pd

_MICROSCOPIC_MM = 0.05
_ISOTROPIC = 1e-3


def length_unit(spacing: Sequence[float], unit: str) -> tuple[str, float]:
    """The unit in which lengths are told, and what one of the grid's is in it: micrometres for microscopic samples.

    >>> length_unit((0.0003, 0.0003), "mm"), length_unit((3.0, 1.0, 1.0), "mm"), length_unit((1.0, 1.0), "px")
    (('um', 1000.0), ('mm', 1.0), ('px', 1.0))
    """
    return ("um", 1000.0) if unit == "mm" and min(spacing) < _MICROSCOPIC_MM else (unit, 1.0)


def measure_objects(
    labels: NDArray[Any],
    *,
    spacing: Sequence[float],
    unit: str = "mm",
    image: NDArray[Any] | None = None,
    channels: Sequence[str] = (),
) -> pd.DataFrame:
    """One row per object (every value but 0), ascending.

    Args:
        labels: `(Y, X)` or `(Z, Y, X)` object ids, in any order and with holes.
        spacing: size of a sample along each axis.
        unit: of the spacing, "mm" or "px"; millimetres of microscopic samples are told as micrometres (`um`).
        image: `(C, *spatial)` intensities, or None.
        channels: names of the channels; needed with several.

    Returns:
        Columns `label`, `voxels`, `area_U2` (`volume_U3`), `equivalent_diameter_U`, `major_axis_U`, `minor_axis_U` (of
        the ellipse or ellipsoid with the same second moments), `elongation` (their ratio), in 2-D `perimeter_U` and
        `circularity` (4πA/P²; only where samples are square), `solidity` (share of the convex hull), `orientation_deg`,
        `extent` (share of the bounding box), `centroid_…_U`, `nearest_U` (distance to the next object's centroid),
        `touches_edge`, `pieces`; with an image the mean, standard deviation, least, largest and summed intensity per
        channel.

    Raises:
        GeometryError: not a label map, an impossible spacing, or an image of another shape.

    Source: moments and the perimeter by Crofton's formula, scikit-image's `regionprops` runs.

    >>> labels = np.zeros((6, 8), int)
    >>> labels[1:3, 1:5] = 9
    >>> measure_objects(labels, spacing=(0.5, 0.5), unit="mm")[["label", "area_mm2", "touches_edge"]].values.tolist()
    [[9, 2.0, False]]
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    array = label_array(labels)
    name, factor = length_unit(spacing_mm(spacing, array.ndim), unit)
    step = tuple(s * factor for s in spacing_mm(spacing, array.ndim))
    if image is not None and image.shape[1:] != array.shape:
        raise GeometryError(
            f"image must have the shape of its labels {array.shape} behind the channels, got {image.shape}; "
            "resample one of them"
        )
    numbers, ids = renumbered(array)
    if not len(ids):
        return _empty_table(array.ndim, step=spacing, unit=unit, image=image, channels=channels)
    found = regionprops_table(numbers.astype(np.int64), properties=_properties(array.ndim, step), spacing=step)
    columns = {"label": ids} | _columns(found, step, unit=name)
    columns["touches_edge"] = _touches_edge(found, array.shape)
    columns["pieces"] = _pieces(numbers, len(ids))
    for channel, samples in enumerate([] if image is None else image):
        columns |= _brightness(numbers, len(ids), samples=samples, suffix=_suffix(channels, channel))
    return pd.DataFrame(columns)


def _properties(ndim: int, step: Sequence[float]) -> tuple[str, ...]:
    plane = (
        "solidity",
        "orientation",
        *(("perimeter_crofton",) if max(step) - min(step) <= _ISOTROPIC * min(step) else ()),
    )
    return ("num_pixels", "area", "centroid", "bbox", "extent", "inertia_tensor_eigvals", *(plane if ndim == 2 else ()))


def _empty_table(
    ndim: int, *, step: Sequence[float], unit: str, image: NDArray[Any] | None, channels: Sequence[str]
) -> pd.DataFrame:
    """The columns without a row: those of an object made up."""
    made_up = np.ones((2,) * ndim, np.uint8)
    samples = None if image is None else np.zeros((len(image), *made_up.shape))
    return measure_objects(made_up, spacing=step, unit=unit, image=samples, channels=channels).iloc[:0]


def _columns(found: dict[str, NDArray[Any]], step: Sequence[float], *, unit: str) -> dict[str, Any]:
    """Sizes, shapes and places with their units in the names."""
    ndim = len(step)
    size = found["area"]
    moments = np.stack([found[f"inertia_tensor_eigvals-{i}"] for i in range(ndim)], 1)
    major, minor = _axes(moments, step)
    diameter = 2 * np.sqrt(size / math.pi) if ndim == 2 else np.cbrt(6 * size / math.pi)
    columns: dict[str, Any] = {
        "voxels": found["num_pixels"].astype(np.int64),
        f"area_{unit}2" if ndim == 2 else f"volume_{unit}3": size,
        f"equivalent_diameter_{unit}": diameter,
        f"major_axis_{unit}": major,
        f"minor_axis_{unit}": minor,
        "elongation": major / minor,
    }
    if ndim == 2:
        if "perimeter_crofton" in found:
            around = found["perimeter_crofton"]
            columns[f"perimeter_{unit}"] = around
            columns["circularity"] = np.divide(
                4 * math.pi * size, around**2, out=np.full(len(size), np.nan), where=around > 0
            )
        columns["solidity"] = found["solidity"]
        columns["orientation_deg"] = np.degrees(found["orientation"])
    columns["extent"] = found["extent"]
    centres = np.stack([found[f"centroid-{i}"] for i in range(ndim)], 1)
    columns |= {f"centroid_{axis}_{unit}": centres[:, i] for i, axis in enumerate("zyx"[-ndim:])}
    columns[f"nearest_{unit}"] = _nearest(centres)
    return columns


def _axes(moments: NDArray[Any], step: Sequence[float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Longest and shortest axis of the ellipse (ellipsoid) with these eigenvalues of inertia; at least a sample wide.

    The inertia of an axis is the sum of the variances of the others; the samples' own extent (step²/12) is added, so
    that a single voxel is not of width 0.
    """
    total = moments.sum(axis=1, keepdims=True) / (moments.shape[1] - 1)
    variances = np.maximum(total - moments, 0) + min(step) ** 2 / 12
    factor = 2 * math.sqrt(moments.shape[1] + 2)
    return factor * np.sqrt(variances.max(axis=1)), factor * np.sqrt(variances.min(axis=1))


def _nearest(centres: NDArray[Any]) -> NDArray[np.float64]:
    if len(centres) < 2:
        return np.full(len(centres), np.nan)
    distances = np.asarray(cKDTree(centres).query(centres, k=2)[0], np.float64)
    return distances[:, 1]


def _touches_edge(found: dict[str, NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether the image's edge may cut the object; an axis of one sample has no edge."""
    cut = np.zeros(len(found["area"]), bool)
    for axis, n in enumerate(shape):
        if n > 1:
            cut |= (found[f"bbox-{axis}"] == 0) | (found[f"bbox-{axis + len(shape)}"] == n)
    return cut


def _pieces(numbers: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """In how many parts (through corners too) each of the objects 1…count lies."""
    parts, n = connected_parts(numbers, full=True)
    owner = np.zeros(n + 1, np.int64)
    owner[parts] = numbers
    return np.bincount(owner[1:], minlength=count + 1)[1:]


def _suffix(channels: Sequence[str], channel: int) -> str:
    return "" if len(channels) < 2 else f"_{channels[channel]}"


def _brightness(
    numbers: NDArray[np.uint32], count: int, *, samples: NDArray[Any], suffix: str
) -> dict[str, NDArray[Any]]:
    """Brightness of the objects 1…count of one channel."""
    inside = numbers != 0
    place, values = numbers[inside] - 1, samples[inside].astype(np.float64)
    size = np.bincount(place, minlength=count)
    total = np.bincount(place, values, minlength=count)
    mean = total / size
    spread = np.sqrt(np.bincount(place, (values - mean[place]) ** 2, minlength=count) / size)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, place, values)
    np.maximum.at(high, place, values)
    names = ("mean_intensity", "std_intensity", "min_intensity", "max_intensity", "sum_intensity")
    return {name + suffix: found for name, found in zip(names, (mean, spread, low, high, total), strict=True)}
