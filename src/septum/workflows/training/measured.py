"""What a run leaves behind beside its weights: the measurement on held-out cases, provenance, the card.

The held-out cases are segmented through the same function as any user's image, on their own grids; validation during
training, on prepared arrays, is for steering only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from septum import io
from septum.errors import DatasetError
from septum.geometry import Image, LabelMap
from septum.io import naming
from septum.net.architecture.window import WindowConfig
from septum.net.learning.train import TrainOutcome
from septum.report.figures.overlay import ShownCase
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, load_pair
from septum.workflows.data.digests import digest_cases
from septum.workflows.data.folds import Fold, block_slices
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan, plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.engine import looking_twice, open_segmenter
from septum.workflows.prediction.objects import segment_objects, write_objects
from septum.workflows.prediction.predict import segment
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.count_estimates import describe_counts
from septum.workflows.quality.counts import HeldObjects, compare_objects, learn_counts
from septum.workflows.quality.grade import HeldKind, HeldOut, NetworkReference, promise, write_quality
from septum.workflows.quality.learn import References, held_out_rows, make_quality
from septum.workflows.quality.looks import Look
from septum.workflows.quality.report_section import quality_sections
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import unstructure
from septum.workflows.runs.words import counted, some
from septum.workflows.scores.measures import object_values
from septum.workflows.scores.report_folder import About, Extras, write_report
from septum.workflows.scores.scores import Score, mean_dice, pick_examples, score_case
from septum.workflows.training.folds import JUDGED, FoldJob
from septum.workflows.training.judge import Bench, Known, judge_copies, know
from septum.workflows.training.objects import Tuned, reference_ids, tune_decoding

REASONS = {
    "budget": "the budget was used",
    "stopped": "it was stopped",
    "plateau": "the validation Dice did not rise any more",
    "good enough": "the validation Dice asked for was reached",
}


MOST_KEPT = 60
"""Cases whose arrays are kept in memory for the pictures of the report; later ones are left out of the pictures."""


@dataclass(frozen=True)
class Measurement:
    """The report, the mean Dice on held-out cases, these, on what it was taken and by which networks in words, and one
    sentence about what later masks can be told (`promise`) and one about what counts of objects are worth."""

    report: Path
    dice: float | None
    held_out: tuple[str, ...]
    basis: str
    limits: str
    counts: str = ""


def describe_training(plan: Plan, cases: Sequence[Case]) -> str:
    """One line about what is going to be trained."""
    size = " x ".join(str(n) for n in plan.patch)
    unit = "px" if all(naming.suffix(case.images[0].path) in naming.RASTER for case in cases) else "mm"
    step = "own resolution" if plan.spacing is None else " x ".join(f"{s:.3g}" for s in plan.spacing) + f" {unit}"
    widths = "-".join(str(n) for n in plan.unet.features)
    return (
        f"{plan.origin}: {plan.unet.ndim}-D {network_kind(plan)} {widths}, patches of {size}, {step}, "
        f"{counted(plan.classes.n_classes - 1, 'class', plural='classes')}, {counted(len(cases), 'annotated case')}, "
        f"{plan.precision}"
        + ("" if plan.unet.encoder == "own" else f", encoder {plan.unet.encoder} that has seen ImageNet")
        + ("" if plan.prompts is None else ", with prompts")
        + ("" if plan.instances is None else ", single objects")
        + ("" if plan.teacher is None else ", with images without labels")
        + (f"; {plan.chosen}" if plan.chosen else "")
    )


def describe_unlabelled(used: int, left_out: int, *, failures: Failures) -> str:
    """How many images without labels are learnt from and why others are not.

    >>> describe_unlabelled(40, 10, failures=Failures())[:90]
    '40 images without labels are learnt from, as --unlabelled asks; 10 were left out because t'
    """
    images = f"{used} image{'' if used == 1 else 's'} without labels {'is' if used == 1 else 'are'}"
    text = f"{images} learnt from, as --unlabelled asks"
    if left_out:
        why = "the data set labels, holds out or tests on them (or others of a tested patient), or they repeat"
        text += f"; {left_out} {'was' if left_out == 1 else 'were'} left out because {why}"
    if failures.rows:
        text += f"; {len(failures.rows)} could not be used: {some(sorted(failures.names))} ({failures.rows[0][1]})"
    return text


def network_kind(plan: Plan) -> str:
    """What the network is, in two words."""
    return "sliding window" if isinstance(plan.unet, WindowConfig) else "U-Net"


def describe_end(job: FoldJob, outcome: TrainOutcome) -> str:
    """One line about how a fold ended."""
    dice = "" if outcome.val_dice is None else f", validation Dice {outcome.val_dice:.4f}"
    steps = counted(outcome.steps, "step")
    return f"{job.name}: {steps} in {outcome.seconds / 60:.1f} min{dice}; {REASONS[outcome.reason]}"


PASSES = 20
"""Times that a network should see each image before a person judges it: the estimate of `describe_need` rests on it."""


def describe_need(folder: ModelFolder, job: FoldJob, *, plan: Plan) -> str:
    """A sentence where a network that predicts saw its images too few times to be judged: what to ask for, in the unit
    of the budget and for all networks together; else empty."""
    ended = folder.ended(job.index)
    steps = int(ended.get("steps", 0))
    seen = steps * plan.budget.batch / max(len(job.fold.train), 1)
    if not job.predicts or not folder.finished(job.index) or steps == 0 or seen >= PASSES:
        return ""
    if plan.budget.steps:
        ask = f"for {PASSES} times, train again with --steps {math.ceil(steps * PASSES / seen / job.effort)}"
    else:
        share = (1 - JUDGED) * (1 / job.of if job.share is None else job.share)
        minutes = max(1, math.ceil(float(ended["seconds"]) / 60 * PASSES / seen / share))
        long = f" ({minutes / 60:.1f} hours)" if minutes >= 90 else ""
        ask = f"for {PASSES} times on this machine, train again with --minutes {minutes}{long}"
    return f"only {counted(steps, 'step')}: a patch of each image was seen {seen:.1f} times; {ask}"


def measure_model(
    folder: ModelFolder,
    data: Dataset,
    *,
    cases: Sequence[Case],
    jobs: Sequence[FoldJob],
    settings: TrainSettings,
    references: References,
    hooks: Hooks,
) -> Measurement:
    """Segment the held-out cases of every trained fold, score them, write report, grades, provenance and card."""
    trained = [job for job in jobs if job.index in folder.trained_folds()]
    tuned = _tuned(folder, data, jobs=trained, hooks=hooks)
    plan = folder.read_plan()
    found = _measure_folds(folder, data, jobs=jobs, hooks=hooks)
    scores = found.scores
    runs = {job.index: folder.ended(job.index) or None for job in trained}
    provenance = describe_run(
        seed=plan.seed, settings=unstructure(settings), folds=runs, data=digest_cases(cases), notes=list(data.notes)
    )
    write_json(folder.path / "provenance.json", provenance)
    dice = mean_dice(scores) if scores else None
    folds = [job.fold for job in trained]
    saw = [job.fold for job in trained if job.after is not None] or folds  # of a judged model, what predicts has seen
    divided = list(dict.fromkeys(fold for fold in folds if fold.val))
    methods, remark = None, ""
    if settings.baselines and dice is not None:
        methods, remark = _baselines(cases, plan, folds=divided, dice=dice, hooks=hooks)
    looks = max(found.looks, default=0)
    held = what_was_held_out(folds)
    quality = make_quality(found.rows, references, plan=plan, networks=found.networks, looks=looks, held=held)
    if tuned is not None:
        by_others = plan.judged or len(divided) > 1
        known = learn_counts(_held_objects(tuned, found), references.objects, by_others=by_others)
        quality = replace(quality, counts=known)
    counts = "" if held == "block" else describe_counts(quality.counts)  # a part of an image has no count
    write_quality(folder.quality, quality)
    limits = promise(quality, judged=plan.judged, unfinished=folder.unfinished())
    extras = Extras(
        sections=quality_sections(quality, plan),
        curves=_curves(folder, trained),
        plan=unstructure(plan),
        methods=methods,
    )
    need = next(filter(None, (describe_need(folder, job, plan=plan) for job in trained)), "")
    whose, by = who_judged(folder, plan, short=bool(need))
    names = tuple(dict.fromkeys(score.case for score in scores))
    basis = describe_held_out(names, held=held) + by
    notes = [need] if need else []
    notes += _notes(data, plan, jobs=jobs, scores=scores, tuned=tuned)
    notes += [one for one in (whose if scores else "", remark) if one]
    notes += [f"Of later masks: {limits}."] if limits else []
    notes += [f"{counts[0].upper()}{counts[1:]}."] if counts else []
    about = About(f"Training report: {folder.path.resolve().name}", notes, provenance=provenance)
    report = write_report(folder.path / "report", scores, about=about, examples=found.examples, extras=extras)
    result = "not measured on held-out images" if dice is None else f"Dice {dice:.3f} on {basis}"
    write_text(folder.path / "card.md", _card(folder, plan, folds=saw, result=result, need=need, limits=limits))
    return Measurement(report, dice, names, basis, limits, counts)


def what_was_held_out(folds: Sequence[Fold]) -> HeldKind:
    """Of the folds that trained: images, or a block of the only one.

    >>> what_was_held_out([Fold(("a",), ("b",))]), what_was_held_out([Fold(("a",), ("a",), block=(0, 0, 9))])
    ('images', 'block')
    """
    if any(fold.block is not None for fold in folds):
        return "block"
    return "images" if any(fold.val for fold in folds) else "nothing"


def describe_held_out(names: Sequence[str], *, held: HeldKind) -> str:
    """What was held out and measured, with its names where they are few.

    >>> describe_held_out(["a", "b"], held="images"), describe_held_out(["a"], held="block")
    ('2 held-out images: a, b', 'a held-out block of a')
    """
    if held == "block":
        return f"a held-out block of {names[0]}" if names else ""
    return counted(len(names), "held-out image") + (f": {', '.join(names)}" if len(names) <= MOST_NAMED else "")


MOST_NAMED = 3
"""Held-out images that are named where the mean of all is said."""


def _tuned(folder: ModelFolder, data: Dataset, *, jobs: Sequence[FoldJob], hooks: Hooks) -> Tuned | None:
    """How single objects are read from the networks' outputs, tuned on held-out cases and written into the plan."""
    plan = folder.read_plan()
    if plan.instances is None or not jobs:
        return None
    tuned = tune_decoding(folder, data, jobs=jobs, on_progress=hooks.on_progress)
    write_text(folder.plan, plan_json(replace(plan, instances=tuned.decoding)))
    return tuned


def _held_objects(tuned: Tuned, found: _Measured) -> list[HeldObjects]:
    """Of every held-out image once: read with thresholds tuned on the others where it took part in the tuning."""
    told = {one.case: one for one in tuned.objects}
    return [told.get(one.case, one) for one in found.objects]


def _measure_folds(folder: ModelFolder, data: Dataset, *, jobs: Sequence[FoldJob], hooks: Hooks) -> _Measured:
    """The held-out cases of all folds, each by the networks that did not see it."""
    plan = folder.read_plan()
    found = _Measured([], [], [], [], [], [])
    folds = list(dict.fromkeys(job.fold for job in jobs))
    judging = [fold for fold in folds if fold.val or not plan.judged]
    minutes = plan.budget.minutes if plan.budget.steps is None else None
    seconds = math.inf if minutes is None else minutes * 60 * JUDGED / len(judging)
    trained = folder.trained_folds()
    for fold in folds:
        members = [job.index for job in jobs if job.fold == fold and job.index in trained]
        if members:
            found.looks.append(len(members))
            left = seconds if fold in judging else 0.0  # the network that predicts: what it knows of its images alone
            _measure_fold(folder, data, fold=fold, members=members, into=found, hooks=hooks, seconds=left)
    return replace(found, networks=by_the_judges(found.networks)) if plan.judged else found


def by_the_judges(networks: Sequence[NetworkReference]) -> list[NetworkReference]:
    """The features of network 0 measured as those of the networks that judged it: it has learnt its images so well that
    they lie close together, and every other image would seem far; how far is too far was learnt from the judges."""
    judges = [one.images.limit for one in networks if one.fold]
    known = [limit for limit in judges if limit]
    if not judges:
        return list(networks)
    usual = sum(known) / len(known) if known else 0.0

    def limit(own: float) -> float:
        return max(own, usual) if own and usual else 0.0  # judges of too few images know no distance

    return [
        replace(one, images=replace(one.images, limit=limit(one.images.limit))) if one.fold == 0 else one
        for one in networks
    ]


def _notes(
    data: Dataset, plan: Plan, *, jobs: Sequence[FoldJob], scores: Sequence[Score], tuned: Tuned | None
) -> list[str]:
    """What a reader of the report should know before the numbers."""
    return [
        *([f"{plan.origin} was followed"] if plan.followed else [plan.chosen] if plan.chosen else []),
        *data.notes,
        *plan.classes.notes,
        *dict.fromkeys(job.fold.note for job in jobs if job.fold.note),
        *([] if scores else [UNMEASURED]),
        *([] if tuned is None else [_about_objects(tuned)]),
    ]


UNMEASURED = "No case was held out: this report shows how the training went, not how good the model is."


def who_judged(folder: ModelFolder, plan: Plan, *, short: bool = False) -> tuple[str, str]:
    """Whose scores those of a judged model are: in sentences for the report, in words behind the scores; else empty.

    short: the network that predicts saw its images too few times for any comparison (`describe_need`).
    """
    if not plan.judged:
        return "", ""
    if not folder.finished(0):
        return UNFINISHED
    return (JUDGES[0] if short else f"{JUDGES[0]} {BETTER}"), JUDGES[1]


JUDGES = (
    "The scores are those of networks that judged: each trained for less time and without the images it was scored on.",
    "; by short trainings that judged: the network itself saw all images, for longer",
)

BETTER = "The network that predicts saw all of them and trained longer, so it is likely better than these scores."

UNFINISHED = (
    "The network of all images is not finished: the scores are those of the networks that judge it; "
    "`septum train --resume` goes on with it.",
    "; by short trainings, and the network of all images is not finished",
)


def _about_objects(tuned: Tuned) -> str:
    kept = tuned.decoding
    how = (
        f"foreground from {kept.foreground:g}, hills from {kept.marker:g}, parted below {kept.share:g} of the lower "
        f"one, objects from {kept.smallest:g} on"
    )
    if not tuned.held_out:
        return f"Objects are read with untuned thresholds ({how}): no case was held out to tune them on."
    images = counted(len(tuned.held_out), "held-out image")
    return (
        f"Objects: average precision at IoU 0.5 of {tuned.mean:.3f} on {images}, each "
        f"with thresholds tuned on the others. Those that the model keeps are tuned on all of them ({how}), so the "
        "scores of objects in the tables are slightly in its favour."
    )


def _baselines(
    cases: Sequence[Case],
    plan: Plan,
    *,
    folds: Sequence[Fold],
    dice: float,
    hooks: Hooks,
) -> tuple[pd.DataFrame | None, str]:
    """Classical methods, chosen on the training cases of each fold and scored on its held-out ones, and what the
    network gained over them in one sentence."""
    from septum.workflows.pipelines.suggest import compare_candidates, method_table

    if hooks.should_stop():
        return None, "The comparison with classical methods was left out: the training was stopped."
    try:
        found = compare_candidates(cases, plan.classes, folds=folds, hooks=replace(hooks, on_note=lambda note: None))
    except DatasetError as error:
        return None, f"No classical method to compare with: {error}."
    if found is None:
        return None, "The comparison with classical methods was stopped."
    table = method_table(found.rows)
    table.insert(5, "gain", dice - table["dice"])
    best = found.rows[0]
    gain = dice - best.summary.mean
    change = f"{'gained' if gain >= 0 else 'lost'} {abs(gain):.3f}"
    return table, (
        f"The network reaches a mean Dice of {dice:.3f}; the best classical method, chosen on the training cases, "
        f"{best.summary.mean:.3f} on the same held-out cases: the network {change}."
    )


@dataclass(frozen=True)
class _Measured:
    """What the measurement of the folds adds up."""

    scores: list[Score]
    examples: list[ShownCase]
    rows: list[HeldOut]
    networks: list[NetworkReference]
    looks: list[int]
    objects: list[HeldObjects]


def _measure_fold(
    folder: ModelFolder,
    data: Dataset,
    *,
    fold: Fold,
    members: Sequence[int],
    into: _Measured,
    hooks: Hooks,
    seconds: float,
) -> None:
    """The held-out cases of a fold, segmented by the networks that did not see them (several members together), and
    within `seconds` their spoiled copies."""
    folds = ",".join(str(index) for index in members)
    model = open_segmenter(folder, PredictSettings(folds=folds, precision=folder.read_plan().precision))
    if len(members) == 1:
        model = looking_twice(model)
    bench = Bench(model, tuple(members), model.plan.seed + members[0])
    started = time.monotonic()
    known = know(data, fold, bench=bench, should_stop=hooks.should_stop)
    left = seconds - (time.monotonic() - started)
    into.networks.extend(known.networks)
    room = MOST_KEPT - len(into.examples)
    examples: list[ShownCase] = []
    scores: list[Score] = []
    for number, name in enumerate(fold.val):
        found, example = _measure_case(folder, data.case(name), fold=fold, bench=bench, known=known, into=into)
        scores += found
        if len(examples) < room:
            examples.append(example)
        hooks.on_progress(f"measuring {name}", (number + 1) / len(fold.val))
    copies = judge_copies(data, fold, bench=bench, known=known, seconds=left, should_stop=hooks.should_stop)
    into.rows.extend(copies)
    into.scores.extend(scores)
    kept = {case for _, case in pick_examples(scores)}
    into.examples.extend(example for example in examples if example.case in kept or room > len(examples))


def _measure_case(
    folder: ModelFolder, case: Case, *, fold: Fold, bench: Bench, known: Known, into: _Measured
) -> tuple[Sequence[Score], ShownCase]:
    """A held-out case: its mask is written and scored, and teaches how to grade later ones."""
    plan = bench.plan
    target = folder.fold(bench.members[0]) / "validation"
    target.mkdir(exist_ok=True)
    image, reference = load_pair(case)
    look = Look(plan.classes.n_classes)
    output = target / f"{case.id}{io.label_suffix(case.images[0].path)}"
    values: Mapping[str, float] = {}
    if plan.instances is None:
        prediction = segment(image, bench.model, look=look, output=output)
    else:
        objects = segment_objects(image, bench.model, look=look)
        write_objects(output, objects, image=image, settings=bench.model.settings)
        prediction, ids = objects.semantic, reference_ids(plan, reference, fold=fold)
        values = object_values(ids, objects.labels.array.astype("int64"), ignored=ids < 0)
        sure = objects.table["confidence"].to_numpy(float)
        told: dict[str, Any] = {"spacing": image.grid.spacing, "case": case.id, "judge": bench.members[0]}
        into.objects.append(compare_objects(ids, objects.labels.array, confidence=sure, **told))
    truth, guess = _comparable(plan, reference, prediction=prediction, fold=fold)
    score = partial(score_case, case.id, truth, prediction=guess, ignore=(UNANNOTATED,), group=case.group)
    found = score(labels=plan.classes.scored, members=plan.classes.members)
    found = (replace(found[0], values=values), *found[1:])
    if fold.block is None:  # of a block, the image shows what training saw
        own = dict(list(zip(plan.classes.values, plan.classes.names, strict=True))[1:])
        dice = [one.dice for one in score(labels=own)]
        into.rows.extend(held_out_rows(case.id, look, dice=dice, plan=plan, seen=known.seen(look, bench)))
    return found, _example(case, image, truth=_shown(truth, plan), guess=_shown(guess, plan))._replace(
        names=_names(plan)
    )


def _example(case: Case, image: Image, *, truth: Any, guess: Any) -> ShownCase:
    return ShownCase(case.id, image.array, truth, guess, image.grid.known_spacing, image.grid.letters)


def _comparable(plan: Plan, reference: LabelMap, *, prediction: LabelMap, fold: Fold) -> tuple[Any, Any]:
    """Both as values of the plan's classes in a signed type; what is not to be scored is `UNANNOTATED`."""
    classes = plan.classes.to_classes(reference.array)
    truth = plan.classes.to_values(classes).astype("int32")
    truth[classes == plan.classes.ignore_class] = UNANNOTATED
    if fold.block is not None:
        outside = truth.copy()
        truth[...] = UNANNOTATED
        block = block_slices(fold.block, truth.shape)
        truth[block] = outside[block]
    return truth, prediction.array.astype("int32")


def _shown(values: Any, plan: Plan) -> Any:
    """Labels as class numbers, 0 where nothing is to be drawn."""
    classes = plan.classes.to_classes(values)
    classes[classes == plan.classes.ignore_class] = 0
    return classes


def _names(plan: Plan) -> dict[int, str]:
    """Of the class numbers."""
    return dict(enumerate(plan.classes.names))


def _curves(folder: ModelFolder, jobs: Sequence[FoldJob]) -> pd.DataFrame | None:
    """The curves of all networks below each other, each with its name."""
    tables = []
    for job in jobs:
        path = folder.fold(job.index) / "curves.csv"
        if path.is_file() and path.stat().st_size > 1:
            tables.append(pd.read_csv(path).assign(network=job.name))
    return pd.concat(tables, ignore_index=True) if tables else None


def _card(
    folder: ModelFolder,
    plan: Plan,
    *,
    folds: Sequence[Fold],
    result: str,
    need: str,
    limits: str,
) -> str:
    """What a person should know of the model, first what is wrong with it; it counts what trained, not what was
    there."""
    cases = len({case for fold in folds for case in fold.train})
    unlearnt = set.intersection(*(set(fold.unlearnt) for fold in folds)) if folds else set()
    prompts = "" if plan.prompts is None else " and prompts"
    features = ", ".join(str(n) for n in plan.unet.features)
    labels = "\n".join(
        f"- {value}: {name}" + (" (not learnt: no training case holds it)" if name in unlearnt else "")
        for value, name in zip(plan.classes.values, plan.classes.names, strict=True)
    )
    regions = "".join(f"\n- region {region}" for region in plan.classes.regions)
    shown = plan.fingerprint
    facts = (
        need,
        f"network: {plan.origin}, {plan.unet.ndim}-D {network_kind(plan)}, features {features}",
        f"trained on {counted(cases, 'annotated case')}; {result}",
        f"of later masks: {limits}" if limits else "",
        f"input: {counted(plan.channels, 'channel')}{prompts}, {shown.ndim}-D, shapes like {shown.shape_median}",
    )
    listed = "\n".join(f"- {fact}" for fact in facts if fact)
    return f"""# {folder.path.resolve().name}

Research software, not a medical device: a person must check every mask before it is used for anything that matters.

{listed}

Label values it writes:

{labels}{regions}

The plan is in plan.json, the data's digests and all versions in provenance.json, the measurement in report/index.html.
It is valid for images like those it was trained on; nothing is known about others.
"""
