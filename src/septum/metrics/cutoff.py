"""The score that best separates what people accept from what they refuse.

The insight: "a Dice of 0.7 is good" is true of no task in particular. Where readers have said pass or fail, the
answer for their task is in the data: every possible cut between two scores has a sensitivity and a specificity, and the
best is the one with the largest sum (Youden). With thirty ratings that cut is uncertain, so it never comes without an
interval.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array


@dataclass(frozen=True)
class Cutoff:
    """The cut and how well it separates; everything but the counts is nan where all passed or all failed.

    Scores of at least `value` are called a pass. `auc` is the probability that a random pass scores higher than a
    random fail (a tie counts half). `n_resamples` counts the resamples that held both a pass and a fail.
    """

    value: float
    ci_low: float
    ci_high: float
    sensitivity: float
    specificity: float
    auc: float
    auc_ci_low: float
    auc_ci_high: float
    n_pass: int
    n_fail: int
    n_resamples: int

    @property
    def youden(self) -> float:
        """Sensitivity + specificity − 1: 1 separates perfectly, 0 is no better than chance."""
        return self.sensitivity + self.specificity - 1


def separating_cutoff(
    scores: ArrayLike,
    passed: ArrayLike,
    *,
    groups: Sequence[Hashable] | None = None,
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Cutoff:
    """The cut of largest Youden index, half-way between two neighbouring scores; of several equals the middle one.

    Args:
        scores: one finite number per item; items with nan are left out.
        passed: whether each item passed.
        groups: items that were not drawn independently (of one case) share a value; whole groups are resampled.
        n_bootstrap: resamples of the percentile interval; those without both outcomes are left out and counted.
        confidence: coverage of the intervals.
        seed: of the resampling.

    Raises:
        ConfigError: lengths that differ, or settings out of range.

    Source: Youden 1950, Cancer 3:32. The interval of the cut is a percentile bootstrap (Efron & Tibshirani 1993).

    >>> found = separating_cutoff([0.5, 0.6, 0.8, 0.9], [False, False, True, True])
    >>> round(found.value, 3), found.youden, found.auc
    (0.7, 1.0, 1.0)
    """
    values, outcome = np.asarray(scores, dtype=np.float64), np.asarray(passed, dtype=bool)
    keys = list(range(values.size)) if groups is None else list(groups)
    if values.ndim != 1 or outcome.shape != values.shape or len(keys) != values.size:
        raise ConfigError(
            f"scores, passed and groups must be equally long lists, got {values.shape}, {outcome.shape} and {len(keys)}"
        )
    if n_bootstrap < 1 or not 0 < confidence < 1:
        raise ConfigError(f"n_bootstrap must be positive and confidence in (0, 1), got {n_bootstrap} and {confidence}")
    known = np.isfinite(values)
    _, member = np.unique([str(key) for key, keep in zip(keys, known, strict=True) if keep], return_inverse=True)
    values, outcome = values[known], outcome[known]
    n_pass, n_fail = int(outcome.sum()), int((~outcome).sum())
    nothing = float("nan")
    if not n_pass or not n_fail:
        return Cutoff(*(nothing,) * 8, n_pass, n_fail, 0)
    value, sensitivity, specificity = _best(values, outcome)
    cuts, areas = _resampled(values, outcome, member=member, n_bootstrap=n_bootstrap, seed=seed)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(cuts, tails) if cuts.size else (nothing, nothing)
    area_low, area_high = np.quantile(areas, tails) if areas.size else (nothing, nothing)
    area = _area(values, outcome)
    return Cutoff(
        value, float(low), float(high), sensitivity, specificity, area, float(area_low), float(area_high),
        n_pass, n_fail, int(cuts.size),
    )  # fmt: skip


def _best(values: Float64Array, passed: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Cut, sensitivity, specificity."""
    levels = np.unique(values)
    between = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2])  # at or above the first, all pass
    rank = np.searchsorted(levels, values)
    passes = np.bincount(rank[passed], minlength=levels.size)
    fails = np.bincount(rank[~passed], minlength=levels.size)
    sensitivity = 1 - (np.cumsum(passes) - passes) / passes.sum()
    specificity = (np.cumsum(fails) - fails) / fails.sum()
    youden = sensitivity + specificity
    best = np.flatnonzero(np.isclose(youden, youden.max(), rtol=0, atol=1e-12))
    chosen = int(best[best.size // 2])
    return float(between[chosen]), float(sensitivity[chosen]), float(specificity[chosen])


def _area(values: Float64Array, passed: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by counting pairs (Mann & Whitney)."""
    below = np.sort(values[~passed])
    wins = np.searchsorted(below, values[passed], side="left") + np.searchsorted(below, values[passed], side="right")
    return float(wins.sum() / (2 * below.size * int(passed.sum())))


def _resampled(
    values: Float64Array, passed: NDArray[np.bool_], *, member: NDArray[np.intp], n_bootstrap: int, seed: int
) -> tuple[Float64Array, Float64Array]:
    """Cuts and areas of resamples of whole groups."""
    generator = np.random.default_rng(seed)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(member))[:-1])
    cuts, areas = [], []
    for _ in range(n_bootstrap):
        drawn = np.concatenate([parts[i] for i in generator.integers(0, len(parts), len(parts))])
        outcome = passed[drawn]
        if outcome.all() or not outcome.any():
            continue
        cuts.append(_best(values[drawn], outcome)[0])
        areas.append(_area(values[drawn], outcome))
    return np.asarray(cuts), np.asarray(areas)
