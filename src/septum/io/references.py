"""Names of other files inside a file: the one resolver, for every format.

A header can name any path of the disk as "its" data, and a reader that follows it hands a stranger's file to whoever
sent the header. So a reference counts only when its *real* path, links followed, lies in the folder of the file.
"""

from __future__ import annotations

import re
from pathlib import Path

from septum.errors import FormatError

MAX_FILES = 100_000
"""A header that names more files than this is damaged."""


def beside(path: Path, name: str) -> Path:
    """The real path of the file that `path` calls `name`.

    Raises:
        FormatError: when it does not exist, or lies (or leads by a link) outside the folder of `path`.
    """
    folder = path.parent.resolve()
    if "\0" in name or "\\" in name or not name.strip():
        raise FormatError(f"the data file of {path.name} must be a plain name, got {name!r}; correct the header")
    try:
        found = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(f"the data file of {path.name} must be a plain name, got {name!r}; correct it") from error
    if folder not in found.parents:
        raise FormatError(f"the data file of {path.name} must lie in its folder, got {name!r}; move it there")
    if not found.is_file():
        raise FormatError(f"{path.name} needs its data file {name!r} beside it; copy both files")
    return found


def numbered_names(path: Path, pattern: str, *, first: int, last: int, step: int) -> list[str]:
    """The names that a pattern with one `%d` stands for, from `first` to `last`, as C's printf writes them.

    Raises:
        FormatError: for any other pattern, or a range that is empty or absurd.

    >>> numbered_names(Path("a.mhd"), "s%03d.raw", first=1, last=3, step=1)
    ['s001.raw', 's002.raw', 's003.raw']
    """
    if not re.fullmatch(r"[^%]*%0?\d{0,2}d[^%]*", pattern):
        raise FormatError(f"the data files of {path.name} must have one %d in their name, got {pattern!r}; correct it")
    if step == 0 or not 0 <= (last - first) // step < MAX_FILES:
        raise FormatError(f"{path.name} must name its data files by a range, got {first} to {last} by {step}")
    return [pattern % number for number in range(first, last + (1 if step > 0 else -1), step)]
