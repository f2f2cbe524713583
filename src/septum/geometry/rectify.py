"""From a sheared grid (CT with a tilted gantry) to a rectangular one, which every tool opens.

The insight: the slices themselves are fine, only the way from one to the next is oblique. So the two axes that stand at
right angles are kept with their spacing, the third is replaced by its part along their normal, and the grid grows
until the sheared box fits into it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from septum.geometry.grid import Grid
from septum.geometry.image import Image, LabelMap
from septum.geometry.resample import resample_image, resample_labels

RIGHT_ANGLE = 2e-4
"""Largest cosine between axes that ITK still takes for a right angle."""


def is_sheared(grid: Grid) -> bool:
    """Whether two axes of the grid meet at an angle that ITK refuses (0.01 degrees from a right one).

    >>> affine = np.diag([2.0, 1.0, 1.0, 1.0])
    >>> is_sheared(Grid((9, 20, 20), affine))
    False
    >>> affine[1, 0] = 0.5
    >>> is_sheared(Grid((9, 20, 20), affine))
    True
    """
    cosines = grid.direction.T @ grid.direction - np.eye(grid.ndim)
    return bool(np.abs(cosines).max() > RIGHT_ANGLE)


def rectangular(grid: Grid) -> Grid:
    """The smallest rectangular grid over the box of a sheared one; a rectangular grid comes back as it is.

    >>> affine = np.diag([2.0, 1.0, 1.0, 1.0])
    >>> affine[1, 0] = 0.5  # each slice lies 0.5 mm further along y
    >>> rectangular(Grid((9, 20, 20), affine)).shape
    (9, 24, 20)
    """
    if grid.ndim == 2 or not is_sheared(grid):
        return grid
    cosines = np.abs(grid.direction.T @ grid.direction)
    pairs = ((1, 2), (0, 2), (0, 1))  # rows and columns of the slices first: they are what was measured
    first, second = min(pairs, key=lambda pair: max(float(cosines[pair]), RIGHT_ANGLE))
    third = 3 - first - second
    affine = grid.affine.copy()
    if cosines[first, second] > RIGHT_ANGLE:  # no pair is at right angles: the second is turned into the plane too
        across = (
            grid.direction[:, second] - grid.direction[:, first] * (grid.direction.T @ grid.direction)[first, second]
        )
        affine[:3, second] = across * grid.spacing[second]
    normal = np.cross(affine[:3, first], affine[:3, second])
    normal /= np.linalg.norm(normal)
    affine[:3, third] = normal * float(grid.affine[:3, third] @ normal)
    straight = replace(grid, affine=affine)
    corners = straight.world_to_index(grid.corners())
    low = np.floor(corners.min(axis=0) + 1e-6).astype(int)
    high = np.ceil(corners.max(axis=0) - 1e-6).astype(int)
    return straight.crop(low.tolist(), (high - low + 1).tolist())


def rectify_image(image: Image, *, outside: float | None = None) -> Image:
    """Intensities on the rectangular grid, linear; beyond the slices the smallest value, or `outside`.

    >>> affine = np.diag([2.0, 1.0, 1.0, 1.0])
    >>> affine[1, 0] = 0.5
    >>> rectify_image(Image(np.ones((1, 9, 20, 20)), Grid((9, 20, 20), affine))).grid.shape
    (9, 24, 20)
    """
    grid = rectangular(image.grid)
    return image if grid is image.grid else resample_image(image, grid, order=1, outside=outside)


def rectify_labels(labels: LabelMap) -> LabelMap:
    """Labels on the rectangular grid, nearest neighbour; beyond the slices 0.

    >>> affine = np.diag([2.0, 1.0, 1.0, 1.0])
    >>> affine[1, 0] = 0.5
    >>> found = rectify_labels(LabelMap(np.ones((9, 20, 20), np.uint8), Grid((9, 20, 20), affine)))
    >>> found.array.shape, sorted(set(found.array.ravel().tolist()))
    ((9, 24, 20), [0, 1])
    """
    grid = rectangular(labels.grid)
    return labels if grid is labels.grid else resample_labels(labels, grid)
