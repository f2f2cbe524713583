"""Classical methods compared on annotated images, each scored on images that its parameters were not chosen on.

The insight: a candidate needs to run once on each image; what it found is then a small table of label against class
(`metrics.joint_table`), and every choice made later (which parameters on which images, which label is which class) is
arithmetic on tables. So cross-validation costs nothing, and is done for every method.
"""

from __future__ import annotations

import itertools
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import Cancelled, SeptumError
from septum.metrics import joint_table
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import Fold, HeldOutBlock, block_slices
from septum.workflows.pipelines.candidates import Candidate
from septum.workflows.pipelines.pipeline import advance, compact_labels
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool

ContingencyTable = NDArray[np.int64]


_MOST_MAPPINGS = 2000


@dataclass(frozen=True)
class ScoredUnit:
    """What is scored by itself: a case, or a block of the only one."""

    case: Case
    block: HeldOutBlock | None = None


@dataclass(frozen=True)
class Trial:
    """One candidate on one unit: voxels `(labels, classes)`, seconds, and why it failed (then all are label 0)."""

    table: ContingencyTable
    seconds: float
    failure: str = ""


def units_of(cases: Sequence[Case], folds: Sequence[Fold]) -> tuple[ScoredUnit, ...]:
    """The units that the folds train and validate on."""
    if folds[0].block is not None:
        return tuple(ScoredUnit(cases[0], fold.block) for fold in folds)
    used = {name for fold in folds for name in (*fold.train, *fold.val)}
    return tuple(ScoredUnit(case) for case in cases if case.id in used)


def members(fold: Fold, units: Sequence[ScoredUnit]) -> tuple[list[int], list[int]]:
    """Places of the units that a fold trains and validates on."""
    if fold.block is not None:
        val = [i for i, unit in enumerate(units) if unit.block == fold.block]
        return [i for i in range(len(units)) if i not in val], val
    place = {unit.case.id: i for i, unit in enumerate(units)}
    return [place[name] for name in fold.train if name in place], [place[name] for name in fold.val if name in place]


def key_of(candidate: Candidate) -> str:
    """Text that two candidates share when they are the same steps."""
    return json.dumps([step.to_plain() for step in candidate.steps])


def run_candidates(
    candidates: Sequence[Candidate], units: Sequence[ScoredUnit], *, classes: ClassMap, workers: str, hooks: Hooks
) -> dict[str, list[Trial]] | None:
    """Every candidate on every unit; None when the user asked to stop. `workers` as `CasePool` takes them."""
    unique = {key_of(candidate): candidate for candidate in candidates}
    chosen = [unique[key] for key in sorted(unique)]  # so that candidates with the same first steps are neighbours
    by_case = [[u for u in units if u.case == case] for case in dict.fromkeys(unit.case for unit in units)]
    run = partial(_run_case, candidates=chosen, classes=classes)
    try:
        with CasePool(workers) as pool:
            finished = pool.map(
                partial(_in_worker, run),
                by_case,
                inline=partial(run, should_stop=hooks.should_stop),
                name_of=lambda own: own[0].case.id,
                hooks=hooks,
            )
    except Cancelled:
        return None
    found = {unit: measured for own in finished for unit, measured in own.items()}
    return {key: [found[unit][i] for unit in units] for i, key in enumerate(sorted(unique))}


def _in_worker(
    run: Callable[..., dict[ScoredUnit, list[Trial]]], units: Sequence[ScoredUnit]
) -> dict[ScoredUnit, list[Trial]]:
    """A worker uses one thread: there is one worker per processor."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return run(units, lambda share: None)


def _run_case(
    units: Sequence[ScoredUnit],
    tell: Callable[[float], None],
    *,
    candidates: Sequence[Candidate],
    classes: ClassMap,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[ScoredUnit, list[Trial]]:
    """All candidates on one image; first steps that candidates share run once."""
    image, labels = load_pair(units[0].case)
    reference = classes.to_classes(labels.array)
    given = {"spacing": image.grid.spacing, "names": image.channels}
    found: dict[ScoredUnit, list[Trial]] = {unit: [] for unit in units}
    path: list[_Done] = []
    for number, candidate in enumerate(candidates):
        if should_stop():
            raise Cancelled
        failure = _follow(candidate, path, image=image.array, given=given)
        prediction = np.zeros(reference.shape, np.uint8) if failure else compact_labels(path[-1].labels)
        seconds = sum(done.seconds for done in path)
        for unit in units:
            found[unit].append(
                Trial(_count(reference, prediction, block=unit.block, classes=classes), seconds, failure)
            )
        tell((number + 1) / len(candidates))
    return found


@dataclass(frozen=True, eq=False)
class _Done:
    """A step that ran: its text, the image and labels after it, its seconds."""

    key: str
    image: NDArray[Any]
    labels: NDArray[Any] | None
    seconds: float


def _follow(candidate: Candidate, path: list[_Done], *, image: NDArray[Any], given: Mapping[str, Any]) -> str:
    """Make `path` that of a candidate, keeping the first steps that both share; returns why it failed, or nothing."""
    keys = [json.dumps(step.to_plain()) for step in candidate.steps]
    shared = 0
    while shared < min(len(keys), len(path)) and keys[shared] == path[shared].key:
        shared += 1
    del path[shared:]
    for key, step in zip(keys[shared:], candidate.steps[shared:], strict=True):
        before: tuple[NDArray[Any], NDArray[Any] | None] = (path[-1].image, path[-1].labels) if path else (image, None)
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                after = advance(step, before[0], labels=before[1], given=given)
        except SeptumError as error:
            return str(error)
        path.append(_Done(key, *after, time.perf_counter() - began))
    return ""


def _count(
    reference: NDArray[Any], prediction: NDArray[Any], *, block: HeldOutBlock | None, classes: ClassMap
) -> ContingencyTable:
    """Voxels of each label (rows) in each class (columns); ignored ones are left out."""
    inside = (slice(None),) * reference.ndim if block is None else block_slices(block, reference.shape)
    pairs = joint_table(reference[inside], prediction[inside]).without(classes.ignore_class)
    table = np.zeros((int(prediction.max()) + 1, classes.n_classes), np.int64)
    table[pairs.prediction, pairs.reference] = pairs.voxels
    return table


def dice_of(
    table: ContingencyTable, mapping: Sequence[int] | None, *, regions: Sequence[Sequence[int]] = ()
) -> NDArray[np.float64]:
    """Dice of each class but the background when label `i` means class `mapping[i]` (None: class `i`); nan where both
    masks are empty. A label beyond the mapping is background. With `regions` (the classes of each) the Dice of these
    instead."""
    n_classes = table.shape[1]
    lookup = range(n_classes) if mapping is None else mapping
    mapped = np.zeros((n_classes, n_classes), np.int64)
    for label, row in enumerate(table):
        mapped[lookup[label] if label < len(lookup) else 0] += row
    own = np.zeros((len(regions) or n_classes - 1, n_classes), np.int64)
    for place, members in enumerate(regions or [[k] for k in range(1, n_classes)]):
        own[place, list(members)] = 1
    both = own @ (mapped.sum(axis=0) + mapped.sum(axis=1))
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * np.einsum("ri,ij,rj->r", own, mapped, own) / both)


def mean_of(tables: Sequence[ContingencyTable], mapping: Sequence[int] | None) -> float:
    """Mean over units of the mean Dice over classes; nan where nothing is defined."""
    means = [_mean(dice_of(table, mapping)) for table in tables]
    return _mean(np.asarray(means))


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def best_mapping(tables: Sequence[ContingencyTable]) -> tuple[int, ...]:
    """What each label should mean for the largest mean Dice on these units.

    Every mapping is tried while they are few. Else each label takes the class that most of its voxels have; with one
    class beside the background, also the labels with the largest share of it, the first one, the first two, and so on:
    no other choice has a larger Dice over all voxels (Lipton et al. 2014, ECML PKDD, 225).
    """
    n_labels, n_classes = max(len(table) for table in tables), tables[0].shape[1]
    total = np.zeros((n_labels, n_classes), np.int64)
    for table in tables:
        total[: len(table)] += table
    usual = tuple(int(k) for k in total.argmax(axis=1))
    if n_classes**n_labels <= _MOST_MAPPINGS:
        tried = [usual, *itertools.product(range(n_classes), repeat=n_labels)]
    else:
        tried = [usual, *(_by_share(total) if n_classes == 2 else ())]
    scores = [mean_of(tables, mapping) for mapping in tried]
    return tried[int(np.argmax(np.nan_to_num(scores, nan=-1.0)))]


def _by_share(total: ContingencyTable) -> list[tuple[int, ...]]:
    """Mappings in which the labels of the largest share of class 1 are class 1: one of them, two, …, all."""
    order = np.argsort(-(total[:, 1] / np.maximum(total.sum(axis=1), 1)), kind="stable")
    rank = np.argsort(order)
    return [tuple(int(r < count) for r in rank) for count in range(1, len(total) + 1)]
