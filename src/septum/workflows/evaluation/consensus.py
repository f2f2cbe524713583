"""Readers together: κ over voxels, and the masks on which they agree, by majority and by STAPLE.

The insight: a reference that one person drew is one opinion. Where several drew the same cases, the mask on which they
agree is a better reference than any of them, and worth having as files: for `septum evaluate` as the reference, and for
training. Copies of another reader would vote twice, so only independent readers vote.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError
from septum.geometry import LabelMap
from septum.geometry.arrays import bounding_box
from septum.io.safe import scratch_folder
from septum.metrics import joint_table
from septum.metrics.consensus import VoxelAgreement, majority_vote, staple, vote_patterns, voxel_agreement
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.pairs import Pair, on_one_lattice, read_pair
from septum.workflows.evaluation.scoring import ignored_samples
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.failures import attempt, parted
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool
from septum.workflows.scores.scores import Score, scores_from_table

KINDS = ("majority", "staple")


@dataclass(frozen=True)
class ReadCase:
    """One case that several independent readers hold: their pairs, by name."""

    readers: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def id(self) -> str:
        """Name of the case."""
        return self.pairs[0].case.id


@dataclass(frozen=True, eq=False)
class ReadTogether:
    """What readers say together about one case: their agreement, and the scores of each consensus by its kind."""

    case: str
    readers: tuple[str, ...]
    agreement: VoxelAgreement
    scores: Mapping[str, tuple[Score, ...]]


@dataclass(frozen=True)
class Together:
    """All cases that at least two independent readers hold; (case, reason) of those that could not be compared."""

    cases: tuple[ReadTogether, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()

    def kappa(self, first: str, second: str, *, cases: Sequence[str]) -> NDArray[np.float64]:
        """Cohen's κ of two readers in each of `cases`, nan where one of them lacks it."""
        known = {
            c.case: float(c.agreement.cohen[c.readers.index(first), c.readers.index(second)])
            for c in self.cases
            if {first, second} <= set(c.readers)
        }
        return np.array([known.get(case, np.nan) for case in cases])

    def fleiss(self, cases: Sequence[str]) -> NDArray[np.float64]:
        """Fleiss' κ of all independent readers of each of `cases`, nan where fewer than two hold it."""
        known = {c.case: c.agreement.fleiss for c in self.cases}
        return np.array([known.get(case, np.nan) for case in cases])

    def scores(self, kind: str) -> list[Score]:
        """The scores of a consensus (one of `KINDS`) against the references."""
        return [score for case in self.cases for score in case.scores[kind]]

    def table(self) -> pd.DataFrame:
        """One row per case: κ of all readers, and of every two of them."""
        rows = []
        for c in self.cases:
            own = {"case": c.case, "readers": len(c.readers), "observed": c.agreement.observed,
                   "fleiss_kappa": c.agreement.fleiss, "voxels": c.agreement.voxels}  # fmt: skip
            for (i, first), (j, second) in combinations(enumerate(c.readers), 2):
                own[f"kappa: {first}, {second}"] = float(c.agreement.cohen[i, j])
            rows.append(own)
        return pd.DataFrame(rows)


def check_consensus(folder: Path | None, *, n_readers: int, overwrite: bool) -> None:
    """Raise `ConfigError` unless consensus masks can be made of the readers and written to `folder`."""
    if folder is None:
        return
    if n_readers < 2:
        raise ConfigError(f"--consensus must have at least two --readers, got {n_readers}; name their folders of masks")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"consensus must be a folder, got the file {folder}; choose another name")
    found = [kind for kind in KINDS if (folder / kind).exists()]
    if found and not overwrite:
        raise ConfigError(f"{folder} already holds {found[0]}; choose another folder or use --overwrite")


def read_together(
    readers: Sequence[MaskSet],
    codings: Mapping[str, Coding],
    *,
    settings: EvaluateSettings,
    hooks: Hooks,
    pool: CasePool,
) -> Together:
    """Agreement and consensus of independent readers; writes `majority/` and `staple/` where the settings say so.

    Args:
        readers: those that are no copies of others.
        codings: by name.
        settings: of the evaluation; `consensus` is the folder for masks, which appear together or not at all.
        hooks: progress and a wish to stop.
        pool: where cases are read.

    Raises:
        ConfigError: consensus masks are wanted and fewer than two readers are independent.
        Cancelled: when the hooks say stop.
    """
    cases = _shared(readers)
    if not cases and settings.consensus is not None:
        raise ConfigError(
            f"--consensus must have two independent readers of a case, got {len(readers)} that are no copies; add one"
        )
    with ExitStack() as stack:
        scratch = None
        if settings.consensus is not None:
            target = settings.consensus.resolve()
            target.mkdir(parents=True, exist_ok=True)
            scratch = stack.enter_context(scratch_folder(target))
        found = pool.map(
            partial(attempt, partial(read_case, codings=dict(codings), resample=settings.resample, folder=scratch)),
            cases,
            name_of=name_of_read,
            hooks=hooks.about("readers of"),
        )
        done, failed = parted(cases, found)
        if scratch is not None:
            _put_in_place(scratch, target)
    for case, reason in failed:
        hooks.on_note(f"the readers of {case.id} could not be compared: {reason}")
    return Together(tuple(read for _, read in done), tuple((case.id, reason) for case, reason in failed))


def _put_in_place(scratch: Path, target: Path) -> None:
    for kind in KINDS:
        shutil.rmtree(target / kind, ignore_errors=True)
        (scratch / kind).rename(target / kind)


def _shared(readers: Sequence[MaskSet]) -> list[ReadCase]:
    """The cases that at least two of the readers hold, in order."""
    held: dict[str, list[tuple[str, Pair]]] = {}
    for reader in readers:
        for pair in reader.pairs:
            held.setdefault(pair.case.id, []).append((reader.name, pair))
    return [ReadCase(*map(tuple, zip(*own, strict=True))) for own in held.values() if len(own) > 1]


def name_of_read(case: ReadCase) -> str:
    """The name of a case, for progress."""
    return case.id


def read_case(case: ReadCase, *, codings: Mapping[str, Coding], resample: bool, folder: Path | None) -> ReadTogether:
    """One case: agreement, both consensus masks and their scores; runs on any process.

    STAPLE is estimated in the box around everything that any reader marked: outside of it all agree, and a background
    that dwarfs the structure would make every reader look perfect.
    """
    coding = codings[case.readers[0]]
    opened = [read_pair(pair, resample=resample, background=coding.background) for pair in case.pairs]
    reference, read = on_one_lattice(opened, background=coding.background)
    masks = [codings[name].prediction(mask.array) for name, mask in zip(case.readers, read, strict=True)]
    hidden = ignored_samples(reference.array, coding.ignore)
    agreement = voxel_agreement(vote_patterns(masks, ignore=hidden))
    found = {"majority": majority_vote(masks, undecided=coding.background)}
    found["staple"] = _staple(masks, hidden, background=coding.background)
    scores = {}
    for kind, mask in found.items():
        truth = coding.reference(reference.array)
        counted = joint_table(truth, mask) if hidden is None else joint_table(truth[~hidden], mask[~hidden])
        scores[kind] = scores_from_table(
            case.id, counted, labels=coding.labels, group=case.pairs[0].case.group, members=coding.members
        )
        if folder is not None:
            source = case.pairs[0].case.label
            path = folder / kind / f"{case.id}{io.label_suffix(source.path) if source else '.nii.gz'}"
            path.parent.mkdir(exist_ok=True)
            io.write_labels(path, LabelMap(mask, reference.grid, dict(coding.written)))
    return ReadTogether(case.id, case.readers, agreement, scores)


def _staple(masks: Sequence[NDArray[Any]], hidden: NDArray[np.bool_] | None, *, background: int) -> NDArray[Any]:
    result = np.full(masks[0].shape, background, dtype=np.int64)
    marked = np.any([mask != background for mask in masks], axis=0)
    if hidden is not None:
        marked &= ~hidden
    box = bounding_box(marked)
    if box is not None:
        inside = None if hidden is None else hidden[box]
        result[box] = staple([mask[box] for mask in masks], ignore=inside).labels
    return result
