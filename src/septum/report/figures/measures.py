"""Measures of objects by condition: how the objects are spread, and one dot per independent unit.

The insight: cells fill histograms, but only units (images, dishes, animals) can be counted in a test. So both are drawn
side by side, the cells as curves and the units as dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.report.figures.plots import CYCLE, plain_text, render, short_name, strip

_BINS = 30
_MOST_GROUPS = 6


def group_histogram(values: Mapping[str, ArrayLike], *, measure: str, image_format: str = "svg") -> bytes:
    """Share of objects along a measure, a line per condition (at most six), the largest hundredth left out.

    Raises:
        ConfigError: no defined value.

    >>> group_histogram({"a": [1.0, 2.0, 2.0]}, measure="area")[:5]
    b'<?xml'
    """
    shown = _defined(values)
    edges = _edges(np.concatenate(list(shown.values())))

    def draw(figure: Any) -> None:
        """A line of steps per condition, its median upright."""
        axes = figure.add_subplot()
        for place, (name, found) in enumerate(list(shown.items())[:_MOST_GROUPS]):
            counts, _ = np.histogram(found, edges)
            colour = CYCLE[place % len(CYCLE)]
            label = f"{plain_text(short_name(name))} ({found.size})" if len(shown) > 1 else None
            style = ("-", "--", ":")[place % 3]
            axes.stairs(100 * counts / found.size, edges, color=colour, linewidth=1.6, linestyle=style, label=label)
            axes.axvline(float(np.median(found)), color=colour, linewidth=0.8, linestyle=style)
        axes.set_xlabel(plain_text(measure))
        axes.set_ylabel("objects, %")
        axes.set_ylim(bottom=0)
        if len(shown) > 1:
            figure.legend(loc="outside upper center", ncols=2, frameon=False)

    return render(draw, height=2.7, image_format=image_format)


def group_dots(values: Mapping[str, ArrayLike], *, measure: str, image_format: str = "svg") -> bytes:
    """One row per condition: a dot per unit, the quartiles as a box, the median as a line.

    Raises:
        ConfigError: no defined value.

    >>> group_dots({"a": [1.0, 2.0], "b": [3.0]}, measure="cells")[:5]
    b'<?xml'
    """
    shown = _defined(values)

    def draw(figure: Any) -> None:
        """A row per condition, its name with the number of units."""
        axes = figure.add_subplot()
        for row, found in enumerate(shown.values()):
            strip(axes, found, row=row, colour=CYCLE[row % len(CYCLE)], size=26 if found.size < 60 else 9)
        axes.set_yticks(range(len(shown)), [f"{plain_text(short_name(n))} ({v.size})" for n, v in shown.items()])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel(plain_text(measure))
        axes.grid(axis="x", alpha=0.25)
        axes.tick_params(axis="y", length=0)

    return render(draw, height=0.95 + 0.42 * len(shown), image_format=image_format)


def _defined(values: Mapping[str, ArrayLike]) -> dict[str, Any]:
    found = {name: np.asarray(given, dtype=float) for name, given in values.items()}
    found = {name: given[~np.isnan(given)] for name, given in found.items()}
    found = {name: given for name, given in found.items() if given.size}
    if not found:
        raise ConfigError("values must hold at least one defined number, got none; measure at least one object first")
    return found


def _edges(values: Any) -> Any:
    low, high = float(values.min()), float(np.quantile(values, 0.99))
    if high <= low:
        low, high = low - 0.5, max(high, low) + 0.5
    return np.linspace(low, high, _BINS + 1)
