"""A movie as it is found: a folder of frames, or one file with frames, label maps or images alike.

The insight: in a movie the order is the data. So frames are ordered by the number in their names, and a number that is
missing is an error by name, never a jump in time that nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from septum import io
from septum.errors import DatasetError
from septum.workflows.data.cases import Source
from septum.workflows.data.masks import fitting_axes
from septum.workflows.runs.words import natural_key, some


@dataclass(frozen=True)
class Movie:
    """Frames in order, and the number of the first in the files' own count."""

    frames: tuple[Source, ...]
    first: int = 0


def find_movie(path: Path, *, axes: str | None = None) -> Movie:
    """The frames of a folder of images, or of one file along its time axis.

    A stack that does not say what its planes are is read as a movie when `axes` says so (`TYX`), as everywhere.

    Raises:
        DatasetError: nothing there, fewer than two frames, or a number that is missing between the frames.
    """
    if path.is_dir() and not io.is_image(path):
        files = sorted((p for p in path.iterdir() if io.is_image(p)), key=lambda p: natural_key(p.name))
        if len(files) == 1:
            return find_movie(files[0], axes=axes)
        return Movie(tuple(Source(p, axes=fitting_axes(p, axes)) for p in files), _checked(path, files))
    if not path.exists():
        raise DatasetError(f"the movie must exist, got {path}; check the path")
    fitting = fitting_axes(path, axes)
    count = io.count_frames(path, axes=fitting)
    if count < 2:
        shape = io.read_image(path, axes=fitting).grid.shape
        planes = (
            f", whose {shape[0]} planes were read as slices of a volume: --axes TYX reads them as frames"
            if len(shape) == 3 and shape[0] > 1
            else ""
        )
        raise DatasetError(
            f"a movie must have at least two frames, got {count} in {path.name}{planes or '; add the others'}, or give "
            "a folder with a file per frame"
        )
    return Movie(tuple(Source(path, frame=t, axes=fitting) for t in range(count)))


def _checked(folder: Path, files: Sequence[Path]) -> int:
    """The number of the first frame, where names are numbered alike and without a hole."""
    if len(files) < 2:
        raise DatasetError(f"a movie must have at least two frames, got {len(files)} in {folder}; add the others")
    found = [re.findall(r"\d+", io.stem(p)) for p in files]
    if not all(found):
        return 0
    numbers = [int(words[-1]) for words in found]
    if len(set(numbers)) < len(numbers):
        raise DatasetError(
            f"the frames in {folder} must have different numbers, got {files[0].name} …; give one movie at a time"
        )
    missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
    if missing and max(numbers) - min(numbers) < 2 * len(numbers):
        raise DatasetError(
            f"every frame of the movie must be there, got none for {some([str(n) for n in missing])} in {folder}; "
            "add it (an empty one where nothing was found)"
        )
    return min(numbers)
