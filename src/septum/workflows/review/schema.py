"""The tables of the ratings, and the triggers that let nothing be changed or deleted.

The insight: guards belong to the data. They are made together with the tables, in the database itself, so that another
program, or a person with a database browser, meets the same refusal as this one.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from septum.errors import ConfigError

SCHEMA_VERSION = 1  # raised when an older program would misread the tables


BUSY_MS = 30_000
"""How long a writer waits for another."""


_tables = sql.MetaData()


VERSION = sql.Table("schema_version", _tables, sql.Column("version", sql.Integer, primary_key=True))


STUDY = sql.Table(
    "study",
    _tables,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("created", sql.String(32), nullable=False),
    sql.Column("scale", sql.Text, nullable=False),
    sql.Column("order_seed", sql.String(64), nullable=False),
)


ITEM = sql.Table(
    "item",
    _tables,
    sql.Column("study", sql.ForeignKey("study.id"), primary_key=True),
    sql.Column("code", sql.String(32), primary_key=True),
    sql.Column("position", sql.Integer, nullable=False),
    sql.Column("family", sql.Integer, nullable=False),
    sql.Column("showing", sql.Integer, nullable=False),
    sql.Column("pictures", sql.Text, nullable=False),
)


RATING = sql.Table(
    "rating",
    _tables,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("study", sql.String(32), nullable=False),
    sql.Column("code", sql.String(32), nullable=False),
    sql.Column("reader", sql.String(64), nullable=False),
    sql.Column("value", sql.String(64)),
    sql.Column("comment", sql.Text, nullable=False),
    sql.Column("created", sql.String(32), nullable=False),
    sql.Column("origin", sql.String(16), nullable=False),
    sql.Column("supersedes", sql.ForeignKey("rating.id"), unique=True),
    sql.ForeignKeyConstraint(["study", "code"], ["item.study", "item.code"]),
    sql.UniqueConstraint("study", "number"),
    sql.Index("one_first_rating", "study", "code", "reader", unique=True, sqlite_where=sql.text("supersedes IS NULL")),
)


AUDIT = sql.Table(
    "audit",
    _tables,
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("study", sql.ForeignKey("study.id"), nullable=False),
    sql.Column("created", sql.String(32), nullable=False),
    sql.Column("who", sql.String(64), nullable=False),
    sql.Column("what", sql.String(32), nullable=False),
    sql.Column("details", sql.Text, nullable=False),
)


_SAME_CHAIN = """CREATE TRIGGER rating_supersedes_its_own BEFORE INSERT ON rating
WHEN NEW.supersedes IS NOT NULL AND NOT EXISTS (SELECT 1 FROM rating AS old WHERE old.id = NEW.supersedes
  AND old.study = NEW.study AND old.code = NEW.code AND old.reader = NEW.reader)
BEGIN SELECT RAISE(ABORT, 'a rating supersedes one of the same reader and item'); END"""


def configure_ratings(connection: Any, record: Any) -> None:
    """Settings of every SQLite connection: wait for the other writer, keep readers going, lose nothing on a crash."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def create_tables(connection: Connection, url: str) -> None:
    """Tables and their guards in an empty database; in another, check that it is ours."""
    if not sql.inspect(connection).has_table("schema_version"):
        _tables.create_all(connection)
        for table in (VERSION, STUDY, ITEM, RATING, AUDIT):
            for action in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(_guard(table.name, action))
        connection.exec_driver_sql(_SAME_CHAIN)
        connection.execute(sql.insert(VERSION), {"version": SCHEMA_VERSION})
    found = connection.execute(sql.select(VERSION.c.version)).scalar_one()
    if found != SCHEMA_VERSION:
        raise ConfigError(f"{url} must have schema version {SCHEMA_VERSION}, got {found}; use the Septum that wrote it")


def _guard(table: str, action: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
