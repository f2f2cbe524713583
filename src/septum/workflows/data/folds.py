"""Which cases train and which measure.

One insight: what is divided is the *group* (patient, sequence, well), never the case, because two frames of one movie
are nearly one image. With few groups the answer degrades gracefully: leave one out, then parts of one group, then a
block of a single image, each with a note that says what the measurement is still worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, load_labels
from septum.workflows.runs.words import natural_key

MAX_FOLDS = 5


MIN_BLOCK = 8
"""A held-out block of a single image is at least this many samples thick."""


HeldOutBlock = tuple[int, int, int]
"""`(axis, start, stop)` of the samples of a single image that are held out."""


@dataclass(frozen=True)
class Fold:
    """One division into training and validation cases (ids).

    Args:
        train: ids of the cases to train on.
        val: ids of the cases held out.
        block: `(axis, start, stop)` held out of the only labelled image, which is then both in `train` and `val`;
            only that block validates and only the rest trains.
        note: what the user should know about this division, empty when there is nothing.
        unlearnt: names of classes that no training case holds.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    block: HeldOutBlock | None = None
    note: str = ""
    unlearnt: tuple[str, ...] = ()


CaseClasses = Mapping[str, Mapping[str, int]]
"""Samples of each class by its name, by case; background left out."""


def make_folds(
    cases: Sequence[Case], *, k: int | None = None, seed: int = 0, classes: CaseClasses | None = None
) -> tuple[Fold, ...]:
    """Divides the labelled cases into folds; deterministic for a seed, whatever the order of `cases`.

    Declared splits win: with `val` cases there is exactly one fold (cases without a split train); `test` cases are in
    no fold. Otherwise `k` (default: 5, at most the number of groups) folds with whole groups held out, sizes
    balanced. With `classes`, a group that alone holds some class always trains, and the others are divided so that
    every fold has its share of each class and of large and small objects. A case without a group is a group of its
    own. Cases of one single group are divided into runs of neighbours; one single case is divided into blocks along
    its longest axis.

    Raises:
        ConfigError: `k` below 2, or more than there are groups (or blocks) to hold out.
        DatasetError: nothing to train on.

    >>> from pathlib import Path
    >>> from septum.workflows.data.cases import Source
    >>> cases = [Case(name, (), Source(Path(f"{name}.png")), group=name[0]) for name in ("a1", "a2", "b1", "b2")]
    >>> [(fold.train, fold.val) for fold in make_folds(cases, k=2)]  # whole patients are held out
    [(('b1', 'b2'), ('a1', 'a2')), (('a1', 'a2'), ('b1', 'b2'))]
    """
    if k is not None and k < 2:
        raise ConfigError(f"the number of folds must be at least 2, got {k}; leave it out for the default")
    usable = sorted(
        (case for case in cases if case.label is not None and case.split != "test"), key=lambda c: natural_key(c.id)
    )
    if not usable:
        raise DatasetError(
            f"training needs at least one labelled case outside the test split, got none among {len(cases)} cases; "
            "put labels with the same names as the images into the folder labels"
        )
    if any(case.split == "val" for case in usable):
        return (_declared(usable),)
    if len(usable) == 1:
        return _blocks(usable[0], k)
    groups: dict[str, list[str]] = {}
    for case in usable:
        groups.setdefault(f"group {case.group}" if case.group is not None else f"case {case.id}", []).append(case.id)
    if len(groups) == 1:
        return _runs([case.id for case in usable], k)
    return _by_group(list(groups.values()), k, seed=seed, classes=classes or {})


def block_slices(block: HeldOutBlock, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Index of a held-out block `(axis, start, stop)`.

    >>> block_slices((1, 3, 8), (20, 30))
    (slice(None, None, None), slice(3, 8, None))
    """
    axis, start, stop = block
    return tuple(slice(start, stop) if a == axis else slice(None) for a in range(len(shape)))


def _declared(cases: Sequence[Case]) -> Fold:
    train = tuple(case.id for case in cases if case.split != "val")
    val = tuple(case.id for case in cases if case.split == "val")
    if not train:
        raise DatasetError(f"a data set with a declared split must have training cases, got only val: {list(val)[:5]}")
    shared = {c.group for c in cases if c.split != "val"} & {c.group for c in cases if c.split == "val"} - {None}
    note = (
        f"the declared split divides the group {sorted(map(str, shared))[0]}: the measurement leaks" if shared else ""
    )
    return Fold(train, val, note=note)


def _count(k: int | None, available: int, *, what: str) -> int:
    if k is not None and k > available:
        raise ConfigError(f"the number of folds must be at most the number of {what} ({available}), got {k}")
    return k if k is not None else min(MAX_FOLDS, available)


def _by_group(groups: list[list[str]], k: int | None, *, seed: int, classes: CaseClasses) -> tuple[Fold, ...]:
    """Whole groups into folds, rarest classes and largest groups first, each into the fold with least of its class."""
    held = [sum((Counter(classes.get(case, {})) for case in group), Counter()) for group in groups]
    owners = Counter(name for found in held for name in found)
    always = [i for i, found in enumerate(held) if any(owners[name] == 1 for name in found)]
    if len(always) == len(groups):
        always = []
    k = _count(k, len(groups) - len(always), what="groups" if not always else "groups that need not train")
    free = [int(i) for i in np.random.default_rng(seed).permutation(len(groups)) if i not in always]
    free.sort(key=lambda i: (min((owners[name] for name in held[i]), default=len(groups)), -len(groups[i])))
    parts: list[list[int]] = [[] for _ in range(k)]

    def fullness(part: list[int], group: int) -> tuple[int, int, int]:
        """Cases with the group's rarest class, cases, and labelled samples of a part so far."""
        rarest = min(held[group], key=lambda name: owners[name], default=None)
        own = [case for i in part for case in groups[i]]
        with_it = sum(rarest is None or rarest in classes.get(case, {}) for case in own)
        return with_it, len(own), sum(held[i].total() for i in part)

    for group in free:
        min(parts, key=lambda part: fullness(part, group)).append(group)
    trained = [case for i in always for case in groups[i]]
    return _folds(
        [[case for i in part for case in groups[i]] for part in parts],
        _pinned(always, held, owners=owners),
        always=trained,
    )


def _pinned(always: Sequence[int], held: Sequence[Mapping[str, int]], *, owners: Mapping[str, int]) -> str:
    names = sorted({name for i in always for name in held[i] if owners[name] == 1}, key=natural_key)
    if not names:
        return ""
    return f"{', '.join(names)}: annotated in one case only, which always trains; how well it is found is not measured"


def _runs(ids: list[str], k: int | None) -> tuple[Fold, ...]:
    """Runs of neighbouring cases of one single group."""
    k = _count(k, len(ids), what="labelled cases")
    parts = [part.tolist() for part in np.array_split(np.arange(len(ids)), k)]
    note = (
        "all labelled cases are of one group: neighbours of training cases validate, so the measurement is optimistic"
    )
    return _folds([[ids[i] for i in part] for part in parts], note)


def _folds(held_out: list[list[str]], note: str = "", *, always: Sequence[str] = ()) -> tuple[Fold, ...]:
    everyone = sorted([*always, *(case for part in held_out for case in part)], key=natural_key)
    return tuple(
        Fold(tuple(c for c in everyone if c not in set(part)), tuple(sorted(part, key=natural_key)), note=note)
        for part in held_out
    )


def _blocks(case: Case, k: int | None) -> tuple[Fold, ...]:
    """Blocks of the only labelled image along its longest axis, first the one whose labels are most like the whole's.

    The first fold is what is measured unless more are asked for, and a block at the edge may hold next to nothing.
    """
    labels = load_labels(case)
    shape = labels.grid.shape
    axis = int(np.argmax(shape))
    available = shape[axis] // MIN_BLOCK
    if available < 2:
        raise DatasetError(
            f"a single labelled image must be at least {2 * MIN_BLOCK} samples long to hold a block out, got {shape}; "
            "annotate a second image, or train without validation (--folds none)"
        )
    edges = np.linspace(0, shape[axis], _count(k, available, what="blocks") + 1).round().astype(int).tolist()
    note = (
        f"{case.id} is the only labelled image: a block of it is held out, and neighbouring parts of one image are "
        "alike, so the measurement is optimistic; annotate a second image"
    )
    unlike = _unlikeness(np.moveaxis(labels.array, axis, 0), edges)
    blocks = [block for _, block in sorted(zip(unlike, pairwise(edges), strict=True))]
    return tuple(Fold((case.id,), (case.id,), (axis, a, b), note) for a, b in blocks)


def _unlikeness(labels: NDArray[Any], edges: Sequence[int]) -> list[float]:
    """For each block of `labels` between edges: how far the shares of its values are from those in all (0: alike)."""
    counts = [dict(zip(*np.unique(labels[a:b], return_counts=True), strict=True)) for a, b in pairwise(edges)]
    values = sorted(set().union(*counts))
    shares = np.array([[count.get(value, 0) for value in values] for count in counts], dtype=float)
    whole = shares.sum(axis=0) / shares.sum()
    distances = np.abs(shares / shares.sum(axis=1, keepdims=True) - whole).sum(axis=1)
    return [round(float(distance), 6) for distance in distances]
