"""Layers of labels of an open case: what is drawn, the reference, versions, and the masks of models.

The insight: a person who turns the wheel over a prediction asks for the same file sixty times. The last few layers are
kept; the time of a model's file is part of the key, so that a mask which is predicted anew is seen.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid
from septum.metrics.overlap import dice, joint_table
from septum.workflows.data.cases import load_labels
from septum.workflows.projects.annotations import read_annotation
from septum.workflows.projects.masks import prediction_file, prediction_of
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError

MOST = 4
MOST_LABELS = 1000
"""Labels whose Dice are averaged; single objects are more, and their numbers do not fit each other anyway."""

Labels = NDArray[Any]


class CaseLayers:
    """The layers of one case besides the current one; may be asked from several threads."""

    def __init__(self, project: Project, case_id: str, *, grid: Grid) -> None:
        self._project, self._id, self._grid = project, case_id, grid
        self._kept: OrderedDict[tuple[str, int], Labels] = OrderedDict()
        self._lock = threading.Lock()

    def labels(self, name: str) -> Labels:
        """The labels of `reference`, `version:3` or `prediction:model-1`, not to be changed.

        Raises:
            MissingError: there is no such layer.
            FormatError: its file cannot be used.
        """
        key = (name, self._written(name))
        with self._lock:
            held = self._kept.pop(key, None)
            if held is None:
                held = self._read(name)
            self._kept[key] = held
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return held

    def _read(self, name: str) -> Labels:
        kind, _, which = name.partition(":")
        case = self._project.case(self._id)
        if name == "reference" and case.label is not None:
            found = load_labels(case).array
            return np.where(found < 0, 0, found).reshape(self._grid.shape)
        if kind == "version" and which.isascii() and which.isdigit() and len(which) < 9:
            return read_annotation(self._project, self._id, grid=self._grid, version=int(which)).labels
        if kind == "prediction":
            return prediction_of(self._project, self._id, model=which, grid=self._grid)
        raise MissingError(f"layer must be one of the case, got {name[:80]!r}")

    def _written(self, name: str) -> int:
        """When the file of a model's mask was written; a version and the reference never change."""
        kind, _, model = name.partition(":")
        path = prediction_file(self._project, self._id, model=model) if kind == "prediction" else None
        return 0 if path is None else path.stat().st_mtime_ns


def difference(base: Labels, other: Labels) -> dict[str, Any]:
    """How a layer differs from the one it is compared with.

    Returns:
        `missed` voxels that only the base labels, `extra` ones that only the other labels, `swapped` ones with two
        different labels, the mean `dice` of the labels that occur (None where there are none), and `worst`, the slice
        of each axis with most differences (None where there is none).

    >>> found = difference(np.array([[1, 1, 0]]), np.array([[1, 0, 2]]))
    >>> found["missed"], found["extra"], found["swapped"], round(found["dice"], 3)
    (1, 1, 0, 0.333)
    """
    table = joint_table(base, other)
    apart = table.reference != table.prediction
    missed, extra = (int(table.voxels[apart & (side == 0)].sum()) for side in (table.prediction, table.reference))
    total = int(table.voxels[apart].sum())
    labels = np.union1d(table.reference, table.prediction)
    found = [dice(table.counts(int(label))) for label in labels[labels != 0][:MOST_LABELS]]
    differs = base != other
    return {
        "missed": missed, "extra": extra, "swapped": total - missed - extra,
        "dice": float(np.mean(found)) if found else None,
        "worst": [_worst(differs, axis) if total else None for axis in range(base.ndim)],
    }  # fmt: skip


def _worst(differs: NDArray[np.bool_], axis: int) -> int:
    return int(np.count_nonzero(differs, axis=tuple(a for a in range(differs.ndim) if a != axis)).argmax())
