"""Writing files so that nobody ever meets half of one, and reading them so that every failure is a `FormatError`."""

from __future__ import annotations

import os
import platform
import re
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from septum.errors import FormatError, GeometryError, SeptumError
from septum.io.naming import suffix

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Stands for this machine in temporary names: on a shared disk, others' processes cannot be asked whether they live."""
_OURS = re.compile(r"\.septum-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}.*")
_cleared: set[Path] = set()


def clear_dead(folder: Path) -> int:
    """Remove the temporary files that killed runs of this machine left in a folder; each folder once per process.

    Returns:
        How many were removed. Files of living processes and of other machines stay.
    """
    if folder in _cleared or not folder.is_dir():
        return 0
    _cleared.add(folder)
    removed = 0
    for path in folder.glob(".septum-*"):
        found = _OURS.fullmatch(path.name)
        if found and found.group(1) == _HOST and not _lives(int(found.group(2))):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _lives(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True


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
    clear_dead(path.parent)
    temporary = path.with_name(f".septum-{_HOST}-{os.getpid()}-{secrets.token_hex(6)}{suffix(path)}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except (FormatError, GeometryError):
        raise
    except (OSError, RuntimeError, ValueError, struct.error) as error:
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
    except SeptumError:
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
