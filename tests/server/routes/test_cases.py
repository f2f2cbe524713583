"""The list of cases, their label table, status, time and versions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE
from tests.server.routes.test_edits import labels, stroke

from septum.workflows.projects.project import read_facts


def test_the_project_says_what_it_is_and_that_it_is_no_medical_device(client: TestClient) -> None:
    found = client.get("/api/project").json()
    assert (found["name"], found["dataset"], found["cases"]) == ("project", "data", 3)
    assert found["counts"] == {"new": 2, "drawn": 1, "predicted": 0, "corrected": 0, "reviewed": 0}
    assert "not a medical device" in found["notice"]


def test_the_label_table_is_replaced_and_kept(client: TestClient, folder: Path) -> None:
    table = [{"value": 4, "name": "spleen", "color": "#009e73"}]
    assert client.put("/api/project/labels", json={"labels": table}).json() == {"labels": table}
    assert [one.name for one in read_facts(folder).labels] == ["spleen"]
    twice = client.put("/api/project/labels", json={"labels": table * 2})
    assert twice.status_code == 400
    assert client.get("/api/project").json()["labels"] == table


def test_a_case_is_described_as_its_file_says(client: TestClient) -> None:
    case = client.get("/api/cases/volume").json()
    assert (case["shape"], case["dtype"]) == ([9, 24, 20], "int16")
    assert case["spacing"] == pytest.approx([3.0, 0.8, 0.8])
    assert [one["letters"] for one in case["axes"]] == [["I", "S"], ["P", "A"], ["L", "R"]]
    assert (case["layers"], case["provenance"]["0"]) == (["current", "reference"], "d" * 9)
    assert (case["undo"], case["dirty"], case["tiled"]) == ([], False, False)
    photo = client.get("/api/cases/photo").json()
    assert (photo["rgb"], photo["ndim"], photo["provenance"]) == (True, 2, {})


def test_the_list_says_who_edits_and_how_long_was_worked(client: TestClient) -> None:
    client.post("/api/cases/volume/lease", json={})
    for seconds in (12.5, 3):
        client.post("/api/cases/volume/time", json={"seconds": seconds})
    found = {one["id"]: one for one in client.get("/api/cases").json()["cases"]}
    assert (found["volume"]["lease"]["author"], found["volume"]["seconds"]) == ("ada", 15.5)
    assert found["photo"]["lease"] is None
    assert found["photo"]["queue"]["rank"] >= 1
    assert client.request("DELETE", "/api/cases/volume/lease").json()["lease"] is None


def test_a_status_is_one_of_five_and_the_first_stroke_moves_it(client: TestClient) -> None:
    body = {"client": PAGE, "sequence": 1, "box": {"start": [0, 0], "stop": [2, 2]}, "runs": [0, 4, 1]}
    client.post("/api/cases/square/edits", json=body)
    assert client.get("/api/cases/square").json()["status"] == "drawn"
    assert client.put("/api/cases/square/status", json={"status": "reviewed"}).json()["status"] == "reviewed"
    assert client.put("/api/cases/square/status", json={"status": "perfect"}).status_code == 422


def test_restoring_a_version_is_one_step_with_its_slices(client: TestClient) -> None:
    before = labels(client)
    stroke(client, 1, axis=0)
    client.post("/api/cases/volume/save", json={})
    told = client.post("/api/cases/volume/versions/1/restore", json={"client": PAGE, "sequence": 2}).json()
    assert (told["what"], told["undo"]) == ("restore version 1", ["brush", "restore version 1"])
    assert np.array_equal(labels(client), before)
    assert client.get("/api/cases/volume").json()["provenance"]["0"] == "d" * 9
    gone = client.post("/api/cases/volume/versions/9/restore", json={"client": PAGE, "sequence": 3})
    assert gone.status_code == 404


@pytest.mark.parametrize("which", [(1, 9), (0, 1), (-1, 1)])
def test_versions_that_are_not_there_cannot_be_compared(client: TestClient, which: tuple[int, int]) -> None:
    a, b = which
    assert client.get(f"/api/cases/volume/versions/compare?a={a}&b={b}").status_code == 404
