"""Which case a person should look at next, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from septum.workflows.projects.store import CaseRecord

LOOK = 0.9
"""Estimated Dice above which the queue says that accepting is likely."""


@dataclass(frozen=True)
class Queued:
    """A case that waits for a person: its place, from 1, and why it stands there."""

    case: str
    rank: int
    reason: str


def queue_of(records: Sequence[CaseRecord]) -> list[Queued]:
    """Cases that wait for a person, the one that would help most first.

    With predictions: in the order of `worklist.urgency`, as in every list of masks. Without: cases spread over the data
    set, because neighbours are often alike, each as far as possible from those annotated and those before it.
    """
    waiting = [one for one in records if one.status in ("new", "predicted")]
    graded = sorted((one for one in waiting if _graded(one)), key=_worst_first)
    rest = _spread([one for one in waiting if not _graded(one)], records)
    ordered = [(one, _reason(one)) for one in graded] + [(one, _far) for one in rest]
    ordered.sort(key=lambda pair: pair[0].skipped)
    return [Queued(one.id, rank, reason) for rank, (one, reason) in enumerate(ordered, start=1)]


_far = "far from the cases that are annotated already"


def _graded(record: CaseRecord) -> bool:
    return record.urgency is not None or record.predicted_dice is not None or record.counted != ""


def _worst_first(record: CaseRecord) -> tuple[float, int]:
    place = record.urgency
    if place is None:  # of a project of an earlier version
        place = place_of((2, record.predicted_dice or 0.0))
    return (place, record.position)


def place_of(urgency: tuple[int, float]) -> float:
    """The order of `worklist.urgency`, whose second number lies between -1 and 1, as one number."""
    return 3.0 * urgency[0] + urgency[1]


def _reason(record: CaseRecord) -> str:
    dice = record.predicted_dice
    if record.counted:  # of single objects, the count is what a person decides by
        return f"{record.counted}{f' ({record.reason})' if record.reason else ''}"
    if dice is None:
        return f"no figure: {record.reason or 'nothing was held out to judge the model by'}"
    words = "likely good: accept it with one key" if dice >= LOOK else "a correction would help"
    detail = f" ({record.reason})" if record.reason else ""
    return f"expected Dice {dice:.2f}: {words}{detail}"


def _spread(waiting: Sequence[CaseRecord], records: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Farthest first by position in the data set."""
    if not waiting:
        return []
    positions = np.array([one.position for one in waiting], dtype=np.float64)
    done = [one.position for one in records if one.status in ("drawn", "corrected", "reviewed")]
    distance = np.full(len(waiting), np.inf)
    for place in done:
        distance = np.minimum(distance, np.abs(positions - place))
    order = []
    for _ in waiting:
        best = int(np.argmax(distance))
        order.append(waiting[best])
        distance = np.minimum(distance, np.abs(positions - positions[best]))
        distance[[i for i, one in enumerate(waiting) if one in order]] = -1
    return order
