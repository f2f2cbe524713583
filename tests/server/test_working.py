"""The process of a job tells its end in every case, and never dies with a traceback."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from septum.errors import Cancelled, ConfigError
from septum.server import working


class Pipe:
    """Remembers what is told; a server that says nothing."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def send(self, told: dict[str, Any]) -> None:
        self.said.append(told)

    def recv(self) -> None:
        threading.Event().wait()


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        ({"dice": 1.0}, {"end": "done", "result": {"dice": 1.0}}),
        ({"stopped": True}, {"end": "stopped", "result": {"stopped": True}}),
        (Cancelled("enough"), {"end": "stopped", "error": "enough"}),
        (ConfigError("no case"), {"end": "failed", "error": "no case"}),
        (ZeroDivisionError("by zero"), {"end": "failed", "error": "ZeroDivisionError in run: by zero"}),
    ],
)
def test_every_way_to_end_is_told(monkeypatch: pytest.MonkeyPatch, outcome: Any, end: dict[str, Any]) -> None:
    def run(*given: Any, **more: Any) -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(working, "_run", run)
    monkeypatch.setattr("signal.signal", lambda number, act: None)
    pipe = Pipe()
    working.work("nowhere", "train", {}, pipe)  # type: ignore[arg-type]
    assert pipe.said == [end]


def test_a_job_on_a_project_without_a_drawing_fails_with_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, act: None)
    pipe = Pipe()
    working.work(str(folder), "evaluate", {"model": "model-1"}, pipe)  # type: ignore[arg-type]
    assert pipe.said[-1]["end"] == "failed"
    assert "correct or accept some" in pipe.said[-1]["error"]


def test_the_wish_to_stop_is_heard_and_a_server_that_is_gone_ends_the_process_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = multiprocessing.Pipe()
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    stop = threading.Event()
    listening = threading.Thread(target=working._listen, args=(theirs, stop), daemon=True)
    listening.start()
    ours.send("stop")
    assert stop.wait(20)
    assert ended == []
    ours.close()
    listening.join(20)
    assert ended == [3]

    def tells(*given: Any, tell: Any, **more: Any) -> dict[str, Any]:
        tell({"message": "nobody hears this"})
        raise AssertionError("it must have ended")

    def exits(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", exits)
    monkeypatch.setattr("signal.signal", lambda number, act: None)
    monkeypatch.setattr(working, "_listen", lambda pipe, stop: None)
    monkeypatch.setattr(working, "_run", tells)
    with pytest.raises(SystemExit) as gone:
        working.work("nowhere", "train", {}, theirs)
    assert gone.value.code == 3
