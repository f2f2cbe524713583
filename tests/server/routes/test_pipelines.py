"""Pipelines of classical methods: seen first, kept by name, run on the cases that wait."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE
from tests.server.routes.test_edits import labels
from tests.server.routes.test_tools import seen

from septum import io
from septum.workflows.pipelines.pipeline import read_pipeline

OTSU = [{"do": "otsu"}, {"do": "fill-holes"}]


def test_a_pipeline_is_a_proposal_with_the_label_that_was_asked_for(client: TestClient) -> None:
    before = labels(client, case="square")
    body = {"client": PAGE, "steps": OTSU, "label": 3}
    preview = client.post("/api/cases/square/pipeline", json=body).json()
    after = seen(preview, before)
    assert np.array_equal(labels(client, case="square"), before)
    assert (after[10:30, 15:35] == 3).all()
    assert preview["changed"] == 400


def test_a_method_that_grows_takes_the_seeds_that_were_clicked(client: TestClient) -> None:
    steps = [{"do": "connected-threshold", "options": {"low": 100, "high": 255}}]
    body = {"client": PAGE, "steps": steps}
    assert client.post("/api/cases/square/pipeline", json=body).status_code == 400
    found = client.post("/api/cases/square/pipeline", json={**body, "seeds": [[20, 20]]})
    assert found.json()["changed"] == 400
    assert client.post("/api/cases/square/pipeline", json={**body, "seeds": [[99, 20]]}).status_code == 400


@pytest.mark.parametrize(
    "steps", [[{"do": "otus"}], [{"do": "gaussian"}], [{"do": "otsu", "options": {"bins": "many"}}], []]
)
def test_a_pipeline_that_is_none_is_refused(client: TestClient, steps: list[dict[str, object]]) -> None:
    refused = client.post("/api/cases/square/pipeline", json={"client": PAGE, "steps": steps})
    assert refused.status_code in (400, 422)


def test_a_kept_pipeline_is_a_file_that_the_command_line_reads_and_is_never_replaced(
    client: TestClient, folder: Path
) -> None:
    kept = client.post("/api/pipelines", json={"name": "bright", "steps": OTSU})
    assert kept.status_code == 200, kept.text
    assert read_pipeline(folder / "pipelines" / "bright.toml").describe() == "otsu → fill-holes"
    assert [one["name"] for one in client.get("/api/pipelines").json()["pipelines"]] == ["bright"]
    other = {"name": "bright", "steps": [{"do": "li"}]}
    assert client.post("/api/pipelines", json=other).status_code == 400
    for bad in ("../out", "a/b", "", ".hidden", "x" * 60):
        assert client.post("/api/pipelines", json={"name": bad, "steps": OTSU}).status_code == 400


def test_a_pipeline_runs_on_every_case_that_waits_and_its_masks_come_into_the_queue(
    client: TestClient, folder: Path
) -> None:
    client.post("/api/pipelines", json={"name": "bright", "steps": [{"do": "channel"}, *OTSU]})
    assert client.post("/api/jobs", json={"kind": "segment", "pipeline": "bride"}).status_code == 404
    job = client.post("/api/jobs", json={"kind": "segment", "pipeline": "bright"}).json()
    deadline = time.monotonic() + 120
    while (now := client.get(f"/api/jobs/{job['id']}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, now
        time.sleep(0.2)
    assert now["state"] == "done", now
    mask = io.read_labels(folder / "predictions" / "pipeline-bright" / "square.png").array
    assert mask.sum() == 400
    assert client.get("/api/cases/square").json()["layers"] == ["current", "prediction:pipeline-bright"]
    assert {one["case"] for one in client.get("/api/queue").json()["queue"]} == {"square", "photo"}
    assert client.get("/api/cases/volume").json()["status"] == "drawn"
    assert client.get("/api/measure").json()["models"] == ["pipeline-bright"]
