"""A table of the objects of a label map: how large they are, where they lie, how bright they are.

The insight: a number of voxels means nothing to a biologist; every size and place is therefore given in millimetres of
the grid, beside the voxels that it was counted from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.geometry.grid import Grid

if TYPE_CHECKING:
    import pandas as pd


def object_table(
    labels: NDArray[Any], grid: Grid, *, names: Mapping[int, str], intensities: Mapping[str, NDArray[Any]]
) -> pd.DataFrame:
    """One row per label value but 0, ascending; see `LabelMap.objects` for the columns.

    Args:
        labels: integers on the grid.
        grid: where they lie.
        names: of label values, where known.
        intensities: channel name to its samples on the grid.

    >>> grid = Grid.from_spacing((1, 3), (1.0, 0.5))
    >>> table = object_table(np.array([[1, 1, 0]]), grid, names={1: "cell"}, intensities={})
    >>> table[["label", "voxels", "area_mm2"]].values.tolist()
    [[1.0, 2.0, 1.0]]
    """
    import pandas as pd

    values, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    chosen = np.flatnonzero(values != 0)
    flat = place.reshape(labels.shape)
    axes = "zyx"[-grid.ndim :]
    size, power = (f"volume_{grid.unit}3", 3) if grid.ndim == 3 else (f"area_{grid.unit}2", 2)
    volumes = counts[chosen] * grid.voxel_volume
    centres = np.array(ndimage.center_of_mass(np.ones(labels.shape, np.uint8), flat, chosen)).reshape(-1, grid.ndim)
    found = ndimage.find_objects(flat + 1)  # once for all objects
    boxes = [found[index] for index in chosen]
    columns: dict[str, Any] = {
        "label": values[chosen].astype(np.int64),
        "name": [names.get(int(value), "") for value in values[chosen]],
        "voxels": counts[chosen],
        size: volumes,
        f"equivalent_diameter_{grid.unit}": _diameter(volumes, power),
        **{f"centroid_{axis}": centres[:, i] for i, axis in enumerate(axes)},
    }
    world = grid.index_to_world(centres)
    columns |= {f"world_{axis}": world[:, i] for i, axis in enumerate("xyz" if grid.ndim == 3 else "yx")}
    for i, axis in enumerate(axes):
        columns[f"first_{axis}"] = [box[i].start for box in boxes]
        columns[f"last_{axis}"] = [box[i].stop - 1 for box in boxes]
    for name, samples in intensities.items():
        for what, measure in _INTENSITIES:
            key = what if len(intensities) == 1 else f"{what} {name}"
            columns[key] = np.asarray(measure(samples, flat, chosen)) if len(chosen) else np.empty(0)
    return pd.DataFrame(columns)


def _diameter(volumes: NDArray[Any], power: int) -> NDArray[Any]:
    """Diameter of the ball (disc) of that volume (area)."""
    if power == 2:
        return np.asarray(2 * np.sqrt(volumes / math.pi))
    return np.asarray(2 * np.cbrt(volumes * 3 / (4 * math.pi)))


_INTENSITIES = (
    ("mean_intensity", ndimage.mean),
    ("std_intensity", ndimage.standard_deviation),
    ("min_intensity", ndimage.minimum),
    ("max_intensity", ndimage.maximum),
)
