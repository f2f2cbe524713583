"""What a person decides about predicted masks: seen first, taken over exactly, never lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE
from tests.server.routes.test_edits import labels
from tests.server.routes.test_tools import seen

from septum import io
from septum.geometry import Grid, LabelMap


@pytest.fixture
def mask(client: TestClient, folder: Path) -> np.ndarray:
    """A mask that a model is made to have predicted for `square`."""
    found = np.zeros((40, 50), np.uint8)
    found[11:29, 15:36] = 1
    target = folder / "predictions" / "model-1"
    target.mkdir(parents=True)
    io.write_labels(target / "square.png", LabelMap(found, Grid.from_spacing((40, 50), (1.0, 1.0))))
    store = client.app.state.desk.project.store
    store.change_case("square", status="predicted", prediction="model-1", predicted_dice=0.5, reason="ragged")
    return found


def decide(client: TestClient, decision: str, case: str = "square") -> dict[str, object]:
    found = client.post(f"/api/cases/{case}/decision", json={"client": PAGE, "decision": decision})
    assert found.status_code == 200, found.text
    return dict(found.json())


def test_the_queue_says_which_case_would_help_most_and_why(client: TestClient, mask: np.ndarray) -> None:
    first, second = client.get("/api/queue").json()["queue"]
    assert (first["case"], first["rank"], first["predicted_dice"]) == ("square", 1, 0.5)
    assert "0.50" in first["reason"]
    assert "ragged" in first["reason"]
    assert second["case"] == "photo"


def test_a_predicted_mask_is_a_proposal_and_changes_nothing_until_it_is_taken(
    client: TestClient, mask: np.ndarray
) -> None:
    before = labels(client, case="square")
    preview = client.post("/api/cases/square/prediction", json={"client": PAGE}).json()
    assert preview["what"] == "prediction of model-1"
    assert np.array_equal(seen(preview, before), mask)
    assert np.array_equal(labels(client, case="square"), before)
    accepted = {"client": PAGE, "sequence": 1}
    client.post(f"/api/cases/square/previews/{preview['preview']}/accept", json=accepted)
    assert np.array_equal(labels(client, case="square"), mask)
    assert client.get("/api/cases/square").json()["status"] == "corrected"


def test_accepting_saves_the_mask_as_it_is_and_goes_on(client: TestClient, mask: np.ndarray) -> None:
    told = decide(client, "accept")
    assert told["next"] == "photo"
    assert np.array_equal(labels(client, case="square"), mask)
    case = client.get("/api/cases/square").json()
    assert (case["status"], case["version"]) == ("reviewed", 1)
    assert client.get("/api/cases/square/versions").json()["versions"][0]["origin"] == "predicted"


def test_an_empty_mask_that_is_accepted_is_an_annotation_too(
    client: TestClient, folder: Path, mask: np.ndarray
) -> None:
    empty = LabelMap(np.zeros_like(mask), Grid.from_spacing((40, 50), (1.0, 1.0)))
    io.write_labels(folder / "predictions" / "model-1" / "square.png", empty)
    decide(client, "accept")
    assert client.get("/api/cases/square").json()["version"] == 1


def test_mending_takes_the_mask_over_as_one_step_that_can_be_undone(client: TestClient, mask: np.ndarray) -> None:
    decide(client, "correct")
    case = client.get("/api/cases/square").json()
    assert (case["status"], case["undo"]) == ("corrected", ["prediction of model-1"])
    assert np.array_equal(labels(client, case="square"), mask)


def test_a_case_that_is_skipped_comes_last(client: TestClient, mask: np.ndarray) -> None:
    assert decide(client, "skip")["next"] == "photo"
    assert [one["case"] for one in client.get("/api/queue").json()["queue"]] == ["photo", "square"]


def test_a_case_without_a_prediction_cannot_be_accepted(client: TestClient) -> None:
    body = {"client": PAGE, "decision": "accept"}
    assert client.post("/api/cases/photo/decision", json=body).status_code == 400
    assert client.post("/api/cases/photo/prediction", json={"client": PAGE}).status_code == 400
    assert client.post("/api/cases/none/decision", json=body).status_code == 404


def test_doubtful_objects_are_told_until_they_are_changed_or_the_case_is_accepted(
    client: TestClient, folder: Path, mask: np.ndarray
) -> None:
    assert client.get("/api/cases/square/doubts").json() == {"counted": "", "objects": []}  # no table of objects
    (folder / "predictions" / "model-1" / "objects").mkdir()
    table = folder / "predictions" / "model-1" / "objects" / "square.csv"
    table.write_text("id,likely_right,doubt\n1,0.4,unsure\n", encoding="utf-8")
    client.app.state.desk.project.store.change_case("square", counted="1 object found, likely 0 to 2; 1 doubtful")
    told = client.get("/api/cases/square/doubts").json()
    assert told["counted"] == "1 object found, likely 0 to 2; 1 doubtful"
    (one,) = told["objects"]
    assert (one["id"], one["likely_right"], one["why"]) == (1, 0.4, "unsure")
    assert (one["start"], one["stop"]) == ([11, 15], [29, 36])
    assert client.get("/api/queue").json()["queue"][0]["counted"] == told["counted"]
    assert client.get("/api/cases/square").json()["counted"] == told["counted"]
    decide(client, "correct")
    taken = client.get("/api/cases/square/doubts").json()
    assert len(taken["objects"]) == 1  # taken over, not yet mended
    assert taken["counted"] == client.get("/api/cases/square").json()["counted"] == ""  # the count was of the mask
    stroke = {
        "client": PAGE, "sequence": 5, "what": "eraser", "box": {"start": [11, 15], "stop": [12, 16]},
        "runs": [0, 1, 0],
    }  # fmt: skip
    assert client.post("/api/cases/square/edits", json=stroke).status_code == 200
    assert client.get("/api/cases/square/doubts").json()["objects"] == []
    client.app.state.desk.project.store.change_case("square", status="reviewed")
    assert client.get("/api/cases/square/doubts").json()["objects"] == []


def test_a_case_without_a_prediction_has_no_doubts(client: TestClient) -> None:
    assert client.get("/api/cases/photo/doubts").json()["objects"] == []
