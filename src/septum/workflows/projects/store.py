"""What a project knows beside its files: cases, versions, leases, jobs, in one database.

The insight: everything that two people can do at once is one short transaction here, so that the answer to "who has
this case" or "which version is next" is decided in one place, whatever the number of servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from septum.errors import ConfigError, DatasetError, FormatError, SessionError
from septum.workflows.projects import schema

STATUSES = ("new", "drawn", "predicted", "corrected", "reviewed")
ORIGINS = ("imported", "drawn", "predicted", "corrected", "restored")
ENDED = ("done", "failed", "stopped")


@dataclass(frozen=True)
class CaseRecord:
    """A case as the database knows it; `source` is the data set's case as plain data, `counted` tells of the objects of
    its mask in words (empty where there are none)."""

    id: str
    position: int
    name: str
    source: Mapping[str, Any]
    split: str | None
    status: str
    seconds: float
    prediction: str | None
    predicted_dice: float | None
    reason: str
    skipped: int
    urgency: float | None = None
    counted: str = ""


@dataclass(frozen=True)
class Version:
    """One saved annotation; `file` is empty for the labels of the data set; `seconds` of work until then."""

    case_id: str
    version: int
    author: str
    saved: str
    note: str
    origin: str
    file: str
    digest: str
    seconds: float


@dataclass(frozen=True)
class Lease:
    """Who edits a case, and until when (seconds since 1970) without a sign of life."""

    case_id: str
    client: str
    author: str
    until: float


@dataclass(frozen=True)
class JobRecord:
    """A piece of long work, as it was ordered and as it ended."""

    id: int
    kind: str
    state: str
    settings: Mapping[str, Any]
    created: str
    started: str | None
    ended: str | None
    error: str | None
    model: str | None
    result: Mapping[str, Any] | None


class MissingError(DatasetError):
    """Something was asked for that the project does not have."""


class BusyError(FormatError):
    """The database cannot be used just now (another program holds it, the disk is full): trying again may help."""


class ProjectStore:
    """The database of a project; make one with `open_project_store`. Each method is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def add_cases(self, records: Sequence[CaseRecord]) -> None:
        """Register cases; all or none."""
        rows = [{**_row(one), "source": json.dumps(one.source)} for one in records]
        with self._writing() as connection:
            connection.execute(sql.insert(schema.CASE), rows)

    def cases(self) -> tuple[CaseRecord, ...]:
        """All cases in the order of the data set."""
        with self._reading() as connection:
            rows = connection.execute(sql.select(schema.CASE).order_by(schema.CASE.c.position)).mappings().all()
        return tuple(_case(row) for row in rows)

    def case(self, case_id: str) -> CaseRecord:
        """The case of this id; `MissingError` when there is none."""
        with self._reading() as connection:
            row = connection.execute(sql.select(schema.CASE).where(schema.CASE.c.id == case_id)).mappings().first()
        if row is None:
            raise MissingError(
                f"case must be one of the project, got {case_id[:80]!r}; take ids from the list of cases"
            )
        return _case(row)

    def change_case(self, case_id: str, **values: Any) -> CaseRecord:
        """Set columns of a case, such as its status.

        Raises:
            ConfigError: an unknown status.
            DatasetError: no such case.
        """
        if "status" in values and values["status"] not in STATUSES:
            raise ConfigError(f"status must be one of {', '.join(STATUSES)}, got {values['status']!r}")
        with self._writing() as connection:
            connection.execute(sql.update(schema.CASE).where(schema.CASE.c.id == case_id).values(**values))
        return self.case(case_id)

    def add_seconds(self, case_id: str, seconds: float) -> None:
        """Add active time of work."""
        with self._writing() as connection:
            column = schema.CASE.c.seconds
            connection.execute(
                sql.update(schema.CASE).where(schema.CASE.c.id == case_id).values(seconds=column + seconds)
            )

    def versions(self, case_id: str) -> tuple[Version, ...]:
        """Versions of a case's annotation, the oldest first."""
        table = schema.ANNOTATION
        query = sql.select(table).where(table.c.case_id == case_id).order_by(table.c.version)
        with self._reading() as connection:
            return tuple(Version(**row) for row in connection.execute(query).mappings())

    def newest(self) -> dict[str, Version]:
        """The newest version of every case that has one."""
        table = schema.ANNOTATION
        with self._reading() as connection:
            rows = connection.execute(sql.select(table).order_by(table.c.version)).mappings().all()
        return {row["case_id"]: Version(**row) for row in rows}

    def add_version(self, version: Version) -> None:
        """Register a version whose file is written.

        Raises:
            SessionError: another one of this number was saved in the meantime; both files are there.
        """
        try:
            with self._engine.connect().execution_options(writing=True) as connection, connection.begin():
                connection.execute(sql.insert(schema.ANNOTATION), _row(version))
        except sql.exc.IntegrityError as error:
            raise SessionError(
                f"version {version.version} of {version.case_id} was saved by somebody else; save again"
            ) from error
        except SQLAlchemyError as error:
            raise _explained(error) from error

    def leases(self, now: float) -> dict[str, Lease]:
        """Leases that hold, by case."""
        with self._reading() as connection:
            rows = connection.execute(sql.select(schema.LEASE).where(schema.LEASE.c.until > now)).mappings().all()
        return {row["case_id"]: Lease(**row) for row in rows}

    def take_lease(self, wanted: Lease, *, now: float) -> Lease:
        """The lease that holds after asking: the wanted one, or that of another client."""
        table = schema.LEASE
        with self._writing() as connection:
            row = connection.execute(sql.select(table).where(table.c.case_id == wanted.case_id)).mappings().first()
            if row is not None and row["client"] != wanted.client and row["until"] > now:
                return Lease(**row)
            connection.execute(sql.delete(table).where(table.c.case_id == wanted.case_id))
            connection.execute(sql.insert(table), _row(wanted))
        return wanted

    def drop_lease(self, case_id: str, client: str) -> None:
        """Give a lease back; nothing happens where another has it."""
        table = schema.LEASE
        with self._writing() as connection:
            connection.execute(sql.delete(table).where(table.c.case_id == case_id, table.c.client == client))

    def add_job(self, kind: str, settings: Mapping[str, Any]) -> JobRecord:
        """A job that waits for its turn."""
        row = {"kind": kind, "state": "queued", "settings": json.dumps(settings), "created": now_text()}
        with self._writing() as connection:
            found = connection.execute(sql.insert(schema.JOB), row).inserted_primary_key
        if found is None:
            raise FormatError("the project's database gave a new job no number; check the file and free space")
        return self.job(int(found[0]))

    def job(self, job_id: int) -> JobRecord:
        """The job of this number; `MissingError` when there is none."""
        with self._reading() as connection:
            row = connection.execute(sql.select(schema.JOB).where(schema.JOB.c.id == job_id)).mappings().first()
        if row is None:
            raise MissingError(f"job must be one of the project, got {job_id}")
        return _job(row)

    def jobs(self) -> tuple[JobRecord, ...]:
        """All jobs, the oldest first."""
        with self._reading() as connection:
            rows = connection.execute(sql.select(schema.JOB).order_by(schema.JOB.c.id)).mappings().all()
        return tuple(_job(row) for row in rows)

    def change_job(self, job_id: int, **values: Any) -> JobRecord:
        """Set columns of a job."""
        if "result" in values:
            values["result"] = json.dumps(values["result"])
        with self._writing() as connection:
            connection.execute(sql.update(schema.JOB).where(schema.JOB.c.id == job_id).values(**values))
        return self.job(job_id)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _explained(error) from error

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that, in SQLite, holds the right to write from its first statement."""
        try:
            with self._engine.connect().execution_options(writing=True) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise _explained(error) from error


def open_project_store(url: str) -> ProjectStore:
    """The store behind a database URL; an empty database gets its tables, an older one is migrated.

    Raises:
        ConfigError: not a database URL, or a database of a newer Septum.
        FormatError: it cannot be opened.
    """
    try:
        parsed = make_url(url)
        engine = sql.create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"database must be a URL like sqlite:////folder/file.sqlite, got {url!r}") from error
    if parsed.get_backend_name() == "sqlite":
        sql.event.listen(engine, "connect", schema.configure_project)
        sql.event.listen(engine, "begin", _begin)
    try:
        with engine.connect().execution_options(writing=True) as connection, connection.begin():
            schema.migrate(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        raise _explained(error) from error
    except BaseException:
        engine.dispose()
        raise
    return ProjectStore(engine)


def now_text() -> str:
    """This moment, UTC, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _explained(error: SQLAlchemyError) -> FormatError:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    kind = BusyError if isinstance(error, sql.exc.OperationalError) else FormatError
    return kind(f"the project's database cannot be used ({reason}); check the file and free space")


def _row(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _case(row: Mapping[Any, Any]) -> CaseRecord:
    return CaseRecord(**{**row, "source": json.loads(row["source"])})


def _job(row: Mapping[Any, Any]) -> JobRecord:
    result = None if row["result"] is None else json.loads(row["result"])
    return JobRecord(**{**row, "settings": json.loads(row["settings"]), "result": result})
