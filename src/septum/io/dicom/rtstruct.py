"""RTSTRUCT: contours that a person drew on slices, as voxels of an image.

The insight: a contour is a place in the patient, in millimetres, and its references to images are often wrong or point
at slices that are not there. So it is put into the grid by its place alone. Contours of one structure in one plane are
combined by exclusive or, so that an inner one is a hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid
from septum.geometry.outline import inside_outline

Corners = NDArray[np.float64]

_IN_PLANE = 0.1
"""A contour may leave its plane by so many voxels; more is a contour across the slices."""

_ON_SLICE = 0.1
"""A contour at most so many voxels from a slice lies on it."""

_FILLED = 3
"""Planes at most so many slices apart stand for the slices between them; beyond, nobody drew these."""

_CLOSED = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"}


@dataclass(frozen=True, eq=False)
class Contoured:
    """The voxels of each structure (indices into the flattened grid) by name, and what was noticed."""

    voxels: Mapping[str, NDArray[np.int64]]
    doubts: tuple[str, ...]


def roi_names(dataset: Any) -> dict[int, str]:
    """Names by number of the structures that an RTSTRUCT lists.

    >>> from pydicom.dataset import Dataset
    >>> roi, listed = Dataset(), Dataset()
    >>> roi.ROINumber, roi.ROIName = 3, "GTV  1"
    >>> listed.StructureSetROISequence = [roi]
    >>> roi_names(listed)
    {3: 'GTV 1'}
    """
    return {int(one.ROINumber): _name(one) for one in dataset.get("StructureSetROISequence") or ()}


def _name(one: Any) -> str:
    return " ".join(str(one.get("ROIName") or "").split()) or f"ROI {int(one.ROINumber)}"


def contoured(dataset: Any, grid: Grid) -> Contoured:
    """The structures of an RTSTRUCT on a grid.

    Each slice takes the contours of the nearest plane, where that is no farther than half the distance of neighbouring
    planes (or half a slice, where planes lie closer). Planes more than three slices apart leave the slices between
    empty. What lies outside the grid is cut off. Points and open lines hold no area and are left out.

    Raises:
        FormatError: contours that are no triples of finite numbers, or that lie across the slices.

    >>> from pydicom.dataset import Dataset
    >>> contoured(Dataset(), Grid.from_spacing((2, 4, 4), (3.0, 1.0, 1.0))).voxels
    {}
    """
    names = roi_names(dataset)
    planes: dict[str, list[Corners]] = {name: [] for name in names.values()}
    left_out = 0
    for item in dataset.get("ROIContourSequence") or ():
        name = names.get(int(item.ReferencedROINumber), f"ROI {int(item.ReferencedROINumber)}")
        for contour in item.get("ContourSequence") or ():
            closed = str(contour.get("ContourGeometricType", "CLOSED_PLANAR")) in _CLOSED
            if closed and len(contour.get("ContourData") or ()) >= 9:
                planes.setdefault(name, []).append(_indices(contour.ContourData, grid))
            else:
                left_out += 1
    axis = _across([corners for drawn in planes.values() for corners in drawn])
    apart = min((_apart(drawn, axis) for drawn in planes.values()), default=np.inf)
    reach = max(1.0, apart if apart <= _FILLED + _ON_SLICE else 1.0) / 2 + 1e-3
    found: dict[str, NDArray[np.int64]] = {}
    farthest, outside = 0.0, 0
    for name, drawn in planes.items():
        found[name], off, lost = _rasterised(drawn, grid, axis=axis, reach=reach)
        farthest, outside = max(farthest, off), outside + lost
    doubts = [f"{left_out} points or open lines hold no area and are left out"] if left_out else []
    if farthest > _ON_SLICE:
        doubts.append(
            f"contours lie up to {farthest * grid.spacing[axis]:.2g} mm beside the slices: each slice takes the nearest"
        )
    if _FILLED + _ON_SLICE < apart < np.inf:
        doubts.append(
            f"contours are drawn {apart:.0f} slices apart: those between stay empty; `septum interpolate` fills them"
        )
    if outside:
        doubts.append(f"{outside} contours lie outside the image and are left out")
    return Contoured(found, tuple(doubts))


def _indices(data: Sequence[Any], grid: Grid) -> Corners:
    """Corners `(n, 3)` in voxels of the grid from triples in mm, LPS."""
    numbers = np.array([float(value) for value in data], dtype=np.float64)
    if len(numbers) % 3 or not np.isfinite(numbers).all():
        raise FormatError("contours must be triples of finite numbers; the file is damaged: export it again")
    world = numbers.reshape(-1, 3) * (-1.0, -1.0, 1.0)  # LPS to RAS
    inverse = np.linalg.inv(grid.affine)
    return np.asarray(world @ inverse[:3, :3].T + inverse[:3, 3])


def _across(drawn: Sequence[Corners]) -> int:
    """The array axis across the planes of all contours."""
    if not drawn:
        return 0
    extent = np.max([np.ptp(corners, axis=0) for corners in drawn], axis=0)
    axis = int(extent.argmin())
    if extent[axis] > _IN_PLANE:
        raise FormatError(
            f"contours must be drawn in the planes of the image, got some that cross {extent[axis]:.2g} slices; "
            "export the structures as a mask on the image's grid"
        )
    return axis


def _apart(drawn: Sequence[Corners], axis: int) -> float:
    """The smallest distance in voxels of two planes of a structure; infinite where there are none."""
    return float(np.diff(sorted(_planes(drawn, axis))).min(initial=np.inf))


def _rasterised(
    drawn: Sequence[Corners], grid: Grid, *, axis: int, reach: float
) -> tuple[NDArray[np.int64], float, int]:
    """Voxels of the contours of one structure, how far (in slices) the farthest used plane lies from its slice, and
    how many contours no slice takes because they lie outside the grid."""
    shape = tuple(n for place, n in enumerate(grid.shape) if place != axis)
    planes = _planes(drawn, axis)
    levels = np.array(sorted(planes))
    inside = (levels > -0.5) & (levels < grid.shape[axis] - 0.5)
    outside = sum(len(planes[float(level)]) for level in levels[~inside])
    if not len(levels):
        return np.empty(0, np.int64), 0.0, 0
    chosen, farthest = [], 0.0
    for number in range(max(0, int(np.floor(levels[0]))), min(grid.shape[axis], int(np.ceil(levels[-1])) + 1)):
        level = float(levels[np.abs(levels - number).argmin()])
        if abs(level - number) > reach:
            continue
        farthest = max(farthest, abs(level - number))
        mask = _filled([np.delete(corners, axis, axis=1) for corners in planes[level]], shape)
        pair = np.nonzero(mask)
        index = [np.full(len(pair[0]), number), *pair]
        order = [index[0] if place == axis else index[1 + place - (place > axis)] for place in range(3)]
        chosen.append(np.ravel_multi_index(order, grid.shape))
    return np.concatenate(chosen or [np.empty(0, np.int64)]).astype(np.int64), farthest, outside


def _planes(drawn: Sequence[Corners], axis: int) -> dict[float, list[Corners]]:
    """Contours by the plane they lie in; planes closer than `_IN_PLANE` are one."""
    found: dict[float, list[Corners]] = {}
    for corners in sorted(drawn, key=lambda one: float(one[:, axis].mean())):
        level = float(corners[:, axis].mean())
        last = next(reversed(found), None)
        found.setdefault(last if last is not None and level - last <= _IN_PLANE else level, []).append(corners)
    return found


def _filled(outlines: Sequence[Corners], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The plane in which outlines that lie in each other leave holes."""
    mask = np.zeros(shape, bool)
    for corners in outlines:
        (row, column), inside = inside_outline(corners, shape)
        mask[row : row + inside.shape[0], column : column + inside.shape[1]] ^= inside
    return mask
