"""What a person decides about each prediction: look at it, accept it, mend it, or come back to it later."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from septum.errors import ConfigError
from septum.interactive.edits.rules import Rules
from septum.interactive.tool import Box, Change
from septum.server import pictures, proposing
from septum.server.desk import Desk
from septum.server.opened import OpenCase
from septum.server.routes.cases import listed
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.schemas import DecisionBody, LeaseBody, ToolBody
from septum.workflows.projects.doubts import doubtful_objects
from septum.workflows.projects.masks import prediction_of
from septum.workflows.projects.queue import queue_of
from septum.workflows.projects.store import CaseRecord

router = APIRouter(prefix="/api", tags=["loop"])


@router.get("/queue")
def queue(desk: DeskHere) -> dict[str, Any]:
    """Cases that wait for a person, the one that would help most first, and why."""
    records = {one.id: one for one in desk.project.store.cases()}
    waiting = queue_of(list(records.values()))
    told = ((one, records[one.case]) for one in waiting)
    return {"queue": [{**vars(one), "predicted_dice": r.predicted_dice, "counted": r.counted} for one, r in told]}


@router.get("/cases/{case_id}/doubts")
def doubts(case_id: str, desk: DeskHere) -> dict[str, Any]:
    """Objects of the predicted mask that should be looked at, the worst first; those that were changed since, and all
    of a case that was reviewed, are settled."""
    record = desk.project.store.case(case_id)
    counted = record.counted if record.status == "predicted" else ""
    if record.prediction is None or record.status not in ("predicted", "corrected"):
        return {"counted": counted, "objects": []}
    found = desk.case(case_id)
    with found.lock:
        labels = pictures.layer(found, f"prediction:{record.prediction}")
        drawn = None if record.status == "predicted" else pictures.layer(found, "current").copy()
    objects = doubtful_objects(desk.project, case_id, model=record.prediction, labels=labels, drawn=drawn)
    return {"counted": counted, "objects": [vars(one) for one in objects]}


@router.post("/cases/{case_id}/prediction")
def propose_prediction(case_id: str, body: LeaseBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """The mask that was predicted for a case, as a proposal like that of a tool."""
    began = time.perf_counter()
    found = desk.case(case_id)
    who = numbered(sender, body.client)
    change, what = _predicted(desk, found, record=desk.project.store.case(case_id))
    desk.hold(case_id, who, take=body.take)
    proposal = proposing.begin(found, what, body=ToolBody(client=who.client, axis=0), sender=who, letter="p")
    proposing.keep_change(found, proposal, change=change)
    return proposing.described(found, proposal, seconds=time.perf_counter() - began)


@router.post("/cases/{case_id}/decision")
def decide(case_id: str, body: DecisionBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Accept a prediction as it is, take it over to correct it, or skip the case for now."""
    record = desk.project.store.case(case_id)
    who = numbered(sender, body.client)
    if body.decision == "skip":
        desk.project.store.change_case(case_id, skipped=record.skipped + 1)
    else:
        found = desk.case(case_id)
        change, what = _predicted(desk, found, record=record)
        desk.hold(case_id, who)
        proposing.forget_proposal(found, who)
        found.edit(lambda: change, what=what, sender=who, rules=Rules(), letter="p", axis=0)
        if body.decision == "accept":
            found.save(who.author, "accepted as predicted", origin="predicted", always=True)
        desk.project.store.change_case(case_id, status="reviewed" if body.decision == "accept" else "corrected")
    case = listed(desk, case_id)
    desk.events.publish("case", case)
    waiting = [one.case for one in queue_of(desk.project.store.cases()) if one.case != case_id]
    return {"case": case, "next": waiting[0] if waiting else None}


def _predicted(desk: Desk, found: OpenCase, *, record: CaseRecord) -> tuple[Change, str]:
    """The newest model's mask as a change of the whole case, and what the history calls it."""
    if record.prediction is None:
        raise ConfigError(f"case {record.id} must have a prediction, got none; train and predict first")
    labels = prediction_of(desk.project, record.id, model=record.prediction, grid=found.image.grid)
    return Change(Box.whole(found.shape), labels), f"prediction of {record.prediction}"
