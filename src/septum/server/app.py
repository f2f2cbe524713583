"""`create_app`: the server of one project, as an ASGI application.

The insight: there is one place that turns an error into an answer. What a person can mend (`SeptumError`) is a 4xx with
one sentence; what the machine cannot do just now (a full disk, a locked database) is a 507 or 503, which a page keeps
and sends again; anything else is our bug, and a 500.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from septum import __version__
from septum.errors import Cancelled, SeptumError
from septum.server.desk import Desk, LeasedError
from septum.server.jobs import JobRunner
from septum.server.opened import ClosedError, StaleError
from septum.server.routes import cases, deciding, edits, frames, jobs, looking, measuring, pipelines, reviewing, tools
from septum.server.security import Gate
from septum.server.settings import ServerSettings
from septum.server.words import without_paths
from septum.workflows.projects.project import open_project
from septum.workflows.projects.store import BusyError, MissingError

STATIC = Path(__file__).with_name("static")
_TIDY_S = 5.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def create_app(settings: ServerSettings) -> FastAPI:
    """The application of a project; it opens the project when it starts and closes it when it ends.

    Raises:
        ConfigError: no project there.
        FormatError: its database cannot be opened.
    """
    project = open_project(settings.project)
    app = FastAPI(
        title="Septum workbench", version=__version__, lifespan=_lifespan, openapi_url="/api/openapi.json",
        docs_url=None, redoc_url=None,
        description="Annotate, train, correct and review. Research software, not a medical device.",
    )  # fmt: skip
    app.state.desk = Desk(project, settings)
    app.state.jobs = JobRunner(project, app.state.desk.events)
    for module in (cases, looking, edits, frames, tools, pipelines, deciding, jobs, measuring, reviewing):
        app.include_router(module.router)
    app.add_api_route("/healthz", _health, methods=["GET"], tags=["health"])
    app.add_api_route("/", _page, methods=["GET"], include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    app.add_exception_handler(SeptumError, _explain)
    app.add_exception_handler(Cancelled, _stopped)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Gate, settings=settings, secret=_secret(project.folder))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    desk: Desk = app.state.desk
    runner: JobRunner = app.state.jobs
    runner.start()
    tidying = asyncio.create_task(_tidy(desk))
    try:
        yield
    finally:
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
        desk.events.close()
        await asyncio.to_thread(runner.close)
        await asyncio.to_thread(desk.close)


async def _tidy(desk: Desk) -> None:
    while True:
        await asyncio.sleep(_TIDY_S)
        await asyncio.to_thread(desk.tidy)


def _health() -> dict[str, str]:
    """Whether the server answers."""
    return {"status": "ok", "version": __version__}


def _page() -> FileResponse:
    if not (STATIC / "index.html").is_file():
        raise MissingError("the page must come with Septum, got a copy without it; install Septum again")
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


def _secret(folder: Path) -> bytes:
    """The project's own secret, readable by its owner alone; it makes cookies that outlive the server."""
    path = folder / ".septum-secret"
    if not path.exists():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with suppress(FileExistsError), os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_bytes()


async def _explain(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, LeasedError):
        lease = {"author": error.lease.author, "client": error.lease.client, "until": error.lease.until}
        return _told(409, "leased", message=str(error), lease=lease)
    if isinstance(error, StaleError):
        return _told(409, "stale", message=str(error))
    if isinstance(error, MissingError):
        return _told(404, "not-found", message=str(error))
    if isinstance(error, ClosedError | BusyError):
        return _told(503, "busy", message=str(error))
    if _is_full(error):
        return _told(507, "full", message=str(error))
    return _told(400, type(error).__name__, message=str(error))


def _is_full(error: BaseException | None) -> bool:
    """Whether the disk is behind an error: no fault of the request, which is to be sent again."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


async def _stopped(request: Request, error: Exception) -> JSONResponse:
    return _told(409, "stopped", message=str(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0] if isinstance(error, RequestValidationError) and error.errors() else {}
    where = ".".join(str(part) for part in first.get("loc", ()))
    return _told(422, "invalid", message=f"{where[:200]}: {first.get('msg', 'the request must be as documented')}")


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 400
    code = {404: "not-found", 405: "not-allowed"}.get(status, "refused")
    headers = getattr(error, "headers", None)
    return JSONResponse({"error": str(getattr(error, "detail", error)), "code": code}, status, headers=headers)


def _told(status: int, code: str, *, message: str, **more: Any) -> JSONResponse:
    sound = without_paths(message).encode("utf-8", "replace").decode("utf-8")
    return JSONResponse({"error": sound, "code": code, **more}, status)
