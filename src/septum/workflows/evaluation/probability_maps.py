"""Probability maps beside masks: which file speaks of which class of which case, and what its numbers mean.

The insight: a map is an image like any other, so everything that makes masks comparable (names, grids, the meaning of
values) holds for it too, and one more thing: a map in bytes means 255 by "certain". `septum predict --probabilities`
writes `NAME_probability_VALUE`, one file per class; other programs write one file per case, which then speaks of the
one label that is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError, FormatError, GeometryError
from septum.geometry import Grid
from septum.workflows.data.cases import Case, load_labels
from septum.workflows.data.folders import entries
from septum.workflows.data.masks import PROBABILITY
from septum.workflows.data.matching import match_stems
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.pairs import grid_difference
from septum.workflows.evaluation.scoring import ignored_samples
from septum.workflows.runs.words import some

_ROUNDING = 2e-3  # probabilities that were half precision, resampled, may leave [0, 1] by this much


IGNORED = -1
"""Value of samples that are not scored, in `open_reference`."""


@dataclass(frozen=True)
class CaseMaps:
    """The maps of one case: class value to file; None stands for the scored label where a file names no class."""

    case: Case
    files: Mapping[int | None, Path]


def case_of(maps: CaseMaps) -> str:
    """The case of maps, for progress."""
    return maps.case.id


def find_maps(folder: Path, cases: Sequence[Case]) -> tuple[list[CaseMaps], list[str]]:
    """The maps of every case that has some; with notes about cases that have none.

    Where any file names its class, others (masks in the same folder) are left alone.

    Raises:
        DatasetError: nothing in the folder that belongs to a case.
    """
    files = {entry.name: entry.path for entry in reversed(entries(folder))}
    named = {name: match for name in files if (match := PROBABILITY.match(name))}
    found: dict[str, dict[int | None, Path]] = {}
    for name, path in files.items():
        if not named:
            found.setdefault(name, {})[None] = path
        elif match := named.get(name):
            found.setdefault(match[1], {})[int(match[2])] = path
    pairs = {case_id: name for name, case_id in match_stems([case.id for case in cases], found).pairs.items()}
    if not pairs:
        raise DatasetError(
            f"probability maps must be named like the cases (NAME_probability_VALUE, or NAME), got "
            f"{some(list(found)) or 'none'} in {folder} for {some([case.id for case in cases])}; write them with "
            "`septum predict --probabilities`"
        )
    maps = [CaseMaps(case, dict(sorted(found[pairs[case.id]].items(), key=str))) for case in cases if case.id in pairs]
    missing = [case.id for case in cases if case.id not in pairs]
    notes = [f"{len(missing)} of {len(cases)} cases have no probability map: {some(missing)}."] if missing else []
    return maps, notes


def scored_value(value: int | None, coding: Coding) -> int:
    """The scored value (or the background) that a map of class `value` speaks of.

    Raises:
        DatasetError: a file that names no class, where several labels are scored.
    """
    if value is None:
        if len(coding.labels) != 1:
            raise DatasetError(
                "probability maps must name their class (NAME_probability_VALUE), got names without one for the "
                f"labels {some(list(coding.labels.values()))}; rename them"
            )
        return next(iter(coding.labels))
    return int(coding.prediction(np.array([value]))[0])


def values_of(maps: CaseMaps, coding: Coding) -> tuple[int, ...]:
    """The scored values (perhaps with the background's) that the maps of a case speak of, in order.

    A map of the background also speaks of the label where a single one is scored: what is left is the label's.

    Raises:
        DatasetError: a file that names no class where several labels are scored, or no map of a scored label.
    """
    found = {scored_value(value, coding) for value in maps.files}
    if found == {coding.background} and len(coding.labels) == 1:
        found |= set(coding.labels)
    if not found & set(coding.labels):
        raise DatasetError(
            f"the maps of {maps.case.id} must speak of a scored label ({some([str(v) for v in coding.labels])}), got "
            f"{some([path.name for path in maps.files.values()])}; rename them NAME_probability_VALUE"
        )
    return tuple(sorted(found & {coding.background, *coding.labels}))


def open_reference(case: Case, coding: Coding) -> tuple[NDArray[np.int64], Grid]:
    """The reference of a case in scored values, `IGNORED` where nothing is scored, and its grid."""
    labels = load_labels(case)
    hidden = ignored_samples(labels.array, coding.ignore)
    reference = coding.reference(labels.array).astype(np.int64)
    if hidden is not None:
        reference[hidden] = IGNORED
    return reference, labels.grid


def read_probability(maps: CaseMaps, coding: Coding, *, value: int, grid: Grid) -> NDArray[np.float32]:
    """The probability in [0, 1] of a scored value; of several classes that are scored as one, their sum.

    Args:
        maps: of a case.
        coding: what the values mean.
        value: one of `values_of(maps, coding)`.
        grid: of the reference.

    Raises:
        GeometryError: a map on another grid than the reference.
        FormatError: a file with several channels, with values outside [0, 1], or that cannot be read.
    """
    files = [path for own, path in maps.files.items() if scored_value(own, coding) == value]
    if not files:  # the one label, of which only the background's map tells
        return np.asarray(1 - read_probability(maps, coding, value=coding.background, grid=grid), dtype=np.float32)
    total = np.zeros(grid.shape, dtype=np.float32)
    for path in files:
        total += _read(maps.case, path, grid=grid)
    return np.asarray(np.minimum(total, 1.0), dtype=np.float32)


def _read(case: Case, path: Path, *, grid: Grid) -> NDArray[np.float32]:
    """A map as fractions: whole numbers are taken as parts of the largest of their type."""
    image = io.read_image(path)
    if image.array.shape[0] != 1:
        raise FormatError(f"{path} must hold one probability per sample, got {image.array.shape[0]} channels")
    if difference := grid_difference(grid, image.grid):
        raise GeometryError(
            f"cannot compare: reference and probability map of {case.id} lie on different grids ({difference}); "
            f"predict again, or resample {path.name}"
        )
    return _fractions(image.array[0], path)


def _fractions(values: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if values.dtype == bool or values.dtype.kind in "iu":
        largest = 1 if values.dtype == bool else np.iinfo(values.dtype).max
        return np.asarray(values / np.float32(largest), dtype=np.float32)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise FormatError(
            f"{path} must hold probabilities from 0 to 1, got {low:g} to {high:g}; apply a softmax or sigmoid first"
        )
    return np.asarray(np.clip(values, 0.0, 1.0), dtype=np.float32)
