"""The blinded reader study in the workbench: the same store and the same rules as `septum review`.

The insight: a study that is in the project's `reports/review` is the one that is shown, so no path comes from a page,
and what a reader sees is what `septum review` would show: pictures and codes, never the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Response

from septum.errors import ConfigError
from septum.server.desk import Desk
from septum.server.routes.common import DeskHere, SenderHere
from septum.server.routes.measuring import report_answer
from septum.server.schemas import RatingBody, Strict, StudyBody
from septum.workflows.projects.reading import FOLDER, REPORT, make_study, report_reading
from septum.workflows.projects.store import MissingError
from septum.workflows.review import study as review
from septum.workflows.review.study import Study

router = APIRouter(prefix="/api/review", tags=["review"])


@router.get("")
def state(desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """The question, the answers, how far the reader is, and the next item; `available` is false without a study."""
    if not (desk.project.reports / FOLDER).is_dir():
        return {"available": False}
    with _study(desk) as study:
        return _shown(study, sender.author)


@router.post("/rate")
def rate(body: RatingBody, desk: DeskHere, *, sender: SenderHere) -> dict[str, Any]:
    """Rate an item; a later rating supersedes it, and none is ever lost."""
    with _study(desk) as study:
        review.rate(study, sender.author, code=body.code, value=body.value, comment=body.comment, origin="page")
        return _shown(study, sender.author)


@router.post("/undo")
def undo(body: Strict, desk: DeskHere, *, sender: SenderHere) -> dict[str, Any]:
    """Take the reader's last rating back."""
    with _study(desk) as study:
        review.undo(study, sender.author, origin="page")
        return _shown(study, sender.author)


@router.get("/pictures/{name}", response_class=Response)
def picture(name: str, desk: DeskHere) -> Response:
    """A picture that the study lists."""
    with _study(desk) as study:
        try:
            content = review.read_picture(study, name)
        except ConfigError as error:
            raise MissingError(str(error)) from error
    return Response(content, media_type="image/png", headers={"Cache-Control": "no-store"})


@router.post("/create")
def create(body: StudyBody, desk: DeskHere, *, sender: SenderHere) -> dict[str, Any]:
    """Make a study of a model's masks; one that is there is never replaced."""
    make_study(desk.project, body.model, cases=body.cases)
    return state(desk, sender)


@router.post("/report")
def report(body: Strict, desk: DeskHere, *, sender: SenderHere) -> dict[str, Any]:
    """Write the unblinded report with its two-panel figure, once everybody who began has rated all."""
    with _study(desk) as study:
        report_reading(desk.project, study)
        return _shown(study, sender.author)


@router.get("/report/{name}", response_class=Response)
def report_file(name: str, desk: DeskHere) -> Response:
    """A file of the report, one that its folder lists."""
    return report_answer(desk.project, REPORT, name=name)


@contextmanager
def _study(desk: Desk) -> Iterator[Study]:
    folder = desk.project.reports / FOLDER
    if not folder.is_dir():
        raise MissingError(
            "the project must hold a study in reports/review, got none; make one with `septum review create`"
        )
    with review.open_study(folder) as found:
        yield found


def _shown(study: Study, reader: str) -> dict[str, Any]:
    return {"available": True, **review.page_state(study, reader)}
