"""Images without labels that a training may look at: none of them is one that anything is measured on.

The insight: an image that is held out or tests must not be seen by the training, not even without its labels, and a
folder of "all images" holds these too. So images are known by the digest of their files, whatever they are called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from septum.errors import DatasetError
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.data.digests import digest
from septum.workflows.data.jobs import find_cases
from septum.workflows.runs.words import counted

_KEPT_OUT = ("val", "test")


@dataclass(frozen=True)
class Unlabelled:
    """Cases to learn from without labels, and how many images were left out: those that the data set labels, holds out
    or tests on, others of their patients (groups) where it declares which are held out, and repeated ones."""

    cases: tuple[Case, ...] = ()
    left_out: int = 0


def find_unlabelled(path: Path, data: Dataset, *, axes: str | None) -> Unlabelled:
    """The images at `path` (a folder, a data set, a table or an image) that `data` neither labels nor keeps for
    validation or test; labels beside them are not looked at.

    Raises:
        DatasetError: when nothing is there, or no image is left.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, write_image
    >>> from septum.workflows.data.cases import Source
    >>> with TemporaryDirectory() as folder:
    ...     for value, name in enumerate(("a.png", "b.png")):
    ...         write_image(Path(folder, name), Image(np.full((1, 8, 9), value, np.uint8), Grid.pixels((8, 9))))
    ...     labelled = Case("x", (Source(Path(folder, "a.png")),), Source(Path(folder, "x_label.png")))
    ...     found = find_unlabelled(Path(folder), Dataset(Path(folder), "folders", (labelled,)), axes=None)
    >>> [case.id for case in found.cases], found.left_out
    (['b'], 1)
    """
    channels = max((len(case.images) for case in data.labelled), default=1)
    seen = {_key(case) for case in data.cases if case.label is not None or case.split in _KEPT_OUT}
    kept_out = {case.group for case in data.cases if case.split in _KEPT_OUT} - {None}
    cases = []
    found = find_cases([path], axes=axes, channels=channels)
    for case in found:
        key = _key(case)
        if case.split not in _KEPT_OUT and case.group not in kept_out and key not in seen:
            cases.append(replace(case, label=None))
            seen.add(key)
    if not cases:
        raise DatasetError(
            f"{path} must hold images that the data set neither labels nor tests on, got "
            f"{counted(len(found), 'image')} that it knows; give a folder of others, or leave --unlabelled out"
        )
    return Unlabelled(tuple(cases), len(found) - len(cases))


def _key(case: Case) -> tuple[tuple[str, int | None], ...]:
    """What tells one image from another: the bytes of its files, and which frame of them it is."""
    return tuple((digest(source), source.frame) for source in case.images)
