"""Shapes with known answers, shared by the tests of every room: `from tests import phantoms`.

The insight: a voxelised shape has two truths. The *continuous* size in mm is known from a formula and is met up to the
voxel size; the *voxel* pattern is known exactly for shapes made of whole voxels (box, plate, single voxel, full).
Each phantom carries the first as `size` and is exact in the second where `exact` is set.

Arrays run slowest first, `(z, y, x)` or `(y, x)`; spacing is in mm per array axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid, Image, LabelMap


@dataclass(frozen=True, eq=False)
class Phantom:
    """A label array, its spacing in mm and what is known about it.

    `size` is the volume in mm³ (area in mm² in 2-D) of everything that is not background, by formula; `exact` says
    whether the voxels fill precisely that size.
    """

    name: str
    array: NDArray[np.uint8]
    spacing: tuple[float, ...]
    size: float
    exact: bool = False

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.array > 0

    @property
    def grid(self) -> Grid:
        return Grid.from_spacing(self.array.shape, self.spacing)

    @property
    def labels(self) -> LabelMap:
        return LabelMap(self.array, self.grid)

    @property
    def voxel_size(self) -> float:
        return math.prod(self.spacing)

    def image(self, *, contrast: float = 4.0, seed: int = 0, channels: int = 1) -> Image:
        """`contrast` × label plus unit Gaussian noise, `(channels, *shape)`: the labels can be seen in it."""
        noise = np.random.default_rng(seed).standard_normal((channels, *self.array.shape))
        return Image((noise + contrast * self.array).astype(np.float32), self.grid)


def _centred_mm(shape: Sequence[int], spacing: Sequence[float]) -> list[NDArray[np.float64]]:
    """Open mesh of the distances in mm from the middle of the array."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _spacing(shape: Sequence[int], spacing: Sequence[float] | None) -> tuple[float, ...]:
    return tuple(float(s) for s in spacing) if spacing is not None else (1.0,) * len(shape)


def ellipsoid(
    shape: Sequence[int] = (24, 32, 40), spacing: Sequence[float] | None = None, *, radii_mm: Sequence[float]
) -> Phantom:
    """An ellipsoid (ellipse in 2-D) in the middle of the array, half-axes in mm per array axis."""
    step = _spacing(shape, spacing)
    mesh = _centred_mm(shape, step)
    inside = sum((m / r) ** 2 for m, r in zip(mesh, radii_mm, strict=True)) <= 1.0
    unit = math.pi if len(shape) == 2 else 4 / 3 * math.pi
    return Phantom("ellipsoid", np.asarray(inside).astype(np.uint8), step, unit * math.prod(radii_mm))


def ball(shape: Sequence[int] = (24, 32, 32), spacing: Sequence[float] | None = None, *, radius_mm: float) -> Phantom:
    """A ball (disc in 2-D) in the middle of the array."""
    shape_ = ellipsoid(shape, spacing, radii_mm=(radius_mm,) * len(shape))
    return Phantom("ball", shape_.array, shape_.spacing, shape_.size)


def box(
    shape: Sequence[int] = (16, 20, 24),
    spacing: Sequence[float] | None = None,
    *,
    start: Sequence[int] | None = None,
    size: Sequence[int] | None = None,
) -> Phantom:
    """A box of whole voxels; by default the middle half of every axis."""
    first = tuple(start) if start is not None else tuple(n // 4 for n in shape)
    extent = tuple(size) if size is not None else tuple(max(n // 2, 1) for n in shape)
    array = np.zeros(tuple(shape), np.uint8)
    array[tuple(slice(a, a + n) for a, n in zip(first, extent, strict=True))] = 1
    step = _spacing(shape, spacing)
    return Phantom("box", array, step, math.prod(extent) * math.prod(step), exact=True)


def touching_pair(shape: Sequence[int] = (12, 16, 24), spacing: Sequence[float] | None = None) -> Phantom:
    """Two boxes, labels 1 and 2, that share a face in the middle of the last axis."""
    array = box(shape, size=[max(n // 2, 2) for n in shape]).array
    middle = shape[-1] // 4 + max(shape[-1] // 2, 2) // 2
    array[..., middle:] *= 2
    step = _spacing(shape, spacing)
    return Phantom("touching pair", array, step, float((array > 0).sum()) * math.prod(step), exact=True)


def thin_plate(shape: Sequence[int] = (9, 16, 20), spacing: Sequence[float] | None = None) -> Phantom:
    """A plate one voxel thick across the middle of the first axis: it has a surface on both sides and no inside."""
    array = np.zeros(tuple(shape), np.uint8)
    array[shape[0] // 2] = 1
    step = _spacing(shape, spacing)
    return Phantom("thin plate", array, step, math.prod(shape[1:]) * math.prod(step), exact=True)


def single_voxel(
    shape: Sequence[int] = (7, 8, 9), spacing: Sequence[float] | None = None, *, at: Sequence[int] | None = None
) -> Phantom:
    """One marked voxel, by default off-centre so that a flipped or transposed axis moves it."""
    index = tuple(at) if at is not None else tuple(n // 3 for n in shape)
    array = np.zeros(tuple(shape), np.uint8)
    array[index] = 1
    step = _spacing(shape, spacing)
    return Phantom("single voxel", array, step, math.prod(step), exact=True)


def empty(shape: Sequence[int] = (8, 9, 10), spacing: Sequence[float] | None = None) -> Phantom:
    """Background only."""
    return Phantom("empty", np.zeros(tuple(shape), np.uint8), _spacing(shape, spacing), 0.0, exact=True)


def full(shape: Sequence[int] = (8, 9, 10), spacing: Sequence[float] | None = None) -> Phantom:
    """Foreground only."""
    step = _spacing(shape, spacing)
    return Phantom("full", np.ones(tuple(shape), np.uint8), step, math.prod(shape) * math.prod(step), exact=True)


def every(ndim: int = 3, spacing: Sequence[float] | None = None) -> tuple[Phantom, ...]:
    """One phantom of each kind on one grid, for `pytest.mark.parametrize(..., ids=lambda p: p.name)`."""
    shape = (24, 28, 36)[-ndim:]
    step = _spacing(shape, spacing)
    reach = [n * s / 2 for n, s in zip(shape, step, strict=True)]
    return (
        ball(shape, step, radius_mm=0.7 * min(reach)),
        box(shape, step),
        ellipsoid(shape, step, radii_mm=[0.8 * r for r in reach]),
        touching_pair(shape, step),
        thin_plate(shape, step),
        single_voxel(shape, step),
        empty(shape, step),
        full(shape, step),
    )
