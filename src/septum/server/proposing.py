"""A tool at work on an open case: from what a page sends to a proposal that is accepted or dropped.

The insight: the page sends what a script would say, so a step is checked by the very code that reads scripts
(`septum.workflows.editing.script`), and a tool that is new in the table works here without a line about it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.interactive.slices.held_out import leave_one_slice_out
from septum.interactive.tool import Change
from septum.interactive.tools import find_tool
from septum.report.plain import rounded
from septum.server import wire
from septum.server.opened import OpenCase, Proposal, Sender
from septum.server.schemas import ToolBody, rules_of
from septum.workflows.data.slices import drawn_slices
from septum.workflows.editing.edit import shown_marks
from septum.workflows.editing.prompted_step import OpenModels
from septum.workflows.editing.script import EditStep, parse_step, whole
from septum.workflows.editing.script import tools as every_tool
from septum.workflows.prediction.settings import PROMPTER_NAMES
from septum.workflows.projects.learning import models_of
from septum.workflows.projects.project import Project

ESTIMATED_UP_TO = 20_000_000
"""Voxels up to which filling between slices comes with the Dice to expect."""

BETWEEN = "fill-between-slices"
PIXELS = "pixel-classifier"
REFUSED = ("mask-image",)


def begin(case: OpenCase, tool: str, *, body: ToolBody, sender: Sender, letter: str = "") -> Proposal:
    """A new proposal of a page; the one before it is dropped, and cancelled where it is at work."""
    with case.lock:
        forget_proposal(case, sender)
        letter = letter or ("i" if tool == BETWEEN else "d")
        found = Proposal(secrets.token_hex(6), sender.client, tool, rules_of(body.rules), letter, body.axis)
        case.proposals[found.id] = found
        return found


def forget_proposal(case: OpenCase, sender: Sender) -> None:
    """Drop what a page has been proposed."""
    with case.lock:
        for old in [one for one in case.proposals.values() if one.client == sender.client]:
            drop(case, old.id)


def drop(case: OpenCase, proposal: str) -> bool:
    """Forget a proposal; a tool that is at work stops at its next step."""
    with case.lock:
        found = case.proposals.pop(proposal, None)
        if found is not None:
            found.cancelled = True
        return found is not None


def step_of(case: OpenCase, tool: str, *, body: ToolBody) -> EditStep:
    """What a page sent as a checked step; errors as `parse_step`."""
    if tool in REFUSED:
        raise ConfigError(f"tool must be one that proposes labels, got {tool!r}")
    row = find_tool(tool, every_tool())
    for name in body.options:
        row.option(name)  # an option never stands for another part of a step
    options = dict(body.options)
    if tool == "prompted":
        options["model"] = _model(case.project, options.get("model"))
    content: dict[str, Any] = {**options, "do": tool}
    for key in ("points", "region", "channel"):
        value = getattr(body, key)
        if value is not None:
            content[key] = value
    if body.strokes:
        content["strokes"] = [one.model_dump() for one in body.strokes]
    if body.boxes:
        content["boxes"] = [one.model_dump() for one in body.boxes]
    if content.get("channel") is None and len(case.image.array) > 1 and tool not in ("prompted", PIXELS):
        content["channel"] = 0
    return parse_step(content, tool[:40])


def run_tool(
    case: OpenCase, step: EditStep, *, proposal: Proposal, on_preview: Callable[[Change], None] | None = None
) -> float:
    """Let a tool propose; seconds it took. Errors of the tool drop the proposal."""
    began = time.perf_counter()
    options: dict[str, Any] = {
        k: whole(v, k) if k in ("only", "of") and v is not None else v for k, v in step.options.items()
    }
    if step.tool.name == BETWEEN and options["slices"] is None:
        options |= _drawn(case, options["axis"])
    function = step.tool.function
    if step.tool.name == "live-wire" and not options["filled"]:
        function = _path_of(case)
    if step.tool.name == PIXELS:
        function = case.pixels.propose
    try:
        with case.lock:
            case.used = time.monotonic()
            given = shown_marks(case.session, step, grid=case.image.grid)
        if "network" in step.tool.given:
            given["network"] = partial(_opened_model, grid=case.image.grid)
        channel = step.channel if isinstance(step.channel, int) else None
        change = case.session.propose(
            function, channel=channel, on_preview=on_preview, cancelled=lambda: proposal.cancelled, **options, **given
        )
        if proposal.cancelled:
            raise Cancelled
        if "network" in step.tool.given:
            proposal.said = getattr(_opened_model(Path(options["model"]), case.image.grid), "said", "")
        keep_change(case, proposal, change=change, path=step.tool.name == "live-wire" and not options["filled"])
    except (SeptumError, Cancelled):
        drop(case, proposal.id)
        raise
    return time.perf_counter() - began


def keep_change(case: OpenCase, proposal: Proposal, *, change: Change | None, path: bool = False) -> None:
    """Put what the rules leave of a change into the proposal; of a path, all of it."""
    with case.lock:
        if change is not None and 0 not in change.box.shape:
            if path:
                proposal.box, proposal.mask, proposal.values = change.box, change.labels != 0, change.labels
                return
            allowed = case.session.allowed(change, rules=proposal.rules)
            proposal.take(allowed, case.session.labels()[allowed.box.slices])


def described(case: OpenCase, proposal: Proposal, *, seconds: float, expected: Any = None) -> dict[str, Any]:
    """A proposal as pages see it: the voxels that would change."""
    box, mask, values = proposal.box, proposal.mask, proposal.values
    runs: list[int] = []
    if box is not None and mask is not None and values is not None:
        runs = wire.runs_where(mask, values)
    return {
        "preview": proposal.id,
        "what": proposal.what,
        "box": None if box is None else {"start": box.start, "stop": box.stop},
        "runs": runs,
        "changed": 0 if mask is None else int(np.count_nonzero(mask)),
        "seconds": round(seconds, 4),
        "expected": expected,
        "said": proposal.said,
        "maps": case.heat.live_names() if proposal.what == PIXELS else [],
    }


def stepwise(case: OpenCase, step: EditStep, *, proposal: Proposal) -> Iterator[dict[str, Any]]:
    """The proposals of a tool that works in steps, each as soon as it is there, the last with `done`."""
    import queue
    import threading

    found: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(maxsize=8)
    began = time.perf_counter()

    def tell(change: Change) -> None:
        keep_change(case, proposal, change=change)
        found.put(described(case, proposal, seconds=time.perf_counter() - began))

    def work() -> None:
        try:
            seconds = run_tool(case, step, proposal=proposal, on_preview=tell)
            found.put({**described(case, proposal, seconds=seconds), "done": True})
        except (SeptumError, Cancelled) as error:
            found.put({"error": str(error), "code": type(error).__name__, "done": True})
        finally:
            found.put(None)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (one := found.get()) is not None:
            yield one  # type: ignore[misc]
    finally:
        if proposal.box is None:
            proposal.cancelled = True


def expected_of(case: OpenCase, step: EditStep) -> dict[str, Any] | None:
    """The Dice to expect of filling between slices, and the slice to draw next; None where that cannot be said."""
    if step.tool.name != BETWEEN or np.prod(case.shape) > ESTIMATED_UP_TO or "region" in step.shown:
        return None
    options: dict[str, Any] = dict(step.options)
    drawn = options if options["slices"] is not None else {**options, **_drawn(case, options["axis"])}
    if drawn["slices"] is None or len(drawn["slices"]) < 3:
        return None
    axis = int(drawn["axis"] or 0)
    channel = step.channel if isinstance(step.channel, int) else 0
    image = case.image.array[channel] if options["method"] == "image" else None
    try:
        found = leave_one_slice_out(
            case.session.labels(), drawn={axis: [int(i) for i in drawn["slices"]]}, method=options["method"],
            image=image, spacing=case.image.grid.spacing, ends=options["ends"],
        )  # fmt: skip
    except SeptumError:
        return None
    following = found.next_slice()
    return {
        "dice": rounded(found.dice),
        "by_label": {str(label): rounded(value) for label, value in found.by_label.items()},
        "next": None if following is None else {"axis": following[0], "index": following[1]},
        "slices": [{"axis": one.axis, "index": one.index, "dice": rounded(one.dice)} for one in found.slices],
    }


def _drawn(case: OpenCase, axis: int | None) -> dict[str, Any]:
    """Axis and drawn slices as the case knows them; nothing where it knows of less than two."""
    known = {a: places for a, places in drawn_slices(case.slices).items() if axis in (None, a)}
    if not known:
        return {}
    across = max(known, key=lambda a: len(known[a]))
    places = known[across]
    whole_case = len(places) in (1, case.shape[across])
    return {} if whole_case else {"axis": across, "slices": tuple(places)}


def _model(project: Project, name: Any) -> str:
    """The folder of a model of this project, or the name of a prompter; never a path that a page sent."""
    if name in PROMPTER_NAMES:
        return str(name)
    known = {one.name for one in models_of(project) if one.prompts}
    if name not in known:
        raise ConfigError(
            f"model must be one of {', '.join((*PROMPTER_NAMES, *sorted(known)))}, got {str(name)[:80]!r}"
        )
    return str(project.models / str(name))


def _path_of(case: OpenCase) -> Callable[..., Change]:
    """The live-wire's path on empty labels: it is shown where the label is set already, too."""
    names = ("spacing", "sigma_mm", "region", "label")

    def path(image: Any, labels: Any, *, points: Any, axis: int = 0, **given: Any) -> Change:
        return case.wires.path(image, points, axis=axis, **{name: given[name] for name in names if name in given})

    return path


@lru_cache(maxsize=2)
def _opened_model(folder: Path, grid: Any) -> Any:
    return OpenModels(grid)(folder)
