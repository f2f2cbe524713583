"""Which of several methods is better, how sure that is, and how far two measurements of one quantity agree.

The insight: two methods are compared on the *same* cases, so everything here works on differences per case, and the
independent unit is the patient, not the image. Where groups (patients, movies, wells) are known, the differences of a
group become one value for the test, and whole groups are resampled for the intervals: ten slices of one patient then
weigh as one patient. A p-value never stands alone: it comes with its correction for the number of comparisons, with an
effect size, and with the ranking's stability when other cases of the same kind had been drawn.

Undefined scores (nan) take the case out of that comparison, and are counted.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.metrics.summary import UNDEFINED

N_BOOTSTRAP = 2000
_BLOCK = 2_000_000  # drawn values at a time: bounds the memory of resampling to a few tens of MB


@dataclass(frozen=True)
class PairedComparison:
    """The differences `first - second` of two methods on the same cases.

    `n` cases are defined for both methods and lie in `n_groups` independent groups; `n_undefined` are left out.
    `p_value` is two-sided; `p_holm` is corrected for all comparisons that were made together (equal to `p_value` where
    there was one). `effect` is the matched-pairs rank-biserial correlation in [-1, 1]: the share of rank sums in favour
    of `first` minus that of `second`; 0 where all differences are 0. Intervals are percentile bootstrap intervals,
    undefined for fewer than two groups.
    """

    first: str
    second: str
    n: int
    n_undefined: int
    n_groups: int
    mean_difference: float
    mean_difference_ci_low: float
    mean_difference_ci_high: float
    p_value: float
    p_holm: float
    effect: float
    effect_ci_low: float
    effect_ci_high: float


@dataclass(frozen=True)
class Ranked:
    """A method's place among others. `rank` is that of its mean (1 is best, equal means share the better rank).

    `mean_rank` is the mean of its ranks within each case, a second opinion that outliers do not move. `rank_shares` are
    the shares of bootstrap resamples in which it takes rank 1, 2, …; `rank_ci_*` is the interval of its rank.
    """

    name: str
    mean: float
    rank: int
    mean_rank: float
    rank_ci_low: float
    rank_ci_high: float
    rank_shares: tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """Methods, best first, on the `n` cases that all of them define.

    `stability` is the mean Kendall rank correlation (tau-a) between this ranking and those of the resamples: 1 when
    every resample ranks alike, near 0 when the order is chance.
    """

    methods: tuple[Ranked, ...]
    n: int
    n_undefined: int
    n_groups: int
    stability: float


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of two measurements of one quantity: `bias` (mean difference) and the 95 % limits of agreement.

    `slope` is the change of the difference per unit of the mean of both (proportional bias) with its two-sided p-value;
    all values carry the unit of the measurements. Undefined where `n` is below 2 (slope: below 3).
    """

    n: int
    n_undefined: int
    n_groups: int
    bias: float
    bias_ci_low: float
    bias_ci_high: float
    sd: float
    lower: float
    lower_ci_low: float
    lower_ci_high: float
    upper: float
    upper_ci_low: float
    upper_ci_high: float
    slope: float
    slope_p: float


def holm(p_values: ArrayLike) -> Float64Array:
    """p-values corrected for their number by the step-down method of Holm; nan stays nan and does not count.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65.

    Raises:
        ConfigError: values outside [0, 1].

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(p)
    if p.ndim != 1 or not ((p[known] >= 0) & (p[known] <= 1)).all():
        raise ConfigError(f"p_values must be a list of numbers between 0 and 1, got {p.tolist()}")
    order = np.flatnonzero(known)[np.argsort(p[known], kind="stable")]
    factor = order.size - np.arange(order.size)
    corrected = np.full(p.shape, UNDEFINED)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factor * p[order]))
    return corrected


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation of paired differences, in [-1, 1]: the effect size of Wilcoxon's test.

    (R+ - R-) / (R+ + R-), with R+ and R- the sums of the ranks of |difference| of positive and of negative differences.
    Differences of 0 are left out; 0 where all are 0; nan where there are none.

    Source: Kerby 2014, Comprehensive Psychology 3:1.

    >>> rank_biserial([3.0, 2.0, -1.0])
    0.6666666666666666
    """
    values = _column(differences, "differences")
    if not values.size:
        return UNDEFINED
    return float(_rank_biserial(values, np.ones((1, values.size), np.int64))[0])


def compare_paired(
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    n_bootstrap: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> PairedComparison:
    """Compare two methods that scored the same cases: Wilcoxon signed-rank test, effect size, intervals.

    Args:
        first: scores `(cases,)` of one method; nan means undefined.
        second: scores `(cases,)` of the other, in the same order.
        names: of the two, for the result.
        groups: one key per case; the differences of a group are averaged before the test. None: cases are independent.
        seed: of the resampling.
        n_bootstrap: number of resamples.
        confidence: of the intervals, between 0 and 1.

    Raises:
        ConfigError: lists of different lengths, infinite values, impossible settings.

    Source: Wilcoxon 1945, Biometrics Bulletin 1:80 (zero differences left out; exact for few cases without ties). With
    fewer than six groups no result can reach p < 0.05.

    >>> found = compare_paired([0.9, 0.8, 0.7], [0.8, 0.6, float("nan")])
    >>> found.n, found.n_undefined, round(found.mean_difference, 2), found.effect
    (2, 1, 0.15, 1.0)
    """
    one, two = _column(first, "first"), _column(second, "second")
    keys = _keys(groups, one.size)
    _check(two.size == one.size, f"second must hold one score per case ({one.size}), got {two.size}")
    _check_settings(n_bootstrap, confidence)
    defined = ~np.isnan(one - two)
    undefined = int(one.size - defined.sum())
    if not defined.any():
        return PairedComparison(*names, 0, undefined, 0, *[UNDEFINED] * 8)
    difference = one[defined] - two[defined]
    sizes, means = _group_means(difference, keys[defined])
    weights = _resamples(means.size, seed, n_bootstrap=n_bootstrap)
    mean_ci = _interval([(w @ (sizes * means)) / (w @ sizes) for w in weights], confidence)
    effect_ci = _interval([_rank_biserial(means, w) for w in weights], confidence)
    p = _wilcoxon(means)
    effect = rank_biserial(means)
    return PairedComparison(
        *names, int(defined.sum()), undefined, means.size, float(difference.mean()), *mean_ci, p, p, effect, *effect_ci
    )


def compare_all(
    scores: Mapping[str, ArrayLike],
    *,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    n_bootstrap: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> tuple[PairedComparison, ...]:
    """`compare_paired` for every pair of methods, with p-values corrected together (`holm`).

    Args:
        scores: method name to its scores `(cases,)`, all in one order of cases.
        groups: as for `compare_paired`, as are the other settings.

    Raises:
        ConfigError: as `compare_paired`.

    >>> found = compare_all({"a": [0.7, 0.8, 0.6], "b": [0.9, 0.9, 0.8], "c": [0.7, 0.8, 0.6]})
    >>> [round(pair.mean_difference, 2) for pair in found]
    [-0.17, 0.0, 0.17]
    """
    found = [
        compare_paired(
            scores[a],
            scores[b],
            names=(a, b),
            groups=groups,
            seed=seed,
            n_bootstrap=n_bootstrap,
            confidence=confidence,
        )
        for a, b in itertools.combinations(scores, 2)
    ]
    corrected = holm([pair.p_value for pair in found])
    return tuple(replace(pair, p_holm=float(p)) for pair, p in zip(found, corrected, strict=True))


def rank_methods(
    scores: Mapping[str, ArrayLike],
    *,
    larger_is_better: bool = True,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    n_bootstrap: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> Ranking:
    """Rank methods by their mean score, and say how often other cases of the same kind would give another order.

    Args:
        scores: method name to its scores `(cases,)`, all in one order of cases; nan means undefined.
        larger_is_better: False for distances and errors.
        groups: one key per case; whole groups are resampled.
        seed: of the resampling.
        n_bootstrap: number of resamples.
        confidence: of the intervals of ranks, between 0 and 1.

    Raises:
        ConfigError: no method, lists of different lengths, infinite values, impossible settings.

    Source: bootstrap of rankings, Wiesenfarth et al. 2021, Scientific Reports 11:2369; that rankings must come with
    their stability, Maier-Hein et al. 2018, Nature Communications 9:5217.

    >>> found = rank_methods({"a": [0.7, 0.8, 0.6], "b": [0.9, 0.9, 0.8]})
    >>> [(method.name, method.rank) for method in found.methods], found.stability
    ([('b', 1), ('a', 2)], 1.0)
    """
    _check(bool(scores), "scores must hold at least one method, got none")
    _check_settings(n_bootstrap, confidence)
    columns = [_column(values, name) for name, values in scores.items()]
    size = columns[0].size
    _check(
        all(c.size == size for c in columns), f"all methods must score the same cases, got {[c.size for c in columns]}"
    )
    table = np.stack(columns) * (1.0 if larger_is_better else -1.0)
    keys = _keys(groups, size)
    defined = ~np.isnan(table).any(axis=0)
    if not defined.any():
        unknown = tuple(Ranked(name, UNDEFINED, 0, UNDEFINED, UNDEFINED, UNDEFINED, ()) for name in scores)
        return Ranking(unknown, 0, size, 0, UNDEFINED)
    table, keys = table[:, defined], np.unique(keys[defined], return_inverse=True)[1]
    n_groups = int(keys.max()) + 1
    blocks = _resamples(n_groups, seed, n_bootstrap=n_bootstrap, width=max(n_groups, keys.size))
    means = np.concatenate([_weighted_means(table, weights[:, keys]) for weights in blocks])
    return _ranking(
        list(scores),
        table,
        drawn=means,
        sign=1.0 if larger_is_better else -1.0,
        sizes=(size, n_groups),
        confidence=confidence,
    )


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
    n_bootstrap: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> BlandAltman:
    """Bias and limits of agreement of `first - second`, such as predicted and reference volume of each case.

    Args:
        first: measurements `(cases,)`; nan means undefined.
        second: measurements of the same quantities, in the same order.
        groups: one key per case: intervals then resample whole groups. None: the intervals of Bland and Altman.
        seed: of the resampling.
        n_bootstrap: number of resamples.
        confidence: of the intervals, between 0 and 1. The limits of agreement are always those of 95 %.

    Raises:
        ConfigError: lists of different lengths, infinite values, impossible settings.

    Source: Bland & Altman 1986, Lancet 327:307; intervals of the limits, Bland & Altman 1999, Statistical Methods in
    Medical Research 8:135 (section 2.2).

    >>> found = bland_altman([10.0, 12.0, 14.0], [9.0, 12.0, 12.0])
    >>> found.bias, round(found.sd, 3), round(found.upper, 2)
    (1.0, 1.0, 2.96)
    """
    one, two = _column(first, "first"), _column(second, "second")
    keys = _keys(groups, one.size)
    _check(two.size == one.size, f"second must hold one value per case ({one.size}), got {two.size}")
    _check_settings(n_bootstrap, confidence)
    defined = ~np.isnan(one - two)
    difference, mean = (one - two)[defined], (one + two)[defined] / 2
    keys = np.unique(keys[defined], return_inverse=True)[1]
    n, n_groups = difference.size, int(keys.max()) + 1 if keys.size else 0
    counts = (n, int(one.size - n), n_groups)
    if n < 2:
        return BlandAltman(*counts, float(difference.mean()) if n else UNDEFINED, *[UNDEFINED] * 11)
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    if groups is None or n_groups == n:
        bias_ci, lower_ci, upper_ci = _agreement_intervals(difference, confidence)
    else:
        blocks = _resamples(n_groups, seed, n_bootstrap=n_bootstrap, width=max(n_groups, n))
        drawn = np.concatenate([_weighted_agreement(difference, weights[:, keys]) for weights in blocks])
        bias_ci, lower_ci, upper_ci = (
            _interval([drawn[:, column]], confidence) if n_groups > 1 else (UNDEFINED, UNDEFINED) for column in range(3)
        )
    slope, slope_p = _slope(mean, difference)
    return BlandAltman(
        *counts, bias, *bias_ci, sd, bias - 1.96 * sd, *lower_ci, bias + 1.96 * sd, *upper_ci, slope, slope_p
    )


def _check(rule: bool, message: str) -> None:
    if not rule:
        raise ConfigError(message)


def _check_settings(n_bootstrap: int, confidence: float) -> None:
    _check(n_bootstrap >= 1, f"n_bootstrap must be at least 1, got {n_bootstrap}; {N_BOOTSTRAP} is customary")
    _check(0 < confidence < 1, f"confidence must lie between 0 and 1, got {confidence}; 0.95 is customary")


def _column(values: ArrayLike, name: str) -> Float64Array:
    column = np.asarray(values, dtype=np.float64)
    _check(column.ndim == 1, f"{name} must be a 1-D list, got shape {column.shape}; compare one score at a time")
    infinite = int(np.isinf(column).sum())
    _check(infinite == 0, f"{name} must be finite or nan (undefined), got {infinite} infinite values")
    return column


def _keys(groups: Sequence[Any] | None, size: int) -> NDArray[np.intp]:
    """An integer per case that says to which group it belongs."""
    if groups is None:
        return np.arange(size)
    _check(len(groups) == size, f"groups must hold one key per case ({size}), got {len(groups)}")
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in groups], dtype=np.intp)


def _group_means(values: Float64Array, keys: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
    """Number of values of each group that has any, and their mean."""
    codes = np.unique(keys, return_inverse=True)[1]
    sizes = np.bincount(codes).astype(np.float64)
    return sizes, np.bincount(codes, weights=values) / sizes


def _resamples(n_groups: int, seed: int, *, n_bootstrap: int, width: int | None = None) -> list[NDArray[np.int64]]:
    """Blocks `(resamples, groups)` of how often each group is drawn; none where there are fewer than two groups."""
    if n_groups < 2:
        return [np.ones((1, n_groups), np.int64)]
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // (width or n_groups))
    starts = range(0, n_bootstrap, step)
    chance = np.full(n_groups, 1 / n_groups)
    return [rng.multinomial(n_groups, chance, size=min(step, n_bootstrap - start)) for start in starts]


def _interval(drawn: Sequence[Float64Array], confidence: float) -> tuple[float, float]:
    values = np.concatenate(drawn)
    if values.size < 2:
        return UNDEFINED, UNDEFINED
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _wilcoxon(differences: Float64Array) -> float:
    """Two-sided p-value; 1 where every difference is 0."""
    if not np.any(differences):
        return 1.0
    from scipy import stats

    return float(stats.wilcoxon(differences, zero_method="wilcox").pvalue)


def _rank_biserial(differences: Float64Array, weights: NDArray[np.int64]) -> Float64Array:
    """Rank-biserial correlation of each resample; a resample says how often each difference was drawn.

    Equal magnitudes share their mean rank, as if the drawn values had been written out.
    """
    order = np.argsort(np.abs(differences), kind="stable")
    size, sign = np.abs(differences)[order], np.sign(differences)[order]
    times = np.where(size > 0, weights[:, order], 0)
    starts = np.flatnonzero(np.diff(size, prepend=-1.0))
    tied = np.add.reduceat(times, starts, axis=1)
    ranks = np.cumsum(tied, axis=1) - tied + (tied + 1) / 2
    each = times * np.repeat(ranks, np.diff(starts, append=size.size), axis=1)
    total = each.sum(axis=1)
    return np.where(total > 0, (each @ sign) / np.maximum(total, 1), 0.0)


def _weighted_means(table: Float64Array, weights: NDArray[np.int64]) -> Float64Array:
    """Means `(resamples, methods)`."""
    means: Float64Array = (weights @ table.T) / weights.sum(axis=1, keepdims=True)
    return means


def _places(means: Float64Array) -> NDArray[np.int64]:
    """Rank of each method in each row, 1 is the largest mean, ties share the better rank."""
    better = means[:, None, :] > means[:, :, None] + 1e-12
    return np.asarray(1 + better.sum(axis=2), dtype=np.int64)


def _ranking(
    names: list[str],
    table: Float64Array,
    *,
    drawn: Float64Array,
    sign: float,
    sizes: tuple[int, int],
    confidence: float,
) -> Ranking:
    from scipy import stats

    size, n_groups = sizes
    means = table.mean(axis=1)
    places, all_places = _places(means[None])[0], _places(drawn)
    within = stats.rankdata(-table, axis=0).mean(axis=1)
    known = n_groups > 1
    methods = []
    for i, name in enumerate(names):
        shares = np.bincount(all_places[:, i], minlength=len(names) + 1)[1:] / len(all_places)
        interval = _interval([all_places[:, i].astype(np.float64)], confidence) if known else (UNDEFINED, UNDEFINED)
        shown = tuple(float(s) for s in shares) if known else ()
        methods.append(Ranked(name, float(sign * means[i]), int(places[i]), float(within[i]), *interval, shown))
    methods.sort(key=lambda method: (method.rank, method.mean_rank))
    stability = _kendall(places, all_places) if known and len(names) > 1 else UNDEFINED
    return Ranking(tuple(methods), table.shape[1], size - table.shape[1], n_groups, stability)


def _kendall(places: NDArray[np.int64], drawn: NDArray[np.int64]) -> float:
    """Mean tau-a between one ranking and many."""
    first, second = np.triu_indices(places.size, 1)
    agreement = np.sign(places[first] - places[second]) * np.sign(drawn[:, first] - drawn[:, second])
    return float(agreement.mean())


def _agreement_intervals(difference: Float64Array, confidence: float) -> list[tuple[float, float]]:
    """Intervals of bias, lower and upper limit by the formulas of Bland and Altman 1999."""
    from scipy import stats

    n, bias, sd = difference.size, float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    narrow, wide = t * sd / np.sqrt(n), t * sd * np.sqrt(1 / n + 1.96**2 / (2 * (n - 1)))
    centres = ((bias, narrow), (bias - 1.96 * sd, wide), (bias + 1.96 * sd, wide))
    return [(float(centre - reach), float(centre + reach)) for centre, reach in centres]


def _weighted_agreement(difference: Float64Array, weights: NDArray[np.int64]) -> Float64Array:
    """Bias, lower and upper limit `(resamples, 3)`."""
    total = weights.sum(axis=1)
    bias = (weights @ difference) / total
    spread = (weights @ difference**2) / total - bias**2
    sd = np.sqrt(np.maximum(spread, 0.0) * total / np.maximum(total - 1, 1))
    return np.stack([bias, bias - 1.96 * sd, bias + 1.96 * sd], axis=1)


def _slope(mean: Float64Array, difference: Float64Array) -> tuple[float, float]:
    """Slope of the difference against the mean, and its p-value; undefined for fewer than three different means."""
    if np.unique(mean).size < 3:
        return UNDEFINED, UNDEFINED
    from scipy import stats

    found = stats.linregress(mean, difference)
    return float(found.slope), float(found.pvalue)
