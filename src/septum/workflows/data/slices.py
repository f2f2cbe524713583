"""Where each slice of a mask comes from: drawn, interpolated, predicted or corrected, kept in a file beside the mask.

The insight: a mask with every slice filled no longer says which slices a person drew, and without that it can neither
be interpolated again nor trusted slice by slice. No image format has a place for it that all programs keep, so it lies
beside the mask as `NAME.slices.json`: plain text, one letter per slice and axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from septum.errors import FormatError
from septum.io import stem
from septum.io.documents import read_json
from septum.workflows.runs.files import write_json

KINDS = {"d": "drawn", "i": "interpolated", "p": "predicted", "c": "corrected", ".": "not marked"}
"""What each letter says of a slice."""


VERSION = 1


_MOST_BYTES = 10_000_000


SliceMarks = Mapping[int, str]
"""Per array axis a string with one letter of `KINDS` for each slice."""


def sidecar(mask: Path) -> Path:
    """The file beside a mask that says where its slices come from."""
    return mask.with_name(f"{stem(mask)}.slices.json")


def marked(count: int, drawn: Sequence[int]) -> str:
    """Letters of an axis with `count` slices: drawn ones, those between them as interpolated, the rest not marked.

    >>> marked(8, [1, 4, 5])
    '.diidd..'
    """
    given = set(drawn)
    between = range(min(given), max(given)) if given else range(0)
    return "".join("d" if i in given else "i" if i in between else "." for i in range(count))


def drawn_slices(slices: SliceMarks) -> dict[int, list[int]]:
    """Slices that a person made, drawn or corrected, per axis that has any."""
    found = {axis: [i for i, letter in enumerate(text) if letter in "dc"] for axis, text in slices.items()}
    return {axis: places for axis, places in found.items() if places}


def corrected_slices(slices: SliceMarks, before: NDArray[Any], *, after: NDArray[Any]) -> dict[int, str]:
    """The letters after an edit: a slice that a person changed, and that was not drawn already, is corrected.

    >>> import numpy as np
    >>> corrected_slices({0: "di."}, np.zeros((3, 2)), after=np.array([[1, 0], [0, 1], [0, 0]]))
    {0: 'dc.'}
    """
    found = {}
    for axis, text in slices.items():
        changed = (before != after).any(axis=tuple(a for a in range(before.ndim) if a != axis))
        found[axis] = "".join(
            "c" if hit and letter != "d" else letter for letter, hit in zip(text, changed, strict=True)
        )
    return found


def write_slices(mask: Path, slices: SliceMarks) -> Path:
    """Write the file beside a mask whole or not at all; errors as `write_json`."""
    path = sidecar(mask)
    write_json(path, {"slices": {str(a): t for a, t in slices.items()}, "kinds": KINDS, "format_version": VERSION})
    return path


def read_slices(mask: Path, shape: Sequence[int]) -> dict[int, str] | None:
    """Where a mask's slices come from; None without a file beside it.

    Raises:
        FormatError: a file that is damaged, of a newer version, or of a mask of another shape.
    """
    path = sidecar(mask)
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST_BYTES:
        raise FormatError(f"{path.name} must be a small text file, got {path.stat().st_size} bytes; remove it")
    try:
        content = read_json(path, largest=_MOST_BYTES)
        version, rows = int(content["format_version"]), {int(a): str(t) for a, t in content["slices"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path.name} must be a list of slices that Septum wrote: {error}; remove it") from error
    if version > VERSION:
        raise FormatError(f"{path.name} has format version {version}, newer than {VERSION}; update Septum")
    for axis, text in rows.items():
        if axis not in range(len(shape)) or len(text) != shape[axis] or not set(text) <= set(KINDS):
            raise FormatError(
                f"{path.name} must have one known letter per slice of the mask of shape {tuple(shape)}, "
                f"got axis {axis} with {len(text)}; the mask was changed by another program: remove the file"
            )
    return rows


def describe_slices(slices: SliceMarks, letters: str = "zyx") -> list[str]:
    """One line per axis for a person, such as `z: 5 drawn, 20 interpolated; drawn 3, 8, 13, 18, 23`."""
    lines = []
    for axis, text in slices.items():
        counts = [f"{text.count(letter)} {word}" for letter, word in KINDS.items() if letter != "." and letter in text]
        places = drawn_slices({axis: text}).get(axis, [])
        shown = ", ".join(str(i) for i in places[:20]) + (", …" if len(places) > 20 else "")
        lines.append(f"{letters[axis]}: {', '.join(counts)}" + (f"; drawn {shown}" if places else ""))
    return lines
