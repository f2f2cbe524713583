"""One bad file is a row whatever its error; a full disk and a stop are not."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from septum.errors import Cancelled, DatasetError, FormatError, MismatchError, SeptumError
from septum.workflows.runs.failures import (
    CONTRADICTIONS,
    Failed,
    Failures,
    attempt,
    ends_everything,
    listed,
    parted,
    reason_of,
)

FULL = OSError(errno.ENOSPC, "No space left on device", "/data/a.nii")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SeptumError("a must be b"), "a must be b"),
        (MemoryError(), "it needs more memory than there is"),
        (OSError(errno.ENOENT, "No such file", "a.nii"), "a.nii: No such file"),
        (OSError("short read\nsecond line"), "short read"),
        (OSError(errno.EIO, "broken"), "[Errno 5] broken"),
        (OSError(), "the disk failed"),
        (ValueError("odd\nmore"), "unexpected ValueError (odd), a fault of Septum"),
        (ValueError(), "unexpected ValueError, a fault of Septum"),
        (ValueError("x" * 900), "unexpected ValueError (" + "x" * 200 + ")"),
    ],
)
def test_every_error_has_a_reason_in_one_line(error: BaseException, reason: str) -> None:
    found = reason_of(error)
    assert found.startswith(reason)
    assert "\n" not in found


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (Cancelled(), True),
        (FULL, True),
        (OSError(errno.EROFS, "read-only"), True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError(errno.ENOENT, "gone"), False),
        (caused(FormatError("cannot be written"), FULL), True),
        (caused(FormatError("cannot be read"), OSError(errno.EIO, "bad sector")), False),
        (ValueError("x"), False),
    ],
)
def test_only_what_every_further_file_would_meet_ends_a_run(error: BaseException, ends: bool) -> None:
    assert ends_everything(error) is ends


def test_errors_become_rows_in_order_and_the_first_is_told() -> None:
    failures = Failures()
    for name, error in (("a", None), ("b", SeptumError("it is broken")), ("c", ValueError("odd"))):
        with failures.of(name):
            if error is not None:
                raise error
    assert failures.names == {"b", "c"}
    assert failures.first == "b: it is broken"
    assert Failures().first == ""


@pytest.mark.parametrize("error", [Cancelled(), FULL, KeyboardInterrupt()])
def test_a_stop_and_a_full_disk_are_raised(error: BaseException) -> None:
    failures = Failures()
    with pytest.raises(type(error)), failures.of("a"):
        raise error
    assert failures.rows == []


def test_chosen_kinds_of_error_are_raised_instead_of_listed() -> None:
    failures = Failures(raised=CONTRADICTIONS)
    for error in (MismatchError("other grids"), DatasetError("no labels")):
        with pytest.raises(type(error)), failures.of("a"):
            raise error
    with failures.of("a"):
        raise FormatError("cut off")
    assert failures.names == {"a"}


def test_without_a_list_an_error_is_raised() -> None:
    with pytest.raises(SeptumError, match="x"), listed(None, "a"):
        raise SeptumError("x")
    failures = Failures()
    with listed(failures, "a"):
        raise SeptumError("x")
    assert failures.rows == [("a", "x")]


def refuse(item: Any) -> int:
    if isinstance(item, BaseException):
        raise item
    return 2 * item


def test_an_attempt_is_a_result_or_a_reason_that_travels() -> None:
    assert attempt(refuse, 3) == 6
    failed = attempt(refuse, ValueError("odd"))
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("unexpected ValueError (odd)")
    assert str(failed.error) == failed.reason
    own = attempt(refuse, FormatError("cut off"))
    assert isinstance(own, Failed)
    assert isinstance(own.error, FormatError)
    with pytest.raises(Cancelled):
        attempt(refuse, Cancelled())
    with pytest.raises(OSError, match="No space"):
        attempt(refuse, FULL)


def test_what_is_done_is_parted_from_what_failed_and_nothing_done_is_the_first_error() -> None:
    items: list[Any] = [1, FormatError("cut off"), 3, MismatchError("other grids")]
    done, failed = parted(items, [attempt(refuse, item) for item in items])
    assert done == [(1, 2), (3, 6)]
    assert [(str(item), reason) for item, reason in failed] == [("cut off",) * 2, ("other grids",) * 2]
    assert parted([], []) == ([], [])
    lost = items[3:] + items[1:2]
    with pytest.raises(MismatchError, match="other grids"):
        parted(lost, [attempt(refuse, item) for item in lost])
