"""The reader study in the workbench shows what `septum review` shows, and stores where it stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from septum import io
from septum.geometry import Grid, LabelMap
from septum.workflows.review import study as review
from septum.workflows.review.sample import StudySettings


def test_without_a_study_the_page_is_told_so(client: TestClient) -> None:
    assert client.get("/api/review").json() == {"available": False}
    assert client.post("/api/review/undo", json={}).status_code == 404


def test_ratings_go_into_the_store_of_the_study_and_the_key_stays_hidden(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:30, 15:35] = 1
    (tmp_path / "secretmodel").mkdir()
    for name in ("square", "photo"):
        io.write_labels(
            tmp_path / "secretmodel" / f"{name}.png", LabelMap(mask, Grid.from_spacing((40, 50), (1.0, 1.0)))
        )
    place = folder / "reports" / "review"
    settings = StudySettings(n=2)
    review.create_study(
        tmp_path / "data" / "images", {"secretmodel": tmp_path / "secretmodel"}, place, settings=settings
    )
    state = client.get("/api/review")
    assert "secretmodel" not in state.text
    assert "square" not in state.text
    item, choice = state.json()["item"], state.json()["choices"][0]["value"]
    assert client.get(f"/api/review/pictures/{item['pictures'][0]}").content.startswith(b"\x89PNG")
    assert client.get("/api/review/pictures/key.csv").status_code == 404
    rated = client.post("/api/review/rate", json={"code": item["code"], "value": choice, "comment": "ok"}).json()
    assert rated["rated"] == 1
    with review.open_study(place) as study:
        assert [(one.reader, one.value, one.comment) for one in study.store.current(study.id)] == [
            ("ada", choice, "ok")
        ]
    assert client.post("/api/review/undo", json={}).json()["rated"] == 0
    assert client.post("/api/review/rate", json={"code": "none", "value": choice}).status_code == 400
