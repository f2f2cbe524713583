"""The tables of an older Septum become those of this one; those of a newer one are refused."""

from __future__ import annotations

import sqlite3

import pytest

from septum.errors import ConfigError
from septum.workflows.projects import schema
from septum.workflows.projects.project import Project, open_project


def test_a_newer_database_is_refused_and_an_empty_one_is_migrated(project: Project) -> None:
    project.close()
    with sqlite3.connect(project.folder / "project.sqlite") as raw:
        assert raw.execute("SELECT max(version) FROM project_schema").fetchone() == (len(schema.MIGRATIONS),)
        raw.execute("INSERT INTO project_schema VALUES (99)")
    with pytest.raises(ConfigError, match="update Septum"):
        open_project(project.folder)


def test_a_database_of_the_first_version_keeps_its_cases_and_gets_the_place_in_the_queue(project: Project) -> None:
    project.close()
    with sqlite3.connect(project.folder / "project.sqlite") as raw:
        before = raw.execute("SELECT id FROM project_case ORDER BY position").fetchall()
        raw.execute("ALTER TABLE project_case DROP COLUMN urgency")
        raw.execute("ALTER TABLE project_case DROP COLUMN counted")
        raw.execute("DELETE FROM project_schema WHERE version > 1")
    again = open_project(project.folder)
    assert [(one.id,) for one in again.store.cases()] == before
    again.store.change_case(before[0][0], urgency=0.5)
    assert again.store.cases()[0].urgency == 0.5
    assert {one.counted for one in again.store.cases()} == {""}
    again.close()


def test_a_connection_waits_for_others_and_survives_a_crash(project: Project) -> None:
    raw = sqlite3.connect(project.folder / "project.sqlite")
    schema.configure_project(raw, None)
    asked = [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("busy_timeout", "journal_mode", "foreign_keys")]
    assert asked == [schema.BUSY_MS, "wal", 1]
    raw.close()
