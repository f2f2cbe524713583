"""Repairs of a label map, in the order in which they build on each other: values first, then the grid.

One insight: a repaired value must be one that somebody drew. Nothing is interpolated: an in-between sample takes the
value of the nearest sample that is sound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, LabelMap
from septum.geometry.resample import resample_labels
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, Source, compare_grids, load_image, load_labels
from septum.workflows.data.classes import summarise_labels
from septum.workflows.doctor.soft import harden
from septum.workflows.doctor.volumes import blended_volumes, check_edges, check_volumes, volumes_of

Colour = tuple[int, ...]


GEOMETRY = {"geometry-shifted", "geometry-lost", "geometry-rounding", "orientation", "other-grid"}


@dataclass(frozen=True)
class Mending:
    """What the repair of one case must know of the others.

    Args:
        ignore: the declared ignore value.
        colours: the number of each colour, over all colour masks of the data set.
        foreground: the usual foreground value, where masks are 0/1 in some cases and 0/255 in others.
        declared: the label values that the data set declares.
    """

    ignore: int | None
    colours: Mapping[Colour, int]
    foreground: int | None
    declared: frozenset[int] = frozenset()

    @property
    def ignore_for_sparse(self) -> int:
        """The value written where nobody annotated: the declared one, else 65535."""
        return 65535 if self.ignore is None else self.ignore


def collect_colours(dataset: Dataset, codes: Mapping[str, set[str]]) -> dict[Colour, int]:
    """Numbers for the colours of all colour masks: black 0, the others from 1 in the order of their components."""
    found: set[Colour] = set()
    for case in dataset.cases:
        if case.label is not None and "colour-mask" in codes.get(case.id, ()):
            array = _as_image(case.label)
            found |= {tuple(colour) for colour in np.unique(array.reshape(len(array), -1), axis=1).T.tolist()}
    others = sorted(colour for colour in found if any(colour))
    return {colour: number + 1 for number, colour in enumerate(others)} | {c: 0 for c in found if not any(c)}


def dominant_value(dataset: Dataset, codes: Mapping[str, set[str]]) -> int | None:
    """The usual foreground value of the sound cases, when some cases are coded differently."""
    if not any("mixed-coding" in found for found in codes.values()):
        return None
    counts: Counter[int] = Counter()
    for case in dataset.labelled:
        if "mixed-coding" not in codes.get(case.id, ()) and not codes.get(case.id, set()) - GEOMETRY:
            counts.update(int(v) for v in np.unique(load_labels(case).array) if v > 0)
    return counts.most_common(1)[0][0] if counts else None


def mend_labels(case: Case, codes: set[str], *, mending: Mending) -> tuple[LabelMap, list[tuple[str, str]]]:
    """The repaired labels of a case, and what was done as pairs (code, sentence).

    Raises:
        DatasetError: when the case has no labels.
        FormatError: when a file cannot be read.
    """
    if case.label is None:
        raise DatasetError(f"case {case.id} must have labels to mend, got none")
    done: list[tuple[str, str]] = []
    labels = _read(case, case.label, codes=codes, mending=mending, done=done)
    array = labels.array
    if "antialiased" in codes:
        array = _sharpen(array, case.id, done=done)
    if "mixed-coding" in codes and mending.foreground is not None:
        old = sorted(int(v) for v in np.unique(array) if v > 0)
        array = np.where(array > 0, np.int32(mending.foreground), array)
        done.append(("mixed-coding", f"foreground {old} written as {mending.foreground}"))
    labels = LabelMap(array, labels.grid, labels.names)
    if codes & GEOMETRY:
        labels = _place(case, labels, done=done)
    return labels, done


def _as_image(source: Source) -> NDArray[Any]:
    return io.read_image(source.path, axes=source.axes, frame=source.frame).array


def _read(case: Case, source: Source, *, codes: set[str], mending: Mending, done: list[tuple[str, str]]) -> LabelMap:
    """Integer labels of whatever the file holds."""
    if not codes & {"colour-mask", "soft-labels"}:
        if source.slices:
            labels = load_labels(Case(case.id, case.images, source))
            array = np.where(labels.array == UNANNOTATED, mending.ignore_for_sparse, labels.array)
            done.append(("sparse", f"slices without annotation are written as {mending.ignore_for_sparse} (ignored)"))
            return LabelMap(array, labels.grid, labels.names)
        if source.structures:
            listed = ", ".join(f"{value} {name}" for name, value in source.structures)
            done.append(("structures", f"structures written as voxels of the image: {listed}"))
            return load_labels(case)
        if "float-labels" in codes:
            done.append(("float-labels", "stored as integers"))
        return io.read_labels(source.path, axes=source.axes, frame=source.frame)
    image = io.read_image(source.path, axes=source.axes, frame=source.frame)
    if "colour-mask" in codes:
        table = ", ".join(f"{colour} = {number}" for colour, number in sorted(mending.colours.items()))
        done.append(("colour-mask", f"colours numbered: {table}"))
        return LabelMap(_numbered(image.array, mending.colours), image.grid)
    whole, sentence = harden(image.array[0], mending.declared)
    done.append(("soft-labels", sentence))
    return LabelMap(whole, image.grid)


def _numbered(array: NDArray[Any], colours: Mapping[Colour, int]) -> NDArray[Any]:
    """The number of each sample's colour; `array` is `(C, *spatial)`."""
    result = np.zeros(array.shape[1:], dtype=np.uint16)
    for colour, number in colours.items():
        if len(colour) == len(array):
            same = np.ones(array.shape[1:], dtype=bool)
            for channel, value in zip(array, colour, strict=True):
                same &= channel == value
            result[same] = number
    return result


def _sharpen(array: NDArray[Any], case: str, *, done: list[tuple[str, str]]) -> NDArray[Any]:
    """Masks without the in-between values along edges: two values are parted in the middle, more by the nearest."""
    from_grid = summarise_labels(case, _on_unit_grid(array))
    grey = list(from_grid.grey_edges)
    true = sorted(set(from_grid.counts) - set(grey))
    if grey and true:
        grey += _steps(array, true)
        true = [value for value in true if value not in grey]
    count = int(np.isin(array, grey).sum())
    if not grey or not true:
        return array
    low, high = _ends(true, from_grid.counts)
    if _two_valued(true, from_grid.counts, low=low, high=high):
        done.append(("antialiased", f"{count} in-between samples parted at {(low + high) / 2:g} into {low} and {high}"))
        mended: NDArray[Any] = np.where(array >= (low + high) / 2, high, low)
    else:
        done.append(("antialiased", f"{count} in-between samples took the nearest true value among {true[:12]}"))
        mended = _nearest(array, ~np.isin(array, grey))
    check_edges(array, mended)
    check_volumes(blended_volumes(array, mended), volumes_of(mended))
    return mended


def _steps(array: NDArray[Any], true: Sequence[int]) -> list[int]:
    """Values between the ends that nowhere fill a block of 2 x 2 (x 2) samples: flat sides of objects leave such."""
    found = []
    for value in true[1:-1]:
        same = array == value
        for axis in (a for a in range(array.ndim) if array.shape[a] > 1):
            same = same.take(range(same.shape[axis] - 1), axis) & same.take(range(1, same.shape[axis]), axis)
        found += [] if same.any() else [value]
    return found


def _ends(true: Sequence[int], counts: Mapping[int, int]) -> tuple[int, int]:
    """The two most frequent true values, in order."""
    first, second = sorted(true, key=lambda v: counts[v], reverse=True)[:2] if len(true) > 1 else (true[0], true[0])
    return min(first, second), max(first, second)


def _two_valued(true: Sequence[int], counts: Mapping[int, int], *, low: int, high: int) -> bool:
    """Whether all other true values are JPEG's ringing next to the two ends."""
    near = 0.1 * (high - low)
    return high > low and all(abs(v - low) <= near or abs(v - high) <= near for v in true)


def _nearest(array: NDArray[Any], sound: NDArray[np.bool_]) -> NDArray[Any]:
    """Every sample that is not sound takes the value of the nearest that is."""
    if sound.all() or not sound.any():
        return array
    index = ndimage.distance_transform_edt(~sound, return_distances=False, return_indices=True)
    filled: NDArray[Any] = array[tuple(index)]
    return filled


def _on_unit_grid(array: NDArray[Any]) -> LabelMap:
    return LabelMap(array, Grid.pixels(array.shape))


def _place(case: Case, labels: LabelMap, *, done: list[tuple[str, str]]) -> LabelMap:
    """The labels on the image's grid: geometry copied, axes reordered, or resampled."""
    image = load_image(case).grid
    relation, distance = compare_grids(image, labels.grid)
    if relation in ("same", "lost", "shifted"):
        done.append(("geometry", f"geometry copied from the image (corners differed by {distance:.3g} voxels)"))
        return LabelMap(labels.array, image, labels.names)
    moved = resample_labels(labels, image)
    old, new = volumes_of(labels.array, labels.grid.voxel_volume), volumes_of(moved.array, image.voxel_volume)
    check_volumes(old, new, unit="mm³")
    before = float((labels.array > 0).sum()) * labels.grid.voxel_volume
    after = float((moved.array > 0).sum()) * image.voxel_volume
    how = "axes reordered as the image's" if relation == "reoriented" else "resampled to the image's grid"
    done.append(("geometry", f"{how} (labelled volume {before:.6g} mm³ before, {after:.6g} mm³ after)"))
    return moved
