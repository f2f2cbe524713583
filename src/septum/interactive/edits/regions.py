"""Edits of whole labels: holes, margin, hollow, smooth, islands, logic between labels and layers, masking the image.

The insight: `septum.classical.cleanup` mends a whole label map and never lets one label take from another. A person
edits *some* labels, and whether these may take from the others is not the tool's business but the rules' of the session
(`septum.interactive.edits.rules`). So an edit works on the chosen labels alone, as if nothing else were there, in their
box and no farther, and proposes what it finds; what stood in its way is decided once, afterwards.

All take `(image, labels)` first and return a `Change`; `only` names the labels that are edited (None: all of them),
and labels that do not occur are no error: the change is empty. Sizes are in mm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical import cleanup
from septum.classical.adjacency import CONNECTIVITY
from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import LabelArray, Spacing, label_array, spacing_mm
from septum.interactive.edits.paint import clip, is_one_of, label_value, nearest_voxels
from septum.interactive.edits.polygon import nothing
from septum.interactive.tool import Box, Change, IsCancelled, stop_if
from septum.options import at_least, one_of

SMOOTHINGS = ("median", "opening", "closing", "gaussian", "joint")


ISLANDS = ("keep-largest", "remove-small", "keep-selected", "remove-selected", "split", "pick")


LOGIC = ("copy", "add", "subtract", "intersect", "invert", "clear", "fill")


SIDES = ("inside", "outside")


def fill_holes(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    only: Sequence[int] | None = None,
    per_slice: bool = False,
    maximum_size: float | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Background (and labels not chosen) that a label encloses becomes that label.

    Args:
        image: not looked at.
        labels: mask or label map.
        only: the labels that are edited; None: all.
        per_slice: fill each slice of the first axis for itself.
        maximum_size: mm³ (mm² for slices) of the largest hole that is filled; None fills all.
        spacing: mm per axis.
        region: nothing outside it changes; a hole is enclosed by what is seen in the whole image.
        cancelled: asked once.

    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> fill_holes(None, ring).applied_to(ring).tolist()
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    """
    array, step = _given(labels, spacing)
    run = partial(cleanup.fill_holes, spacing=step, per_slice=per_slice, maximum_size=maximum_size)
    return _mended(array, run, only=only, reach=None, region=region, cancelled=cancelled)


def margin(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    distance_mm: float = 1.0,
    only: Sequence[int] | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Labels grown by `distance_mm`, or shrunk where it is negative; otherwise as `fill_holes`.

    What grows proposes to take labels that are not chosen too; between chosen labels the nearest wins.

    >>> margin(None, np.array([[0, 0, 1, 0, 0]]), distance_mm=1).applied_to(np.array([[0, 0, 1, 0, 0]])).tolist()
    [[0, 1, 1, 1, 0]]
    """
    array, step = _given(labels, spacing)
    if not math.isfinite(distance_mm):
        raise ConfigError(f"distance_mm must be a number, got {distance_mm}; use a negative one to shrink")
    run = partial(cleanup.margin, spacing=step, distance_mm=distance_mm)
    return _mended(array, run, only=only, reach=_reach(step, abs(distance_mm)), region=region, cancelled=cancelled)


def hollow(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    thickness_mm: float = 2.0,
    side: str = "inside",
    only: Sequence[int] | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """A shell of `thickness_mm` "inside" the surface, "outside" of it, or on "both" sides; else as `margin`.

    >>> rod = np.array([[0, 1, 1, 1, 1, 1, 0]])
    >>> hollow(None, rod, thickness_mm=1).applied_to(rod).tolist()
    [[0, 1, 0, 0, 0, 1, 0]]
    """
    array, step = _given(labels, spacing)
    at_least(thickness_mm, 0, name="thickness_mm", above=True)
    one_of(side, ("inside", "outside", "both"), name="side")
    run = partial(cleanup.hollow, spacing=step, thickness_mm=thickness_mm, side=side)
    return _mended(array, run, only=only, reach=_reach(step, thickness_mm), region=region, cancelled=cancelled)


def smooth(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    kind: str = "median",
    size_mm: float = 1.0,
    only: Sequence[int] | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Smooth surfaces.

    Args:
        image: not looked at.
        labels: mask or label map.
        kind: "median" (most of the ball), "opening" (what is thinner vanishes), "closing" (what is thinner closes),
            "gaussian" (each label blurred and cut at one half), "joint" (all blurred together, without gaps).
        size_mm: radius of the ball, or standard deviation of the Gaussian.
        only: the labels that are edited; None: all.
        spacing: mm per axis.
        region: nothing outside it changes; what lies around it is seen.
        cancelled: asked once.

    >>> speck = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    >>> int(smooth(None, speck).applied_to(speck).sum())
    0
    """
    array, step = _given(labels, spacing)
    one_of(kind, SMOOTHINGS, name="kind")
    at_least(size_mm, 0, name="size_mm")
    run: Callable[[LabelArray], LabelArray] = {
        "median": partial(cleanup.smooth_median, spacing=step, radius_mm=size_mm),
        "opening": partial(cleanup.opening, spacing=step, radius_mm=size_mm),
        "closing": partial(cleanup.closing, spacing=step, radius_mm=size_mm),
        "gaussian": partial(cleanup.smooth_gaussian, spacing=step, sigma_mm=size_mm),
        "joint": partial(cleanup.smooth_joint, spacing=step, sigma_mm=size_mm),
    }[kind]
    reach = _reach(step, size_mm * (4 if kind in ("gaussian", "joint") else 1))
    return _mended(array, run, only=only, reach=reach, region=region, cancelled=cancelled)


def islands(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    operation: str = "keep-largest",
    points: ArrayLike | None = None,
    count: int = 1,
    minimum_size: float = 10.0,
    label: int | None = None,
    only: Sequence[int] | None = None,
    connectivity: str = "full",
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Parts of a label that do not hang together.

    Args:
        image: not looked at.
        labels: mask or label map.
        operation: "keep-largest" (the `count` largest of each label), "remove-small" (below `minimum_size`),
            "keep-selected" or "remove-selected" (those under `points`; of the labels under the points where `only` is
            None), "split" (the largest part keeps its label, the others get the next free ones, or those from `label`
            on, larger parts first), "pick" (the parts under `points` become `label`).
        points: positions `(n, ndim)` in voxels, on a label.
        count: of keep-largest.
        minimum_size: of remove-small, mm³ (mm² in 2-D).
        label: see split and pick.
        only: the labels that are edited; None: all.
        connectivity: "full" (corners too) or "faces".
        spacing: mm per axis.
        region: nothing outside it changes; parts are those of the whole label.
        cancelled: asked once.

    Raises:
        ConfigError: an unknown word, no point or no label where one is needed, or a point on no label that is edited.

    >>> parts = np.array([[1, 1, 0, 1]])
    >>> islands(None, parts).applied_to(parts).tolist()
    [[1, 1, 0, 0]]
    """
    array, step = _given(labels, spacing)
    one_of(operation, ISLANDS, name="operation")
    one_of(connectivity, CONNECTIVITY, name="connectivity")
    seeds = np.zeros((0, array.ndim), np.int64)
    if operation in ("keep-selected", "remove-selected", "pick"):
        seeds = _on_labels(array, points, only=only)
        if operation == "keep-selected" and only is None:
            only = np.unique(array[tuple(seeds.T)]).tolist()
    if operation == "pick" and label is None:
        raise ConfigError("pick must be told the label of the part, got none; give label")
    top = int(array.max())
    start = top + 1 if label is None else label_value(label, low=1)
    run: Callable[[LabelArray], LabelArray] = {
        "keep-largest": partial(cleanup.keep_largest, count=count, connectivity=connectivity),
        "remove-small": partial(
            cleanup.remove_small, spacing=step, minimum_size=minimum_size, connectivity=connectivity
        ),
        "keep-selected": partial(cleanup.keep_touching, seeds=seeds, connectivity=connectivity),
        "remove-selected": partial(_without, seeds=seeds, connectivity=connectivity),
        "split": partial(_split, start=start, connectivity=connectivity),
        "pick": partial(_picked, seeds=seeds, label=start, connectivity=connectivity),
    }[operation]
    return _mended(array, run, only=only, reach=None, region=region, cancelled=cancelled, whole=len(seeds) > 0)


def logic(
    image: ArrayLike | None,
    labels: ArrayLike,
    *,
    operation: str,
    label: int = 1,
    other: ArrayLike | None = None,
    of: Sequence[int] | None = None,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """One label combined with another label, or with labels of another layer.

    Args:
        image: not looked at.
        labels: mask or label map.
        operation: what becomes of `label`: "copy" (the other's place instead of its own), "add", "subtract",
            "intersect"; and without another: "invert" (everything but its own place), "clear", "fill" (everything).
        label: the label that changes; it must not be 0.
        other: mask or label map of the same shape (another layer); None: `labels` themselves.
        of: the labels of `other` that count; None: all (which needs another layer).
        spacing: not needed.
        region: nothing outside it changes.
        cancelled: asked once.

    Raises:
        ConfigError: an unknown operation, or none of `other` and `of` where one is needed.
        GeometryError: another shape.

    >>> labels, other = np.array([[1, 1, 0]]), np.array([[0, 1, 1]])
    >>> logic(None, labels, operation="subtract", other=other).applied_to(labels).tolist()
    [[1, 0, 0]]
    """
    stop_if(cancelled)
    array = label_array(labels)
    one_of(operation, LOGIC, name="operation")
    value = label_value(label, low=1)
    box = clip(Box.whole(array.shape), region)
    before = array[box.slices].view(np.uint8) if array.dtype == bool else array[box.slices]
    mine = before == value
    if operation in ("invert", "clear", "fill"):
        wanted = {"invert": ~mine, "clear": np.zeros_like(mine), "fill": np.ones_like(mine)}[operation]
    else:
        theirs = _theirs(array, other, of=of, box=box)
        wanted = {
            "copy": theirs,
            "add": mine | theirs,
            "subtract": mine & ~theirs,
            "intersect": mine & theirs,
        }[operation]
    kind = np.result_type(before.dtype, np.min_scalar_type(value))
    after = np.where(wanted, np.array(value, kind), np.where(mine, np.array(0, kind), before))
    return Change(box, after.astype(kind, copy=False))


def mask_image(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    only: Sequence[int] | None = None,
    side: str = "outside",
    value: float = 0.0,
) -> NDArray[Any]:
    """A copy of the image with `value` inside or outside of the labels.

    Args:
        image: `spatial`, or `(C, *spatial)`: all channels are masked.
        labels: mask or label map, `spatial`.
        only: the labels that count; None: all.
        side: which side of them is overwritten, "inside" or "outside".
        value: what is written; it must fit the image's type.

    Raises:
        GeometryError: shapes that differ.
        ConfigError: a value that the image's type cannot hold.

    >>> mask_image([[5.0, 6.0]], [[0, 1]], value=-1.0).tolist()
    [[-1.0, 6.0]]
    """
    array, picture = label_array(labels), np.asarray(image)
    one_of(side, SIDES, name="side")
    if picture.shape[-array.ndim :] != array.shape or picture.ndim not in (array.ndim, array.ndim + 1):
        raise GeometryError(f"labels must have the image's shape {picture.shape}, got {array.shape}; resample them")
    written = np.array(value).astype(picture.dtype)
    if float(written) != float(value) and picture.dtype.kind in "iu":
        raise ConfigError(f"value must fit an image of {picture.dtype}, got {value:g}; choose another, such as 0")
    inside = array != 0 if only is None else is_one_of(array, only)
    return np.where(inside if side == "inside" else ~inside, written, picture)


def _given(labels: ArrayLike, spacing: Spacing) -> tuple[LabelArray, tuple[float, ...]]:
    array = label_array(labels)
    return array.view(np.uint8) if array.dtype == bool else array, spacing_mm(spacing, array.ndim)


def _reach(step: Sequence[float], size_mm: float) -> list[int]:
    return [math.ceil(size_mm / s) + 1 for s in step]


def _mended(
    labels: LabelArray,
    run: Callable[[LabelArray], LabelArray],
    *,
    only: Sequence[int] | None,
    reach: Sequence[int] | None,
    region: Box | None,
    cancelled: IsCancelled | None,
    whole: bool = False,
) -> Change:
    """What `run` makes of the chosen labels alone, in their box.

    `reach`: voxels to which a voxel matters; None when only the label's own box counts, and all of it. `whole`: `run`
    counts voxels from the image's corner, so it must see the whole image.
    """
    stop_if(cancelled)
    chosen = labels != 0 if only is None else is_one_of(labels, [v for v in only if int(v) != 0])
    around = [1] * labels.ndim if reach is None else [n + 1 for n in reach]
    look = Box.whole(labels.shape) if whole else Box.of(chosen, margin=around)
    if look is None:
        return nothing(labels)
    target = clip(look, region)
    if reach is not None and region is not None:
        seen = Box(
            tuple(max(a - 2 * r - 2, 0) for a, r in zip(target.start, reach, strict=True)),
            tuple(b + 2 * r + 2 for b, r in zip(target.stop, reach, strict=True)),
        )
        look = clip(look, seen)
    before, mine = labels[look.slices], chosen[look.slices]
    after = run(np.where(mine, before, 0).astype(labels.dtype, copy=False))
    stop_if(cancelled)
    kind = np.result_type(before.dtype, after.dtype)
    proposed = np.where(after != 0, after, np.where(mine, 0, before)).astype(kind, copy=False)
    inner = tuple(slice(p - q, r - q) for p, q, r in zip(target.start, look.start, target.stop, strict=True))
    return Change(target, proposed[inner])


def _on_labels(labels: LabelArray, points: ArrayLike | None, *, only: Sequence[int] | None) -> NDArray[np.int64]:
    """Voxels of the points, each on a label that is edited."""
    if points is None:
        raise ConfigError("this operation must be told a part, got no point; give points on it")
    voxels = nearest_voxels(points, labels.shape)
    found = labels[tuple(voxels.T)]
    wrong = found == 0 if only is None else ~is_one_of(found, only)
    if wrong.any():
        raise ConfigError(
            f"points must lie on a label that is edited, got {voxels[wrong][0].tolist()} on {int(found[wrong][0])}; "
            "move it, or name its label in only"
        )
    return voxels


def _theirs(labels: LabelArray, other: ArrayLike | None, *, of: Sequence[int] | None, box: Box) -> NDArray[np.bool_]:
    if other is None and of is None:
        raise ConfigError("this operation needs another label or layer, got neither; give of or other")
    second = labels if other is None else label_array(other, name="other")
    if second.shape != labels.shape:
        raise GeometryError(f"other must have the shape of labels {labels.shape}, got {second.shape}; resample it")
    part = second[box.slices]
    return np.asarray(part != 0) if of is None else is_one_of(part, of)


def _without(labels: LabelArray, *, seeds: NDArray[np.int64], connectivity: str) -> LabelArray:
    kept = cleanup.keep_touching(labels, seeds=seeds, connectivity=connectivity)
    return np.where(kept != 0, 0, labels).astype(labels.dtype)


def _picked(labels: LabelArray, *, seeds: NDArray[np.int64], label: int, connectivity: str) -> LabelArray:
    kept = cleanup.keep_touching(labels, seeds=seeds, connectivity=connectivity)
    kind = np.result_type(labels.dtype, np.min_scalar_type(label))
    return np.where(kept != 0, np.array(label, kind), labels).astype(kind)


def _split(labels: LabelArray, *, start: int, connectivity: str) -> LabelArray:
    """The largest part of each label as it is, the others numbered from `start`: by label, larger ones first."""
    parts = cleanup.components(labels, connectivity=connectivity)
    sizes = np.bincount(parts.reshape(-1))
    value = np.zeros(len(sizes), np.int64)
    value[parts.reshape(-1)] = labels.reshape(-1)
    order = [i for i in np.lexsort((np.arange(len(sizes)), -sizes, value)) if i and value[i]]
    number, seen = start, set()
    for part in order:
        if value[part] in seen:
            value[part] = number
            number += 1
        else:
            seen.add(int(value[part]))
    value[0] = 0
    result: LabelArray = value[parts]
    return result.astype(np.result_type(labels.dtype, np.min_scalar_type(int(value.max(initial=0)))))
