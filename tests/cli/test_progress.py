"""Progress: a plain line now and every ten seconds in a pipe, one live line on a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from septum.cli.options import say
from septum.cli.progress import Reporter, clock_text, training_line


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def status(**changes):
    values = {
        "fold": 1,
        "folds": 1,
        "step": 120,
        "steps": 1500,
        "images_per_second": 14.23,
        "loss": 0.41234,
        "val_dice": None,
        "seconds_left": 271.0,
        "message": "",
        "name": "",
    }
    return SimpleNamespace(**(values | changes))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written():
    return io.StringIO()


@pytest.fixture
def reporter(written, clock):
    with Reporter(Console(file=written, width=200, force_terminal=False), clock=clock) as entered:
        yield entered


def test_a_training_line_holds_step_speed_loss_dice_and_time_left():
    assert training_line(status()) == "step 120/1500  14.2 images/s  loss 0.412  Dice -  4:31 left"
    later = training_line(status(fold=2, folds=5, name="judge 2", val_dice=0.87654, message="plateau"))
    assert later == "judge 2 (2/5)  step 120/1500  14.2 images/s  loss 0.412  Dice 0.877  4:31 left  plateau"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3600, "1:00:00"), (-1, "0:00")])
def test_times_are_written_as_people_read_them(seconds, text):
    assert clock_text(seconds) == text


def test_in_a_pipe_the_first_line_comes_at_once_and_then_one_every_ten_seconds(reporter, clock, written):
    for second in range(25):
        clock.now = float(second)
        reporter.training(status(step=second))
    steps = [line.split()[1] for line in written.getvalue().splitlines() if line.startswith("step")]
    assert steps == ["0/1500", "10/1500", "20/1500"]


def test_the_last_state_is_written_at_the_end(clock, written):
    with Reporter(Console(file=written, width=200), clock=clock) as reporter:
        reporter.training(status(step=0))
        reporter.training(status(step=7))
    assert written.getvalue().splitlines()[-1].startswith("step 7/1500")


def test_a_stage_is_timed_from_the_event_before_it(reporter, clock, written):
    clock.now = 300.0
    reporter.training(status(step=1500))
    clock.now = 302.0
    reporter.work("first.png", 0.5)
    clock.now = 312.0
    reporter.work("second.png", 0.75)
    assert written.getvalue().splitlines()[-1] == "second.png  75 %  0:04 left"


def test_no_control_codes_reach_a_pipe(reporter, written):
    reporter.note("[bold] is not markup: case [1]")
    reporter.work("brain.nii.gz", 0.5)
    assert "\x1b" not in written.getvalue()
    assert "[bold] is not markup: case [1]" in written.getvalue()


def test_time_left_follows_from_what_was_done(reporter, clock, written):
    clock.now = 30.0
    reporter.work("b.png", 0.25)
    assert written.getvalue().splitlines()[-1] == "b.png  25 %  1:30 left"


def test_the_estimate_starts_again_when_another_stage_begins(reporter, clock, written):
    reporter.work("reading", 1.0)
    clock.now = 100.0
    reporter.work("measuring", 0.0)
    clock.now = 110.0
    reporter.work("measuring", 0.5)
    assert written.getvalue().splitlines()[-1] == "measuring  50 %  0:10 left"


def test_a_terminal_gets_one_live_line(clock, written):
    console = Console(file=written, width=120, force_terminal=True)
    with Reporter(console, clock=clock) as reporter:
        reporter.training(status(step=0))
        reporter.note("a remark")
        reporter.training(status(step=1500, val_dice=0.9))
    assert "a remark" in written.getvalue()
    assert written.getvalue().rstrip().endswith("Dice 0.900  4:31 left")


@pytest.mark.parametrize("name", ["LOCAL_RANK", "NODE_RANK"])
def test_of_several_processes_only_the_first_speaks(monkeypatch, capsys, name):
    monkeypatch.setenv(name, "1")
    with Reporter() as reporter:
        reporter.note("hello")
    say("a result")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv(name, "0")
    say("a result")
    assert capsys.readouterr().out == "a result\n"


def test_the_same_line_is_not_written_twice(written, clock):
    with Reporter(Console(file=written, width=200), clock=clock) as reporter:
        reporter.work("z.png", 1.0)
        reporter.work("z.png", 1.0)
    assert written.getvalue().splitlines() == ["z.png  100 %"]
