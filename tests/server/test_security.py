"""Who is let in, and what is refused before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN, open_client

from septum.server.settings import ServerSettings


def test_health_and_page_files_need_no_token_and_all_data_does(client: TestClient) -> None:
    client.headers.pop("Authorization")
    assert client.get("/healthz").json()["status"] == "ok"
    for path in client.app.openapi()["paths"]:
        if path.startswith("/api"):
            assert client.get(path).status_code == 401, path


def test_the_token_in_the_address_becomes_a_cookie_that_outlives_the_server(folder: Path) -> None:
    with open_client(folder) as first:
        first.headers.pop("Authorization")
        assert first.get("/?token=wrong-wrong-wrong", follow_redirects=False).status_code == 403
        welcome = first.get(f"/?token={TOKEN}", follow_redirects=False)
        assert (welcome.status_code, welcome.headers["location"]) == (303, "/")
        assert "HttpOnly" in welcome.headers["set-cookie"]
        assert "SameSite=Strict" in welcome.headers["set-cookie"]
        cookie = welcome.headers["set-cookie"].split(";")[0]
        assert TOKEN not in cookie
        assert first.get("/api/project").status_code == 200
    settings = ServerSettings(folder, "another-token-entirely", hosts=("testserver",))
    from septum.server.app import create_app

    with TestClient(create_app(settings), headers={"Cookie": cookie}) as second:
        assert second.get("/api/project").status_code == 200
    assert ((folder / ".septum-secret").stat().st_mode & 0o077) == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "testserver.evil.example", ""])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
def test_a_request_from_another_page_is_refused(client: TestClient, origin: str) -> None:
    assert client.post("/api/jobs", json={"kind": "evaluate"}, headers={"Origin": origin}).status_code == 403


def test_a_form_from_another_page_cannot_change_anything(client: TestClient) -> None:
    refused = client.post("/api/cases/volume/save", content=b"{}", headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415


def test_a_body_is_bounded_whatever_length_it_claims(folder: Path) -> None:
    with open_client(folder, largest_body=1000) as client:
        long = b'{"note": "' + b"x" * 2000 + b'"}'
        assert client.post("/api/cases/volume/save", content=long, headers=_JSON).status_code == 413

        def pieces() -> Iterator[bytes]:
            for start in range(0, len(long), 100):
                yield long[start : start + 100]

        assert client.post("/api/cases/volume/save", content=pieces(), headers=_JSON).status_code in (400, 413)
        assert client.post("/api/cases/volume/save", content=b'{"no', headers=_JSON).status_code == 422


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("bad", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "volume%00", "..\\..\\x", "a" * 5000, "ünï"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/cases/{}", "/api/cases/{}/thumbnail", "/api/cases/volume/labels/0/0?layer={}",
        "/api/cases/volume/labels/0/0?layer=prediction:{}", "/api/cases/volume/slices/0/0?channel={}",
        "/api/measure/report/{}/index.html", "/api/measure/report/model-1/{}", "/static/{}",
    ],
)  # fmt: skip
def test_no_path_from_a_page_is_opened(client: TestClient, path: str, bad: str) -> None:
    found = client.get(path.format(bad))
    assert found.status_code in (404, 422), found.text
    assert "root:" not in found.text
