"""What Septum does, each as one function that reads like the sentence it implements.

The command line, the server and Python call these; they take plain paths and frozen settings, tell what happens through
callbacks, raise `SeptumError` for bad input, and never print.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from septum.errors import ConfigError
from septum.net.preview import preview
from septum.project import outcome
from septum.project.cases import Case, Dataset
from septum.project.classes import ClassMap, infer_classes
from septum.project.config import PredictSettings, TrainSettings, TrainStatus, settings_toml
from septum.project.dataset import load_dataset
from septum.project.fingerprint import take_fingerprint
from septum.project.folds import Fold, make_folds
from septum.project.machine import measure_machine
from septum.project.model import ModelFolder, parse_folds
from septum.project.plan import Plan, make_plan, plan_json, read_plan
from septum.project.prediction import PredictResult, find_cases, make_engine, plan_jobs, run_jobs
from septum.project.prepare import as_planes, prepare_cases, to_sample
from septum.project.provenance import write_json, write_text
from septum.project.training import FoldJob, make_fabric, train_fold
from septum.report.sheet import write_png

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
    folder = claim(output, resume=resume, overwrite=overwrite)
    settings = settings if settings.minutes or settings.steps else replace(settings, minutes=10.0)
    data = load_dataset(dataset, axes=settings.axes)
    for note in data.notes:
        on_note(note)
    cases = [case for case in data.labelled if case.split != "test"]
    plan = resolve_plan(data, cases, folder, settings, resume, on_note, on_progress)
    jobs = choose_folds(cases, plan, settings.folds, on_note)
    write_json(folder.path / "splits.json", [vars(job.fold) for job in jobs])
    fabric = make_fabric(settings, plan)
    fabric.launch()
    samples = {s.name: s for s in prepare_cases(cases, plan, folder.path / "prepared", on_progress=on_progress)}
    on_note(outcome.describe(plan, len(cases)))
    outcomes = []
    for job in jobs:
        if resume and folder.weights(job.index).exists() and outcome.finished(folder, job.index):
            continue
        outcomes.append(
            train_fold(
                job, plan, samples, folder, settings,
                fabric=fabric, on_status=on_status, should_stop=should_stop, resume=resume,
            )
        )  # fmt: skip
        on_note(outcome.describe_end(job, outcomes[-1]))
        if outcomes[-1].reason == "stopped":
            break
    del samples
    shutil.rmtree(folder.path / "prepared", ignore_errors=True)
    report, dice = outcome.measure(folder, data, cases, jobs, settings, on_progress)
    return TrainResult(folder.path, report, any(o.reason == "stopped" for o in outcomes), dice)


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
        ConfigError: when `output` holds masks of these names already and `settings.overwrite` is not set.
        DatasetError: when no image is found.
    """
    plan, models = ModelFolder(model).load(settings.folds)
    cases = find_cases(images, axes=settings.axes)
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    output.mkdir(parents=True, exist_ok=True)
    on_note(f"{len(jobs)} images, {len(models)} network(s); research software, not a medical device")
    engine = make_engine(plan, models, settings, model / "exported")
    result = run_jobs(jobs, engine, plan, settings, on_progress=on_progress, should_stop=should_stop)
    outcome.record_prediction(output, model, plan, settings, jobs, result)
    return result


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
    chosen = read_plan(plan) if plan is not None else derive_plan(data, cases, settings, lambda text: None)
    rows = []
    for case in cases[:: max(1, len(cases) // images)][:images]:
        planes = as_planes(to_sample(case, chosen), chosen.classes.ignore_class) if chosen.slices else None
        sample = planes[len(planes) // 2] if planes else to_sample(case, chosen)
        rows.append(
            preview(
                chosen.augment, sample.image, sample.labels, sample.spacing, patch=chosen.patch, count=count, seed=seed
            )
        )
    width = max(row.shape[1] for row in rows)
    return write_png(output, np.concatenate([np.pad(r, ((0, 4), (0, width - r.shape[1]), (0, 0))) for r in rows]))


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


def resolve_plan(
    data: Dataset,
    cases: Sequence[Case],
    folder: ModelFolder,
    settings: TrainSettings,
    resume: bool,
    on_note: Note,
    on_progress: Progress,
) -> Plan:
    """The plan to follow: the run's own when resumed, the user's, or one derived now; written beside the model."""
    if resume:
        return read_plan(folder.plan)
    if settings.plan is not None:
        plan = read_plan(settings.plan)
        budget = replace(plan.budget, minutes=settings.minutes, steps=settings.steps)
        plan = replace(plan, budget=budget, seed=settings.seed)
    else:
        plan = derive_plan(data, cases, settings, on_note, on_progress)
    write_text(folder.plan, plan_json(plan))
    write_text(folder.path / "settings.toml", settings_toml(settings))
    return plan


def derive_plan(
    data: Dataset,
    cases: Sequence[Case],
    settings: TrainSettings,
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
    machine = measure_machine(settings.devices, settings.precision)
    return make_plan(fingerprint, classes, settings, machine)


def choose_folds(cases: Sequence[Case], plan: Plan, wanted: str, on_note: Note) -> tuple[FoldJob, ...]:
    """The folds to train.

    Raises:
        ConfigError: when a fold is asked for that there is not.
    """
    if wanted == "none":
        on_note("no case is held out: measure the model on other images with `septum evaluate`")
        everything = Fold(tuple(case.id for case in cases), ())
        return (FoldJob(0, 0, 1, everything),)
    folds = make_folds(cases, seed=plan.seed)
    chosen = {"one": (0,), "all": tuple(range(len(folds)))}.get(wanted)
    chosen = parse_folds(wanted) if chosen is None else chosen
    missing = [index for index in chosen if index >= len(folds)]
    if missing:
        raise ConfigError(f"folds must be below {len(folds)} for these {len(cases)} cases, got {missing}")
    for note in dict.fromkeys(folds[index].note for index in chosen):
        if note:
            on_note(note)
    return tuple(FoldJob(index, place, len(chosen), folds[index]) for place, index in enumerate(chosen))
