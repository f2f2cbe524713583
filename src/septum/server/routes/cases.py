"""The project and its cases: the list, what a case is, its label table, lease, versions and status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import APIRouter, Response

from septum import __version__
from septum.interactive.edits.rules import Rules
from septum.interactive.tool import Box, Change
from septum.server import pictures
from septum.server.desk import Desk
from septum.server.opened import OpenCase, answer
from septum.server.routes.common import DeskHere, SenderHere, numbered
from septum.server.schemas import (
    AcceptBody,
    LabelsBody,
    LeaseBody,
    SaveBody,
    SlicesBody,
    StatusBody,
    TimeBody,
)  # fmt: skip
from septum.server.windows import modality
from septum.workflows.projects.annotations import compare_labels, read_annotation
from septum.workflows.projects.learning import measurable
from septum.workflows.projects.masks import prediction_file
from septum.workflows.projects.movies import MovieFrame, movies_of
from septum.workflows.projects.project import Label
from septum.workflows.projects.queue import queue_of
from septum.workflows.projects.store import STATUSES, CaseRecord, Lease, Version
from septum.workflows.runs.words import NOTICE

router = APIRouter(prefix="/api", tags=["cases"])


@router.get("/project")
def project(desk: DeskHere) -> dict[str, Any]:
    """What the project is called, its label table, and how many cases are in which state."""
    facts = desk.project.facts
    records = desk.project.store.cases()
    return {
        "name": facts.name,
        "version": __version__,
        "dataset": facts.dataset.rstrip("/").rsplit("/", 1)[-1],
        "labels": [vars(label) for label in facts.labels],
        "cases": len(records),
        "counts": {status: sum(one.status == status for one in records) for status in STATUSES},
        "instances": facts.instances,
        "notice": NOTICE,
    }


@router.put("/project/labels")
def set_labels(body: LabelsBody, desk: DeskHere) -> dict[str, Any]:
    """Replace the label table."""
    desk.project.set_labels([Label(one.value, one.name, one.color) for one in body.labels])
    labels = [vars(label) for label in desk.project.facts.labels]
    desk.events.publish("project", {"labels": labels})
    return {"labels": labels}


@router.get("/cases")
def cases(desk: DeskHere) -> dict[str, Any]:
    """All cases with status, newest version, lease, place in the queue, and place in a movie."""
    leases, newest = desk.project.store.leases(time.time()), desk.project.store.newest()
    records = desk.project.store.cases()
    ranks = {one.case: {"rank": one.rank, "reason": one.reason} for one in queue_of(records)}
    places = movies_of(records)
    return {
        "cases": [
            _listed(
                desk,
                one,
                newest=newest.get(one.id),
                lease=leases.get(one.id),
                queue=ranks.get(one.id),
                movie=places.get(one.id),
            )
            for one in records
        ]
    }


@router.get("/cases/{case_id}")
def case(case_id: str, desk: DeskHere) -> dict[str, Any]:
    """Everything that a page needs to show a case."""
    found = desk.case(case_id)
    return {**listed(desk, case_id), **_details(desk, found)}


@router.get("/cases/{case_id}/thumbnail", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def thumbnail(case_id: str, desk: DeskHere) -> Response:
    """A small picture with the labels tinted."""
    found = desk.case(case_id)
    return Response(pictures.labelled_thumbnail(found), media_type="image/png", headers={"Cache-Control": "no-store"})


@router.post("/cases/{case_id}/lease")
def lease(case_id: str, body: LeaseBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Take or renew the right to edit a case."""
    found = desk.case(case_id)
    held = desk.hold(case_id, numbered(sender, body.client), take=body.take)
    undo, redo = found.names()
    return {
        "lease": desk.describe_lease(held), "revision": found.session.revision, "epoch": found.epoch,
        "undo": undo, "redo": redo,
    }  # fmt: skip


@router.post("/cases/{case_id}/lease/release")
def release(case_id: str, body: LeaseBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Give the right to edit back; what changed becomes a version."""
    desk.project.store.case(case_id)
    desk.release(case_id, numbered(sender, body.client))
    return listed(desk, case_id)


@router.delete("/cases/{case_id}/lease")
def drop(case_id: str, desk: DeskHere, *, sender: SenderHere) -> dict[str, Any]:
    """As `release`, for those who send headers."""
    desk.project.store.case(case_id)
    desk.release(case_id, sender)
    return listed(desk, case_id)


@router.post("/cases/{case_id}/save")
def save(case_id: str, body: SaveBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Save a version; where nothing changed, the newest one is answered."""
    found = desk.case(case_id)
    who = numbered(sender, body.client)
    desk.hold(case_id, who)
    version = found.save(who.author, body.note)
    if version is not None:
        desk.events.publish("case", listed(desk, case_id))
    known = desk.project.store.versions(case_id)
    return {"new": version is not None, **({} if not known else _version(known[-1]))}


@router.get("/cases/{case_id}/versions")
def versions(case_id: str, desk: DeskHere) -> dict[str, Any]:
    """All versions of the annotation, the oldest first."""
    desk.project.store.case(case_id)
    return {"versions": [_version(one) for one in desk.project.store.versions(case_id)]}


@router.get("/cases/{case_id}/versions/compare")
def compare_versions(case_id: str, a: int, *, b: int, desk: DeskHere) -> dict[str, Any]:
    """What changed between two versions."""
    found = desk.case(case_id)
    first, second = (read_annotation(desk.project, case_id, grid=found.image.grid, version=n).labels for n in (a, b))
    difference = compare_labels(first, second)
    return {
        "changed": difference.changed,
        "dice": {str(label): value for label, value in difference.dice.items()},
        "slices": [{"axis": 0, "index": i, "changed": n} for i, n in difference.slices.items()],
    }


@router.post("/cases/{case_id}/versions/{version}/restore")
def restore(case_id: str, version: int, *, body: AcceptBody, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Bring a version back, as one step that can be undone."""
    found = desk.case(case_id)
    who = numbered(sender, body.client, sequence=body.sequence)
    desk.hold(case_id, who)
    old = read_annotation(desk.project, case_id, grid=found.image.grid, version=version)
    outcome = found.edit(
        lambda: Change(Box.whole(found.shape), old.labels), what=f"restore version {version}", sender=who,
        rules=Rules(), letter="",
    )  # fmt: skip
    with found.lock:
        if not outcome.duplicate:
            found.slices = dict(old.slices)
    return told(desk, found, outcome=outcome, client=who.client)


@router.put("/cases/{case_id}/status")
def status(case_id: str, body: StatusBody, *, desk: DeskHere) -> dict[str, Any]:
    """Set the status of a case."""
    desk.project.store.case(case_id)
    desk.project.store.change_case(case_id, status=body.status)
    found = listed(desk, case_id)
    desk.events.publish("case", found)
    return found


@router.post("/cases/{case_id}/time")
def work_time(case_id: str, body: TimeBody, *, desk: DeskHere) -> dict[str, Any]:
    """Add active time of work."""
    desk.project.store.case(case_id)
    desk.project.store.add_seconds(case_id, body.seconds)
    return {"seconds": desk.project.store.case(case_id).seconds}


@router.post("/cases/{case_id}/slices")
def mark_slice(case_id: str, body: SlicesBody, *, desk: DeskHere, sender: SenderHere) -> dict[str, Any]:
    """Say where a slice comes from."""
    found = desk.case(case_id)
    desk.hold(case_id, numbered(sender, body.client))
    found.mark_slice(body.axis, body.index, letter=body.letter)
    return {"provenance": {str(axis): text for axis, text in found.slices.items()}}


def told(desk: Desk, found: OpenCase, *, outcome: Any, client: str) -> dict[str, Any]:
    """The answer to an edit; the other pages are told that labels changed, and the case's status moves on."""
    if outcome.changed or outcome.duplicate:  # what is sent again may have been applied before its answer failed
        record = desk.project.store.case(found.id)
        following = {"new": "drawn", "predicted": "corrected"}.get(record.status)
        if following:
            desk.project.store.change_case(found.id, status=following)
            desk.events.publish("case", listed(desk, found.id))
    if outcome.changed:
        desk.events.publish(
            "labels", {"case": found.id, "revision": found.session.revision, "epoch": found.epoch, "client": client}
        )
    return answer(found, outcome)


def listed(desk: Desk, case_id: str) -> dict[str, Any]:
    """A case as in the list."""
    record = desk.project.store.case(case_id)
    known = desk.project.store.versions(case_id)
    lease = desk.project.store.leases(time.time()).get(case_id)
    records = desk.project.store.cases()
    rank = next((one for one in queue_of(records) if one.case == case_id), None)
    place = None if rank is None else {"rank": rank.rank, "reason": rank.reason}
    movie = movies_of(records).get(case_id)
    return _listed(desk, record, newest=known[-1] if known else None, lease=lease, queue=place, movie=movie)


def _listed(
    desk: Desk,
    record: CaseRecord,
    *,
    newest: Version | None,
    lease: Lease | None,
    queue: Mapping[str, Any] | None,
    movie: MovieFrame | None,
) -> dict[str, Any]:
    opened = desk.known(record.id)
    grid = None if opened is None else opened.image.grid
    return {
        "id": record.id,
        "name": record.name,
        "shape": None if grid is None else list(grid.shape),
        "ndim": None if grid is None else grid.ndim,
        "spacing": None if grid is None else list(grid.spacing),
        "status": record.status,
        "predicted_dice": record.predicted_dice,
        "counted": record.counted if record.status == "predicted" else "",  # a person's objects are others
        "version": 0 if newest is None else newest.version,
        "author": None if newest is None else newest.author,
        "saved": None if newest is None else newest.saved,
        "lease": None if lease is None else desk.describe_lease(lease),
        "seconds": record.seconds,
        "split": record.split,
        "queue": queue,
        "movie": None if movie is None else vars(movie),
    }


def _details(desk: Desk, found: OpenCase) -> dict[str, Any]:
    image = found.image
    undo, redo = found.names()
    return {
        "channels": [{"name": n, **facts} for n, facts in zip(image.channels, found.windows, strict=True)],
        "dtype": image.array.dtype.name,
        "rgb": pictures.is_rgb(image),
        "frames": 1,
        "affine": np.asarray(image.grid.affine).tolist(),
        "axes": pictures.axes_of(image),
        "modality": modality(image),
        "tiled": pictures.is_tiled(image),
        "levels": [{"scale": 2**k, "shape": list(s)} for k, s in enumerate(pictures.pyramid_shapes(image))]
        if image.grid.ndim == 2
        else [],
        "layers": _layers(desk, found),
        "maps": found.heat.names(desk.project, found.id),
        "provenance": {str(axis): text for axis, text in found.slices.items()},
        "revision": found.session.revision,
        "epoch": found.epoch,
        "undo": undo,
        "redo": redo,
        "dirty": found.dirty,
    }


def _layers(desk: Desk, found: OpenCase) -> list[str]:
    reference = ["reference"] if desk.project.case(found.id).label is not None else []
    names = measurable(desk.project)
    predicted = [f"prediction:{one}" for one in names if prediction_file(desk.project, found.id, model=one) is not None]
    return ["current", *reference, *predicted]


def _version(one: Version) -> dict[str, Any]:
    return {
        "version": one.version, "author": one.author, "saved": one.saved, "note": one.note, "origin": one.origin,
        "file": one.file, "seconds": one.seconds,
    }  # fmt: skip
