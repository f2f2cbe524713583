"""The files of a session: records with checksums, appended one at a time, and a snapshot that starts a new journal.

The insight: a record that was not written to its end can be told from a whole one, because its length and two checksums
come first. So after a crash in the middle of a write everything before the last record is there, and the last one is
dropped; nothing is ever rewritten in place. A record that is damaged *before* others is no crash but damage, and is
refused.

A folder holds one generation or two: `snapshot-000004.septum`, which is complete or absent (written beside, flushed,
renamed), and `journal-000004.septum`, what was done since. The generation before stays until the next one.

Files come from outside: lengths are compared with what is there before anything is allocated, text is JSON, and nothing
is ever unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from septum.errors import SessionError
from septum.io.documents import parse_json
from septum.io.safe import temporary_path

MAGIC = b"SEPTUM-SESSION-1\n"


MAX_META = 1 << 20
"""Largest JSON part of a record, bytes."""


_HEAD = struct.Struct("<4sQQI")  # mark, number, bytes of the body, checksum of the body


_MARK = b"SREC"


_META = struct.Struct("<I")


_NAME = re.compile(r"snapshot-(\d{6})\.septum")


GENERATIONS_KEPT = 2


@dataclass(frozen=True)
class Record:
    """One record: its kind and details as plain JSON, and bytes."""

    meta: Mapping[str, Any]
    data: bytes = b""


def pack(record: Record, number: int) -> bytes:
    """A record as it stands in a file: head, checksum of the head, body.

    Raises:
        SessionError: details that are longer than a megabyte.

    >>> len(pack(Record({"kind": "edit"}, b"abc"), 0)) > 3
    True
    """
    meta = json.dumps(dict(record.meta), separators=(",", ":")).encode()
    if len(meta) > MAX_META:
        raise SessionError(f"a record's details must be at most {MAX_META} bytes, got {len(meta)}; shorten them")
    body = _META.pack(len(meta)) + meta + record.data
    head = _HEAD.pack(_MARK, number, len(body), zlib.crc32(body))
    return head + _META.pack(zlib.crc32(head)) + body


def read_records(path: Path) -> tuple[list[Record], int]:
    """Every complete record of a file, and the length in bytes of what is sound (0 for an empty file).

    What follows the last complete record, and is shorter than it says or empty (zeros), is a write that was cut off.

    Raises:
        SessionError: no such file or no session file, or a record that is damaged though others follow it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_snapshot(Path(folder, "a.septum"), [Record({"kind": "note"})])
    ...     [record.meta["kind"] for record in read_records(Path(folder, "a.septum"))[0]]
    ['note', 'end']
    """
    records, sound, damage = _read(path)
    if damage is not None:
        raise damage
    return records, sound


def read_until_damage(path: Path) -> tuple[list[Record], int, bool]:
    """As `read_records`, but a damaged record ends the reading; and whether there is one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_snapshot(Path(folder, "a.septum"), [Record({"kind": "note"})])
    ...     read_until_damage(Path(folder, "a.septum"))[2]
    False
    """
    records, sound, damage = _read(path)
    return records, sound, damage is not None


def _read(path: Path) -> tuple[list[Record], int, SessionError | None]:
    records: list[Record] = []
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            if start != MAGIC[: len(start)]:
                raise SessionError(f"{path.name} must be a file of a Septum session, got another; choose its folder")
            sound = len(start) if len(start) == len(MAGIC) else 0
            while sound:
                try:
                    record = _read_record(file, size - sound, number=len(records), path=path)
                except SessionError as damage:
                    return records, sound, damage
                if record is None:
                    break
                records.append(record)
                sound = file.tell()
            return records, sound, None
    except OSError as error:
        raise SessionError(f"{path} cannot be read: {error.strerror or error}; check the folder") from error


def _read_record(file: BinaryIO, left: int, *, number: int, path: Path) -> Record | None:
    """The next record; None at the end, or where the last write was cut off."""
    head = file.read(_HEAD.size + _META.size)
    if len(head) < _HEAD.size + _META.size:
        return None
    mark, counted, length, checksum = _HEAD.unpack_from(head)
    if mark != _MARK or _META.unpack_from(head, _HEAD.size)[0] != zlib.crc32(head[: _HEAD.size]):
        if not any(head) and _only_zeros(file):
            return None
        raise _damaged(path, number)
    if counted != number:
        raise _damaged(path, number)
    if length > left - len(head):
        return None
    body = file.read(length)
    if zlib.crc32(body) != checksum:
        if not file.read(1):
            return None
        raise _damaged(path, number)
    return _unpacked(body, path, number=number)


def _unpacked(body: bytes, path: Path, *, number: int) -> Record:
    if len(body) < _META.size:
        raise _damaged(path, number)
    (length,) = _META.unpack_from(body)
    if length > MAX_META or _META.size + length > len(body):
        raise _damaged(path, number)
    try:
        meta = parse_json(body[_META.size : _META.size + length])
    except ValueError as error:
        raise _damaged(path, number) from error
    if not isinstance(meta, dict):
        raise _damaged(path, number)
    return Record(meta, body[_META.size + length :])


def _only_zeros(file: BinaryIO) -> bool:
    return all(not any(block) for block in iter(lambda: file.read(1 << 16), b""))


def _damaged(path: Path, number: int) -> SessionError:
    return SessionError(
        f"record {number + 1} of {path.name} must be whole, got a damaged one; "
        "open the session with `until_damage=True` to have everything before it"
    )


class Journal:
    """An append-only file of records, held open; nobody else may hold it (where the system has file locks).

    Args:
        path: of the file; made when absent.
        length: bytes that are sound; what follows is cut off.
        number: records that stand there already.
        durable: wait after each record until it is on the disk: nothing is lost when the power fails, at some
            milliseconds per edit. A crash of the program loses nothing either way.

    Raises:
        SessionError: the file cannot be written, or another program holds it.
    """

    def __init__(self, path: Path, *, length: int = 0, number: int = 0, durable: bool = False) -> None:
        self.path, self._number, self._durable = path, number, durable
        try:
            self._file = open(path, "r+b" if path.exists() else "x+b", buffering=0)  # noqa: SIM115, PTH123 - held open
        except OSError as error:
            raise SessionError(f"{path} cannot be written: {error.strerror or error}; check the folder") from error
        _lock(self._file, path)
        self._file.truncate(length)
        self._file.seek(length)
        self._end = length
        if not length:
            try:
                self._write(MAGIC)
            except SessionError:
                self._file.close()  # else nobody could open the session once there is room again
                raise

    def append(self, record: Record) -> None:
        """Write one record at the end, whole or not at all.

        Raises:
            SessionError: the disk is full or gone; the file is as it was before.
        """
        self._write(pack(record, self._number))
        self._number += 1

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _write(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[self._file.write(view) or 0 :]
            if self._durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise SessionError(
                f"{self.path} cannot be written: {error.strerror or error}; nothing was changed; free some space"
            ) from error
        self._end += len(content)


def write_snapshot(path: Path, records: Iterable[Record]) -> None:
    """Write a file of records that is complete or absent; an `end` record closes it.

    Raises:
        SessionError: it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_snapshot(Path(folder, "a.septum"), [Record({"kind": "note"})])
    ...     [dict(record.meta) for record in read_snapshot(Path(folder, "a.septum"))]
    [{'kind': 'note'}]
    """
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC)
            count = 0
            for count, record in enumerate(records, start=1):
                file.write(pack(record, count - 1))
            file.write(pack(Record({"kind": "end"}), count))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SessionError(f"{path} cannot be written: {error.strerror or error}; free some space") from error


def read_snapshot(path: Path) -> list[Record]:
    """The records of a snapshot without its `end`.

    Raises:
        SessionError: damaged, or not complete.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_snapshot(Path(folder, "a.septum"), [Record({"kind": "note"}, b"abc")])
    ...     read_snapshot(Path(folder, "a.septum"))[0].data
    b'abc'
    """
    records, _ = read_records(path)
    if not records or records[-1].meta.get("kind") != "end":
        raise SessionError(f"{path.name} must be complete, got one without its end; use the generation before")
    return records[:-1]


def generations(folder: Path) -> list[int]:
    """Numbers of the snapshots in a folder, the newest first.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_snapshot(snapshot_path(Path(folder), 3), [])
    ...     generations(Path(folder))
    [3]
    """
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted((int(match.group(1)) for match in found if match), reverse=True)


def snapshot_path(folder: Path, number: int) -> Path:
    """Name of a generation's snapshot.

    >>> snapshot_path(Path("session"), 3).name
    'snapshot-000003.septum'
    """
    return folder / f"snapshot-{number:06d}.septum"


def journal_path(folder: Path, number: int) -> Path:
    """Name of a generation's journal.

    >>> journal_path(Path("session"), 3).name
    'journal-000003.septum'
    """
    return folder / f"journal-{number:06d}.septum"


def forget_old(folder: Path) -> None:
    """Remove all generations but the two newest; a file that cannot be removed stays.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in (1, 2, 3):
    ...         write_snapshot(snapshot_path(Path(folder), number), [])
    ...     forget_old(Path(folder))
    ...     generations(Path(folder))
    [3, 2]
    """
    for number in generations(folder)[GENERATIONS_KEPT:]:
        for path in (snapshot_path(folder, number), journal_path(folder, number)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _lock(file: Any, path: Path) -> None:
    """Hold the file alone, where the system knows how."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows: no advisory lock
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SessionError(
            f"the session {path.parent} must be open only once, got it twice; close the other"
        ) from error


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a loss of power, where folders can be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
