"""Strokes: applied once, undone exactly, saved as versions, refused where somebody else edits."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE, open_client

from septum import io
from septum.server import wire
from septum.server.schemas import MaskBody

STROKE = {"box": {"start": [2, 3, 4], "stop": [3, 6, 9]}, "runs": [0, 2, 5, 5, 3, 5]}


def stroke(page: TestClient, number: int, **changes: Any) -> Any:
    body = {"client": PAGE, "sequence": number, **STROKE, **changes}
    return page.post("/api/cases/volume/edits", json=body)


def labels(client: TestClient, layer: str = "current", case: str = "volume") -> np.ndarray:
    shape = client.get(f"/api/cases/{case}").json()["shape"]
    planes = []
    for index in range(shape[0] if len(shape) == 3 else 1):
        found = client.get(f"/api/cases/{case}/labels/0/{index}", params={"layer": layer})
        assert found.status_code == 200, found.text
        size = tuple(int(n) for n in found.headers["X-Septum-Shape"].split(","))
        planes.append(np.frombuffer(found.content, found.headers["X-Septum-Dtype"]).reshape(size))
    return np.stack(planes) if len(shape) == 3 else planes[0]


def test_a_stroke_sets_its_runs_and_nothing_else(client: TestClient) -> None:
    before = labels(client)
    answer = stroke(client, 1).json()
    expected = before.copy()
    expected[2, 3, 4:6] = 5
    expected[2, 4, 4:7] = 5
    assert np.array_equal(labels(client), expected)
    assert (answer["changed"], answer["revision"], answer["undo"]) == (5, 1, ["brush"])


def test_a_stroke_that_is_sent_twice_is_applied_once(client: TestClient) -> None:
    stroke(client, 1)
    client.post("/api/cases/volume/undo", json=turn(client))
    again = stroke(client, 1).json()
    assert again["duplicate"] is True
    assert not (labels(client) == 5).any()


def turn(client: TestClient) -> dict[str, Any]:
    facts = client.get("/api/cases/volume").json()
    return {"client": PAGE, "epoch": facts["epoch"], "revision": facts["revision"]}


def test_undo_and_redo_are_exact(client: TestClient) -> None:
    before = labels(client)
    stroke(client, 1)
    after = labels(client)
    assert client.post("/api/cases/volume/undo", json=turn(client)).json()["redo"] == ["brush"]
    assert np.array_equal(labels(client), before)
    client.post("/api/cases/volume/redo", json=turn(client))
    assert np.array_equal(labels(client), after)


def test_undo_by_a_page_that_does_not_know_the_labels_is_stale(client: TestClient) -> None:
    stroke(client, 1)
    known = turn(client)
    stroke(client, 2, box={"start": [0, 0, 0], "stop": [1, 1, 1]}, runs=[0, 1, 7])
    refused = client.post("/api/cases/volume/undo", json=known)
    assert (refused.status_code, refused.json()["code"]) == (409, "stale")
    assert (labels(client) == 7).sum() == 1


def test_strokes_outlive_a_server_that_was_not_closed(folder: Path) -> None:
    first = open_client(folder)
    stroke(first, 1)
    stroke(first, 2, runs=[0, 1, 6])
    first.app.state.desk.known("volume").session.close()  # as the system does for a killed process
    with open_client(folder) as second:
        found = labels(second)
        assert (found == 5).sum() == 4
        assert (found == 6).sum() == 1
        assert stroke(second, 2, runs=[0, 1, 6]).json()["duplicate"] is True
        assert stroke(second, 3, runs=[0, 1, 8]).json()["changed"] == 1
        assert second.get("/api/cases/volume").json()["undo"] == ["brush"] * 3


def test_each_save_is_a_version_that_can_be_read_without_septum_and_brought_back(
    client: TestClient, folder: Path
) -> None:
    original = labels(client)
    stroke(client, 1)
    saved = client.post("/api/cases/volume/save", json={"note": "one stroke"}).json()
    assert (saved["version"], saved["author"], saved["note"], saved["new"]) == (2, "ada", "one stroke", True)
    assert client.post("/api/cases/volume/save", json={}).json()["new"] is False
    assert np.array_equal(io.read_labels(folder / saved["file"]).array, labels(client))
    compared = client.get("/api/cases/volume/versions/compare", params={"a": 1, "b": 2}).json()
    assert compared["changed"] == 5
    restored = client.post("/api/cases/volume/versions/1/restore", json={"client": PAGE, "sequence": 2})
    assert restored.json()["changed"] == 5
    assert np.array_equal(labels(client), original)
    assert np.array_equal(labels(client, "version:2"), io.read_labels(folder / saved["file"]).array)


def test_leaving_a_case_saves_it(client: TestClient) -> None:
    stroke(client, 1)
    assert client.post("/api/cases/volume/lease/release", json={}).json()["version"] == 2


def test_a_case_is_edited_by_one_page_at_a_time(client: TestClient) -> None:
    stroke(client, 1)
    other = {"client": "page-two-5678", "sequence": 1, **STROKE}
    refused = client.post("/api/cases/volume/edits", json=other, headers={"X-Septum-Author": "bob"})
    assert refused.status_code == 409
    assert refused.json()["lease"]["author"] == "ada"
    client.post("/api/cases/volume/lease/release", json={})
    allowed = client.post("/api/cases/volume/edits", json={**other, "runs": [0, 1, 9]})
    assert allowed.json()["changed"] == 1


def test_a_stroke_on_labels_that_somebody_else_changed_is_stale(client: TestClient) -> None:
    known = stroke(client, 1).json()
    client.post("/api/cases/volume/lease/release", json={})
    two = {"client": "page-two-5678", "sequence": 1, **STROKE, "runs": [0, 1, 9]}
    client.post("/api/cases/volume/edits", json=two)
    client.post("/api/cases/volume/lease/release", json={"client": "page-two-5678"})
    late = stroke(client, 2, runs=[0, 1, 3], epoch=known["epoch"], revision=known["revision"])
    assert (late.status_code, late.json()["code"]) == (409, "stale")
    assert (labels(client) == 9).sum() == 1


def test_locked_labels_and_ranges_hold_on_the_server(client: TestClient) -> None:
    whole = {"box": {"start": [4, 8, 6], "stop": [5, 16, 14]}, "runs": [0, 64, 2]}
    assert stroke(client, 1, **whole, rules={"overwrite": "none"}).json()["changed"] == 0
    assert stroke(client, 2, **whole, rules={"high": 150}).json()["changed"] == 0
    assert stroke(client, 3, **whole).json()["changed"] == 64


def test_slices_say_where_they_come_from(client: TestClient) -> None:
    body = {"client": PAGE, "sequence": 1, "what": "brush", "box": {"start": [10, 10], "stop": [12, 12]}}
    assert client.post("/api/cases/square/edits", json={**body, "runs": [0, 4, 1]}).json()["provenance"] == {}
    marked = client.post("/api/cases/volume/slices", json={"client": PAGE, "axis": 0, "index": 0, "letter": "."})
    assert marked.json()["provenance"]["0"] == ".dddddddd"
    drawn = stroke(client, 2, box={"start": [0, 0, 0], "stop": [1, 2, 2]}, runs=[0, 4, 1], axis=0).json()
    assert drawn["provenance"]["0"] == "ddddddddd"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"box": {"start": [2, 3, 4], "stop": [3, 6, 99]}}, 400),
        ({"box": {"start": [2, 3, 4], "stop": [2, 6, 9]}}, 400),
        ({"box": {"start": [2, 3], "stop": [3, 6]}}, 400),
        ({"box": {"start": [2, -3, 4], "stop": [3, 6, 9]}}, 422),
        ({"runs": [0, 2]}, 400),
        ({"runs": [14, 2, 1]}, 400),
        ({"runs": [-1, 2, 1]}, 400),
        ({"runs": [0, -2, 1]}, 400),
        ({"runs": [0, 1, -1]}, 400),
        ({"runs": [0, 1, 2**40]}, 400),
        ({"runs": [0, 15, 1, 0, 15, 2]}, 400),
        ({"runs": [0, 1, 1.5]}, 422),
        ({"what": "\x1fother-client:9"}, 422),
        ({"sequence": 0}, 422),
        ({"client": "../../x"}, 422),
        ({"surprise": 1}, 422),
        ({"rules": {"overwrite": "never"}}, 422),
        ({"rules": {"low": 5, "high": 1}}, 400),
    ],
)
def test_a_stroke_that_cannot_be_is_refused_and_changes_nothing(
    client: TestClient, change: dict[str, Any], status: int
) -> None:
    before = labels(client)
    refused = stroke(client, 1, **change)
    assert refused.status_code == status, refused.text
    assert refused.json()["error"]
    assert np.array_equal(labels(client), before)
    assert stroke(client, 1).json()["changed"] == 5  # the number is not used up


def mask(page: TestClient, packed: bytes, **changes: Any) -> Any:
    body = {
        "client": PAGE, "sequence": 1, "shape": [9, 24, 20], "type": "uint8", "data": base64.b64encode(packed).decode(),
    }  # fmt: skip
    return page.post("/api/cases/volume/labels", json={**body, **changes})


def test_a_whole_mask_in_parts_is_set_with_the_last_one_and_once(client: TestClient) -> None:
    before, wanted = labels(client), np.random.default_rng(2).integers(0, 3, (9, 24, 20)).astype(np.uint8)
    packed = zlib.compress(wanted.tobytes())
    halves = packed[:500], packed[500:]
    assert mask(client, halves[1], part=2, parts=2).status_code == 400  # the first is not there
    for _ in range(2):
        assert mask(client, halves[0], part=1, parts=2).json() == {"part": 1, "parts": 2}
    assert np.array_equal(labels(client), before)
    assert mask(client, halves[1], part=2, parts=2, sequence=2).status_code == 400  # of another request
    assert mask(client, halves[1], part=2, parts=2).json()["undo"] == ["labels"]
    assert np.array_equal(labels(client), wanted)
    client.post("/api/cases/volume/undo", json=turn(client))
    mask(client, halves[0], part=1, parts=2)
    assert mask(client, halves[1], part=2, parts=2).json()["duplicate"] is True
    assert np.array_equal(labels(client), before)


def test_a_mask_of_another_shape_a_bomb_and_rubbish_are_refused(client: TestClient) -> None:
    before = labels(client)
    for packed, changes, reason in (
        (zlib.compress(bytes(9 * 24 * 20)), {"shape": [20, 24, 9]}, "image's shape"),
        (zlib.compress(bytes(1 << 22), 9), {}, "got more"),
        (zlib.compress(bytes(100)), {}, "got 100"),
        (zlib.compress(bytes(9 * 24 * 20)), {"type": "uint16"}, "must unpack to 8640 bytes of uint16"),
        (zlib.compress(bytes(9 * 24 * 20)) + b"more", {}, "got more"),
        (b"no zlib", {}, "deflated"),
        (bytes(10_000), {}, "at most 5348 bytes"),
        (b"", {"part": 3, "parts": 2}, "from 1 to 2"),
    ):
        found = mask(client, packed, **changes)
        assert (found.status_code, reason in found.json()["error"]) == (400, True), found.json()
    assert mask(client, b"", data="abc").status_code == 422
    assert np.array_equal(labels(client), before)


def test_the_documents_example_of_a_mask_is_one(client: TestClient) -> None:
    body = client.app.openapi()["components"]["schemas"]["MaskBody"]["examples"][0]  # type: ignore[attr-defined]
    packed = MaskBody(**body).data
    assert wire.mask_of(packed, body["type"], shape=body["shape"]).tolist() == [[0, 1, 2], [1, 0, 0]]
