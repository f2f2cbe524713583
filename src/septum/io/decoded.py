"""`Decoded`: what an adapter understood of a file, before it becomes an `Image` or a `LabelMap`.

Every format adapter returns this one record, so that the rules about labels (integers only, grey colours collapse)
and about size limits are written once and hold for every format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid

MAX_SAMPLES = 2**33
"""Largest number of samples (all channels of one frame) that is decoded; checked before memory is allocated."""

MAX_RASTER_PIXELS = 178_956_970
"""Largest PNG, JPEG, BMP or GIF: a small file can unpack into a huge image ("decompression bomb")."""


TURNS: dict[int, tuple[bool, bool, bool]] = {
    2: (False, False, True), 3: (False, True, True), 4: (False, True, False), 5: (True, False, False),
    6: (True, False, True), 7: (True, True, True), 8: (True, True, False),
}  # fmt: skip
"""Orientation tag: whether rows and columns change places, then whether rows, then columns are reversed."""

_ROWS = 64


@dataclass(frozen=True, eq=False)
class Decoded:
    """One frame of a file: `array` is `(C, *grid.shape)`; `frames` counts what the file holds along time.

    `notes` say how the file was understood (`septum info` shows them). `doubts` say where values or places had to be
    assumed or mended: they go on as `Image.notes` and `LabelMap.notes`, which every command shows and keeps.
    """

    array: NDArray[Any]
    grid: Grid
    channels: tuple[str, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    format: str = ""
    modality: str = ""
    axes: str = ""
    frames: int = 1
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def check_bytes(path: Path, need: int, *, stored: int, ratio: int = 1) -> None:
    """Refuse a header that promises more than the file can hold, before anything is allocated.

    Args:
        path: for messages.
        need: bytes of all samples when decoded.
        stored: bytes of the file, or of the part of it that holds samples.
        ratio: how much the compression can save at most: 1 for none, 1,100 for deflate (its limit is 1,032).
    """
    if need > max(stored * ratio, 2**16 if ratio > 1 else 0):
        raise FormatError(
            f"{path.name} must hold what its header promises, got {stored:,} bytes for {need:,} bytes of samples; "
            "it is truncated or its header is damaged: copy it again from its source"
        )


def check_size(path: Path, shape: Sequence[int], *, limit: int | None = None) -> None:
    """Refuse impossible and unsafe shapes before anything is allocated.

    >>> check_size(Path("scan.nii"), (64, 64, 32))  # says nothing
    """
    most = MAX_SAMPLES if limit is None else limit
    samples = 1
    for n in shape:
        samples *= int(n)
    if samples < 1 or min(shape) < 1:
        raise FormatError(f"{path.name} must hold at least one sample, got shape {tuple(shape)}; the file is empty")
    if samples > most:
        raise FormatError(
            f"{path.name} must hold at most {most:,} samples, got {samples:,} (shape {tuple(shape)}); "
            "crop it or save it in tiles"
        )


def pick_frame(path: Path, frames: int, *, frame: int | None) -> int:
    """The index of the frame to read, checked against the number of frames.

    >>> pick_frame(Path("movie.tif"), 9, frame=4), pick_frame(Path("scan.tif"), 1, frame=None)
    (4, 0)
    """
    if frame is None:
        if frames > 1:
            raise FormatError(
                f"{path.name} holds {frames} frames and one must be chosen; give frame=0 to frame={frames - 1}, "
                "or axes= if these are not frames in time"
            )
        return 0
    if not 0 <= frame < frames:
        hint = "; declare the time axis with axes=, for example TYX" if frames == 1 else ""
        raise FormatError(f"frame must be between 0 and {frames - 1} for {path.name}, got {frame}{hint}")
    return frame


def native(array: NDArray[Any]) -> NDArray[Any]:
    """The same values in this machine's byte order and in C order; booleans become 0 and 1.

    >>> native(np.array([True, False])), native(np.array([1, 2], ">i2")).dtype.isnative
    (array([1, 0], dtype=uint8), True)
    """
    if array.dtype == bool:
        array = array.astype(np.uint8)
    kind = array.dtype.newbyteorder("=")
    if array.ndim < 3 or array.flags.c_contiguous:
        return np.ascontiguousarray(array, dtype=kind)
    ordered = np.empty(array.shape, kind)
    for start in range(0, array.shape[1], _ROWS):  # colours are pulled apart six times as fast while in the cache
        ordered[:, start : start + _ROWS] = array[:, start : start + _ROWS]
    return ordered


def upright(array: NDArray[Any], turn: int) -> NDArray[Any]:
    """The array with its last two axes as the orientation tag of TIFF and EXIF says; as it is for other numbers.

    >>> upright(np.array([[1, 2, 3], [4, 5, 6]]), 6).tolist()
    [[4, 1], [5, 2], [6, 3]]
    """
    swap, rows, columns = TURNS.get(turn, (False, False, False))
    array = np.swapaxes(array, -1, -2) if swap else array
    return array[..., :: -1 if rows else 1, :: -1 if columns else 1]


def drop_alpha(decoded: Decoded) -> Decoded:
    """Remove the last channel of grey+alpha or RGB+alpha: it says how to show a pixel, not what was measured.

    >>> drop_alpha(Decoded(np.zeros((4, 2, 2)), Grid.from_spacing((2, 2), (1.0, 1.0)))).array.shape
    (3, 2, 2)
    """
    alpha = decoded.array[-1]
    notes = decoded.notes
    if alpha.min() != alpha.max():
        notes = (*notes, "the transparency (alpha) varies and is left out")
    return replace(decoded, array=decoded.array[:-1], channels=decoded.channels[:-1], notes=notes)


def collapse_grey(decoded: Decoded) -> Decoded:
    """Red, green and blue that are equal everywhere are one grey channel.

    >>> colours = ("red", "green", "blue")
    >>> collapse_grey(Decoded(np.ones((3, 2, 2)), Grid.from_spacing((2, 2), (1.0, 1.0)), channels=colours)).array.shape
    (1, 2, 2)
    """
    array = decoded.array
    if len(array) != 3 or decoded.channels != ("red", "green", "blue"):
        return decoded
    bands = (array[:, start : start + _ROWS] for start in range(0, array.shape[1], _ROWS))
    if not all((band[1:] == band[:1]).all() for band in bands):  # most pictures in colour show it in the first band
        return decoded
    note = "stored as RGB, but all three channels are equal: read as one grey channel"
    return replace(decoded, array=np.ascontiguousarray(array[:1]), channels=("grey",), notes=(*decoded.notes, note))


def decoded_labels(path: Path, decoded: Decoded) -> NDArray[Any]:
    """The integer labels `(*spatial)` of a decoded file.

    Raises:
        FormatError: when the file has several channels that differ, or values that are not whole numbers.

    >>> decoded = Decoded(np.array([[[0.0, 2.0]]]), Grid.from_spacing((1, 2), (1.0, 1.0)))
    >>> decoded_labels(Path("mask.nii"), decoded).tolist()
    [[0, 2]]
    """
    array = decoded.array
    if len(array) > 1:
        if not all(np.array_equal(array[0], other) for other in array[1:]):
            hint = "" if decoded.channels else "; where they are frames in time, say so with axes TZYX (--axes TZYX)"
            raise FormatError(
                f"{path.name} must hold one label per sample, got {len(array)} channels that differ "
                f"({', '.join(decoded.channels) or 'unnamed'}); save the labels as one channel of integers{hint}"
            )
        array = array[:1]
    labels: NDArray[Any] = array[0]
    if labels.dtype.kind in "iu":
        return labels
    if labels.dtype.kind != "f":
        raise FormatError(f"{path.name} must hold integer labels, got {labels.dtype}; save them as integers")
    scaled = next((text for text in decoded.doubts if "header scales" in text), "")
    return _whole_numbers(path, labels, scaled=scaled)


def _whole_numbers(path: Path, labels: NDArray[Any], *, scaled: str = "") -> NDArray[Any]:
    if not np.isfinite(labels).all():
        count = int(np.size(labels) - np.isfinite(labels).sum())
        raise FormatError(f"labels must be whole numbers, {path.name} has {count} that are NaN or infinite; mend them")
    rounded = np.rint(labels)
    wrong = np.abs(labels - rounded) > 1e-3
    if wrong.any():
        some = ", ".join(f"{value:.4g}" for value in np.unique(labels[wrong])[:5])
        if scaled:
            raise FormatError(
                f"labels must be whole numbers, {path.name} has {int(wrong.sum())} that are not ({some}, ...): "
                f"{scaled}; save the labels without a scale factor, or run `septum doctor`"
            )
        if labels.min() >= 0 and labels.max() <= 1:
            raise FormatError(
                f"labels must be whole numbers, {path.name} has {int(wrong.sum())} that are not ({some}, ...), all "
                "from 0 to 1: a map of probabilities; cut it at 0.5 for a mask, or measure it beside masks with "
                "`septum evaluate --probabilities`"
            )
        raise FormatError(
            f"labels must be whole numbers, {path.name} has {int(wrong.sum())} that are not ({some}, ...): the mask "
            "was smoothed or resampled with interpolation; save it again with nearest neighbour, or run `septum doctor`"
        )
    low, high = float(rounded.min()), float(rounded.max())
    if low < -(2**31) or high >= 2**32:
        raise FormatError(f"labels must lie between -2^31 and 2^32, {path.name} has {low:g} to {high:g}; renumber them")
    whole: NDArray[Any] = rounded.astype(smallest_integer(int(low), int(high)))
    return whole


def smallest_integer(low: int, high: int) -> np.dtype[Any]:
    """The smallest integer type that holds both values, unsigned where nothing is negative.

    >>> smallest_integer(0, 255), smallest_integer(0, 256), smallest_integer(-1, 200)
    (dtype('uint8'), dtype('uint16'), dtype('int16'))
    """
    kinds = ("u1", "u2", "u4", "u8") if low >= 0 else ("i1", "i2", "i4", "i8")
    fitting = (np.dtype(kind) for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return next(fitting, np.dtype(np.int64))


def compact(array: NDArray[Any]) -> NDArray[Any]:
    """Labels in the smallest integer type that holds them.

    >>> compact(np.array([0, 255])).dtype, compact(np.array([0, 256])).dtype
    (dtype('uint8'), dtype('uint16'))
    """
    return array.astype(smallest_integer(int(array.min()), int(array.max())), copy=False)
