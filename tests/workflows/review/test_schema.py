"""The database of ratings refuses what nobody may do: change, delete, or supersede another's rating."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sql

from septum.errors import ConfigError
from septum.workflows.review import schema
from septum.workflows.review.schema import (
    AUDIT,
    ITEM,
    RATING,
    SCHEMA_VERSION,
    STUDY,
    VERSION,
    configure_ratings,
    create_tables,
)


@pytest.fixture
def database(tmp_path: Any) -> Iterator[Any]:
    engine = sql.create_engine(f"sqlite:///{tmp_path / 'r.sqlite'}")
    sql.event.listen(engine, "connect", configure_ratings)
    with engine.begin() as connection:
        create_tables(connection, "r.sqlite")
        connection.execute(sql.insert(STUDY), {"id": "s", "created": "t", "scale": "[]", "order_seed": "1"})
        for code in ("A", "B"):
            item = {"study": "s", "code": code, "position": 0, "family": 0, "showing": 1, "pictures": "[]"}
            connection.execute(sql.insert(ITEM), item)
        rate(connection, "r1")
        connection.execute(sql.insert(AUDIT), {"study": "s", "created": "t", "who": "anna", "what": "x", "details": ""})
    yield engine
    engine.dispose()


def rate(
    connection: Any, name: str, *, number: int = 1, code: str = "A", reader: str = "anna", old: Any = None
) -> None:
    row = {"id": name, "number": number, "study": "s", "code": code, "reader": reader, "value": "pass", "comment": "",
           "created": "t", "origin": "page", "supersedes": old}  # fmt: skip
    connection.execute(sql.insert(RATING), row)


@pytest.mark.parametrize("table", [VERSION, STUDY, ITEM, RATING, AUDIT], ids=lambda table: table.name)
@pytest.mark.parametrize("action", ["update", "delete"])
def test_no_row_is_changed_or_deleted(database: Any, table: Any, action: str) -> None:
    column = next(iter(table.columns))
    words = sql.delete(table) if action == "delete" else sql.update(table).values({column.name: 7})
    with pytest.raises(sql.exc.IntegrityError, match=f"{table.name} is append-only"), database.begin() as connection:
        connection.execute(words)


def test_a_rating_supersedes_one_of_the_same_reader_and_item_once(database: Any) -> None:
    with database.begin() as connection:
        rate(connection, "r2", number=2, old="r1")
    for wrong in ({"reader": "bert"}, {"code": "B"}):
        with pytest.raises(sql.exc.IntegrityError, match="same reader and item"), database.begin() as connection:
            rate(connection, "r3", number=3, old="r2", **wrong)
    with pytest.raises(sql.exc.IntegrityError, match="UNIQUE"), database.begin() as connection:
        rate(connection, "r3", number=3, old="r1")  # r2 did already


def test_a_reader_has_one_first_rating_of_an_item_and_only_of_items_that_there_are(database: Any) -> None:
    with pytest.raises(sql.exc.IntegrityError, match="UNIQUE"), database.begin() as connection:
        rate(connection, "r2", number=2)
    with pytest.raises(sql.exc.IntegrityError, match="UNIQUE"), database.begin() as connection:
        rate(connection, "r2", number=1, reader="bert")  # numbers are given once
    with pytest.raises(sql.exc.IntegrityError, match="FOREIGN KEY"), database.begin() as connection:
        rate(connection, "r2", number=2, code="C")
    with database.begin() as connection:
        rate(connection, "r2", number=2, reader="bert")


def test_every_connection_waits_for_the_other_writer_and_loses_nothing(database: Any) -> None:
    with database.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                 ("busy_timeout", "journal_mode", "synchronous", "foreign_keys")}  # fmt: skip
    assert found == {"busy_timeout": schema.BUSY_MS, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_database_of_our_version_opens_again_and_another_one_is_refused(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as connection:
        create_tables(connection, "r.sqlite")
        assert connection.execute(sql.select(RATING.c.id)).scalars().all() == ["r1"]
    monkeypatch.setattr(schema, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with (
        pytest.raises(ConfigError, match=r"r\.sqlite must have schema version 2, got 1"),
        database.begin() as connection,
    ):
        create_tables(connection, "r.sqlite")
