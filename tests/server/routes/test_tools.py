"""Tools on the server: shown first, then accepted or dropped; every tool of the tables can be asked for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE
from tests.server.routes.test_edits import labels, stroke

from septum.workflows.editing.script import tools as every_tool

INSIDE, OUTSIDE = [4, 10, 10], [4, 2, 2]


def tool(page: TestClient, name: str, *, case: str = "volume", **body: Any) -> Any:
    return page.post(f"/api/cases/{case}/tools/{name}", json={"client": PAGE, **body})


def seen(preview: dict[str, Any], before: np.ndarray) -> np.ndarray:
    """The labels that a preview promises."""
    after = before.copy().astype(np.int64)
    box = tuple(slice(a, b) for a, b in zip(preview["box"]["start"], preview["box"]["stop"], strict=True))
    part = after[box].reshape(-1)
    for offset, length, value in np.reshape(preview["runs"], (-1, 3)):
        part[offset : offset + length] = value
    after[box] = part.reshape(after[box].shape)
    return after


def test_a_proposal_changes_nothing_until_it_is_accepted_and_then_just_what_it_showed(client: TestClient) -> None:
    before = labels(client)
    strokes = [{"points": [INSIDE], "label": 2, "radius_mm": 2}, {"points": [OUTSIDE], "label": 0, "radius_mm": 2}]
    preview = tool(client, "grow-cut", strokes=strokes).json()
    assert np.array_equal(labels(client), before)
    promised = seen(preview, before)
    accepted = client.post(
        f"/api/cases/volume/previews/{preview['preview']}/accept", json={"client": PAGE, "sequence": 1}
    ).json()
    assert np.array_equal(labels(client), promised)
    assert accepted["undo"] == ["grow-cut"]
    assert (labels(client)[3:6, 8:16, 6:14] == 2).all()
    again = client.post(
        f"/api/cases/volume/previews/{preview['preview']}/accept", json={"client": PAGE, "sequence": 1}
    ).json()
    assert again["duplicate"] is True


def test_a_stroke_made_beside_a_proposal_stays(client: TestClient) -> None:
    preview = tool(client, "margin", options={"distance_mm": 1.0}).json()
    stroke(client, 1, box={"start": [4, 8, 6], "stop": [5, 9, 7]}, runs=[0, 1, 3])
    client.post(f"/api/cases/volume/previews/{preview['preview']}/accept", json={"client": PAGE, "sequence": 2})
    assert labels(client)[4, 8, 6] == 3


def test_a_dropped_proposal_cannot_be_accepted(client: TestClient) -> None:
    preview = tool(client, "margin", options={"distance_mm": 1.0}).json()["preview"]
    assert client.delete(f"/api/cases/volume/previews/{preview}").json() == {"dropped": True}
    refused = client.post(f"/api/cases/volume/previews/{preview}/accept", json={"client": PAGE, "sequence": 1})
    assert refused.status_code == 404


def test_filling_between_drawn_slices_says_what_to_expect_and_where_to_draw_next(client: TestClient) -> None:
    client.post("/api/cases/volume/lease", json={})
    tool(client, "erase", points=[[4, 12, 10]], options={"radius_mm": 50}, apply=True, sequence=1)
    for number, index in enumerate((0, 3, 8), start=2):
        box = {"start": [index, 6, 6], "stop": [index + 1, 14, 14]}
        stroke(client, number, box=box, runs=[0, 64, 1], axis=0)
    options = {"axis": 0, "slices": [0, 3, 8]}
    preview = tool(client, "fill-between-slices", options=options, apply=True, sequence=9).json()
    assert (labels(client)[:, 6:14, 6:14] == 1).all()
    assert preview["expected"]["dice"] > 0.8
    assert preview["expected"]["next"] == {"axis": 0, "index": 5}
    assert client.get("/api/cases/volume").json()["undo"][-1] == "fill-between-slices"


def test_a_tool_that_works_in_steps_is_streamed(client: TestClient) -> None:
    body = {"client": PAGE, "sequence": 1, "box": {"start": [15, 20], "stop": [25, 30]}, "runs": [0, 100, 1]}
    client.post("/api/cases/square/edits", json=body)
    found = tool(client, "chan-vese", case="square", options={"iterations": 40, "every": 4}, stream=True)
    lines = [json.loads(line) for line in found.text.splitlines()]
    assert len(lines) >= 2
    assert lines[-1]["done"] is True
    assert len({line["preview"] for line in lines}) == 1


def test_the_path_of_the_live_wire_is_shown_on_a_label_that_is_set_already(client: TestClient) -> None:
    preview = tool(client, "live-wire", points=[[4, 9, 8], [4, 14, 12]], options={"filled": False}).json()
    assert preview["changed"] >= 6


def test_copying_a_slice_is_one_step(client: TestClient) -> None:
    body = {"client": PAGE, "sequence": 1, "axis": 0, "from": 4, "to": 8}
    assert client.post("/api/cases/volume/copy", json=body).json()["changed"] == 64
    assert np.array_equal(labels(client)[8], labels(client)[4])
    far = {"client": PAGE, "sequence": 2, "axis": 0, "from": 4, "to": 99}
    assert client.post("/api/cases/volume/copy", json=far).status_code == 400


def test_the_table_of_tools_is_the_one_that_runs(client: TestClient) -> None:
    shown = {one["name"] for one in client.get("/api/tools").json()["tools"]}
    assert shown == {one.name for one in every_tool()} - {"mask-image"}


@pytest.mark.parametrize("name", [one.name for one in every_tool() if one.name not in ("mask-image", "prompted")])
@pytest.mark.parametrize("case", ["volume", "square", "photo"])
def test_every_tool_answers_or_says_what_is_wrong(client: TestClient, name: str, case: str) -> None:
    point = INSIDE if case == "volume" else INSIDE[1:]
    row = next(one for one in every_tool() if one.name == name)
    body: dict[str, Any] = {}
    if "points" in row.given:
        body["points"] = [point, [n + 2 for n in point], [*[n + 2 for n in point[:-1]], point[-1]]]
    if "seeds" in row.given:
        body["strokes"] = [{"points": [point], "label": 1}, {"points": [[n + 4 for n in point]], "label": 0}]
    found = tool(client, name, case=case, **body)
    assert found.status_code in (200, 400), found.text
    assert found.status_code == 200 or found.json()["error"]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("grow-kut", {}, 400),
        ("mask-image", {}, 400),
        ("magic-wand", {}, 400),
        ("magic-wand", {"points": [[99, 0, 0]]}, 400),
        ("magic-wand", {"points": [[1, 2]]}, 400),
        ("magic-wand", {"points": [[1, 2, 3]], "options": {"tolerance": "many"}}, 400),
        ("magic-wand", {"points": [[1, 2, 3]], "options": {"surprise": 1}}, 400),
        ("magic-wand", {"points": [[1, 2, 3]], "channel": 7}, 400),
        ("magic-wand", {"points": [[1e300, 2, 3]]}, 422),
        ("prompted", {"points": [[1, 2, 3]], "options": {"model": "/etc"}}, 400),
        ("paint", {"points": [[1, 2, 3]], "options": {"do": "erase"}}, 400),
    ],
)
def test_a_tool_that_is_told_nonsense_says_so(client: TestClient, name: str, body: dict[str, Any], status: int) -> None:
    refused = tool(client, name, **body)
    assert refused.status_code == status, refused.text


def test_a_classical_method_is_a_proposal_like_any_other(client: TestClient) -> None:
    body = {"client": PAGE, "options": {"label": 4}, "apply": True, "sequence": 1}
    assert client.post("/api/cases/square/methods/otsu", json=body).json()["changed"] == 400
    assert (labels(client, case="square")[10:30, 15:35] == 4).all()
    assert client.post("/api/cases/square/methods/otus", json=body).status_code == 404


def test_labels_that_nobody_named_get_a_row_of_the_table(client: TestClient, folder: Any) -> None:
    stroke(client, 1, runs=[0, 1, 40])
    client.app.state.desk._close("volume")
    labels(client)
    assert {one["value"]: one["name"] for one in client.get("/api/project").json()["labels"]}[40] == "label 40"


def test_a_prompted_network_is_told_clicks_scribbles_and_boxes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    class Network:
        """Answers with the first label of what it is told, everywhere."""

        def __init__(self, folder: Path, *, grid: Any) -> None:
            asked.update(folder=folder, grid=grid)

        def __call__(self, image: Any, *, strokes: Any, boxes: Any, region: Any, **rest: Any) -> Any:
            asked.update(strokes=[(len(one.points), one.label) for one in strokes], boxes=boxes)
            return np.full(region.shape, 2)

    monkeypatch.setattr("septum.workflows.prediction.live.PromptedModel", Network)
    model = SimpleNamespace(name="model-1", prompts=True)
    monkeypatch.setattr("septum.server.proposing.models_of", lambda project: [model])
    found = tool(
        client, "prompted", options={"model": "model-1", "label": 2}, points=[INSIDE],
        strokes=[{"points": [OUTSIDE, [4, 2, 4]], "label": 0}],
        boxes=[{"region": [[3, 8, 8], [6, 12, 12]], "label": 2}],
    )  # fmt: skip
    assert found.status_code == 200, found.text
    assert found.json()["changed"] > 0
    assert asked["folder"].name == "model-1"
    assert asked["strokes"] == [(3, 0), (1, 2)]
    assert [(box.start, box.stop, label) for box, label in asked["boxes"]] == [((3, 8, 8), (6, 12, 12), 2)]
