"""Parts of a report that only some reports have: comparisons, strata, agreement of volumes, readers, failures.

The insight: the page does not know what is compared. A `Section` is a title, a few sentences, drawings, tables and
pictures; whoever measured something hands one over, and each drawing can be asked for as SVG (for the page and for a
paper) and as PNG, so that a figure in a paper is the figure in the report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from septum.metrics import without_few
from septum.metrics.statistics import BlandAltman, PairedComparison, Ranking, bland_altman
from septum.report.figures import agreement, overlay, plots

Cell = str | int | float


@dataclass(frozen=True)
class Drawing:
    """A figure: its file name without suffix, caption, description for readers who cannot see it, and its drawer.

    `draw` takes `"svg"` or `"png"` and returns bytes.
    """

    name: str
    caption: str
    alt: str
    draw: Callable[[str], bytes]


@dataclass(frozen=True)
class Table:
    """A small table of the page; numbers are rounded there, not here."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""
    file: str = ""

    def frame(self) -> pd.DataFrame:
        """The same as a data frame, in full precision."""
        return pd.DataFrame(list(self.rows), columns=list(self.columns))


@dataclass(frozen=True)
class Tile:
    """A case of a gallery: its name, one line about it, and one picture."""

    case: str
    line: str
    panel: overlay.Panel


@dataclass(frozen=True)
class Section:
    """A part of the report; `first` says that it comes before everything else."""

    title: str
    text: str = ""
    drawings: Sequence[Drawing] = ()
    tables: Sequence[Table] = ()
    tiles: Sequence[Tile] = ()
    first: bool = False


def p_text(p: float) -> str:
    """A p-value as papers print it.

    >>> p_text(0.03214), p_text(1e-9), p_text(float("nan"))
    ('0.032', '< 0.001', '–')
    """
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval_text(low: float, high: float, *, digits: int = 3) -> str:
    """`low to high`, or a dash where there is no interval.

    >>> interval_text(0.5, 0.75), interval_text(float("nan"), float("nan"))
    ('0.500 to 0.750', '–')
    """
    return "–" if math.isnan(low) or math.isnan(high) else f"{low:.{digits}f} to {high:.{digits}f}"


def comparison_section(
    title: str, score_name: str, *, scores: Mapping[str, ArrayLike], pairs: Sequence[PairedComparison], ranking: Ranking
) -> Section:
    """Methods on the same cases: distributions, differences with intervals, ranking with its stability.

    Args:
        title: of the section.
        score_name: such as "Dice".
        scores: method name to its score per case.
        pairs: as `metrics.statistics.compare_all` returns them.
        ranking: as `metrics.statistics.rank_methods` returns it.

    >>> from septum.metrics.statistics import compare_all, rank_methods
    >>> scores = {"U-Net": [0.9, 0.8, 0.95], "threshold": [0.5, 0.6, 0.7]}
    >>> pairs, ranking = compare_all(scores, n_bootstrap=100), rank_methods(scores, n_bootstrap=100)
    >>> section = comparison_section("Methods", "Dice", scores=scores, pairs=pairs, ranking=ranking)
    >>> [drawing.name for drawing in section.drawings]
    ['methods-dice', 'differences-dice', 'ranking-dice']
    """
    key = "".join(c if c.isalnum() else "-" for c in score_name.lower()).strip("-")
    bounded = 1.0 if _within_unit(scores) else None
    drawings = [
        Drawing(
            f"methods-{key}",
            f"{score_name[0].upper() + score_name[1:]} of every case, by method",
            f"{score_name} of every case for the methods " + ", ".join(scores),
            lambda f: plots.dice_distribution(scores, image_format=f, score_name=score_name, largest=bounded),
        ),
        Drawing(
            f"differences-{key}",
            "Differences between methods on the same cases",
            "; ".join(_pair_sentence(pair) for pair in pairs),
            lambda f: agreement.difference_plot(pairs, score_name=score_name, image_format=f),
        ),
    ]
    if sum(bool(method.rank_shares) for method in ranking.methods) > 1:
        drawings.append(
            Drawing(
                f"ranking-{key}",
                "How stable the ranking is",
                f"Shares of ranks in bootstrap resamples; stability {ranking.stability:.2f}",
                lambda f: agreement.ranking_plot(ranking, image_format=f),
            )
        )
    return Section(
        title,
        _comparison_text(score_name, pairs, ranking=ranking),
        drawings,
        (_ranking_table(score_name, ranking, file=f"ranking-{key}"), pair_table(pairs, f"comparison-{key}")),
        first=True,
    )


def _within_unit(scores: Mapping[str, ArrayLike]) -> bool:
    values = np.concatenate([np.asarray(v, dtype=float) for v in scores.values()])
    return not bool(((values < 0) | (values > 1)).any())


def _pair_sentence(pair: PairedComparison) -> str:
    return f"{pair.first} minus {pair.second}: {pair.mean_difference:.3f}, p {p_text(pair.p_holm)}"


def _comparison_text(score_name: str, pairs: Sequence[PairedComparison], *, ranking: Ranking) -> str:
    unit = "groups" if pairs and pairs[0].n_groups < pairs[0].n else "cases"
    text = (
        f"{score_name[0].upper() + score_name[1:]} of {ranking.n} cases that all methods define ({ranking.n_undefined} "
        f"are left out of the ranking). Two-sided Wilcoxon signed-rank test on {unit}, p-values corrected for "
        f"{len(pairs)} comparison{'s' if len(pairs) != 1 else ''} by Holm's method. Effect: matched-pairs "
        f"rank-biserial correlation, 1 where the first method is larger in every case, -1 where the second is. "
        f"Intervals: 2000 bootstrap resamples of {unit}."
    )
    if not math.isnan(ranking.stability):
        text += f" Stability of the ranking (mean Kendall correlation with the resamples): {ranking.stability:.2f}."
    if pairs and pairs[0].n_groups < 6:
        text += " With fewer than six independent groups this test cannot reach p < 0.05."
    return text


def _ranking_table(score_name: str, ranking: Ranking, *, file: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for method in ranking.methods:
        first = method.rank_shares[0] if method.rank_shares else math.nan
        ranks = interval_text(method.rank_ci_low, method.rank_ci_high, digits=0)
        rows.append((method.name, method.rank, method.mean, method.mean_rank, ranks, first))
    columns = (
        "method",
        "rank",
        f"mean {score_name}",
        "mean rank in cases",
        "rank, 95 %",
        "first in",
    )
    return Table(columns, rows, "“first in”: share of the resamples in which the method ranks first.", file)


def pair_table(pairs: Sequence[PairedComparison], file: str) -> Table:
    """Paired comparisons as a table of the page.

    >>> pair = PairedComparison("U-Net", "threshold", 9, 0, 9, 0.1, 0.05, 0.15, 0.004, 0.004, 1.0, 1.0, 1.0)
    >>> pair_table([pair], "comparison").rows[0][:6]
    ('U-Net − threshold', 9, 0, 9, 0.1, '0.050 to 0.150')
    """
    columns = ("methods", "n", "undefined", "groups", "difference", "95 % interval", "p", "p (Holm)", "effect",
               "effect, 95 %")  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            f"{p.first} − {p.second}",
            p.n,
            p.n_undefined,
            p.n_groups,
            p.mean_difference,
            interval_text(p.mean_difference_ci_low, p.mean_difference_ci_high),
            p_text(p.p_value),
            p_text(p.p_holm),
            p.effect,
            interval_text(p.effect_ci_low, p.effect_ci_high, digits=2),
        )
        for p in pairs
    ]
    return Table(columns, rows, "", file)


def agreement_section(
    volumes: Mapping[str, tuple[ArrayLike, ArrayLike]], *, unit: str, groups: Sequence[Any] | None = None
) -> Section:
    """Agreement of predicted and reference volumes (areas in 2-D): Bland-Altman per label.

    Args:
        volumes: label name to (reference, prediction), one value per case.
        unit: of the values.
        groups: one key per case, for the intervals.

    >>> section = agreement_section({"liver": ([10.0, 20.0, 30.0], [11.0, 21.0, 31.0])}, unit="ml")
    >>> section.drawings[0].caption, section.tables[0].rows[0][:3]  # label, cases, bias
    ('Agreement of size: liver', ('liver', 3, 1.0))
    """
    found = {
        name: (ref, pred, without_few(bland_altman(pred, ref, groups=groups)))
        for name, (ref, pred) in list(volumes.items())[:6]
    }
    drawings = [
        Drawing(
            f"volume-{number}",
            f"Agreement of size: {name}",
            f"Bland-Altman plot of {name}: bias {ba.bias:.3g} {unit}, limits {ba.lower:.3g} to {ba.upper:.3g} {unit}",
            lambda f, ref=ref, pred=pred, ba=ba: agreement.bland_altman_plot(  # type: ignore[misc]
                ref, pred, found=ba, unit=unit, image_format=f
            ),
        )
        for number, (name, (ref, pred, ba)) in enumerate(found.items(), start=1)
        if ba.n
    ]
    text = (
        f"Prediction minus reference, in {unit}: the bias says whether structures come out too large or too small, the "
        "95 % limits of agreement how far a single case may be off. A slope other than 0 means that the error grows "
        "with the structure."
    )
    left_out = len(volumes) - len(found)
    if left_out > 0:
        text += f" The first {len(found)} of {len(volumes)} labels are shown."
    return Section("Agreement of sizes", text, drawings,
                   (_agreement_table({name: ba for name, (_, _, ba) in found.items()}, unit),))  # fmt: skip


def _agreement_table(found: Mapping[str, BlandAltman], unit: str) -> Table:
    columns = ("label", "n", f"bias, {unit}", "95 % interval", "lower limit", "upper limit", "slope", "p of the slope")
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            ba.n,
            ba.bias,
            interval_text(ba.bias_ci_low, ba.bias_ci_high),
            ba.lower,
            ba.upper,
            ba.slope,
            p_text(ba.slope_p),
        )
        for name, ba in found.items()
    ]
    return Table(columns, rows, "", "agreement")


def strata_section(column: str, score_name: str, *, strata: Mapping[str, ArrayLike], summary: Table) -> Section:
    """One score by the values of a column of the user's table.

    Args:
        column: its name.
        score_name: such as "Dice".
        strata: value to the scores of its cases.
        summary: n, mean, interval and median per stratum.

    >>> strata = {"A": [0.9, 0.8], "B": [0.6, 0.7]}
    >>> summary = Table(("scanner", "n"), [("A", 2), ("B", 2)])
    >>> section = strata_section("scanner", "Dice", strata=strata, summary=summary)
    >>> section.title, section.drawings[0].name
    ('By scanner', 'strata-scanner')
    """
    bounded = 1.0 if _within_unit(strata) else None
    drawing = Drawing(
        "strata-" + "".join(c if c.isalnum() else "-" for c in column.lower()),
        f"{score_name} by {column}",
        f"{score_name} of every case by {column}: " + ", ".join(strata),
        lambda f: plots.dice_distribution(strata, image_format=f, score_name=score_name, largest=bounded),
    )
    return Section(f"By {column}", "", (drawing,), (summary,))


def as_records(items: Sequence[Any]) -> list[dict[str, Any]]:
    """Plain dictionaries of frozen dataclasses.

    >>> as_records([Table(("case", "Dice"), [("p1", 0.9)])])
    [{'columns': ('case', 'Dice'), 'rows': [('p1', 0.9)], 'note': '', 'file': ''}]
    """
    return [asdict(item) for item in items]
