"""Frames of a movie: their places are told, and labels are copied from one to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from starlette.testclient import TestClient
from tests.server.conftest import PAGE, open_client
from tests.server.routes.test_edits import labels

from septum.workflows.projects.create import create_project


@pytest.fixture
def movie(tmp_path: Path) -> Iterator[TestClient]:
    """A movie of three frames beside an image that is none."""
    data = tmp_path / "data" / "images"
    data.mkdir(parents=True)
    frame = np.arange(120, dtype=np.uint8).reshape(12, 10)
    tifffile.imwrite(data / "cells.tif", np.stack([frame] * 3), photometric="minisblack")
    tifffile.imwrite(data / "other.tif", np.zeros((9, 10), np.uint8), photometric="minisblack")
    create_project(tmp_path / "project", tmp_path / "data", axes="TYX").close()
    with open_client(tmp_path / "project") as client:
        yield client


def draw(client: TestClient, case: str, *, number: int, row: int, value: int) -> None:
    box = {"start": [row, 2], "stop": [row + 1, 7]}
    body = {"client": PAGE, "sequence": number, "box": box, "runs": [0, 5, value]}
    assert client.post(f"/api/cases/{case}/edits", json=body).status_code == 200


def copied(client: TestClient, case: str, *, source: str, number: int, **more: Any) -> dict[str, Any]:
    body = {"client": PAGE, "sequence": number, "from": source, **more}
    found: dict[str, Any] = client.post(f"/api/cases/{case}/copy-frame", json=body).json()
    return found


def test_the_list_and_the_case_tell_its_movie_and_frame(movie: TestClient) -> None:
    told = {one["id"]: one["movie"] for one in movie.get("/api/cases").json()["cases"]}
    assert told["cells_t002"] == {"movie": "cells_t000", "frame": 2, "frames": 3}
    assert told["other"] is None
    assert movie.get("/api/cases/cells_t001").json()["movie"] == {"movie": "cells_t000", "frame": 1, "frames": 3}


def test_labels_are_copied_in_one_step_that_is_undone_in_the_frame_they_came_to(movie: TestClient) -> None:
    draw(movie, "cells_t000", number=1, row=4, value=1)
    first = labels(movie, case="cells_t000")
    answer = copied(movie, "cells_t001", source="cells_t000", number=2)
    assert (answer["changed"], answer["kept"], answer["undo"]) == (5, 0, ["copy frame"])
    assert np.array_equal(labels(movie, case="cells_t001"), first)
    assert movie.get("/api/cases/cells_t001").json()["status"] == "drawn"
    assert copied(movie, "cells_t001", source="cells_t000", number=2)["duplicate"] is True
    turn = {"client": PAGE, "epoch": answer["epoch"], "revision": answer["revision"]}
    movie.post("/api/cases/cells_t001/undo", json=turn)
    assert not labels(movie, case="cells_t001").any()
    assert np.array_equal(labels(movie, case="cells_t000"), first)


def test_what_is_drawn_there_stays_and_is_counted(movie: TestClient) -> None:
    draw(movie, "cells_t000", number=1, row=4, value=1)
    draw(movie, "cells_t000", number=2, row=5, value=1)
    draw(movie, "cells_t001", number=3, row=5, value=2)
    draw(movie, "cells_t001", number=4, row=8, value=2)
    answer = copied(movie, "cells_t001", source="cells_t000", number=5)
    assert (answer["changed"], answer["kept"]) == (5, 5)
    found = labels(movie, case="cells_t001")
    assert [found[row, 3] for row in (4, 5, 8)] == [1, 2, 2]


def test_rules_hold_for_a_copy_and_other_shapes_and_other_hands_are_refused(movie: TestClient) -> None:
    draw(movie, "cells_t000", number=1, row=4, value=1)
    answer = copied(movie, "cells_t001", source="cells_t000", number=2, rules={"low": 44, "high": 200})
    assert answer["changed"] == 3
    assert "shape" in copied(movie, "other", source="cells_t000", number=3)["error"]
    other = {"client": "page-two-5678", "sequence": 1, "from": "cells_t000"}
    assert movie.post("/api/cases/cells_t001/copy-frame", json=other).status_code == 409
    assert movie.post("/api/cases/none/copy-frame", json=other).status_code == 404
