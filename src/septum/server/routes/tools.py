"""Semi-automated tools and classical methods: propose, accept, drop."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from septum.classical import methods as classical
from septum.errors import ConfigError
from septum.interactive.tool import Box, Change
from septum.options import Method, nearest
from septum.server import proposing
from septum.server.routes.cases import told
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.schemas import AcceptBody, ToolBody
from septum.workflows.editing.script import tools as every_tool
from septum.workflows.pipelines.pipeline import Pipeline, PipelineStep, run_pipeline
from septum.workflows.projects.store import MissingError

router = APIRouter(prefix="/api", tags=["tools"])


@router.get("/tools")
def tools() -> dict[str, Any]:
    """Every edit and tool with its options, from the table that runs."""
    return {"tools": [_row(one) for one in every_tool() if one.name not in proposing.REFUSED]}


@router.get("/methods")
def methods() -> dict[str, Any]:
    """Every classical method with its options."""
    return {"methods": [_row(one) for one in classical.METHODS]}


@router.post("/cases/{case_id}/tools/{tool}", response_model=None)
def propose(
    case_id: str, tool: str, *, body: ToolBody, desk: DeskHere, sender: SenderHere
) -> dict[str, Any] | StreamingResponse:
    """Let a tool propose labels: shown, then accepted or dropped; or applied at once."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    step = proposing.step_of(found, tool, body=body)
    proposal = proposing.begin(found, step.tool.name, body=body, sender=who)
    if body.stream:
        lines = (json.dumps(one) + "\n" for one in proposing.stepwise(found, step, proposal=proposal))
        return StreamingResponse(lines, media_type="application/x-ndjson")
    seconds = proposing.run_tool(found, step, proposal=proposal)
    expected = proposing.expected_of(found, step)
    if not body.apply:
        return proposing.described(found, proposal, seconds=seconds, expected=expected)
    return {**accepted(desk, found, proposal=proposal, who=who), "expected": expected}


@router.post("/cases/{case_id}/methods/{method}")
def try_method(case_id: str, method: str, *, body: ToolBody, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """What a classical method finds in the open image, as a proposal."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    began = time.perf_counter()
    row = next((one for one in classical.METHODS if one.name == method), None)
    if row is None:
        raise MissingError(f"method must be a known one, got {method[:60]!r}; {_hint(method)}")
    options = dict(body.options)
    label = options.pop("label", 1)
    if type(label) is not int or not 0 < label < 2**32:
        raise ConfigError(f"label must be a whole number from 1, got {str(label)[:40]!r}")
    labels = _segmented(found, row, options=options, channel=body.channel or 0, label=label)
    proposal = proposing.begin(found, method, body=body, sender=who)
    proposing.keep_change(found, proposal, change=Change(Box.whole(found.shape), labels))
    if body.apply:
        return accepted(desk, found, proposal=proposal, who=who)
    return proposing.described(found, proposal, seconds=time.perf_counter() - began)


@router.post("/cases/{case_id}/previews/{preview}/accept")
def accept(case_id: str, preview: str, *, body: AcceptBody, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Accept a proposal, as one step that can be undone; accepting it again changes nothing."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    proposal = found.proposals.get(preview)
    if proposal is None and not found.knows(who):
        raise MissingError(
            "the proposal must be there to be accepted, got one that was dropped; let the tool run again"
        )
    return accepted(desk, found, proposal=proposal, who=who)


@router.delete("/cases/{case_id}/previews/{preview}")
def drop(case_id: str, preview: str, *, desk: DeskHere) -> dict[str, bool]:
    """Drop a proposal; a tool that is at work stops."""
    return {"dropped": proposing.drop(desk.case(case_id), preview)}


def accepted(desk: Any, found: Any, *, proposal: Any, who: Any) -> dict[str, Any]:
    """The answer when a proposal becomes an edit; None stands for one that was accepted before."""
    nothing = Change(Box.whole(found.shape), found.session.labels())
    outcome = found.edit(
        lambda: nothing if proposal is None or proposal.box is None else proposal.change(found.session.labels()),
        what="edit" if proposal is None else proposal.what, sender=who,
        rules=found.session.rules if proposal is None else proposal.rules,
        letter="d" if proposal is None else proposal.letter, axis=None if proposal is None else proposal.axis,
    )  # fmt: skip
    if proposal is not None:
        proposing.drop(found, proposal.id)
    return told(desk, found, outcome=outcome, client=who.client)


def _segmented(found: Any, row: Method, *, options: dict[str, Any], channel: int, label: int) -> Any:
    """The method's mask as labels: `label` for a mask, the method's own numbers for classes and objects."""
    if not 0 <= channel < len(found.image.array):
        raise MissingError(f"channel must be from 0 to {len(found.image.array) - 1}, got {channel}")
    pipeline = Pipeline((PipelineStep(row, row.resolve(options)),))
    image = found.image
    channels = image.channels[channel : channel + 1]
    labels = run_pipeline(
        pipeline, image.array[channel : channel + 1], spacing=image.grid.spacing, channels=channels
    )  # fmt: skip
    return np.where(labels != 0, label, 0) if row.result == "mask" else labels


def _hint(method: str) -> str:
    return nearest(method, [one.name for one in classical.METHODS])


def _row(one: Method) -> dict[str, Any]:
    return {
        "name": one.name, "stage": one.stage, "what": one.what, "library": one.library, "needs": list(one.needs),
        "given": list(one.given), "dimensions": list(one.dimensions), "result": one.result,
        "options": [_option(option) for option in one.options],
    }  # fmt: skip


def _option(option: Any) -> dict[str, Any]:
    plain = {name: getattr(option, name) for name in ("name", "kind", "default", "what", "low", "high", "unit")}
    default = plain["default"]
    return {**plain, "default": _listed(default), "choices": list(option.choices)}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
