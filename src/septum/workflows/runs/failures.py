"""One bad file is a row in a list, whatever kind of error it caused; the others are worked through.

The insight: nobody knows which errors other people's files cause, so none is listed here. What ends a run is only what
every further file would meet as well: a disk that is full or read-only, and a person who asked to stop.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from septum.errors import Cancelled, DatasetError, MismatchError, SeptumError

CONTRADICTIONS = (MismatchError, DatasetError)
"""Errors about data that contradict each other: what learns from them asks a person instead of leaving cases out."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line for a person.

    >>> reason_of(SeptumError("a.nii must be complete; copy it again"))
    'a.nii must be complete; copy it again'
    >>> reason_of(KeyError("x"))
    "unexpected KeyError ('x'), a fault of Septum: --debug shows the details for a report"
    """
    if isinstance(error, SeptumError):
        return str(error)
    if isinstance(error, MemoryError):
        return "it needs more memory than there is; close other programs, crop it, or take a larger machine"
    lines = str(error).strip().splitlines()
    said = lines[0][:200] if lines else ""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else said or "the disk failed"
    detail = f" ({said})" if said else ""
    return f"unexpected {type(error).__name__}{detail}, a fault of Septum: --debug shows the details for a report"


def ends_everything(error: BaseException) -> bool:
    """Whether every further file would meet this error, too: somebody asked to stop, the disk is full or read-only.

    >>> ends_everything(OSError(errno.ENOSPC, "disk full")), ends_everything(ValueError("one bad file"))
    (True, False)
    """
    codes = {getattr(e, "errno", None) for e in (error, error.__cause__, error.__context__) if e is not None}
    return isinstance(error, Cancelled) or bool(codes & {errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Listing:
    """A block whose errors become rows, see `Failures.of`."""

    def __init__(self, failures: Failures, name: str) -> None:
        self._failures, self._name = failures, name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or ends_everything(error) or isinstance(error, self._failures.raised):
            return False
        _log.debug("%s failed", self._name, exc_info=error)
        self._failures.rows.append((self._name, reason_of(error)))
        return True


@dataclass
class Failures:
    """What failed of many: (name, reason) of each, in order; kinds of error in `raised` are not listed but raised.

    >>> failures = Failures()
    >>> for name in ("a", "b"):
    ...     with failures.of(name):
    ...         if name == "a":
    ...             raise SeptumError("it must be an image")
    >>> failures.rows
    [('a', 'it must be an image')]
    """

    rows: list[tuple[str, str]] = field(default_factory=list)
    raised: tuple[type[Exception], ...] = ()

    def of(self, name: str) -> Listing:
        """A block in which an error becomes a row under `name`; what `ends_everything` is raised."""
        return Listing(self, name)

    @property
    def names(self) -> set[str]:
        """Of everything that failed."""
        return {name for name, _ in self.rows}

    @property
    def first(self) -> str:
        """The first name with its reason; an empty text where nothing failed."""
        return ": ".join(self.rows[0]) if self.rows else ""


def listed(failures: Failures | None, name: str) -> AbstractContextManager[None, bool | None]:
    """Within, an error becomes a row of `failures`; without a list it is raised.

    >>> failures = Failures()
    >>> with listed(failures, "a"):
    ...     raise SeptumError("it must be an image")
    >>> failures.first
    'a: it must be an image'
    """
    return nullcontext() if failures is None else failures.of(name)


@dataclass(frozen=True)
class Failed:
    """Stands where a result would: why there is none, and the error. Travels between processes."""

    reason: str
    error: SeptumError


def attempt(function: Callable[[Item], Result], item: Item) -> Result | Failed:
    """`function(item)`, or why it failed; raises what `ends_everything`. Importable by name, for other processes.

    >>> attempt(int, "12"), isinstance(attempt(int, "twelve"), Failed)
    (12, True)
    """
    try:
        return function(item)
    except Exception as error:
        if ends_everything(error):
            raise
        _log.debug("%s failed", function, exc_info=True)
        reason = reason_of(error)
        return Failed(reason, error if isinstance(error, SeptumError) else SeptumError(reason))


def parted(
    items: Sequence[Item], results: Sequence[Result | Failed]
) -> tuple[list[tuple[Item, Result]], list[tuple[Item, str]]]:
    """Items with their results, and those that failed with their reasons.

    Raises:
        SeptumError: the first error, where nothing else is.

    >>> parted(["a", "b"], [0.9, Failed("no mask", SeptumError("no mask"))])
    ([('a', 0.9)], [('b', 'no mask')])
    """
    done = [(item, found) for item, found in zip(items, results, strict=True) if not isinstance(found, Failed)]
    failed = [(item, found) for item, found in zip(items, results, strict=True) if isinstance(found, Failed)]
    if failed and not done:
        raise failed[0][1].error
    return done, [(item, found.reason) for item, found in failed]
