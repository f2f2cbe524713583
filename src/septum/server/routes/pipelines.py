"""Pipelines of classical methods: tried on the open image, kept, run on all cases that wait by a job."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from septum.classical.methods import find_method
from septum.errors import ConfigError
from septum.interactive.tool import Box, Change
from septum.server import proposing
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.routes.tools import accepted
from septum.server.schemas import KeepBody, PipelineBody, StepBody, ToolBody
from septum.workflows.pipelines.pipeline import Pipeline, make_step
from septum.workflows.pipelines.segment import segment_image
from septum.workflows.projects.pipelines import keep_pipeline, kept_pipelines

router = APIRouter(prefix="/api", tags=["pipelines"])


@router.get("/pipelines")
def pipelines(desk: DeskHere) -> dict[str, Any]:
    """The pipelines that the project keeps."""
    return {"pipelines": [vars(one) for one in kept_pipelines(desk.project)]}


@router.post("/pipelines")
def keep(body: KeepBody, desk: DeskHere) -> dict[str, Any]:
    """Keep a pipeline by a name, as a TOML file that `septum segment` reads as well."""
    return vars(keep_pipeline(desk.project, body.name, pipeline=_pipeline(body.steps, body.label, seeds=[])))


@router.post("/cases/{case_id}/pipeline")
def try_pipeline(case_id: str, body: PipelineBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """What a pipeline finds in the open image, as a proposal; `apply` applies it at once."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    began = time.perf_counter()
    pipeline = _pipeline(body.steps, body.label, seeds=body.seeds)
    if "seeds" in pipeline.needs and not pipeline.seeds:
        raise ConfigError("this method must have a seed, got none; click a point inside the structure first")
    labels = segment_image(found.image, pipeline).array
    proposal = proposing.begin(found, body.steps[-1].do, body=ToolBody(client=who.client, rules=body.rules), sender=who)
    proposing.keep_change(found, proposal, change=Change(Box.whole(found.shape), labels))
    if body.apply:
        return accepted(desk, found, proposal=proposal, who=who)
    return proposing.described(found, proposal, seconds=time.perf_counter() - began)


def _pipeline(steps: list[StepBody], label: int, *, seeds: list[list[int]]) -> Pipeline:
    """The steps, checked; a mask gets the label that was asked for."""
    made = [make_step(step.do, step.options) for step in steps]
    segments = [
        step for step in steps if find_method(step.do).result == "mask" and find_method(step.do).stage == "segment"
    ]
    if label != 1 and segments:
        made.append(make_step("assign", {"values": [0, label]}))
    return Pipeline(tuple(made), tuple(",".join(str(n) for n in seed) for seed in seeds))
