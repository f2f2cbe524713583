"""What a challenge is: how its data are divided, what a method must write, and how that is scored.

The insight: all segmentation challenges ask the same five questions (which images train, which test, what is written,
which numbers count, what is not official), so a challenge is a row of answers, and whoever trains, resumes, times and
shows the methods need not know which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from septum.errors import DatasetError
from septum.workflows.data.cases import Case
from septum.workflows.runs.files import write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.tables import rows_csv

CLASSICAL = "classical"
"""The method of a challenge that learns no weights: the best classical method on the training images."""


@dataclass(frozen=True)
class Part:
    """One training and what it is tested on.

    Args:
        name: keeps several parts apart; "" where there is one.
        training: a data set as `septum train` takes it.
        tests: cases with a truth that the training never sees.
        tuning: cases with a truth that neither train nor test: a cut-off may be chosen on them.
        unlabelled: cases without a truth, predicted for the official test.
        axes: meaning of the files' axes where they do not say.
        background: label value that is no class.
    """

    name: str
    training: Path
    tests: tuple[Case, ...]
    tuning: tuple[Case, ...] = ()
    unlabelled: tuple[Case, ...] = ()
    axes: str | None = None
    background: int = 0


@dataclass(frozen=True)
class Division:
    """How the data of a challenge are divided, and the sentences that say so."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    data: Path = field(default_factory=Path)


class Solver(Protocol):
    """A trained method: what it makes of cases, one file each in `folder`, named after the case."""

    def masks(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """Label maps in the values of the training data."""
        ...

    def maps(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """Probabilities in [0, 1] of the first class beside the background, 32-bit TIFF."""
        ...


@dataclass(frozen=True)
class Picture:
    """What a method made, to look at: a name, a line about it, and the bytes of a JPEG file."""

    name: str
    line: str
    data: bytes


@dataclass(frozen=True)
class Found:
    """The scores of one method.

    Args:
        values: by the keys of the challenge's columns.
        images: one row per test image, movie or label.
        pictures: to look at.
    """

    values: Mapping[str, float]
    images: tuple[Mapping[str, Any], ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Column:
    """A score: its key, its title, what it says, and whether one near 0 says that a method found next to nothing."""

    key: str
    title: str
    meaning: str
    finds: bool = False


@dataclass(frozen=True)
class Challenge:
    """One row of the table.

    Args:
        name: what the user types.
        title: heading of the page.
        source: who posed it, and where its scores are defined.
        caution: what keeps its numbers from being those of the official test.
        methods: networks of `septum train`, and `CLASSICAL`.
        columns: its scores, the first one ranks.
        training: settings of the training that the challenge fixes.
        divide: `(data, work)`: reads the data set, writes what trainings need into `work`.
        predict: `(solver, part, folder=, hooks=)`: writes the files that the challenge asks for.
        score: `(division, folder, hooks=)`: scores them.
        shown: test images and their truth, to hold the methods against.
        rivals: scores of what is no method, such as a second reader, by name.
    """

    name: str
    title: str
    source: str
    caution: str
    methods: tuple[str, ...]
    columns: tuple[Column, ...]
    training: Mapping[str, Any]
    divide: Callable[[Path, Path], Division]
    predict: Callable[..., None]
    score: Callable[..., Found]
    shown: Callable[[Division], tuple[Picture, ...]]
    rivals: Callable[[Division], Mapping[str, Mapping[str, float]]] = lambda division: {}


def write_table(path: Path, cases: Sequence[Case]) -> Path:
    """The cases as a table that `load_dataset` reads.

    Raises:
        DatasetError: a case that is a frame of a larger file, or annotated in slices: no table can name it.
    """
    rows = []
    for case in cases:
        sources = [*case.images, *([case.label] if case.label else [])]
        if any(source.frame is not None or source.slices for source in sources):
            raise DatasetError(
                f"every image must have a file of its own, got case {case.id} in a stack; split it first"
            )
        images = ";".join(str(source.path.resolve()) for source in case.images)
        label, roi = ("" if s is None else str(s.path.resolve()) for s in (case.label, case.roi))
        rows.append([case.id, images, label, case.group or "", roi])
    write_text(path, rows_csv(["id", "image", "label", "group", "roi"], rows))
    return path
