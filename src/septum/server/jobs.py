"""Long work, one job after the other, each in a process of its own.

The insight: the database says what was ordered and how it ended; the rest (progress, the curve) is told while it
happens and may be forgotten. A job whose process dies without a word has failed, and the next one starts.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from septum.errors import ConfigError
from septum.server.events import Events
from septum.server.words import without_paths
from septum.server.working import work
from septum.workflows.projects.learning import is_resumable, keep_resumable, measurable, models_of
from septum.workflows.projects.pipelines import PREFIX, find_pipeline
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import ENDED, BusyError, JobRecord, now_text

MOST_POINTS = 2000
PATIENCE_S = 20.0
_EVERY_S = 0.5


@dataclass
class Live:
    """What a job that runs tells."""

    progress: float = 0.0
    message: str = ""
    status: dict[str, Any] | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    told: float = 0.0


class JobRunner:
    """Starts queued jobs in order; `start` begins, `close` stops the job at work and keeps the rest queued."""

    def __init__(self, project: Project, events: Events) -> None:
        self._project, self._events = project, events
        self._context = multiprocessing.get_context("spawn")
        self._waiting: queue.Queue[int | None] = queue.Queue()
        self._live: dict[int, Live] = {}
        self._pipes: dict[int, Connection] = {}
        self._ending = threading.Lock()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what was queued; what ran when the server died has failed, and what a training had learnt is kept.
        Nothing happens twice."""
        if self._thread is not None and self._thread.is_alive():
            return
        for job in self._project.store.jobs():
            if job.state in ("running", "stopping"):
                left = self._left_behind(job) or "start it again"
                error = f"the server was stopped while it ran; {left}"
                self._project.store.change_job(job.id, state="failed", ended=now_text(), error=error)
            elif job.state == "queued":
                self._waiting.put(job.id)
        self._thread = threading.Thread(target=self._work, name="septum-jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the job at work and wait for it."""
        self._closing = True
        for pipe in list(self._pipes.values()):
            _ask_to_stop(pipe)
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(PATIENCE_S + 5)

    def order(self, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Queue a job.

        Raises:
            ConfigError: a prediction or measurement without a model, or a training of one that cannot go on.
            MissingError: a segmentation by a pipeline that the project does not keep.
        """
        if kind == "train" and settings.get("model"):
            settings = self._resumed(settings)
        elif kind == "train":
            taken = {job.model for job in self._project.store.jobs()}
            number = 1 + sum(job.kind == "train" for job in self._project.store.jobs())
            while f"model-{number}" in taken or (self._project.models / f"model-{number}").exists():
                number += 1
            settings = {**settings, "model": f"model-{number}"}
        elif kind == "segment":
            pipeline = str(settings.get("pipeline") or "")
            find_pipeline(self._project, pipeline)
            settings = {**settings, "model": PREFIX + pipeline}
        else:
            known = measurable(self._project) if kind == "evaluate" else [m.name for m in models_of(self._project)]
            name = settings.get("model") or (known[-1] if known else None)
            if name not in known:
                raise ConfigError(f"model must be one of {', '.join(known) or 'none yet: train first'}, got {name!r}")
            settings = {**settings, "model": name}
        job = self._project.store.add_job(kind, settings)
        job = self._project.store.change_job(job.id, model=settings["model"])
        self._waiting.put(job.id)
        return self._tell(job)

    def stop(self, job_id: int) -> dict[str, Any]:
        """Ask a job to stop: a training keeps what it learnt, a queued job never starts."""
        job = self._project.store.job(job_id)
        if job.state == "queued":
            job = self._project.store.change_job(job_id, state="stopped", ended=now_text())
        with self._ending:  # else a job that ends in this moment would be stopping for ever
            if job_id in self._pipes:
                job = self._project.store.change_job(job_id, state="stopping")
                _ask_to_stop(self._pipes[job_id])
        return self._tell(job)

    def describe(self, job: JobRecord, *, curve: bool = True) -> dict[str, Any]:
        """A job as pages see it; `resumable` says that a job of kind train and its model would go on with it."""
        live = self._live.get(job.id, Live(progress=1.0 if job.state == "done" else 0.0))
        found = {
            "id": job.id, "kind": job.kind, "state": job.state, "created": job.created, "started": job.started,
            "ended": job.ended, "progress": round(live.progress, 4), "message": without_paths(live.message),
            "status": live.status, "model": job.model, "error": job.error and without_paths(job.error),
            "result": job.result, "resumable": self._resumable(job),
        }  # fmt: skip
        return {**found, "curve": live.curve} if curve else found

    def _left_behind(self, job: JobRecord) -> str:
        """What becomes of a training that ended without a model: kept where it can go on, else removed ("")."""
        if job.kind != "train" or not job.model:
            return ""
        if not keep_resumable(self._project, job.model):
            return ""
        return (
            f"what {job.model} had learnt is kept: go on with it in the panel Train "
            f'(from Python `bench.resume("{job.model}")`), or start a new one'
        )

    def _resumable(self, job: JobRecord) -> bool:
        """Whether it is a training that was cut off, that nobody went on with yet, and that can go on."""
        if job.kind != "train" or not job.model or job.result or job.state not in ("failed", "stopped"):
            return False
        later = any(one.id > job.id and one.model == job.model for one in self._project.store.jobs())
        return not later and is_resumable(self._project, job.model)

    def _resumed(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings with which a training that was cut off began."""
        name = settings["model"]
        cut = [job for job in self._project.store.jobs() if job.kind == "train" and job.model == name]
        at_work = any(job.result or job.state not in ENDED for job in cut)
        if not cut or at_work or not keep_resumable(self._project, name):
            raise ConfigError(
                f"model must be that of a training that was cut off, got {name!r}; leave it out to train anew"
            )
        if settings.get("minutes") or settings.get("steps"):
            raise ConfigError(f"the training of {name} keeps its budget, got another; leave minutes and steps out")
        return {**cut[-1].settings, "resume": True}

    def _tell(self, job: JobRecord, point: dict[str, Any] | None = None) -> dict[str, Any]:
        self._events.publish("job", {**self.describe(job, curve=False), "point": point})
        return self.describe(job)

    def _work(self) -> None:
        while (number := self._waiting.get()) is not None and not self._closing:
            if self._patiently(partial(self._project.store.job, number)).state == "queued":
                self._run(number)

    def _patiently(self, ask: Callable[[], JobRecord]) -> JobRecord:
        """Ask the database again while another program holds it: a job must not be forgotten for that."""
        while True:
            try:
                return ask()
            except BusyError:
                if self._closing:
                    raise
                time.sleep(_EVERY_S)

    def _run(self, number: int) -> None:
        store = self._project.store
        job = self._patiently(lambda: store.change_job(number, state="running", started=now_text()))
        live = self._live.setdefault(number, Live())
        ours, theirs = self._context.Pipe()
        self._pipes[number] = ours
        self._tell(job)
        arguments = (str(self._project.folder), job.kind, dict(job.settings), theirs)
        process = self._context.Process(target=work, args=arguments, name=f"septum-{job.kind}-{number}")
        process.start()
        theirs.close()
        end = self._listen(number, ours, live=live, process=process)
        process.join(PATIENCE_S)
        if process.is_alive():
            process.terminate()
            process.join(5)
        with self._ending:
            self._pipes.pop(number, None)
        self._end(number, end, code=process.exitcode)

    def _listen(self, number: int, pipe: Any, *, live: Live, process: Any) -> dict[str, Any] | None:
        """Hear a job until it ends; None when it died without a word."""
        deadline: float | None = None
        while True:
            try:
                if not pipe.poll(0.5):
                    if self._closing and deadline is None:
                        deadline = time.monotonic() + PATIENCE_S
                    if deadline is not None and time.monotonic() > deadline:
                        return {"end": "stopped", "error": "the server was stopped"}
                    continue
                said = pipe.recv()
            except (EOFError, OSError):
                return None
            if "end" in said:
                return dict(said)
            self._heard(number, live, said=said)

    def _heard(self, number: int, live: Live, *, said: dict[str, Any]) -> None:
        live.progress = said.get("progress", live.progress)
        live.message = said.get("message", live.message)
        point = None
        if "status" in said:
            live.status = said["status"]
            kept = ("fold", "step", "loss", "val_dice", "seconds_left")
            point = {key: live.status.get(key) for key in kept}
            if len(live.curve) < MOST_POINTS:
                live.curve.append(point)
        if "case" in said:
            self._events.publish("predicted", {"case": said["case"]})
        elif point is not None or time.monotonic() - live.told > _EVERY_S:
            live.told = time.monotonic()
            self._tell(self._patiently(lambda: self._project.store.job(number)), point)

    def _end(self, number: int, end: dict[str, Any] | None, *, code: int | None) -> None:
        if end is None:
            end = {"end": "failed", "error": f"the job's process died (exit code {code}); memory may have run out"}
        state = end["end"] if end["end"] in ENDED else "failed"
        values: dict[str, Any] = {"state": state, "ended": now_text(), "error": end.get("error")}
        if end.get("result") is not None:
            values["result"] = end["result"]
        elif left := self._left_behind(self._patiently(lambda: self._project.store.job(number))):
            values["error"] = f"{end.get('error') or 'stopped'}; {left}"
        job = self._patiently(lambda: self._project.store.change_job(number, **values))
        self._tell(job)
        self._events.publish("queue", {})
        if job.kind == "train" and job.result and job.settings.get("predict") and not self._closing:
            self.order("predict", {"model": job.model, "probabilities": job.settings.get("probabilities", False)})


def _ask_to_stop(pipe: Connection) -> None:
    """Send the wish to stop; a process that has ended needs none."""
    with suppress(OSError):
        pipe.send("stop")
