"""Exceptions become one message and the right exit code; the traceback comes only with --debug."""

import errno
import os
import warnings

import pytest

from septum import io
from septum.errors import Cancelled, CheckpointError, FormatError


@pytest.fixture
def failing_info(monkeypatch):
    """`septum info .` fails with the given exception."""

    def arrange(error: BaseException) -> None:
        def describe(path, *, axes=None):
            raise error

        monkeypatch.setattr(io, "is_image", lambda path: True)
        monkeypatch.setattr(io, "describe", describe)

    return arrange


@pytest.mark.parametrize("error", [FormatError("scan.nii.gz is truncated"), CheckpointError("m is newer")])
def test_bad_input_is_a_message_without_a_traceback(septum, failing_info, error):
    failing_info(error)
    result = septum("info", ".")
    assert result.code == 2
    assert result.err == f"septum: {error}\n"


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permissions"),
        (errno.EROFS, "can be written"),
        (errno.ENOENT, "check the path"),
        (errno.EEXIST, "a folder is wanted here, and this is a file"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_path_and_advice(septum, failing_info, number, advice):
    failing_info(OSError(number, os.strerror(number), "out/mask.png"))
    result = septum("info", ".")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "out/mask.png" in result.err
    assert advice in result.err


def test_a_bug_is_one_line_that_advises_debug(septum, failing_info):
    failing_info(ZeroDivisionError("division by zero"))
    result = septum("info", ".")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in result.err
    assert "--debug" in result.err


@pytest.mark.parametrize("arguments", [("--debug", "info", "."), ("info", ".", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(septum, failing_info, arguments):
    failing_info(ZeroDivisionError("division by zero"))
    result = septum(*arguments)
    assert result.code == 1
    assert "Traceback" in result.err


def test_debug_keeps_the_exit_code_of_bad_input(septum, failing_info):
    failing_info(FormatError("scan.nii.gz is truncated"))
    result = septum("info", ".", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err


def test_too_little_memory_is_said_plainly(septum, failing_info):
    failing_info(MemoryError())
    result = septum("info", ".")
    assert result.code == 1
    assert "memory" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("wish", [Cancelled(), KeyboardInterrupt()])
def test_a_wish_to_stop_exits_with_130_and_one_line(septum, failing_info, wish):
    failing_info(wish)
    result = septum("info", ".")
    assert result.code == 130
    assert "Traceback" not in result.err


def test_a_library_warning_takes_one_line(septum, failing_info, monkeypatch):
    failing_info(FormatError("the end"))
    ended = io.describe

    def describe(path, *, axes=None):
        warnings.warn("header is odd\nsecond line", UserWarning, stacklevel=1)
        ended(path, axes=axes)

    monkeypatch.setattr(io, "describe", describe)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        result = septum("info", ".")
    assert result.err == "warning: header is odd\nseptum: the end\n"
