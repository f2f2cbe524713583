"""What Septum does, each as one function that reads like the sentence it implements.

The command line, the server and Python call these; they take plain paths and frozen settings, tell what happens through
callbacks, raise `SeptumError` for bad input, and never print.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.net.preview import contact_sheet, preview
from septum.project import outcome
from septum.project.cases import Case, Dataset
from septum.project.classes import ClassMap, infer_classes
from septum.project.config import PredictSettings, TrainSettings, TrainStatus, settings_toml
from septum.project.dataset import load_dataset
from septum.project.fingerprint import take_fingerprint
from septum.project.folds import Fold, make_folds
from septum.project.jobs import PredictResult, find_cases, plan_jobs
from septum.project.machine import Machine, choose_device, measure_machine
from septum.project.model import ModelFolder, parse_folds
from septum.project.plan import Plan, make_plan, parse_plan, plan_json, read_plan
from septum.project.prediction import make_engine, run_jobs
from septum.project.prepare import as_planes, prepare_cases, to_sample
from septum.project.prompting import check_prompts
from septum.project.provenance import write_json, write_text
from septum.project.quality import References, grade, read_quality
from septum.project.quality_features import Look
from septum.project.quality_list import Estimate, worst_first, write_list
from septum.project.training import FoldContext, FoldJob, from_first, make_fabric, train_fold

PREVIEW_COLUMNS = 9
"""Most tiles beside each other in the contact sheet of `augment_preview`."""

Note = Callable[[str], None]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TrainResult:
    """Where the model and its report lie, whether it was stopped early, and the mean Dice on held-out cases."""

    model: Path
    report: Path | None
    stopped: bool
    mean_dice: float | None


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
    jobs = choose_folds(cases, plan, settings, on_note)
    prepared = folder.path / "prepared" / str(fabric.global_rank)
    samples = {s.name: s for s in prepare_cases(cases, plan, prepared, on_progress=on_progress)}
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


def predict(
    model: Path,
    images: Sequence[Path],
    output: Path,
    *,
    settings: PredictSettings,
    on_progress: Progress,
    on_note: Note,
    should_stop: Callable[[], bool],
) -> PredictResult:
    """Segment images with a trained model: one mask per image, on its own grid, in its own format family.

    One bad file does not stop the rest; it is listed in the result.

    Raises:
        CheckpointError: when the model cannot be used.
        ConfigError: when `output` holds masks of these names already and `settings.overwrite` is not set, or prompts
            are given that do not fit the model or the images.
        DatasetError: when no image is found.
    """
    plan, models = ModelFolder(model).load(settings.folds)
    cases = find_cases(images, axes=settings.axes, channels=plan.channels)
    check_prompts(settings, plan, len(cases))
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    output.mkdir(parents=True, exist_ok=True)
    on_note(f"{len(jobs)} images, {len(models)} network(s); research software, not a medical device")
    grades = read_quality(ModelFolder(model).quality, plan)
    if grades is None:
        on_note("this model has no held-out cases to grade its masks by: quality.csv says `look` for all of them")
    if settings.engine == "torch":  # the record says which precision it was
        settings = replace(settings, precision=measure_machine(settings.devices, settings.precision).precision)
    engine = make_engine(plan, models, settings, model / "exported")
    found: list[Estimate] = []

    def on_look(case: str, look: Look) -> None:
        found.extend(grade(case, look, plan, grades, threshold=settings.quality_threshold))

    result = run_jobs(jobs, engine, plan, settings, on_progress=on_progress, should_stop=should_stop, on_look=on_look)
    outcome.record_prediction(output, model, plan, settings, jobs, result)
    if found:
        write_list(output, found, threshold=settings.quality_threshold)
    return replace(result, estimates=tuple(worst_first(found)))


def augment_preview(
    dataset: Path,
    output: Path,
    *,
    count: int = 8,
    seed: int = 0,
    plan: Path | None = None,
    axes: str | None = None,
    overwrite: bool = False,
    images: int = 3,
) -> Path:
    """Write a contact sheet: a few images, each untouched and augmented as in training, with label outlines.

    Raises:
        ConfigError: when `output` exists and `overwrite` is not set.
    """
    if output.exists() and not overwrite:
        raise ConfigError(f"{output} exists; choose another name or use --overwrite")
    data = load_dataset(dataset, axes=axes)
    cases = [case for case in data.labelled if case.split != "test"]
    settings = TrainSettings(steps=1, seed=seed, axes=axes)
    machine = Machine(choose_device(), "32-true")
    chosen = read_plan(plan) if plan is not None else derive_plan(data, cases, settings, machine, lambda text: None)
    columns = math.ceil((count + 1) / math.ceil((count + 1) / PREVIEW_COLUMNS))  # full rows: no gaps to wonder about
    rows = []
    for case in cases[:: max(1, len(cases) // images)][:images]:
        planes = as_planes(to_sample(case, chosen), chosen.classes.ignore_class) if chosen.slices else None
        sample = planes[len(planes) // 2] if planes else to_sample(case, chosen)
        rows.append(
            preview(
                chosen.augment,
                sample.image,
                sample.labels,
                sample.spacing,
                patch=chosen.patch,
                count=count,
                seed=seed,
                columns=columns,
            )
        )
    sheet = contact_sheet(rows)
    io.write_image(output, Image(np.moveaxis(sheet, -1, 0), Grid.from_spacing(sheet.shape[:2], (1.0, 1.0))))
    return output


def claim(output: Path, *, resume: bool, overwrite: bool) -> ModelFolder:
    """The model folder to write to; an old model is only replaced when asked for, and never half.

    Raises:
        ConfigError: when it holds something and neither `resume` nor `overwrite` is given, or nothing to resume.
    """
    folder = ModelFolder(output)
    if output.exists() and not output.is_dir():
        raise ConfigError(f"the model must be a folder, got the file {output}; choose another name")
    if resume:
        if not folder.plan.is_file():
            raise ConfigError(f"{output} holds no run to resume; leave --resume out")
        return folder
    if output.is_dir() and any(output.iterdir()):
        if not overwrite:
            raise ConfigError(f"{output} is not empty; choose another folder, --resume the run in it, or --overwrite")
        if not folder.plan.is_file():
            raise ConfigError(f"{output} holds other files than a model; choose another folder")
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    return folder


def planned_machine(settings: TrainSettings, output: Path, *, resume: bool) -> Machine:
    """The device, and the precision of a plan that exists already, else the faster one of this machine."""
    existing = ModelFolder(output).plan if resume else settings.plan
    if existing is not None and existing.is_file():
        return Machine(choose_device(settings.devices), read_plan(existing).precision)
    return measure_machine(settings.devices, settings.precision)


def resolve_plan(
    data: Dataset,
    cases: Sequence[Case],
    folder: ModelFolder,
    settings: TrainSettings,
    machine: Machine,
    resume: bool,
    on_note: Note,
    on_progress: Progress,
) -> Plan:
    """The plan to follow: the run's own when resumed, the user's, or one derived now; written beside the model."""
    if resume:
        return read_plan(folder.plan)
    if settings.plan is not None:
        plan = read_plan(settings.plan)
        if settings.prompts and plan.prompts is None:
            raise ConfigError(
                f"the plan must hold prompts for --prompts, got {settings.plan} without; "
                "leave out --plan, or give the plan of a model that was trained with --prompts"
            )
        budget = replace(plan.budget, minutes=settings.minutes, steps=settings.steps)
        plan = replace(plan, budget=budget, seed=settings.seed)
    else:
        plan = derive_plan(data, cases, settings, machine, on_note, on_progress)
    write_text(folder.plan, plan_json(plan))
    write_text(folder.path / "settings.toml", settings_toml(settings))
    return plan


def derive_plan(
    data: Dataset,
    cases: Sequence[Case],
    settings: TrainSettings,
    machine: Machine,
    on_note: Note,
    on_progress: Progress = lambda what, share: None,
) -> Plan:
    """Classes, fingerprint and machine make a plan."""
    classes: ClassMap = infer_classes(
        data, background=settings.background, foreground=settings.foreground, cases=cases, on_progress=on_progress
    )
    for note in classes.notes:
        on_note(note)
    fingerprint = take_fingerprint(cases, classes, on_progress=on_progress)
    on_progress("timing this machine", 0.0)
    return make_plan(fingerprint, classes, settings, machine)


def choose_folds(cases: Sequence[Case], plan: Plan, settings: TrainSettings, on_note: Note) -> tuple[FoldJob, ...]:
    """The networks to train: one per fold, or several of different seeds on the same cases.

    Raises:
        ConfigError: when a fold is asked for that there is not.
    """
    members = range(settings.members)
    if settings.folds == "none":
        on_note("no case is held out: measure the model on other images with `septum evaluate`")
        everything = Fold(tuple(case.id for case in cases), ())
        return tuple(FoldJob(index, index, len(members), everything) for index in members)
    folds = make_folds(cases, seed=plan.seed)
    if settings.folds == "one":
        chosen = [(index, folds[0]) for index in members]
    else:
        numbers = tuple(range(len(folds))) if settings.folds == "all" else parse_folds(settings.folds)
        missing = [index for index in numbers if index >= len(folds)]
        if missing:
            raise ConfigError(f"folds must be below {len(folds)} for these {len(cases)} cases, got {missing}")
        chosen = [(index, folds[index]) for index in numbers]
    for note in dict.fromkeys(fold.note for _, fold in chosen):
        if note:
            on_note(note)
    return tuple(FoldJob(index, place, len(chosen), fold) for place, (index, fold) in enumerate(chosen))
