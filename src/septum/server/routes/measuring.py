"""What a measurement found: Dice per case and label, where it is worst, and the report."""

from __future__ import annotations

import math
import mimetypes
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from septum.errors import DatasetError, FormatError
from septum.server.routes.common import DeskHere
from septum.workflows.projects.learning import measurable
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError
from septum.workflows.runs.tables import read_rows

router = APIRouter(prefix="/api/measure", tags=["measure"])
_LARGEST = 64 << 20


@router.get("")
def measured(desk: DeskHere) -> dict[str, Any]:
    """The scores of the newest measurement, worst first."""
    done = [job for job in desk.project.store.jobs() if job.kind == "evaluate" and job.state == "done" and job.result]
    if not done:
        return {"available": False, "scores": [], "report": None, "model": None, "models": measurable(desk.project)}
    model = str(done[-1].model)
    worst = (done[-1].result or {}).get("worst", {})
    rows = _rows(desk.project.reports / model / "cases.csv")
    scores: list[dict[str, Any]] = [
        {
            "case": row.get("case", ""),
            "label": row.get("label", ""),
            "name": row.get("name", ""),
            "dice": _number(row),
            "worst": {"axis": 0, "index": worst.get(row.get("case", ""), 0)},
        }
        for row in rows
    ]
    scores.sort(key=lambda one: -1.0 if one["dice"] is None else float(one["dice"]))
    address = f"/api/measure/report/{model}/index.html"
    models = measurable(desk.project)
    return {"available": True, "scores": scores, "report": address, "model": model, "models": models}


@router.get("/report/{model}/{name}", response_class=Response)
def report(model: str, name: str, *, desk: DeskHere) -> Response:
    """A file of the report, one that the project's folder lists."""
    return report_answer(desk.project, model, name=name)


def report_answer(project: Project, folder: str, *, name: str) -> Response:
    """A file of one of the project's reports, shown without any rights."""
    path = _listed(project, folder, name=name)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    policy += "sandbox allow-scripts"
    return Response(path.read_bytes(), media_type=kind, headers={"Content-Security-Policy": policy})


def _listed(project: Project, model: str, *, name: str) -> Path:
    """The file of these names among those that exist: a name from a page is compared, never joined to a path."""
    folders = {p.name: p for p in project.reports.iterdir() if p.is_dir()} if project.reports.is_dir() else {}
    if model in folders:
        for path in folders[model].iterdir():
            if path.name == name and path.is_file() and path.stat().st_size <= _LARGEST:
                return path
    raise MissingError("the report must be one of the project; measure first")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        return [row for _, row in read_rows(path).rows]
    except DatasetError as error:
        raise FormatError(f"{path.name} of the report cannot be read: {error}; measure again") from error


def _number(row: dict[str, str]) -> float | None:
    try:
        value = float(row.get("dice", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
