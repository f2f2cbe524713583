"""Versions of an annotation: each save a new file, none ever overwritten, any two comparable.

The insight: a version is written under its final name first and registered after, so a crash between leaves at worst a
file that nobody counts; and a number that two people want at once is given to one of them by the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import Case, Source, load_labels, load_pair
from septum.workflows.data.digests import digest
from septum.workflows.data.slices import read_slices, write_slices
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError, Version, now_text

LARGEST_PNG = 65535


@dataclass(frozen=True, eq=False)
class Annotation:
    """Labels of a case as they were saved; `slices` says where each comes from, one letter per slice and axis."""

    labels: NDArray[Any]
    slices: Mapping[int, str]
    version: int


@dataclass(frozen=True)
class Difference:
    """Two versions compared: voxels that differ, Dice per label, voxels per slice of the first axis that differ."""

    changed: int
    dice: Mapping[int, float | None]
    slices: Mapping[int, int]


def read_annotation(project: Project, case_id: str, *, grid: Grid, version: int | None = None) -> Annotation:
    """A version of a case's annotation, the newest by default; empty labels where nothing was saved yet.

    Args:
        grid: of the case's image.

    Raises:
        MissingError: no such case or version.
        FormatError: its file is gone or damaged.
        GeometryError: labels that do not lie on the image's grid.
    """
    known = project.store.versions(case_id)
    if not known and version is None:
        project.store.case(case_id)
        return Annotation(np.zeros(grid.shape, np.uint8), _nothing(grid), 0)
    wanted = next((one for one in reversed(known) if version in (None, one.version)), None)
    if wanted is None:
        raise MissingError(f"version must be one of 1 to {len(known)}, got {version}")
    if not wanted.file:
        return _imported(project.case(case_id), grid)
    path = project.folder / wanted.file
    found = io.read_labels(path)
    labels = _on(grid, found.array, name=path.name)
    return Annotation(labels, read_slices(path, grid.shape) or _nothing(grid), wanted.version)


def save_annotation(
    project: Project,
    case_id: str,
    *,
    labels: LabelMap,
    slices: Mapping[int, str],
    author: str,
    origin: str,
    note: str = "",
) -> Version:
    """Save labels as the next version, with the names that the project gives them.

    Raises:
        FormatError: the disk is full, or the file cannot be written; nothing is registered.
        SessionError: another writer took the number.
    """
    record = project.store.case(case_id)
    folder = project.annotations / record.id
    folder.mkdir(parents=True, exist_ok=True)
    number = _next_number(project, record.id)
    path = folder / f"v{number:04d}{_suffix(project.case(case_id), labels.array)}"
    names = {0: "background", **{label.value: label.name for label in project.facts.labels}}
    io.write_labels(path, replace(labels, names=names))
    if labels.grid.ndim == 3:
        write_slices(path, slices)
    relative = path.relative_to(project.folder).as_posix()
    version = Version(
        record.id, number, author, now_text(), note, origin, relative, digest(Source(path)), record.seconds
    )
    project.store.add_version(version)
    return version


def compare_labels(first: NDArray[Any], second: NDArray[Any]) -> Difference:
    """How two label maps of one shape differ.

    >>> compare_labels(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
    Difference(changed=1, dice={1: 0.6666666666666666}, slices={0: 1})
    """
    if first.shape != second.shape:
        raise GeometryError(f"versions must have one shape, got {first.shape} and {second.shape}")
    differs = first != second
    per_slice = np.count_nonzero(differs.reshape(len(differs), -1), axis=1)
    dice: dict[int, float | None] = {}
    for label in np.union1d(np.unique(first), np.unique(second)).tolist():
        if label:
            a, b = first == label, second == label
            dice[int(label)] = float(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))
    slices = {int(i): int(per_slice[i]) for i in np.flatnonzero(per_slice)}
    return Difference(int(np.count_nonzero(differs)), dice, slices)


def _next_number(project: Project, case_id: str) -> int:
    """One above every registered version and every file, so that no file is ever written over."""
    known = [one.version for one in project.store.versions(case_id)]
    files = [int(p.name[1:5]) for p in (project.annotations / case_id).glob("v[0-9][0-9][0-9][0-9].*")]
    return max([0, *known, *files]) + 1


def _imported(case: Case, grid: Grid) -> Annotation:
    """The labels of the data set; what nobody annotated is 0, and its slices are not marked."""
    try:
        labels = load_pair(case)[1].array
    except GeometryError:
        labels = load_labels(case).array
        if labels.shape != grid.shape:
            raise
    unknown = labels < 0
    letters = {}
    for axis, size in enumerate(grid.shape if grid.ndim == 3 else ()):
        others = tuple(a for a in range(3) if a != axis)
        missing = np.asarray(unknown.all(axis=others) if axis == 0 or not unknown.any() else np.ones(size, bool))
        letters[axis] = "".join("." if hidden else "d" for hidden in missing.tolist())
    return Annotation(np.where(unknown, 0, labels).astype(np.min_scalar_type(max(int(labels.max()), 0))), letters, 1)


def _on(grid: Grid, labels: NDArray[Any], *, name: str) -> NDArray[Any]:
    if labels.shape != grid.shape and labels.size == np.prod(grid.shape):
        labels = labels.reshape(grid.shape)  # a plane kept as a volume of one slice
    if labels.shape != grid.shape:
        raise FormatError(f"{name} must have the image's shape {grid.shape}, got {labels.shape}; restore another one")
    return labels


def _nothing(grid: Grid) -> dict[int, str]:
    return {axis: "." * size for axis, size in enumerate(grid.shape)} if grid.ndim == 3 else {}


def _suffix(case: Case, labels: NDArray[Any]) -> str:
    if labels.ndim == 3:
        return ".nii.gz"
    usual = io.label_suffix(case.images[0].path)
    return ".tif" if int(labels.max(initial=0)) > LARGEST_PNG or usual not in (".png", ".tif", ".tiff") else usual
