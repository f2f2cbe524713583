"""From an array with lettered axes to frames of `(C, *spatial)`: the one place where axis letters are given meaning.

Letters, slowest axis first: T time, C channel, S samples of a colour pixel, Z Y X space. Files that hold many planes
often do not say what the planes are; then a stack of depth (Z) is assumed, as ImageJ does, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError

KNOWN = "TCZYXS"


def declared_axes(path: Path, declared: str, *, shape: Sequence[int], found: str) -> str:
    """The axis letters a user declared, checked against the file's shape; axes of length 1 may be left out.

    Args:
        path: for messages.
        declared: letters, slowest axis first, for example "TYX", "CZYX" or "YXC".
        shape: the stored shape, slowest axis first.
        found: the letters that the file itself suggests, as many as `shape` has axes.

    Returns:
        One letter per stored axis; a left-out axis of length 1 keeps its own letter, or "1" when that is taken.

    Raises:
        FormatError: when a letter is unknown or occurs twice, Y or X is missing, or the number does not fit.

    >>> declared_axes(Path("movie.tif"), "TYX", shape=(9, 64, 64), found="ZYX")
    'TYX'
    """
    letters = declared.upper()
    if set(letters) - set(KNOWN) or len(set(letters)) != len(letters) or not {"Y", "X"} <= set(letters):
        raise FormatError(f"axes must be different letters of {KNOWN} with Y and X, got {declared!r}; for example TYX")
    if len(letters) == len(shape):
        return letters
    long_axes = [axis for axis, n in enumerate(shape) if n > 1]
    if len(letters) == len(long_axes):
        rest = iter(letters)
        free = [next(rest) if n > 1 else "1" for n in shape]
        return "".join(free)
    raise FormatError(
        f"axes must have one letter for each of the {len(shape)} axes of {path.name}, got {declared!r} for shape "
        f"{tuple(shape)} (the file says {found}); slowest axis first"
    )


def arrange(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """`(C, [Z,] Y, X)` from one lettered frame; T and "1" must have length 1, S and C become channels.

    >>> arrange(np.zeros((1, 64, 48, 3)), "TYXS").shape
    (3, 64, 48)
    """
    for axis in reversed([i for i, letter in enumerate(axes) if letter in "T1"]):
        if array.shape[axis] != 1:
            raise FormatError(f"a frame must be chosen before the axes are arranged, got {axes} {array.shape}")
        array = array.reshape(array.shape[:axis] + array.shape[axis + 1 :])
    letters = [letter for letter in axes if letter not in "T1"]
    order = [letters.index(letter) for letter in "CSZYX" if letter in letters]
    array = array.transpose(order)
    spatial = 3 if "Z" in letters else 2
    channels = int(np.prod(array.shape[: array.ndim - spatial], dtype=np.int64))
    return np.ascontiguousarray(array).reshape(channels, *array.shape[array.ndim - spatial :])


def length(axes: str, shape: Sequence[int], *, letter: str) -> int:
    """How long the axis with this letter is; 1 when there is none.

    >>> length("TYX", (9, 64, 48), letter="T"), length("TYX", (9, 64, 48), letter="C")
    (9, 1)
    """
    return int(shape[axes.index(letter)]) if letter in axes else 1


def understood(axes: str) -> str:
    """The letters to show a person: those that carry meaning, in stored order.

    >>> understood("TZ1YX")
    'TZYX'
    """
    return "".join(letter for letter in axes if letter in KNOWN)
