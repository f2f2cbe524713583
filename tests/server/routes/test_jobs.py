"""Long work is ordered with one budget, sees what is under edit, and is told to every page."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.routes.test_edits import stroke


@pytest.fixture
def ordered(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the runner was asked for; nothing is run."""
    found: list[tuple[str, dict[str, Any]]] = []

    def order(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
        found.append((kind, settings))
        return {"id": len(found)}

    monkeypatch.setattr(client.app.state.jobs, "order", order)
    return found


def test_a_training_has_one_budget(client: TestClient, ordered: list[Any]) -> None:
    client.post("/api/jobs", json={"kind": "train"})
    client.post("/api/jobs", json={"kind": "train", "steps": 10})
    assert [(one["minutes"], one["steps"]) for _, one in ordered] == [(2.0, None), (None, 10)]
    refused = client.post("/api/jobs", json={"kind": "train", "steps": 10, "minutes": 1})
    assert "minutes or steps" in refused.json()["error"]


def test_what_is_under_edit_is_saved_before_a_training(client: TestClient, ordered: list[Any]) -> None:
    stroke(client, 1)
    client.post("/api/jobs", json={"kind": "train"})
    versions = client.get("/api/cases/volume/versions").json()["versions"]
    assert [(one["version"], one["note"]) for one in versions] == [(1, "as it came"), (2, "before training")]


def test_a_queued_job_is_listed_shown_and_stopped(client: TestClient) -> None:
    store = client.app.state.desk.project.store
    job = store.add_job("train", {"minutes": 1})
    assert [one["state"] for one in client.get("/api/jobs").json()["jobs"]] == ["queued"]
    assert client.get(f"/api/jobs/{job.id}").json()["curve"] == []
    assert client.post(f"/api/jobs/{job.id}/stop", json={}).json()["state"] == "stopped"
    assert client.get("/api/jobs/99").status_code == 404


def test_rounds_make_the_curve_and_models_are_those_that_were_trained(client: TestClient) -> None:
    project = client.app.state.desk.project
    facts = {"model": "model-1", "cases": 4, "minutes": 1.0, "work_minutes": 2.5, "dice": 0.81, "prompts": True}
    job = project.store.add_job("train", {})
    project.store.change_job(job.id, state="done", model="model-1", result=facts)
    (project.models / "model-1").mkdir(parents=True)
    assert client.get("/api/curve").json()["rounds"] == [{k: v for k, v in facts.items() if k != "prompts"}]
    assert [(one["name"], one["prompts"]) for one in client.get("/api/models").json()["models"]] == [("model-1", True)]
