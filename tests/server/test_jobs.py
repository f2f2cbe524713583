"""Jobs run one after the other, outlive the server in the database, and a process that dies takes nothing with it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError
from septum.server import jobs as module
from septum.server.events import Events
from septum.server.jobs import JobRunner
from septum.workflows.projects.project import Project, open_project
from septum.workflows.projects.store import BusyError, MissingError


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    found = open_project(folder)
    yield found
    found.close()


def runner(project: Project, work: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    """A runner whose processes do `work`; they are threads, which start at once."""
    monkeypatch.setattr(module, "work", work)
    found = JobRunner(project, Events())
    found._context = _Threads()  # type: ignore[assignment]
    return found


class _Threads:
    """Threads in the form of processes: a job of the tests takes milliseconds."""

    Event = staticmethod(threading.Event)
    Pipe = staticmethod(multiprocessing.Pipe)

    class Process(threading.Thread):
        """A thread with the words of a process, and an end of the pipe of its own, as a process has."""

        exitcode = -9

        def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...], name: str) -> None:
            own = Connection(os.dup(args[3].fileno()), readable=False)
            super().__init__(target=target, args=(*args[:3], own, args[4]), name=name, daemon=True)


def ended(project: Project, number: int) -> Any:
    deadline = time.monotonic() + 20
    while (job := project.store.job(number)).state not in ("done", "failed", "stopped"):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def happy(folder: str, kind: str, settings: dict[str, Any], pipe: Any, stop: Any) -> None:
    pipe.send({"status": {"step": 1, "loss": 0.5, "val_dice": 0.7, "fold": 0, "seconds_left": 1}, "progress": 0.5})
    pipe.send({"case": "square"})
    pipe.send({"end": "done", "result": {"model": settings["model"], "dice": 0.7}})
    pipe.close()


def test_a_training_is_followed_told_and_numbered(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = runner(project, happy, monkeypatch)
    found.start()
    first = found.order("train", {"minutes": 1.0})
    assert first["model"] == "model-1"
    assert found.order("train", {"minutes": 1.0})["model"] == "model-2"
    assert ended(project, 1).result == {"model": "model-1", "dice": 0.7}
    assert ended(project, 2).model == "model-2"
    shown = found.describe(project.store.job(1))
    assert [point["val_dice"] for point in shown["curve"]] == [0.7]
    found.close()


def test_a_process_that_dies_without_a_word_has_failed_and_the_next_one_starts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(folder: str, kind: str, settings: dict[str, Any], pipe: Any, stop: Any) -> None:
        if settings["model"] == "model-1":
            pipe.close()
        else:
            happy(folder, kind, settings, pipe, stop)

    found = runner(project, dies, monkeypatch)
    found.start()
    for _ in range(2):
        found.order("train", {"minutes": 1.0})
    first = ended(project, 1)
    assert (first.state, "memory may have run out" in str(first.error)) == ("failed", True)
    assert ended(project, 2).state == "done"
    found.close()


def test_a_queued_job_that_is_stopped_never_starts_and_one_at_work_is_asked_to(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_stopped(folder: str, kind: str, settings: dict[str, Any], pipe: Any, stop: Any) -> None:
        pipe.send({"end": "stopped" if stop.wait(20) else "failed", "result": {"model": settings["model"]}})
        pipe.close()

    found = runner(project, until_stopped, monkeypatch)
    found.start()
    for _ in range(2):
        found.order("train", {"minutes": 1.0})
    while project.store.job(1).state != "running" or 1 not in found._stops:
        time.sleep(0.01)
    assert found.stop(2)["state"] == "stopped"
    assert found.stop(1)["state"] == "stopping"
    assert ended(project, 1).state == "stopped"
    assert project.store.job(2).started is None
    found.close()


def test_what_was_queued_is_taken_up_by_the_next_server_and_what_ran_has_failed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = project.store
    for state in ("running", "queued"):
        job = store.add_job("train", {"model": f"model-{state}"})
        store.change_job(job.id, state=state, model=f"model-{state}")
    found = runner(project, happy, monkeypatch)
    found.start()
    assert "server was stopped" in str(ended(project, 1).error)
    assert ended(project, 2).state == "done"
    found.close()


def test_a_database_that_is_held_delays_a_job_and_loses_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY_S", 0.01)
    found = runner(project, happy, monkeypatch)
    change, refusals = project.store.change_job, iter([True, False, True, True, False])

    def sometimes(*given: Any, **values: Any) -> Any:
        if "model" not in values and next(refusals, False):
            raise BusyError("database is locked")
        return change(*given, **values)

    monkeypatch.setattr(project.store, "change_job", sometimes)
    found.start()
    found.order("train", {"minutes": 1.0})
    assert ended(project, 1).state == "done"
    found.close()


def test_what_cannot_be_ordered_is_refused_before_it_is_queued(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = runner(project, happy, monkeypatch)
    for kind in ("predict", "evaluate"):
        with pytest.raises(ConfigError, match="none yet"):
            found.order(kind, {})
    with pytest.raises(MissingError, match="keep it first"):
        found.order("segment", {"pipeline": "../x"})
    assert project.store.jobs() == ()


def test_the_prediction_after_a_training_keeps_probabilities_where_the_training_was_told_to(project: Project) -> None:
    facts = {"cases": 2, "minutes": 1.0, "dice": None, "prompts": False}
    found = JobRunner(project, Events())
    for number, wanted in enumerate((True, False), 1):
        (project.models / f"model-{number}").mkdir(parents=True)
        settings = {"predict": True, "probabilities": wanted, "model": f"model-{number}"}
        job = project.store.change_job(project.store.add_job("train", settings).id, model=f"model-{number}")
        found._end(job.id, {"end": "done", "result": facts}, code=0)
        (after,) = [one for one in project.store.jobs() if one.kind == "predict" and one.model == job.model]
        assert after.settings["probabilities"] is wanted
