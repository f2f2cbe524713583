"""The doubtful objects of a predicted mask: where each lies, and why a person should look at it.

The insight: a table of objects tells of the mask that a model made. An object that a person has changed since is
settled and no longer doubted, so what is doubted follows from the table and from what is drawn now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import DatasetError
from septum.instances.outlines import outlines
from septum.workflows.projects.project import Project
from septum.workflows.runs.tables import read_rows

MOST_DOUBTS = 500
"""Doubtful objects of an image that are shown, the worst ones."""


@dataclass(frozen=True)
class DoubtfulObject:
    """An object to look at.

    Args:
        id: in the mask.
        likely_right: probability of being right; None where nothing is known.
        why: to look at it, in words.
        start, stop: its box in voxels, `stop` excluded.
        outline: of its largest piece in a plane, (row, column) of corners of pixels; empty in a volume.
    """

    id: int
    likely_right: float | None
    why: str
    start: tuple[int, ...]
    stop: tuple[int, ...]
    outline: tuple[tuple[float, float], ...] = ()


def doubtful_objects(
    project: Project, case_id: str, *, model: str, labels: NDArray[Any], drawn: NDArray[Any] | None = None
) -> list[DoubtfulObject]:
    """Objects of a predicted mask that a person should look at, those that are likely wrong first.

    Args:
        project: whose model it is.
        case_id: of the image.
        model: that made the mask.
        labels: `(Y, X)` or `(Z, Y, X)` ids of that mask.
        drawn: what the case's labels are now, of the same shape; None where nobody took the mask over. Objects that do
            not stand in it as they were predicted are left out.
    """
    doubts = _doubts(project, case_id, model=model)
    boxes = ndimage.find_objects(labels) if doubts else []
    whole = None if drawn is None else dict(zip(*np.unique(drawn, return_counts=True), strict=True))
    found = []
    for one, likely, why in doubts:
        box = boxes[one - 1] if 0 < one <= len(boxes) else None
        if box is None:
            continue
        mask = labels[box] == one
        if drawn is None or _stands(mask, drawn[box], whole=whole or {}):
            start, stop = tuple(side.start for side in box), tuple(side.stop for side in box)
            found.append(DoubtfulObject(one, likely, why, start, stop, _outline(mask, start)))
        if len(found) == MOST_DOUBTS:
            break
    return found


def _doubts(project: Project, case_id: str, *, model: str) -> list[tuple[int, float | None, str]]:
    """(id, probability of being right, reason) of the table of the mask's objects; none where there is no table."""
    try:
        rows = read_rows(project.predictions / model / "objects" / f"{case_id}.csv").rows
        told = [(int(cells["id"]), _known(cells["likely_right"]), cells["doubt"]) for _, cells in rows]
    except (DatasetError, KeyError, ValueError):
        return []
    return sorted((one for one in told if one[2]), key=lambda one: (1.0 if one[1] is None else one[1], one[0]))


def _known(cell: str) -> float | None:
    value = float(cell) if cell else math.nan
    return value if math.isfinite(value) else None


def _stands(mask: NDArray[np.bool_], drawn: NDArray[Any], *, whole: dict[Any, int]) -> bool:
    """Whether what is drawn has an object of exactly these voxels."""
    values = np.unique(drawn[mask])
    return len(values) == 1 and values[0] != 0 and whole.get(values[0]) == int(mask.sum())


def _outline(mask: NDArray[np.bool_], start: Sequence[int]) -> tuple[tuple[float, float], ...]:
    if mask.ndim != 2:
        return ()
    (ring, *_) = outlines(mask.astype(np.uint8))[1]
    return tuple((float(y) + start[0] + 0.5, float(x) + start[1] + 0.5) for y, x in ring)
