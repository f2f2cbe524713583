"""Classical methods compared on annotated images, each scored on images that its parameters were not chosen on.

The insight: a candidate needs to run once on each image; what it found is then a small table of label against class
(`metrics.joint_table`), and every choice made later (which parameters on which images, which label is which class) is
arithmetic on tables. So cross-validation costs nothing, and is done for every method.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import math
import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import Cancelled, SeptumError
from septum.metrics import joint_table
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import Fold, block_slices
from septum.workflows.pipelines.candidates import Candidate
from septum.workflows.pipelines.pipeline import advance, as_labels

Table = NDArray[np.int64]


Block = tuple[int, int, int]


_POOL_PAYS = 8.0  # seconds of work from which on starting processes is worth it


_MOST_MAPPINGS = 2000


@dataclass(frozen=True)
class Unit:
    """What is scored by itself: a case, or a block of the only one."""

    case: Case
    block: Block | None = None


@dataclass(frozen=True)
class Measured:
    """One candidate on one unit: voxels `(labels, classes)`, seconds, and why it failed (then all are label 0)."""

    table: Table
    seconds: float
    failure: str = ""


Results = Mapping[str, Sequence[Measured]]
"""What each candidate found on every unit, by `key_of`."""


def units_of(cases: Sequence[Case], folds: Sequence[Fold]) -> tuple[Unit, ...]:
    """The units that the folds train and validate on."""
    if folds[0].block is not None:
        return tuple(Unit(cases[0], fold.block) for fold in folds)
    used = {name for fold in folds for name in (*fold.train, *fold.val)}
    return tuple(Unit(case) for case in cases if case.id in used)


def members(fold: Fold, units: Sequence[Unit]) -> tuple[list[int], list[int]]:
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
    candidates: Sequence[Candidate],
    units: Sequence[Unit],
    classes: ClassMap,
    *,
    jobs: int,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> dict[str, list[Measured]] | None:
    """Every candidate on every unit; None when the user asked to stop.

    The first image runs here and is timed; the others are shared among `jobs` processes where that pays.
    """
    unique = {key_of(candidate): candidate for candidate in candidates}
    chosen = [unique[key] for key in sorted(unique)]  # so that candidates with the same first steps are neighbours
    by_case = [(case, [u for u in units if u.case == case]) for case in dict.fromkeys(unit.case for unit in units)]
    found: dict[Unit, list[Measured]] = {}
    try:
        for done, finished in enumerate(_work(by_case, chosen, classes, jobs, on_progress, should_stop), start=1):
            found.update(finished)
            on_progress(done / len(by_case))
    except Cancelled:
        return None
    return {key: [found[unit][i] for unit in units] for i, key in enumerate(sorted(unique))}


def _work(
    by_case: Sequence[tuple[Case, list[Unit]]],
    candidates: Sequence[Candidate],
    classes: ClassMap,
    jobs: int,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> Iterator[dict[Unit, list[Measured]]]:
    """What was found on each image as it is done; `Cancelled` when the user asked to stop."""
    began = time.perf_counter()
    for number, (_, units) in enumerate(by_case):
        left = len(by_case) - number
        if number == 1 and jobs > 1 and (time.perf_counter() - began) * left >= _POOL_PAYS:
            yield from _share([units for _, units in by_case[1:]], candidates, classes, min(jobs, left), should_stop)
            return

        def tell(share: float, number: int = number) -> None:
            on_progress((number + share) / len(by_case))

        yield _run_case(units, candidates, classes, tell, should_stop)


def _share(
    cases: Sequence[list[Unit]],
    candidates: Sequence[Candidate],
    classes: ClassMap,
    workers: int,
    should_stop: Callable[[], bool],
) -> Iterator[dict[Unit, list[Measured]]]:
    """`_run_case` on every case in several processes, which a shared flag tells to stop."""
    context = multiprocessing.get_context("spawn")
    flag = context.Event()
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_prepare_worker, initargs=(flag,)
    )
    try:
        waiting = {pool.submit(_run_in_worker, units, candidates, classes) for units in cases}
        while waiting:
            done, waiting = concurrent.futures.wait(waiting, timeout=0.5, return_when="FIRST_COMPLETED")
            if should_stop():
                raise Cancelled
            for future in done:
                yield future.result()
    finally:
        flag.set()
        pool.shutdown(cancel_futures=True)


_asked: list[Event] = []  # in a worker: the flag by which its parent asks it to stop


def _prepare_worker(flag: Event) -> None:
    """A worker leaves Ctrl-C to its parent and uses one thread: there is one worker per processor."""
    import SimpleITK

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    _asked[:] = [flag]


def _run_in_worker(
    units: Sequence[Unit], candidates: Sequence[Candidate], classes: ClassMap
) -> dict[Unit, list[Measured]]:
    return _run_case(units, candidates, classes, lambda share: None, _asked[0].is_set)


def _run_case(
    units: Sequence[Unit],
    candidates: Sequence[Candidate],
    classes: ClassMap,
    tell: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> dict[Unit, list[Measured]]:
    """All candidates on one image; first steps that candidates share run once."""
    image, labels = load_pair(units[0].case)
    reference = classes.to_classes(labels.array)
    given = {"spacing": image.grid.spacing, "names": image.channels}
    found: dict[Unit, list[Measured]] = {unit: [] for unit in units}
    path: list[_Done] = []
    for number, candidate in enumerate(candidates):
        if should_stop():
            raise Cancelled
        failure = _follow(candidate, path, image.array, given)
        prediction = np.zeros(reference.shape, np.uint8) if failure else as_labels(path[-1].labels)
        seconds = sum(done.seconds for done in path)
        for unit in units:
            found[unit].append(Measured(_count(reference, prediction, unit.block, classes), seconds, failure))
        tell((number + 1) / len(candidates))
    return found


@dataclass(frozen=True, eq=False)
class _Done:
    """A step that ran: its text, the image and labels after it, its seconds."""

    key: str
    image: NDArray[Any]
    labels: NDArray[Any] | None
    seconds: float


def _follow(candidate: Candidate, path: list[_Done], image: NDArray[Any], given: Mapping[str, Any]) -> str:
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
                after = advance(step, *before, given)
        except SeptumError as error:
            return str(error)
        path.append(_Done(key, *after, time.perf_counter() - began))
    return ""


def _count(reference: NDArray[Any], prediction: NDArray[Any], block: Block | None, classes: ClassMap) -> Table:
    """Voxels of each label (rows) in each class (columns); ignored ones are left out."""
    inside = (slice(None),) * reference.ndim if block is None else block_slices(block, reference.shape)
    pairs = joint_table(reference[inside], prediction[inside]).without(classes.ignore_class)
    table = np.zeros((int(prediction.max()) + 1, classes.n_classes), np.int64)
    table[pairs.prediction, pairs.reference] = pairs.voxels
    return table


def dice_of(table: Table, mapping: Sequence[int] | None) -> NDArray[np.float64]:
    """Dice of each class but the background when label `i` means class `mapping[i]` (None: class `i`); nan where both
    masks are empty. A label beyond the mapping is background."""
    n_classes = table.shape[1]
    lookup = range(n_classes) if mapping is None else mapping
    mapped = np.zeros((n_classes, n_classes), np.int64)
    for label, row in enumerate(table):
        mapped[lookup[label] if label < len(lookup) else 0] += row
    both = mapped.sum(axis=0) + mapped.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((2 * np.diag(mapped) / both)[1:])


def mean_of(tables: Sequence[Table], mapping: Sequence[int] | None) -> float:
    """Mean over units of the mean Dice over classes; nan where nothing is defined."""
    means = [_mean(dice_of(table, mapping)) for table in tables]
    return _mean(np.asarray(means))


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def best_mapping(tables: Sequence[Table]) -> tuple[int, ...]:
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


def _by_share(total: Table) -> list[tuple[int, ...]]:
    """Mappings in which the labels of the largest share of class 1 are class 1: one of them, two, …, all."""
    order = np.argsort(-(total[:, 1] / np.maximum(total.sum(axis=1), 1)), kind="stable")
    rank = np.argsort(order)
    return [tuple(int(r < count) for r in rank) for count in range(1, len(total) + 1)]
