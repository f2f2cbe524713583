"""What becomes of the cases in which a score is 0/0, and how many scores become one line of a table.

The insight: how empty masks are counted moves a mean more than most networks do, so it is decided once, here, in a
table that can be read, and every summary carries the number of values that the table left undefined.

**The default, argued.** When neither mask holds the structure, Dice is 0/0. Scoring such a case as 1 rewards a
network that finds nothing, and lets a data set of mostly empty cases reach any mean; scoring it as 0 punishes a correct
answer. It is therefore *undefined*: left out of the mean and counted beside it (`n_undefined`, and one count per
row of the table). A structure predicted where there is none, and one that was missed altogether, are not undefined:
Dice is 0 by its own formula, and they stay in. (Maier-Hein et al. 2024, "Metrics reloaded", Nature Methods 21:195,
asks for the same: decide, say so, and count.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError

UNDEFINED = float("nan")


@dataclass(frozen=True)
class EmptyCase:
    """One row of the table: which mask is empty, what that means, and the value every score takes there."""

    name: str
    reference_empty: bool
    prediction_empty: bool
    meaning: str
    values: Mapping[str, float]


def _row(name: str, reference: bool, prediction: bool, meaning: str, **values: float) -> EmptyCase:
    return EmptyCase(name, reference, prediction, meaning, MappingProxyType(values))


# THE table. `UNDEFINED` values are left out of means and counted; tests pin every cell.
EMPTY_CASES: tuple[EmptyCase, ...] = (
    _row(
        "both empty",
        True,
        True,
        "nothing to find and nothing found: every overlap score is 0/0",
        dice=UNDEFINED,
        iou=UNDEFINED,
        precision=UNDEFINED,
        sensitivity=UNDEFINED,
    ),
    _row(
        "reference empty",
        True,
        False,
        "something found where there is nothing: overlap 0; sensitivity is 0/0",
        dice=0.0,
        iou=0.0,
        precision=0.0,
        sensitivity=UNDEFINED,
    ),
    _row(
        "prediction empty",
        False,
        True,
        "missed altogether: overlap 0; precision is 0/0",
        dice=0.0,
        iou=0.0,
        precision=UNDEFINED,
        sensitivity=0.0,
    ),
)


def empty_case(*, reference_empty: bool, prediction_empty: bool) -> EmptyCase | None:
    """The row of `EMPTY_CASES` that applies, or None when both masks hold something.

    >>> empty_case(reference_empty=True, prediction_empty=False).name
    'reference empty'
    """
    for row in EMPTY_CASES:
        if (row.reference_empty, row.prediction_empty) == (reference_empty, prediction_empty):
            return row
    return None


@dataclass(frozen=True)
class Summary:
    """One line of a table. `n` counts the defined values; the undefined ones are counted, never dropped in silence.

    The intervals are percentile bootstrap intervals at the confidence given to `summarise`; they are nan where fewer
    than two groups exist, because one case says nothing about the next.
    """

    n: int
    n_undefined: int
    n_groups: int
    mean: float
    mean_ci_low: float
    mean_ci_high: float
    median: float
    median_ci_low: float
    median_ci_high: float
    q1: float
    q3: float
    minimum: float
    maximum: float


def summarise(
    values: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
) -> Summary:
    """Describe a list of scores, one per case, with bootstrap intervals of its mean and of its median.

    Args:
        values: 1-D scores; nan means undefined.
        groups: one key per value (patient, specimen): whole groups are resampled, since two scans of one patient are
            not two patients. None: every value stands for itself.
        seed: of the resampling; the same seed gives the same interval.
        n_bootstrap: number of resamples.
        confidence: of the intervals, between 0 and 1.

    Raises:
        ConfigError: infinite values, groups of another length, impossible settings.

    Source: percentile bootstrap, Efron & Tibshirani 1993, chapter 13; clusters resampled whole, Davison & Hinkley
    1997, section 3.8. It is too narrow for fewer than about ten groups; the count is part of the result.

    >>> s = summarise([0.9, 0.8, float("nan"), 0.7])
    >>> s.n, s.n_undefined, s.median
    (3, 1, 0.8)
    """
    scores = np.asarray(values, dtype=np.float64)
    _check_settings(scores, groups, n_bootstrap, confidence)
    defined = ~np.isnan(scores)
    n_undefined = int(scores.size - defined.sum())
    if not defined.any():
        return Summary(0, n_undefined, 0, *([UNDEFINED] * 10))
    keys = np.arange(scores.size) if groups is None else _codes(groups)
    scores, keys = scores[defined], np.unique(keys[defined], return_inverse=True)[1]
    n_groups = int(keys.max()) + 1
    low, median, high = (float(q) for q in np.quantile(scores, [0.25, 0.5, 0.75]))
    mean_ci, median_ci = _bootstrap(scores, keys, seed=seed, n_bootstrap=n_bootstrap, confidence=confidence)
    return Summary(
        n=int(scores.size),
        n_undefined=n_undefined,
        n_groups=n_groups,
        mean=float(scores.mean()),
        mean_ci_low=mean_ci[0],
        mean_ci_high=mean_ci[1],
        median=median,
        median_ci_low=median_ci[0],
        median_ci_high=median_ci[1],
        q1=low,
        q3=high,
        minimum=float(scores.min()),
        maximum=float(scores.max()),
    )


def _check_settings(scores: NDArray[Any], groups: Sequence[Any] | None, n_bootstrap: int, confidence: float) -> None:
    if scores.ndim != 1:
        raise ConfigError(
            f"values must be a 1-D list of scores, got shape {scores.shape}; summarise one score at a time"
        )
    if np.isinf(scores).any():
        raise ConfigError(
            f"values must be finite or nan (undefined), got {int(np.isinf(scores).sum())} infinite values"
        )
    if groups is not None and len(groups) != scores.size:
        raise ConfigError(f"groups must hold one key per value ({scores.size}), got {len(groups)}")
    if n_bootstrap < 1:
        raise ConfigError(f"n_bootstrap must be at least 1, got {n_bootstrap}; 2000 is customary")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence must lie between 0 and 1, got {confidence}; 0.95 is customary")


def _codes(groups: Sequence[Any]) -> NDArray[np.intp]:
    """An integer per group key, in order of first appearance (keys of any hashable type)."""
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in groups], dtype=np.intp)


def _bootstrap(
    scores: NDArray[np.float64], keys: NDArray[np.intp], *, seed: int, n_bootstrap: int, confidence: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Intervals of mean and median. A resample is a vector of how often each group was drawn: no value is copied."""
    n_groups = int(keys.max()) + 1
    if n_groups < 2:
        return (UNDEFINED, UNDEFINED), (UNDEFINED, UNDEFINED)
    order = np.argsort(scores, kind="stable")
    scores, keys = scores[order], keys[order]
    rng = np.random.default_rng(seed)
    chance = np.full(n_groups, 1 / n_groups)
    means, medians = np.empty(n_bootstrap), np.empty(n_bootstrap)
    step = max(1, 2_000_000 // scores.size)  # resamples at a time: bounds memory to a few tens of MB
    for start in range(0, n_bootstrap, step):
        part = slice(start, min(start + step, n_bootstrap))
        times = rng.multinomial(n_groups, chance, size=part.stop - part.start)[:, keys]
        running = np.cumsum(times, axis=1)
        total = running[:, -1]
        means[part] = (times @ scores) / total
        lower = (running > ((total - 1) // 2)[:, None]).argmax(axis=1)
        upper = (running > (total // 2)[:, None]).argmax(axis=1)
        medians[part] = (scores[lower] + scores[upper]) / 2
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    mean_low, mean_high = np.quantile(means, tails)
    median_low, median_high = np.quantile(medians, tails)
    return (float(mean_low), float(mean_high)), (float(median_low), float(median_high))
