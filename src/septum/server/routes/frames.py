"""From one frame of a movie to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter

from septum.errors import GeometryError
from septum.interactive.tool import Box, Change
from septum.server.routes.cases import told
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.schemas import CopyFrameBody, rules_of

router = APIRouter(prefix="/api/cases/{case_id}", tags=["edits"])


@router.post("/copy-frame")
def copy_frame(case_id: str, body: CopyFrameBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Copy the labels of another frame to where this one has none; `kept` counts voxels whose own labels stayed."""
    found, source = desk.case(case_id), desk.case(body.source)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    if source.shape != found.shape:
        raise GeometryError(f"frames must have one shape to copy labels, got {source.shape} and {found.shape}")
    with source.lock:
        labels = source.session.labels().copy()
    with found.lock:
        held = found.session.labels()
        kept = int(np.count_nonzero((held != 0) & (labels != 0) & (held != labels)))
        outcome = found.edit(
            lambda: Change(Box.whole(found.shape), np.where(held == 0, labels, held)), what="copy frame", sender=who,
            rules=rules_of(body.rules),
        )  # fmt: skip
    return {**told(desk, found, outcome=outcome, client=who.client), "kept": kept}
