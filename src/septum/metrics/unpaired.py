"""Groups of different cases compared: treated against untreated, one genotype against another.

The insight: a thousand cells of three dishes are three measurements, not a thousand. So the caller hands over one value
per independent unit (a dish, an animal, an image), and the result says when so few units cannot show anything however
different they look.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.metrics.statistics import N_BOOTSTRAP, holm
from septum.metrics.summary import UNDEFINED


@dataclass(frozen=True)
class UnpairedComparison:
    """The difference `first - second` of two groups of independent values.

    `difference` is that of the medians with its percentile bootstrap interval. `effect` is Cliff's delta in [-1, 1]:
    the share of pairs in which `first` is larger minus the share in which it is smaller. `p_value` is two-sided
    (Mann-Whitney), `p_holm` corrected for all comparisons made together, `p_least` the smallest that groups of these
    sizes can reach. Undefined (nan) where a group is empty; intervals where one has fewer than two values.
    """

    first: str
    second: str
    n_first: int
    n_second: int
    difference: float
    difference_ci_low: float
    difference_ci_high: float
    effect: float
    p_value: float
    p_holm: float
    p_least: float


def compare_groups(
    values: Mapping[str, ArrayLike], *, seed: int = 0, n_bootstrap: int = N_BOOTSTRAP, confidence: float = 0.95
) -> tuple[UnpairedComparison, ...]:
    """Every pair of groups, with p-values corrected together (`holm`).

    Args:
        values: name of the group to one value per independent unit; nan (undefined) is left out.
        seed: of the resampling.
        n_bootstrap: number of resamples.
        confidence: of the intervals.

    Raises:
        ConfigError: values that are infinite or no list.

    Source: Mann and Whitney 1947, Annals of Mathematical Statistics 18:50; Cliff 1993, Psychological Bulletin 114:494.

    >>> found = compare_groups({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})[0]
    >>> found.difference, found.effect, round(found.p_value, 3), round(found.p_least, 3)
    (-3.0, -1.0, 0.1, 0.1)
    """
    groups = {name: _defined(given, name) for name, given in values.items()}
    rng = np.random.default_rng(seed)
    found = [
        _compare((a, b), groups[a], second=groups[b], rng=rng, n_bootstrap=n_bootstrap, confidence=confidence)
        for a, b in itertools.combinations(groups, 2)
    ]
    return with_holm(found)


def with_holm(comparisons: list[UnpairedComparison]) -> tuple[UnpairedComparison, ...]:
    """The comparisons with `p_holm` for their number.

    >>> pairs = compare_groups({"a": [1.0, 2.0], "b": [3.0, 4.0]}) + compare_groups({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    >>> [round(pair.p_holm, 3) for pair in with_holm(list(pairs))]
    [0.667, 0.667]
    """
    p = holm([one.p_value for one in comparisons])
    return tuple(replace(one, p_holm=float(value)) for one, value in zip(comparisons, p, strict=True))


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """Share of pairs in which `first` is larger minus the share in which it is smaller; nan without pairs.

    >>> cliffs_delta([1, 2], [0, 2])
    0.25
    """
    one, two = np.asarray(first, np.float64), np.sort(np.asarray(second, np.float64))
    if not one.size or not two.size:
        return UNDEFINED
    below, up_to = np.searchsorted(two, one, "left"), np.searchsorted(two, one, "right")
    return float((below.sum() - (two.size - up_to).sum()) / (one.size * two.size))


def _compare(
    names: tuple[str, str],
    first: Float64Array,
    *,
    second: Float64Array,
    rng: np.random.Generator,
    n_bootstrap: int,
    confidence: float,
) -> UnpairedComparison:
    from scipy.stats import mannwhitneyu

    if not first.size or not second.size:
        return UnpairedComparison(*names, first.size, second.size, *[UNDEFINED] * 7)
    p = float(mannwhitneyu(first, second).pvalue) if np.ptp(np.concatenate([first, second])) else 1.0
    least = min(1.0, 2 / math.comb(first.size + second.size, first.size))
    low = high = UNDEFINED
    if min(first.size, second.size) > 1:
        drawn = [np.median(rng.choice(g, (n_bootstrap, g.size)), axis=1) for g in (first, second)]
        tail = (1 - confidence) / 2
        low, high = (float(q) for q in np.quantile(drawn[0] - drawn[1], [tail, 1 - tail]))
    difference = float(np.median(first) - np.median(second))
    effect = cliffs_delta(first, second)
    return UnpairedComparison(*names, first.size, second.size, difference, low, high, effect, p, p, least)


def _defined(values: ArrayLike, name: str) -> Float64Array:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or np.isinf(column).any():
        raise ConfigError(f"values of {name} must be a list of finite numbers (nan: undefined), got {column.shape}")
    return column[~np.isnan(column)]
