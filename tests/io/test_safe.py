"""Errors of decoders and disks become one kind of error; temporary files never stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum import io
from septum.errors import Cancelled, FormatError, GeometryError
from septum.io.safe import reading, replacing


def test_a_file_without_permission_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="check its permissions"), reading(tmp_path / "a", "X"):
        raise PermissionError("no")


def test_a_file_that_vanishes_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="must exist"), reading(tmp_path / "a", "X"):
        (tmp_path / "a").read_bytes()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("first\nsecond"), r"\(first\)"),
        (RuntimeError("stack\nITK ERROR: Reader(0x55): the reason\nReason: Success"), r"\(the reason\)"),
        (EOFError(), r"\(EOFError\)"),
        (RuntimeError(), r"\(RuntimeError\)"),
    ],
)
def test_the_line_that_says_most_is_passed_on(tmp_path: Path, error: Exception, words: str) -> None:
    with pytest.raises(FormatError, match=words), reading(tmp_path / "a", "X"):
        raise error


def test_our_own_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"^as it is$"), reading(tmp_path / "a", "X"):
        raise GeometryError("as it is")
    with pytest.raises(FormatError, match=r"^as it is$"), replacing(tmp_path / "a"):
        raise FormatError("as it is")


def test_a_bug_is_not_disguised_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    def write_and_stop(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.png") as temporary:
        write_and_stop(temporary)
    assert not list(tmp_path.iterdir())


def test_an_unreadable_file_is_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    (tmp_path / "x").write_bytes(b"x" * 200)
    monkeypatch.setattr(Path, "open", refuse)
    assert not io.is_image(tmp_path / "x")


def test_a_stop_while_a_file_is_read_is_a_stop_and_no_damage(tmp_path: Path) -> None:
    with pytest.raises(Cancelled), reading(tmp_path / "a", "X"):
        raise Cancelled
