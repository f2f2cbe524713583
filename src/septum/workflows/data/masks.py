"""Folders of masks: one case per mask or frame, probability maps beside them left alone."""

from __future__ import annotations

import re
from pathlib import Path

from septum import io
from septum.errors import DatasetError, SeptumError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.folders import entries, expand_frames
from septum.workflows.data.matching import label_of
from septum.workflows.runs.words import some

PROBABILITY = re.compile(r"^(.+)_probability_(\d+)$")
"""Names of probability maps: the case, and the class value."""


def is_plain(path: Path) -> bool:
    """Whether `path` is one image file or a folder of image files, without a layout that says more."""
    if path.is_dir():
        return not (path / "dataset.json").exists() and any(io.is_image(p) for p in path.iterdir())
    return path.is_file() and io.is_image(path)


def _has_images_beside(path: Path) -> bool:
    """Whether masks lie beside their images in one folder (`cell_mask.png` beside `cell.png`): a data set."""
    names = {io.stem(p) for p in path.iterdir()} if path.is_dir() else set()
    return any(label_of(name) in names for name in names)


def is_probability(name: str) -> bool:
    """Whether a name says that the file is a probability map beside masks, as `septum predict` writes them.

    >>> is_probability("case7_probability_1"), is_probability("case7")
    (True, False)
    """
    return PROBABILITY.match(name) is not None


def mask_cases(path: Path, axes: str | None) -> list[Case]:
    """One case per mask (per frame of multi-frame files) of a folder, or of a single file; probability maps between
    masks are left alone."""
    if not path.exists():
        raise DatasetError(f"predictions must be an existing folder or file, got {path}; check the path")
    found = [(e.name, e.path) for e in entries(path)] if path.is_dir() else [(io.stem(path), path)]
    found = [(name, file) for name, file in found if not is_probability(name)] or found
    cases: list[Case] = []
    for name, file in found:
        fitting = fitting_axes(file, axes)
        cases += expand_frames(Case(name, (Source(file, axes=fitting),)), file, frame_labels={}, axes=fitting)[0]
    names = [case.id for case in cases]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DatasetError(
            f"case names must be unique, got {some(repeated)} more than once in {path}; keep one file of each name"
        )
    return cases


def fitting_axes(path: Path, axes: str | None) -> str | None:
    """The declared axes as far as a mask has them: `None` where the file is what it says it is.

    The axes are those of the images. Masks have no channels, and `septum predict` writes one mask per frame of a movie.
    """
    if axes is None:
        return None
    for left_out in ("", "C", "T", "CT"):
        letters = "".join(letter for letter in axes.upper() if letter not in left_out)
        try:
            io.count_frames(path, axes=letters)
        except SeptumError:
            continue
        return letters
    return None
