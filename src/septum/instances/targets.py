"""What a network learns of objects, voxel by voxel: their border, how deep a voxel lies, and where the centre is.

The insight: none of this can be warped by augmentation (a rotated vector points elsewhere, a stretched distance is
another), but it is cheap to compute, so ids are warped and targets are made of the warped ids. The distance is divided
by the object's own largest: a small cell is as high as a large one, and one threshold finds the core of both.
"""

from __future__ import annotations

from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Spacing, spacing_mm

BORDER = 1.5
"""Thickness of the border inside an object, in voxels of the finest axis: the first layer, and its corners."""

SCALARS = ("border", "distance")
"""The targets that are one number each; the vectors come after them, one number per axis."""


def target_names(ndim: int) -> tuple[str, ...]:
    """What `object_targets` returns for so many axes, in order.

    >>> target_names(2)
    ('border', 'distance', 'vector y', 'vector x')
    """
    return (*SCALARS, *(f"vector {axis}" for axis in "zyx"[-ndim:]))


def object_targets(
    objects: NDArray[np.integer[Any]],
    *,
    spacing: Spacing = None,
    radii: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float32]:
    """`(2 + ndim, *shape)` float32: border, distance and vectors of an image or patch of objects.

    border: 1 in the outermost voxels of each object (`BORDER`), else 0. distance: to the nearest voxel that is not of
    the object, over the largest in the object; in (0, 1], 0 outside. vectors: of length 1 towards the object's centre
    (the voxel of the object that is nearest to its centre of mass), in mm directions; zero outside, in the centre, and
    in objects that touch the edge of the array, whose centre may lie beyond it.

    Args:
        objects: ids, integer, 2-D or 3-D; 0 and below are no object. Pieces of one id are one object.
        spacing: voxel size per axis; None counts in voxels.
        radii: by id, the largest distance in the whole object (`object_radii`); an object that the array cuts is
            divided by that instead of by its largest visible distance.

    Raises:
        ConfigError: not integer, or spacing that does not fit.

    >>> object_targets(np.array([[0, 4, 4, 4, 0]]))[1].round(2).tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0]]
    """
    step = _steps(objects, spacing)
    ids = np.where(objects > 0, objects, 0)
    count = int(ids.max(initial=0)) + 1
    found = np.zeros((len(SCALARS) + ids.ndim, *ids.shape), dtype=np.float32)
    if count == 1:
        return found
    distance = _distance(ids, step)
    found[0] = (distance > 0) & (distance <= BORDER * min(step))
    largest = _largest(distance, ids, count=count)
    cut = _cut(ids, count)
    if radii is not None:
        known = np.zeros(count, np.float32)
        known[: min(count, len(radii))] = radii[:count]
        largest = np.where(cut, np.maximum(largest, known), largest)
    np.divide(distance, largest[ids], out=found[1], where=ids > 0)
    _vectors(np.where(cut[ids], 0, ids), count, step=step, out=found[len(SCALARS) :])
    return found


def object_radii(objects: NDArray[np.integer[Any]], *, spacing: Spacing = None) -> NDArray[np.float32]:
    """`(largest id + 1,)` largest distance from the border in each object; 0 for ids that do not occur.

    >>> object_radii(np.array([[0, 2, 2, 2, 0]])).tolist()
    [0.0, 0.0, 2.0]
    """
    step = _steps(objects, spacing)
    ids = np.where(objects > 0, objects, 0)
    return _largest(_distance(ids, step), ids, count=int(ids.max(initial=0)) + 1)


def _steps(objects: NDArray[Any], spacing: Spacing) -> tuple[float, ...]:
    if not np.issubdtype(objects.dtype, np.integer) or objects.ndim not in (2, 3):
        raise ConfigError(
            f"objects must be integer ids in 2-D or 3-D, got {objects.dtype} of shape {objects.shape}; number them"
        )
    return spacing_mm(spacing, objects.ndim)


def _distance(ids: NDArray[Any], step: tuple[float, ...]) -> NDArray[np.float32]:
    """Distance to the nearest voxel of another value, 0 outside of objects; the edge of the array is no border."""
    found: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(ids.astype(np.uint32)), anisotropy=step, black_border=False, parallel=1
    )
    # An object that fills the array has no border at all: its distance is infinite.
    reach = sum((n * s) ** 2 for n, s in zip(ids.shape, step, strict=True)) ** 0.5
    return np.minimum(found, np.float32(reach))


def _largest(distance: NDArray[np.float32], ids: NDArray[Any], *, count: int) -> NDArray[np.float32]:
    largest = np.zeros(count, np.float32)
    np.maximum.at(largest, ids.ravel(), distance.ravel())
    return largest


def _cut(ids: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """By id, whether the object touches the edge of the array."""
    cut = np.zeros(count, bool)
    for axis in range(ids.ndim):
        if ids.shape[axis] > 1:
            for end in (0, -1):
                cut[ids.take(end, axis=axis).ravel()] = True
    return cut


def _vectors(ids: NDArray[Any], count: int, *, step: tuple[float, ...], out: NDArray[np.float32]) -> None:
    """Unit vectors to the centres, into `out` (ndim, *shape)."""
    places = np.nonzero(ids)
    owner = ids[places]
    if not owner.size:
        return
    size = np.maximum(np.bincount(owner, minlength=count), 1)
    middle = [
        np.bincount(owner, weights=along * s, minlength=count) / size for along, s in zip(places, step, strict=True)
    ]
    away = sum((along * s - m[owner]) ** 2 for along, s, m in zip(places, step, middle, strict=True))
    least = np.full(count, np.inf)
    np.minimum.at(least, owner, away)
    hits = np.flatnonzero(away == least[owner])[::-1]  # of equally near voxels the first one is taken
    nearest = np.zeros(count, np.int64)
    nearest[owner[hits]] = hits
    offsets = [(along[nearest[owner]] - along) * s for along, s in zip(places, step, strict=True)]
    length = np.sqrt(sum(offset**2 for offset in offsets))
    for axis, offset in enumerate(offsets):
        out[axis][places] = np.divide(offset, length, out=np.zeros_like(length), where=length > 0)
