"""Maps of a case between 0 and 1: how probable each class is to a model, and how unsure it is.

The insight: a person needs a tint, not four bytes a voxel. So a map is a byte per voxel from the moment it is read, and
the uncertainty of a model that only wrote its probabilities is summed class by class: no float of all classes is held.

    predictions/MODEL/CASE_probability_1.nii.gz    as `septum predict --probabilities` writes them, one file per class
    predictions/NAME/uncertainty/CASE.nii.gz       as `septum segment --uncertainty` writes them
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid
from septum.workflows.data.masks import PROBABILITY
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError

ByteMap = NDArray[np.uint8]
_LEAST = 1e-6


@dataclass(frozen=True)
class MapName:
    """A map of a case: `kind` is "probability" or "uncertainty", `model` who made it, `value` the label of a class."""

    kind: str
    model: str
    value: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.kind, self.model, self.value) if part is not None)


def heat_maps_of(project: Project, case_id: str) -> list[MapName]:
    """The maps that lie on the disk for a case, found in the folders' listings."""
    if not project.predictions.is_dir():
        return []
    found: list[MapName] = []
    for folder in sorted(path for path in project.predictions.iterdir() if path.is_dir()):
        values = _class_files(folder, case_id)
        found += [MapName("probability", folder.name, value) for value in values]
        if len(values) > 1 or _own(folder / "uncertainty", case_id) is not None:
            found.append(MapName("uncertainty", folder.name))
    return found


def read_map(project: Project, case_id: str, *, name: str, grid: Grid) -> ByteMap:
    """A map as bytes, 255 for 1, on the grid of the case's image.

    Raises:
        MissingError: the case has no such map.
        FormatError: its file is damaged, of another shape, or holds values that are no shares of 1.
    """
    wanted = next((one for one in heat_maps_of(project, case_id) if str(one) == name), None)
    if wanted is None:
        raise MissingError(f"map must be one of the case, got {name[:80]!r}")
    folder = project.predictions / wanted.model
    files, own = _class_files(folder, case_id), _own(folder / "uncertainty", case_id)
    if wanted.value is not None:
        return as_bytes(_plain(files[wanted.value], grid))
    if own is not None:
        return as_bytes(_plain(own, grid))
    return _entropy((_plain(path, grid) for path in files.values()), count=len(files))


def changed_at(project: Project, case_id: str, *, name: MapName) -> int:
    """When the files behind a map were last written, in microseconds; 0 for files that are gone."""
    folder = project.predictions / name.model
    own = _own(folder / "uncertainty", case_id)
    paths = [own] if own is not None and name.kind == "uncertainty" else [*_class_files(folder, case_id).values()]
    return max((path.stat().st_mtime_ns // 1000 for path in paths if path.exists()), default=0)


def _entropy(shares: Iterator[NDArray[np.float32]], *, count: int) -> ByteMap:
    """Entropy of the shares of `count` classes over that of a guess, as `uncertainty` of the pixel classifier."""
    total: NDArray[np.float32] | None = None
    for share in shares:
        part = share * np.log(np.maximum(share, np.float32(_LEAST)))
        total = part if total is None else np.add(total, part, out=total)
    most = np.float32(np.log(max(2, count)))
    return as_bytes(np.zeros(1, np.float32) if total is None else np.abs(total) / most)


def _plain(path: Path, grid: Grid) -> NDArray[np.float32]:
    array = io.read_image(path).array
    if array.size != np.prod(grid.shape):
        raise FormatError(f"{path.name} must have the image's shape {grid.shape}, got {array.shape}; predict again")
    found = np.asarray(array, np.float32).reshape(grid.shape)
    if not np.isfinite(found).all() or found.min() < -0.01 or found.max() > 1.01:
        raise FormatError(f"{path.name} must hold shares from 0 to 1; write it again with --probabilities")
    return found


def as_bytes(shares: NDArray[np.floating]) -> ByteMap:
    """Shares from 0 to 1 as bytes, 255 for 1.

    >>> as_bytes(np.array([0.0, 0.5, 1.2])).tolist()
    [0, 128, 255]
    """
    found: ByteMap = np.clip(np.rint(shares * np.float32(255)), 0, 255).astype(np.uint8)
    return found


def _class_files(folder: Path, case_id: str) -> dict[int, Path]:
    """Files of one class each, by its value."""
    found = {}
    for path in folder.iterdir():
        match = PROBABILITY.match(io.stem(path))
        if match and match.group(1) == case_id and len(match.group(2)) < 10 and io.is_image(path):
            found[int(match.group(2))] = path
    return dict(sorted(found.items()))


def _own(folder: Path, case_id: str) -> Path | None:
    """The case's file in a folder, compared by name; None where there is none."""
    if not folder.is_dir():
        return None
    return next((path for path in folder.iterdir() if io.stem(path) == case_id and io.is_image(path)), None)
