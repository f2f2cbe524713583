"""Spatial augmentation, the drawing: which flip, rotation, scaling and elastic deformation a patch gets.

The insight: everything happens in millimetres. A rotation of voxels 3 mm thick and 0.5 mm wide would shear a ball into
an ellipsoid; drawn in millimetres and converted once, at the end, to voxels it stays a ball. `septum.net.augment.cut`
applies what is drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.net.augment.separable import Matrix, along_axes, spline_matrix

LEAST_VOLUME = 0.1
"""A deformation may squeeze tissue to this share of its volume."""


MOST_KNOTS = 64
"""Along each axis; the paper has 3."""


FOLDS_SEEN = 4
"""Samples per vector at which a deformation is checked for folds."""


def check_probability(name: str, value: float) -> None:
    """Raise `ConfigError` unless `value` is between 0 and 1.

    >>> check_probability("flip", 0.5)  # says nothing
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be between 0 and 1, got {value}")


LARGEST = 1e4
"""Of any number in a range of augmentation, which is a factor, a shift in deviations or a few pixels."""


def check_range(name: str, value: Sequence[float], *, lowest: float = -LARGEST) -> None:
    """Raise `ConfigError` unless `value` is (low, high) with `lowest <= low <= high`, none beyond `LARGEST`.

    >>> check_range("zoom", (0.8, 1.2), lowest=0.1)  # says nothing
    """
    if len(value) != 2 or not lowest <= value[0] <= value[1] <= LARGEST:
        raise ConfigError(f"{name} must be (low, high) with {lowest:g} <= low <= high <= {LARGEST:g}, got {value}")


@dataclass(frozen=True)
class Elastic:
    """Ranges of one elastic deformation: random displacement vectors on a coarse grid, cubic in between.

    Attributes:
        probability: chance that a patch is deformed.
        std: standard deviation of each component of the displacement vectors, (lowest, highest), drawn per patch;
            in pixels (3-D: voxels along the finest axis).
        knots: vectors along each axis of the patch when `distance` is 0; the paper's coarse 3×3 grid is 3.
        distance: pixels between the vectors of a denser grid; 0 = use `knots`. From a tenth of it on, a `std` makes
            deformations that would fold tissue over itself; these are weakened until they do not.
    """

    probability: float
    std: tuple[float, float]
    knots: int = 3
    distance: float = 0.0

    def __post_init__(self) -> None:
        check_probability("elastic.probability", self.probability)
        check_range("elastic.std", self.std, lowest=0.0)
        if not 2 <= self.knots <= MOST_KNOTS or not (self.distance == 0 or 1 <= self.distance <= LARGEST):
            raise ConfigError(
                f"elastic.knots must be 2 to {MOST_KNOTS} and distance 0 or 1 to {LARGEST:g} pixels, got {self.knots} "
                f"and {self.distance}"
            )


@dataclass(frozen=True)
class SpatialConfig:
    """Ranges of the spatial augmentation; every axis list is in array order, (y, x) or (z, y, x).

    Attributes:
        flips: per axis, whether half of the patches are mirrored along it.
        quarter_turns: turn by a random multiple of 90° in the plane of the last two axes (exact, nothing is blurred).
        rotation: largest angle in degrees, either way: 2-D `(in-plane,)`, 3-D about each axis `(z, y, x)`.
        rotation_probability: chance that a patch is rotated.
        scale: (smallest, largest) magnification, drawn evenly on a logarithmic scale; 2.0 shows things twice as large.
        anisotropy: largest extra stretch of each axis on its own, as a fraction: 0.1 draws factors in 1/1.1 ... 1.1.
        scale_probability: chance that a patch is scaled and stretched.
        elastic: elastic deformations, each drawn on its own and added.
    """

    flips: tuple[bool, ...]
    quarter_turns: bool = False
    rotation: tuple[float, ...] = (0.0,)
    rotation_probability: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    anisotropy: float = 0.0
    scale_probability: float = 0.0
    elastic: tuple[Elastic, ...] = ()

    def __post_init__(self) -> None:
        ndim = len(self.flips)
        if ndim not in (2, 3):
            raise ConfigError(f"flips must name 2 or 3 axes, got {self.flips}")
        if len(self.rotation) != (1 if ndim == 2 else 3):
            raise ConfigError(
                f"rotation must have {1 if ndim == 2 else 3} angles for {ndim}-D data, got {self.rotation}"
            )
        if not all(abs(angle) <= 360 for angle in self.rotation):
            raise ConfigError(f"rotation must be angles of up to 360 degrees, got {self.rotation}")
        check_probability("rotation_probability", self.rotation_probability)
        check_probability("scale_probability", self.scale_probability)
        check_range("scale", self.scale, lowest=1e-3)
        if not 0 <= self.anisotropy < 1:
            raise ConfigError(f"anisotropy must be at least 0 and below 1, got {self.anisotropy}")


@dataclass(frozen=True, eq=False)
class Warp:
    """One drawn spatial transformation: from the offset of an output voxel to the offset of the source voxel.

    Attributes:
        patch: output size per axis.
        axes: source axis that each output axis runs along (a transposition where a quarter turn was drawn).
        flips: per output axis, whether it runs against its source axis.
        matrix: `(ndim, ndim)` further linear map of source offsets in voxels, or `None` for none.
        bends: elastic deformations; each `(ndim, *knots)` displacement vectors in source voxels.
    """

    patch: tuple[int, ...]
    axes: tuple[int, ...]
    flips: tuple[bool, ...]
    matrix: tuple[tuple[float, ...], ...] | None = None
    bends: tuple[NDArray[np.float64], ...] = ()

    @property
    def extent(self) -> tuple[int, ...]:
        """Size of the cut along each *source* axis before rotation, scaling and bending."""
        extent = [0] * len(self.patch)
        for size, axis in zip(self.patch, self.axes, strict=True):
            extent[axis] = size
        return tuple(extent)

    @property
    def exact(self) -> bool:
        """Whether the patch is a plain copy: a crop with flips and quarter turns, nothing interpolated."""
        return self.matrix is None and not self.bends


def sample_warp(
    config: SpatialConfig, *, patch: Sequence[int], spacing: Sequence[float], generator: np.random.Generator
) -> Warp:
    """Draw one spatial transformation; `patch` in voxels and `spacing` in mm per array axis.

    The numbers drawn depend on the configuration, the patch and the generator's state only.

    >>> generator = np.random.default_rng(0)
    >>> type(sample_warp(SpatialConfig((False, False)), patch=(8, 8), spacing=(1.0, 1.0), generator=generator)).__name__
    'Warp'
    """
    ndim = len(config.flips)
    if len(patch) != ndim or len(spacing) != ndim:
        raise ConfigError(
            f"patch and spacing must have {ndim} axes like the augmentation's flips, "
            f"got {tuple(patch)} and {tuple(spacing)}"
        )
    flips = tuple(bool(flip and generator.random() < 0.5) for flip in config.flips)
    axes = tuple(range(ndim))
    if config.quarter_turns and math.isclose(spacing[-1], spacing[-2], rel_tol=0.01):
        turns = int(generator.integers(4))
        if turns % 2:
            axes = (*axes[:-2], axes[-1], axes[-2])
            flips = (*flips[:-2], not flips[-2], flips[-1])
        if turns >= 2:
            flips = (*flips[:-2], not flips[-2], not flips[-1])
    matrix = _sample_matrix(config, spacing, generator=generator)
    drawn = [_sample_bend(elastic, patch, spacing=spacing, generator=generator) for elastic in config.elastic]
    bends = _unfolded(
        [bend for bend in drawn if bend is not None], np.eye(ndim) if matrix is None else matrix, patch=patch
    )
    return Warp(tuple(int(n) for n in patch), axes, flips, matrix, bends)


def _sample_matrix(
    config: SpatialConfig, spacing: Sequence[float], *, generator: np.random.Generator
) -> tuple[tuple[float, ...], ...] | None:
    """Rotation and scaling, acting in millimetres, as a map of source offsets in voxels; `None` when not drawn."""
    ndim = len(config.flips)
    rotate = any(config.rotation) and generator.random() < config.rotation_probability
    rescale = generator.random() < config.scale_probability
    if not (rotate or rescale):
        return None
    turn = np.eye(ndim)
    if rotate:
        turn = rotation_matrix([generator.uniform(-limit, limit) for limit in config.rotation])
    if rescale:
        low, high = np.log(config.scale)
        stretch = generator.uniform(-1, 1, ndim) * math.log1p(config.anisotropy)
        turn = turn / np.exp(generator.uniform(low, high) + stretch)
    step = np.asarray(spacing, dtype=np.float64)
    voxels = turn * step / step[:, None]  # mm -> mm becomes voxels -> voxels
    return tuple(tuple(float(v) for v in row) for row in voxels)


def rotation_matrix(degrees: Sequence[float]) -> Matrix:
    """Rotation in array order: 2-D from one angle, 3-D as the product of the turns about the (z, y, x) axes.

    >>> rotation_matrix([90.0]).round() + 0.0
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    planes = [(0, 1)] if len(degrees) == 1 else [(1, 2), (0, 2), (0, 1)]
    result = np.eye(2 if len(degrees) == 1 else 3)
    for angle, (first, second) in zip(np.deg2rad(degrees), planes, strict=True):
        turn = np.eye(len(result))
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        result = result @ turn
    return result


def _unfolded(
    bends: Sequence[NDArray[np.float64]], matrix: ArrayLike, *, patch: Sequence[int]
) -> tuple[NDArray[np.float64], ...]:
    """The deformations, weakened together until no tissue is folded over itself or squeezed below a tenth.

    The volume of a voxel after `matrix` and deformation is the determinant of their Jacobian; it is looked at on a grid
    a few times denser than the vectors.
    """
    if not bends:
        return ()
    linear = np.asarray(matrix, dtype=np.float64)
    least = LEAST_VOLUME * np.linalg.det(linear)
    size = [max(2, min(n, FOLDS_SEEN * max(b.shape[1 + axis] - 1 for b in bends) + 1)) for axis, n in enumerate(patch)]
    coarse = torch.zeros(len(patch), *size, dtype=torch.float64)
    for bend in bends:
        coarse += along_axes(
            torch.from_numpy(bend), [spline_matrix(*pair) for pair in zip(size, bend.shape[1:], strict=True)]
        )
    steps = [max(n - 1, 1) / (seen - 1) for n, seen in zip(patch, size, strict=True)]
    slopes = np.stack([np.stack(np.gradient(part, *steps)) for part in coarse.numpy()])  # (component, axis, *size)
    slopes = np.moveaxis(slopes, (0, 1), (-2, -1))
    strength = 1.0
    while np.linalg.det(linear + strength * slopes).min() < least:
        strength *= 0.85
    return tuple(strength * bend for bend in bends)


def _sample_bend(
    elastic: Elastic, patch: Sequence[int], *, spacing: Sequence[float], generator: np.random.Generator
) -> NDArray[np.float64] | None:
    """Displacement vectors `(ndim, *knots)` in source voxels, or `None` when the patch is left unbent."""
    if generator.random() >= elastic.probability:
        return None
    std = generator.uniform(*elastic.std)
    finest = min(spacing)
    if elastic.distance > 0:
        knots = tuple(
            max(2, round((n - 1) * step / finest / elastic.distance) + 1)
            for n, step in zip(patch, spacing, strict=True)
        )
    else:
        knots = (elastic.knots,) * len(patch)
    vectors = generator.normal(0.0, 1.0, (len(patch), *knots)) * std
    steps = np.asarray(spacing, dtype=np.float64).reshape(-1, *(1,) * len(patch))
    return np.asarray(vectors * finest / steps)
