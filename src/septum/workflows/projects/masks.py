"""Masks that a machine made for a project's cases: where they lie, and how each is offered to a person.

The insight: a mask is offered as soon as its file stands under its final name, long before the run has ended, so that a
person corrects the first while the others are computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid
from septum.workflows.data.cases import Case, load_image
from septum.workflows.projects.project import Project
from septum.workflows.projects.queue import place_of
from septum.workflows.projects.store import CaseRecord, MissingError
from septum.workflows.quality.count_estimates import CountEstimate
from septum.workflows.quality.count_list import count_remark, count_urgency
from septum.workflows.quality.worklist import urgency
from septum.workflows.runs.files import write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.tables import mappings_csv


def waiting_cases(project: Project) -> list[CaseRecord]:
    """Cases that nobody annotated."""
    return [one for one in project.store.cases() if one.status in ("new", "predicted")]


def table_of(project: Project, model: str, *, waiting: Sequence[CaseRecord]) -> Path:
    """Write the cases as a table that `septum predict` reads; its path."""
    folder = project.folder / "rounds" / f"{model}-predict"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": one.id, "image": image_field(folder, one.id, case=project.case(one.id))} for one in waiting]
    write_rows(folder / "cases.csv", rows)
    return folder / "cases.csv"


def offer(
    project: Project,
    model: str,
    *,
    waiting: Sequence[CaseRecord],
    written: Sequence[Path],
    estimates: Mapping[str, Sequence[Any]],
    on_case: Callable[[str], None],
    counts: Mapping[str, CountEstimate] = MappingProxyType({}),
) -> int:
    """Offer masks that were written, with what their Dice is estimated to be and what is known of their objects' count;
    how many there are."""
    names = {io.stem(path) for path in written}
    for record in waiting:
        if record.id in names:
            told = estimates.get(record.id, [])
            _predicted(project, record, model=model, estimates=told, count=counts.get(record.id))
            on_case(record.id)
    return len(names)


def telling_each(
    project: Project,
    model: str,
    *,
    waiting: Sequence[CaseRecord],
    hooks: Hooks,
    on_case: Callable[[str], None],
) -> Hooks:
    """Hooks that also tell of each case whose mask has been written since, before its Dice is estimated."""
    began, left = time.time(), {one.id: one for one in waiting}

    def progressed(what: str, share: float) -> None:
        hooks.on_progress(what, share)
        folder = project.predictions / model
        for path in folder.iterdir() if folder.is_dir() else ():
            if io.is_image(path) and path.stat().st_mtime >= began - 1 and (found := left.pop(io.stem(path), None)):
                _predicted(project, found, model=model, estimates=[])
                on_case(found.id)

    return replace(hooks, on_progress=progressed)


def prediction_file(project: Project, case_id: str, *, model: str) -> Path | None:
    """A model's mask of a case, found in the folder's listing; None where there is none."""
    folder = project.predictions / model
    if not model or "/" in model or "\\" in model or model.startswith(".") or not folder.is_dir():
        return None
    return next((p for p in folder.iterdir() if io.stem(p) == case_id and io.is_image(p)), None)


def prediction_of(project: Project, case_id: str, *, model: str, grid: Grid) -> NDArray[Any]:
    """The labels that a model gave a case.

    Raises:
        MissingError: it gave none.
        FormatError: the file is damaged, or of another shape.
    """
    path = prediction_file(project, case_id, model=model)
    if path is None:
        raise MissingError(f"the model {model[:80]!r} has no mask of {case_id}; predict first")
    labels = io.read_labels(path).array
    if labels.size != np.prod(grid.shape):
        raise FormatError(f"{path.name} must have the image's shape {grid.shape}, got {labels.shape}; predict again")
    return labels.reshape(grid.shape)


def image_field(folder: Path, case_id: str, *, case: Case) -> str:
    """The case's image files in one field; a frame of a movie is written as a file of its own."""
    if all(source.frame is None and source.axes is None for source in case.images):
        return ";".join(str(source.path) for source in case.images)
    image = load_image(case)
    path = folder / "images" / f"{case_id}{'.nii.gz' if image.grid.ndim == 3 else '.ome.tif'}"
    path.parent.mkdir(exist_ok=True)
    io.write_image(path, image)
    return str(path)


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as CSV, whole or not at all."""
    write_text(path, mappings_csv(rows))


def _predicted(
    project: Project,
    record: CaseRecord,
    *,
    model: str,
    estimates: Sequence[Any],
    count: CountEstimate | None = None,
) -> None:
    found = [one.dice for one in estimates if np.isfinite(one.dice)]
    reasons = list(dict.fromkeys(reason for one in estimates for reason in one.reasons))
    place = min((place_of(urgency(one)) for one in estimates), default=None)
    project.store.change_case(
        record.id, status="predicted", prediction=model, predicted_dice=min(found) if found else None,
        reason="; ".join(reasons)[:300], urgency=place if count is None else place_of(count_urgency(count)),
        counted="" if count is None else count_remark(count),
    )  # fmt: skip
