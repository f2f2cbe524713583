"""The tables of a project, and how those of an older Septum become those of this one.

The insight: a project outlives the program that made it. So the database says which version its tables have, each
migration is one step from a version to the next, and a newer database is refused rather than misread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from septum.errors import ConfigError

BUSY_MS = 15_000
"""How long a writer waits for another."""

TABLES = sql.MetaData()

VERSION = sql.Table("project_schema", TABLES, sql.Column("version", sql.Integer, primary_key=True))

CASE = sql.Table(
    "project_case",
    TABLES,
    sql.Column("id", sql.String(80), primary_key=True),
    sql.Column("position", sql.Integer, nullable=False),
    sql.Column("name", sql.Text, nullable=False),
    sql.Column("source", sql.Text, nullable=False),  # the data set's case, as JSON
    sql.Column("split", sql.String(8)),
    sql.Column("status", sql.String(16), nullable=False),
    sql.Column("seconds", sql.Float, nullable=False, default=0.0),
    sql.Column("prediction", sql.String(80)),
    sql.Column("predicted_dice", sql.Float),
    sql.Column("reason", sql.Text, nullable=False, default=""),
    sql.Column("skipped", sql.Integer, nullable=False, default=0),
    sql.Column("urgency", sql.Float),  # of the mask in the queue, the smallest first; NULL without one
    sql.Column("counted", sql.Text, nullable=False, default="", server_default=""),  # objects of the mask, in words
)

ANNOTATION = sql.Table(
    "annotation",
    TABLES,
    sql.Column("case_id", sql.ForeignKey("project_case.id"), primary_key=True),
    sql.Column("version", sql.Integer, primary_key=True),
    sql.Column("author", sql.String(64), nullable=False),
    sql.Column("saved", sql.String(32), nullable=False),
    sql.Column("note", sql.Text, nullable=False),
    sql.Column("origin", sql.String(16), nullable=False),
    sql.Column("file", sql.Text, nullable=False),  # beside the project's file, or empty: the data set's own labels
    sql.Column("digest", sql.String(80), nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),
)

LEASE = sql.Table(
    "lease",
    TABLES,
    sql.Column("case_id", sql.ForeignKey("project_case.id"), primary_key=True),
    sql.Column("client", sql.String(64), nullable=False),
    sql.Column("author", sql.String(64), nullable=False),
    sql.Column("until", sql.Float, nullable=False),  # seconds since 1970
)

JOB = sql.Table(
    "job",
    TABLES,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("settings", sql.Text, nullable=False),
    sql.Column("created", sql.String(32), nullable=False),
    sql.Column("started", sql.String(32)),
    sql.Column("ended", sql.String(32)),
    sql.Column("error", sql.Text),
    sql.Column("model", sql.String(80)),
    sql.Column("result", sql.Text),
)

_GUARDS = tuple(
    f"CREATE TRIGGER annotation_no_{action.lower()} BEFORE {action} ON annotation "
    "BEGIN SELECT RAISE(ABORT, 'versions of an annotation are append-only'); END"
    for action in ("UPDATE", "DELETE")
)


def _first(connection: Connection) -> None:
    TABLES.create_all(connection)
    if connection.dialect.name == "sqlite":
        for statement in _GUARDS:
            connection.exec_driver_sql(statement)


def _with_urgency(connection: Connection) -> None:
    if all(column["name"] != "urgency" for column in sql.inspect(connection).get_columns(CASE.name)):
        connection.execute(sql.text("ALTER TABLE project_case ADD COLUMN urgency FLOAT"))


def _with_counted(connection: Connection) -> None:
    if all(column["name"] != "counted" for column in sql.inspect(connection).get_columns(CASE.name)):
        connection.execute(sql.text("ALTER TABLE project_case ADD COLUMN counted TEXT NOT NULL DEFAULT ''"))


MIGRATIONS: Sequence[Callable[[Connection], None]] = (_first, _with_urgency, _with_counted)
"""What leads from version `i` of the tables to version `i + 1`."""


def configure_project(connection: Any, record: Any) -> None:
    """Settings of every SQLite connection: wait for the other writer, keep readers going, lose nothing on a crash."""
    connection.isolation_level = None  # transactions begin where this program says so
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def migrate(connection: Connection) -> None:
    """Bring the tables to this version, all steps or none.

    Raises:
        ConfigError: the database was written by a newer Septum.
    """
    found = 0
    if sql.inspect(connection).has_table(VERSION.name):
        found = int(connection.execute(sql.select(sql.func.max(VERSION.c.version))).scalar() or 0)
    if found > len(MIGRATIONS):
        raise ConfigError(f"the project's database must have version {len(MIGRATIONS)}, got {found}; update Septum")
    for number, step in enumerate(MIGRATIONS[found:], start=found + 1):
        step(connection)
        connection.execute(sql.insert(VERSION), {"version": number})
