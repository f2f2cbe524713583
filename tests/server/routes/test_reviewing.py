"""The reader study in the workbench shows what `septum review` shows, and stores where it stores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from septum import io
from septum.errors import ConfigError
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
        tmp_path / "data" / "images", {"secretmodel": tmp_path / "secretmodel"}, output=place, settings=settings
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


def predicted(folder: Path) -> None:
    """Masks of `square` and `photo` as a model would have left them."""
    mask = np.zeros((40, 50), np.uint8)
    mask[10:30, 15:35] = 1
    target = folder / "predictions" / "model-1"
    target.mkdir(parents=True)
    for name in ("square", "photo"):
        io.write_labels(target / f"{name}.png", LabelMap(mask, Grid.from_spacing((40, 50), (1.0, 1.0))))


def test_a_study_is_made_rated_and_reported_in_the_page(client: TestClient, folder: Path) -> None:
    predicted(folder)
    assert client.post("/api/review/create", json={"model": "../data", "cases": 2}).status_code == 404
    state = client.post("/api/review/create", json={"model": "model-1", "cases": 2}).json()
    assert (state["total"], state["rated"]) == (2, 0)
    assert client.post("/api/review/create", json={"model": "model-1", "cases": 2}).status_code == 400
    value = state["choices"][0]["value"]
    state = client.post("/api/review/rate", json={"code": state["item"]["code"], "value": value}).json()
    early = client.post("/api/review/report", json={})
    assert early.status_code == 400
    assert "1 that are left" in early.json()["error"]
    client.post("/api/review/rate", json={"code": state["item"]["code"], "value": value, "comment": "edge"})
    assert client.post("/api/review/report", json={}).status_code == 200
    assert "model-1" in client.get("/api/review/report/index.html").text
    assert client.get("/api/review/report/figure.png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("listed", ["../key/key.csv", "..\\key", "/etc/passwd", "link.png", "text.png", "gone.png"])
def test_a_study_from_outside_cannot_make_the_server_show_any_file(
    client: TestClient, folder: Path, listed: str
) -> None:
    predicted(folder)
    client.post("/api/review/create", json={"model": "model-1", "cases": 2})
    place = folder / "reports" / "review"
    secret = folder.parent / "secret.png"
    secret.write_bytes(b"\x89PNG\r\n\x1a\n secret")
    (place / "pictures" / "link.png").symlink_to(secret)
    (place / "pictures" / "text.png").write_text("secret", encoding="utf-8")
    with review.open_study(place) as study:
        hostile = replace(study, items=(replace(study.items[0], pictures=(listed, listed)),))
        with pytest.raises(ConfigError, match="picture"):
            review.read_picture(hostile, listed)
        name = study.items[0].pictures[0]
        assert review.read_picture(study, name).startswith(b"\x89PNG")
    assert client.get(f"/api/review/pictures/{listed.replace('/', '%2f')}").status_code == 404
