"""`septum train`: a data set goes in; a model, measured on cases that were held out, comes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from septum.errors import Cancelled, DatasetError
from septum.net.learning.sampling import Sample
from septum.workflows.data.cases import Case
from septum.workflows.data.doubts import Doubts, listening
from septum.workflows.data.kept import labels_kept
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan, parse_plan, plan_json
from septum.workflows.model.prepare import prepare_cases
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.quality.learn import References
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks, Note, Progress
from septum.workflows.runs.words import some
from septum.workflows.training import measured as outcome
from septum.workflows.training.begin import (
    choose_folds,
    claim,
    divide,
    planned_machine,
    resolve_plan,
    settle_folds,
    without_failed,
)
from septum.workflows.training.continued import continue_run, left_out, record_data
from septum.workflows.training.early import look_first
from septum.workflows.training.folds import FoldContext, from_first, make_fabric, train_fold


@dataclass(frozen=True)
class TrainResult:
    """Where the model and its report lie, whether it was stopped early, the mean Dice on held-out cases, and these;
    (name, reason) of the cases that could not be read and were left out."""

    model: Path
    report: Path | None
    stopped: bool
    mean_dice: float | None
    held_out: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()


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

    A case that cannot be read is left out, said, and listed in the result and in the model's record.

    Raises:
        DatasetError: when the data cannot be used, such as half of its cases.
        ConfigError: when a setting is wrong, or `output` holds a model and neither `resume` nor `overwrite` is given.
    """
    with labels_kept(), listening(on_note) as doubts:
        return _train(
            dataset,
            output,
            settings=settings,
            on_status=on_status,
            hooks=Hooks(on_progress, on_note, should_stop),
            doubts=doubts,
            again=(resume, overwrite),
        )


def _train(
    dataset: Path,
    output: Path,
    *,
    settings: TrainSettings,
    on_status: Callable[[TrainStatus], None],
    hooks: Hooks,
    doubts: Doubts,
    again: tuple[bool, bool],
) -> TrainResult:
    """As `train`; `again`: whether to resume, and whether to overwrite."""
    on_note, on_progress, should_stop = hooks.on_note, hooks.on_progress, hooks.should_stop
    resume, overwrite = again
    asked = settings
    settings = settings if settings.minutes or settings.steps else replace(settings, minutes=10.0)
    data = look_first(dataset, output, axes=settings.axes, plan=settings.plan, resume=resume, overwrite=overwrite)
    for note in data.notes:
        on_note(note)
    machine = planned_machine(settings, output, resume=resume)
    fabric = make_fabric(settings, machine.precision)
    cases = [case for case in data.labelled if case.split != "test"]
    settings = settle_folds(settings, cases)
    folder = ModelFolder(output)
    failures = Failures(list(left_out(folder.data).items()) if resume else [], CONTRADICTIONS)

    def begin() -> str:
        claim(output, resume=resume, overwrite=overwrite)
        return plan_json(
            resolve_plan(
                data,
                cases,
                folder=folder,
                settings=settings,
                machine=machine,
                resume=resume,
                hooks=hooks,
                failures=failures,
            )
        )

    plan = parse_plan(from_first(fabric, begin), what="the plan")
    cases = without_failed(cases, failures, processes=fabric.world_size)
    went_on = continue_run(folder, asked, plan=plan, cases=cases) if resume else None
    if went_on:
        settings = went_on.settings
        on_note(went_on.note)
    prepared = folder.path / "prepared" / str(fabric.global_rank)
    known = len(failures.rows)
    samples = _prepared(cases, plan, folder=prepared, on_progress=on_progress, failures=failures)
    if went_on and went_on.folds and len(failures.rows) > known:
        raise DatasetError(f"a resumed run must be able to read its cases; {': '.join(failures.rows[-1])}")
    cases = without_failed(cases, failures, processes=fabric.world_size)
    folds = (went_on and went_on.folds) or divide(cases, plan, settings=settings, samples=samples)
    if fabric.is_global_zero and not (resume and folder.data.is_file()):
        record_data(folder.data, cases, folds=folds, left_out=failures.rows)
    if failures.rows:
        lost = f"{len(failures.rows)} cases could not be read and were left out: {some(sorted(failures.names))}"
        data = replace(data, notes=(*data.notes, lost))
        on_note(lost)
    data = replace(data, notes=(*data.notes, *doubts.sentences()))
    jobs = choose_folds(folds, len(cases), settings=settings, on_note=on_note)
    on_note(outcome.describe(plan, cases))
    stopped = False
    for job in jobs:
        if stopped or (resume and outcome.finished(folder, job.index)):
            continue
        context = FoldContext(plan, cases, samples, folder, settings, fabric, on_status, should_stop, resume)
        ended = train_fold(job, context)
        on_note(outcome.describe_end(job, ended))
        if need := outcome.describe_need(plan, ended, cases=len(job.fold.train)):
            on_note(need)
        stopped = ended.reason == "stopped"
    references = References.of(list(samples.values()), plan) if fabric.is_global_zero else None
    del samples
    shutil.rmtree(prepared, ignore_errors=True)
    if references is None:
        return TrainResult(folder.path, None, stopped, None, (), tuple(failures.rows))
    write_json(folder.path / "splits.json", [vars(job.fold) for job in jobs])
    found = outcome.measure(
        folder,
        data,
        cases=cases,
        jobs=jobs,
        settings=settings,
        references=references,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    if found.limits:
        on_note(found.limits)
    held_out = tuple(dict.fromkeys(name for job in jobs for name in job.fold.val))
    return TrainResult(folder.path, found.report, stopped, found.dice, held_out, tuple(failures.rows))


def _prepared(
    cases: Sequence[Case], plan: Plan, *, folder: Path, on_progress: Progress, failures: Failures
) -> dict[str, Sample]:
    """The samples by name; files that were begun go when somebody stops the run meanwhile."""
    try:
        made = prepare_cases(cases, plan, folder=folder, on_progress=on_progress, failures=failures)
        return {sample.name: sample for sample in made}
    except Cancelled:
        shutil.rmtree(folder, ignore_errors=True)
        raise
