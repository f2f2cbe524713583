"""`Grid`: where the samples of an array lie in the world.

One insight carries the module: everything that people store beside an image (spacing, origin, direction, orientation)
is *derived* from one affine, so the two can never disagree.

Conventions, everywhere in Septum:

* array axes run slowest first: `(z, y, x)` for volumes, `(y, x)` for planes;
* the affine maps **array indices in array order** to world millimetres; in 3-D the world is RAS+ (x grows to the
  patient's right, y to the front, z to the head), in 2-D it is the image's own plane `(y, x)`;
* index `(0, 0, 0)` is the *centre* of the first voxel;
* what a file does not say is a fact, too: `unit` is "px" where it gives no size of a sample (spacing is then 1), and
  `positioned` is False where its format holds neither origin nor orientation. The reader decides both, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import GeometryError
from septum.geometry.arrays import Float64Array

Unit = Literal["mm", "px"]


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular sampling grid in 2-D or 3-D.

    Args:
        shape: number of samples along each array axis, all at least 1.
        affine: `(ndim + 1, ndim + 1)` matrix from array index (array order) to world millimetres.
        unit: of the spacing: "mm", or "px" where nothing is known but the samples.
        positioned: whether origin and directions mean something; False for pictures and TIFF stacks.

    Raises:
        GeometryError: when the shape or affine is impossible (not 2-D or 3-D, empty axis, singular or not finite), or
            the unit unknown.

    >>> grid = Grid.from_spacing((20, 64, 48), (3.0, 0.5, 0.5))
    >>> grid.spacing
    (3.0, 0.5, 0.5)
    """

    shape: tuple[int, ...]
    affine: Float64Array
    _: KW_ONLY
    unit: Unit = "mm"
    positioned: bool = True

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) not in (2, 3):
            raise GeometryError(f"a grid must have 2 or 3 axes, got {len(shape)} (shape {shape})")
        if min(shape) < 1:
            raise GeometryError(f"every axis of a grid must have at least one sample, got shape {shape}")
        size = len(shape) + 1
        if affine.shape != (size, size):
            raise GeometryError(f"the affine of a {len(shape)}-D grid must be {size}x{size}, got {affine.shape}")
        if not np.isfinite(affine).all():
            raise GeometryError("the affine must be finite; the file's spacing, origin or direction is NaN or infinite")
        lengths = np.linalg.norm(affine[:-1, :-1], axis=0)
        if (lengths <= 0).any() or abs(np.linalg.det(affine[:-1, :-1] / np.where(lengths > 0, lengths, 1))) < 1e-4:
            raise GeometryError(f"the axes of a grid must span space, got affine {affine[:-1, :-1].round(4).tolist()}")
        if self.unit not in ("mm", "px"):
            raise GeometryError(f'the unit of a grid must be "mm" or "px", got {self.unit!r}')
        affine.flags.writeable = False
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls, shape: Sequence[int], spacing: Sequence[float], *, unit: Unit = "mm", positioned: bool = True
    ) -> Grid:
        """An axis-aligned grid at the origin; `spacing` in mm (or px, see `unit`) per array axis, all positive.

        In 3-D the array axes `(z, y, x)` point to superior, anterior and right.
        """
        step = [float(s) for s in spacing]
        if len(step) != len(shape) or not all(s > 0 and np.isfinite(s) for s in step):
            raise GeometryError(f"spacing must be {len(shape)} positive numbers, got {list(spacing)}")
        affine = np.eye(len(shape) + 1)
        linear = np.diag(step)
        affine[:-1, :-1] = linear[::-1] if len(shape) == 3 else linear
        return cls(tuple(shape), affine, unit=unit, positioned=positioned)

    @classmethod
    def pixels(cls, shape: Sequence[int]) -> Grid:
        """The grid of samples of which neither size nor place is known: a picture's, or a bare array's."""
        return cls.from_spacing(shape, (1.0,) * len(shape), unit="px", positioned=False)

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.shape)

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        """Distance in mm between neighbouring samples along each array axis."""
        return tuple(float(s) for s in np.linalg.norm(self.affine[:-1, :-1], axis=0))

    @property
    def known_spacing(self) -> tuple[float, ...] | None:
        """The spacing in mm, or None where no physical size is known: what a scale bar or a volume in mL needs."""
        return self.spacing if self.unit == "mm" else None

    @property
    def origin(self) -> tuple[float, ...]:
        """World position in mm of the first sample."""
        return tuple(float(v) for v in self.affine[:-1, -1])

    @cached_property
    def direction(self) -> Float64Array:
        """`(ndim, ndim)` matrix whose columns are the unit vectors of the array axes."""
        columns: Float64Array = self.affine[:-1, :-1] / np.asarray(self.spacing)
        return columns

    @property
    def voxel_volume(self) -> float:
        """Volume of one sample in mm³ (area in mm² in 2-D)."""
        return float(abs(np.linalg.det(self.affine[:-1, :-1])))

    @cached_property
    def orientation(self) -> str:
        """Direction in which each array axis runs, nearest anatomical axis: `"SAR"` for `(z, y, x)` of a RAS volume.

        In 2-D, where no anatomy is known, the letters are `"YX"` with a minus sign before a reversed axis.
        """
        letters = ("LR", "PA", "IS") if self.ndim == 3 else (("-Y", "Y"), ("-X", "X"))
        return "".join(letters[world][int(sign > 0)] for world, sign in self.closest_axes())

    @property
    def anatomical(self) -> bool:
        """Whether the axes have directions in a patient; pictures and stacks of sections have none."""
        return self.ndim == 3 and self.positioned

    @property
    def letters(self) -> str | None:
        """The orientation, or None where the axes have no directions in a patient."""
        return self.orientation if self.anatomical else None

    def closest_axes(self) -> tuple[tuple[int, int], ...]:
        """For each array axis: the world axis it runs along most closely, and the sign. No world axis occurs twice."""
        cosines = self.direction.copy()
        result: list[tuple[int, int]] = [(0, 1)] * self.ndim
        for _ in range(self.ndim):
            world, axis = np.unravel_index(int(np.abs(cosines).argmax()), cosines.shape)
            result[int(axis)] = (int(world), 1 if self.direction[world, axis] > 0 else -1)
            cosines[world, :] = 0
            cosines[:, axis] = 0
        return tuple(result)

    def index_to_world(self, index: ArrayLike) -> Float64Array:
        """World positions in mm of `(..., ndim)` array indices (fractions allowed)."""
        points: Float64Array = np.asarray(index, dtype=np.float64) @ self.affine[:-1, :-1].T + self.affine[:-1, -1]
        return points

    def world_to_index(self, world: ArrayLike) -> Float64Array:
        """Array indices (fractional) of `(..., ndim)` world positions in mm."""
        inverse = np.linalg.inv(self.affine)
        points: Float64Array = np.asarray(world, dtype=np.float64) @ inverse[:-1, :-1].T + inverse[:-1, -1]
        return points

    def corners(self) -> Float64Array:
        """World positions of the `2**ndim` corner samples."""
        ends = np.stack(np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij"), axis=-1)
        return self.index_to_world(ends.reshape(-1, self.ndim))

    def crop(self, start: Sequence[int], shape: Sequence[int]) -> Grid:
        """The grid of `array[start : start + shape]`; a negative start or a larger shape extends the grid (padding)."""
        affine = self.affine.copy()
        affine[:-1, -1] = self.index_to_world(start)
        return replace(self, shape=tuple(shape), affine=affine)

    def corner_difference(self, other: Grid) -> float:
        """Largest distance between matching corners, in voxels of this grid; infinite when the shapes differ."""
        if self.shape != other.shape:
            return float("inf")
        offset = self.world_to_index(other.corners()) - self.world_to_index(self.corners())
        return float(np.abs(offset).max())

    def matches(self, other: Grid, *, tolerance: float = 0.1) -> bool:
        """Whether both grids sample the same points, to within `tolerance` voxels at every corner."""
        return self.corner_difference(other) <= tolerance

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grid)
            and (self.shape, self.unit, self.positioned) == (other.shape, other.unit, other.positioned)
            and np.array_equal(self.affine, other.affine)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.affine.tobytes(), self.unit, self.positioned))
