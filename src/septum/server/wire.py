"""How arrays travel: slices as raw little-endian values, changes as runs.

The insight: a stroke changes a few hundred voxels in rows, so `[offset, length, value, …]` within a box is smaller than
any picture, needs no decoder in the page, and can be checked for every bound before a voxel is set. A whole mask of a
script is deflated instead: its size is known before it is unpacked.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, GeometryError
from septum.interactive.tool import Box, Change

LARGEST_ANSWER = 4_000_000
"""Voxels of a box up to which its labels are sent with an answer; beyond, the page fetches the slices it shows."""

LARGEST_LABEL = 2**32 - 1
_AS_THEY_ARE = ("uint8", "uint16", "int16", "float32")


def box_of(start: Sequence[int], stop: Sequence[int], *, shape: Sequence[int]) -> Box:
    """A box that lies within `shape`.

    Raises:
        GeometryError: it does not, or it holds nothing.
    """
    whole = Box.whole(shape)
    box = Box(tuple(start), tuple(stop))
    if not box.within(whole) or 0 in box.shape:
        raise GeometryError(f"box must hold voxels of the image of shape {tuple(shape)}, got {start} to {stop}")
    return box


def change_of(box: Box, runs: Sequence[int], *, held: NDArray[Any]) -> Change:
    """The labels of a box with runs set into them.

    Args:
        box: within the image.
        runs: `offset, length, value` one after the other; offsets in C order within the box.
        held: the labels in the box now.

    Raises:
        ConfigError: runs that are not triples, reach outside of the box, or set an impossible label.

    >>> change_of(Box((0, 0), (2, 2)), [1, 2, 7], held=np.zeros((2, 2), np.uint8)).labels.tolist()
    [[0, 7], [7, 0]]
    """
    if len(runs) % 3:
        raise ConfigError(f"runs must be triples of offset, length and value, got {len(runs)} numbers")
    table = np.asarray(runs, dtype=np.int64).reshape(-1, 3)
    if not len(table):
        return Change(box, held.copy())
    offsets, lengths, values = table.T
    fits = (offsets >= 0) & (lengths >= 1) & (lengths <= held.size) & (offsets <= held.size - lengths)
    if not fits.all():
        raise ConfigError(f"runs must lie within the box of {held.size} voxels, got {table[~fits][0].tolist()}")
    if int(lengths.sum()) > held.size or values.min() < 0 or values.max() > LARGEST_LABEL:
        raise ConfigError(f"runs must set each voxel once, to a label from 0 to {LARGEST_LABEL}")
    wide = np.promote_types(held.dtype, np.min_scalar_type(int(values.max())))
    labels = held.astype(wide).reshape(-1)
    first = np.repeat(offsets - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    labels[first + np.arange(int(lengths.sum()))] = np.repeat(values, lengths)
    return Change(box, labels.reshape(box.shape))


def mask_of(packed: bytes, kind: str, *, shape: Sequence[int]) -> NDArray[Any]:
    """A whole mask that was sent as deflated (zlib) little-endian values in C order.

    Never more is unpacked than the mask of `shape` takes, whatever the data would become.

    Raises:
        ConfigError: data that is not deflated, or of another size.

    >>> mask_of(zlib.compress(bytes([0, 7, 7, 0])), "uint8", shape=(2, 2)).tolist()
    [[0, 7], [7, 0]]
    """
    kept = np.dtype(kind).newbyteorder("<")
    size = math.prod(shape) * kept.itemsize
    machine = zlib.decompressobj()
    try:
        found = machine.decompress(packed, size + 1)
    except zlib.error as error:
        raise ConfigError(f"labels must be deflated data (zlib), got {error}; pack them again") from error
    if len(found) != size or not machine.eof or machine.unused_data:
        more = "more" if len(found) > size or machine.unused_data else f"{len(found)}"
        raise ConfigError(f"labels must unpack to {size} bytes of {kind}, got {more}; send the image's shape")
    return np.frombuffer(found, kept).reshape(tuple(shape)).astype(kind, copy=False)


def most_packed(shape: Sequence[int], kind: str) -> int:
    """Bytes that deflating a mask may make of it: never many more than it has.

    >>> most_packed((1000, 1000), "uint16")
    2003024
    """
    size = math.prod(shape) * np.dtype(kind).itemsize
    return size + size // 1000 + 1024


def all_runs(labels: NDArray[Any]) -> list[int]:
    """Every label of an array as runs that cover all of it.

    >>> all_runs(np.array([[5, 5], [5, 0]]))
    [0, 3, 5, 3, 1, 0]
    """
    flat = labels.reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    return _triples(starts, np.diff(starts, append=flat.size), values=flat[starts])


def runs_where(mask: NDArray[np.bool_], labels: NDArray[Any]) -> list[int]:
    """The voxels where `mask` holds, with their label, as runs.

    >>> runs_where(np.array([[False, True, True, True]]), np.array([[9, 2, 2, 0]]))
    [1, 2, 2, 3, 1, 0]
    """
    flat = labels.reshape(-1)
    places = np.flatnonzero(mask)
    if not len(places):
        return []
    values = flat[places]
    new = np.concatenate([[True], (np.diff(places) != 1) | (values[1:] != values[:-1])])
    starts = np.flatnonzero(new)
    return _triples(places[starts], np.diff(starts, append=len(places)), values=values[starts])


def as_sent(array: NDArray[Any]) -> tuple[bytes, str]:
    """An array as bytes and the name of its type: itself where the page knows that, else float32."""
    name = (
        array.dtype.name if array.dtype.name in _AS_THEY_ARE else "int16" if array.dtype.name == "int8" else "float32"
    )
    return array.astype(np.dtype(name).newbyteorder("<"), order="C", copy=False).tobytes(), name


def labels_as_sent(labels: NDArray[Any]) -> tuple[bytes, str]:
    """Labels as bytes and the name of their type: uint8, uint16 or uint32."""
    name = labels.dtype.name if labels.dtype.name in ("uint8", "uint16", "uint32") else "uint32"
    return labels.astype(np.dtype(name).newbyteorder("<"), order="C", copy=False).tobytes(), name


def _triples(offsets: NDArray[Any], lengths: NDArray[Any], *, values: NDArray[Any]) -> list[int]:
    table = np.stack([offsets, lengths, values.astype(np.int64)], axis=1)
    flat: list[int] = table.reshape(-1).tolist()
    return flat
