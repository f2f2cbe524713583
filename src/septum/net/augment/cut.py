"""Spatial augmentation, the applying: a patch is cut, turned, scaled and bent in one resampling.

The insight: crop, flip, rotation, scaling and elastic deformation are maps of *coordinates*. Composed first and applied
once, the image is interpolated a single time, so fine structure is blurred once and not five times, and of a source
that may be a memory-mapped file only the bounding box of the coordinates is read. A patch for which nothing but a crop,
flips and quarter turns was drawn is copied exactly, without interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from septum.net.augment.separable import along_axes, mirror, spline_matrix
from septum.net.augment.spatial import Warp

ArrayOrTensor = NDArray[Any] | Tensor


SMOOTH_CLASSES = 6  # up to here a patch's labels are interpolated per class; beyond, the nearest voxel decides


MARGIN = 2  # samples read beyond the outermost coordinate: what bicubic interpolation needs


def displacement(vectors: NDArray[np.float64], size: Sequence[int], *, device: torch.device | str = "cpu") -> Tensor:
    """Per-voxel displacement `(ndim, *size)` of `(ndim, *knots)` vectors by cubic interpolation along each axis.

    Ronneberger, Fischer & Brox 2015, section 3.1: random vectors on a coarse 3×3 grid, Gaussian with a standard
    deviation of 10 pixels, bicubic interpolation. The outermost vectors lie on the outermost voxels.

    >>> displacement(np.ones((2, 3, 3)), (5, 5)).shape
    torch.Size([2, 5, 5])
    """
    coarse = torch.tensor(vectors, dtype=torch.float32, device=device)
    return along_axes(coarse, [spline_matrix(n, k) for n, k in zip(size, vectors.shape[1:], strict=True)])


def offsets(warp: Warp, device: torch.device | str = "cpu") -> Tensor:
    """`(ndim, *patch)` float32 offsets in source voxels from the middle of the cut, one per output voxel.

    >>> from septum.net.augment.spatial import SpatialConfig, sample_warp
    >>> generator = np.random.default_rng(0)
    >>> warp = sample_warp(SpatialConfig((False, False)), patch=(1, 3), spacing=(1, 1), generator=generator)
    >>> offsets(warp)[1].tolist()
    [[-1.0, 0.0, 1.0]]
    """
    ndim = len(warp.patch)
    signed = np.zeros((ndim, ndim))
    for axis, (source_axis, flip) in enumerate(zip(warp.axes, warp.flips, strict=True)):
        signed[source_axis, axis] = -1.0 if flip else 1.0
    linear = signed if warp.matrix is None else np.asarray(warp.matrix) @ signed
    result = torch.zeros((ndim, *(1,) * ndim), device=device)
    for axis, size in reversed(list(enumerate(warp.patch))):  # grows by broadcasting: one pass over the full size
        steps = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
        column = torch.tensor(linear[:, axis], dtype=torch.float32, device=device)
        result = result + (column[:, None] * steps).view(ndim, *(size if a == axis else 1 for a in range(ndim)))
    for vectors in warp.bends:
        result += displacement(vectors, warp.patch, device=device)
    return result


def cut_patch(
    warp: Warp,
    sources: Sequence[tuple[ArrayOrTensor, str]],
    *,
    centre: Sequence[int],
    device: torch.device | str | None = None,
) -> list[Tensor]:
    """Cut one patch out of each source, all at the same place with the same transformation.

    Args:
        warp: the drawn transformation.
        sources: pairs of an array `(C, *spatial)` (numpy, memory-mapped or a tensor on any device; all with one
            spatial shape) and the way it is sampled: `"linear"`, `"cubic"` (2-D; linear in 3-D) or `"labels"`.
        centre: voxel of the source in the middle of the patch; the cut covers `centre - size // 2` and onwards.
        device: where the work happens; by default where the first source lies.

    Returns:
        Tensors `(C, *warp.patch)`: float32 for values, uint8 (class maps) or int64 for labels. What lies outside the
        source is its mirror image, values and labels alike, as in prediction. Only the bounding box is read.

    >>> from septum.net.augment.spatial import SpatialConfig, sample_warp
    >>> generator = np.random.default_rng(0)
    >>> warp = sample_warp(SpatialConfig((False, False)), patch=(1, 3), spacing=(1, 1), generator=generator)
    >>> cut_patch(warp, [(np.arange(9.0).reshape(1, 1, 9), "linear")], centre=(0, 4))[0].tolist()
    [[[3.0, 4.0, 5.0]]]
    """
    shape = tuple(sources[0][0].shape[1:])
    start = [int(c) - n // 2 for c, n in zip(centre, warp.extent, strict=True)]
    first = sources[0][0]
    target = torch.device(device or (first.device if isinstance(first, Tensor) else "cpu"))
    if warp.exact:
        return [_copy(source, how, warp=warp, start=start, device=target) for source, how in sources]
    coordinates, box = _place(offsets(warp, target), start, extent=warp.extent, shape=shape)
    return _resample([(_read(source, box, how=how).to(target), how) for source, how in sources], coordinates)


def _copy(source: ArrayOrTensor, how: str, *, warp: Warp, start: Sequence[int], device: torch.device) -> Tensor:
    """The exact path: read the box, mirrored where it leaves the source, then transpose and flip."""
    shape = source.shape[1:]
    index = [
        mirror(np.arange(first, first + n), size) for first, n, size in zip(start, warp.extent, shape, strict=True)
    ]
    box = [slice(int(along.min()), int(along.max()) + 1) for along in index]
    patch = _read(source, box, how=how).to(device)
    for axis, (along, part) in enumerate(zip(index, box, strict=True), start=1):
        if len(along) != part.stop - part.start or not all(b - a == 1 for a, b in pairwise(along.tolist())):
            patch = patch.index_select(axis, torch.as_tensor(along - part.start, device=patch.device))
    patch = patch.permute(0, *(axis + 1 for axis in warp.axes))
    reverse = [axis + 1 for axis, flip in enumerate(warp.flips) if flip]
    return patch.flip(reverse) if reverse else patch.clone(memory_format=torch.contiguous_format)


def _place(
    offset: Tensor, start: Sequence[int], *, extent: Sequence[int], shape: Sequence[int]
) -> tuple[Tensor, list[slice]]:
    """Coordinates relative to the bounding box that has to be read, mirrored into the source, and that box.

    Positions are kept relative to the box, so that float32 stays exact in sources of any size.
    """
    box = []
    for axis, (first, size, length) in enumerate(zip(start, extent, shape, strict=True)):
        along, shift, (least, most) = _fold(offset[axis], first + (size - 1) / 2, last=length - 1)
        lowest = max(0, math.floor(least) - MARGIN)
        box.append(slice(lowest, min(length - 1, math.ceil(most) + MARGIN) + 1))
        torch.add(along, shift - lowest, out=offset[axis])
    return offset, box


def _fold(along: Tensor, shift: float, *, last: int) -> tuple[Tensor, float, tuple[float, float]]:
    """Mirror the positions `along + shift` into `[0, last]`; returns them in the same form, and their bounds."""
    if last == 0:
        return torch.zeros_like(along), 0.0, (0.0, 0.0)
    while True:
        least, most = (float(bound) + shift for bound in torch.aminmax(along))
        if least < 0:
            along, shift = (along + shift).abs_(), 0.0
        elif most > last:
            along, shift = (along + (shift - last)).abs_().neg_(), float(last)
        else:
            return along, shift, (least, most)


def _resample(parts: Sequence[tuple[Tensor, str]], coordinates: Tensor) -> list[Tensor]:
    """Sample every part `(C, *box)` at the coordinates; all that is linear goes through `grid_sample` together."""
    results: dict[int, Tensor] = {}
    classes: dict[int, list[int]] = {}
    queue: dict[str, list[tuple[int, Tensor]]] = {"bicubic": [], "bilinear": []}
    for number, (part, how) in enumerate(parts):
        if how == "labels":
            classes[number] = _few_classes(part)
            if not classes[number]:
                results[number] = _nearest(part, coordinates)
            else:
                shares = [part == value for value in classes[number][1:]]
                queue["bilinear"].append((number, torch.cat([part.new_zeros(0, *part.shape[1:]), *shares]).float()))
        else:
            queue["bicubic" if how == "cubic" and part.ndim == 3 else "bilinear"].append((number, part))
    grid = _normalised(coordinates, parts[0][0].shape[1:])
    for how, waiting in queue.items():
        if waiting:
            sampled = _interpolate(torch.cat([part for _, part in waiting]), grid, how=how)
            sizes = [len(part) for _, part in waiting]
            results.update(zip((number for number, _ in waiting), torch.split(sampled, sizes), strict=True))
    for number, values in classes.items():
        if values:
            results[number] = _largest_share(results[number], values).to(parts[number][0].dtype)
    return [results[number] for number in range(len(parts))]


def _few_classes(labels: Tensor) -> list[int]:
    """The values in a class map `(1, *box)` of type uint8 when there are few; empty when only the nearest will do."""
    if labels.dtype != torch.uint8:
        return []
    values = torch.bincount(labels.flatten(), minlength=256).nonzero().flatten().tolist()
    return values if len(values) <= SMOOTH_CLASSES else []


def _largest_share(shares: Tensor, classes: Sequence[int]) -> Tensor:
    """`(1, *patch)` class with the largest interpolated share; `shares` are those of all but the first class."""
    best = 1 - shares.sum(0, keepdim=True)
    winner = torch.full_like(best, classes[0], dtype=torch.uint8)
    for share, value in zip(shares[:, None], classes[1:], strict=True):
        winner.masked_fill_(share > best, value)
        best = torch.maximum(best, share)
    return winner


def _nearest(values: Tensor, coordinates: Tensor) -> Tensor:
    """`(C, *patch)` values at the nearest sample, ties to the even one; by index, four times as fast as a grid."""
    size = values.shape[1:]
    exact = torch.float32 if math.prod(size) < 2**24 else torch.float64
    index = coordinates[0].round().to(exact)
    for along, length in zip(coordinates[1:], size[1:], strict=True):
        index.mul_(length).add_(along.round())
    flat = values.flatten(1).index_select(1, index.flatten().long())
    return flat.view(len(values), *coordinates.shape[1:])


def _normalised(coordinates: Tensor, size: Sequence[int]) -> Tensor:
    """`(1, *patch, ndim)` grid for `grid_sample`: last axis first, -1 and 1 on the outermost samples."""
    planes = torch.empty_like(coordinates)
    for along, plane, n in zip(coordinates, reversed(planes.unbind()), size, strict=True):
        torch.mul(along, 2 / max(n - 1, 1), out=plane).sub_(1)
    return planes.movedim(0, -1)[None]


def _interpolate(values: Tensor, grid: Tensor, *, how: str) -> Tensor:
    """`(C, *patch)` values at the grid. Slabs go to `grid_sample` as a batch, the only axis it spreads over threads."""
    slabs = torch.get_num_threads() if values.device.type == "cpu" else 1
    while grid.shape[1] % slabs:
        slabs -= 1
    many = grid.view(slabs, grid.shape[1] // slabs, *grid.shape[2:])
    batch = values.expand(slabs, *values.shape)
    border = "reflection" if how == "bicubic" else "border"  # linear never looks beyond; reflection takes twice as long
    result = grid_sample(batch, many, mode=how, padding_mode=border, align_corners=True)
    return result.transpose(0, 1).flatten(1, 2)


def _read(source: ArrayOrTensor, box: Sequence[slice], *, how: str) -> Tensor:
    """The part of the source inside the box: class maps as uint8, other labels as int64, everything else as float32."""
    part = source[(slice(None), *box)]
    if isinstance(part, Tensor):
        keep = part.dtype == torch.uint8
        return part.to(torch.float32 if how != "labels" else torch.uint8 if keep else torch.int64)
    keep = part.dtype == np.uint8
    return torch.from_numpy(
        np.array(part, np.float32 if how != "labels" else np.uint8 if keep else np.int64, order="C")
    )
