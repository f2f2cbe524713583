"""The database: leases, migrations, and what it says when it cannot be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.workflows.projects.conftest import BOX, save

from septum.errors import ConfigError, FormatError, SessionError
from septum.workflows.projects import schema
from septum.workflows.projects.project import Project, open_project
from septum.workflows.projects.store import BusyError, Lease, MissingError, open_project_store


def test_a_lease_is_one_clients_until_it_ends(project: Project) -> None:
    one, two = Lease("b", "client-one", "ada", 110.0), Lease("b", "client-two", "bob", 160.0)
    assert project.store.take_lease(one, now=50.0) == one
    assert project.store.take_lease(two, now=100.0) == one
    assert project.store.take_lease(two, now=120.0) == two
    project.store.drop_lease("b", "client-one")
    assert project.store.leases(130.0) == {"b": two}


def test_a_database_that_is_none_is_said(project: Project) -> None:
    project.close()
    for path in project.folder.glob("project.sqlite*"):
        path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    with pytest.raises(FormatError, match="database"):
        open_project(project.folder)


def test_a_database_that_is_held_is_busy_and_one_that_is_damaged_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.close()
    monkeypatch.setattr(schema, "BUSY_MS", 20)
    again = open_project(project.folder)
    other = sqlite3.connect(project.folder / "project.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="locked"):
        again.store.add_seconds("b", 1.0)
    assert again.store.case("b").seconds == 0.0
    other.execute("ROLLBACK")
    other.close()
    again.store.add_seconds("b", 1.5)
    again.store.add_seconds("b", 2.0)
    assert again.store.case("b").seconds == 3.5
    again.close()


def test_a_version_has_one_number(project: Project) -> None:
    save(project, BOX)
    with pytest.raises(SessionError, match="save again"):
        project.store.add_version(project.store.versions("b")[0])


def test_jobs_are_kept_with_their_settings_and_what_came_of_them(project: Project) -> None:
    job = project.store.add_job("train", {"minutes": 2.0})
    changed = project.store.change_job(job.id, state="done", result={"dice": 0.9})
    assert (changed.settings, changed.result, changed.state) == ({"minutes": 2.0}, {"dice": 0.9}, "done")
    assert project.store.jobs() == (changed,)
    with pytest.raises(MissingError, match="job"):
        project.store.job(job.id + 1)


def test_a_status_or_an_address_that_is_none_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="status"):
        project.store.change_case("b", status="perfect")
    for url in ("not a url", "nosuchdatabase://somewhere"):
        with pytest.raises(ConfigError, match="URL"):
            open_project_store(url)
    with pytest.raises(FormatError, match="cannot be used"):
        open_project_store(f"sqlite:///{tmp_path}/no/such/folder/p.sqlite")
