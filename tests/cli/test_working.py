"""How commands end: what failed is told, the exit code says so, and a stop is a stop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from septum.cli.working import finish, finish_masks, say_page, until_stopped
from septum.errors import Cancelled


def result(written: int, failed: int, left: tuple[str, ...] = ()) -> SimpleNamespace:
    failures = (("bad", "it is broken"),) * failed
    return SimpleNamespace(written=(Path("a.png"),) * written, failures=failures, left=left)


def code(work) -> int:
    try:
        work()
    except typer.Exit as ending:
        return ending.exit_code
    return 0


@pytest.mark.parametrize(
    ("written", "failed", "stopped", "expected"),
    [
        (2, 0, None, 0),
        (0, 0, None, 0),
        (1, 1, None, 1),
        (0, 2, None, 2),
        (1, 1, "stopped", 130),
        (2, 0, "stopped", 130),
    ],
)
def test_the_exit_code_says_how_it_ended(capsys, written, failed, stopped, expected):
    assert code(lambda: finish(result(written, failed), stopped)) == expected
    told = capsys.readouterr().err
    assert told.count("failed: bad: it is broken") == failed
    assert ("image failed" in told or "images failed" in told) is (failed > 0)
    assert ("stopped" in told) is (stopped is not None)


def test_masks_are_counted_beside_failures_and_a_stop_keeps_what_is_done(capsys):
    assert code(lambda: finish_masks(result(3, 1))) == 1
    assert "3 masks written, 1 image failed" in capsys.readouterr().err
    assert code(lambda: finish_masks(result(1, 0, left=("b", "c")))) == 130
    told = capsys.readouterr().err
    assert "1 mask written and whole, 2 images left: b, c" in told
    assert "--overwrite" in told
    assert code(lambda: finish_masks(result(0, 0, left=("b",)))) == 130
    assert "no mask was written: run the same command again" in capsys.readouterr().err
    assert code(lambda: finish_masks(result(2, 0))) == 0


def test_work_that_was_cancelled_ends_with_130_and_other_work_with_its_result(capsys):
    assert until_stopped(lambda hooks: hooks.should_stop()) is False

    def cancelled(hooks):
        raise Cancelled

    assert code(lambda: until_stopped(cancelled)) == 130
    assert "nothing was written" in capsys.readouterr().err


def test_the_page_is_said_by_the_first_process_alone(capsys, monkeypatch, tmp_path):
    say_page(None)
    assert capsys.readouterr().err == ""
    say_page(tmp_path / "index.html")
    assert f"look at it: {(tmp_path / 'index.html').as_uri()}" in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_RANK", "1")
    say_page(tmp_path / "index.html")
    assert capsys.readouterr().err == ""
