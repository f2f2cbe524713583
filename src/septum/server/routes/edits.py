"""Strokes, undo and redo."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter

from septum.errors import GeometryError
from septum.interactive.edits.rules import Rules
from septum.interactive.tool import Box, Change
from septum.server import wire
from septum.server.routes.cases import told
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.schemas import CopyBody, EditBody, MaskBody, TurnBody, rules_of

router = APIRouter(prefix="/api/cases/{case_id}", tags=["edits"])


@router.post("/edits")
def edit(case_id: str, body: EditBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Set the voxels of a stroke; sending the same stroke again changes nothing."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    box = wire.box_of(body.box.start, body.box.stop, shape=found.shape)
    found.check_fresh(who, epoch=body.epoch, revision=body.revision)
    outcome = found.edit(
        lambda: wire.change_of(box, body.runs, held=found.session.labels()[box.slices]), what=body.what, sender=who,
        rules=rules_of(body.rules), axis=body.axis,
    )  # fmt: skip
    return told(desk, found, outcome=outcome, client=who.client)


@router.post("/labels")
def set_mask(case_id: str, body: MaskBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Set all labels of a case, as one step; parts before the last one change nothing."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    if tuple(body.shape) != found.shape:
        raise GeometryError(f"labels must have the image's shape {found.shape}, got {tuple(body.shape)}; resample them")
    with found.lock:
        packed = found.parts.take(
            body.data, of=f"{who.client}:{who.sequence}", part=body.part, parts=body.parts,
            most=wire.most_packed(found.shape, body.type),
        )  # fmt: skip
        if packed is None:
            return {"part": body.part, "parts": body.parts}
        outcome = found.edit(
            lambda: Change(Box.whole(found.shape), wire.mask_of(packed, body.type, shape=found.shape)), what=body.what,
            sender=who, rules=Rules(),
        )  # fmt: skip
        found.parts.forget()
    return told(desk, found, outcome=outcome, client=who.client)


@router.post("/undo")
def undo(case_id: str, body: TurnBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Take the newest edit back."""
    return _turn("undo", case_id, body=body, desk=desk, sender=sender)


@router.post("/redo")
def redo(case_id: str, body: TurnBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Do again what was undone last."""
    return _turn("redo", case_id, body=body, desk=desk, sender=sender)


@router.post("/copy")
def copy(case_id: str, body: CopyBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Copy the labels of a slice to another one across the same axis."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    shape = found.shape
    if len(shape) != 3 or max(body.source, body.target) >= shape[body.axis]:
        raise GeometryError(f"slices must be below {shape[body.axis % len(shape)]} of a volume, got {body.target}")
    start, stop = [0, 0, 0], list(shape)
    start[body.axis], stop[body.axis] = body.target, body.target + 1
    box = Box(tuple(start), tuple(stop))

    def change() -> Change:
        one = np.take(found.session.labels(), body.source, axis=body.axis)
        return Change(box, np.expand_dims(one, body.axis))

    outcome = found.edit(change, what="copy slice", sender=who, rules=rules_of(body.rules), axis=body.axis)
    return told(desk, found, outcome=outcome, client=who.client)


def _turn(kind: str, case_id: str, *, body: TurnBody, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    found = desk.case(case_id)
    who = numbered(sender, body.client)
    desk.hold(case_id, who)
    outcome = found.turn(kind, who, epoch=body.epoch, revision=body.revision)
    return told(desk, found, outcome=outcome, client=who.client)
