"""`septum train`: a data set goes in; a model, measured on cases that were held out, comes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from septum.workflows.data.kept import labels_kept
from septum.workflows.data.load import load_dataset
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import parse_plan, plan_json
from septum.workflows.model.prepare import prepare_cases
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.quality.grade import References
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Note, Progress
from septum.workflows.training import measured as outcome
from septum.workflows.training.begin import choose_folds, claim, divide, planned_machine, resolve_plan
from septum.workflows.training.continued import continue_run, record_data
from septum.workflows.training.folds import FoldContext, from_first, make_fabric, train_fold


@dataclass(frozen=True)
class TrainResult:
    """Where the model and its report lie, whether it was stopped early, and the mean Dice on held-out cases."""

    model: Path
    report: Path | None
    stopped: bool
    mean_dice: float | None


@labels_kept()
def train(
    dataset: Path,
    output: Path,
    *,
    settings: TrainSettings,
    on_status: Callable[[TrainStatus], None],
    on_note: Note,
    should_stop: Callable[[], bool],
    on_progress: Progress = lambda what, share: None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainResult:
    """Train a network on `dataset` and measure it on the cases that were held out.

    Raises:
        DatasetError, GeometryError, FormatError: when the data cannot be used.
        ConfigError: when a setting is wrong, or `output` holds a model and neither `resume` nor `overwrite` is given.
    """
    asked = settings
    settings = settings if settings.minutes or settings.steps else replace(settings, minutes=10.0)
    machine = planned_machine(settings, output, resume=resume)
    fabric = make_fabric(settings, machine.precision)
    data = load_dataset(dataset, axes=settings.axes)
    for note in data.notes:
        on_note(note)
    cases = [case for case in data.labelled if case.split != "test"]
    folder = ModelFolder(output)

    def begin() -> str:
        claim(output, resume=resume, overwrite=overwrite)
        return plan_json(resolve_plan(data, cases, folder, settings, machine, resume, on_note, on_progress))

    plan = parse_plan(from_first(fabric, begin), what="the plan")
    went_on = continue_run(folder, asked, plan, cases) if resume else None
    if went_on:
        settings = went_on.settings
        on_note(went_on.note)
    prepared = folder.path / "prepared" / str(fabric.global_rank)
    samples = {s.name: s for s in prepare_cases(cases, plan, prepared, on_progress=on_progress)}
    folds = (went_on and went_on.folds) or divide(cases, plan, settings, samples)
    if fabric.is_global_zero and not (resume and folder.data.is_file()):
        record_data(folder.data, cases, folds)
    jobs = choose_folds(folds, len(cases), settings, on_note)
    on_note(outcome.describe(plan, len(cases)))
    stopped = False
    for job in jobs:
        if stopped or (resume and outcome.finished(folder, job.index)):
            continue
        context = FoldContext(plan, cases, samples, folder, settings, fabric, on_status, should_stop, resume)
        ended = train_fold(job, context)
        on_note(outcome.describe_end(job, ended))
        stopped = ended.reason == "stopped"
    references = References.of(list(samples.values()), plan) if fabric.is_global_zero else None
    del samples
    shutil.rmtree(prepared, ignore_errors=True)
    if references is None:
        return TrainResult(folder.path, None, stopped, None)
    write_json(folder.path / "splits.json", [vars(job.fold) for job in jobs])
    report, dice = outcome.measure(folder, data, cases, jobs, settings, references, on_progress, should_stop)
    return TrainResult(folder.path, report, stopped, dice)
