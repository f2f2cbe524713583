"""Long work: train, predict, measure; and events of all kinds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse

from septum.errors import ConfigError
from septum.server.jobs import JobRunner
from septum.server.routes.common import DeskHere
from septum.server.schemas import JobBody
from septum.workflows.projects.learning import models_of

router = APIRouter(prefix="/api", tags=["jobs"])
JobNumber = Annotated[int, InPath(ge=1, le=2**31)]


@router.post("/jobs")
def order(body: JobBody, request: Request, *, desk: DeskHere) -> dict[str, Any]:
    """Order a training, a prediction of the cases that nobody annotated, or a measurement. A training with a model goes
    on with one that was cut off."""
    runner: JobRunner = request.app.state.jobs
    settings = body.model_dump(exclude={"kind"})
    if body.kind == "train" and body.model is None and body.minutes is None and body.steps is None:
        settings["minutes"] = 2.0
    if body.minutes is not None and body.steps is not None:
        raise ConfigError("the budget must be minutes or steps, got both; leave one out")
    if body.kind == "train":
        _save_open(desk)
    return runner.order(body.kind, settings)


@router.get("/jobs")
def jobs(request: Request, desk: DeskHere) -> dict[str, Any]:
    """All jobs, the oldest first."""
    runner: JobRunner = request.app.state.jobs
    return {"jobs": [runner.describe(job, curve=False) for job in desk.project.store.jobs()]}


@router.get("/jobs/{job_id}")
def job(job_id: JobNumber, request: Request, *, desk: DeskHere) -> dict[str, Any]:
    """A job with its learning curve."""
    runner: JobRunner = request.app.state.jobs
    return runner.describe(desk.project.store.job(job_id))


@router.post("/jobs/{job_id}/stop")
def stop(job_id: JobNumber, request: Request) -> dict[str, Any]:
    """Stop a job; a training is used as far as it came."""
    runner: JobRunner = request.app.state.jobs
    return runner.stop(job_id)


@router.get("/models")
def models(desk: DeskHere) -> dict[str, Any]:
    """Models that were trained."""
    return {"models": [vars(one) for one in models_of(desk.project)]}


@router.get("/curve")
def curve(desk: DeskHere) -> dict[str, Any]:
    """Dice on held-out cases after each round, against annotated cases and minutes of work."""
    rounds = [job.result for job in desk.project.store.jobs() if job.kind == "train" and job.result]
    keys = ("model", "cases", "minutes", "work_minutes", "dice")
    return {"rounds": [{key: one.get(key) for key in keys} for one in rounds]}


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    request: Request, desk: DeskHere, *, last: Annotated[str, Header(alias="Last-Event-ID", max_length=20)] = ""
) -> StreamingResponse:
    """What happens, as server-sent events."""
    number = int(last) if last.isascii() and last.isdigit() else None
    stream = desk.events.listen(number, {"project": desk.project.facts.name})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _save_open(desk: Any) -> None:
    """Save what is under edit, so that a training sees it."""
    for record in desk.project.store.cases():
        opened = desk.known(record.id)
        if opened is not None and opened.dirty and opened.session.revision:
            opened.save("septum", "before training")
