"""How a training begins: the folder is claimed, the plan resolved, the folds chosen."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from septum.errors import ConfigError, DatasetError
from septum.net.learning.sampling import Sample
from septum.net.learning.teacher import TeacherConfig
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.data.classes import ClassMap, infer_classes
from septum.workflows.data.folds import Fold, make_folds
from septum.workflows.model.derive import make_plan
from septum.workflows.model.fingerprint import take_fingerprint
from septum.workflows.model.folder import ModelFolder, parse_folds
from septum.workflows.model.machine import Machine, choose_device, measure_machine, usual_machine
from septum.workflows.model.plan import Plan, plan_json, read_plan
from septum.workflows.model.settings import TrainSettings
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.files import write_text
from septum.workflows.runs.hooks import Hooks, Note
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.words import some
from septum.workflows.training.early import refuse_output
from septum.workflows.training.folds import FoldJob

FEW_CASES = 30
"""Labelled cases below which one fold of five holds fewer than six out: too few for an interval around an estimate."""


MOSTLY = 0.6
"""Share of all samples beyond which a single class without a declared name may be the background, as in `evaluate`."""


def settle_folds(settings: TrainSettings, cases: Sequence[Case]) -> TrainSettings:
    """The settings with "auto" replaced by the division that these cases get.

    With a handful of cases three networks judge, each without a third of them, so that every case is held out once; the
    network that predicts sees all of them. A budget of steps is a promise of the work of one network and is not
    divided; a declared split, a single case, several members and prompts keep one fold.
    """
    if settings.folds != "auto":
        return settings
    groups = {case.group if case.group is not None else ("", case.id) for case in cases}
    divided = any(case.split == "val" for case in cases) or len(cases) < 2 or len(groups) < 2
    once = settings.steps is not None or settings.members > 1 or settings.prompts or divided
    return replace(settings, folds="one" if once or len(cases) >= FEW_CASES else "thirds")


def claim(output: Path, *, resume: bool, overwrite: bool) -> ModelFolder:
    """The model folder to write to; an old model is only replaced when asked for, and never half.

    Raises:
        ConfigError: when it holds something and neither `resume` nor `overwrite` is given, or nothing to resume.
    """
    refuse_output(output, resume=resume, overwrite=overwrite)
    folder = ModelFolder(output)
    if resume:
        return folder
    if output.is_dir() and any(output.iterdir()):
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    return folder


def planned_machine(settings: TrainSettings, output: Path, *, resume: bool) -> Machine:
    """The device, and the precision of a plan that exists already; else the faster one, by steps the usual one."""
    existing = ModelFolder(output).plan if resume else settings.plan
    if existing is not None and existing.is_file():
        return Machine(choose_device(settings.devices), read_plan(existing).precision)
    choose = usual_machine if settings.steps else measure_machine  # by steps, the clock has no say
    return choose(settings.devices, settings.precision)


def resolve_plan(
    data: Dataset,
    cases: Sequence[Case],
    *,
    folder: ModelFolder,
    settings: TrainSettings,
    machine: Machine,
    hooks: Hooks,
    failures: Failures,
) -> Plan:
    """The plan that a new run follows: the user's, or one derived now; written beside the model."""
    if settings.plan is not None:
        plan = read_plan(settings.plan)
        if settings.prompts and plan.prompts is None:
            raise ConfigError(
                f"the plan must hold prompts for --prompts, got {settings.plan} without; "
                "leave out --plan, or give the plan of a model that was trained with --prompts"
            )
        budget = replace(plan.budget, minutes=settings.minutes, steps=settings.steps)
        teacher = None if settings.unlabelled is None else plan.teacher or TeacherConfig()
        plan = replace(plan, budget=budget, seed=settings.seed, chosen="", followed=settings.plan.name, teacher=teacher)
    else:
        plan = derive_plan(data, cases, settings=settings, machine=machine, hooks=hooks, failures=failures)
    judged = settings.folds == "thirds" and not any(case.split == "val" for case in cases)  # those train nothing
    plan = replace(plan, judged=judged)
    write_text(folder.plan, plan_json(plan))
    write_settings(folder.path / "settings.toml", settings)
    return plan


def derive_plan(
    data: Dataset,
    cases: Sequence[Case],
    *,
    settings: TrainSettings,
    machine: Machine,
    hooks: Hooks | None = None,
    failures: Failures | None = None,
) -> Plan:
    """Classes, fingerprint and machine make a plan; cases that cannot be read go to `failures`, where it is given."""
    hooks = hooks or Hooks()
    ids = settings.instances and not data.label_names
    classes: ClassMap = infer_classes(
        data,
        background=settings.background,
        foreground=True if ids else settings.foreground,
        cases=cases,
        on_progress=hooks.on_progress,
        failures=failures,
    )
    for note in (*classes.notes, *(() if data.label_names else mostly_foreground(classes))):
        hooks.on_note(note)
    if settings.instances is None:
        settings = replace(settings, instances=_of_objects(classes, settings))
        if settings.instances:
            hooks.on_note("single objects are learnt; use --semantic to learn the foreground only")
    kept = [case for case in cases if failures is None or case.id not in failures.names]
    fingerprint = take_fingerprint(kept, classes, on_progress=hooks.on_progress, failures=failures)
    hooks.on_progress("timing this machine", 0.0)
    return make_plan(fingerprint, classes, settings=settings, machine=machine)


def mostly_foreground(classes: ClassMap) -> tuple[str, ...]:
    """A sentence where the only class covers most of the images: it may be the background, as of membranes with 0.

    >>> mostly_foreground(ClassMap((0, 255), ("background", "foreground"), counts=(23, 77)))[0][:54]
    'label 255 covers 77 % of the images: if it is the back'
    """
    if classes.n_classes != 2 or classes.foreground or sum(classes.counts) == 0:
        return ()
    share, value = classes.counts[1] / sum(classes.counts), classes.values[1]
    if share <= MOSTLY:
        return ()
    remedy = f"if it is the background and {classes.values[0]} the structure, train again with --background {value}"
    return (f"label {value} covers {share:.0%} of the images: {remedy}".replace("%", " %"),)


def _of_objects(classes: ClassMap, settings: TrainSettings) -> bool:
    """Whether labels were taken for ids of objects although nobody asked for one foreground class."""
    return (
        classes.foreground
        and settings.foreground is None
        and settings.network in ("auto", "encoder")
        and not settings.prompts
    )


def without_failed(cases: Sequence[Case], failures: Failures, *, processes: int = 1) -> list[Case]:
    """The cases that can be trained on.

    Raises:
        DatasetError: half of the cases or more failed, or any where several processes train: each reads by itself.
    """
    kept = [case for case in cases if case.id not in failures.names]
    lost = len(cases) - len(kept)
    if lost and (2 * lost >= len(cases) or processes > 1):
        listed = "".join(f"\n  {name}: {reason}" for name, reason in failures.rows[:10])
        raise DatasetError(
            f"cases must be readable, got {lost} of {len(cases)} that are not:{listed}\n"
            "mend or remove them; `septum doctor DATASET` lists every fault"
        )
    return kept


def divide_cases(
    cases: Sequence[Case], plan: Plan, *, settings: TrainSettings, samples: Mapping[str, Sample]
) -> tuple[Fold, ...]:
    """All folds of the cases, by what their prepared `samples` hold; one that holds nothing out with folds "none"."""
    classes = classes_of(samples, plan)
    if settings.folds == "none":
        return (said(Fold(tuple(case.id for case in cases), ()), classes, plan=plan),)
    folds = make_folds(cases, seed=plan.seed, classes=classes)
    if settings.folds == "thirds" and len(folds) > 1:
        folds = make_folds(cases, k=min(3, len(folds)), seed=plan.seed, classes=classes)
    return tuple(said(fold, classes, plan=plan, judges=settings.folds == "thirds") for fold in folds)


JUDGE = 0.4
"""Work of a network that only judges, beside that of the network that predicts."""


def choose_folds(
    folds: Sequence[Fold], cases: int, *, settings: TrainSettings, judged: bool = False, on_note: Note
) -> tuple[FoldJob, ...]:
    """The networks to train: one per fold, several of different seeds on the same cases, or (`judged`) one of all cases
    that goes on from the last of those that judge, one per fold.

    Raises:
        ConfigError: when a fold is asked for that there is not.
    """
    if settings.folds in ("auto", "one", "none"):
        chosen = [(index, folds[0]) for index in range(settings.members)]
    elif settings.folds == "thirds":
        chosen = list(enumerate(folds))
    else:
        numbers = tuple(range(len(folds))) if settings.folds == "all" else parse_folds(settings.folds)
        missing = [index for index in numbers if index >= len(folds)]
        if missing:
            raise ConfigError(f"folds must be below {len(folds)} for these {cases} cases, got {missing}")
        chosen = [(index, folds[index]) for index in numbers]
    if settings.folds == "none":
        on_note("no case is held out: measure the model on other images with `septum evaluate`")
    for note in dict.fromkeys(fold.note for _, fold in chosen):
        if note:
            on_note(note)
    if judged:
        return _judges(folds)
    return tuple(FoldJob(index, place, len(chosen), fold) for place, (index, fold) in enumerate(chosen))


def _judges(folds: Sequence[Fold]) -> tuple[FoldJob, ...]:
    """Networks that judge, numbered from 1, and number 0, which sees what any of them saw."""
    everyone = tuple(dict.fromkeys(name for fold in folds for name in (*fold.train, *fold.val)))
    nowhere = tuple(name for name in folds[0].unlearnt if all(name in fold.unlearnt for fold in folds))
    work = JUDGE * len(folds) + 1
    judges = [
        FoldJob(index, index - 1, len(folds) + 1, fold, JUDGE, JUDGE / work) for index, fold in enumerate(folds, 1)
    ]
    return (
        *judges,
        FoldJob(0, len(folds), len(folds) + 1, Fold(everyone, (), unlearnt=nowhere), 1.0, 1 / work, after=len(folds)),
    )


def classes_of(samples: Mapping[str, Sample], plan: Plan) -> dict[str, dict[str, int]]:
    """Samples of each class but the background, by its name, by case."""
    found = {}
    for case, sample in samples.items():
        counts = np.bincount(np.asarray(sample.labels).reshape(-1), minlength=plan.classes.n_classes)
        names = enumerate(plan.classes.names[1:], 1)
        found[case] = {name: int(counts[index]) for index, name in names if counts[index]}
    return found


def said(fold: Fold, classes: Mapping[str, Mapping[str, int]], *, plan: Plan, judges: bool = False) -> Fold:
    """The fold with the classes that none of its training cases holds, and a note that names them; `judges`: another
    network, of all cases, learns them where any holds them."""
    seen = {name for case in fold.train for name in classes.get(case, {})}
    unlearnt = tuple(name for name in plan.classes.names[1:] if name not in seen)
    if not unlearnt:
        return fold
    where = sorted({case for case in fold.val for name in unlearnt if name in classes.get(case, {})})
    held = f" (held out: {some(where)})" if where else ""
    so = "learnt, but not measured" if judges and held else "not learnt"
    note = f"no training case holds {', '.join(unlearnt)}{held}: it is {so}; annotate it in more cases"
    return replace(fold, unlearnt=unlearnt, note="; ".join(part for part in (fold.note, note) if part))
