"""Readers beside the methods: how well people agree is as good as a method can be shown to be.

The insight: a Dice of 0.85 is poor where two experts agree to 0.95 and perfect where they agree to 0.85. So readers
are measured against the same references as the methods, and against each other; and a "reader" whose masks are copies
of the references, or of another reader, is found, said, and left out of the ceiling.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from septum.metrics import JointTable, summarise
from septum.metrics.agreement import intraclass_correlation
from septum.metrics.statistics import compare_all
from septum.report.figures import agreement
from septum.report.pages import sections
from septum.report.pages.sections import Drawing, Section, Table
from septum.workflows.evaluation.analysis import Analysis, Scored, per_case
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.consensus import KINDS, Together, read_together
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.pairs import Pair, count_pairs
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.failures import Failed
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool
from septum.workflows.scores.scores import Score, scores_from_table

REFERENCE = "the reference"


_KAPPA = (
    "κ over voxels, background included, mean over cases: Cohen's of two readers, Fleiss' of all. Where background "
    "fills most of the image it comes close to Dice. Consensus: majority (ties are background) and STAPLE of the "
    "independent readers."
)


def compare_with_readers(
    scores: Sequence[Score],
    methods: Sequence[MaskSet],
    *,
    codings: Mapping[str, Coding],
    settings: EvaluateSettings,
    hooks: Hooks,
    pool: CasePool,
) -> Analysis:
    """Readers against the references and against each other, beside the methods.

    Args:
        scores: of all methods and readers against the references.
        methods: methods and readers.
        codings: by their names.
        settings: of the evaluation.
        hooks: progress and a wish to stop; reading pairs of readers takes most of the time.
        pool: where they are read.

    Raises:
        GeometryError: readers on different grids.
        Cancelled: when the hooks say stop.
    """
    readers = [method for method in methods if method.reader]
    scored = Scored(scores, tuple(m.name for m in methods if not m.reader), tuple(m.name for m in readers), 0)
    between = {
        (first.name, second.name): _between(first, second, codings=codings, settings=settings, hooks=hooks, pool=pool)
        for first, second in itertools.combinations(readers, 2)
    }
    copies = _copies(scored, between)
    independent = [name for name in scored.readers if name not in {second for _, second in copies}]
    cases = scored.cases
    values = {name: per_case(scored.of(name), "dice", cases=cases) for name in (*scored.methods, *scored.readers)}
    pairs = {p: per_case(found, "dice", cases=cases) for p, found in between.items() if set(p) <= set(independent)}
    agreed = _mean(list(pairs.values()), len(cases))
    together = read_together(
        [m for m in readers if m.name in independent], codings, settings=settings, hooks=hooks, pool=pool
    )
    voted = {
        f"consensus, {kind}": per_case(together.scores(kind), "dice", cases=cases) for kind in KINDS if together.cases
    }
    section = _section(scored, values | voted, independent=independent, pairs=pairs, agreed=agreed, together=together)
    kappas = {pair: together.kappa(*pair, cases=cases) for pair in pairs}
    rows = [_row(name, REFERENCE, values=values[name], scored=scored) for name in (*scored.methods, *scored.readers)]
    rows += [_row(name, REFERENCE, values=found, scored=scored) for name, found in voted.items()]
    rows += [
        _row(a, b, values=per_case(f, "dice", cases=cases), scored=scored, kappa=kappas.get((a, b)))
        for (a, b), f in between.items()
    ]
    notes = [
        f"The masks of {second} are equal to {_whose(first)} in every voxel of every case that both hold: {second} is "
        "no independent reader and is left out of the ceiling."
        for first, second in copies
    ]
    tables = {"readers": pd.DataFrame(rows)} | ({"voxels": together.table()} if together.cases else {})
    lines = _lines(scored, agreed, together=together)
    return Analysis((section,), tables, tuple(notes), lines, failures=together.failures)


def _whose(name: str) -> str:
    return "those of the reference" if name == REFERENCE else f"those of {name}"


def _between(
    first: MaskSet,
    second: MaskSet,
    *,
    codings: Mapping[str, Coding],
    settings: EvaluateSettings,
    hooks: Hooks,
    pool: CasePool,
) -> list[Score]:
    """Scores of one reader against another on the cases that both hold; the first stands for the reference."""
    theirs = {pair.case.id: pair for pair in second.pairs}
    common = [pair for pair in first.pairs if pair.case.id in theirs]
    both = [Pair(replace(p.case, label=p.prediction), theirs[p.case.id].prediction) for p in common]
    one, two = codings[first.name], codings[second.name]
    found = count_pairs(
        both,
        background=settings.background,
        resample=settings.resample,
        pool=pool,
        hooks=hooks.about(f"{first.name} and {second.name}:"),
    )
    scores: list[Score] = []
    for pair, m in zip(common, found, strict=True):
        if isinstance(m, Failed):
            hooks.on_note(f"{first.name} and {second.name} could not be compared in {pair.case.id}: {m.reason}")
            continue
        table = JointTable(one.prediction(m.table.reference), two.prediction(m.table.prediction), m.table.voxels)
        scores += scores_from_table(pair.case.id, table, labels=one.labels, group=pair.case.group, members=one.members)
    return scores


def _copies(scored: Scored, between: Mapping[tuple[str, str], Sequence[Score]]) -> list[tuple[str, str]]:
    """`(original, copy)` of readers that are equal to the reference or to an earlier reader wherever something is."""
    against = {(REFERENCE, name): scored.of(name) for name in scored.readers}
    found: list[tuple[str, str]] = []
    for names, scores in {**against, **between}.items():
        something = any(score.counts.tp for score in scores)
        copy = something and all(score.counts.fp == score.counts.fn == 0 for score in scores)
        if copy and names[1] not in {second for _, second in found}:
            found.append(names)
    return found


def _mean(columns: Sequence[Any], size: int) -> Any:
    """Mean over columns of each case; nan where none is defined."""
    if not columns:
        return np.full(size, math.nan)
    table = np.stack(columns)
    known = ~np.isnan(table)
    total = np.where(known, table, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), math.nan)


def _section(
    scored: Scored,
    values: Mapping[str, Any],
    *,
    independent: Sequence[str],
    pairs: Mapping[tuple[str, str], Any],
    agreed: Any,
    together: Together,
) -> Section:
    models = {name: values[name] for name in scored.methods}
    readers = {name: values[name] for name in independent} or {name: values[name] for name in scored.readers}
    draw: Callable[[str], bytes] = partial(_agreement_figure, models, readers, agreed)
    drawing = Drawing(
        "readers",
        "Methods and readers against the reference",
        "Dice against the reference of " + ", ".join([*models, *readers]),
        draw,
    )
    text = (
        "Methods and readers against the same references; the band shows how readers agree among each other (mean over "
        "pairs of independent readers, per case). A method in the band agrees with the "
        "reference about as well as readers agree."
    )
    kappas = {pair: together.kappa(*pair, cases=scored.cases) for pair in pairs}
    alone = [name for name in values if name not in models and name not in scored.readers]
    rows = [
        _shown(name, "reference", values=values[name], scored=scored) for name in (*models, *scored.readers, *alone)
    ]
    rows += [_shown(a, b, values=found, scored=scored, kappa=kappas[a, b]) for (a, b), found in pairs.items()]
    if together.cases:
        rows.append(_all_readers(together, scored))
    tables = [Table(("masks", "against", "n", "mean Dice", "95 % interval", "median", "mean κ"), rows, _KAPPA)]
    ceiling = _mean([values[name] for name in independent], len(scored.cases))
    differences = [
        pair
        for name in models
        for pair in compare_all({name: values[name], "readers, mean": ceiling}, groups=scored.groups)
        if pair.n
    ]
    if differences:
        tables.append(sections.pair_table(differences, "ceiling"))
    if (icc := _size_agreement(scored, independent)) is not None:
        tables.append(icc)
    return Section("Readers", text, (drawing,), tables)


def _agreement_figure(models: Mapping[str, Any], readers: Mapping[str, Any], agreed: Any, image_format: str) -> bytes:
    return agreement.reader_agreement_plot(models, readers, between=agreed, image_format=image_format)


def _shown(name: str, other: str, *, values: Any, scored: Scored, kappa: Any = None) -> tuple[Any, ...]:
    s = summarise(values, groups=scored.groups)
    beyond = math.nan if kappa is None else summarise(kappa).mean
    return (name, other, s.n, s.mean, sections.interval_text(s.mean_ci_low, s.mean_ci_high), s.median, beyond)


def _all_readers(together: Together, scored: Scored) -> tuple[Any, ...]:
    """Fleiss' κ of all independent readers, as a row; its interval stands where Dice has none."""
    s = summarise(together.fleiss(scored.cases), groups=scored.groups)
    interval = sections.interval_text(s.mean_ci_low, s.mean_ci_high)
    return ("all readers (Fleiss)", "each other", s.n, math.nan, f"of κ: {interval}", math.nan, s.mean)


def _row(name: str, other: str, *, values: Any, scored: Scored, kappa: Any = None) -> dict[str, Any]:
    s = summarise(values, groups=scored.groups)
    return {"masks": name, "against": other, "n": s.n, "n_undefined": s.n_undefined, "mean_dice": s.mean,
            "mean_ci_low": s.mean_ci_low, "mean_ci_high": s.mean_ci_high, "median_dice": s.median,
            "mean_kappa": math.nan if kappa is None else summarise(kappa).mean}  # fmt: skip


def _size_agreement(scored: Scored, readers: Sequence[str]) -> Table | None:
    """Intraclass correlation of the sizes that independent readers measured, and with each method as one more rater."""
    if len(readers) < 2:
        return None
    rows = []
    for extra in (None, *scored.methods):
        raters = [*readers, *([extra] if extra else [])]
        found = intraclass_correlation(np.stack([_sizes(scored, name) for name in raters], axis=1))
        who = "readers" if extra is None else f"readers and {extra}"
        rows.append((who, found.n_subjects, found.value, sections.interval_text(found.ci_low, found.ci_high)))
    return Table(("intraclass correlation of sizes, ICC(2,1)", "cases", "value", "95 % interval"), rows)


def _sizes(scored: Scored, name: str) -> Any:
    sizes = dict.fromkeys(scored.cases, math.nan)
    for score in scored.of(name):
        before = sizes[score.case]
        sizes[score.case] = score.counts.prediction + (0.0 if math.isnan(before) else before)
    return np.array(list(sizes.values()))


def _lines(scored: Scored, agreed: Any, *, together: Together) -> tuple[str, ...]:
    s = summarise(agreed, groups=scored.groups)
    if not s.n:
        return ()
    interval = sections.interval_text(s.mean_ci_low, s.mean_ci_high)
    fleiss = summarise(together.fleiss(scored.cases)).mean
    return (f"readers among each other: mean Dice {s.mean:.3f} ({interval}), Fleiss' kappa {fleiss:.3f}, n {s.n}",)
