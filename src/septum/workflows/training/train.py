"""`septum train`: a data set goes in; a model, measured on cases that were held out, comes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_fabric import Fabric

from septum.errors import Cancelled, DatasetError
from septum.net.learning.sampling import INTERPOLATED, Sample
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.data.doubts import listening
from septum.workflows.data.folds import Fold
from septum.workflows.data.kept import labels_kept
from septum.workflows.data.unlabelled import Unlabelled, find_unlabelled
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.machine import Machine
from septum.workflows.model.plan import Plan, parse_plan, plan_json, read_plan
from septum.workflows.model.prepare import prepare_cases
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.quality.learn import References
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.words import counted, some
from septum.workflows.training import measured
from septum.workflows.training.begin import (
    choose_folds,
    claim,
    divide_cases,
    planned_machine,
    resolve_plan,
    settle_folds,
    without_failed,
)
from septum.workflows.training.continued import continue_run, left_out, record_data, record_unlabelled
from septum.workflows.training.early import look_first
from septum.workflows.training.folds import FoldContext, FoldJob, from_first, make_fabric, train_fold


@dataclass(frozen=True)
class TrainResult:
    """Where the model and its report lie, whether it was stopped early, the mean Dice on the held-out cases that were
    measured, and these; (name, reason) of the cases that could not be read and were left out; on what the Dice was
    taken and by which networks, in words."""

    model: Path
    report: Path | None
    stopped: bool
    mean_dice: float | None
    held_out: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()
    basis: str = ""


@dataclass(frozen=True)
class _Run:
    """A training on its way: its data, what was asked, where it goes, what could not be read so far, the images without
    labels that were found, and those that are learnt from."""

    data: Dataset
    cases: Sequence[Case]
    folder: ModelFolder
    settings: TrainSettings
    fabric: Fabric
    hooks: Hooks
    failures: Failures
    resume: bool
    found: Unlabelled | None = None
    unlabelled: Sequence[tuple[Case, Sample]] = ()

    def readable(self) -> _Run:
        """The same without the cases that failed; errors as `without_failed`."""
        return replace(self, cases=without_failed(self.cases, self.failures, processes=self.fabric.world_size))


def train(
    dataset: Path,
    output: Path,
    *,
    settings: TrainSettings,
    hooks: Hooks | None = None,
    on_status: Callable[[TrainStatus], None] = lambda status: None,
    resume: bool = False,
    overwrite: bool = False,
) -> TrainResult:
    """Train a network on `dataset` and measure it on the cases that were held out.

    A case that cannot be read is left out, said, and listed in the result and in the model's record.

    Args:
        dataset: a folder or a table, as `load_dataset` takes it.
        output: the folder of the model.
        settings: how to train; ten minutes where neither minutes nor steps are given.
        hooks: progress, notes, and a wish to stop, which leaves a usable model.
        on_status: hears of the steps.
        resume, overwrite: what to do with a model that is there.

    Raises:
        DatasetError: when the data cannot be used, such as half of its cases.
        ConfigError: when a setting is wrong, or `output` holds a model and neither `resume` nor `overwrite` is given.
    """
    hooks = hooks or Hooks()
    with labels_kept(), listening(hooks.on_note) as doubts:
        data = look_first(
            dataset,
            output,
            axes=settings.axes,
            plan=settings.plan,
            unlabelled=settings.unlabelled,
            resume=resume,
            overwrite=overwrite,
        )
        for note in data.notes:
            hooks.on_note(note)
        found = find_unlabelled(settings.unlabelled, data, axes=settings.axes) if settings.unlabelled else None
        timed = settings if settings.minutes or settings.steps else replace(settings, minutes=10.0)
        machine = planned_machine(timed, output, resume=resume)
        cases = [case for case in data.labelled if case.split != "test"]
        folder = ModelFolder(output)
        failures = Failures(list(left_out(folder.data).items()) if resume else [], CONTRADICTIONS)
        fabric = make_fabric(timed, machine.precision)
        run = _Run(data, cases, folder, settle_folds(timed, cases), fabric, hooks, failures, resume, found)
        plan = _plan(run, machine, overwrite=overwrite)
        run = run.readable()
        went_on = continue_run(folder, settings, plan=plan, cases=run.cases) if resume else None
        if went_on:
            run = replace(run, settings=went_on.settings)
            hooks.on_note(went_on.note)
        run, samples, folds = _prepared(run, plan, begun=went_on.folds if went_on else None)
        run = _with_unlabelled(run, plan, samples=samples)
        run = replace(run, data=replace(run.data, notes=(*run.data.notes, *doubts.sentences())))
        jobs = choose_folds(folds, len(run.cases), settings=run.settings, judged=plan.judged, on_note=hooks.on_note)
        hooks.on_note(measured.describe_training(plan, run.cases))
        stopped = _train_folds(jobs, run, plan=plan, samples=samples, on_status=on_status)
        references = References.of(list(samples.values()), plan) if fabric.is_global_zero else None
        del samples
        shutil.rmtree(_scratch(run), ignore_errors=True)
        if references is None:
            return TrainResult(folder.path, None, stopped, None, (), tuple(failures.rows))
        return _measured(run, jobs, references=references, stopped=stopped)


def _scratch(run: _Run) -> Path:
    """Where this process keeps prepared cases that do not fit into memory."""
    return run.folder.path / "prepared" / str(run.fabric.global_rank)


@contextmanager
def _preparing(run: _Run) -> Iterator[Path]:
    """The folder of prepared cases; files that were begun go when somebody stops the run meanwhile."""
    try:
        yield _scratch(run)
    except Cancelled:
        shutil.rmtree(_scratch(run), ignore_errors=True)
        raise


def _plan(run: _Run, machine: Machine, *, overwrite: bool) -> Plan:
    """Claim the folder and write the plan into it, by the first process; every process gets it."""

    def begin() -> str:
        claim(run.folder.path, resume=run.resume, overwrite=overwrite)
        if run.resume:
            return plan_json(read_plan(run.folder.plan))
        plan = resolve_plan(
            run.data,
            run.cases,
            folder=run.folder,
            settings=run.settings,
            machine=machine,
            hooks=run.hooks,
            failures=run.failures,
        )
        return plan_json(plan)

    return parse_plan(from_first(run.fabric, begin), what="the plan")


def _prepared(
    run: _Run, plan: Plan, *, begun: Sequence[Fold] | None
) -> tuple[_Run, dict[str, Sample], tuple[Fold, ...]]:
    """The run without the cases that fail while they are prepared, their samples and all folds.

    Args:
        begun: the folds of a run that goes on; its cases must all be readable still.
    """
    known = len(run.failures.rows)
    samples = _samples(run, plan)
    if begun and len(run.failures.rows) > known:
        raise DatasetError(f"a resumed run must be able to read its cases; {': '.join(run.failures.rows[-1])}")
    run = run.readable()
    folds = tuple(begun or divide_cases(run.cases, plan, settings=run.settings, samples=samples))
    if run.fabric.is_global_zero and not (run.resume and run.folder.data.is_file()):
        record_data(run.folder.data, run.cases, folds=folds, left_out=run.failures.rows)
    if run.failures.rows:
        failed = run.failures
        few = "was" if len(failed.rows) == 1 else "were"
        lost = f"{counted(len(failed.rows), 'case')} could not be read and {few} left out: {some(sorted(failed.names))}"
        run = replace(run, data=replace(run.data, notes=(*run.data.notes, lost)))
        run.hooks.on_note(lost)
    return run, samples, folds


def _samples(run: _Run, plan: Plan) -> dict[str, Sample]:
    """The samples by name."""
    with _preparing(run) as folder:
        made = prepare_cases(run.cases, plan, folder=folder, on_progress=run.hooks.on_progress, failures=run.failures)
        between = sum(sample.interpolated is not None for sample in made)
        if between:
            run.hooks.on_note(
                f"interpolated slices in {counted(between, 'case')}: the network sees a voxel of them "
                f"{INTERPOLATED:g} times as often as one of a slice that a person drew"
            )
        return {sample.name: sample for sample in made}


def _with_unlabelled(run: _Run, plan: Plan, *, samples: Mapping[str, Sample]) -> _Run:
    """The run with the images without labels that were asked for, and a note about them in the data."""
    if run.settings.unlabelled is None or plan.teacher is None:
        return run
    found = run.found or find_unlabelled(run.settings.unlabelled, run.data, axes=run.settings.axes)

    def begin() -> str:
        record_unlabelled(run.folder.data, found.cases)
        return ""

    from_first(run.fabric, begin)
    failures = Failures()
    with _preparing(run) as folder:
        made = prepare_cases(
            found.cases,
            plan,
            folder=folder / "unlabelled",
            on_progress=run.hooks.on_progress,
            failures=failures,
            beside=samples.values(),
        )
    if not made:
        raise DatasetError(f"images without labels must be readable and like the labelled ones, got {failures.first}")
    note = measured.describe_unlabelled(len(made), found.left_out, failures=failures)
    run.hooks.on_note(note)
    cases = {case.id: case for case in found.cases}
    return replace(
        run,
        unlabelled=[(cases[sample.name], sample) for sample in made],
        data=replace(run.data, notes=(*run.data.notes, note)),
    )


def _train_folds(
    jobs: Sequence[FoldJob],
    run: _Run,
    *,
    plan: Plan,
    samples: Mapping[str, Sample],
    on_status: Callable[[TrainStatus], None],
) -> bool:
    """Train what is not trained yet; whether a person stopped it."""
    context = FoldContext(
        plan,
        run.cases,
        samples,
        run.unlabelled,
        run.folder,
        run.settings,
        run.fabric,
        on_status,
        run.hooks.should_stop,
        run.resume,
    )
    for job in jobs:
        if run.resume and run.folder.finished(job.index):
            continue
        ended = train_fold(job, context)
        run.hooks.on_note(measured.describe_end(job, ended))
        if need := measured.describe_need(run.folder, job, plan=plan):
            run.hooks.on_note(need)
        if ended.reason == "stopped":
            return True
    return False


def _measured(run: _Run, jobs: Sequence[FoldJob], *, references: References, stopped: bool) -> TrainResult:
    """What the networks are worth on the cases that they did not see."""
    write_json(run.folder.path / "splits.json", [{"network": job.index, **vars(job.fold)} for job in jobs])
    found = measured.measure_model(
        run.folder,
        run.data,
        cases=run.cases,
        jobs=jobs,
        settings=run.settings,
        references=references,
        hooks=run.hooks,
    )
    if found.limits:
        run.hooks.on_note(found.limits)
    if found.counts:
        run.hooks.on_note(found.counts)
    failures = tuple(run.failures.rows)
    return TrainResult(run.folder.path, found.report, stopped, found.dice, found.held_out, failures, found.basis)
