"""What an edit changed, as runs: small enough to keep a hundred of them, exact in both directions.

The insight: undo needs neither copy of the labels nor of the box. In the box that really changed, row after row, an
edit is a few runs of "these many voxels went from a to b" between runs of "unchanged", and a brush stroke has a few
runs per row. Both directions are in one record: undo writes the a, redo the b. Long lists of runs are deflated.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import SessionError
from septum.interactive.tool import Box

TYPES = ("uint8", "uint16", "uint32", "uint64")
"""The types that labels of a session may have, by the number that stands for them in files."""


_DEFLATE = 512  # bytes from which deflating pays


_HEAD = struct.Struct("<BBQQ")  # deflated or not, type of the values, runs, bytes of the data


_SLAB = 1 << 22


@dataclass(frozen=True, eq=False)
class Runs:
    """Columns of values as runs: `length` of each run and one value per column, packed into bytes.

    Args:
        data: the packed runs.
        count: how many runs.
        columns: values per run.
        kind: type of the values.
        deflated: whether `data` is.
    """

    data: bytes
    count: int
    columns: int
    kind: str
    deflated: bool

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return len(self.data)

    @classmethod
    def of(cls, *columns: NDArray[Any]) -> Runs:
        """The runs over which all of these flat arrays of one length keep their values."""
        lengths, values = _runs(columns)
        top = max((int(v.max()) for v in values if v.size), default=0)
        kind = TYPES[int(np.log2(np.min_scalar_type(top).itemsize))]
        data = lengths.astype("<u4").tobytes() + b"".join(
            v.astype(np.dtype(kind).newbyteorder("<")).tobytes() for v in values
        )
        if len(data) >= _DEFLATE:
            return cls(zlib.compress(data, 1), len(lengths), len(columns), kind, True)
        return cls(data, len(lengths), len(columns), kind, False)

    def arrays(self, size: int) -> tuple[NDArray[Any], ...]:
        """Lengths and the values of each column.

        Args:
            size: voxels that the runs must fill.

        Raises:
            SessionError: data that is damaged, or does not fill just so many voxels.
        """
        item = np.dtype(self.kind).itemsize
        expected = self.count * (4 + self.columns * item)
        if self.count > size:
            raise SessionError(
                f"an edit must not have more runs than voxels, got {self.count} for {size}; it is damaged"
            )
        data = _inflated(self.data, expected) if self.deflated else self.data
        if len(data) != expected:
            raise SessionError(f"an edit's runs must fill {expected} bytes, got {len(data)}; it is damaged")
        lengths = np.frombuffer(data, "<u4", self.count).astype(np.int64)
        if int(lengths.sum()) != size or (self.count and int(lengths.min()) < 1):
            raise SessionError(f"an edit's runs must fill {size} voxels, got {int(lengths.sum())}; it is damaged")
        kind = np.dtype(self.kind).newbyteorder("<")
        offset = 4 * self.count
        values = [
            np.frombuffer(data, kind, self.count, offset + i * self.count * item).astype(self.kind)
            for i in range(self.columns)
        ]
        return (lengths, *values)

    def to_bytes(self) -> bytes:
        """As in a file; `from_bytes` is the way back."""
        return _HEAD.pack(self.deflated, TYPES.index(self.kind), self.count, len(self.data)) + self.data

    @classmethod
    def from_bytes(cls, content: bytes, *, columns: int) -> tuple[Runs, bytes]:
        """The runs at the start of `content`, and the rest; nothing is unpacked yet.

        Raises:
            SessionError: shorter than it says, or of an unknown type.
        """
        if len(content) < _HEAD.size:
            raise SessionError(f"an edit must have at least {_HEAD.size} bytes, got {len(content)}; it is damaged")
        deflated, kind, count, length = _HEAD.unpack_from(content)
        rest = content[_HEAD.size :]
        if kind >= len(TYPES) or deflated > 1 or len(rest) < length:
            raise SessionError("an edit's runs must be whole and of a known type, got others; it is damaged")
        return cls(bytes(rest[:length]), count, columns, TYPES[kind], bool(deflated)), rest[length:]


@dataclass(frozen=True, eq=False)
class Delta:
    """What changed in one layer: the tight box, and in it the runs of (before, after); 0 to 0 where nothing changed.

    `changed` counts the voxels. A voxel that changed never has equal values, so a pair of zeros means unchanged.
    """

    layer: str
    box: Box
    runs: Runs
    changed: int

    @property
    def nbytes(self) -> int:
        """Bytes that it holds, about 200 of them for the record itself."""
        return self.runs.nbytes + 200

    @classmethod
    def between(cls, layer: str, box: Box, *, before: NDArray[Any], after: NDArray[Any]) -> Delta | None:
        """The difference of two arrays of the box's shape; None when there is none."""
        differs = before != after
        tight = Box.of(differs)
        if tight is None:
            return None
        differs = differs[tight.slices]
        pair = [np.where(differs, array[tight.slices], 0).reshape(-1) for array in (before, after)]
        start = tuple(a + b for a, b in zip(box.start, tight.start, strict=True))
        stop = tuple(a + n for a, n in zip(start, tight.shape, strict=True))
        return cls(layer, Box(start, stop), Runs.of(*pair), int(np.count_nonzero(differs)))

    def values(self, *, forward: bool) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Which voxels of the box change, and the values they get: after the edit (`forward`), or before it."""
        size = int(np.prod([int(n) for n in self.box.shape], dtype=np.int64))
        lengths, before, after = self.runs.arrays(size)
        target = after if forward else before
        changed = np.repeat(before != after, lengths).reshape(self.box.shape)
        return changed, np.repeat(target, lengths).reshape(self.box.shape)

    def set_into(self, labels: NDArray[Any], *, forward: bool) -> None:
        """Write the values of one side into the layer's labels, in place."""
        changed, values = self.values(forward=forward)
        np.copyto(labels[self.box.slices], values, where=changed, casting="unsafe")


def _runs(columns: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    size = columns[0].size
    if not size:
        return np.zeros(0, np.int64), [column[:0] for column in columns]
    edges = [np.zeros(1, np.int64)]
    for low in range(1, size, _SLAB):  # in pieces: no temporary array of the whole volume
        high = min(low + _SLAB, size)
        turn = columns[0][low:high] != columns[0][low - 1 : high - 1]
        for column in columns[1:]:
            turn |= column[low:high] != column[low - 1 : high - 1]
        edges.append(np.flatnonzero(turn) + low)
    starts = np.concatenate(edges)
    return np.diff(starts, append=size), [column[starts] for column in columns]


def _inflated(data: bytes, expected: int) -> bytes:
    """Deflated data of a known size; never more memory than that is taken."""
    machine = zlib.decompressobj()
    try:
        found = machine.decompress(data, expected + 1)
    except zlib.error as error:
        raise SessionError(f"an edit's runs must be deflated data, got {error}; it is damaged") from error
    if len(found) != expected or not machine.eof:
        raise SessionError(f"an edit's runs must unpack to {expected} bytes, got another number; it is damaged")
    return found
