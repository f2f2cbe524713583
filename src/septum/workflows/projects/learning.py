"""The loop of a project: annotated cases become training data, and a model's masks become predictions.

The insight: what a person did not look at is not background. A volume of which a few slices were drawn is trained on in
those slices alone (the region of interest of the data set's table); only a case that was said to be done counts whole.
What was interpolated between drawn slices trains half as much, unless a person reviewed it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.slices import write_slices
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.projects.annotations import compare_labels, read_annotation
from septum.workflows.projects.masks import (
    image_field,
    offer,
    prediction_file,
    prediction_of,
    table_of,
    telling_each,
    waiting_cases,
    write_rows,
)
from septum.workflows.projects.project import Project
from septum.workflows.quality.count_list import read_counts
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.tables import read_rows
from septum.workflows.training.train import train

ANNOTATED = ("drawn", "corrected", "reviewed")
COMPLETE = ("corrected", "reviewed")


@dataclass(frozen=True)
class ProjectModel:
    """A trained model of the project: what it learnt from, for how long, and its mean Dice on cases held out."""

    name: str
    created: str
    cases: int
    minutes: float
    dice: float | None
    prompts: bool


def train_model(
    project: Project,
    name: str,
    *,
    settings: TrainSettings,
    hooks: Hooks,
    on_status: Callable[[TrainStatus], None],
    resume: bool = False,
) -> dict[str, Any]:
    """Train a model on every annotated case that is not kept for testing; facts about the round.

    With `resume` a training that was cut off goes on, on the data that it began with.

    Raises:
        DatasetError: fewer than two annotated cases.
    """
    began = time.monotonic()
    table, used = _begun_data(project, name) if resume else training_data(project, name)
    chosen = settings if used > 2 else replace(settings, folds="none")
    result = train(
        table,
        project.models / name,
        settings=chosen,
        hooks=hooks,
        on_status=on_status,
        resume=resume,
    )
    minutes = round((time.monotonic() - began) / 60, 2)
    work = sum(one.seconds for one in project.store.cases()) / 60
    dice = None if result.mean_dice is None or not np.isfinite(result.mean_dice) else float(result.mean_dice)
    return {
        "model": name, "cases": used, "minutes": minutes, "work_minutes": round(work, 2), "dice": dice,
        "stopped": result.stopped, "prompts": settings.prompts,
    }  # fmt: skip


def is_resumable(project: Project, name: str) -> bool:
    """Whether a training that was cut off left something to go on with."""
    folder, data = project.models / name, project.folder / "rounds" / name
    learnt = any(found for kind in ("state.pt", "weights.pt") for found in folder.glob(f"fold_*/{kind}"))
    return learnt and (folder / "data.json").is_file() and (data / "cases.csv").is_file()


def keep_resumable(project: Project, name: str) -> bool:
    """`is_resumable`; the folders of a training that is not are removed."""
    if is_resumable(project, name):
        return True
    for left in (project.models / name, project.folder / "rounds" / name):
        shutil.rmtree(left, ignore_errors=True)
    return False


def training_data(project: Project, name: str) -> tuple[Path, int]:
    """Write the annotations as a data set of a table; its path and the number of cases.

    Raises:
        DatasetError: no annotated case.
    """
    folder = project.folder / "rounds" / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "labels").mkdir(parents=True)
    rows, values = [], set()
    for record in project.store.cases():
        if record.status not in ANNOTATED or record.split == "test" or not project.store.versions(record.id):
            continue
        case = project.case(record.id)
        image = load_image(case)
        known = read_annotation(project, record.id, grid=image.grid)
        seen = looked_at(known.labels.shape, known.slices, complete=record.status in COMPLETE or known.version == 1)
        if not seen.any():
            continue
        row = _row(folder, record.id, case=case, grid=image.grid, labels=known.labels, seen=seen)
        if record.status != "reviewed" and image.grid.ndim == 3:  # what was interpolated and nobody looked through
            write_slices(Path(row["label"]), known.slices)
        rows.append(row)
        values |= set(np.unique(known.labels).tolist())
    if not rows:
        raise DatasetError("the project must have an annotated case, got none; draw one and save it, then train")
    names = {one.value: one.name for one in project.facts.labels}
    named = {"background": 0, **{names.get(v, f"label {v}"): v for v in sorted(values | set(names)) if v}}
    write_json(folder / "dataset.json", {"instances": True} if project.facts.instances else {"labels": named})
    write_rows(folder / "cases.csv", rows)
    return folder / "cases.csv", len(rows)


def looked_at(shape: Sequence[int], slices: Mapping[int, str], *, complete: bool) -> NDArray[np.bool_]:
    """Which voxels a person answers for: all of a plane or of a case that is complete, else the drawn slices.

    >>> looked_at((3, 1, 2), {0: ".d."}, complete=False)[:, 0].tolist()
    [[False, False], [True, True], [False, False]]
    """
    if complete or len(shape) == 2 or not slices:
        return np.ones(tuple(shape), bool)
    seen = np.zeros(tuple(shape), bool)
    for axis, text in slices.items():
        places = [i for i, letter in enumerate(text) if letter in "dci"]
        seen[(slice(None),) * axis + (places,)] = True
    return seen


def predict_others(
    project: Project, model: str, *, hooks: Hooks, on_case: Callable[[str], None], probabilities: bool = False
) -> dict[str, Any]:
    """Masks of a model for every case that nobody annotated; each case is told as soon as its mask is there.

    With `probabilities` those of each class are kept beside the masks, to be looked at as heat maps.
    """
    waiting = waiting_cases(project)
    if not waiting:
        return {"model": model, "predicted": 0, "failures": []}
    table = table_of(project, model, waiting=waiting)
    result = predict(
        project.models / model, [table], output=project.predictions / model,
        settings=PredictSettings(overwrite=True, probabilities=probabilities),
        hooks=telling_each(project, model, waiting=waiting, hooks=hooks, on_case=on_case),
    )  # fmt: skip
    estimates: dict[str, list[Any]] = {}
    for one in result.estimates:
        estimates.setdefault(one.case, []).append(one)
    counts = {one.case: one for one in read_counts(project.predictions / model)}
    predicted = offer(
        project, model, waiting=waiting, written=result.written, estimates=estimates, on_case=on_case, counts=counts
    )
    return {"model": model, "predicted": predicted, "failures": [list(pair) for pair in result.failures]}


def evaluate_model(project: Project, model: str, *, hooks: Hooks) -> dict[str, Any]:
    """Measure a model's masks against what people annotated since; writes the report of `septum evaluate`.

    Raises:
        DatasetError: no case has both.
    """
    folder = project.folder / "rounds" / f"{model}-evaluate"
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("predictions", "references"):
        (folder / part).mkdir(parents=True)
    worst: dict[str, int] = {}
    for record in project.store.cases():
        path = prediction_file(project, record.id, model=model)
        if path is None or record.status not in ANNOTATED or not project.store.versions(record.id):
            continue
        grid = load_image(project.case(record.id)).grid
        known = read_annotation(project, record.id, grid=grid)
        shutil.copy2(path, folder / "predictions" / path.name)
        reference = folder / "references" / path.name
        io.write_labels(reference, LabelMap(known.labels, grid))
        changed = compare_labels(known.labels, prediction_of(project, record.id, model=model, grid=grid)).slices
        worst[record.id] = max(changed, key=lambda index: changed[index]) if changed else 0
    if not worst:
        raise DatasetError(f"no case has both a mask of {model} and an annotation made since; correct or accept some")
    report = project.reports / model
    result = evaluate(
        folder / "predictions",
        folder / "references",
        output=report,
        settings=EvaluateSettings(overwrite=True, workers="1"),
        hooks=hooks,
    )  # fmt: skip
    dice = result.mean_dice
    return {"model": model, "cases": len(worst), "worst": worst, "dice": float(dice) if np.isfinite(dice) else None}


def models_of(project: Project) -> list[ProjectModel]:
    """Models that were trained, the oldest first."""
    found = []
    for job in project.store.jobs():
        facts = job.result
        if job.kind == "train" and facts and job.model and (project.models / job.model).is_dir():
            found.append(
                ProjectModel(job.model, job.ended or job.created, facts["cases"], facts["minutes"], facts["dice"],
                      facts["prompts"])
            )  # fmt: skip
    return found


def measurable(project: Project) -> list[str]:
    """Who made masks of the project's cases: pipelines, then models, the newest last."""
    folder = project.predictions
    trained = [one.name for one in models_of(project)]
    made = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    return [*sorted(made - set(trained)), *(name for name in trained if name in made)]


def _begun_data(project: Project, name: str) -> tuple[Path, int]:
    """The table that a training began with, and the number of its cases."""
    table = project.folder / "rounds" / name / "cases.csv"
    return table, len(read_rows(table).rows)


def _row(
    folder: Path, case_id: str, *, case: Case, grid: Grid, labels: NDArray[Any], seen: NDArray[np.bool_]
) -> dict[str, str]:
    """A row of the table: the annotation as a file, and the region that was looked at where that is not all."""
    suffix = ".nii.gz" if labels.ndim == 3 else ".tif"
    path = folder / "labels" / f"{case_id}{suffix}"
    io.write_labels(path, LabelMap(labels, grid))
    row = {
        "id": case_id, "image": image_field(folder, case_id, case=case), "label": str(path), "group": case.group or "",
        "split": case.split or "", "roi": "",
    }  # fmt: skip
    if not seen.all():
        roi = folder / "roi" / f"{case_id}{suffix}"
        roi.parent.mkdir(exist_ok=True)
        io.write_labels(roi, LabelMap(seen.astype(np.uint8), grid))
        row["roi"] = str(roi)
    return row
