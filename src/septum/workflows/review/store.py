"""Ratings in a database in which nothing can be overwritten.

The insight: a promise that the program keeps can be broken by the next program, so the schema keeps it. Triggers refuse
every change and every deletion; a reader who thinks again adds a row that *supersedes* the former one, and a unique
index allows each row one successor, so that two writers cannot both replace the same rating. What counts now is a view
of the history, and the history is the result.

The store knows codes, readers and values. Which case and whose mask a code stands for is not in it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from septum.errors import ConfigError, DatasetError, FormatError
from septum.io.documents import parse_json
from septum.workflows.review import schema

LONGEST_COMMENT = 2000


READER = re.compile(r"[^\W_][\w .\-]{0,63}")


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class StudyRecord:
    """A study as the store knows it: its scale as JSON, and the seed of the readers' orders."""

    id: str
    created: str
    scale: str
    order_seed: str


@dataclass(frozen=True)
class ItemRecord:
    """One thing to rate.

    Args:
        code: the name under which readers meet it.
        family: a number shared by the items that show the same image, so that they can be kept apart in the order.
        showing: 1, or 2 for the repetition that measures agreement of a reader with themselves.
        pictures: names of its picture files.
    """

    code: str
    family: int
    showing: int
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class Rating:
    """One row of the history; `value` None means that the reader took the rating back.

    `supersedes` is the id of the row that this one replaces; `origin` says where it was entered.
    """

    id: str
    number: int
    code: str
    reader: str
    value: str | None
    comment: str
    created: str
    origin: str
    supersedes: str | None


@dataclass(frozen=True)
class AuditEntry:
    """Who did what, when."""

    created: str
    who: str
    what: str
    details: Mapping[str, Any]


class RatingStore:
    """Studies, ratings and the audit log behind one database URL; make one with `open_rating_store`.

    Every method opens its own short transaction, so a store may be shared between threads, and several processes may
    write at a time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def add_study(self, study: StudyRecord, items: Sequence[ItemRecord], *, who: str) -> None:
        """Register a new study with its items.

        Raises:
            ConfigError: when the database already holds a study of this id.
        """
        rows = [
            {**asdict(item), "pictures": json.dumps(item.pictures), "study": study.id, "position": position}
            for position, item in enumerate(items)
        ]
        with self._writing() as connection:
            if connection.execute(sql.select(schema.STUDY).where(schema.STUDY.c.id == study.id)).first():
                raise ConfigError(f"the database already holds the study {study.id}; choose another seed or database")
            connection.execute(sql.insert(schema.STUDY), asdict(study))
            connection.execute(sql.insert(schema.ITEM), rows)
            _log(connection, study.id, who=who, what="create", details={"items": len(items)})

    def study(self, study: str) -> StudyRecord:
        """The study of this id.

        Raises:
            ConfigError: when there is none.
        """
        with self._reading() as connection:
            found = connection.execute(sql.select(schema.STUDY).where(schema.STUDY.c.id == study)).mappings().first()
        if found is None:
            raise ConfigError(f"the study {study} is not in this database; give the --database it was created with")
        return StudyRecord(**found)

    def items(self, study: str) -> tuple[ItemRecord, ...]:
        """All items of a study, in the order in which they were drawn."""
        query = sql.select(schema.ITEM).where(schema.ITEM.c.study == study).order_by(schema.ITEM.c.position)
        with self._reading() as connection:
            found = connection.execute(query).mappings().all()
        return tuple(ItemRecord(r["code"], r["family"], r["showing"], tuple(_plain(r["pictures"]))) for r in found)

    def rate(self, study: str, code: str, *, reader: str, value: str | None, comment: str, origin: str) -> Rating:
        """Add a rating; it supersedes the reader's current one of this item, where there is one.

        Args:
            study: id of the study.
            code: of the item.
            reader: name of the reader, see `clean_reader`.
            value: of the scale (which this module does not know), or None to take the current rating back.
            comment: free text; control characters become spaces.
            origin: where it was entered: "page", "terminal", "import", "python".

        Raises:
            ConfigError: a comment that is too long, or an item that the study does not have.
            DatasetError: nothing to take back.
        """
        reader, comment = clean_reader(reader), clean_comment(comment)
        with self._writing() as connection:
            known = sql.select(schema.ITEM).where(schema.ITEM.c.study == study, schema.ITEM.c.code == code)
            if connection.execute(known).first() is None:
                raise ConfigError(f"code must be an item of the study, got {code!r}; take codes from the study")
            old = _current(connection, study, reader=reader, code=code)
            if value is None and (not old or old[0].value is None):
                raise DatasetError(f"there is no rating of {code} by {reader} to take back")
            number = _next_number(connection, study)
            supersedes = old[0].id if old else None
            new = Rating(secrets.token_hex(8), number, code, reader, value, comment, _now(), origin, supersedes)
            connection.execute(sql.insert(schema.RATING), {**asdict(new), "study": study})
            what = "withdraw" if value is None else "supersede" if old else "rate"
            _log(
                connection,
                study,
                who=reader,
                what=what,
                details={"code": code, "rating": new.id, "value": value, "origin": origin},
            )
        return new

    def current(self, study: str, *, reader: str | None = None) -> tuple[Rating, ...]:
        """Ratings that count: not superseded and not taken back, in the order in which they were given."""
        with self._reading() as connection:
            return tuple(rating for rating in _current(connection, study, reader=reader) if rating.value is not None)

    def history(self, study: str) -> tuple[Rating, ...]:
        """Every rating that was ever given, in order."""
        query = sql.select(schema.RATING).where(schema.RATING.c.study == study).order_by(schema.RATING.c.number)
        with self._reading() as connection:
            return _ratings(connection.execute(query).mappings())

    def add_history(self, study: str, ratings: Iterable[Rating], *, who: str) -> int:
        """Take over rows of another copy of the study; returns how many were new. All or none are added.

        Raises:
            DatasetError: a row that contradicts the history (same id and other content, a rating that is already
                superseded by another row, an unknown item).
        """
        known = {rating.id: rating for rating in self.history(study)}
        added = 0
        with self._writing() as connection:
            for rating in ratings:
                if rating.id in known:
                    if _content(known[rating.id]) != _content(rating):
                        raise DatasetError(
                            f"rating {rating.id} must be as it is stored, got other content; undo the edit"
                        )
                    continue
                row = {**asdict(rating), "study": study, "number": _next_number(connection, study)}
                row |= {"reader": clean_reader(rating.reader), "comment": clean_comment(rating.comment)}
                try:
                    connection.execute(sql.insert(schema.RATING), row)
                except IntegrityError as error:
                    raise DatasetError(
                        f"rating {rating.id} of {rating.code} by {rating.reader} contradicts the stored history "
                        f"({error.orig}); import into the study that it was exported from"
                    ) from error
                added += 1
            _log(connection, study, who=who, what="import", details={"added": added})
        return added

    def log(self, study: str, *, who: str, what: str, details: Mapping[str, Any]) -> None:
        """Add a line to the audit log."""
        with self._writing() as connection:
            _log(connection, study, who=who, what=what, details=details)

    def audit(self, study: str) -> tuple[AuditEntry, ...]:
        """The audit log, oldest first."""
        query = sql.select(schema.AUDIT).where(schema.AUDIT.c.study == study).order_by(schema.AUDIT.c.number)
        with self._reading() as connection:
            found = connection.execute(query).mappings().all()
        return tuple(AuditEntry(r["created"], r["who"], r["what"], _plain(r["details"])) for r in found)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _explained(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that holds the right to write from its first statement, so that what it read stays true."""
        with _explained(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")


def open_rating_store(url: str) -> RatingStore:
    """The store behind a database URL such as `sqlite:////shared/ratings.sqlite`; an empty database gets its tables.

    The schema guards itself by triggers of SQLite; other databases are refused until they have guards of their own.

    Raises:
        ConfigError: not a URL of SQLite, or a database of another schema version.
        FormatError: the file cannot be opened, or is not a database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"database must be a URL like sqlite:////folder/file.sqlite, got {url!r}") from error
    if parsed.get_backend_name() != "sqlite":
        kind = parsed.get_backend_name()
        raise ConfigError(f"database must be of SQLite, whose triggers guard the ratings, got {kind}; use sqlite:///")
    engine = sql.create_engine(parsed, connect_args={"timeout": schema.BUSY_MS / 1000}, isolation_level="AUTOCOMMIT")
    sql.event.listen(engine, "connect", schema.configure_ratings)
    store = RatingStore(engine)
    try:
        with store._writing() as connection:
            schema.create_tables(connection, url)
    except BaseException:
        engine.dispose()
        raise
    return store


def clean_reader(name: str) -> str:
    """The name of a reader without spaces at its ends: letters, digits, space, dot, hyphen, underscore, at most 64.

    Raises:
        ConfigError: another name.
    """
    stripped = name.strip()
    if not READER.fullmatch(stripped):
        raise ConfigError(
            f"reader must begin with a letter or digit and hold at most 64 letters, digits, spaces, dots and hyphens, "
            f"got {name[:80]!r}; use a short pseudonym"
        )
    return stripped


def clean_comment(text: str) -> str:
    """A comment with control characters replaced by spaces.

    Raises:
        ConfigError: more than 2000 characters.
    """
    if len(text) > LONGEST_COMMENT:
        raise ConfigError(f"comment must have at most {LONGEST_COMMENT} characters, got {len(text)}; shorten it")
    return _CONTROL.sub(" ", text.replace("\r\n", "\n")).strip()


@contextmanager
def _explained() -> Iterator[None]:
    """The database's own errors as one sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise FormatError(
            f"the database of ratings cannot be used ({reason}); check the file and free space"
        ) from error


def _current(connection: Connection, study: str, *, reader: str | None, code: str | None = None) -> tuple[Rating, ...]:
    """Rows that no other row supersedes, those taken back included."""
    newer = schema.RATING.alias()
    query = (
        sql.select(schema.RATING)
        .outerjoin(newer, newer.c.supersedes == schema.RATING.c.id)
        .where(schema.RATING.c.study == study, newer.c.id.is_(None))
        .order_by(schema.RATING.c.number)
    )
    for column, wanted in ((schema.RATING.c.reader, reader), (schema.RATING.c.code, code)):
        query = query if wanted is None else query.where(column == wanted)
    return _ratings(connection.execute(query).mappings())


def _ratings(rows: Iterable[Mapping[Any, Any]]) -> tuple[Rating, ...]:
    names = [field.name for field in fields(Rating)]
    return tuple(Rating(**{name: row[name] for name in names}) for row in rows)


def _content(rating: Rating) -> dict[str, Any]:
    """What must agree in two copies of a rating; its number is a matter of each copy."""
    return {name: value for name, value in asdict(rating).items() if name != "number"}


def _next_number(connection: Connection, study: str) -> int:
    query = sql.select(sql.func.coalesce(sql.func.max(schema.RATING.c.number), 0) + 1).where(
        schema.RATING.c.study == study
    )
    return int(connection.execute(query).scalar_one())


def _log(connection: Connection, study: str, *, who: str, what: str, details: Mapping[str, Any]) -> None:
    row = {"study": study, "created": _now(), "who": who, "what": what, "details": json.dumps(details)}
    connection.execute(sql.insert(schema.AUDIT), row)


def _plain(text: str) -> Any:
    """What a column of JSON holds."""
    try:
        return parse_json(text)
    except ValueError as error:
        raise DatasetError(f"the study's database must hold JSON, got text that cannot be read: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
