"""The two-panel figure of a reader study: what the overlap is, and what people make of it.

(a) the distribution of the Dice coefficient over all cases, (b) how often every reader passed the masks of the sample.
The insight of the pair: neither panel alone answers "is it good enough"; where readers begin to fail masks is drawn
into (a) as a line with its interval, and that line is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.report.figures.plots import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    axis_start,
    plain_text,
    render,
)

_SOURCE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)


_ABOVE = 2.4  # inches of panel (a)


_HATCHES = ("", "///", "...", "xxx", "\\\\\\")


@dataclass(frozen=True)
class PassRate:
    """How often a reader passed the masks of one source: `passed` of `n`, and the interval of the share."""

    reader: str
    source: str
    passed: int
    n: int
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class CutLine:
    """A score to mark: where it lies, what it is called, and its interval where it has one."""

    value: float
    name: str
    ci_low: float = float("nan")
    ci_high: float = float("nan")


def two_panels(
    dice: Mapping[str, ArrayLike],
    rates: Sequence[PassRate],
    *,
    lines: Sequence[CutLine] = (),
    image_format: str = "svg",
) -> bytes:
    """The figure as SVG or PNG bytes: (a) distribution of Dice by source, (b) pass rates by reader and source.

    Args:
        dice: source to its values over all cases; nan is left out. Empty: panel (b) stands alone.
        rates: at least one.
        lines: scores to mark in (a).
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: nothing was rated, or an unknown format.

    >>> svg = two_panels({"model": [0.8, 0.9]}, [PassRate("Anna", "model", 8, 10, 0.49, 0.94)])
    >>> b"8/10" in svg, b"median 0.850" in svg
    (True, True)
    """
    if not rates:
        raise ConfigError("rates must hold at least one reader, got none; rate at least one item first")
    known = {name: _defined(values) for name, values in dice.items()}
    known = {name: values for name, values in known.items() if values.size}
    sources = list(dict.fromkeys([rate.source for rate in rates] + list(known)))
    colours = {name: _SOURCE_COLOURS[place % len(_SOURCE_COLOURS)] for place, name in enumerate(sources)}
    below = 0.9 + 0.3 * len(rates)

    def draw(figure: Any) -> None:
        """Both panels; the distribution only where any Dice is known."""
        if known:
            upper, lower = figure.subplots(2, 1, height_ratios=[_ABOVE, below])
            _distribution(upper, known, lines=lines, colours=colours)
            figure.legend(*upper.get_legend_handles_labels(), loc="outside upper left", frameon=False, fontsize=8)
            upper.set_title("(a)", loc="left", fontweight="bold")
            lower.set_title("(b)", loc="left", fontweight="bold")
        else:
            lower = figure.subplots()
        _rates(lower, rates, colours=colours)

    legend = 0.2 * (len(known) + len(lines))
    return render(draw, height=below + (_ABOVE + legend if known else 0), image_format=image_format)


def by_rating(
    scores: ArrayLike, shares: ArrayLike, *, lines: Sequence[CutLine] = (), image_format: str = "svg"
) -> bytes:
    """Every rated item: its score against the share of readers who passed it.

    Args:
        scores: one per item; nan is left out.
        shares: share of readers who passed it, 0 to 1.
        lines: scores to mark.
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no item with a score, or an unknown format.

    >>> b"cut 0.750" in by_rating([0.9, 0.6], [1.0, 0.0], lines=[CutLine(0.75, "cut")])
    True
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(shares, dtype=float)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if not x.size:
        raise ConfigError("scores must hold at least one defined score, got none; give --dice of the sampled cases")
    shift = 0.03 * (2 * ((np.arange(x.size) * 0.618034) % 1) - 1)

    def draw(figure: Any) -> None:
        """A dot per item; the scores to mark as lines."""
        axes = figure.subplots()
        passed = y > 0.5
        for chosen, colour, marker, name in ((passed, BLUE, "o", "passed"), (~passed, VERMILLION, "X", "failed")):
            axes.scatter(x[chosen], (y + shift)[chosen], s=30, color=colour, marker=marker, alpha=0.7, label=name)
        _mark(axes, lines)
        axes.set_xlabel("Dice of the item")
        axes.set_ylabel("share of readers who passed it")
        axes.set_ylim(-0.08, 1.08)
        axes.grid(alpha=0.25)
        figure.legend(loc="outside upper center", ncols=2, frameon=False)

    return render(draw, height=2.9, image_format=image_format)


def _defined(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]


def _distribution(
    axes: Any, dice: Mapping[str, NDArray[np.float64]], *, lines: Sequence[CutLine], colours: Mapping[str, str]
) -> None:
    start = min(axis_start(values) for values in dice.values())
    start = min([start, *(0.1 * np.floor(10 * line.value) for line in lines if np.isfinite(line.value))])
    most = max(values.size for values in dice.values())
    for name, values in dice.items():
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        colour = colours[name]
        label = f"{plain_text(name)}: n = {values.size:,}, median {median:.3f}, quartiles {low:.3f} – {high:.3f}"
        bins = 40 if most >= 200 else 20
        axes.hist(values, bins=bins, range=(start, 1.0), color=colour, alpha=0.6, edgecolor="white", linewidth=0.4)
        axes.axvspan(low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axvline(median, color=colour, linewidth=1.8, label=label)
    _mark(axes, lines)
    axes.set_xlim(start, 1.0)
    axes.set_xlabel("Dice per case (median: line, quartiles: band)")
    axes.set_ylabel("cases")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _mark(axes: Any, lines: Sequence[CutLine]) -> None:
    for place, line in enumerate(lines):
        if not np.isfinite(line.value):
            continue
        interval = np.isfinite(line.ci_low) and np.isfinite(line.ci_high)
        text = f"{line.name} {line.value:.3f}"
        if interval:
            axes.axvspan(line.ci_low, line.ci_high, color=VERMILLION, alpha=0.12, linewidth=0)
            text += f" ({line.ci_low:.3f} – {line.ci_high:.3f})"
        style = ("--", ":")[place % 2]
        axes.axvline(line.value, color=VERMILLION if interval else INK, linewidth=1.5, linestyle=style, label=text)


def _rates(axes: Any, rates: Sequence[PassRate], *, colours: Mapping[str, str]) -> None:
    """One bar per reader and source: the share passed, with its interval and the counts."""
    sources = list(dict.fromkeys(rate.source for rate in rates))
    names = []
    for row, rate in enumerate(rates):
        place = sources.index(rate.source)
        share = rate.passed / rate.n if rate.n else 0.0
        hatch = _HATCHES[place % len(_HATCHES)]
        axes.barh(
            row, share, height=0.7, color=colours[rate.source], alpha=0.55, hatch=hatch, edgecolor=INK, linewidth=0.6
        )
        axes.plot([rate.ci_low, rate.ci_high], [row, row], color=INK, linewidth=1.6, marker="|", markersize=7)
        axes.text(1.03, row, f"{rate.passed}/{rate.n}", va="center", ha="left")
        short = rate.reader if len(rate.reader) <= 18 else rate.reader[:17] + "…"
        name = plain_text(short) if len(sources) == 1 else f"{plain_text(short)} · {plain_text(rate.source[:18])}"
        names.append(name)
    axes.set_yticks(range(len(rates)), names)
    axes.set_ylim(len(rates) - 0.4, -0.6)
    axes.set_xlim(0, 1.0)
    axes.set_xlabel("share passed (line: 95 % Wilson interval)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
