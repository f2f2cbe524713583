"""What the scores of an evaluation say together: comparisons, strata, agreement of sizes, readers, failures.

The insight: each question of a reviewer (better than the other method? on every scanner? as good as a second reader?
how far off is a volume?) is one function from the scores to a section of the page and a table, so that a new question
is a new function and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from septum.metrics import summarise, without_few
from septum.metrics.statistics import PairedComparison, compare_all, rank_methods
from septum.report.figures.overlay import Panel
from septum.report.pages import sections
from septum.report.pages.explorer import Explorer
from septum.report.pages.sections import Section, Table, Tile
from septum.workflows.data.case_table import CaseTable, strata_of
from septum.workflows.evaluation.gallery import worst_cases
from septum.workflows.scores.measures import MEASURES, WHOLE_CASE, titles
from septum.workflows.scores.report_folder import Extras
from septum.workflows.scores.scores import Score
from septum.workflows.scores.tables import distance_unit, methods_of, metric_names, ordered, strata_table

HEADLINES = ("dice", "weighted_dice", "generalised_dice", "surface_dice", "hausdorff_percentile",
             "average_symmetric_surface_distance", "cl_dice", "boundary_iou", "panoptic_quality",
             "mean_average_precision", "v_rand", "v_info")  # fmt: skip
"""Scores by which methods are compared, where they were measured."""


_MOST_LABELS = 12  # that are compared one by one


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def reader(self) -> bool: ...


@dataclass(frozen=True)
class Analysis:
    """Sections of the page, tables for programs, sentences for the reader, lines for the terminal; (name, reason) of
    files that could not be used."""

    sections: tuple[Section, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    explorer: Explorer | None = None
    failures: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Analysis) -> Analysis:
        return Analysis(
            self.sections + other.sections,
            {**self.tables, **other.tables},
            self.notes + other.notes,
            self.lines + other.lines,
            other.explorer or self.explorer,
            self.failures + other.failures,
        )

    def extras(
        self,
        scores: Sequence[Score],
        drawn: Mapping[str, Panel],
        *,
        gallery: int,
        policy: str,
        objects: bool = False,
        cards: Sequence[str] = (),
    ) -> Extras:
        """All of it for the report, with the pictures; `objects` says that those outline objects, `cards` which scores
        are shown large."""
        failures = failure_section(scores, drawn, most=gallery, objects=objects)
        explorer = self.explorer and replace(self.explorer, pictures=drawn)
        return Extras((*failures, *self.sections), explorer, self.tables, policy, tuple(cards))


@dataclass(frozen=True)
class Scored:
    """Everything that was scored, for the questions below."""

    scores: Sequence[Score]
    methods: tuple[str, ...]
    readers: tuple[str, ...]
    ndim: int

    def of(self, method: str) -> list[Score]:
        """The scores of one method."""
        return [score for score in self.scores if score.method == method]

    @cached_property
    def cases(self) -> list[str]:
        """All cases, in order."""
        return list(dict.fromkeys(score.case for score in self.scores))

    @cached_property
    def _groups(self) -> dict[str, str]:
        return {score.case: score.group or score.case for score in self.scores}

    def group(self, case: str) -> str:
        """The group of a case, or the case itself where none is known."""
        return self._groups[case]

    @property
    def groups(self) -> list[str]:
        """The group of every case, in order."""
        return [self._groups[case] for case in self.cases]


def per_case(scores: Sequence[Score], metric: str, *, cases: Sequence[str], label: int | None = None) -> Any:
    """A score of every case, `(cases,)`: the mean over its defined labels, or that of one label; nan elsewhere."""
    found: dict[str, list[float]] = {}
    for score in scores:
        value = score.value(metric)
        if label in (None, score.label) and not math.isnan(value):
            found.setdefault(score.case, []).append(value)
    return np.array([float(np.mean(found[case])) if case in found else math.nan for case in cases])


def analyse(
    scores: Sequence[Score],
    methods: Sequence[_Named],
    *,
    stratify: Sequence[str],
    table: CaseTable | None,
    ndim: int,
) -> Analysis:
    """Every question that these scores can answer.

    Args:
        scores: of all methods and readers.
        methods: in order; the first is the one that is reported in full.
        stratify: columns of `table`, or "size".
        table: what is known about the cases.
        ndim: number of axes of the masks.
    """
    names = [(m.name, m.reader) for m in methods]
    scored = Scored(scores, tuple(n for n, r in names if not r), tuple(n for n, r in names if r), ndim)
    result = Analysis()
    if len(scored.methods) > 1:
        result += compare_methods(scored)
    if stratify:
        result += stratified(scored, stratify, table=table)
    result += agreement_of_sizes(scored)
    return result + Analysis(explorer=_explorer(scored))


def compare_methods(scored: Scored) -> Analysis:
    """Paired comparisons and rankings of all methods, for every headline score and, for Dice, every label."""
    metrics = [name for name in HEADLINES if name in metric_names(scored.scores)]
    labels = {score.label: score.name for score in scored.scores}
    parts: list[tuple[str, str, int | None]] = [
        (metric, "all labels together" if metric in WHOLE_CASE else "mean over labels", None) for metric in metrics
    ]
    if 1 < len(labels) <= _MOST_LABELS:
        parts += [("dice", name, label) for label, name in labels.items()]
    found, rows, ranks, lines = [], [], [], []
    cases, groups, names = scored.cases, scored.groups, titles(unit=distance_unit(scored.scores))
    if len(cases) < 2:
        return Analysis(notes=("One case: the methods are listed, and no statistics compare them.",))
    for metric, name, label in parts:
        values = {m: per_case(scored.of(m), metric, cases=cases, label=label) for m in scored.methods}
        if not any(np.isfinite(v).any() for v in values.values()):
            continue
        measure, shown = MEASURES[metric], names[metric]
        pairs = [without_few(pair) for pair in compare_all(values, groups=groups)]
        ranking = rank_methods(values, larger_is_better=measure.better >= 0, groups=groups)
        rows += [{"metric": metric, "name": name, **row} for row in sections.as_records(pairs)]
        for row in sections.as_records(ranking.methods):
            shares = row.pop("rank_shares")
            more = {f"share_rank_{i}": share for i, share in enumerate(shares, start=1)}
            ranks.append({"metric": metric, "label": name, **row, "stability": ranking.stability} | more)
        if label is None:
            title = f"Comparison of methods: {shown}"
            found.append(sections.comparison_section(title, shown, scores=values, pairs=pairs, ranking=ranking))
            lines += [_line(shown, pair) for pair in pairs]
    tables = {"comparison": pd.DataFrame(rows), "ranking": pd.DataFrame(ranks)}
    return Analysis(tuple(found), tables, lines=tuple(lines))


def _line(title: str, pair: PairedComparison) -> str:
    interval = sections.interval_text(pair.mean_difference_ci_low, pair.mean_difference_ci_high)
    return (
        f"{title}: {pair.first} - {pair.second} = {pair.mean_difference:+.3f} ({interval}), "
        f"p {sections.p_text(pair.p_holm)} (Holm), effect {pair.effect:+.2f}, n {pair.n}"
    )


def stratified(scored: Scored, columns: Sequence[str], *, table: CaseTable | None) -> Analysis:
    """Scores by the values of columns of the user's table, and by the size of the reference."""
    strata = {}
    for column in columns:
        if table is not None and column in table.columns:
            strata[column] = strata_of(table.column(column))
        else:  # "size", which needs no table
            sizes = {s.case: 0 for s in scored.of(scored.methods[0])}
            for score in scored.of(scored.methods[0]):
                sizes[score.case] += score.counts.reference
            strata[column] = strata_of({case: str(size) for case, size in sizes.items()})
    main = scored.of(scored.methods[0])
    found = []
    for column, values in strata.items():
        parts, rows = {}, []
        for value in ordered(values.get(score.case, "(none)") for score in main):
            own = [score for score in main if values.get(score.case, "(none)") == value]
            cases = list(dict.fromkeys(score.case for score in own))
            parts[value] = per_case(own, "dice", cases=cases)
            rows.append(_stratum_row(value, parts[value], groups=[scored.group(case) for case in cases]))
        columns_shown = ("stratum", "n", "undefined", "mean Dice", "95 % interval", "median", "lowest")
        shown = Table(columns_shown, rows, "" if column != "size" else "Size of the reference in voxels, in thirds.")
        found.append(sections.strata_section(column, "Dice", strata=parts, summary=shown))
    return Analysis(tuple(found), {"strata": strata_table(scored.scores, strata)})


def _stratum_row(value: str, scores: Any, *, groups: Sequence[str]) -> tuple[Any, ...]:
    s = without_few(summarise(scores, groups=list(groups)))
    interval = sections.interval_text(s.mean_ci_low, s.mean_ci_high)
    return (value, s.n, s.n_undefined, s.mean, interval, s.median, s.minimum)


def agreement_of_sizes(scored: Scored) -> Analysis:
    """Bland-Altman of predicted against reference size, for every label of the first method."""
    main = scored.of(scored.methods[0])
    unit, factor = _unit(main, scored.ndim)
    volumes: dict[str, tuple[Any, Any]] = {}
    groups = [scored.group(case) for case in dict.fromkeys(score.case for score in main)]
    for name in dict.fromkeys(score.name for score in main):
        own = [score for score in main if score.name == name]
        sizes = [1.0 if math.isnan(s.sample_size) or unit in ("voxels", "px") else s.sample_size * factor for s in own]
        if len(own) < 2:  # one case has no limits of agreement
            continue
        volumes[name] = (
            np.array([s.counts.reference * size for s, size in zip(own, sizes, strict=True)]),
            np.array([s.counts.prediction * size for s, size in zip(own, sizes, strict=True)]),
        )
    if not volumes:
        return Analysis()
    section = sections.agreement_section(volumes, unit=unit, groups=groups)
    return Analysis((section,), {"agreement": section.tables[0].frame()})


def _unit(scores: Sequence[Score], ndim: int) -> tuple[str, float]:
    """Unit of sizes, and what a size in mm³ or mm² is multiplied by; counts where any file lacks a physical size."""
    if any(math.isnan(score.sample_size) for score in scores):
        return ("voxels" if ndim == 3 else "px"), 1.0
    return ("ml", 1e-3) if ndim == 3 else ("mm²", 1.0)


def failure_section(
    scores: Sequence[Score], drawn: Mapping[str, Panel], *, most: int, objects: bool = False
) -> tuple[Section, ...]:
    """The worst cases as pictures: at most `most`, and at most a third of all; of three cases or fewer none."""
    ranked = worst_cases(scores)
    ranked = [(case, mean) for case, mean in ranked[: min(most, len(ranked) // 3)] if case in drawn]
    if not ranked or len(worst_cases(scores)) < 4:
        return ()
    tiles = [Tile(case, f"Dice {mean:.3f}", drawn[case]) for case, mean in ranked]
    if objects:
        text = "The cases with the lowest mean Dice: outlines of the reference in orange, of the prediction in blue."
    else:
        text = (
            "The cases with the lowest mean Dice: what is right in green, missed in vermilion, too much in blue, taken "
            "for another class in purple."
        )
    return (Section("Worst cases", text, tiles=tiles),)


def _explorer(scored: Scored) -> Explorer:
    """One series per method and label (and the mean over labels); every score, and the size of the reference."""
    names = [n for n in MEASURES if n in metric_names(scored.scores)]
    rows: list[dict[str, Any]] = []
    for method in methods_of(scored.scores):
        own = scored.of(method)
        labels = list(dict.fromkeys(score.name for score in own))
        prefix = f"{method} · " if len(methods_of(scored.scores)) > 1 else ""
        if len(labels) > 1:
            cases = list(dict.fromkeys(score.case for score in own))
            means = {name: per_case(own, name, cases=cases) for name in names}
            sizes = pd.Series(dict.fromkeys(cases, 0))
            for score in own:
                sizes[score.case] += score.counts.reference
            groups = {score.case: score.group or "" for score in own}
            rows += [
                {"series": f"{prefix}mean over labels", "case": case, "group": groups[case], "size": int(sizes[case])}
                | {name: means[name][i] for name in names}
                for i, case in enumerate(cases)
            ]
        for label in labels:
            rows += [
                {"series": prefix + label, "case": s.case, "group": s.group or "", "size": s.counts.reference}
                | {name: s.value(name) for name in names}
                for s in own
                if s.name == label
            ]
    every = titles(unit=distance_unit(scored.scores))
    shown = {name: every[name] for name in names}
    shown["size"] = "size of the reference, " + ("voxels" if scored.ndim == 3 else "px")
    table = pd.DataFrame(rows, columns=["series", "case", "group", *shown])
    return Explorer(table, shown, "size", pictured=scored.methods[0])
