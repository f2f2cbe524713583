"""What an enemy or a bad day sends: paths in every parameter, bodies without end, a full disk, a database that is held.

The insight: the list of what is tried comes from the server's own document, so a route that is new is tried as well,
and a body that is new fails the test until its form is written here.
"""

from __future__ import annotations

import gzip
import json
import resource
import sqlite3
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import PAGE, TOKEN, open_client, write_data
from tests.server.routes.test_edits import STROKE, labels, stroke

from septum.workflows.projects import schema
from septum.workflows.projects.create import create_project

SECRET = "what-nobody-may-read"
TRAVERSALS = ("..%2f..%2fsecret.txt", "%2e%2e", "volume%00", "..\\..\\secret.txt", "%2fetc%2fpasswd", "a" * 3000)
TEXTS = ("../../secret.txt", "/etc/passwd", "volume\0", "..\\secret.txt", "a" * 3000)
GOOD = {
    "case_id": "volume", "axis": 0, "index": 0, "level": 0, "row": 0, "column": 0, "version": 1, "tool": "margin",
    "method": "otsu", "preview": "none", "job_id": 1, "model": "model-1", "name": "secret.txt",
}  # fmt: skip
_STEPS = [{"do": "otsu"}]
BODIES: dict[str, dict[str, Any]] = {
    "LabelsBody": {"labels": [{"value": 1, "name": "spleen", "color": "#e69f00"}]},
    "LeaseBody": {"client": PAGE},
    "SaveBody": {"client": PAGE, "note": "fine"},
    "AcceptBody": {"client": PAGE, "sequence": 1},
    "StatusBody": {"status": "drawn"},
    "TimeBody": {"client": PAGE, "seconds": 1},
    "SlicesBody": {"client": PAGE, "axis": 0, "index": 0, "letter": "d"},
    "EditBody": {"client": PAGE, "sequence": 1, "what": "brush", "epoch": "", **STROKE},
    "MaskBody": {"client": PAGE, "sequence": 1, "shape": [9, 24, 20], "type": "uint8", "data": "eJxjAAAAAQAB"},
    "TurnBody": {"client": PAGE, "epoch": "", "revision": 0},
    "CopyBody": {"client": PAGE, "sequence": 1, "axis": 0, "from": 0, "to": 1},
    "CopyFrameBody": {"client": PAGE, "sequence": 1, "from": "volume"},
    "ToolBody": {"client": PAGE, "options": {"distance_mm": 1.0}},
    "KeepBody": {"name": "kept", "steps": _STEPS},
    "PipelineBody": {"client": PAGE, "steps": _STEPS},
    "DecisionBody": {"client": PAGE, "decision": "skip"},
    "JobBody": {"kind": "predict", "model": "model-1", "pipeline": "kept"},
    "RatingBody": {"code": "a", "value": "b", "comment": "c"},
    "StudyBody": {"model": "model-1"},
    "Strict": {},
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server beside a file that nobody may read."""
    root = tmp_path_factory.mktemp("hostile")
    create_project(root / "project", write_data(root / "data")).close()
    for place in (root, root / "project", root / "project" / "reports"):
        place.mkdir(exist_ok=True)
        (place / "secret.txt").write_text(SECRET)
    with open_client(root / "project") as client:
        client.root = root  # type: ignore[attr-defined]
        yield client


def operations(client: TestClient) -> Iterator[tuple[str, str, list[dict[str, Any]], str]]:
    """Method, path, parameters and name of the body of everything that the server documents."""
    for path, methods in client.app.openapi()["paths"].items():
        for method, told in methods.items():
            content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            yield method, path, told.get("parameters", []), body


def outside(root: Path) -> set[str]:
    """Every file beside the project, and everything in it that none of its folders holds."""
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.relative_to(root).parts[0] != "project"}


def test_the_form_of_every_body_is_known(target: TestClient) -> None:
    assert {body for *_, body in operations(target) if body} == set(BODIES)


def test_no_parameter_of_any_route_leads_out_of_the_project(target: TestClient) -> None:
    tried, before = 0, outside(target.root)
    for method, path, parameters, body in operations(target):
        for one in (p for p in parameters if p["in"] in ("path", "query")):
            for bad in TRAVERSALS:
                values = {**GOOD, one["name"]: bad} if one["in"] == "path" else GOOD
                address = path.format(**values) + (f"?{one['name']}={bad}" if one["in"] == "query" else "")
                found = target.request(method, address, json=BODIES.get(body, {}))
                said = found.status_code in (400, 404, 405, 409, 422) or found.json() == {"dropped": False}
                assert said, (method, address[:80], found.status_code)
                assert SECRET not in found.text
                tried += 1
    assert tried > 300
    assert outside(target.root) == before


def test_no_text_in_any_body_leads_out_of_the_project(target: TestClient) -> None:
    before = outside(target.root)
    for method, path, _, body in operations(target):
        if body:
            for place in [key for key, value in BODIES[body].items() if isinstance(value, str)]:
                for bad in TEXTS:
                    found = target.request(method, path.format(**GOOD), json={**BODIES[body], place: bad})
                    assert found.status_code < 500, (path, place, bad[:30], found.text)
                    assert SECRET not in found.text
    assert outside(target.root) == before
    names = {path.name for path in (target.root / "project").rglob("*")}
    assert not names & {"passwd", "secret"}


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 200_000, b'{"a":' * 100_000, b"9" * 5000,
        b'{"client": "page-one-1234", "sequence": 1e999}', b'{"sequence": NaN}', gzip.compress(b" " * 10_000_000),
    ],
    ids=["empty", "cut", "null", "list", "text", "bytes", "deep", "deeper", "long", "endless", "nan", "bomb"],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_and_changes_nothing(target: TestClient, body: bytes) -> None:
    before = target.get("/api/cases/volume").json()["revision"]
    headers = {**JSON, "Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else JSON
    found = target.post("/api/cases/volume/edits", content=body, headers=headers)
    assert found.status_code in (400, 422)
    assert found.json()["error"]
    assert target.get("/api/cases/volume").json()["revision"] == before


def test_a_body_that_lies_about_its_length_is_cut_off_with_a_clear_answer(folder: Path) -> None:
    with open_client(folder, largest_body=1000) as client:
        pieces = (b" " * 100 for _ in range(50))
        found = client.post("/api/cases/volume/save", content=pieces, headers=JSON)
        assert (found.status_code, found.json()["code"]) == (413, "too-large")
        assert client.post("/api/cases/volume/save", json={}).status_code == 200


def test_an_upload_that_breaks_off_changes_nothing(client: TestClient) -> None:
    whole = json.dumps({"client": PAGE, "sequence": 1, **STROKE}).encode()
    sent: list[dict[str, Any]] = []
    told = iter([{"type": "http.request", "body": whole[:-20], "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(told)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {TOKEN}".encode())]
    scope = {
        "type": "http", "method": "POST", "path": "/api/cases/volume/edits", "raw_path": b"/api/cases/volume/edits",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 1),
        "server": ("testserver", 80), "headers": [*headers, (b"content-type", b"application/json")],
    }  # fmt: skip
    anyio.run(client.app, scope, receive, send)
    assert not [one for one in sent if one.get("status", 0) == 200 or one.get("status", 0) >= 500]
    assert client.get("/api/cases/volume").json()["undo"] == []
    assert stroke(client, 1).json()["changed"] == 5


def test_runs_that_would_grow_beyond_their_box_are_refused_before_memory_is_taken(client: TestClient) -> None:
    for runs in ([0, 2**53, 1], [0, 2**31, 1] * 1000, [2**53, 1, 1], [0, 15, 2**53]):
        refused = stroke(client, 1, runs=runs)
        assert refused.status_code == 400
    huge = {"start": [0, 0, 0], "stop": [2**31, 2**31, 2**31]}
    assert stroke(client, 1, box=huge).status_code == 400


def test_an_image_that_would_unpack_beyond_all_memory_is_a_clear_refusal(folder: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", 2**30, 2**30, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    (folder.parent / "data" / "images" / "square.png").write_bytes(bomb + chunk(b"IEND", b""))
    with open_client(folder) as client:
        refused = client.get("/api/cases/square")
        assert (refused.status_code, refused.json()["code"]) == (400, "FormatError")
        assert client.get("/api/cases/volume").status_code == 200


def test_another_page_with_the_cookie_cannot_change_anything(client: TestClient) -> None:
    """A browser sends the cookie along; what it cannot do is to leave out that the request comes from elsewhere."""
    client.headers.pop("Authorization")
    client.get(f"/?token={TOKEN}")
    for origin in ("http://evil.example", "null", "http://testserver:81"):
        assert stroke_from(client, origin) == 403
    assert (
        client.post("/api/cases/volume/save", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    )
    assert client.get("/api/project", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/api/cases/volume").json()["undo"] == []
    assert stroke_from(client, "http://testserver") == 200


def stroke_from(client: TestClient, origin: str) -> int:
    body = {"client": PAGE, "sequence": 1, **STROKE}
    return int(client.post("/api/cases/volume/edits", json=body, headers={"Origin": origin}).status_code)


def test_two_saves_at_once_are_one_version_and_nobody_is_told_of_a_failure(client: TestClient) -> None:
    stroke(client, 1)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(client.post(SAVE, json={}).json())) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one["new"] for one in answers) == [False, False, False, True]
    assert {one["version"] for one in answers} == {2}
    refused = client.post(SAVE, json={"client": "page-two-5678"}, headers={"X-Septum-Author": "bob"})
    assert (refused.status_code, refused.json()["lease"]["author"]) == (409, "ada")


SAVE = "/api/cases/volume/save"


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond a few bytes, as the system says it: a write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_a_stroke_is_refused_whole_and_accepted_when_it_is_sent_again(client: TestClient) -> None:
    before = labels(client)
    stroke(client, 1, runs=[0, 1, 3])
    known = labels(client)
    with full_disk():
        refused = stroke(client, 2)
        assert (refused.status_code, refused.json()["code"]) == (507, "full")
        assert "free some space" in refused.json()["error"]
        saving = client.post(SAVE, json={})
        assert (saving.status_code, saving.json()["code"]) == (507, "full")
        assert client.get("/api/cases/square").status_code == 507
        assert np.array_equal(labels(client), known)
    assert not np.array_equal(known, before)
    assert stroke(client, 2).json()["changed"] == 5
    assert client.post(SAVE, json={}).json()["version"] == 2
    assert client.get("/api/cases/square").status_code == 200


def test_a_case_that_cannot_be_saved_is_closed_and_opened_with_every_stroke(
    client: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stroke(client, 1)
    desk = client.app.state.desk
    with full_disk():
        desk._close("volume")
    assert "in the journal" in caplog.text
    assert not list((folder / "annotations").rglob("v*.nii.gz"))
    assert (labels(client) == 5).sum() == 5
    assert client.get("/api/cases/volume").json()["dirty"]
    assert client.post(SAVE, json={}).json()["version"] == 2


@contextmanager
def held_database(folder: Path) -> Iterator[None]:
    """Another program writes to the project's database and does not end."""
    other = sqlite3.connect(folder / "project.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_while_the_database_is_locked_nothing_is_lost_and_the_page_is_told_to_try_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_MS", 50)
    with open_client(folder) as client:
        square = {"box": {"start": [0, 0], "stop": [2, 2]}, "runs": [0, 3, 1]}
        client.post("/api/cases/square/lease", json={})
        with held_database(folder):
            first = stroke(client, 1)
            assert (first.status_code, first.json()["code"]) == (503, "busy")  # no lease can be had
            assert "locked" in first.json()["error"]
            body = {"client": PAGE, "sequence": 1, **square}
            applied = client.post("/api/cases/square/edits", json=body)  # kept, but its status cannot be
            assert applied.status_code == 503
            assert client.post("/api/cases/square/save", json={}).status_code == 503
            assert client.get("/api/cases").status_code == 200  # who only looks is not held up
        assert stroke(client, 1).json()["changed"] == 5
        again = client.post("/api/cases/square/edits", json=body).json()
        assert again["duplicate"]
        assert int(labels(client, case="square").sum()) == 3
        assert client.get("/api/cases/square").json()["status"] == "drawn"
        assert client.post("/api/cases/square/save", json={}).json()["new"]
