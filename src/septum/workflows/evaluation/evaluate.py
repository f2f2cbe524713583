"""`septum evaluate`: sets of masks in, a report out.

The insight: most wrong evaluations are not wrong arithmetic but wrong *pairs*: another grid, another coding of the same
mask, a case that silently fell out, an inverted mask. So the cases are paired and counted once, what their values mean
is decided for all of them together (`project.coding`), and only then is anything scored, with whatever looked odd said
in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from septum.errors import ConfigError
from septum.workflows.data.case_table import CaseTable, read_case_table
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.data.doubts import Doubts
from septum.workflows.evaluation.analysis import Analysis, analyse
from septum.workflows.evaluation.calibration import folders_of, measure_calibration
from septum.workflows.evaluation.coding import Coding, decide_coding, suspicions, unite
from septum.workflows.evaluation.consensus import check_consensus
from septum.workflows.evaluation.gallery import choose_pictures, draw_cases, example_of
from septum.workflows.evaluation.membranes import membrane_curves
from septum.workflows.evaluation.methods import MaskSet, pair_sets
from septum.workflows.evaluation.pairs import MeasuredPair, beyond_the_edges, count_pairs, image_cases, reference_cases
from septum.workflows.evaluation.readers import compare_with_readers
from septum.workflows.evaluation.scoring import plan_scoring, score_method
from septum.workflows.evaluation.settings import SETTINGS, EvaluateSettings
from septum.workflows.runs.failures import Failed, Failures, parted
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool, check_workers
from septum.workflows.runs.provenance import folder_name, without_folders
from septum.workflows.runs.settings import unstructure, write_settings
from septum.workflows.runs.words import some
from septum.workflows.scores.measures import check_policy, families_of
from septum.workflows.scores.report_folder import About, refuse_results, write_report
from septum.workflows.scores.scores import Score, mean_dice, pick_examples
from septum.workflows.scores.tables import summary_table


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found: the report, scores per case and label, and what could not be scored.

    `scores` are those of all methods, in their order; `missing_*` are case names, with the method where there are
    several; `lines` are what the comparison found, in words; `asked` the scores that were asked for beyond the usual;
    `failures` what could not be read or scored, and why.
    """

    report: Path
    scores: tuple[Score, ...]
    notes: tuple[str, ...]
    missing_predictions: tuple[str, ...]
    missing_references: tuple[str, ...]
    summary: pd.DataFrame = field(repr=False, compare=False)
    lines: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def mean_dice(self) -> float:
        """Mean over cases of the mean Dice over labels of the first method; nan when nothing is defined."""
        return mean_dice([score for score in self.scores if score.method == self.scores[0].method])


def evaluate(
    predictions: Path | Mapping[str, Path],
    references: Path,
    *,
    output: Path,
    readers: Mapping[str, Path] | None = None,
    images: Path | None = None,
    settings: EvaluateSettings | None = None,
    hooks: Hooks | None = None,
) -> EvaluationResult:
    """Measure predicted masks against reference masks and write a report folder.

    Args:
        predictions: a folder of masks or one mask; or several by the name of their method, the first is reported in
            full and all are compared on the same cases.
        references: a folder of masks, one mask, or a data set in any layout that `load_dataset` knows.
        output: folder for the page, the tables and the figures.
        readers: masks of people by their name: the ceiling beside the methods.
        images: a folder of images or a data set to show masks on; taken from the references where they have images.
        settings: what is measured, and how.
        hooks: progress, notes, a wish to stop.

    Raises:
        DatasetError: nothing to compare, names that occur twice, or reference labels that are not declared.
        GeometryError: a prediction on another grid than its reference.
        FormatError: a file that cannot be read or holds no labels.
        ConfigError: `output` already holds a report, or a setting breaks its rule.
        Cancelled: when the hooks say stop.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, LabelMap, write_labels
    >>> mask = LabelMap(np.pad(np.ones((4, 4), np.uint8), 4), Grid.pixels((12, 12)))
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("reference", "prediction"):
    ...         Path(folder, name).mkdir()
    ...         write_labels(Path(folder, name, "a.png"), mask)
    ...     result = evaluate(Path(folder, "prediction"), Path(folder, "reference"), output=Path(folder, "report"))
    ...     result.mean_dice, result.report.name
    (1.0, 'index.html')
    """
    settings, hooks = settings or EvaluateSettings(), hooks or Hooks()
    readers = readers or {}
    _check(output, settings)
    check_consensus(settings.consensus, n_readers=len(readers), overwrite=settings.overwrite)
    dataset = reference_cases(references, settings.axes)
    methods, notes = pair_sets(dataset, predictions, readers=readers, settings=settings)
    scored = _score(dataset, methods, settings=settings, hooks=hooks)
    pictures, lost = image_cases(images, references, dataset=dataset, axes=settings.axes)
    notes += [*scored.notes, *lost]
    for sentence in notes:
        hooks.on_note(sentence)
    about = About(
        f"Evaluation: {scored.whose} against {references.name}",
        notes,
        scored.not_scored,
        _provenance(scored, predictions, references=references, readers=readers, settings=settings),
    )
    summary = summary_table(scored.scores)
    report, undrawn = _write(
        output, scored, about=about, pictures=pictures, summary=summary, settings=settings, hooks=hooks
    )
    write_settings(output / SETTINGS, settings)
    return EvaluationResult(
        report,
        scored.scores,
        tuple(notes),
        scored.named(lambda method: method.missing),
        scored.named(lambda method: method.surplus),
        summary,
        scored.analysis.lines,
        settings.asked,
        (*scored.failed, *scored.analysis.failures, *undrawn),
    )


@dataclass(frozen=True)
class _Scored:
    """All sets of masks with their scores and codings, what the comparison found, and sentences about it."""

    methods: Sequence[MaskSet]
    found: Sequence[Sequence[Score]]
    codings: Mapping[str, Coding]
    analysis: Analysis
    notes: Sequence[str]

    @property
    def scores(self) -> tuple[Score, ...]:
        """Those of all methods, in their order."""
        return tuple(score for scores in self.found for score in scores)

    @property
    def whose(self) -> str:
        """What is evaluated, in words."""
        given = " and ".join(method.name for method in self.methods if not method.reader)
        return given or self.methods[0].pairs[0].prediction.path.parent.name

    def named(self, cases: Callable[[MaskSet], Sequence[str]]) -> tuple[str, ...]:
        """Names of cases, with that of their method where there are several."""
        return tuple(self._of(method, case) for method in self.methods for case in cases(method))

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        """(case, reason) of what could not be read or scored."""
        return tuple((self._of(method, case), reason) for method in self.methods for case, reason in method.failed)

    @property
    def not_scored(self) -> tuple[tuple[str, str], ...]:
        """(case, reason) of all cases without a score."""
        alone = (
            (self._of(method, case), reason)
            for method in self.methods
            for cases, reason in ((method.missing, "no prediction"), (method.surplus, "no reference"))
            for case in cases
        )
        return (*alone, *self.failed)

    def _of(self, method: MaskSet, case: str) -> str:
        return case if len(self.methods) == 1 else f"{case} ({method.name})"


def _score(dataset: Dataset, methods: Sequence[MaskSet], *, settings: EvaluateSettings, hooks: Hooks) -> _Scored:
    """Read and count every pair once, decide what its values mean, then score and compare."""
    maps = folders_of(settings, methods)
    with CasePool(settings.workers) as pool:
        methods, counted = _counted(methods, settings, hooks=hooks, pool=pool)
        codings, notes = _decide(dataset, methods, counted=counted, settings=settings)
        notes = [*_assumed(methods, counted), *notes]
        table, about = _case_table(settings, methods[0])
        plan = plan_scoring(codings, counted, settings=settings)
        scored = [
            score_method(m, c, scoring=plan, settings=settings, hooks=hooks, table=table, pool=pool)
            for m, c in zip(methods, counted, strict=True)
        ]
        methods, found = [method for method, _ in scored], [scores for _, scores in scored]
        scores = tuple(score for each in found for score in each)
        membranes = "em" in families_of(settings.metrics)
        notes += [*about, *_lost(methods), *_odd(methods, found, codings=codings, membranes=membranes)]
        ndim = counted[0][0].grid.ndim
        analysis = analyse(scores, methods, stratify=settings.stratify, table=table, ndim=ndim)
        if any(method.reader for method in methods):
            ceiling = compare_with_readers(scores, methods, codings=codings, settings=settings, hooks=hooks, pool=pool)
            analysis = ceiling + analysis
        if maps:
            said = _of_maps(maps, scores, methods=methods, codings=codings, settings=settings, hooks=hooks, pool=pool)
            analysis = said + analysis
    return _Scored(methods, found, codings, analysis, (*notes, *analysis.notes))


def _check(output: Path, settings: EvaluateSettings) -> None:
    """Everything that can be known to be wrong before a file is read."""
    refuse_results(output, overwrite=settings.overwrite)
    families_of(settings.metrics)
    check_policy(settings.policy)
    check_workers(settings.workers)


def _counted(
    methods: Sequence[MaskSet], settings: EvaluateSettings, *, hooks: Hooks, pool: CasePool
) -> tuple[list[MaskSet], list[list[MeasuredPair]]]:
    """The counts of every method, and the methods with the pairs that could be read."""
    kept, counted = [], []
    for method in methods:
        done, failed = parted(method.pairs, _count(method, settings, hooks=hooks, pool=pool))
        rows = tuple((pair.case.id, reason) for pair, reason in failed)
        kept.append(replace(method, pairs=tuple(pair for pair, _ in done), failed=rows))
        counted.append([measured for _, measured in done])
    return kept, counted


def _count(method: MaskSet, settings: EvaluateSettings, *, hooks: Hooks, pool: CasePool) -> list[MeasuredPair | Failed]:
    return count_pairs(
        method.pairs,
        background=settings.background,
        resample=settings.resample,
        pool=pool,
        hooks=hooks.about("reading"),
    )


def _decide(
    dataset: Dataset,
    methods: Sequence[MaskSet],
    *,
    counted: Sequence[Sequence[MeasuredPair]],
    settings: EvaluateSettings,
) -> tuple[dict[str, Coding], list[str]]:
    """The coding of every method; all score the same labels."""
    foreground = settings.foreground
    if foreground is None and "instances" in families_of(settings.metrics) and not dataset.label_names:
        foreground = True  # whoever asks for objects has objects
    codings: dict[str, Coding] = {}
    notes: list[str] = []
    for method, measured in zip(methods, counted, strict=True):
        coding, found = decide_coding(dataset, measured, background=settings.background, foreground=foreground)
        codings[method.name] = coding
        foreground = coding.foreground is not None if foreground is None else foreground
        notes += [note if not method.name else f"{method.name}: {note}" for note in found]
        resampled = [m.case.id for m in measured if m.resampled]
        if resampled:
            whose = f" of {method.name}" if method.name else ""
            notes.append(
                f"{len(resampled)} predictions{whose} were resampled onto the grid of their references (nearest "
                f"neighbour), for example {resampled[0]}."
            )
            notes += beyond_the_edges(measured, whose)
        flat = [m.case.id for m in measured if m.flat]
        if flat:
            notes.append(f"{len(flat)} volumes of one slice were compared with their planes, for example {flat[0]}.")
    return unite(codings), notes


def _assumed(methods: Sequence[MaskSet], counted: Sequence[Sequence[MeasuredPair]]) -> list[str]:
    """What readers assumed of references and predictions, each sentence once with the cases that it is about."""
    doubts = Doubts(lambda note: None)
    for method, measured in zip(methods, counted, strict=True):
        whose = f"prediction of {method.name} in" if method.name else "prediction of"
        for one in measured:
            doubts.hear_all(f"reference of {one.case.id}", one.notes[0])
            doubts.hear_all(f"{whose} {one.case.id}", one.notes[1])
    return doubts.sentences()


def _case_table(settings: EvaluateSettings, method: MaskSet) -> tuple[CaseTable | None, list[str]]:
    if settings.table is None:
        return None, []
    table = read_case_table(settings.table, [pair.case.id for pair in method.pairs])
    for column in (*([settings.groups] if settings.groups else []), *(c for c in settings.stratify if c != "size")):
        table.column(column)
    return table, list(table.notes)


def _lost(methods: Sequence[MaskSet]) -> list[str]:
    """A sentence for each method about cases that could not be scored; the report lists them with their reasons."""
    return [
        f"{len(m.failed)} of {len(m.failed) + len(m.pairs)} cases{f' of {m.name}' if m.name else ''} could not be read "
        f"or scored, and the figures are those of the others: {some([case for case, _ in m.failed])}."
        for m in methods
        if m.failed
    ]


def _odd(
    methods: Sequence[MaskSet], found: Sequence[Sequence[Score]], *, codings: Mapping[str, Coding], membranes: bool
) -> list[str]:
    notes = []
    for method, scores in zip(methods, found, strict=True):
        said = suspicions(scores, codings[method.name], membranes=membranes)
        notes += [f"{method.name}: {note}" if method.name else note for note in said]
    return notes


def _of_maps(
    folders: Mapping[str, Path],
    scores: Sequence[Score],
    *,
    methods: Sequence[MaskSet],
    codings: Mapping[str, Coding],
    settings: EvaluateSettings,
    hooks: Hooks,
    pool: CasePool,
) -> Analysis:
    """What probability maps say beyond the masks: calibration, and the scores of membranes over thresholds."""
    if any(coding.members for coding in codings.values()):
        raise ConfigError(
            "probabilities must be those of single classes, but the data set declares regions, which are composed of "
            "several; leave --probabilities out, or evaluate against labels without regions in dataset.json"
        )
    groups = {score.case: score.group or score.case for score in scores}
    found = measure_calibration(folders, methods, codings=codings, groups=groups, hooks=hooks, pool=pool)
    if "em" in families_of(settings.metrics):
        found = membrane_curves(folders, methods, codings=codings, groups=groups, hooks=hooks, pool=pool) + found
    return found


def _write(
    output: Path,
    scored: _Scored,
    *,
    about: About,
    pictures: Mapping[str, Case],
    summary: pd.DataFrame,
    settings: EvaluateSettings,
    hooks: Hooks,
) -> tuple[Path, list[tuple[str, str]]]:
    """The report: pictures of the first method's cases, and everything the analysis made; (name, reason) of pictures
    that could not be drawn."""
    main, scores = scored.methods[0], list(scored.found[0])
    coding, pairs = scored.codings[main.name], {pair.case.id: pair for pair in main.pairs}
    objects = "instances" in families_of(settings.metrics) and coding.foreground is not None
    draw = partial(example_of, coding=coding, resample=settings.resample, objects=objects)
    undrawn = Failures()
    drawn = draw_cases(
        [pairs[case] for case in choose_pictures(scores, gallery=settings.gallery)],
        pictures,
        example=draw,
        failures=undrawn,
        hooks=hooks,
    )
    chosen = {case for _, case in pick_examples(scores)}
    examples = []
    for case in pairs:
        if case in chosen:
            with undrawn.of(f"picture of {case}"):
                examples.append(draw(pairs[case], pictures.get(case)))
    extras = scored.analysis.extras(
        scores, drawn, gallery=settings.gallery, policy=settings.policy, objects=objects, cards=settings.asked
    )
    report = write_report(output, scored.scores, about=about, examples=examples, extras=extras, summary=summary)
    return report, list(dict(undrawn.rows).items())


def _provenance(
    scored: _Scored,
    predictions: Path | Mapping[str, Path],
    *,
    references: Path,
    readers: Mapping[str, Path],
    settings: EvaluateSettings,
) -> dict[str, Any]:
    """What was compared and how; folders by their names alone."""
    sets = {"prediction": predictions} if isinstance(predictions, Path) else dict(predictions)
    coding = scored.codings[scored.methods[0].name]
    return {
        "predictions": {name or "prediction": folder_name(path) for name, path in {**sets, **readers}.items()},
        "references": folder_name(references),
        "background": coding.background,
        "ignored label": coding.ignore,
        "labels": {str(value): name for value, name in coding.labels.items()},
        "regions": {coding.labels[number]: list(values) for number, values in coding.members.items()},
        "all values as one foreground": coding.foreground is not None,
        "intervals": "percentile bootstrap, 2000 resamples, 95 %, seed 0",
        "settings": unstructure(without_folders(settings)),
    }
