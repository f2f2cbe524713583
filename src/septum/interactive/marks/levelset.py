"""Level sets from a seed shape: geodesic active contours and Chan-Vese, a few iterations at a time.

The insight: a person stops a contour when it looks right, so a tool that returns at the end only is no use; each step
of the generator hands out what changed, and whoever has seen enough stops asking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import connected_parts
from septum.classical.landscape import gradient_magnitude, smoothed
from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Mask, Spacing, grey_image, spacing_mm
from septum.interactive.scene import Scene, grey_levels, label_type, scene, shifted
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least

LevelSet = NDArray[np.float32]
"""Below 0 inside the shape; millimetres from its border where a contour keeps it between two steps."""


Steps = Callable[[LevelSet, int], LevelSet]


_RUN = 20  # iterations of the contour at once: each start anew loses a little of what moved within a voxel


_THIN = 4  # voxels that ITK's recursive filters need along each axis


_NARROW = 0.5  # deviation in voxels below which the blur does not reach the next slice, and no border crosses to it


_FAR = 0.02  # of the blurred shape: what is nearer to 0 or 1 does not move, so no island appears far from the border


def speed_image(
    image: ArrayLike,
    *,
    contrast: float | None = None,
    inside: ArrayLike | None = None,
    sigma_mm: float | None = None,
    spacing: Spacing = None,
) -> NDArray[np.float32]:
    """How freely a contour moves: 1 in flat parts, towards 0 on edges, half where the gradient equals `contrast`.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        contrast: gradient in image units per mm, above 0; None for twice the median gradient `inside`, so that what is
            as uneven as the object itself is no edge; without `inside`, or where that is 0, the gradient that 80 % of
            the voxels stay below, and where that is 0 too, a tenth of the steepest.
        inside: mask of the image's shape, where the object surely is; an empty one says nothing.
        sigma_mm: Gaussian smoothing before the gradient; None for the finest spacing.
        spacing: mm per axis.

    Raises:
        GeometryError, ConfigError, DatasetError: as `gradient_magnitude`; a contrast that is not positive; a mask
            of another shape.

    Source: 1 / (1 + (g / contrast)²), Perona and Malik 1990, IEEE TPAMI 12:629.

    >>> float(speed_image([[1.0, 1.0, 1.0]]).min())
    1.0
    """
    array = grey_image(image)
    slope = gradient_magnitude(array, spacing=spacing_mm(spacing, array.ndim), sigma_mm=sigma_mm)
    if contrast is None:
        half = _median_inside(slope, inside) or float(np.quantile(slope, 0.8)) or float(slope.max()) / 10
    else:
        half = at_least(contrast, 0, name="contrast", above=True)
    if half > 0:
        slope /= half
    np.multiply(slope, slope, out=slope)
    slope += 1
    np.reciprocal(slope, out=slope)
    return slope


def _median_inside(slope: NDArray[np.float32], inside: ArrayLike | None) -> float:
    """Twice the median of the slopes in the mask, 0 without a mask or with an empty one."""
    if inside is None:
        return 0.0
    mask = np.asarray(inside, dtype=bool)
    if mask.shape != slope.shape:
        raise GeometryError(f"inside must have the image's shape {slope.shape}, got {mask.shape}; cut both alike")
    return 2 * float(np.median(slope[mask])) if mask.any() else 0.0


def geodesic_contour(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    label: int = 1,
    iterations: int = 200,
    every: int = 20,
    balloon: float = 1.0,
    curvature: float = 0.3,
    advection: float = 1.0,
    contrast: float | None = None,
    sigma_mm: float | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[Change]:
    """The shape of `label` grows (or shrinks) until edges hold it; one change every so many iterations.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape that holds the seed shape.
        label: whose shape moves; it leaves voxels as 0, and enters neither other labels nor what they fence off.
        iterations, every: at most so many, a change after each `every` that moved a voxel; it ends early when nothing
            moves any more. The shape after n iterations does not depend on `every`; every 20 take the least time.
        balloon: speed outward, negative for inward.
        curvature: strength of smoothing, 0 or more.
        advection: pull onto edges, 0 or more.
        contrast, sigma_mm: of `speed_image`, `inside` being the seed shape.
        spacing: mm per axis; the contour moves in millimetres.
        region: box of interest.
        cancelled: asked before each step, and every 20 iterations.

    Raises:
        ConfigError: no voxel of `label` in the region, options out of range.
        GeometryError: shapes that differ, an empty region.
        Cancelled: `cancelled` said so.

    Source: Caselles, Kimmel and Sapiro 1997, IJCV 22:61; SimpleITK (GeodesicActiveContourLevelSet) runs.

    >>> image, labels = np.zeros((15, 15)), np.zeros((15, 15), int)
    >>> image[4:11, 4:11] = 1.0; labels[6:9, 6:9] = 1
    >>> *_, last = geodesic_contour(image, labels, iterations=100)
    >>> bool(last.applied_to(labels).sum() > labels.sum())
    True
    """
    found, inside = _begin(
        image, labels, label=label, spacing=spacing, region=region, iterations=iterations, every=every
    )
    if not math.isfinite(balloon):
        raise ConfigError(f"balloon must be a finite number, got {balloon}; above 0 grows, below 0 shrinks")
    at_least(curvature, 0, name="curvature")
    at_least(advection, 0, name="advection")
    speed = speed_image(found.image, contrast=contrast, inside=inside, sigma_mm=sigma_mm, spacing=found.spacing)

    barred = _barred((found.labels != 0) & ~inside, inside)

    def move(level: LevelSet, count: int) -> LevelSet:
        moved = _contour(level, speed, spacing=found.spacing, count=count, scales=(balloon, curvature, advection))
        moved[barred & (moved < 0)] = min(found.spacing) / 2
        return moved

    start = _signed_distance(inside, found.spacing)
    return _stream(
        found, inside, label=label, shapes=_shapes(start, (iterations, every, _RUN), move=move, cancelled=cancelled)
    )


def chan_vese(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    label: int = 1,
    iterations: int = 100,
    every: int = 5,
    smoothing_mm: float | None = None,
    inside_weight: float = 1.0,
    outside_weight: float = 1.0,
    sigma_mm: float = 0.0,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Iterator[Change]:
    """The border of `label` moves to where the means inside and outside explain the region best.

    Each iteration blurs the shape, lets every voxel near the border lean to the side whose mean is nearer to it, and
    cuts at one half: threshold dynamics, where the blur is what keeps the border short.

    Args:
        image, labels, label, iterations, every, spacing, region, cancelled: as `geodesic_contour`.
        smoothing_mm: deviation of the blur, above 0, but half a voxel at least along each axis; None for the finest
            spacing. Larger ones smooth the border more and move it faster.
        inside_weight, outside_weight: how much a voxel's misfit counts on each side, above 0.
        sigma_mm: Gaussian smoothing of the image before, 0 for none.

    Raises:
        ConfigError, GeometryError, Cancelled: as `geodesic_contour`.

    Source: Chan and Vese 2001, IEEE TIP 10:266; threshold dynamics: Esedoglu and Tsai 2006, J Comput Phys 211:367.

    >>> image, labels = np.zeros((15, 15)), np.zeros((15, 15), int)
    >>> image[4:11, 4:11] = 1.0; labels[6:9, 6:9] = 1
    >>> *_, last = chan_vese(image, labels)
    >>> bool(last.applied_to(labels).sum() > labels.sum())
    True
    """
    found, inside = _begin(
        image, labels, label=label, spacing=spacing, region=region, iterations=iterations, every=every
    )
    at_least(inside_weight, 0, name="inside_weight", above=True)
    at_least(outside_weight, 0, name="outside_weight", above=True)
    at_least(sigma_mm, 0, name="sigma_mm")
    blur = min(found.spacing) if smoothing_mm is None else at_least(smoothing_mm, 0, name="smoothing_mm", above=True)
    grey = grey_levels(smoothed(found.image, spacing=found.spacing, sigma_mm=sigma_mm)).astype(np.float32)

    barred = _barred((found.labels != 0) & ~inside, inside)
    widths = [max(blur / s, _NARROW) for s in found.spacing]

    def move(level: LevelSet, _: int) -> LevelSet:
        return _level_of(_lean(level < 0, grey, widths=widths, weights=(inside_weight, outside_weight)) & ~barred)

    return _stream(
        found,
        inside,
        label=label,
        shapes=_shapes(_level_of(inside), (iterations, every, 1), move=move, cancelled=cancelled),
    )


def _lean(mask: Mask, grey: NDArray[np.float32], *, widths: Sequence[float], weights: tuple[float, float]) -> Mask:
    """One iteration of threshold dynamics; an empty or full shape, or one without contrast, stays as it is."""
    from scipy import ndimage

    if not mask.any() or mask.all():
        return mask
    inner, outer = float(grey[mask].mean(dtype=np.float64)), float(grey[~mask].mean(dtype=np.float64))
    if inner == outer:
        return mask
    soft = ndimage.gaussian_filter(mask.astype(np.float32), widths, mode="nearest", truncate=3.0)
    near = (soft > _FAR) & (soft < 1 - _FAR)
    values = grey[near]
    misfit = weights[0] * (values - inner) ** 2 - weights[1] * (values - outer) ** 2
    out = mask.copy()
    out[near] = soft[near] - np.clip(misfit / (2 * (inner - outer) ** 2), -0.5, 0.5) > 0.5
    return out


def _begin(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    label: int,
    spacing: Spacing,
    region: Box | None,
    iterations: int,
    every: int,
) -> tuple[Scene, Mask]:
    found = scene(image, labels, spacing=spacing, region=region)
    at_least(iterations, 1, name="iterations")
    at_least(every, 1, name="every")
    label_type(found.labels.dtype, label)
    at_least(label, 1, name="label")
    inside = np.asarray(found.labels == label)
    if not inside.any():
        raise ConfigError(
            f"label must have a seed shape in the region, got no voxel of label {label}; paint a blob inside the object"
        )
    return found, inside


def _stream(found: Scene, inside: Mask, *, label: int, shapes: Iterator[Mask]) -> Iterator[Change]:
    """One change per shape that differs from the last, each relative to the last."""
    held = found.labels.astype(label_type(found.labels.dtype, label))
    for fresh in shapes:
        box = Box.of(fresh != inside)
        if box is None:
            continue
        part = held[box.slices]
        part[inside[box.slices]] = 0
        part[fresh[box.slices]] = label
        inside = fresh
        yield Change(shifted(box, found.box), part.copy())


def _barred(foreign: Mask, inside: Mask) -> Mask:
    """Other labels, and what no way through faces leads to from the shape without crossing them."""
    if not foreign.any():
        return foreign
    numbers, count = connected_parts(~foreign)
    reached = np.zeros(count + 1, bool)
    reached[numbers[inside]] = True
    return np.asarray(~reached[numbers])


def _shapes(
    base: LevelSet, counts: tuple[int, int, int], *, move: Steps, cancelled: IsCancelled | None
) -> Iterator[Mask]:
    """The shape after each `every` of the iterations, until `run` of them move nothing.

    `move` goes on from the level after a multiple of `run` iterations, so that the shape after n iterations is the same
    however often one looks.
    """
    iterations, every, run = counts
    done = 0
    for wanted in [*range(every, iterations, every), iterations]:
        while wanted - done >= run:
            stop_if(cancelled)
            fresh = move(base, run)
            if np.array_equal(fresh < 0, base < 0):
                yield fresh < 0
                return
            base, done = fresh, done + run
        if wanted > done:
            stop_if(cancelled)
            yield move(base, wanted - done) < 0
        else:
            yield base < 0


def _level_of(mask: Mask) -> LevelSet:
    return np.where(mask, np.float32(-1), np.float32(1))


def _contour(
    level: LevelSet,
    speed: NDArray[np.float32],
    *,
    spacing: Sequence[float],
    count: int,
    scales: tuple[float, float, float],
) -> LevelSet:
    """`count` iterations of the geodesic active contour; an empty or full shape stays as it is."""
    import SimpleITK

    inside = level < 0
    if not inside.any() or inside.all():
        return level.copy()
    thick = [(0, max(0, _THIN - n)) for n in level.shape]
    front = SimpleITK.GetImageFromArray(np.pad(level, thick, mode="edge"))
    terrain = SimpleITK.GetImageFromArray(np.pad(speed, thick, mode="edge"))
    front.SetSpacing(spacing[::-1])
    terrain.SetSpacing(spacing[::-1])
    moved = SimpleITK.GeodesicActiveContourLevelSet(
        front,
        terrain,
        maximumRMSError=0.0,
        propagationScaling=float(scales[0]),
        curvatureScaling=float(scales[1]),
        advectionScaling=float(scales[2]),
        numberOfIterations=int(count),
    )
    found: LevelSet = SimpleITK.GetArrayFromImage(moved)[tuple(map(slice, level.shape))]
    return found


def _signed_distance(mask: Mask, spacing: Sequence[float]) -> NDArray[np.float32]:
    """Millimetres from the border, negative inside, half a voxel off the voxels' centres on either side."""
    import edt

    out = edt.edt(~mask, anisotropy=tuple(spacing)) - edt.edt(mask, anisotropy=tuple(spacing))
    out -= np.float32(min(spacing) / 2) * np.where(mask, -1, 1).astype(np.float32)
    return np.ascontiguousarray(out, dtype=np.float32)
