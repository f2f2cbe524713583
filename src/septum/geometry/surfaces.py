"""The surface of each label as triangles in millimetres: what a person turns in her hands.

The insight: a picture of a few hundred pixels shows no more than a million voxels. So the label map is thinned until it
is small, each label is looked at in its own box, and a little smoothing takes the steps of the voxels away without
moving the surface by more than a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import GeometryError

MOST_VOXELS = 2_000_000
MOST_TRIANGLES = 400_000
MOST_LABELS = 64
_SMOOTHING = 0.7  # steps of the thinned map
_FAR = 4.0  # coarsest steps beyond which a distance does not matter


@dataclass(frozen=True, eq=False)
class Surface:
    """A label's surface: `vertices` `(V, 3)` in mm, `normals` `(V, 3)` of length 1, `triangles` `(T, 3)` of corners."""

    label: int
    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]


def label_meshes(
    labels: ArrayLike,
    *,
    affine: ArrayLike,
    most_voxels: int = MOST_VOXELS,
    most_triangles: int = MOST_TRIANGLES,
    most_labels: int = MOST_LABELS,
) -> tuple[Surface, ...]:
    """The surfaces of the labels of a volume by marching cubes (Lorensen and Cline 1987), label 0 left out.

    Args:
        labels: whole numbers `(Z, Y, X)`.
        affine: 4 × 4, from an index (z, y, x) to mm.
        most_voxels: the map is thinned to so many; what is thinner than a step may be missed.
        most_triangles: of all surfaces together; more, and the map is thinned further.
        most_labels: the largest labels that are shown.

    Returns:
        A surface per label, rising by label; none for an empty map.

    Raises:
        GeometryError: no volume of whole numbers.

    >>> cube = np.zeros((9, 9, 9), np.uint8)
    >>> cube[3:6, 3:6, 3:6] = 2
    >>> (one,) = label_meshes(cube, affine=np.eye(4))
    >>> one.label, bool(np.all(np.abs(one.vertices - 4) < 2))
    (2, True)
    """
    array = np.asarray(labels)
    if array.ndim != 3 or array.dtype.kind not in "iub":
        raise GeometryError(f"labels must be whole numbers of three axes, got {array.dtype} of shape {array.shape}")
    around = _around(array)
    if around is None:
        return ()
    steps = _steps(tuple(s.stop - s.start for s in around), most=most_voxels, affine=np.asarray(affine, np.float64))
    while True:
        found = tuple(_surfaces(array, around, steps=steps, affine=np.asarray(affine, np.float64), most=most_labels))
        if sum(len(one.triangles) for one in found) <= most_triangles or min(steps) > 64:
            return found
        steps = tuple(step * 2 for step in steps)


def _around(array: NDArray[np.integer]) -> tuple[slice, ...] | None:
    """The box of what is not 0."""
    box = []
    for axis in range(3):
        places = np.flatnonzero(array.any(axis=tuple(a for a in range(3) if a != axis)))
        if not len(places):
            return None
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def _steps(shape: tuple[int, ...], *, most: int, affine: NDArray[np.float64]) -> tuple[int, ...]:
    """Every how many voxels of an axis are looked at; axes with the finest voxels are thinned first."""
    steps, mm = [1, 1, 1], np.linalg.norm(affine[:3, :3], axis=0)
    while np.prod([-(-n // s) for n, s in zip(shape, steps, strict=True)]) > most:
        steps[int(np.argmin(mm * steps))] += 1
    return tuple(steps)


def _surfaces(
    array: NDArray[np.integer],
    around: tuple[slice, ...],
    *,
    steps: tuple[int, ...],
    affine: NDArray[np.float64],
    most: int,
) -> Iterator[Surface]:
    from scipy import ndimage

    first = [min(s.start + step // 2, s.stop - 1) for s, step in zip(around, steps, strict=True)]
    thin = array[tuple(slice(a, s.stop, step) for a, s, step in zip(first, around, steps, strict=True))]
    values, numbers, counts = np.unique(thin, return_inverse=True, return_counts=True)
    numbers = numbers.reshape(thin.shape).astype(np.int32) + 1
    largest = [k for k in np.argsort(-counts, kind="stable").tolist() if values[k] != 0][:most]
    boxes, mm = ndimage.find_objects(numbers), np.linalg.norm(affine[:3, :3], axis=0) * steps
    for k in sorted(largest):
        corners, triangles = _triangles(numbers[boxes[k]] == k + 1, mm)
        places = (corners + [s.start for s in boxes[k]]) * steps + first
        vertices = (places @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
        yield Surface(int(values[k]), vertices, _normals(vertices, triangles), triangles)


def _triangles(mask: NDArray[np.bool_], mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
    """Corners, in voxels of the mask, and triangles.

    The distance from the border is smoothed, not the mask: between thick slices it runs evenly, where a smoothed mask
    would keep a terrace for each of them.
    """
    import edt
    from scipy import ndimage
    from skimage.measure import marching_cubes

    far = edt.sdf(np.pad(mask, 2), anisotropy=tuple(mm.tolist()), parallel=1)
    smooth = ndimage.gaussian_filter(np.clip(far, -_FAR * mm.max(), _FAR * mm.max()), _SMOOTHING)
    kept = smooth if smooth.max() > 0 else far  # what is too thin to be smoothed stays as it is
    corners, triangles, _, _ = marching_cubes(kept, level=0.0, allow_degenerate=False)
    return corners.astype(np.float64) - 2, triangles.astype(np.uint32)


def _normals(vertices: NDArray[np.float32], triangles: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The mean of the normals of the triangles around each vertex, by their area."""
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    faces = np.cross(b - a, c - a)
    each = [np.bincount(triangles.reshape(-1), np.repeat(faces[:, k], 3), len(vertices)) for k in range(3)]
    total = np.stack(each, axis=1)
    found: NDArray[np.float32] = (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype("f4")
    return found
