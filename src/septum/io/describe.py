"""`describe`: what Septum understood of a file, so that a person can see it before anything is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.io.decoded import Decoded
from septum.io.formats import find_format
from septum.io.safe import reading

MAX_LABELS = 64
"""An image of integers with at most this many different values is also counted as a label map."""


@dataclass(frozen=True)
class Description:
    """What one file holds.

    `shape` is that of one frame, `([C,] [Z,] Y, X)` without the channel axis when there is one channel; `axes` are the
    stored axes, slowest first; `spacing` is per spatial axis (z, y, x) in `units`, "mm" or "px"; `labels` counts the
    samples of each value, or is None when there are too many values to be labels.
    """

    format: str
    modality: str
    shape: tuple[int, ...]
    axes: str
    channels: tuple[str, ...]
    dtype: str
    spacing: tuple[float, ...]
    units: str
    orientation: str
    minimum: float
    maximum: float
    frames: int
    labels: Mapping[int, int] | None
    names: Mapping[int, str]
    voxel_volume: float
    notes: tuple[str, ...]


def describe(path: Path | str, *, axes: str | None = None) -> Description:
    """Read a file, or a folder with one DICOM series, and say what it is; of a movie the first frame is examined.

    Raises:
        FormatError: as for `read_image`; also for a folder without DICOM files.
        GeometryError: impossible voxel sizes or orientation.

    >>> import tempfile, tifffile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(Path(folder, "cells.tif"), np.zeros((8, 9), np.uint8))
    ...     describe(Path(folder, "cells.tif")).shape
    (8, 9)
    """
    path = Path(path)
    known = find_format(path)
    with reading(path, known.name):
        found = known.read(path, axes=axes, frame=0, labels=False)
        counts, notes = _label_counts(path, found, axes=axes)
        low, high, more = _range(found.array)
    grid = found.grid
    count = len(found.array)
    shape = found.array.shape if count > 1 else found.array.shape[1:]
    channels = found.channels or tuple(f"channel {number}" for number in range(count))
    return Description(
        format=found.format, modality=found.modality, shape=shape, axes=found.axes, channels=channels,
        dtype=str(found.array.dtype), spacing=grid.spacing, units=grid.unit,
        orientation=grid.letters or "", minimum=low, maximum=high,
        frames=found.frames, labels=counts, names=found.names, voxel_volume=grid.voxel_volume,
        notes=(*found.doubts, *found.notes, *notes, *more),
    )  # fmt: skip


def _range(array: NDArray[Any]) -> tuple[float, float, list[str]]:
    if array.dtype.kind != "f":
        return float(array.min()), float(array.max()), []
    bad = array.size - int(np.isfinite(array).sum())
    notes = [f"{bad} values are NaN or infinite"] if bad else []
    if bad == array.size:
        return float("nan"), float("nan"), notes
    finite = array[np.isfinite(array)] if bad else array
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        notes.append("all values are equal")
    return low, high, notes


def _label_counts(path: Path, found: Decoded, *, axes: str | None) -> tuple[Mapping[int, int] | None, list[str]]:
    """Counts per value when the file could be a label map; palettes are counted by index."""
    array = found.array
    notes: list[str] = []
    if any("palette" in note for note in found.notes):
        indexed = find_format(path).read(path, axes=axes, frame=0, labels=True)
        if len(indexed.array) == 1:
            array, notes = indexed.array, ["as labels, the palette's indices are read, whatever colours they have"]
    if len(array) != 1 or not _whole(array):
        return None, []
    values, counts = np.unique(array, return_counts=True)
    if len(values) > MAX_LABELS:
        return None, []
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}, notes


def _whole(array: NDArray[Any]) -> bool:
    """Integers, or floats that are whole numbers (looked at in a sample first: most images fail at once)."""
    if array.dtype.kind in "iu":
        return True
    flat = array.reshape(-1)
    for part in (flat[:: max(1, flat.size // 10000)], flat):
        if not (np.isfinite(part).all() and (part == np.rint(part)).all()):
            return False
    return bool(np.abs(flat).max() < 2**31)
