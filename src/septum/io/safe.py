"""Writing files so that nobody ever meets half of one, and reading them so that every failure is a `FormatError`."""

from __future__ import annotations

import errno
import math
import os
import platform
import re
import secrets
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from septum.errors import Cancelled, FormatError, GeometryError, SeptumError
from septum.io.naming import suffix

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Stands for this machine in temporary names: on a shared disk, others' processes cannot be asked whether they live."""
_OURS = re.compile(r"\.septum-([0-9a-f]{8})-(\d+)-([0-9a-f]+)-[0-9a-f]{12}.*")
_cleared: set[Path] = set()
_BLOCK = 1 << 22


def temporary_path(path: Path) -> Path:
    """A new name in the folder of `path`, with its suffix, that says which process writes there.

    What dead processes left in this folder under such names is removed. The name does not contain that of `path`:
    a name of 255 characters has no room for more.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     temporary_path(Path(folder, "mask.nii.gz")).name.endswith(".nii.gz")
    True
    """
    clear_dead(path.parent)
    pid = os.getpid()
    return path.with_name(f".septum-{_HOST}-{pid}-{_start_of(pid)}-{secrets.token_hex(6)}{suffix(path)}")


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new hidden folder in `parent` that is removed at the end, or by a later run where this one is killed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with scratch_folder(Path(folder)) as work:
    ...         _ = Path(work, "half.txt").write_text("half")
    ...     list(Path(folder).iterdir())
    []
    """
    work = temporary_path(parent / "folder")
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def reserved_array(path: Path, shape: tuple[int, ...], *, dtype: type[np.generic]) -> np.memmap[Any, Any]:
    """A new array of zeros in a file, memory-mapped, whose bytes on the disk are taken before anything is written.

    A mapped file with holes ends the process with SIGBUS when the disk is full at the moment a hole is filled.

    Raises:
        FormatError: the disk has no room for it; nothing is left.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reserved_array(Path(folder, "a.bin"), (2, 3), dtype=np.float16).shape
    (2, 3)
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(1, size))
            else:
                for start in range(0, size, _BLOCK):
                    file.write(bytes(min(_BLOCK, size - start)))
    except OSError as error:
        path.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free
        raise FormatError(
            f"{path.parent} must have {size / 1e6:,.0f} MB free for intermediate results, got {free / 1e6:,.0f} MB "
            f"({error.strerror}); free some space or choose another output folder"
        ) from error
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def clear_dead(folder: Path) -> int:
    """Remove the temporary files and folders that killed runs of this machine left in a folder; each folder once per
    process.

    Returns:
        How many were removed. Those of living processes and of other machines stay.
    """
    if folder in _cleared or not folder.is_dir():
        return 0
    _cleared.add(folder)
    removed = 0
    for path in folder.glob(".septum-*"):
        found = _OURS.fullmatch(path.name)
        if found and found.group(1) == _HOST and not _lives(int(found.group(2)), start=found.group(3)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
    return removed


def _lives(pid: int, *, start: str) -> bool:
    """Whether the process that began at `start` still runs; another one may have its number by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return start == "0" or _start_of(pid) in ("0", start)


def _start_of(pid: int) -> str:
    """When a process began, in ticks since the machine's start as Linux counts them (hexadecimal); "0" elsewhere."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        return f"{int(status.rpartition(')')[2].split()[19]):x}"
    except (OSError, ValueError, IndexError):
        return "0"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` with the same suffix, renamed to `path` when the block ends well.

    Raises:
        FormatError: when the file cannot be written (disk full, no permission, no such folder); the temporary file is
            removed and what stood under `path` before is untouched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "note.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "note.txt").read_text()
    'whole'
    """
    temporary = temporary_path(path)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except (FormatError, GeometryError):
        raise
    except (OSError, RuntimeError, ValueError, struct.error) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            size = len(path.name.encode())
            raise FormatError(
                f"{path.name[:40]}... must have a name that the disk takes (usually 255 bytes), got {size} bytes; "
                "rename the image it belongs to"
            ) from error
        reason = (error.strerror if isinstance(error, OSError) else None) or _first_line(error)
        raise FormatError(f"{path} could not be written ({reason}); check free space, permission and folder") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def reading(path: Path, format_name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into a `FormatError` that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise FormatError(f"{path} must exist, no such file or folder; check the path") from error
    except PermissionError as error:
        raise FormatError(f"{path} must be readable; check its permissions") from error
    except (SeptumError, Cancelled):  # a stop that comes while a file is read says nothing of the file
        raise
    except MemoryError as error:
        raise FormatError(
            f"{path} must fit into memory, but reading it needs more than there is; crop it, or close other programs"
        ) from error
    except Exception as error:  # a decoder may raise anything on a damaged file, its own kinds of error too
        raise FormatError(_damaged(path, format_name, error=error)) from error


def _damaged(path: Path, format_name: str, *, error: Exception) -> str:
    return (
        f"{path} must be a complete {format_name} file, but it cannot be read ({_first_line(error)}); "
        "it is truncated, damaged or of another format: copy it again from its source"
    )


def _first_line(error: Exception) -> str:
    """The line of a decoder's message that says most: the last one in ITK's stacks of messages, otherwise the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    stacked = [re.sub(r"^ITK ERROR: \w+\(\w+\): ", "", line) for line in lines if not line.startswith("Reason:")]
    chosen = stacked[-1:] if isinstance(error, RuntimeError) else lines[:1]
    return chosen[0][:200] if chosen else type(error).__name__
