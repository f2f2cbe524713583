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

    Pipe = staticmethod(multiprocessing.Pipe)

    class Process(threading.Thread):
        """A thread with the words of a process, and an end of the pipe of its own, as a process has."""

        exitcode = -9

        def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...], name: str) -> None:
            own = Connection(os.dup(args[3].fileno()))
            super().__init__(target=target, args=(*args[:3], own), name=name, daemon=True)


def ended(project: Project, number: int) -> Any:
    deadline = time.monotonic() + 20
    while (job := project.store.job(number)).state not in ("done", "failed", "stopped"):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def happy(folder: str, kind: str, settings: dict[str, Any], pipe: Any) -> None:
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
    def dies(folder: str, kind: str, settings: dict[str, Any], pipe: Any) -> None:
        if settings["model"] == "model-1":
            pipe.close()
        else:
            happy(folder, kind, settings, pipe)

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
    def until_stopped(folder: str, kind: str, settings: dict[str, Any], pipe: Any) -> None:
        pipe.send(
            {"end": "stopped" if pipe.poll(20) and pipe.recv() else "failed", "result": {"model": settings["model"]}}
        )
        pipe.close()

    found = runner(project, until_stopped, monkeypatch)
    found.start()
    for _ in range(2):
        found.order("train", {"minutes": 1.0})
    while project.store.job(1).state != "running" or 1 not in found._pipes:
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


def cut_off(project: Project, number: int, *, learnt: bool) -> Path:
    """A training that runs when the server dies, with what it has left until then."""
    name = f"model-{number}"
    data, model = project.folder / "rounds" / name, project.models / name
    for folder in (data, model / "fold_0"):
        folder.mkdir(parents=True)
    for path in (data / "cases.csv", model / "data.json", model / "plan.json"):
        path.write_text("{}")
    if learnt:
        (model / "fold_0" / "state.pt").write_bytes(b"state")
    job = project.store.add_job("train", {"model": name, "minutes": 5.0, "steps": None})
    project.store.change_job(job.id, state="running", model=name)
    return model


def test_a_training_whose_server_died_is_removed_or_kept_and_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, learnt = cut_off(project, 1, learnt=False), cut_off(project, 2, learnt=True)
    found = runner(project, happy, monkeypatch)
    found.start()
    assert [one.state for one in project.store.jobs()] == ["failed", "failed"]
    assert (nothing.exists(), (project.folder / "rounds" / "model-1").exists(), learnt.exists()) == (False, False, True)
    first, second = (str(one.error) for one in project.store.jobs())
    assert (first.endswith("start it again"), 'bench.resume("model-2")' in second) == (True, True)
    for settings, reason in (
        ({"model": "model-1"}, "cut off, got 'model-1'"), ({"model": "../x"}, "cut off"),
        ({"model": "model-2", "steps": 5}, "keeps its budget"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=reason):
            found.order("train", settings)
    assert [found.describe(one)["resumable"] for one in project.store.jobs()] == [False, True]
    again = found.order("train", {"model": "model-2", "minutes": None})
    assert not any(found.describe(one)["resumable"] for one in project.store.jobs())
    job = ended(project, again["id"])
    assert (job.state, job.settings["resume"], job.settings["minutes"]) == ("done", True, 5.0)
    with pytest.raises(ConfigError, match="cut off"):  # it has a model now
        found.order("train", {"model": "model-2"})
    found.close()


@pytest.mark.parametrize("learnt", [True, False])
def test_a_training_that_fails_leaves_no_half_made_model_but_what_it_learnt(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, learnt: bool
) -> None:
    model = cut_off(project, 1, learnt=learnt)
    JobRunner(project, Events())._end(1, {"end": "failed", "error": "memory"}, code=1)
    assert (model.exists(), "go on with it in the panel Train" in str(project.store.job(1).error)) == (learnt, learnt)


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
