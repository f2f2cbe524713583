"""The report folder: the page, its tables for programs and for papers, and its figures as files.

The insight: a report that is half written, or mixed from two runs, is worse than none. Everything is made first,
written into a temporary folder, and put in place at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from septum.errors import ConfigError
from septum.report import latex
from septum.report.figures.overlay import ShownCase
from septum.report.pages.explorer import Explorer
from septum.report.pages.page import Content, Shown, distribution_drawings, render_page
from septum.report.pages.sections import Drawing, Section
from septum.report.plain import plain_json
from septum.workflows.runs.files import publish, refuse_file
from septum.workflows.runs.tables import frame_csv
from septum.workflows.scores.measures import titles
from septum.workflows.scores.scores import Score, case_means, pick_examples
from septum.workflows.scores.tables import distance_unit, methods_of, score_table, summary_table

EVALUATION_FORMAT = 2  # of evaluation.json; raised when a reader of the old format would misread the new one


FILES = ("index.html", "cases.csv", "summary.csv", "evaluation.json", "cases.tex", "summary.tex")


FIGURES = "figures"


@dataclass(frozen=True)
class Extras:
    """What only some reports hold.

    Args:
        sections: parts of the page after the distribution.
        explorer: the interactive plot.
        tables: further tables, file name without suffix to table; written as CSV and LaTeX, and into evaluation.json.
        policy: for empty masks, a name in `metrics.POLICIES`.
        cards: scores that are shown large beside Dice.
        curves: learning curves (see `report.figures.learning_curves`) or their CSV file.
        plan: plan of the network.
        methods: classical methods to show beside the scores (see `report.page.Content`).
    """

    sections: Sequence[Section] = ()
    explorer: Explorer | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    policy: str = "undefined"
    cards: Sequence[str] = ()
    curves: pd.DataFrame | Path | None = None
    plan: Mapping[str, Any] | None = None
    methods: pd.DataFrame | None = None


@dataclass(frozen=True)
class About:
    """What a report says before and beside its numbers.

    Args:
        title: heading of the page.
        notes: sentences to read before the numbers.
        not_scored: `(case, reason)` of cases without a score.
        provenance: versions, seed, data, timings.
    """

    title: str
    notes: Sequence[str] = ()
    not_scored: Sequence[tuple[str, str]] = ()
    provenance: Mapping[str, Any] | None = None


def write_report(
    folder: Path,
    rows: Sequence[Score],
    *,
    about: About,
    examples: Sequence[ShownCase] = (),
    extras: Extras | None = None,
    summary: pd.DataFrame | None = None,
) -> Path:
    """Write `index.html`, the tables (CSV, JSON, LaTeX) and the figures (SVG, PNG); returns the path of `index.html`.

    The files appear together or not at all; files of the same names are replaced, others in the folder are left alone.

    Args:
        folder: made where it does not exist.
        rows: scores, all labels of every case; where several methods are, the page's own figures show the first.
        about: its heading, notes and provenance.
        examples: cases to show as pictures; the worst, median and best of them are taken.
        extras: comparisons, further tables, the interactive plot, learning curves.
        summary: `tables.summary_table(rows)` where it is at hand; else it is computed.
    """
    from septum import __version__

    extras = extras or Extras()
    curves = pd.read_csv(extras.curves) if isinstance(extras.curves, Path) else extras.curves
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    summary = summary_table(rows) if summary is None else summary
    first = methods_of(rows)[:1]
    names = titles(unit=distance_unit(rows))
    main = [score for score in rows if score.method in first]
    own = summary[summary["method"].isin(first)] if "method" in summary else summary
    content = Content(
        title=about.title,
        scores=score_table(main),
        summary=own,
        case_means=pd.Series(case_means(main), dtype=float),
        shown=_shown(main, examples),
        curves=curves,
        plan=extras.plan,
        provenance=about.provenance,
        notes=tuple(about.notes),
        not_scored=tuple(about.not_scored),
        created=created,
        version=__version__,
        files=(*FILES[1:], *(f"{name}.csv" for name in extras.tables), FIGURES),
        methods=extras.methods,
        sections=extras.sections,
        explorer=extras.explorer,
        policy=extras.policy,
        titles=names,
        cards=extras.cards,
        pictured=first[0] if first else "",
    )
    cases = score_table(rows, not_scored=about.not_scored)
    publish(folder, _files(content, cases, summary=summary, means=case_means(main), extras=extras))
    return folder / FILES[0]


def _files(
    content: Content, cases: pd.DataFrame, *, summary: pd.DataFrame, means: Mapping[str, float], extras: Extras
) -> dict[str, str | bytes]:
    """Every file of the report by its path within the folder."""
    document = {
        "format": EVALUATION_FORMAT,
        "septum": content.version,
        "created": content.created,
        "title": content.title,
        "notes": list(content.notes),
        "not_scored": [{"case": case, "reason": reason} for case, reason in content.not_scored],
        "mean_dice": means,
        "summary": summary.to_dict("records"),
        "cases": cases.to_dict("records"),
        **{name: table.to_dict("records") for name, table in extras.tables.items()},
        "plan": content.plan,
        "provenance": content.provenance,
        "methods": None if content.methods is None else content.methods.to_dict("records"),
    }
    files: dict[str, str | bytes] = {
        "index.html": render_page(content),
        "cases.csv": frame_csv(cases),
        "summary.csv": frame_csv(summary),
        "evaluation.json": plain_json(document),
        "cases.tex": latex.case_table(cases, content.titles),
        "summary.tex": latex.latex_summary(summary.to_dict("records"), content.titles),
    }
    for name, table in extras.tables.items():
        files[f"{name}.csv"] = frame_csv(table)
        files[f"{name}.tex"] = latex.frame_table(table, name=name)
    return files | _figures(content, extras.sections)


def _figures(content: Content, sections: Sequence[Section]) -> dict[str, bytes]:
    """Every figure of the page as SVG and PNG, by path within the folder."""
    drawings: list[Drawing] = [*distribution_drawings(content), *(d for section in sections for d in section.drawings)]
    return {f"{FIGURES}/{d.name}.{kind}": d.draw(kind) for d in drawings for kind in ("svg", "png")}


def _shown(scores: Sequence[Score], examples: Sequence[ShownCase]) -> tuple[Shown, ...]:
    by_case = {example.case: example for example in (ShownCase(*e) for e in examples)}
    chosen = pick_examples([score for score in scores if score.case in by_case])
    means = case_means(scores)
    return tuple(Shown(why, means[case], by_case[case]) for why, case in chosen)


def refuse_results(folder: Path, *, overwrite: bool) -> None:
    """Raise `ConfigError` when `folder` is a file or already holds a report that may not be replaced."""
    refuse_file(folder)
    found = [name for name in FILES if (folder / name).exists()]
    if found and not overwrite:
        raise ConfigError(f"{folder} already holds a report ({found[0]}); choose another folder or use --overwrite")
