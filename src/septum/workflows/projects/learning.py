"""The loop of a project: annotated cases become training data, a model's masks become predictions, and a queue says
which case to look at next and why.

The insight: what a person did not look at is not background. A volume of which a few slices were drawn is trained on in
those slices alone (the region of interest of the data set's table); only a case that was said to be done counts whole.
"""

from __future__ import annotations

import csv
import io as text_io
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError, FormatError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import Case, load_image
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.projects.annotations import compare, read_annotation
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import CaseRecord, MissingError
from septum.workflows.quality.worklist import urgency
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.train import train

ANNOTATED = ("drawn", "corrected", "reviewed")
COMPLETE = ("corrected", "reviewed")
LOOK = 0.9
"""Estimated Dice above which the queue says that accepting is likely."""


@dataclass(frozen=True)
class Model:
    """A trained model of the project: what it learnt from, for how long, and its mean Dice on cases held out."""

    name: str
    created: str
    cases: int
    minutes: float
    dice: float | None
    prompts: bool

    def has_prediction(self, project: Project, case_id: str) -> bool:
        """Whether the model's mask of a case is there."""
        return prediction_file(project, case_id, self.name) is not None


@dataclass(frozen=True)
class Queued:
    """A case that waits for a person: its place, from 1, and why it stands there."""

    case: str
    rank: int
    reason: str


@dataclass(frozen=True)
class Told:
    """Whom long work tells how it goes, and asks whether to stop."""

    on_status: Callable[[TrainStatus], None]
    on_progress: Callable[[str, float], None]
    on_note: Callable[[str], None]
    should_stop: Callable[[], bool]


def train_model(project: Project, name: str, settings: TrainSettings, told: Told) -> dict[str, Any]:
    """Train a model on every annotated case that is not kept for testing; facts about the round.

    Raises:
        DatasetError: fewer than two annotated cases.
    """
    table, used = training_data(project, name)
    chosen = settings if used > 2 else replace(settings, folds="none")
    result = train(
        table, project.models / name, settings=chosen, on_status=told.on_status, on_note=told.on_note,
        should_stop=told.should_stop, on_progress=told.on_progress,
    )  # fmt: skip
    minutes = settings.minutes or 0.0
    work = sum(one.seconds for one in project.store.cases()) / 60
    dice = None if result.mean_dice is None or not np.isfinite(result.mean_dice) else float(result.mean_dice)
    return {
        "model": name, "cases": used, "minutes": minutes, "work_minutes": round(work, 2), "dice": dice,
        "stopped": result.stopped, "prompts": settings.prompts,
    }  # fmt: skip


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
        known = read_annotation(project, record.id, image.grid)
        seen = looked_at(known.labels.shape, known.slices, complete=record.status in COMPLETE or known.version == 1)
        if not seen.any():
            continue
        rows.append(_row(folder, record.id, case, image.grid, known.labels, seen))
        values |= set(np.unique(known.labels).tolist())
    if not rows:
        raise DatasetError("the project must have an annotated case, got none; draw one and save it, then train")
    names = {one.value: one.name for one in project.facts.labels}
    named = {"background": 0, **{names.get(v, f"label {v}"): v for v in sorted(values | set(names)) if v}}
    write_json(folder / "dataset.json", {"instances": True} if project.facts.instances else {"labels": named})
    _write_table(folder / "cases.csv", rows)
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


def predict_others(project: Project, model: str, told: Told, on_case: Callable[[str], None]) -> dict[str, Any]:
    """Masks of a model for every case that nobody annotated; each case is told as soon as its mask is there."""
    waiting = [one for one in project.store.cases() if one.status in ("new", "predicted")]
    if not waiting:
        return {"model": model, "predicted": 0, "failures": []}
    folder = project.folder / "rounds" / f"{model}-predict"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"id": one.id, "image": _images(folder, one.id, project.case(one.id))} for one in waiting]
    _write_table(folder / "cases.csv", rows)
    output = project.predictions / model
    result = predict(
        project.models / model, [folder / "cases.csv"], output, settings=PredictSettings(overwrite=True),
        on_progress=told.on_progress, on_note=told.on_note, should_stop=told.should_stop,
    )  # fmt: skip
    estimates: dict[str, list[Any]] = {}
    for one in result.estimates:
        estimates.setdefault(one.case, []).append(one)
    written = {io.stem(path) for path in result.written}
    for record in waiting:
        if record.id in written:
            _predicted(project, record, model, estimates.get(record.id, []))
            on_case(record.id)
    return {"model": model, "predicted": len(written), "failures": [list(pair) for pair in result.failures]}


def evaluate_model(project: Project, model: str, told: Told) -> dict[str, Any]:
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
        path = prediction_file(project, record.id, model)
        if path is None or record.status not in ANNOTATED or not project.store.versions(record.id):
            continue
        grid = load_image(project.case(record.id)).grid
        known = read_annotation(project, record.id, grid)
        shutil.copy2(path, folder / "predictions" / path.name)
        reference = folder / "references" / path.name
        io.write_labels(reference, LabelMap(known.labels, grid))
        changed = compare(known.labels, prediction_of(project, record.id, model, grid)).slices
        worst[record.id] = max(changed, key=lambda index: changed[index]) if changed else 0
    if not worst:
        raise DatasetError(f"no case has both a mask of {model} and an annotation made since; correct or accept some")
    report = project.reports / model
    result = evaluate(
        folder / "predictions", folder / "references", report, settings=EvaluateSettings(overwrite=True, workers="1"),
        hooks=Hooks(told.on_progress, told.on_note, told.should_stop),
    )  # fmt: skip
    dice = result.mean_dice
    return {"model": model, "cases": len(worst), "worst": worst, "dice": float(dice) if np.isfinite(dice) else None}


def models_of(project: Project) -> list[Model]:
    """Models that were trained, the oldest first."""
    found = []
    for job in project.store.jobs():
        facts = job.result
        if job.kind == "train" and facts and job.model and (project.models / job.model).is_dir():
            found.append(
                Model(job.model, job.ended or job.created, facts["cases"], facts["minutes"], facts["dice"],
                      facts["prompts"])
            )  # fmt: skip
    return found


def prediction_file(project: Project, case_id: str, model: str) -> Path | None:
    """A model's mask of a case, found in the folder's listing; None where there is none."""
    folder = project.predictions / model
    if not model or "/" in model or "\\" in model or model.startswith(".") or not folder.is_dir():
        return None
    return next((p for p in folder.iterdir() if io.stem(p) == case_id and io.is_image(p)), None)


def prediction_of(project: Project, case_id: str, model: str, grid: Grid) -> NDArray[Any]:
    """The labels that a model gave a case.

    Raises:
        MissingError: it gave none.
        FormatError: the file is damaged, or of another shape.
    """
    path = prediction_file(project, case_id, model)
    if path is None:
        raise MissingError(f"the model {model[:80]!r} has no mask of {case_id}; predict first")
    labels = io.read_labels(path).array
    if labels.size != np.prod(grid.shape):
        raise FormatError(f"{path.name} must have the image's shape {grid.shape}, got {labels.shape}; predict again")
    return labels.reshape(grid.shape)


def queue_of(records: Sequence[CaseRecord]) -> list[Queued]:
    """Cases that wait for a person, the one that would help most first.

    With predictions: in the order of `worklist.urgency`, as in every list of masks. Without: cases spread over the data
    set, because neighbours are often alike, each as far as possible from those annotated and those before it.
    """
    waiting = [one for one in records if one.status in ("new", "predicted")]
    graded = sorted((one for one in waiting if _graded(one)), key=_worst_first)
    rest = _spread([one for one in waiting if not _graded(one)], records)
    ordered = [(one, _reason(one)) for one in graded] + [(one, _far) for one in rest]
    ordered.sort(key=lambda pair: pair[0].skipped)
    return [Queued(one.id, rank, reason) for rank, (one, reason) in enumerate(ordered, start=1)]


_far = "far from the cases that are annotated already"


def _graded(record: CaseRecord) -> bool:
    return record.urgency is not None or record.predicted_dice is not None


def _worst_first(record: CaseRecord) -> tuple[float, int]:
    place = record.urgency
    if place is None:  # of a project of an earlier version
        place = _place((2, record.predicted_dice or 0.0))
    return (place, record.position)


def _place(urgency: tuple[int, float]) -> float:
    """The order of `worklist.urgency`, whose second number lies between -1 and 1, as one number."""
    return 3.0 * urgency[0] + urgency[1]


def _reason(record: CaseRecord) -> str:
    dice = record.predicted_dice
    if dice is None:
        return f"no figure: {record.reason or 'nothing was held out to judge the model by'}"
    words = "likely good: accept it with one key" if dice >= LOOK else "a correction would help"
    detail = f" ({record.reason})" if record.reason else ""
    return f"expected Dice {dice:.2f}: {words}{detail}"


def _spread(waiting: Sequence[CaseRecord], records: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Farthest first by position in the data set."""
    if not waiting:
        return []
    positions = np.array([one.position for one in waiting], dtype=np.float64)
    done = [one.position for one in records if one.status in ANNOTATED]
    distance = np.full(len(waiting), np.inf)
    for place in done:
        distance = np.minimum(distance, np.abs(positions - place))
    order = []
    for _ in waiting:
        best = int(np.argmax(distance))
        order.append(waiting[best])
        distance = np.minimum(distance, np.abs(positions - positions[best]))
        distance[[i for i, one in enumerate(waiting) if one in order]] = -1
    return order


def _predicted(project: Project, record: CaseRecord, model: str, estimates: Sequence[Any]) -> None:
    found = [one.dice for one in estimates if np.isfinite(one.dice)]
    reasons = list(dict.fromkeys(reason for one in estimates for reason in one.reasons))
    project.store.change_case(
        record.id, status="predicted", prediction=model, predicted_dice=min(found) if found else None,
        reason="; ".join(reasons)[:300], urgency=min((_place(urgency(one)) for one in estimates), default=None),
    )  # fmt: skip


def _row(
    folder: Path, case_id: str, case: Case, grid: Grid, labels: NDArray[Any], seen: NDArray[np.bool_]
) -> dict[str, str]:
    """A row of the table: the annotation as a file, and the region that was looked at where that is not all."""
    suffix = ".nii.gz" if labels.ndim == 3 else ".tif"
    path = folder / "labels" / f"{case_id}{suffix}"
    io.write_labels(path, LabelMap(labels, grid))
    row = {
        "id": case_id, "image": _images(folder, case_id, case), "label": str(path), "group": case.group or "",
        "split": case.split or "", "roi": "",
    }  # fmt: skip
    if not seen.all():
        roi = folder / "roi" / f"{case_id}{suffix}"
        roi.parent.mkdir(exist_ok=True)
        io.write_labels(roi, LabelMap(seen.astype(np.uint8), grid))
        row["roi"] = str(roi)
    return row


def _images(folder: Path, case_id: str, case: Case) -> str:
    """The case's image files in one field; a frame of a movie is written as a file of its own."""
    if all(source.frame is None and source.axes is None for source in case.images):
        return ";".join(str(source.path) for source in case.images)
    image = load_image(case)
    path = folder / "images" / f"{case_id}{'.nii.gz' if image.grid.ndim == 3 else '.ome.tif'}"
    path.parent.mkdir(exist_ok=True)
    io.write_image(path, image)
    return str(path)


def _write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    stream = text_io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())
