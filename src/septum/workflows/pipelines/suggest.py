"""`septum segment --suggest`: which classical method suits these images, and how good it is on others.

The insight: the best of two hundred settings looks good by chance on a handful of images. So for every fold the
settings of each method, the meaning of its labels and the mending of its mask are chosen on the training images only,
and scored on the held-out ones; the row "best of all" chooses the method that way too, and is the number to believe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum.errors import Cancelled, DatasetError
from septum.metrics import Summary, summarise
from septum.report.figures.overlay import ShownCase
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, load_image, load_pair
from septum.workflows.data.classes import ClassMap, infer_classes
from septum.workflows.data.digests import digest_cases
from septum.workflows.data.doubts import assumed, listens
from septum.workflows.data.folds import Fold, block_slices, make_folds
from septum.workflows.data.load import load_dataset
from septum.workflows.data.readable import readable
from septum.workflows.pipelines.candidates import Candidate, first_stage, mended
from septum.workflows.pipelines.comparison import (
    ScoredUnit,
    Trial,
    best_mapping,
    dice_of,
    key_of,
    mean_of,
    members,
    run_candidates,
    units_of,
)
from septum.workflows.pipelines.pipeline import Pipeline, make_step
from septum.workflows.pipelines.segment import PIPELINE, SETTINGS, segment_image
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import check_workers
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.tables import frame_csv
from septum.workflows.runs.words import counted, some
from septum.workflows.scores.report_folder import About, Extras, refuse_results, write_report
from septum.workflows.scores.scores import Score, score_case

BEST = "best of all"
"""Name of the row for which the method, too, is chosen on the training images."""


FILES = (PIPELINE, "methods.csv", "methods.json")


@dataclass(frozen=True)
class SuggestSettings:
    """What `septum segment --suggest` can be told.

    Args:
        background: label value of the background.
        foreground: treat every other value as one class; None decides as training does.
        axes: meaning of the files' axes where they do not say.
        workers: "auto", a number of processes, or the address of a Dask scheduler.
        overwrite: replace a comparison that exists.
    """

    background: int = 0
    foreground: bool | None = None
    axes: str | None = None
    workers: str = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_workers(self.workers)


@dataclass(frozen=True)
class Choice:
    """A candidate, what its labels mean, and its mean Dice on the images it was chosen on."""

    candidate: Candidate
    mapping: tuple[int, ...] | None
    train_dice: float


@dataclass(frozen=True)
class MethodRow:
    """One method: Dice of each held-out unit (mean over classes), its summary, seconds per image, how often it failed,
    and the choice made on all training images together (of the last fold where folds are given)."""

    method: str
    dice: tuple[float, ...]
    summary: Summary
    seconds: float
    failures: int
    choice: Choice
    pipeline: Pipeline


@dataclass(frozen=True)
class Comparison:
    """Rows, best first ("best of all" on top); the held-out units in the order of `MethodRow.dice`; the pipeline that
    each of these units was scored with in the row "best of all"."""

    rows: tuple[MethodRow, ...]
    units: tuple[ScoredUnit, ...]
    pipelines: tuple[Pipeline, ...]


@dataclass(frozen=True)
class Suggestion:
    """What a comparison wrote, its rows, and (name, reason) of the cases that could not be read."""

    rows: tuple[MethodRow, ...]
    best: MethodRow
    pipeline: Path
    report: Path
    failures: tuple[tuple[str, str], ...] = ()


@listens
def suggest(
    dataset: Path,
    output: Path,
    *,
    settings: SuggestSettings | None = None,
    hooks: Hooks | None = None,
) -> Suggestion | None:
    """Compare methods on the annotated images of `dataset`; None when the user asked to stop.

    Writes `pipeline.toml` (the best method, its options chosen on all images), `methods.csv`, `methods.json` and a
    report with pictures into `output`.

    A case that cannot be read is left out, said, and listed in the result.

    Raises:
        DatasetError: no usable annotation, or none of the methods can answer.
        ConfigError: `output` holds a comparison and `settings.overwrite` is not set.
    """
    settings, hooks = settings or SuggestSettings(), hooks or Hooks()
    refuse_results(output, overwrite=settings.overwrite)
    data = load_dataset(dataset, axes=settings.axes)
    failures = Failures(raised=CONTRADICTIONS)
    labelled = [case for case in data.labelled if case.split != "test"]
    try:
        cases = readable(labelled, failures, hooks=hooks)
    except Cancelled:
        return None
    classes = infer_classes(
        data,
        background=settings.background,
        foreground=settings.foreground,
        cases=cases,
        on_progress=hooks.on_progress,
    )
    folds = make_folds(cases)
    notes = [*data.notes, *classes.notes, *dict.fromkeys(fold.note for fold in folds if fold.note)]
    if failures.rows:
        notes.append(f"{len(failures.rows)} cases could not be read and were left out: {some(sorted(failures.names))}")
    for note in notes:
        hooks.on_note(note)
    found = compare_candidates(cases, classes, folds=folds, workers=settings.workers, hooks=hooks)
    if found is None:
        return None
    made = _write(output, data, cases=cases, classes=classes, found=found, notes=notes)
    write_settings(output / SETTINGS, settings)
    return replace(made, failures=tuple(failures.rows))


def compare_candidates(
    cases: Sequence[Case],
    classes: ClassMap,
    *,
    folds: Sequence[Fold],
    workers: str = "auto",
    hooks: Hooks,
) -> Comparison | None:
    """Every method, chosen on the training part of each fold and scored on its held-out part; None when stopped.

    Args:
        cases: annotated cases.
        classes: what their label values mean.
        folds: divisions; the first may be one of several blocks of one single case.
        workers: as `CasePool` takes them.
        hooks: progress, and a wish to stop.

    Raises:
        DatasetError: no candidate for these images.
    """
    units = units_of(cases, make_folds(cases) if folds[0].block is not None else folds)
    spacing, channels = _typical(cases)
    stage = first_stage(spacing=spacing, channels=channels, n_classes=classes.n_classes)
    if not stage:
        raise DatasetError(
            "no classical method gives as many classes as these labels have; compare one class at a time"
        )
    divisions = [members(fold, units) for fold in folds] + [(list(range(len(units))), [])]

    def run(candidates: Sequence[Candidate], what: str) -> dict[str, list[Trial]] | None:
        told = replace(hooks, on_progress=lambda case, share: hooks.on_progress(what, share))
        return run_candidates(candidates, units, classes=classes, workers=workers, hooks=told)

    results = run(stage, f"comparing {len(stage)} settings")
    if results is None:
        return None
    firsts = [_choose(stage, results, train=train) for train, _ in divisions]
    ways = [{m: mended(c.candidate, c.mapping, spacing=spacing) for m, c in first.items()} for first in firsts]
    second = run([c for way in ways for options in way.values() for c in options], "mending the masks")
    if second is None:
        return None
    results |= second
    finals = []
    for first, way, (train, _) in zip(firsts, ways, divisions, strict=True):
        better = {m: _choose(options, results, train=train).get(m) for m, options in way.items()}
        finals.append(
            {m: max((first[m], b), key=lambda c: c.train_dice) if (b := better[m]) else first[m] for m in first}
        )
    return _compared(units, divisions, finals=finals, results=results, classes=classes)


def _typical(cases: Sequence[Case]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Median spacing and the channels of the images, no channels where images differ in their number; dimensions are
    those of the first."""
    seen = [(image.grid.spacing, image.channels) for image in map(load_image, cases)]
    alike = [spacing for spacing, _ in seen if len(spacing) == len(seen[0][0])]
    channels = seen[0][1] if len({len(names) for _, names in seen}) == 1 else ()
    return tuple(float(s) for s in np.median(alike, axis=0)), channels


def _choose(
    candidates: Sequence[Candidate], results: dict[str, list[Trial]], *, train: Sequence[int]
) -> dict[str, Choice]:
    """The best candidate of each method on the training units; the first one among equals."""
    best: dict[str, Choice] = {}
    for candidate in candidates:
        tables = [results[key_of(candidate)][i].table for i in train]
        mapping = best_mapping(tables) if candidate.classes else None
        dice = mean_of(tables, mapping)
        choice = Choice(candidate, mapping, -1.0 if math.isnan(dice) else dice)
        if candidate.method not in best or choice.train_dice > best[candidate.method].train_dice:
            best[candidate.method] = choice
    return best


def _compared(
    units: Sequence[ScoredUnit],
    divisions: Sequence[tuple[list[int], list[int]]],
    *,
    finals: Sequence[dict[str, Choice]],
    results: dict[str, list[Trial]],
    classes: ClassMap,
) -> Comparison:
    """Rows from what was chosen in each division; the last division is all units together."""
    held_out = [(choices, i) for choices, (_, val) in zip(finals, divisions, strict=True) for i in val]
    names = list(finals[-1])
    tops = [max(choices.values(), key=lambda c: c.train_dice) for choices in finals]
    top_of = {id(choices): top for choices, top in zip(finals, tops, strict=True)}
    rows = []
    for name in [*names, BEST]:
        chosen = [(top_of[id(choices)] if name == BEST else choices[name], i) for choices, i in held_out]
        overall = tops[-1] if name == BEST else finals[-1][name]
        rows.append(_row(name, chosen, overall=overall, units=units, results=results, classes=classes))
    best, *others = rows[-1], *rows[:-1]
    ranked = sorted(others, key=lambda row: -1.0 if math.isnan(row.summary.mean) else row.summary.mean, reverse=True)
    pipelines = tuple(_pipeline(top_of[id(choices)], classes) for choices, _ in held_out)
    return Comparison((best, *ranked), tuple(units[i] for _, i in held_out), pipelines)


def _row(
    name: str,
    chosen: Sequence[tuple[Choice, int]],
    *,
    overall: Choice,
    units: Sequence[ScoredUnit],
    results: dict[str, list[Trial]],
    classes: ClassMap,
) -> MethodRow:
    measured = [(choice, results[key_of(choice.candidate)][i]) for choice, i in chosen]
    regions = classes.region_classes
    dice = tuple(_nan_mean(dice_of(m.table, choice.mapping, regions=regions)) for choice, m in measured)
    groups = [units[i].case.group or (units[i].case.id, units[i].block) for _, i in chosen]
    every = results[key_of(overall.candidate)]
    return MethodRow(
        name,
        dice,
        summarise(dice, groups=[str(group) for group in groups]),
        float(np.mean([m.seconds for m in every])),
        sum(bool(m.failure) for _, m in measured),
        overall,
        _pipeline(overall, classes),
    )


def _nan_mean(values: NDArray[Any]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def _pipeline(choice: Choice, classes: ClassMap) -> Pipeline:
    """The steps, and at the end the label values of the data set."""
    steps = choice.candidate.steps
    if choice.mapping is not None:
        steps = (*steps, make_step("assign", {"values": [float(v) for v in choice.mapping]}))
    if tuple(classes.values) != tuple(range(classes.n_classes)):
        steps = (*steps, make_step("assign", {"values": [float(v) for v in classes.values]}))
    return Pipeline(steps)


def method_table(rows: Sequence[MethodRow]) -> pd.DataFrame:
    """One row per method: Dice on images it was not chosen on, its interval, seconds per image, the pipeline."""
    return pd.DataFrame(
        [
            {
                "method": row.method,
                "n": row.summary.n,
                "dice": row.summary.mean,
                "dice_ci_low": row.summary.mean_ci_low,
                "dice_ci_high": row.summary.mean_ci_high,
                "dice_median": row.summary.median,
                "dice_chosen_on": row.choice.train_dice,
                "failures": row.failures,
                "seconds": row.seconds,
                "pipeline": row.pipeline.describe(),
            }
            for row in rows
        ]
    )


def table_lines(rows: Sequence[MethodRow]) -> list[str]:
    """The table as text for a terminal."""
    width = max(len(row.method) for row in rows)
    lines = [f"{'method':<{width}}  {'Dice':>5}  {'95 % interval':>15}  {'s/image':>8}  steps"]
    for row in rows:
        s = row.summary
        interval = f"{s.mean_ci_low:.3f} to {s.mean_ci_high:.3f}" if math.isfinite(s.mean_ci_low) else "-"
        lines.append(
            f"{row.method:<{width}}  {s.mean:>5.3f}  {interval:>15}  {row.seconds:>8.3f}  {row.pipeline.describe()}"
        )
    return lines


def _write(
    output: Path, data: Dataset, *, cases: Sequence[Case], classes: ClassMap, found: Comparison, notes: Sequence[str]
) -> Suggestion:
    """Report, tables and the best pipeline."""
    table = method_table(found.rows)
    best = found.rows[0]
    scores, examples = held_out_scores(found, classes)
    provenance = describe_run(data=digest_cases(cases), classes=classes.to_dict(), notes=assumed())
    remarks = [
        *notes,
        "Settings, meaning of labels and mending were chosen on other images than they are scored on; "
        f"the figures above are those of {BEST!r}, for which the method was chosen that way too.",
    ]
    report = write_report(
        output,
        scores,
        about=About(f"Classical methods: {data.root.resolve().name}", remarks, provenance=provenance),
        examples=examples,
        extras=Extras(methods=table),
    )
    about = f"chosen by septum segment --suggest on {counted(len(cases), 'annotated image')}"
    write_text(output / PIPELINE, Pipeline(best.pipeline.steps, about=about).to_toml())
    write_text(output / "methods.csv", frame_csv(table))
    rows = [
        {
            **plain,
            "steps": [step.to_plain() for step in row.pipeline.steps],
            "dice_by_image": _by_image(row, found.units),
        }
        for plain, row in zip(table.to_dict("records"), found.rows, strict=True)
    ]
    write_json(output / "methods.json", {"methods": rows, **provenance})
    return Suggestion(found.rows, best, output / PIPELINE, report)


def _by_image(row: MethodRow, units: Sequence[ScoredUnit]) -> dict[str, float | None]:
    names = [u.case.id if u.block is None else f"{u.case.id} {u.block[1]}-{u.block[2]}" for u in units]
    return {name: None if math.isnan(v) else v for name, v in zip(names, row.dice, strict=True)}


def held_out_scores(found: Comparison, classes: ClassMap) -> tuple[list[Score], list[ShownCase]]:
    """Scores and pictures of the held-out units, each segmented by the pipeline that was chosen without it."""
    score = partial(score_case, labels=classes.scored, members=classes.members, ignore=(UNANNOTATED,))
    scores: list[Score] = []
    examples: list[ShownCase] = []
    names = dict(enumerate(classes.names))
    for unit, pipeline in zip(found.units, found.pipelines, strict=True):
        case = unit.case
        image, reference = load_pair(case)
        try:
            guess = segment_image(image, pipeline).array.astype(np.int32)
        except DatasetError:
            guess = np.full(reference.array.shape, classes.values[0], np.int32)
        inside = classes.to_classes(reference.array)
        truth = classes.to_values(inside).astype(np.int32)
        truth[inside == classes.ignore_class] = UNANNOTATED
        name = case.id
        if unit.block is not None:
            outside = np.full_like(truth, UNANNOTATED)
            block = block_slices(unit.block, truth.shape)
            outside[block] = truth[block]
            truth, name = outside, f"{case.id} {unit.block[1]}-{unit.block[2]}"
        scores += score(name, truth, prediction=guess, group=case.group)
        shown, drawn = _drawn(truth, classes), _drawn(guess, classes)
        if unit.block is not None:  # what is not scored is not drawn
            drawn[truth == UNANNOTATED] = 0
        examples.append(ShownCase(name, image.array, shown, drawn, image.grid.known_spacing, image.grid.letters, names))
    return scores, examples


def _drawn(values: NDArray[Any], classes: ClassMap) -> NDArray[Any]:
    """Class numbers, 0 where nothing is to be drawn."""
    shown = classes.to_classes(values)
    shown[shown == classes.ignore_class] = 0
    return shown
