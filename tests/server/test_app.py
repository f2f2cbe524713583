"""Every error is one sentence with a word for the page; nothing of the machine is told; the doors are as documented."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN, open_client

from septum import __version__
from septum.errors import Cancelled, ConfigError, FormatError, SessionError
from septum.server.app import STATIC, create_app
from septum.server.desk import LeasedError
from septum.server.opened import ClosedError, StaleError
from septum.server.settings import ServerSettings
from septum.workflows.projects.store import BusyError, Lease, MissingError


def caused(error: Exception, code: int) -> Exception:
    """The error with an error of the system two steps behind it."""
    between = SessionError("between")
    between.__cause__ = OSError(code, "the system's word")
    error.__cause__ = between
    return error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConfigError("x"), 400, "ConfigError"), (MissingError("x"), 404, "not-found"), (StaleError("x"), 409, "stale"),
        (LeasedError(Lease("volume", "c", "bob", 1.0)), 409, "leased"), (Cancelled("x"), 409, "stopped"),
        (ClosedError(), 503, "busy"), (BusyError("x"), 503, "busy"),
        (caused(SessionError("x"), errno.ENOSPC), 507, "full"), (caused(FormatError("x"), errno.EDQUOT), 507, "full"),
        (caused(FormatError("x"), errno.ENOENT), 400, "FormatError"),
    ],
)  # fmt: skip
def test_each_kind_of_error_has_its_status_and_its_word(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def fails(case_id: str) -> Any:
        raise error

    monkeypatch.setattr(client.app.state.desk.project.store, "case", fails)
    found = client.get("/api/cases/volume")
    assert (found.status_code, found.json()["code"]) == (status, code)
    assert found.json()["error"]


def test_an_error_of_ours_is_a_500_without_a_word_of_the_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_client(folder) as client:
        careless = TestClient(client.app, headers=client.headers, raise_server_exceptions=False)

        def broken(case_id: str) -> Any:
            raise ZeroDivisionError("in /home/ann/secret.py")

        monkeypatch.setattr(client.app.state.desk.project.store, "case", broken)
        found = careless.get("/api/cases/volume")
        assert found.status_code == 500
        assert "ann" not in found.text


def test_no_folder_of_the_machine_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(case_id: str) -> Any:
        raise FormatError("/home/ann/patients/x.nii.gz must be complete")

    monkeypatch.setattr(client.app.state.desk.project.store, "case", fails)
    assert client.get("/api/cases/volume").json()["error"] == "x.nii.gz must be complete"


def test_health_page_and_document(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": __version__}
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/api/openapi.json").json()["info"]["description"].endswith("not a medical device.")
    assert client.get("/docs").status_code == 404  # no page of another origin
    assert client.get("/api/nothing").json()["code"] == "not-found"
    assert client.patch("/api/project", json={}).json()["code"] == "not-allowed"


def test_a_folder_that_is_no_project_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a project"):
        create_app(ServerSettings(tmp_path, TOKEN))


def test_the_page_asks_for_all_its_modules_at_once() -> None:
    """A module that is found only when another was read costs a round trip for each step of the way."""
    listed = set(re.findall(r'rel="modulepreload" href="/static/([^"]+)"', (STATIC / "index.html").read_text()))
    assert listed == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}
