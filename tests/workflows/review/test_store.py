"""The store of ratings keeps its promises by itself: append-only, one chain per item and reader, two writers."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace

import pytest

from septum.errors import ConfigError, DatasetError, FormatError
from septum.workflows.review import schema as store_schema
from septum.workflows.review import store
from septum.workflows.review.store import ItemRecord, StudyRecord, open_rating_store

STUDY = StudyRecord("study1", "2026-01-01T00:00:00+00:00", "{}", "seed")
ITEMS = [ItemRecord(f"CODE{i}", i, 1, (f"CODE{i}.png", f"CODE{i}-plain.png")) for i in range(3)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ratings.sqlite"


@pytest.fixture
def ratings(path):
    found = open_rating_store(f"sqlite:///{path}")
    found.add_study(STUDY, ITEMS, who="coordinator")
    yield found
    found.close()


def give(ratings, code="CODE0", value="pass", reader="anna", comment=""):
    return ratings.rate("study1", code, reader=reader, value=value, comment=comment, origin="python")


def test_what_was_stored_comes_back(ratings, path):
    assert ratings.study("study1") == STUDY
    assert list(ratings.items("study1")) == ITEMS
    given = give(ratings, comment="too large")
    again = open_rating_store(f"sqlite:///{path}")
    assert again.history("study1") == (given,)
    assert given.supersedes is None
    again.close()


def test_a_second_rating_supersedes_the_first_and_both_stay(ratings):
    first, second = give(ratings, value="fail"), give(ratings, value="pass")
    assert second.supersedes == first.id
    assert [r.value for r in ratings.history("study1")] == ["fail", "pass"]
    assert ratings.current("study1") == (second,)


def test_a_rating_taken_back_counts_no_more_and_stays_in_the_history(ratings):
    give(ratings)
    give(ratings, value=None)
    assert ratings.current("study1") == ()
    assert len(ratings.history("study1")) == 2
    with pytest.raises(DatasetError, match="to take back"):
        give(ratings, value=None)


def test_readers_do_not_supersede_each_other(ratings):
    give(ratings, reader="anna", value="fail")
    give(ratings, reader="ben", value="pass")
    assert {(r.reader, r.value) for r in ratings.current("study1")} == {("anna", "fail"), ("ben", "pass")}
    assert [r.reader for r in ratings.current("study1", reader="ben")] == ["ben"]


@pytest.mark.parametrize("table", ["rating", "audit", "item", "study", "schema_version"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {column} = {column}"])
def test_the_database_itself_refuses_to_change_or_delete(ratings, path, table, statement):
    give(ratings)
    column = "version" if table == "schema_version" else "created" if table != "item" else "family"
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        connection.execute(statement.format(table, column=column))
    connection.close()


def insert(path, **changes):
    row = {
        "id": "new", "number": 9, "study": "study1", "code": "CODE0", "reader": "anna", "value": "pass",
        "comment": "", "created": "now", "origin": "python", "supersedes": None,
    } | changes  # fmt: skip
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        with connection:
            connection.execute(
                f"INSERT INTO rating ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row
            )
    finally:
        connection.close()


def test_the_database_allows_one_first_rating_and_one_successor(ratings, path):
    first = give(ratings)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(path)
    second = give(ratings, value="fail")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(path, supersedes=first.id)
    insert(path, supersedes=second.id)
    assert [r.id for r in ratings.current("study1")] == ["new"]


@pytest.mark.parametrize("changes", [{"code": "CODE1"}, {"reader": "ben"}])
def test_the_database_refuses_to_supersede_the_rating_of_another(ratings, path, changes):
    first = give(ratings)
    with pytest.raises(sqlite3.IntegrityError, match="supersedes one of the same reader and item"):
        insert(path, supersedes=first.id, **changes)


def test_the_database_refuses_items_that_are_not_of_the_study(ratings, path):
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        insert(path, code="CODE9")
    with pytest.raises(ConfigError, match="must be an item of the study"):
        give(ratings, code="CODE9")


def test_two_writers_lose_nothing(ratings, path):
    other = open_rating_store(f"sqlite:///{path}")
    failures = []

    def write(own, name):
        try:
            for i in range(20):
                own.rate("study1", "CODE0", reader="anna", value=f"{name}{i}", comment="", origin="python")
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(own, name)) for own, name in ((ratings, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = ratings.history("study1")
    assert not failures
    assert [r.number for r in history] == list(range(1, 41))
    assert [r.supersedes for r in history] == [None, *(r.id for r in history[:-1])]
    assert len(ratings.current("study1")) == 1
    other.close()


def test_the_log_says_who_did_what(ratings):
    give(ratings)
    give(ratings, value="fail")
    give(ratings, value=None)
    entries = ratings.audit("study1")
    assert [(e.who, e.what) for e in entries] == [
        ("coordinator", "create"), ("anna", "rate"), ("anna", "supersede"), ("anna", "withdraw"),
    ]  # fmt: skip
    assert entries[1].details["code"] == "CODE0"


def test_write_ahead_logging_is_on(ratings, path):
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_history_of_a_copy_is_taken_over_once(ratings, tmp_path):
    give(ratings, value="fail")
    give(ratings, value="pass")
    copy = open_rating_store(f"sqlite:///{tmp_path / 'copy.sqlite'}")
    copy.add_study(STUDY, ITEMS, who="x")
    assert copy.add_history("study1", ratings.history("study1"), who="x") == 2
    assert copy.history("study1") == ratings.history("study1")
    assert copy.add_history("study1", ratings.history("study1"), who="x") == 0
    copy.close()


def test_an_edited_or_contradicting_history_is_refused_whole(ratings):
    first = give(ratings)
    with pytest.raises(DatasetError, match="got other content"):
        ratings.add_history("study1", [replace(first, value="fail")], who="x")
    new = replace(first, id="fresh", code="CODE1")
    with pytest.raises(DatasetError, match="contradicts"):
        ratings.add_history("study1", [new, replace(first, id="second")], who="x")
    with pytest.raises(DatasetError, match="FOREIGN KEY"):
        ratings.add_history("study1", [replace(first, id="other", code="CODE9")], who="x")
    assert ratings.history("study1") == (first,)


def test_a_study_is_registered_once(ratings):
    with pytest.raises(ConfigError, match="already holds the study"):
        ratings.add_study(STUDY, ITEMS, who="x")
    with pytest.raises(ConfigError, match="not in this database"):
        ratings.study("other")


def test_a_newer_schema_is_refused(path, monkeypatch):
    monkeypatch.setattr(store_schema, "SCHEMA_VERSION", 2)
    open_rating_store(f"sqlite:///{path}").close()
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="schema version 1, got 2"):
        open_rating_store(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "message"), [("no url", "must be a URL"), ("postgresql://host/db", "must be of SQLite")]
)
def test_other_databases_are_refused(url, message):
    with pytest.raises(ConfigError, match=message):
        open_rating_store(url)


def test_a_file_that_is_no_database_is_refused(path):
    path.write_text("ratings of Monday, and much more text than a header of a database would have\n" * 40)
    with pytest.raises(FormatError, match="not a database"):
        open_rating_store(f"sqlite:///{path}")


@pytest.mark.parametrize("name", ["", " ", "../x", "a/b", "<b>", "x" * 65, "=cmd"])
def test_readers_names_are_plain(name):
    with pytest.raises(ConfigError, match="reader must begin"):
        store.clean_reader(name)


def test_comments_are_bounded_and_hold_no_control_characters():
    assert store.clean_comment(" a\x00b\r\nc\x1b ") == "a b\nc"
    with pytest.raises(ConfigError, match="at most 2000"):
        store.clean_comment("x" * 2001)
