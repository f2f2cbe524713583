"""What a data set is, once its layout on disk is understood: cases, each with image files and perhaps a label file.

One insight: every layout (folders, nnU-Net, Decathlon, Cell Tracking Challenge, a table) says the same thing, so each
is translated into these records once and nothing behind this module knows a layout. `septum.io` opens the files.

Samples nobody annotated (outside a region of interest, slices without annotation) carry `UNANNOTATED` in the arrays
that `load_labels` returns; `ClassMap` turns them into the ignored class, so they neither train nor count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError, GeometryError, MismatchError
from septum.geometry import Grid, Image, LabelMap
from septum.io import naming
from septum.workflows.data.doubts import heard
from septum.workflows.data.kept import kept
from septum.workflows.data.regions import Region

UNANNOTATED = -1
"""Label value of samples that nobody annotated; no file needs to hold it."""


SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """Where one image or label comes from.

    Args:
        path: a file, or a folder that holds a DICOM series.
        frame: which frame of a multi-frame file; `None` when the file is one image.
        axes: the meaning of the file's axes where the user declared it, such as `"TYX"`.
        slices: sparse annotation of a volume: pairs (index along the first axis, two-dimensional label file).
            Where given, all other slices are unannotated and `path` is the first of the files.
        structures: the label value of each name, where `path` holds DICOM structures (SEG, RTSTRUCT).
    """

    path: Path
    frame: int | None = None
    axes: str | None = None
    slices: tuple[tuple[int, Path], ...] = ()
    structures: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Case:
    """One thing to segment: an image (perhaps several files, one per channel) and perhaps its labels.

    Args:
        id: unique name within the data set, usable as a file name.
        images: one source, or one per channel.
        label: where the labels are; `None` for a case to predict only.
        group: what must not be divided between training and validation (patient, sequence, well).
        split: `"train"`, `"val"`, `"test"` or `None` where the data set does not say.
        roi: a mask (not zero = inside) outside of which nothing was annotated.
        channels: names of the channels where the data set declares them.
    """

    id: str
    images: tuple[Source, ...]
    label: Source | None = None
    group: str | None = None
    split: str | None = None
    roi: Source | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Something about the layout that keeps a case from being used: which case, what, and how to mend it."""

    case: str
    code: str
    message: str
    mend: str


@dataclass(frozen=True)
class Dataset:
    """All cases of a data set.

    Args:
        root: the folder or table that was given.
        kind: the layout, such as `"folders"` or `"nnunet"`.
        cases: in natural order of their ids.
        label_names: declared names by label value; empty where nothing is declared.
        ignore_value: declared label value that neither trains nor counts.
        instances: whether label values are ids of single objects instead of classes.
        notes: what was decided for the user, one sentence each.
        regions: names that stand for several label values each, in their order; empty where every name has one value.
        problems: what is wrong with the layout; `load_dataset` refuses a data set that has any unless told otherwise.
    """

    root: Path
    kind: str
    cases: tuple[Case, ...]
    label_names: Mapping[int, str] = field(default_factory=dict)
    ignore_value: int | None = None
    instances: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    regions: tuple[Region, ...] = ()

    @property
    def labelled(self) -> tuple[Case, ...]:
        """Cases that have labels, in order."""
        return tuple(case for case in self.cases if case.label is not None)

    @property
    def declared_values(self) -> frozenset[int]:
        """The label values that the data set declares, the ignored one among them; empty where it declares none."""
        ignored = [] if self.ignore_value is None else [self.ignore_value]
        return frozenset([*self.label_names, *ignored]) if self.label_names else frozenset()

    def case(self, case_id: str) -> Case:
        """The case of this id; `DatasetError` when there is none."""
        for case in self.cases:
            if case.id == case_id:
                return case
        raise DatasetError(f"case must be one of the {len(self.cases)} cases of {self.root}, got {case_id!r}")


def load_image(case: Case) -> Image:
    """The case's image, `(C, *spatial)`; the channels of several files are stacked in order.

    Raises:
        FormatError: when a file cannot be read.
        GeometryError: when the files of one case do not lie on one grid (to within a tenth of a voxel).
    """
    image = _read_image(case)
    heard(case.id, image)
    return image


def _read_image(case: Case) -> Image:
    images = [io.read_image(s.path, axes=s.axes, frame=s.frame) for s in case.images]
    first = images[0]
    if len(images) == 1:
        names = case.channels if len(case.channels) == len(first.channels) else first.channels
        return Image(first.array, first.grid, names, first.notes)
    for source, other in zip(case.images[1:], images[1:], strict=True):
        if not first.grid.matches(other.grid):
            raise GeometryError(
                f"the channels of case {case.id} must lie on one grid, got {_describe(first.grid)} in "
                f"{case.images[0].path.name} and {_describe(other.grid)} in {source.path.name}; "
                "resample them to one grid"
            )
    array = np.concatenate([image.array for image in images])
    names = case.channels if len(case.channels) == len(array) else _channel_names(case, images)
    notes = tuple(dict.fromkeys(note for image in images for note in image.notes))
    return Image(array, first.grid, names, notes)


def _channel_names(case: Case, images: list[Image]) -> tuple[str, ...]:
    """One unique name per channel of several stacked files: the file's stem, numbered where it holds several."""
    names: list[str] = []
    for source, image in zip(case.images, images, strict=True):
        stem = io.stem(source.path)
        names += [stem] if len(image.channels) == 1 else [f"{stem} {channel}" for channel in image.channels]
    return tuple(names)


def load_labels(case: Case) -> LabelMap:
    """The case's labels on their own grid; `UNANNOTATED` where nobody annotated (sparse slices, outside the region).

    A volume of one slice is a plane where the image is one, and a plane is such a volume where the image is.

    Raises:
        DatasetError: when the case has no labels, or its region of interest has another shape than its labels.
        FormatError: when a file cannot be read or does not hold labels.
    """
    if case.label is None:
        raise DatasetError(f"case {case.id} has no labels; annotate it or leave it out of training")
    labels = kept(case, partial(_read_labels, case, case.label))
    heard(f"labels of {case.id}", labels)
    return labels


def _read_labels(case: Case, source: Source) -> LabelMap:
    if source.slices:
        labels = _load_sparse(case, source)
    elif source.structures:
        labels = io.read_structures(source.path, load_image(case).grid, values=dict(source.structures))
    else:
        labels = _like_image(io.read_labels(source.path, axes=source.axes, frame=source.frame), case)
    if case.roi is None:
        return labels
    roi = _like_image(io.read_labels(case.roi.path, axes=case.roi.axes, frame=case.roi.frame), case)
    if roi.grid.shape != labels.grid.shape:
        raise DatasetError(
            f"the region of interest of case {case.id} must have the shape of its labels {labels.grid.shape}, "
            f"got {roi.grid.shape} in {case.roi.path}; draw it again on the image"
        )
    array = _signed(labels.array)
    array[roi.array == 0] = UNANNOTATED
    return LabelMap(array, labels.grid, labels.names, labels.notes)


def _like_image(labels: LabelMap, case: Case) -> LabelMap:
    """Labels with the image's number of dimensions where they differ by an axis of length 1 in front (z).

    NIfTI keeps a plane as (x, y, 1); the picture of the same thing is (y, x). The image is opened only where the shape
    of the labels and the format of the image make that possible.
    """
    flat = labels.grid.ndim == 3 and labels.grid.shape[0] == 1
    picture = bool(case.images) and naming.suffix(case.images[0].path) in naming.RASTER + naming.TIFF
    if not case.images or not (flat or (labels.grid.ndim == 2 and not picture)):
        return labels
    grid = load_image(case).grid
    if flat and grid.ndim == 2:
        return LabelMap(
            labels.array[0],
            Grid.from_spacing(labels.grid.shape[1:], labels.grid.spacing[1:], unit=labels.grid.unit),
            labels.names,
            labels.notes,
        )
    if not flat and grid.shape == (1, *labels.grid.shape):
        return LabelMap(labels.array[None], grid, labels.names, labels.notes)
    return labels


def _load_sparse(case: Case, source: Source) -> LabelMap:
    """Two-dimensional label files put at their slices of an otherwise unannotated volume."""
    grid = load_image(case).grid
    array = np.full(grid.shape, UNANNOTATED, dtype=np.int32)
    for index, path in source.slices:
        plane = io.read_labels(path).array
        if grid.ndim != 3 or index >= grid.shape[0] or plane.shape != grid.shape[1:]:
            raise DatasetError(
                f"slice labels of case {case.id} must be {grid.shape[1:]} at an index below {grid.shape[0]}, got "
                f"{plane.shape} at {index} in {path}; check the file's name and size"
            )
        array[index] = plane
    return LabelMap(array, grid)


def _signed(array: NDArray[Any]) -> NDArray[Any]:
    """A copy in a signed type that holds every value and `UNANNOTATED`."""
    signed = {1: np.int16, 2: np.int32}.get(array.dtype.itemsize, np.int64)
    return array.astype(signed if array.dtype.kind == "u" else array.dtype)


def load_pair(case: Case) -> tuple[Image, LabelMap]:
    """Image and labels of a case, checked against each other; the labels are returned on the image's grid object.

    Labels whose file says nothing about geometry (PNG, an identity affine) take the image's grid when the shapes agree;
    in 2-D the shape decides. Different grids are refused, never resampled in silence.

    Raises:
        DatasetError: when the case has no labels.
        MismatchError: when shapes differ, or the grids differ by more than a tenth of a voxel.

    >>> from tempfile import TemporaryDirectory
    >>> from septum import Grid, write_image, write_labels
    >>> grid, mask = Grid.pixels((8, 9)), np.eye(8, 9, dtype=np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.tif"), Image(50 * mask[None], grid))
    ...     write_labels(Path(folder, "b.tif"), LabelMap(mask, grid))
    ...     image, labels = load_pair(Case("a", (Source(Path(folder, "a.tif")),), Source(Path(folder, "b.tif"))))
    >>> image.array.shape, labels.array.shape
    ((1, 8, 9), (8, 9))
    """
    image, labels = load_image(case), load_labels(case)
    relation, distance = compare_grids(image.grid, labels.grid)
    if relation in ("same", "lost"):
        return image, LabelMap(labels.array, image.grid, labels.names, labels.notes)
    reason = {
        "shape": f"the image is {image.grid.shape} and its labels are {labels.grid.shape}",
        "reoriented": f"the image's axes run {image.grid.orientation} and the labels' {labels.grid.orientation}",
        "shifted": f"image and labels have one shape, but their corners differ by {distance:.2f} voxels",
        "different": f"image and labels have one shape, but their corners differ by {distance:.1f} voxels",
    }[relation]
    mended = relation in ("shifted", "reoriented") or (relation == "shape" and can_resample(image.grid, labels))
    advice = (
        "`septum doctor DATASET --fix OUT` mends that in a copy"
        if mended
        else "`septum doctor DATASET` says what to do (--fix leaves it out)"
    )
    raise MismatchError(
        f"image and labels of case {case.id} must lie on one grid: {reason}; "
        f"{advice}, or draw the labels again on the image"
    )


def can_resample(image: Grid, labels: LabelMap) -> bool:
    """Whether both grids know their place in space and every labelled sample lies inside the image, so that the labels
    can be put on the image's grid."""
    if image.ndim != 3 or labels.grid.ndim != 3 or is_identity(image) or is_identity(labels.grid):
        return False
    index = np.argwhere(labels.array > 0)
    if not len(index):
        return False
    ends = np.stack([index.min(axis=0), index.max(axis=0)])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = image.world_to_index(labels.grid.index_to_world(corners))
    return bool((inside >= -1).all() and (inside <= np.array(image.shape)).all())


def compare_grids(image: Grid, labels: Grid) -> tuple[str, float]:
    """How the grid of labels relates to the image's, and the largest distance of matching corners in voxels.

    Returns one of

    * `"same"`: one shape, corners within 0.1 voxel (any two planes of one shape: 2-D files rarely hold an origin);
    * `"lost"`: one shape, and the labels' grid is the identity that tools write when they drop the geometry;
    * `"shifted"`: one shape, corners within 1 voxel: rounding, or a corner taken for a centre;
    * `"reoriented"`: the same samples, axes permuted or reversed;
    * `"different"`: one shape, elsewhere in space;
    * `"shape"`: another shape.
    """
    if image.ndim == 2 and labels.ndim == 2:
        return ("same", 0.0) if image.shape == labels.shape else ("shape", float("inf"))
    if image.ndim != labels.ndim:
        return "shape", float("inf")
    distance = image.corner_difference(labels)
    if distance <= 0.1:
        return "same", distance
    if _reoriented(labels, image).matches(image, tolerance=0.1):
        return "reoriented", distance
    if image.shape != labels.shape:
        return "shape", distance
    if is_identity(labels):
        return "lost", distance
    return ("shifted" if distance <= 1 else "different"), distance


def is_identity(grid: Grid) -> bool:
    """Whether a grid has spacing 1, origin 0 and axes along the world's: what is written when nothing is known."""
    linear = np.abs(grid.affine[:-1, :-1])
    rounded = np.allclose(linear, linear.round(), atol=1e-6)
    return bool(rounded and np.allclose(linear.sum(axis=0), 1) and np.allclose(grid.affine[:-1, -1], 0))


def _reoriented(grid: Grid, like: Grid) -> Grid:
    """`grid` with its axes permuted and reversed so that they run most nearly as those of `like`."""
    wanted = {world: (axis, sign) for axis, (world, sign) in enumerate(like.closest_axes())}
    affine, shape = grid.affine.copy(), list(grid.shape)
    for axis, (world, sign) in enumerate(grid.closest_axes()):
        target, wanted_sign = wanted[world]
        column = grid.affine[:, axis]
        shape[target] = grid.shape[axis]
        affine[:, target] = column if sign == wanted_sign else -column
        if sign != wanted_sign:
            affine[:, -1] += column * (grid.shape[axis] - 1)
    return replace(grid, shape=tuple(shape), affine=affine)


def _describe(grid: Grid) -> str:
    spacing = "×".join(f"{s:g}" for s in grid.spacing)
    return f"shape {grid.shape} with spacing {spacing} at {tuple(round(v, 2) for v in grid.origin)}"
