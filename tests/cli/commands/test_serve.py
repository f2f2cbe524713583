"""`septum serve` as it is typed: which project, which address, and what is said of the risk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from septum.cli.commands import serve
from septum.server import launch
from septum.workflows.projects.project import is_project


@pytest.fixture
def running(monkeypatch):
    """The server's settings instead of a server; the listener has the port 4711."""
    seen = {}
    monkeypatch.setattr(launch, "bind", lambda host, port: SimpleNamespace(getsockname=lambda: (host, port or 4711)))
    monkeypatch.setattr(
        launch, "run_server", lambda settings, listener, **named: seen.update(settings=settings, **named)
    )
    return seen


def test_a_project_is_made_beside_a_data_set_once(septum, dataset, running):
    first = septum("serve", dataset, "--no-browser", "--port", 0)
    assert first.code == 0
    beside = dataset.resolve().with_name(f"{dataset.name}-septum")
    assert is_project(beside)
    assert running["settings"].project == beside
    assert running["open_page"] is False
    assert "http://127.0.0.1:4711/?token=" in first.out
    assert "127.0.0.1:4711" in running["settings"].hosts
    assert "RISK" not in first.err
    before = (beside / "project.toml").stat().st_mtime_ns if (beside / "project.toml").exists() else None
    again = septum("serve", dataset)
    assert again.code == 0
    assert before is None or (beside / "project.toml").stat().st_mtime_ns == before
    assert septum("serve", beside).code == 0
    assert running["settings"].project == beside


def test_every_start_has_a_secret_of_its_own_unless_one_is_given(septum, dataset, running):
    tokens = set()
    for _ in range(2):
        septum("serve", dataset)
        tokens.add(running["settings"].token)
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 24
    septum("serve", dataset, "--token", "sixteen-letters!")
    assert running["settings"].token == "sixteen-letters!"


def test_another_address_needs_leave_and_is_called_a_risk(septum, dataset, running):
    refused = septum("serve", dataset, "--host", "0.0.0.0")
    assert refused.code == 2
    assert running == {}
    told = septum("serve", dataset, "--host", "10.1.2.3", "--name", "lab", "--insecure", "--token", "sixteen-letters!")
    assert told.code == 0
    assert serve.RISK in told.err
    assert "http://lab:8765/" in told.out
    assert {"lab:8765", "10.1.2.3:8765", "localhost:8765"} <= set(running["settings"].hosts)


@pytest.mark.parametrize("words", [(), ("SET", "--sample")])
def test_one_thing_is_served(septum, dataset, running, words):
    result = septum("serve", *(dataset if word == "SET" else word for word in words))
    assert result.code == 2
    assert "give one of them" in result.err


def test_the_sample_is_made_where_the_command_is_typed(septum, tmp_path, running, monkeypatch):
    monkeypatch.setattr("septum.workflows.sample.sample_project", lambda folder: folder)
    assert septum("serve", "--sample").code == 0
    assert running["settings"].project == Path("septum-sample")
