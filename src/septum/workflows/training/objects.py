"""Thresholds of the decoding, tuned on held-out images, and what they are worth on images they were not tuned on.

The insight: thresholds are chosen by the same score that is reported, so each held-out image is scored with thresholds
that were chosen on the *other* ones; the ones that are kept are chosen on all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import LabelMap
from septum.instances.decode import DecodedObjects, Decoding, ObjectMaps, basins_of, objects_of
from septum.instances.join import BasinGraph
from septum.metrics.instances import average_precision, instance_overlap
from septum.workflows.data.cases import Dataset, load_pair
from septum.workflows.data.folds import Fold, block_slices
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import object_ids
from septum.workflows.prediction.engine import open_segmenter
from septum.workflows.prediction.objects import object_maps
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.counts import HeldObjects, compare_objects
from septum.workflows.training.folds import SAME_OBJECT, FoldJob

MOST_CASES = 12
"""Held-out images that thresholds are tuned on, spread evenly."""

CHOICES: dict[str, tuple[float, ...]] = {
    "foreground": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "marker": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    "share": (0.5, 0.6, 0.7, 0.8, 0.9),
}

ROUNDS = 2

SMALL = 0.25
"""Objects smaller than this share of the smallest in twenty of the training are left out."""


@dataclass(frozen=True)
class Tuned:
    """The decoding to keep, and of each held-out image with one tuned on the others `(case, AP at IoU 0.5)` and, where
    there are others, its objects."""

    decoding: Decoding
    held_out: tuple[tuple[str, float], ...]
    objects: tuple[HeldObjects, ...] = ()

    @property
    def mean(self) -> float:
        """Mean AP at IoU 0.5; nan without held-out images."""
        values = [value for _, value in self.held_out if np.isfinite(value)]
        return float(np.mean(values)) if values else float("nan")


@dataclass(frozen=True, eq=False)
class _Case:
    """A held-out image: what the network says, the ids of its objects (-1: not to be scored), and which network."""

    name: str
    maps: ObjectMaps
    ids: NDArray[np.int32]
    spacing: tuple[float, ...]
    judge: int


class _Scores:
    """Average precision of each held-out image by decoding, `(cases, thresholds)`; what was tried once is kept."""

    def __init__(self, cases: Sequence[_Case]) -> None:
        self.cases = cases
        self.known: dict[Decoding, NDArray[np.float64]] = {}
        self.basins: dict[tuple[int, float], BasinGraph] = {}

    def of(self, decoding: Decoding) -> NDArray[np.float64]:
        if decoding not in self.known:
            self.known[decoding] = np.array([self._one(i, decoding) for i in range(len(self.cases))])
        return self.known[decoding]

    def _one(self, index: int, decoding: Decoding) -> NDArray[np.float64]:
        found = self._decoded(index, decoding)
        overlap = instance_overlap(self.cases[index].ids, found.labels.astype(np.int64), ignore=-1)
        return average_precision(overlap, thresholds=SAME_OBJECT)

    def _decoded(self, index: int, decoding: Decoding) -> DecodedObjects:
        case, key = self.cases[index], (index, decoding.foreground)
        if key not in self.basins:
            self.basins[key] = basins_of(case.maps, decoding)
        return objects_of(self.basins[key], case.maps, decoding=decoding, spacing=case.spacing)

    def objects(self, index: int, decoding: Decoding) -> HeldObjects:
        """Which objects of a held-out image are right."""
        case, found = self.cases[index], self._decoded(index, decoding)
        sure = found.confidence.round(4)
        told: dict[str, Any] = {"spacing": case.spacing, "case": case.name, "judge": case.judge}
        return compare_objects(case.ids, found.labels, confidence=sure, **told)

    def best(self, start: Decoding, rows: Sequence[int]) -> Decoding:
        """Coordinate by coordinate, the decoding with the best mean over these cases; of equals the first."""
        chosen = start
        for _ in range(ROUNDS):
            for name, values in CHOICES.items():
                tried = [chosen, *(_with(chosen, name, value=value) for value in values)]
                chosen = max(tried, key=lambda one: _mean(self.of(one)[list(rows)]))
        return chosen


def _with(decoding: Decoding, name: str, *, value: float) -> Decoding:
    changed: dict[str, Any] = {name: value}
    return replace(decoding, **changed)


def tune_decoding(
    folder: ModelFolder, data: Dataset, *, jobs: Sequence[FoldJob], on_progress: Callable[[str, float], None]
) -> Tuned:
    """Tune the decoding of a trained model on its held-out images, each predicted by networks that did not see it."""
    plan = folder.read_plan()
    start = plan.instances or Decoding()
    cases = _held_out(folder, data, plan=plan, jobs=jobs, on_progress=on_progress)
    start = replace(start, smallest=_smallest([case for case in cases if case.ids.max(initial=0) > 0]))
    if not cases:
        return Tuned(start, ())
    scores = _Scores(cases)
    everyone = list(range(len(cases)))
    rows, objects = [], []
    for index, case in enumerate(cases):
        others = [i for i in everyone if i != index]
        chosen = scores.best(start, others) if others else start
        rows.append((case.name, float(scores.of(chosen)[index][0])))
        if others:
            objects.append(scores.objects(index, chosen))
        on_progress("tuning the decoding", (index + 1) / len(cases))
    return Tuned(scores.best(start, everyone), tuple(rows), tuple(objects))


def _held_out(
    folder: ModelFolder,
    data: Dataset,
    *,
    plan: Plan,
    jobs: Sequence[FoldJob],
    on_progress: Callable[[str, float], None],
) -> list[_Case]:
    trained = set(folder.trained_folds())
    found: list[_Case] = []
    folds = list(dict.fromkeys(job.fold for job in jobs if job.fold.val))
    for fold in folds:
        members = [job.index for job in jobs if job.fold == fold and job.index in trained]
        if not members:
            continue
        model = open_segmenter(folder, PredictSettings(folds=",".join(map(str, members)), precision=plan.precision))
        most = max(1, MOST_CASES // len(folds))
        for name in fold.val[:: max(1, -(-len(fold.val) // most))]:
            image, reference = load_pair(data.case(name))
            maps, _, placement = object_maps(image, model)
            ids = placement.reorient(reference_ids(plan, reference, fold=fold))
            spacing = tuple(image.grid.spacing[axis] for axis in placement.axes)
            found.append(_Case(name, maps, np.ascontiguousarray(ids), spacing, members[0]))
            on_progress(f"looking at {name}", len(found) / MOST_CASES)
    return found


def reference_ids(plan: Plan, reference: LabelMap, *, fold: Fold) -> NDArray[np.int32]:
    """Ids of the annotated objects on their own grid, -1 where nothing is to be scored."""
    ids = object_ids(plan.classes.to_classes(reference.array), reference.array, class_map=plan.classes)
    if fold.block is not None:
        outside = np.full_like(ids, -1)
        block = block_slices(fold.block, ids.shape)
        outside[block] = ids[block]
        return outside
    return ids


def _smallest(cases: Sequence[_Case]) -> float:
    """A quarter of the 5th percentile of the sizes of the annotated objects, in mm³ (mm²)."""
    sizes = [np.bincount(case.ids[case.ids > 0])[1:].astype(float) * float(np.prod(case.spacing)) for case in cases]
    found = np.concatenate([one[one > 0] for one in sizes]) if sizes else np.zeros(0)
    return float(f"{SMALL * np.percentile(found, 5):.4g}") if found.size else 0.0


def _mean(scores: NDArray[np.float64]) -> float:
    """Mean over images and thresholds; images without any object on either side have no score."""
    defined = scores[np.isfinite(scores)]
    return float(defined.mean()) if defined.size else -1.0
