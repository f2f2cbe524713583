"""Figures of comparisons: methods beside each other, how stable their order is, and how far two measurements agree.

The insight: a table of p-values hides what the eye sees at once, namely how large a difference is beside the spread
of the cases. So differences are drawn with their intervals on the scale of the score, an order with its chance of being
another one, and a model beside the readers that set its ceiling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.metrics.statistics import BlandAltman, PairedComparison, Ranking
from septum.report.figures.plots import BLUE, CYCLE, GREEN, INK, ORANGE, VERMILLION, render, short_name, strip

_MOST_ROWS = 30


def bland_altman_plot(
    reference: ArrayLike, prediction: ArrayLike, *, found: BlandAltman, unit: str, image_format: str = "svg"
) -> bytes:
    """Difference (prediction minus reference) against the mean of both, with bias and 95 % limits of agreement.

    Args:
        reference: one measurement per case; nan is left out.
        prediction: the other, in the same order.
        found: what `metrics.statistics.bland_altman(prediction, reference)` returned for them.
        unit: of both, such as "ml".
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no case is defined for both, or an unknown format.

    >>> from septum.metrics.statistics import bland_altman
    >>> reference, prediction = [10.0, 20.0, 30.0], [11.0, 19.0, 32.0]
    >>> found = bland_altman(prediction, reference)
    >>> b"95 % limits" in bland_altman_plot(reference, prediction, found=found, unit="ml")
    True
    """
    first, second = np.asarray(prediction, dtype=float), np.asarray(reference, dtype=float)
    known = ~np.isnan(first - second)
    if not known.any():
        raise ConfigError("reference and prediction must share a defined case, got none; measure a volume first")
    mean, difference = (first + second)[known] / 2, (first - second)[known]

    def draw(figure: Any) -> None:
        """A dot per object, the bias and the limits as lines."""
        axes = figure.add_subplot()
        axes.scatter(mean, difference, s=22 if mean.size < 60 else 9, color=BLUE, alpha=0.65, linewidths=0)
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.5)
        for value, low, high, colour, style, name in (
            (found.bias, found.bias_ci_low, found.bias_ci_high, VERMILLION, "-", "bias"),
            (found.lower, found.lower_ci_low, found.lower_ci_high, GREEN, "--", "95 % limits"),
            (found.upper, found.upper_ci_low, found.upper_ci_high, GREEN, "--", ""),
        ):
            if not np.isnan(low):
                axes.axhspan(low, high, color=colour, alpha=0.13, linewidth=0)
            if not np.isnan(value):
                axes.axhline(value, color=colour, linestyle=style, linewidth=1.5, label=name or None)
        axes.set_xlabel(f"mean of prediction and reference, {unit}")
        axes.set_ylabel(f"prediction − reference, {unit}")
        axes.grid(alpha=0.2)
        figure.legend(loc="outside upper center", ncols=2, frameon=False)

    return render(draw, height=3.1, image_format=image_format)


def difference_plot(comparisons: Sequence[PairedComparison], *, score_name: str, image_format: str = "svg") -> bytes:
    """One row per pair of methods: the mean difference with its interval, zero marked; at most 30 rows.

    Raises:
        ConfigError: no comparison, or an unknown format.

    >>> pair = PairedComparison("U-Net", "threshold", 9, 0, 9, 0.1, 0.05, 0.15, 0.004, 0.004, 1.0, 1.0, 1.0)
    >>> b"mean difference in Dice" in difference_plot([pair], score_name="Dice")
    True
    """
    if not comparisons:
        raise ConfigError("comparisons must hold at least one pair of methods, got none; give a second method")
    rows = list(comparisons)[:_MOST_ROWS]

    def draw(figure: Any) -> None:
        """A row per pair, diamonds where Holm's correction leaves a difference."""
        axes = figure.add_subplot()
        axes.axvline(0, color=INK, linewidth=0.9, alpha=0.6)
        for row, pair in enumerate(rows):
            sure = pair.p_holm < 0.05
            colour = VERMILLION if sure else BLUE
            axes.plot(
                [pair.mean_difference_ci_low, pair.mean_difference_ci_high], [row, row], color=colour, linewidth=1.8
            )
            axes.plot(pair.mean_difference, row, marker="D" if sure else "o", color=colour, markersize=6)
        axes.set_yticks(range(len(rows)), [_pair_name(pair) for pair in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        gap = "\n" if len(score_name) > 14 else " "
        note = "95 % interval (diamond: p < 0.05 after Holm)"
        axes.set_xlabel(f"mean difference in{gap}{score_name}\n{note}")
        axes.grid(axis="x", alpha=0.25)
        axes.tick_params(axis="y", length=0)

    return render(draw, height=1.1 + 0.42 * len(rows), image_format=image_format)


def _pair_name(pair: PairedComparison) -> str:
    return f"{short_name(pair.first)}\n− {short_name(pair.second)}"


def ranking_plot(ranking: Ranking, *, image_format: str = "svg") -> bytes:
    """One row per method, best first: how large a share of the bootstrap resamples gives it which rank.

    Raises:
        ConfigError: a ranking without resamples (fewer than two groups or methods), or an unknown format.

    >>> from septum.metrics.statistics import rank_methods
    >>> scores = {"U-Net": [0.9, 0.8, 0.95], "threshold": [0.5, 0.4, 0.6]}
    >>> b"100 %" in ranking_plot(rank_methods(scores, n_bootstrap=100))
    True
    """
    rows = [method for method in ranking.methods if method.rank_shares]
    if len(rows) < 2:
        raise ConfigError(f"ranking must hold resampled ranks of at least two methods, got {len(rows)}; add cases")

    def draw(figure: Any) -> None:
        """A row of circles per method, their areas the shares."""
        axes = figure.add_subplot()
        for row, method in enumerate(rows):
            shares = np.asarray(method.rank_shares)
            places = np.arange(1, shares.size + 1)
            colour = CYCLE[row % len(CYCLE)]
            axes.scatter(places, np.full(shares.size, row), s=520 * shares, color=colour, alpha=0.75, linewidths=0)
            for place, share in zip(places, shares, strict=True):
                if share >= 0.005:
                    axes.text(place, row + 0.42, f"{100 * share:.0f} %", ha="center", va="center", fontsize=7.5)
        axes.set_yticks(range(len(rows)), [short_name(method.name) for method in rows])
        axes.set_ylim(len(rows) - 0.3, -0.6)
        axes.set_xlim(0.5, len(rows) + 0.5)
        axes.set_xticks(range(1, len(rows) + 1))
        axes.set_xlabel("rank in the resamples (area: share of resamples)")
        axes.tick_params(axis="y", length=0)

    return render(draw, height=1.0 + 0.6 * len(rows), image_format=image_format)


def reader_agreement_plot(
    models: Mapping[str, ArrayLike],
    readers: Mapping[str, ArrayLike],
    *,
    between: ArrayLike,
    score_name: str = "Dice",
    image_format: str = "svg",
) -> bytes:
    """Models and readers against one reference, and the band in which readers agree among themselves.

    Args:
        models: method name to its score per case; nan is left out.
        readers: reader name to the reader's score per case against the same reference.
        between: scores of readers against each other, one per case; their quartiles are the band. May be empty.
        score_name: of the horizontal axis.
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no reader, or an unknown format.

    >>> svg = reader_agreement_plot({"model": [0.8, 0.9]}, {"Anna": [0.9, 0.85]}, between=[0.9, 0.92])
    >>> b"their median 0.910" in svg
    True
    """
    if not readers:
        raise ConfigError("readers must hold at least one reader, got none; give their masks")
    rows = [(name, np.asarray(v, dtype=float), VERMILLION) for name, v in models.items()]
    rows += [(name, np.asarray(v, dtype=float), BLUE) for name, v in readers.items()]
    band = _defined(between)

    def draw(figure: Any) -> None:
        """A row per method and reader; the readers' own band behind them, where it is known."""
        axes = figure.add_subplot()
        if band.size:
            low, median, high = np.quantile(band, [0.25, 0.5, 0.75])
            axes.axvspan(low, high, color=ORANGE, alpha=0.22, label="readers among each other, quartiles")
            axes.axvline(median, color=ORANGE, linewidth=1.6, label=f"their median {median:.3f}")
        for row, (_, values, colour) in enumerate(rows):
            strip(axes, _defined(values), row=row, colour=colour, size=20 if values.size < 60 else 9)
        axes.set_yticks(range(len(rows)), [short_name(name) for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel(f"{score_name} against the reference")
        axes.grid(axis="x", alpha=0.25)
        axes.tick_params(axis="y", length=0)
        if band.size:
            figure.legend(loc="outside upper center", ncols=1, frameon=False)

    return render(draw, height=1.3 + 0.42 * len(rows), image_format=image_format)


def estimate_plot(true: ArrayLike, estimated: ArrayLike, *, labels: Sequence[str], image_format: str = "svg") -> bytes:
    """Estimated against true scores with the diagonal, a mark per label (those after the sixth share the last).

    Args:
        true, estimated: one score per mask, in 0 to 1.
        labels: the name of each mask's label.
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no mask, or an unknown format.

    >>> b"estimated Dice" in estimate_plot([0.9, 0.7], [0.85, 0.75], labels=["liver", "spleen"])
    True
    """
    known, likely = np.asarray(true, dtype=float), np.asarray(estimated, dtype=float)
    if not known.size:
        raise ConfigError("true must hold at least one score, got none; hold a case out")
    names = list(dict.fromkeys(labels))
    numbers = np.array([min(names.index(name), len(CYCLE) - 1) for name in labels])
    low = max(0.0, min(float(np.nanmin(known)), float(np.nanmin(likely))) - 0.05)

    def draw(figure: Any) -> None:
        """A dot per mask and label, the diagonal behind them."""
        axes = figure.add_subplot()
        axes.plot([low, 1], [low, 1], color=INK, linewidth=0.9, alpha=0.6)
        for number in range(int(numbers.max()) + 1):
            mine = numbers == number
            shared = number == len(CYCLE) - 1 and len(names) > len(CYCLE)
            name = "others" if shared else short_name(names[number])
            axes.scatter(
                likely[mine], known[mine], s=24, color=CYCLE[number], marker="os^Dvp"[number], alpha=0.7, label=name
            )
        axes.set(xlim=(low, 1), ylim=(low, 1), aspect="equal")
        axes.set_xlabel("estimated Dice")
        axes.set_ylabel("true Dice")
        axes.grid(alpha=0.2)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)

    return render(draw, height=4.0, image_format=image_format)


def _defined(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[~np.isnan(array)]
