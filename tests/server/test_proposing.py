"""A tool at work: replaced by the next one, stopped when it is dropped, never left behind when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.interactive.tool import Box, Change
from septum.server import proposing
from septum.server.opened import OpenCase, Sender
from septum.server.schemas import ToolBody
from septum.workflows.projects.project import open_project

ADA, BOB = Sender("page-ada-1", "ada"), Sender("page-bob-1", "bob")


@pytest.fixture
def case(folder: Path) -> Iterator[OpenCase]:
    project = open_project(folder)
    found = OpenCase.open(project, "volume")
    yield found
    found.close()
    project.close()


def body(**told: Any) -> ToolBody:
    return ToolBody(client=ADA.client, **told)


def test_a_page_has_one_proposal_and_a_new_one_stops_the_one_before(case: OpenCase) -> None:
    first = proposing.begin(case, "margin", body=body(), sender=ADA)
    other = proposing.begin(case, "margin", body=body(), sender=BOB)
    second = proposing.begin(case, "fill-between-slices", body=body(), sender=ADA)
    assert (first.cancelled, other.cancelled, second.letter) == (True, False, "i")
    assert set(case.proposals) == {other.id, second.id}
    assert proposing.drop(case, other.id)
    assert not proposing.drop(case, other.id)


def test_a_tool_that_was_dropped_while_it_worked_proposes_nothing(case: OpenCase) -> None:
    step = proposing.step_of(case, "margin", body=body(options={"distance_mm": 1.0}))
    proposal = proposing.begin(case, "margin", body=body(), sender=ADA)
    proposing.drop(case, proposal.id)
    with pytest.raises(Cancelled):
        proposing.run_tool(case, step, proposal=proposal)
    assert case.proposals == {}


def test_a_tool_that_fails_leaves_no_proposal_behind(case: OpenCase) -> None:
    step = proposing.step_of(case, "magic-wand", body=body(points=[[99, 99, 99]]))
    proposal = proposing.begin(case, "magic-wand", body=body(), sender=ADA)
    with pytest.raises(SeptumError):
        proposing.run_tool(case, step, proposal=proposal)
    assert case.proposals == {}


def test_an_option_never_stands_for_another_part_of_a_step(case: OpenCase) -> None:
    for options in ({"do": "erase"}, {"points": [[0, 0, 0]]}, {"surprise": 1}):
        with pytest.raises(ConfigError):
            proposing.step_of(case, "margin", body=body(options={"distance_mm": 1.0, **options}))
    with pytest.raises(ConfigError, match="one of medsam-lite"):
        proposing.step_of(case, "prompted", body=body(options={"model": "../../etc"}, points=[[1, 2, 3]]))


def test_what_is_shown_is_what_would_change(case: OpenCase) -> None:
    proposal = proposing.begin(case, "wand", body=body(), sender=ADA)
    assert proposing.described(case, proposal, seconds=0.0)["runs"] == []
    held = np.array(case.session.labels()[3:4, 8:9, 4:8])
    wanted = np.ones_like(held)
    proposing.keep_change(case, proposal, change=Change(Box((3, 8, 4), (4, 9, 8)), wanted))
    told = proposing.described(case, proposal, seconds=0.0)
    assert told["changed"] == 2  # the other two are 1 already
    assert told["runs"] == [0, 2, 1]


def test_steps_are_told_as_they_come_and_the_last_one_says_so(case: OpenCase) -> None:
    step = proposing.step_of(case, "chan-vese", body=body(options={"iterations": 4, "every": 2}))
    proposal = proposing.begin(case, "chan-vese", body=body(), sender=ADA)
    told = list(proposing.stepwise(case, step, proposal=proposal))
    assert [one.get("done", False) for one in told] == [False] * (len(told) - 1) + [True]
    json.dumps(told)


def test_what_a_network_tells_of_its_answer_goes_with_the_proposal(
    case: OpenCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Network:
        said = "expects an overlap of 0.8"

        def __call__(self, image: Any, *, region: Box, **given: Any) -> Any:
            return np.ones(region.shape, np.uint8)

    monkeypatch.setattr(proposing, "_opened_model", lambda folder, grid: Network())
    mark = {"label": 1, "points": [[3, 8, 4]], "radius_mm": 1.0}
    step = proposing.step_of(case, "prompted", body=body(options={"model": "medsam-lite"}, strokes=[mark]))
    proposal = proposing.begin(case, "prompted", body=body(), sender=ADA)
    assert proposing.described(case, proposal, seconds=0.0)["said"] == ""
    proposing.run_tool(case, step, proposal=proposal)
    assert proposing.described(case, proposal, seconds=0.0)["said"] == "expects an overlap of 0.8"
