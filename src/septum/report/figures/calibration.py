"""Curves of probability maps: how often a probability is right, and what every threshold is worth.

The insight: a curve over ten bins looks like ten equal facts, but most voxels sit in the first and the last of them. So
the number of voxels stands below, on a logarithmic axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.metrics.calibration import Reliability
from septum.report.figures.plots import CYCLE, INK, MARKERS, render, short_name

_MOST_CURVES = 6


def reliability_plot(curves: Mapping[str, Reliability], *, image_format: str = "svg") -> bytes:
    """Frequency against confidence with the diagonal, and below it the voxels in each bin; at most 6 curves.

    Args:
        curves: name (class, method) to its curve.
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no curve that holds a voxel, or an unknown format.

    >>> curve = Reliability(np.array([0.1, 0.9]), np.array([0.1, 0.8]), np.array([90, 10]))
    >>> b"liver (ECE 0.010)" in reliability_plot({"liver": curve})
    True
    """
    shown = {name: curve for name, curve in curves.items() if curve.n.size}
    if not shown:
        raise ConfigError("curves must hold at least one voxel, got none; give probability maps of a case")
    shown = dict(list(shown.items())[:_MOST_CURVES])

    def draw(figure: Any) -> None:
        """The curves above, how many voxels stand behind them below."""
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        above.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=":", alpha=0.8)
        for place, (name, curve) in enumerate(shown.items()):
            colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
            label = f"{short_name(name)} (ECE {curve.expected_error:.3f})"
            above.plot(curve.confidence, curve.frequency, color=colour, marker=marker, markersize=4.5, label=label)
            below.plot(curve.confidence, curve.n, color=colour, marker=marker, markersize=3, linewidth=1)
        above.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="fraction that is right")
        above.grid(alpha=0.25)
        below.set(yscale="log", xlabel="probability, mean of each bin", ylabel="voxels")
        below.set_ylim(0.5, 3 * float(np.max([curve.n.max() for curve in shown.values()])))
        below.grid(axis="y", alpha=0.25)
        figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=1, frameon=False)

    return render(draw, height=4.0 + 0.18 * len(shown), image_format=image_format)


def threshold_plot(thresholds: Sequence[float], scores: Mapping[str, ArrayLike], *, image_format: str = "svg") -> bytes:
    """Scores in [0, 1] against the threshold that cuts a probability map; the best of each is marked; at most 6.

    Args:
        thresholds: `(T,)` in [0, 1].
        scores: name to its `(T,)` values; nan leaves a gap.
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: no score, or an unknown format.

    >>> b"best 0.900 at 0.5" in threshold_plot([0.25, 0.5, 0.75], {"Dice": [0.6, 0.9, 0.7]})
    True
    """
    if not scores:
        raise ConfigError("scores must hold at least one curve, got none; give probability maps of a case")
    shown = {name: np.asarray(v, dtype=float) for name, v in list(scores.items())[:_MOST_CURVES]}

    def draw(figure: Any) -> None:
        """A line per score, a star where it is best."""
        axes = figure.add_subplot()
        lowest = 1.0
        for place, (name, values) in enumerate(shown.items()):
            colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
            label = short_name(name)
            if np.isfinite(values).any():
                best = int(np.nanargmax(values))
                lowest = min(lowest, float(np.nanmin(values)))
                label += f" (best {values[best]:.3f} at {thresholds[best]:g})"
                axes.plot(thresholds[best], values[best], marker="*", markersize=14, color=colour)
            axes.plot(thresholds, values, color=colour, marker=marker, markersize=4, label=label)
        axes.set(xlim=(0, 1), ylim=(max(0.0, lowest - 0.05), 1.02), ylabel="mean score")
        axes.set_xlabel("threshold of the membrane probability")
        axes.grid(alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=1, frameon=False)

    return render(draw, height=2.6 + 0.18 * len(shown), image_format=image_format)
