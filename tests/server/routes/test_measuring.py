"""What was measured: worst first, with the slice to look at; a report without any rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient


@pytest.fixture
def report(client: TestClient, folder: Path) -> Path:
    """The report of a measurement as `septum evaluate` leaves it."""
    place = folder / "reports" / "model-1"
    place.mkdir(parents=True)
    rows = ["case,label,name,dice", "volume,1,object,0.9", "square,1,object,0.4", "photo,1,object,nan"]
    (place / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (place / "index.html").write_text("<script>1</script>", encoding="utf-8")
    store = client.app.state.desk.project.store
    job = store.add_job("evaluate", {"model": "model-1"})
    store.change_job(job.id, state="done", model="model-1", result={"worst": {"square": 0, "volume": 5}})
    return place


def test_before_a_measurement_there_is_nothing(client: TestClient) -> None:
    found = client.get("/api/measure").json()
    assert (found["available"], found["scores"]) == (False, [])


def test_scores_come_worst_first_with_the_slice_to_look_at(client: TestClient, report: Path) -> None:
    found = client.get("/api/measure").json()
    assert [(one["case"], one["dice"]) for one in found["scores"]] == [
        ("photo", None),
        ("square", 0.4),
        ("volume", 0.9),
    ]
    assert found["scores"][2]["worst"] == {"axis": 0, "index": 5}
    shown = client.get(found["report"])
    assert shown.text == "<script>1</script>"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_only_files_that_the_report_lists_are_shown(client: TestClient, report: Path) -> None:
    (report.parent / "private.txt").write_text("x")
    (report / "sub").mkdir()
    for address in ("model-1/private.txt", "model-1/sub", "model-2/index.html", ".../index.html", "model-1/.."):
        assert client.get(f"/api/measure/report/{address}").status_code == 404


def test_a_report_that_is_damaged_is_said(client: TestClient, report: Path) -> None:
    (report / "cases.csv").write_bytes(b"\xff\xfe\x00")
    found = client.get("/api/measure")
    assert (found.status_code, "measure again" in found.json()["error"]) == (400, True)
