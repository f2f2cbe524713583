"""`Placement`: how an image was laid out for a network, kept as a value so that the way back is a function of it.

The insight: reorienting and resampling along the array's own axes are *separable*. Reorienting costs nothing (views),
resampling is one small banded matrix per axis, and the way back to the source grid is one vector of coordinates per
axis; no volume-sized coordinate array ever exists. Voxel *edges* are aligned, not centres: the box of space that the
image covers stays the same, so nothing is lost at the rim and the inverse needs no special cases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry.arrays import Spacing
from septum.geometry.grid import Grid

ANTI_ALIAS_FROM = 1.5
"""Down-sampling by more than this factor along an axis is preceded by a Gaussian (sigma = (factor - 1) / 2 samples)."""

_ROWS_PER_BLOCK = 64
_SAME = 1e-3  # relative difference below which two spacings count as one


@dataclass(frozen=True)
class Placement:
    """The way from a source grid to a network's grid and back.

    Step 1 reorients: canonical axis `a` is source axis `axes[a]`, reversed where `flips[a]`. The canonical order of a
    volume is (superior, anterior, right), the `(z, y, x)` of a RAS volume; planes are left as they are.
    Step 2 resamples the canonical array to `shape`, keeping its extent; `spacing` is the step that results, in mm.

    >>> place = Placement.plan(Grid.from_spacing((10, 64, 64), (5.0, 1.0, 1.0)), (5.0, 2.0, 2.0))
    >>> place.shape, place.spacing
    ((10, 32, 32), (5.0, 2.0, 2.0))
    """

    source: Grid
    axes: tuple[int, ...]
    flips: tuple[bool, ...]
    shape: tuple[int, ...]
    spacing: tuple[float, ...]

    def __post_init__(self) -> None:
        ndim = self.source.ndim
        if sorted(self.axes) != list(range(ndim)):
            raise GeometryError(f"axes must be an ordering of {list(range(ndim))}, got {list(self.axes)}")
        if not len(self.flips) == len(self.shape) == len(self.spacing) == ndim or min(self.shape) < 1:
            raise GeometryError(f"flips, shape and spacing must have {ndim} entries, got {self.flips}, {self.shape}")

    @classmethod
    def plan(cls, source: Grid, spacing: Spacing, *, reorient: bool = True) -> Placement:
        """Lay out `source` for a network that works at `spacing` (mm per canonical axis; None keeps the own spacing).

        Raises:
            GeometryError: when `spacing` is not one positive number per axis.
        """
        axes, flips = _canonical_axes(source) if reorient else _unchanged(source)
        own = tuple(source.spacing[axis] for axis in axes)
        wanted = own if spacing is None else tuple(float(s) for s in spacing)
        if len(wanted) != source.ndim or not all(np.isfinite(s) and s > 0 for s in wanted):
            raise GeometryError(f"spacing must be {source.ndim} positive numbers (mm), got {spacing}")
        counts = tuple(source.shape[axis] for axis in axes)
        shape = tuple(
            n if abs(old / new - 1) < _SAME else max(1, round(n * old / new))
            for n, old, new in zip(counts, own, wanted, strict=True)
        )
        actual = tuple(old if n == m else old * n / m for n, m, old in zip(counts, shape, own, strict=True))
        return cls(source, axes, flips, shape, actual)

    @cached_property
    def canonical(self) -> Grid:
        """The source grid after reorienting, before resampling."""
        affine = self.source.affine.copy()
        shape = tuple(self.source.shape[axis] for axis in self.axes)
        first = [0] * self.source.ndim
        for axis, flip in zip(self.axes, self.flips, strict=True):
            first[axis] = self.source.shape[axis] - 1 if flip else 0
        signs = np.where(self.flips, -1.0, 1.0)
        affine[:-1, :-1] = self.source.affine[:-1, :-1][:, list(self.axes)] * signs
        affine[:-1, -1] = self.source.index_to_world(first)
        return replace(self.source, shape=shape, affine=affine)

    @cached_property
    def target(self) -> Grid:
        """The grid of the network's array."""
        canonical = self.canonical
        ratio = np.array(canonical.shape) / np.array(self.shape)
        affine = canonical.affine.copy()
        affine[:-1, :-1] = canonical.affine[:-1, :-1] * ratio
        affine[:-1, -1] = canonical.index_to_world(0.5 * ratio - 0.5)
        return replace(self.source, shape=self.shape, affine=affine)

    def reorient(self, array: NDArray[Any]) -> NDArray[Any]:
        """View of `array` (`(..., *source.shape)`) with its last axes in canonical order and direction."""
        lead = self._leading(array, self.source.shape)
        turned = array.transpose(*range(lead), *(lead + axis for axis in self.axes))
        return turned[(..., *(slice(None, None, -1) if flip else slice(None) for flip in self.flips))]

    def apply(self, array: NDArray[Any], *, order: int = 1) -> NDArray[np.float32]:
        """Prepare intensities for the network.

        Args:
            array: `(C, *source.shape)`, any real type. Samples that are not finite count as 0.
            order: 0 nearest, 1 linear, 3 cubic convolution (Keys 1981, a = -1/2). Beyond the border the last sample
                is repeated; down-sampling by more than 1.5 along an axis is anti-aliased with a Gaussian.

        Returns:
            `(C, *shape)` float32, contiguous, never sharing memory with the input.
        """
        if array.ndim != self.source.ndim + 1:
            raise GeometryError(f"an image array must be (channels, *{self.source.shape}), got shape {array.shape}")
        canonical = self.reorient(array)
        result = np.empty((len(array), *self.shape), dtype=np.float32)
        counts = canonical.shape[1:]
        matrices = [
            _axis_matrix(n, m, order=order) if n != m else None for n, m in zip(counts, self.shape, strict=True)
        ]
        shrink_first = sorted(range(len(counts)), key=lambda axis: self.shape[axis] / counts[axis])
        for channel, out in zip(canonical, result, strict=True):
            data = channel
            if channel.dtype.kind == "f" and not np.isfinite(channel).all():
                data = np.nan_to_num(channel, nan=0.0, posinf=0.0, neginf=0.0)
            for axis in shrink_first:
                matrix = matrices[axis]
                data = data if matrix is None else _apply_along(matrix, data, axis=axis)
            out[...] = data
        return result

    def apply_labels(self, array: NDArray[Any]) -> NDArray[Any]:
        """Labels `(*source.shape)` at the centres of the network's voxels, nearest neighbour, the same integer type."""
        canonical = self.reorient(array)
        if canonical.shape == self.shape:
            return np.array(canonical, order="C")
        index = [
            np.minimum(((np.arange(m) + 0.5) * n / m).astype(np.intp), n - 1)
            for n, m in zip(canonical.shape, self.shape, strict=True)
        ]
        return np.ascontiguousarray(canonical[np.ix_(*index)])

    def coordinates(self) -> tuple[NDArray[np.float64], ...]:
        """Per canonical axis: the fractional network index of each source voxel centre, clipped to `[0, n - 1]`."""
        return tuple(
            np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
            for n, m in zip(self.canonical.shape, self.shape, strict=True)
        )

    def undo(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Turn an array on the canonical source grid back to `source.shape`; exact, whatever the type.

        Leading axes (channels) are kept.
        """
        lead = self._leading(labels, self.canonical.shape)
        turned = labels[(..., *(slice(None, None, -1) if flip else slice(None) for flip in self.flips))]
        back = np.argsort(self.axes)
        return np.ascontiguousarray(turned.transpose(*range(lead), *(lead + int(axis) for axis in back)))

    def _leading(self, array: NDArray[Any], shape: tuple[int, ...]) -> int:
        lead = array.ndim - len(shape)
        if lead < 0 or array.shape[lead:] != shape:
            raise GeometryError(f"an array on this grid must end with shape {shape}, got shape {array.shape}")
        return lead


def _unchanged(grid: Grid) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    return tuple(range(grid.ndim)), (False,) * grid.ndim


def _canonical_axes(grid: Grid) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    if grid.ndim == 2:
        return _unchanged(grid)
    runs = {world: (axis, sign < 0) for axis, (world, sign) in enumerate(grid.closest_axes())}
    found = [runs[world] for world in (2, 1, 0)]
    return tuple(axis for axis, _ in found), tuple(flip for _, flip in found)


@dataclass(frozen=True)
class _Band:
    """A few rows of a resampling matrix: output rows `start...` are `weights @ source[lo : lo + width]`."""

    start: int
    lo: int
    weights: NDArray[np.float32]


def _axis_matrix(n: int, m: int, *, order: int) -> list[_Band]:
    """The `(m, n)` matrix that resamples `n` samples to `m` with aligned edges, cut into dense bands of rows."""
    if order not in (0, 1, 3):
        raise GeometryError(f"order must be 0 (nearest), 1 (linear) or 3 (cubic), got {order}")
    factor = n / m
    sigma = (factor - 1) / 2 if factor > ANTI_ALIAS_FROM and order > 0 else 0.0
    reach = {0: 1, 1: 1, 3: 2}[order] + int(np.ceil(4 * sigma))
    bands = []
    for start in range(0, m, _ROWS_PER_BLOCK):
        rows = np.arange(start, min(start + _ROWS_PER_BLOCK, m))
        centres = (rows.astype(np.float64) + 0.5) * factor - 0.5
        first, last = int(np.floor(centres[0])) - reach, int(np.ceil(centres[-1])) + reach
        taps = np.arange(first, last + 1)
        weights = _weights(centres[:, None] - taps[None, :], order, sigma=sigma)
        weights /= weights.sum(axis=1, keepdims=True)
        inside = np.clip(taps, 0, n - 1)
        lo, hi = int(inside[0]), int(inside[-1])
        folded = np.zeros((hi - lo + 1, len(rows)))
        np.add.at(folded, inside - lo, weights.T)  # taps beyond the border fold onto the last sample
        bands.append(_Band(start, lo, np.ascontiguousarray(folded.T, dtype=np.float32)))
    return bands


def _weights(distance: NDArray[np.float64], order: int, *, sigma: float) -> NDArray[np.float64]:
    """Interpolation weights at signed `distance` (in samples), convolved with a Gaussian of `sigma` samples."""
    if sigma > 0:
        steps = np.arange(-int(np.ceil(4 * sigma)), int(np.ceil(4 * sigma)) + 1, dtype=np.float64)
        blur = np.exp(-0.5 * (steps / sigma) ** 2)
        blur /= blur.sum()
        total = np.zeros_like(distance)
        for step, share in zip(steps, blur, strict=True):
            total += share * _weights(distance - step, order, sigma=0.0)
        return total
    gap = np.abs(distance)
    if order == 3:
        near = (1.5 * gap - 2.5) * gap**2 + 1
        far = ((-0.5 * gap + 2.5) * gap - 4) * gap + 2
        kernel = np.where(gap <= 1, near, np.where(gap < 2, far, 0.0))
    elif order == 1:
        kernel = np.clip(1 - gap, 0, None)
    else:
        kernel = ((distance > -0.5) & (distance <= 0.5)).astype(np.float64)
    return np.asarray(kernel, dtype=np.float64)


def _apply_along(bands: list[_Band], data: NDArray[Any], *, axis: int) -> NDArray[np.float32]:
    """Multiply one axis of an array by a banded matrix; every product is a dense matrix product."""
    data = np.ascontiguousarray(data, dtype=np.float32)
    rows = sum(len(band.weights) for band in bands)
    lead = int(np.prod(data.shape[:axis], dtype=np.int64))
    trail = int(np.prod(data.shape[axis + 1 :], dtype=np.int64))
    result = np.empty((lead, rows, trail), dtype=np.float32)
    flat = data.reshape(lead, data.shape[axis], trail)
    for band in bands:
        height, width = band.weights.shape
        out, part = slice(band.start, band.start + height), slice(band.lo, band.lo + width)
        if trail == 1:
            result[:, out, 0] = flat[:, part, 0] @ band.weights.T
        else:
            np.matmul(band.weights, flat[:, part], out=result[:, out])
    return result.reshape(*data.shape[:axis], rows, *data.shape[axis + 1 :])
