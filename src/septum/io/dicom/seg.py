"""DICOM SEG: planes of a segmentation, put at their places in an image.

The insight: a SEG holds only the planes that are not empty, in any order, each with its own place. So each plane is put
into the grid by its place, and the order and number of frames do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError, GeometryError
from septum.geometry import Grid
from septum.io.decoded import check_size
from septum.io.dicom.files import _check_length, _stored
from septum.io.dicom.planes import Plane, planes_of

_ON_GRID = 0.1
"""Voxels by which the corners of a plane may lie beside those of the grid."""


@dataclass(frozen=True, eq=False)
class Segmented:
    """The voxels of each segment (indices into the flattened grid) by number, and what was noticed."""

    voxels: Mapping[int, NDArray[np.int64]]
    grid: Grid
    doubts: tuple[str, ...]


def segment_names(dataset: Any) -> dict[int, str]:
    """Names by number of the segments that a SEG lists, without number 0, which is the background of a label map.

    >>> from pydicom.dataset import Dataset
    >>> segment, listed = Dataset(), Dataset()
    >>> segment.SegmentNumber, segment.SegmentLabel = 2, "Heart"
    >>> listed.SegmentSequence = [segment]
    >>> segment_names(listed)
    {2: 'Heart'}
    """
    listed = {int(one.SegmentNumber): one for one in dataset.get("SegmentSequence") or ()}
    named = {n: " ".join(str(one.get("SegmentLabel") or "").split()) for n, one in listed.items()}
    return {number: name or f"segment {number}" for number, name in named.items() if number != 0}


def segmented(path: Path, dataset: Any, *, grid: Grid | None = None) -> Segmented:
    """The segments of a SEG on a grid; without one, on the grid that its own planes span.

    Fractions (probabilities, shares of a voxel) are cut at one half.

    Raises:
        FormatError: samples or places that are missing, or planes that span no even grid.
        GeometryError: planes that do not lie on the voxels of the grid.

    >>> from pydicom.dataset import Dataset
    >>> segmented(Path("empty.dcm"), Dataset())
    Traceback (most recent call last):
    septum.errors.FormatError: empty.dcm must hold planes, got none; export it again
    """
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        raise FormatError(f"{path.name} must hold planes, got none; export it again")
    _check_length(path, dataset)
    planes = list(planes_of(path, dataset))
    if any(plane.position is None or plane.spacing is None for plane in planes):
        raise FormatError(f"{path.name} must say where its planes lie, got some without; export it again")
    grid = _own_grid(path, planes) if grid is None else grid
    check_size(path, grid.shape)
    found: dict[int, list[NDArray[np.int64]]] = {}
    for plane, number, mask in _masks(planes, dataset):
        found.setdefault(number, []).append(_placed(path, plane, mask=mask, grid=grid))
    cut = str(dataset.get("SegmentationType")) == "FRACTIONAL"
    doubts = ("fractions are cut at one half",) if cut else ()
    return Segmented({number: np.concatenate(parts) for number, parts in found.items()}, grid, doubts)


def _masks(planes: Sequence[Plane], dataset: Any) -> Iterator[tuple[Plane, int, NDArray[np.bool_]]]:
    """Each frame's plane, segment number and mask; of a label map one for each of its numbers."""
    kind = str(dataset.get("SegmentationType", "BINARY"))
    half = float(dataset.get("MaximumFractionalValue") or 1) / 2
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or [None] * len(planes)
    for plane, own in zip(planes, groups, strict=True):
        samples = _stored(plane, dataset)
        if kind == "LABELMAP":
            empty = (0, dataset.get("PixelPaddingValue", 0))
            for number in np.unique(samples[~np.isin(samples, empty)]).tolist():
                yield plane, int(number), samples == number
            continue
        group = next((g for g in (own, shared) if g is not None and g.get("SegmentIdentificationSequence")), None)
        if group is None:
            raise FormatError(f"{plane.path.name} must say which segment each frame shows; export it again")
        number = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        yield plane, number, samples >= half if kind == "FRACTIONAL" else samples > 0


def _placed(path: Path, plane: Plane, *, mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.int64]:
    """Flat indices into the grid of what a plane marks.

    Raises:
        GeometryError: a plane whose pixels are not those of the grid, or marked pixels outside of it.
    """
    rows, columns = np.nonzero(mask)
    if grid.ndim == 2:
        if grid.shape != plane.shape:
            raise GeometryError(f"{path.name} must have the image's shape {grid.shape}, got {plane.shape}")
        return np.asarray(np.ravel_multi_index((rows, columns), grid.shape), np.int64)
    first, down, right = _steps(plane, grid)
    last = first + (plane.shape[0] - 1) * down + (plane.shape[1] - 1) * right
    off = float(max(np.abs(place - np.rint(place)).max() for place in (first, last)))
    single = all(np.abs(np.rint(v)).sum() == 1 for v in (down, right))
    if off > _ON_GRID or not single:
        raise GeometryError(
            f"the planes of {path.name} must lie on the voxels of their image, got one that lies {off:.2g} voxels "
            "beside them; resample the segmentation to the image, for example with 3D Slicer"
        )
    index = np.rint(first) + rows[:, None] * np.rint(down) + columns[:, None] * np.rint(right)
    inside = ((index >= 0) & (index < grid.shape)).all(axis=1)
    if not inside.all():
        raise GeometryError(
            f"{path.name} must lie in its image, got {int((~inside).sum())} marked samples outside of it; "
            "give the image on which it was drawn"
        )
    return np.asarray(np.ravel_multi_index(tuple(index.astype(np.int64).T), grid.shape), np.int64)


def _steps(plane: Plane, grid: Grid) -> tuple[NDArray[np.float64], ...]:
    """In voxels of the grid: the first pixel of a plane, a step down its rows, and a step along its columns."""
    inverse = np.linalg.inv(grid.affine)
    turned = inverse[:3, :3] * (-1.0, -1.0, 1.0)  # LPS to RAS
    rows, columns = plane.spacing or (1.0, 1.0)
    position = np.zeros(3) if plane.position is None else plane.position
    return turned @ position + inverse[:3, 3], turned @ (plane.column * rows), turned @ (plane.row * columns)


def _own_grid(path: Path, planes: Sequence[Plane]) -> Grid:
    """The smallest even grid on which all planes lie.

    Raises:
        FormatError: planes of several orientations, beside each other, or at uneven distances.
    """
    normal = planes[0].normal
    places = np.stack([plane.position for plane in planes if plane.position is not None])
    depth = places @ normal
    levels = np.unique(depth.round(3))
    gaps = np.diff(levels)
    step = float(gaps.min()) if len(gaps) else planes[0].thickness or planes[0].step or 1.0
    uneven = np.abs(gaps / step - np.rint(gaps / step)).max(initial=0.0) > _ON_GRID
    aside = np.ptp(places - np.outer(depth, normal), axis=0).max() > 0.01
    turned = any(np.abs(p.row - planes[0].row).max() + np.abs(p.column - planes[0].column).max() > 0.01 for p in planes)
    if uneven or aside or turned:
        raise FormatError(
            f"the planes of {path.name} must lie at even distances behind each other to be read without their image; "
            "give it as labels of a data set, beside its image"
        )
    rows, columns = planes[0].spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0] = normal * step
    affine[:3, 1], affine[:3, 2] = planes[0].column * rows, planes[0].row * columns
    affine[:3, 3] = places[int(depth.argmin())]
    affine[:2] *= -1  # LPS to RAS
    return Grid((round(float(np.ptp(levels)) / step) + 1, *planes[0].shape), affine, unit="mm")
