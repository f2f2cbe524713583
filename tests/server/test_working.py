"""The process of a job tells its end in every case, and never dies with a traceback."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from septum.errors import Cancelled, ConfigError
from septum.server import working


class Pipe:
    """Remembers what is told."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.closed = False

    def send(self, told: dict[str, Any]) -> None:
        self.said.append(told)

    def close(self) -> None:
        self.closed = True


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
    working.work("nowhere", "train", {}, pipe, threading.Event())  # type: ignore[arg-type]
    assert pipe.said == [end]
    assert pipe.closed


def test_a_job_on_a_project_without_a_drawing_fails_with_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, act: None)
    pipe = Pipe()
    working.work(str(folder), "evaluate", {"model": "model-1"}, pipe, threading.Event())  # type: ignore[arg-type]
    assert pipe.said[-1]["end"] == "failed"
    assert "correct or accept some" in pipe.said[-1]["error"]
