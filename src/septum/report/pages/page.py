"""One self-contained HTML file: what was measured, how it is distributed, and what it looks like.

The insight: a report is read months later, on another machine, attached to a mail. So the page carries everything
inside itself (figures as SVG, pictures as data), asks no server for anything (its content policy forbids it), follows
the reader's light or dark setting, and treats every name as hostile: case names come from outside and are escaped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from septum.metrics.summary import POLICIES
from septum.report.figures import overlay, plots
from septum.report.pages.compared import compared
from septum.report.pages.explorer import Explorer, picture_uri
from septum.report.pages.sections import Cell, Drawing, Section

_MOST_ROWS = 1000  # of the case table; the rest is in cases.csv


_MOST_COLUMNS = 8  # labels that get a column of their own in the case table


@dataclass(frozen=True)
class Shown:
    """A case that is shown as pictures: why it was chosen ("worst", "median", "best", …), its mean Dice, its arrays."""

    why: str
    score: float
    example: overlay.ShownCase


@dataclass(frozen=True)
class Content:
    """Everything a report shows.

    Args:
        title: heading of the page.
        scores: one row per case and label: `case, group, label, name, dice, iou, pixel_error, empty, …`.
        summary: one row per label and score: `name, metric, n, n_undefined, n_groups, mean, mean_ci_low, …`; the first
            rows describe the mean over labels of each case.
        case_means: one value per case (index: case name): the mean Dice over its labels, nan where undefined.
        shown: cases to show as pictures.
        curves: learning curves as in `plots.learning_curves`, or None.
        plan: plan of the network, or None.
        provenance: versions, seed, data, times, or None.
        notes: sentences that the reader must see before the numbers.
        not_scored: `(case, reason)` of cases without a score.
        sections: parts that only this report has (comparisons, agreement, failures), in order.
        explorer: the interactive plot, or None.
        created: date and time, as text.
        version: of Septum.
        files: beside the page.
        methods: classical methods on the same cases, or None: `method, n, dice, dice_ci_low, dice_ci_high, seconds,
            pipeline`, and `gain` where a network is compared with them.
        policy: for empty masks, a name in `metrics.POLICIES`.
        titles: metric to the name that is shown.
        cards: metrics that are shown large beside Dice, because they were asked for.
        pictured: the method that the page's own figures show, where several are compared.
    """

    title: str
    scores: pd.DataFrame
    summary: pd.DataFrame
    case_means: pd.Series[Any]
    shown: Sequence[Shown] = ()
    curves: pd.DataFrame | None = None
    plan: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()
    not_scored: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()
    explorer: Explorer | None = None
    created: str = ""
    version: str = ""
    files: Sequence[str] = field(default=("cases.csv", "summary.csv", "evaluation.json"))
    methods: pd.DataFrame | None = None
    policy: str = "undefined"
    titles: Mapping[str, str] = field(default_factory=dict)
    cards: Sequence[str] = ()
    pictured: str = ""


def render_page(content: Content) -> str:
    """The report as one HTML document (UTF-8 text) that needs no other file.

    >>> numbers = {"mean": 0.9, "median": 0.9, "q1": 0.9, "q3": 0.9, "minimum": 0.9, "maximum": 0.9, "n_groups": 1}
    >>> limits = dict.fromkeys(("mean_ci_low", "mean_ci_high", "median_ci_low", "median_ci_high"), math.nan)
    >>> row = {"label": 1, "name": "liver", "metric": "dice", "n": 1, "n_undefined": 0, **numbers, **limits}
    >>> case = {"case": "p1", "group": "", "label": 1, "name": "liver", "dice": 0.9, "iou": 0.8}
    >>> scores = pd.DataFrame([case | {"pixel_error": 0.01, "empty": ""}])
    >>> page = render_page(Content("Livers", scores, pd.DataFrame([row]), pd.Series({"p1": 0.9})))
    >>> page.startswith("<!DOCTYPE html>"), "0.900" in page
    (True, True)
    """
    parts = [section_parts(section, number) for number, section in enumerate(content.sections)]
    return template("page.html.j2").render(
        content=content,
        headline=_headline(content),
        summary=_summary_rows(content.summary),
        n_groups=_groups(content.summary),
        figures=_distribution(content) + _curves(content.curves),
        cards=_cards(content),
        first=[part for part, section in zip(parts, content.sections, strict=True) if section.first],
        sections=[part for part, section in zip(parts, content.sections, strict=True) if not section.first],
        explorer=None if content.explorer is None else content.explorer.payload(),
        shown=[(shown, overlay.case_thumbnail(shown.example)) for shown in content.shown],
        compared=[compared(shown.example) for shown in content.shown],
        empty_rows=_empty_rows(content.scores, content.policy),
        table=_case_table(content),
        methods=[] if content.methods is None else _summary_rows(content.methods),
        details=[
            (name, json.dumps(value, indent=2, ensure_ascii=False, default=str))
            for name, value in (("Plan", content.plan), ("Provenance", content.provenance))
            if value is not None
        ],
    )


@cache
def template(name: str) -> jinja2.Template:
    """A page of this room with the filters that pages use; an unknown variable in it is an error.

    >>> template("page.html.j2").name
    'page.html.j2'
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("septum.report", package_path="templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["picture"] = picture_uri
    environment.filters["cell"] = cell
    return environment.get_template(name)


def number(value: float, digits: int = 3) -> str:
    """A score as text; a dash where it is undefined.

    >>> number(0.87654), number(float("nan"))
    ('0.877', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def cell(value: Cell) -> str:
    """A cell of a small table: fractions are rounded to three digits, large values to none.

    >>> cell(0.12345), cell(12), cell("p"), cell(12345.6)
    ('0.123', '12', 'p', '12346')
    """
    if isinstance(value, float):
        return number(value, 0 if abs(value) >= 1000 else 3)
    return str(value)


def section_parts(section: Section, position: int) -> dict[str, Any]:
    """A section with its drawings as elements of a page, for `sections.html.j2`; `position` keeps ids apart.

    >>> sorted(section_parts(Section("Readers", "Two of them."), 0))
    ['figures', 'tables', 'text', 'tiles', 'title']
    """
    shown = [
        (d.caption, inline_svg(d.draw("svg"), alt=d.alt, prefix=f"s{position}-{i}"))
        for i, d in enumerate(section.drawings)
    ]
    return {
        "title": section.title,
        "text": section.text,
        "figures": shown,
        "tables": section.tables,
        "tiles": section.tiles,
    }


def inline_svg(svg: bytes, *, alt: str, prefix: str) -> Markup:
    """A matplotlib SVG as an element of the page: described, coloured by the reader's theme, its ids made its own.

    Args:
        svg: the document.
        alt: description for readers who cannot see it.
        prefix: put before every id, so that several figures share one page.

    >>> svg = plots.dice_distribution({"liver": [0.9, 0.8]})
    >>> inline_svg(svg, alt="Dice of <two> cases", prefix="a")[:54]
    Markup('<svg role="img" aria-label="Dice of &lt;two&gt; cases"')
    """
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text, count=4)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', text)
    text = text.replace(plots.INK, "currentColor")
    text = re.sub(r'(<svg\b[^>]*?)\swidth="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg\b[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
    label = Markup('<svg role="img" aria-label="{}"').format(alt)
    return Markup(text.replace("<svg", str(label), 1))


def _headline(content: Content) -> Mapping[str, Any]:
    """The row of the mean Dice over labels: what is read first."""
    dice = content.summary[content.summary["metric"] == "dice"]
    return {} if dice.empty else dict(dice.iloc[0])


def _cards(content: Content) -> list[tuple[str, dict[str, Any]]]:
    """`(title, row of the summary)` of the scores that were asked for beyond Dice."""
    rows = {(row["metric"], row["name"]): row for row in reversed(_summary_rows(content.summary))}
    by_metric = {metric: row for (metric, _), row in rows.items()}
    return [(content.titles.get(name, name), by_metric[name]) for name in content.cards if name in by_metric]


def _summary_rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in summary.to_dict("records")]


def _groups(summary: pd.DataFrame) -> int | None:
    """Number of groups where cases share them, else None."""
    if summary.empty or (summary["n_groups"] == summary["n"]).all():
        return None
    return int(summary["n_groups"].max())


def distribution_drawings(content: Content) -> list[Drawing]:
    """Dots per label; with many cases the histogram of the mean as well.

    >>> scores = pd.DataFrame({"name": ["liver", "spleen"], "dice": [0.9, 0.8]})
    >>> content = Content("Organs", scores, pd.DataFrame(), pd.Series({"p1": 0.85}))
    >>> [drawing.caption for drawing in distribution_drawings(content)]
    ['Dice per label']
    """
    result = []
    if plots.wants_histogram(content.case_means):
        alt = f"Histogram of the Dice value of {len(content.case_means)} cases"
        values = content.case_means.to_numpy()
        caption = "How many cases reach which Dice"
        result.append(Drawing("histogram", caption, alt, lambda f: plots.score_histogram(values, image_format=f)))
    labels = {str(name): rows["dice"].to_numpy() for name, rows in content.scores.groupby("name", sort=False)}
    if labels:
        alt = "Dice of every case for " + ", ".join(list(labels)[:10])
        caption = "Dice per label" if len(labels) > 1 else "Dice per case"
        result.append(Drawing("labels", caption, alt, lambda f: plots.dice_distribution(labels, image_format=f)))
    return result


def _distribution(content: Content) -> list[tuple[str, Markup]]:
    return [(d.caption, inline_svg(d.draw("svg"), alt=d.alt, prefix=d.name)) for d in distribution_drawings(content)]


def _curves(curves: pd.DataFrame | None) -> list[tuple[str, Markup]]:
    if curves is None:
        return []
    result = []
    for quantity in plots.drawable_quantities(curves):
        alt = f"Learning curve: {quantity} against training time; the values are in the training log"
        svg = plots.learning_curves(curves, quantity=quantity)
        result.append((f"Learning curve: {plots.QUANTITIES[quantity]}", inline_svg(svg, alt=alt, prefix=quantity)))
    return result


def _empty_rows(scores: pd.DataFrame, policy: str) -> list[tuple[str, str, int, int]]:
    """`(row of the table, meaning, cases and labels it met, how many of them leave Dice undefined)`."""
    result = []
    for row in POLICIES[policy]:
        count = int((scores["empty"] == row.name).sum()) if len(scores) else 0
        result.append((row.name, row.meaning, count, count if math.isnan(row.values["dice"]) else 0))
    return result


@dataclass(frozen=True)
class CaseRows:
    """The table of cases: labels that have a column, `(case, group, mean, scores per label, error)`, rows left out."""

    labels: tuple[str, ...]
    groups: bool
    rows: list[tuple[str, str, float, list[float], float]]
    left_out: int


def _case_table(content: Content) -> CaseRows:
    """Cases with their mean Dice, worst first, undefined ones last."""
    scores = content.scores
    names = [str(name) for name in dict.fromkeys(scores["name"])] if len(scores) else []
    labels = tuple(names) if 1 < len(names) <= _MOST_COLUMNS else ()
    by_case = {str(case): rows for case, rows in scores.groupby("case", sort=False)} if len(scores) else {}
    order = content.case_means.sort_values(kind="stable", na_position="last")
    rows = []
    for case, mean in list(order.items())[:_MOST_ROWS]:
        own = by_case[str(case)]
        dice = dict(zip(own["name"].astype(str), own["dice"], strict=True))
        group, error = str(own["group"].iloc[0]), float(own["pixel_error"].iloc[0])
        rows.append((str(case), group, float(mean), [float(dice[name]) for name in labels], error))
    return CaseRows(labels, any(row[1] for row in rows), rows, max(0, len(order) - _MOST_ROWS))
