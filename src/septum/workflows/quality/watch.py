"""Drift over a series of predictions: is what comes in still what the model was judged on?

The insight: a new scanner or stain changes many images a little before it ruins one, so single cases say nothing and
their weighted running mean does. What is watched was written with every prediction: the likely Dice, and how far the
image lies from those of the training, in intensities and in the networks' features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from septum.errors import ConfigError, DatasetError
from septum.geometry.arrays import Float64Array
from septum.workflows.quality.worklist import Estimate, read_list
from septum.workflows.runs.files import write_text
from septum.workflows.runs.tables import frame_csv

BASELINE = 20
"""Cases at the beginning of the series that say what is usual."""


FEWEST_BASELINE = 8
"""Below it the usual spread is not known well enough to call anything unusual."""


_MEMORY = 0.2  # weight of the newest case in the running mean


_WIDTH = 3.5
"""Deviations of the running mean that are still chance. In simulated series of 200 cases after 20, 11 of 100 that did
not change alarm; a change by two deviations is found after 4 cases, one by a single deviation after 11 (medians)."""


_FLOOR = 1e-3  # least deviation: a measure that never changed would alarm at rounding


@dataclass(frozen=True)
class Chart:
    """A control chart of one measure.

    Args:
        values: `(n,)` of the cases in their order; nan where a case has none, which leaves the mean as it was.
        mean: `(n,)` exponentially weighted running mean.
        low, high: `(n,)` its limits.
        first: index of the first case at which the mean is outside, after the baseline; None where it never is.
    """

    values: Float64Array
    mean: Float64Array
    low: Float64Array
    high: Float64Array
    first: int | None


@dataclass(frozen=True)
class Watched:
    """The table that was written, and one sentence per measure that left its range."""

    written: Path
    cases: int
    alarms: tuple[str, ...]


def control_chart(values: ArrayLike, *, baseline: int = BASELINE) -> Chart:
    """The exponentially weighted moving average of a series, with limits from its beginning.

    Args:
        values: `(n,)`, nan where unknown.
        baseline: how many of the first values that are known say what is usual: their mean and deviation.

    Raises:
        ConfigError: a baseline of fewer than 8.
        DatasetError: fewer values than the baseline and one more.

    Source: Roberts 1959, Technometrics 1:239; limits that widen from the first case on as in Lucas and Saccucci 1990.

    >>> usual = [0.9, 0.91, 0.89, 0.9, 0.92, 0.88, 0.9, 0.91]
    >>> control_chart([*usual, 0.9, 0.7, 0.71, 0.7], baseline=8).first
    9
    """
    if baseline < FEWEST_BASELINE:
        raise ConfigError(f"baseline must be at least {FEWEST_BASELINE} cases, got {baseline}; give more")
    x = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(x))
    if len(known) <= baseline:
        raise DatasetError(
            f"a series must have more than {baseline} cases with a value to be watched, got {len(known)}; "
            "give more predictions, or a smaller --baseline"
        )
    usual = x[known[:baseline]]
    centre, spread = float(usual.mean()), max(float(usual.std(ddof=1)), _FLOOR)
    mean, width = np.empty(len(x)), np.empty(len(x))
    now, seen = centre, 0
    for index, value in enumerate(x):
        if math.isfinite(value):
            now, seen = (1 - _MEMORY) * now + _MEMORY * value, seen + 1
        share = _MEMORY / (2 - _MEMORY) * (1 - (1 - _MEMORY) ** (2 * seen))
        # the centre is known from the baseline only: without its share, every second unchanged series alarmed
        mean[index], width[index] = now, _WIDTH * spread * math.sqrt(share + 1 / baseline)
    outside = np.flatnonzero((np.abs(mean - centre) > width) & (np.arange(len(x)) > known[baseline - 1]))
    first = int(outside[0]) if len(outside) else None
    return Chart(x, mean, centre - width, centre + width, first)


MEASURES: Mapping[str, str] = {
    "dice": "the likely Dice",
    "image_far": "the distance of the images from those of the training",
    "network_far": "the distance of the images in the network's own features",
}
"""What is watched, and its name in words."""


def watch(folders: Sequence[Path], output: Path, *, baseline: int = BASELINE, overwrite: bool = False) -> Watched:
    """Chart the predictions in these folders, in the order given, cases in the order of their names.

    Writes `watch.csv`: a line per case with each measure, its running mean and the limits.

    Raises:
        ConfigError: `output` holds one already and `overwrite` is not set; a baseline that is too short.
        DatasetError: a folder without `quality.json`; too few cases.
    """
    if (output / "watch.csv").exists() and not overwrite:
        raise ConfigError(f"{output} already holds watch.csv; choose another folder or use --overwrite")
    rows = [(folder.name, one) for folder in folders for one in _cases(folder)]
    table = pd.DataFrame({"run": [run for run, _ in rows], "case": [one.case for _, one in rows]})
    alarms, charted = [], 0
    for measure, words in MEASURES.items():
        values = [getattr(one, measure) for _, one in rows]
        if sum(map(math.isfinite, values)) <= baseline and measure != "dice":
            continue
        try:
            chart = control_chart(values, baseline=baseline)
        except DatasetError:
            if measure == "dice" and any(math.isfinite(one.image_far) for _, one in rows):
                continue  # a model without figures is watched by its images
            raise
        charted += 1
        for name, column in (("", chart.values), ("_mean", chart.mean), ("_low", chart.low), ("_high", chart.high)):
            table[measure + name] = column
        if chart.first is not None:
            run, one = rows[chart.first]
            side = "above" if chart.mean[chart.first] > chart.high[chart.first] else "below"
            alarms.append(f"{words} is {side} its usual range from {one.case} in {run} on")
    if not charted:
        raise DatasetError(f"more than {baseline} cases must have a value to be watched, got {len(rows)}; give more")
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "watch.csv", frame_csv(table, float_format="%.4f"))
    return Watched(output / "watch.csv", len(rows), tuple(alarms))


def _cases(folder: Path) -> list[Estimate]:
    """The worst class of every case, by name."""
    worst: dict[str, Estimate] = {}
    for one in read_list(folder):  # worst first, so that the first of a case stays
        worst.setdefault(one.case, one)
    if not worst:
        raise DatasetError(f"{folder} must hold the quality.json of `septum predict`, got none; give such folders")
    return [worst[name] for name in sorted(worst)]
