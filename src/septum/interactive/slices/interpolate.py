"""Interpolation between slices: a person draws a few, the rest follows.

The insight: everything between two drawn slices depends on those two alone (and on the image between them). So a
volume is filled slab by slab, a slice that is drawn anew changes its two slabs and nothing else, and hiding a drawn
slice shows what interpolation would have made of it (`septum.interactive.slices.held_out`).

What lies before the first and behind the last drawn slice stays as it is: nobody drew there. An object that is on one
drawn slice and not on the next ends between them: `ends` says how.

Three methods:

* `distance`: shape-based, of signed distances (`septum.interactive.slices.shape_based`); the default without an image;
* `image`: follows the image in a band around the interpolated contour (`septum.interactive.slices.image_based`); the
  default with an image;
* `morphological`: ITK's morphological contour interpolation (Zukić et al. 2016, Insight Journal), an optional extra;

and `nearest`, which copies the nearest drawn slice, as the bar that all must pass.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import LabelArray, Spacing, grey_image, label_array, spacing_mm
from septum.interactive.slices.image_based import ImageBasedSettings, along_edges
from septum.interactive.slices.shape_based import ENDS, label_scores
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import one_of

METHODS = ("distance", "image", "morphological", "nearest")


DrawnSlices = Mapping[int, Sequence[int]]


def interpolate(
    labels: ArrayLike,
    *,
    drawn: DrawnSlices | None = None,
    method: str = "distance",
    image: ArrayLike | None = None,
    spacing: Spacing = None,
    ends: str = "taper",
    settings: ImageBasedSettings | None = None,
    cancelled: IsCancelled | None = None,
) -> LabelArray:
    """Fill the slices between those that were drawn.

    Args:
        labels: `(Z, Y, X)` label map in which only the drawn slices count; what stands elsewhere is replaced. 0 on a
            drawn slice is drawn background.
        drawn: drawn slices per array axis, such as `{0: [3, 9, 15]}`; None finds them along one axis
            (`find_drawn`), and labels that are on every slice stay as they are (`find_complete`). Slices drawn along
            several axes are all kept, and between them the interpolations along the axes are averaged, the nearer
            drawn slices with more weight.
        method: one of `METHODS`.
        image: `(Z, Y, X)`, for the method `image`.
        spacing: mm per axis.
        ends: what becomes of an object that the next drawn slice does not have: `taper` (it shrinks and ends
            half-way, like a cap), `half` (it ends half-way without shrinking), `none` (it ends at once).
        settings: of the method `image`.
        cancelled: asked before each slab.

    Returns:
        A label map of the same shape and type. Drawn slices are as they were; before the first and behind the last
        drawn slice nothing changes.

    Raises:
        GeometryError: not a volume, an image of another shape, slices outside of the volume.
        ConfigError: fewer than two drawn slices along every axis, an unknown method, no image for `image`, the method
            `morphological` without its library.
        Cancelled: the person asked to stop.

    >>> cone = np.zeros((5, 9, 9), np.uint8)
    >>> cone[0, 2:7, 2:7] = cone[4, 4, 4] = 1
    >>> interpolate(cone).sum(axis=(1, 2)).tolist()
    [25, 13, 9, 5, 1]
    """
    given = _volume(labels)
    step = spacing_mm(spacing, 3)
    one_of(method, METHODS, name="method")
    one_of(ends, ENDS, name="ends")
    picture = _picture(image, method, shape=given.shape)
    planes = checked_drawn(given, drawn)
    complete = find_complete(given, next(iter(planes))) if drawn is None else []
    if complete:
        whole = np.isin(given, complete)
        sparse = interpolate(
            np.where(whole, given.dtype.type(0), given), drawn=planes, method=method, image=image, spacing=spacing,
            ends=ends, settings=settings, cancelled=cancelled,
        )  # fmt: skip
        return _beside_complete(given, sparse, whole=whole)
    if len(planes) > 1:
        return _several(given, planes, method=method, picture=picture, step=step, ends=ends, cancelled=cancelled)
    out = given.copy()
    (axis, slices), *_ = planes.items()
    for a, b in pairwise(slices):
        stop_if(cancelled)
        slab = _slab(out, picture, axis=axis, a=a, b=b)
        moved = tuple(np.delete(step, axis))
        _view(out, axis)[a + 1 : b] = _filled(
            *slab, method=method, along=step[axis], spacing=moved, ends=ends, settings=settings
        )
    return out


def find_drawn(labels: ArrayLike) -> dict[int, list[int]]:
    """The drawn slices of a sparse label map, along the one axis that they lie on.

    A slice counts as drawn where it holds a label that leaves slices out; a label on every slice says nothing
    (`find_complete`). The axis is the one along which some label is sparsest, in single slices rather than in two
    blocks. A slice that was drawn as empty cannot be seen in the labels and has to be named.

    Raises:
        GeometryError: not a volume.
        ConfigError: no label at all, or labels on every slice of each axis (nothing is left to be filled).

    >>> sparse = np.zeros((9, 4, 4), np.uint8); sparse[[2, 6], 1:3, 1:3] = 1
    >>> find_drawn(sparse)
    {0: [2, 6]}
    """
    given = _volume(labels)
    each = [_slices_of(given == value) for value in np.unique(given[given > 0])]
    if not each:
        raise ConfigError("labels must have at least two drawn slices, got no label at all; draw the object first")
    union = tuple(sorted(set().union(*(one[axis] for one in each))) for axis in range(3))
    for candidates in (each, [union]):  # labels by themselves; else together, such as two drawn on one slice each
        scores = [max(_sparseness(one[axis]) for one in candidates) for axis in range(3)]
        axis = max(range(3), key=lambda a: (scores[a], -a))
        if scores[axis]:
            whole = [one[axis] for one in each if _is_complete(one[axis], each, axis=axis)]
            kept = [one[axis] for one in each if one[axis] not in whole]
            return {axis: sorted(set().union(*kept))}
    if any(len(slices) == 1 for slices in union):
        raise ConfigError("labels must have at least two drawn slices, got one; draw another")
    raise ConfigError("labels must leave slices between the drawn ones, got none; nothing is left to interpolate")


def find_complete(labels: ArrayLike, axis: int) -> list[int]:
    """The labels that are drawn on every slice while others are not: nothing of them is to be filled in.

    Such a label is on three slices or more without a gap, and on one that no sparse label is on.

    >>> both = np.zeros((9, 4, 8), np.uint8); both[:, 1:3, 1:3] = 1; both[[2, 6], 1:3, 5:7] = 2
    >>> find_drawn(both), find_complete(both, 0)
    ({0: [2, 6]}, [1])
    """
    given = _volume(labels)
    each = {int(value): _slices_of(given == value) for value in np.unique(given[given > 0])}
    return [value for value, one in each.items() if _is_complete(one[axis], list(each.values()), axis=axis)]


Where = tuple[list[int], list[int], list[int]]


def _slices_of(mask: NDArray[np.bool_]) -> Where:
    """Per axis the slices on which a mask has a voxel."""
    plane, front = np.any(mask, axis=0), np.any(mask, axis=1)
    hits = (np.any(front, axis=1), np.any(plane, axis=1), np.any(plane, axis=0))
    z, y, x = ([int(i) for i in np.flatnonzero(hit)] for hit in hits)
    return z, y, x


def _sparseness(slices: Sequence[int]) -> float:
    """0 without a gap; else how sparse the slices are: two objects side by side leave a gap, but in long runs."""
    span, runs = slices[-1] - slices[0] + 1, 1 + sum(b - a > 1 for a, b in pairwise(slices))
    return 0.0 if span == len(slices) else span / len(slices) * runs / len(slices)


def _is_complete(own: Sequence[int], each: Sequence[Where], *, axis: int) -> bool:
    """Whether three slices or more follow each other without a gap, and not only those of labels that have gaps."""
    if _sparseness(own) or len(own) < 3:
        return False
    sparse = [one[axis] for one in each if _sparseness(one[axis])]
    return bool(sparse) and not set(own) <= set().union(*sparse)


def checked_drawn(labels: LabelArray, drawn: DrawnSlices | None) -> dict[int, list[int]]:
    """`drawn` in order and without repetitions, or what `find_drawn` finds; errors as `interpolate`.

    >>> checked_drawn(np.zeros((9, 4, 4), int), {0: [6, 2, 2]})
    {0: [2, 6]}
    """
    if drawn is None:
        return find_drawn(labels)
    found: dict[int, list[int]] = {}
    for axis, slices in drawn.items():
        if axis not in range(3):
            raise GeometryError(f"the axis of drawn slices must be 0, 1 or 2, got {axis}")
        inside = sorted({int(i) for i in slices})
        if inside and not (inside[0] >= 0 and inside[-1] < labels.shape[axis]):
            raise GeometryError(
                f"drawn slices along axis {axis} must lie from 0 to {labels.shape[axis] - 1}, "
                f"got {inside[0]} to {inside[-1]}"
            )
        if inside:
            found[axis] = inside
    if not any(len(slices) > 1 for slices in found.values()):
        count = sum(len(slices) for slices in found.values())
        raise ConfigError(f"drawn must name at least two slices along an axis, got {count}; draw another")
    return found


def update_after(
    labels: ArrayLike,
    *,
    axis: int,
    index: int,
    drawn: Sequence[int],
    method: str = "distance",
    image: ArrayLike | None = None,
    **options: Any,
) -> Change:
    """The change that a slice drawn anew makes: its two slabs, up to the next drawn slices on either side.

    Args:
        labels: the label map with the new slice in it.
        axis, index: of the new slice.
        drawn: all drawn slices along that axis, the new one among them or not.
        method, image: as of `interpolate`.
        options: `spacing`, `ends` and `settings` of `interpolate`.

    Raises:
        GeometryError, ConfigError: as `interpolate`.

    >>> rod = np.zeros((5, 3, 3), int); rod[[0, 2], 1, 1] = 1
    >>> update_after(rod, axis=0, index=2, drawn=[0]).applied_to(rod)[:, 1, 1].tolist()
    [1, 1, 1, 0, 0]
    """
    given = _volume(labels)
    slices = checked_drawn(given, {axis: [*drawn, index]})[axis]
    place = slices.index(int(index))
    near = slices[max(place - 1, 0) : place + 2]
    cut = [slice(None)] * 3
    cut[axis] = slice(near[0], near[-1] + 1)
    picture = _picture(image, method, shape=given.shape)
    part = interpolate(
        given[tuple(cut)],
        drawn={axis: [i - near[0] for i in near]},
        method=method,
        image=None if picture is None else picture[tuple(cut)],
        **options,
    )
    start, stop = [0, 0, 0], list(given.shape)
    start[axis], stop[axis] = near[0], near[-1] + 1
    return Change(Box(tuple(start), tuple(stop)), part)


def _beside_complete(given: LabelArray, filled: LabelArray, *, whole: NDArray[np.bool_]) -> LabelArray:
    """Filled labels beside the complete ones, which keep their voxels, unless a label lies mostly inside them.

    A tumour in an organ: the organ was drawn over it on the slices between, and there the tumour takes its place back.
    """
    out = np.where(whole, given, filled)
    new = (filled != given) & (filled > 0)
    for value in np.unique(filled[new]):
        own = new & (filled == value)
        if 2 * np.count_nonzero(own & whole) > np.count_nonzero(own):
            out[own] = value
    return out


def _volume(labels: ArrayLike) -> LabelArray:
    given = label_array(labels)
    if given.ndim != 3:
        raise GeometryError(f"labels must be a volume with 3 axes, got shape {given.shape}; there is nothing between")
    return given.view(np.uint8) if given.dtype == bool else given


def _picture(image: ArrayLike | None, method: str, *, shape: tuple[int, ...]) -> NDArray[Any] | None:
    if method != "image":
        return None
    if image is None:
        raise ConfigError("the method `image` must be given the image, got none; give it, or choose `distance`")
    picture = grey_image(image)
    if picture.shape != shape:
        raise GeometryError(f"the image must have the labels' shape {shape}, got {picture.shape}; resample one of them")
    return picture


def _view(array: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(array, axis, 0)


def _slab(
    labels: LabelArray, picture: NDArray[Any] | None, *, axis: int, a: int, b: int
) -> tuple[LabelArray, NDArray[Any] | None]:
    """Slices a to b of labels and image, the axis of the slices first."""
    cut = slice(a, b + 1)
    return _view(labels, axis)[cut], None if picture is None else _view(picture, axis)[cut]


def _filled(
    slab: LabelArray,
    picture: NDArray[Any] | None,
    *,
    method: str,
    along: float,
    spacing: Sequence[float],
    ends: str,
    settings: ImageBasedSettings | None,
) -> LabelArray:
    """The slices strictly between the first and the last of a slab `(n, Y, X)`."""
    first, last = slab[0], slab[-1]
    inner = len(slab) - 2
    out = np.zeros((inner, *first.shape), slab.dtype)
    values = [int(v) for v in np.union1d(first, last) if v > 0]
    if not inner or not values:
        return out
    if method == "nearest":
        return np.stack([first if 2 * i < inner + 1 else last for i in range(1, inner + 1)])
    if method == "morphological":
        return _morphological(slab)
    plane = _plane_box((first > 0) | (last > 0), spacing)
    fractions = [i / (inner + 1) for i in range(1, inner + 1)]
    scores = label_scores(first[plane], last[plane], labels=values, spacing=spacing, fractions=fractions, ends=ends)
    if method == "image" and picture is not None:
        part = (slice(None), *plane)
        winner = along_edges(
            scores, slab[part], picture=picture[part], labels=values, spacing=(along, *spacing), settings=settings
        )
    else:
        winner = scores.argmax(axis=1)
    out[(slice(None), *plane)] = np.array([*values, 0], slab.dtype)[winner]
    return out


def _plane_box(mask: NDArray[np.bool_], spacing: Sequence[float], *, reach: float = 12.0) -> tuple[slice, ...]:
    """The box of the mask in its plane with `reach` voxels (of the finest axis) of room, as slices."""
    margin = [int(np.ceil(reach * min(spacing) / s)) for s in spacing]
    box = Box.of(mask, margin=margin)
    return box.slices if box is not None else (slice(0, 0), slice(0, 0))


def _morphological(slab: LabelArray) -> LabelArray:
    """ITK's morphological contour interpolation of one slab."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its wrapping makes types that a newer Python warns of
        try:
            itk = importlib.import_module("itk")
            interpolator = itk.MorphologicalContourInterpolator
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                "the method `morphological` must have ITK's module, got none; "
                "pip install itk-morphologicalcontourinterpolation, or choose `distance`"
            ) from error
        return _by_itk(itk, interpolator, slab=slab)


def _by_itk(itk: Any, interpolator: Any, *, slab: LabelArray) -> LabelArray:
    """The slab's inner slices by ITK, which takes 16 bit labels."""
    sparse = np.zeros(slab.shape, np.uint16)
    values, sparse_ends = np.unique(slab[[0, -1]], return_inverse=True)
    if values[0] != 0:
        values, sparse_ends = np.concatenate([[0], values]), sparse_ends + 1
    sparse[[0, -1]] = sparse_ends.reshape(2, *slab.shape[1:])
    found = interpolator.New(itk.image_view_from_array(sparse), Axis=2)
    found.Update()
    inner: LabelArray = values.astype(slab.dtype)[itk.array_from_image(found.GetOutput())[1:-1]]
    return inner


def _several(
    labels: LabelArray,
    planes: Mapping[int, Sequence[int]],
    *,
    method: str,
    picture: NDArray[Any] | None,
    step: tuple[float, ...],
    ends: str,
    cancelled: IsCancelled | None,
) -> LabelArray:
    """Slices drawn along several axes: each voxel takes the label with most weight, nearer drawn slices weigh more."""
    results: list[tuple[NDArray[np.float32], LabelArray]] = []
    for axis, slices in planes.items():
        if len(slices) < 2:
            continue
        only = np.zeros_like(labels)
        _view(only, axis)[list(slices)] = _view(labels, axis)[list(slices)]
        filled = interpolate(
            only, drawn={axis: slices}, method=method, image=picture, spacing=step, ends=ends, cancelled=cancelled
        )
        results.append((_nearness(labels.shape, axis, slices=slices, step=step[axis]), filled))
    values = np.unique(np.concatenate([np.unique(filled) for _, filled in results]))
    best = np.full(labels.shape, -1.0, np.float32)
    out = labels.copy()
    for value in values:
        # A vote; each mask is smoothed a little, because that of one axis alone has the steps of its own slices.
        total = np.zeros(labels.shape, np.float32)
        for weight, filled in results:
            total += weight * ndimage.gaussian_filter((filled == value).astype(np.float32), 0.7)
        better = total > best
        out[better], best[better] = value, total[better]
    for axis, slices in planes.items():
        _view(out, axis)[list(slices)] = _view(labels, axis)[list(slices)]
    outside = np.ones(labels.shape, bool)
    for axis, slices in planes.items():
        if len(slices) > 1:
            _view(outside, axis)[slices[0] : slices[-1] + 1] = False
    out[outside] = labels[outside]
    return out


def _nearness(shape: tuple[int, ...], axis: int, *, slices: Sequence[int], step: float) -> NDArray[np.float32]:
    """1 / (distance in mm to the nearest drawn slice + half a slice), 0 outside of the drawn range; broadcastable."""
    index = np.arange(shape[axis])
    away = np.abs(index[:, None] - np.asarray(slices)[None]).min(axis=1) * step
    weight = np.where((index >= slices[0]) & (index <= slices[-1]), 1 / (away + step / 2), 0).astype(np.float32)
    return weight.reshape([-1 if a == axis else 1 for a in range(3)])
