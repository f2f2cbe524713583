"""Structures in DICOM, contours (RTSTRUCT) and segmentations (SEG), as labels on the grid of their image.

The insight: the numbers of structures are those of one file; only their names mean the same in the next one. So whoever
reads several files says which name has which value, and a structure that has none is left out and named.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid, LabelMap
from septum.io.decoded import compact
from septum.io.dicom.files import _private
from septum.io.dicom.planes import read_header
from septum.io.dicom.rtstruct import contoured, roi_names
from septum.io.dicom.seg import segment_names, segmented
from septum.io.dicom.series import dicom_files, is_dicom_file

_KINDS = ("RTSTRUCT", "SEG")


def structure_files(path: Path) -> tuple[Path, ...]:
    """The SEG and RTSTRUCT files that a path stands for: itself, or all that a folder of nothing else holds.

    >>> structure_files(Path("no such file"))
    ()
    """
    if path.is_dir():
        files = tuple(dicom_files(path))
    else:
        files = (path,) if is_dicom_file(path) else ()
    return files if files and all(_kind(file) in _KINDS for file in files) else ()


def is_structures(path: Path) -> bool:
    """Whether a path stands for structures: a SEG or RTSTRUCT, or a folder of nothing else.

    >>> is_structures(Path("no such file"))
    False
    """
    return bool(structure_files(path))


def structure_names(path: Path) -> tuple[str, ...]:
    """Names of the structures of a path, in the order of their numbers; none where it holds no structures.

    Raises:
        FormatError: a file that cannot be read.

    >>> structure_names(Path("no such file"))
    ()
    """
    found: list[str] = []
    for file in structure_files(path):
        dataset = _opened(file)
        found += list((segment_names(dataset) if _kind(file) == "SEG" else roi_names(dataset)).values())
    return tuple(dict.fromkeys(found))


def read_structures(path: Path, grid: Grid | None = None, *, values: Mapping[str, int] | None = None) -> LabelMap:
    """The structures of a path as one label map.

    Args:
        path: a SEG or RTSTRUCT, or a folder of them.
        grid: of the image; a SEG can do without, contours cannot.
        values: the label value of each name; without it, segments keep their numbers and structures are counted from 1.

    A voxel of several structures gets that of the smallest; how many these are is in `notes`.

    Raises:
        FormatError: damaged files, contours without a grid, or several files without `values`.
        GeometryError: segments that do not lie on the grid.

    >>> read_structures(Path("no such file"))
    Traceback (most recent call last):
    septum.errors.FormatError: no such file must be one SEG or RTSTRUCT, got 0; give one file
    """
    files = structure_files(path)
    if not files or (values is None and len(files) > 1):
        raise FormatError(f"{path} must be one SEG or RTSTRUCT, got {len(files)}; give one file")
    parts: dict[str, list[NDArray[np.int64]]] = {}
    numbers = dict(values or {})
    doubts: list[str] = []
    for file in files:
        with _private(file):
            grid, found, own, more = _structures(file, grid)
        doubts += more
        numbers = own if values is None else numbers
        for name, voxels in found.items():
            parts.setdefault(name, []).append(voxels)
    if grid is None:
        raise FormatError(f"{path} must hold structures, got none")
    unknown = sorted(name for name in parts if name not in numbers)
    doubts += [f"structures that are no label of the data set are left out: {', '.join(unknown)}"] if unknown else []
    structures = {name: np.unique(np.concatenate(found)) for name, found in parts.items() if name in numbers}
    array, shared = _painted(structures, numbers, shape=grid.shape)
    return LabelMap(array, grid, {value: name for name, value in numbers.items()}, (*doubts, *shared))


def _structures(
    file: Path, grid: Grid | None
) -> tuple[Grid, dict[str, NDArray[np.int64]], dict[str, int], tuple[str, ...]]:
    """The grid, voxels by name, the file's own numbers by name, and doubts."""
    dataset = _opened(file)
    if _kind(file) == "SEG":
        names, found = segment_names(dataset), segmented(file, dataset, grid=grid)
        voxels: dict[str, NDArray[np.int64]] = {name: np.empty(0, np.int64) for name in names.values()}
        for number, index in found.voxels.items():
            name = names.get(number, f"segment {number}")
            voxels[name] = np.concatenate([voxels.get(name, np.empty(0, np.int64)), index])
        return found.grid, voxels, {name: number for number, name in names.items()}, found.doubts
    if grid is None or grid.ndim != 3:
        raise FormatError(
            f"{file} holds contours, which need the volume on which they were drawn; give it as labels of a data set "
            "(images/CASE and labels/CASE)"
        )
    drawn = contoured(dataset, grid)
    return grid, dict(drawn.voxels), {name: number for number, name in enumerate(drawn.voxels, 1)}, drawn.doubts


def _painted(
    structures: Mapping[str, NDArray[np.int64]], numbers: Mapping[str, int], *, shape: tuple[int, ...]
) -> tuple[NDArray[Any], list[str]]:
    """Labels in which small structures lie on large ones, and a sentence where they do."""
    array = np.zeros(int(np.prod(shape)), np.int64)
    shared, below = 0, set()
    for name, voxels in sorted(structures.items(), key=lambda item: (-len(item[1]), item[0])):
        taken = array[voxels]
        shared += int(np.count_nonzero(taken))
        below |= {(int(value), name) for value in np.unique(taken[taken != 0])}
        array[voxels] = numbers[name]
    named = {value: name for name, value in numbers.items()}
    pairs = ", ".join(f"{name} and {named.get(value, value)}" for value, name in sorted(below)[:4])
    doubt = f"{shared} voxels belong to several structures ({pairs}): each keeps the smallest one's label"
    return compact(array).reshape(shape), [doubt] if shared else []


def modality_of(path: Path) -> str:
    """The modality that the first DICOM file at a path names, such as "CT", "MR" or "PT"; empty for other files.

    >>> modality_of(Path("scan.nii.gz"))
    ''
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return next((_kind(file) for file in files if is_dicom_file(file)), "")


def _kind(file: Path) -> str:
    try:
        return str(read_header(file).get("Modality", "") or "")
    except FormatError:
        return ""


def _opened(file: Path) -> Any:
    import pydicom

    with _private(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(file, force=True)
