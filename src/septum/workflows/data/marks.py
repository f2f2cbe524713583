"""Marks that a person made, read from files: seeds and scribbles beside an image, labels that must lie on its grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.interactive.tool import UNMARKED
from septum.workflows.data.cases import Case, compare_grids


def on_grid(labels: LabelMap, grid: Grid, *, path: Path, on_note: Callable[[str], None]) -> LabelMap:
    """Labels that lie on the image's grid, and none else; a file that lost its geometry takes the image's.

    Raises:
        GeometryError: another grid; the distance of the corners is named.
    """
    relation, distance = compare_grids(grid, labels.grid)
    if relation == "lost":
        on_note(f"{path.name} holds no geometry; it is taken to lie on the image")
        return LabelMap(labels.array, grid, labels.names)
    if relation != "same":
        where = f"corners differ by {distance:.1f} voxels" if np.isfinite(distance) else f"shape {labels.grid.shape}"
        raise GeometryError(
            f"labels must lie on the grid of their image, got {path.name} on another ({where}, image {grid.shape}); "
            "resample it, or draw on this image"
        )
    return labels


def seeds_from(drawn: NDArray[Any], background: int | None) -> NDArray[np.int64]:
    """Seeds (`UNMARKED`, 0 for background, k for label k) from a label map with 0 where nothing was marked.

    >>> seeds_from(np.array([0, 1, 2]), 2).tolist(), seeds_from(np.array([0, 1, 2]), None).tolist()
    ([-1, 1, 0], [-1, 1, 2])

    Raises:
        ConfigError: 0 as the background's value.
    """
    if background == 0:
        raise ConfigError("background must be a value other than 0, got 0: 0 is what nobody marked; choose another")
    seeds = drawn.astype(np.int64)
    seeds[drawn == 0] = UNMARKED
    if background is not None:
        seeds[drawn == background] = 0
    return seeds


def markers_of(path: Path | None, case: Case, *, grid: Grid, what: str = "markers") -> NDArray[np.integer] | None:
    """The label map that belongs to a case, checked against its image; None without a path.

    Args:
        path: a label file, or a folder that holds one of the case's name.
        case, grid: the case, and where its image lies.
        what: how the file is called in messages.

    Raises:
        ConfigError: a folder without such a file.
        GeometryError: labels on another grid.
        FormatError: a file that cannot be read.
    """
    if path is None:
        return None
    file = path
    if path.is_dir():
        found = find_beside(path, case)
        if found is None:
            raise ConfigError(f"the folder {path} must hold {what} named {case.id}, got none; add them")
        file = found
    labels = io.read_labels(file)
    relation, _ = compare_grids(grid, labels.grid)
    if relation not in ("same", "lost"):
        raise GeometryError(
            f"{what} must lie on the grid of their image, got {labels.grid.shape} in {file.name} for {grid.shape}; "
            "draw them on the image, or resample them"
        )
    array: NDArray[np.integer] = labels.array
    return array


def find_beside(folder: Path, case: Case) -> Path | None:
    """The file of a case's name in a folder; None where there is none."""
    return next((p for p in sorted(folder.iterdir()) if p.is_file() and io.stem(p) == case.id), None)
