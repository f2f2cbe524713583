"""How far readers agree, beyond what chance would give: κ, AC1, the intraclass correlation, and Wilson's interval.

The insight: all coefficients for categories are `(observed − expected) / (1 − expected)` and differ only in what chance
is *expected* to do. Cohen lets each rater keep their own habits, Fleiss gives all raters one habit, and both expect
nearly full agreement by chance when nearly every case passes; κ then collapses to 0 although the raters agree
("the first paradox of κ", Feinstein & Cicchetti 1990). Gwet's AC1 expects chance agreement only where raters guess, and
stays near the observed agreement. Report both, with the observed agreement beside them.

Ratings are arrays `(subjects, raters)` of numbers that name categories; nan marks a rating that was not given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from septum.errors import ConfigError
from septum.metrics.summary import UNDEFINED

Weighting = Literal["none", "linear", "quadratic"]


@dataclass(frozen=True)
class Agreement:
    """A coefficient of agreement with its interval.

    `value` is at most 1; 0 is what chance gives. `observed` and `expected` are the fractions of agreement that were
    seen and that chance would give. `n_subjects` counts the subjects with at least two ratings, which alone can show
    agreement. Everything is nan where it is 0/0: no such subject, or nothing but one category (κ only).
    """

    value: float
    standard_error: float
    ci_low: float
    ci_high: float
    observed: float
    expected: float
    n_subjects: int
    n_raters: int


@dataclass(frozen=True)
class IntraclassCorrelation:
    """An intraclass correlation with its interval; `n_dropped` subjects lacked a rating and were left out."""

    value: float
    ci_low: float
    ci_high: float
    n_subjects: int
    n_raters: int
    n_dropped: int


@dataclass(frozen=True)
class Proportion:
    """A fraction of `n` trials, and Wilson's interval around it."""

    value: float
    ci_low: float
    ci_high: float
    n: int


def wilson_interval(successes: int, *, n: int, confidence: float = 0.95) -> Proportion:
    """A proportion with Wilson's score interval, which keeps its coverage near 0 and 1 and for small `n`.

    Args:
        successes: how many of the `n` trials succeeded, 0 to `n`.
        n: number of trials; 0 gives the value nan and the interval from 0 to 1.
        confidence: coverage of the interval, between 0 and 1.

    Raises:
        ConfigError: numbers out of range.

    Source: Wilson 1927, JASA 22:209; recommended by Brown, Cai & DasGupta 2001, Statistical Science 16:101.

    >>> rate = wilson_interval(27, n=30)
    >>> round(rate.value, 3), round(rate.ci_low, 3), round(rate.ci_high, 3)
    (0.9, 0.744, 0.965)
    """
    _check_confidence(confidence)
    if n < 0 or not 0 <= successes <= n:
        raise ConfigError(f"successes must lie between 0 and n, got {successes} of {n}; count both over the same cases")
    if n == 0:
        return Proportion(UNDEFINED, 0.0, 1.0, 0)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else middle - half
    return Proportion(p, low, 1.0 if successes == n else middle + half, n)


def cohen_kappa(
    ratings: ArrayLike,
    *,
    weights: Weighting = "none",
    categories: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> Agreement:
    """Cohen's κ of two raters, plain or weighted; subjects that one of them did not rate are left out.

    Args:
        ratings: `(subjects, 2)` numbers that name categories, nan where missing.
        weights: "none", or how the distance between ordered categories counts: "linear" or "quadratic" in the
            *position* of the category in `categories`.
        categories: every category that could have been given, in order; by default those that occur, sorted.
        confidence: coverage of the interval.

    Raises:
        ConfigError: not two raters, a rating outside `categories`, or settings out of range.

    Source: Cohen 1960, Educ Psychol Meas 20:37 and 1968, Psychol Bull 70:213; standard error after Fleiss, Cohen &
    Everitt 1969, Psychol Bull 72:323.

    >>> round(cohen_kappa([[1, 1], [1, 1], [0, 0], [0, 1]]).value, 3)
    0.5
    """
    codes, n_categories = _codes(ratings, categories, confidence=confidence)
    if codes.shape[1] != 2:
        raise ConfigError(f"ratings must have two columns for Cohen's kappa, got {codes.shape[1]}; use `fleiss_kappa`")
    codes = codes[(codes >= 0).all(axis=1)]
    n = len(codes)
    if n == 0:
        return _undefined(0, 2)
    joint = np.zeros((n_categories, n_categories))
    np.add.at(joint, (codes[:, 0], codes[:, 1]), 1 / n)
    credit = _credit(n_categories, weights)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    observed, expected = float((joint * credit).sum()), float(rows @ credit @ columns)
    if math.isclose(expected, 1.0, abs_tol=1e-12):
        return _undefined(n, 2, observed=observed, expected=expected)
    kappa = (observed - expected) / (1 - expected)
    habit = (credit @ columns)[:, None] + (rows @ credit)[None, :]
    spread = float((joint * (credit - habit * (1 - kappa)) ** 2).sum()) - (kappa - expected * (1 - kappa)) ** 2
    error = math.sqrt(max(spread, 0.0) / n) / (1 - expected)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * error
    return Agreement(kappa, error, kappa - half, min(kappa + half, 1.0), observed, expected, n, 2)


def fleiss_kappa(
    ratings: ArrayLike, *, categories: Sequence[float] | None = None, confidence: float = 0.95
) -> Agreement:
    """Fleiss' κ of two or more raters, missing ratings allowed.

    Args:
        ratings: `(subjects, raters)` numbers that name categories, nan where missing.
        categories: every category that could have been given; by default those that occur.
        confidence: coverage of the interval (Student's t over subjects).

    Raises:
        ConfigError: fewer than two raters, a rating outside `categories`, or settings out of range.

    Source: Fleiss 1971, Psychol Bull 76:378; missing ratings and standard error after Gwet 2014, Handbook of
    Inter-Rater Reliability, 4th ed., chapter 5.

    >>> round(fleiss_kappa([[1, 1, 1], [0, 0, 1], [0, 0, 0]]).value, 3)
    0.55
    """
    codes, n_categories = _codes(ratings, categories, confidence=confidence)
    return _chance_corrected(codes, n_categories, confidence=confidence, guess="fleiss")


def gwet_ac1(ratings: ArrayLike, *, categories: Sequence[float] | None = None, confidence: float = 0.95) -> Agreement:
    """Gwet's AC1 of two or more raters, missing ratings allowed; it does not collapse when nearly every case passes.

    Args:
        ratings: `(subjects, raters)` numbers that name categories, nan where missing.
        categories: every category that could have been given: their number enters the chance agreement, so name those
            that nobody used; by default those that occur.
        confidence: coverage of the interval (Student's t over subjects).

    Raises:
        ConfigError: fewer than two raters, a rating outside `categories`, or settings out of range.

    Where one category was used throughout, AC1 is 1: chance agreement is 0 whatever the number of categories.
    Source: Gwet 2008, Br J Math Stat Psychol 61:29; several raters as in its author's R package irrCAC.

    >>> agreement = gwet_ac1([[1, 1]] * 18 + [[0, 1], [1, 0]])
    >>> round(agreement.observed, 3), round(agreement.value, 3)
    (0.9, 0.89)
    """
    codes, n_categories = _codes(ratings, categories, confidence=confidence)
    return _chance_corrected(codes, n_categories, confidence=confidence, guess="gwet")


def intraclass_correlation(
    ratings: ArrayLike, *, model: Literal["2,1", "3,1"] = "2,1", confidence: float = 0.95
) -> IntraclassCorrelation:
    """Intraclass correlation of measurements `(subjects, raters)`: how far one rater can stand for another.

    Args:
        ratings: `(subjects, raters)` measurements (volumes, areas, …); subjects with a nan are left out and counted.
        model: "2,1": raters drawn from many, absolute agreement (a constant bias counts against it); "3,1": these
            very raters, consistency (a constant bias does not).
        confidence: coverage of the interval.

    Raises:
        ConfigError: not a two-dimensional table with two raters or more, infinite values, or settings out of range.

    Fewer than two complete subjects, or no spread at all, give nan. Where raters agree exactly the value is 1 and so is
    its interval. Source: Shrout & Fleiss 1979, Psychol Bull 86:420 (cases 2 and 3, single rating; the interval of case
    2 with the correction of McGraw & Wong 1996, Psychol Methods 1:30, table 7).

    >>> round(intraclass_correlation([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]], model="3,1").value, 3)
    1.0
    """
    _check_confidence(confidence)
    if model not in ("2,1", "3,1"):
        raise ConfigError(f'model must be "2,1" or "3,1", got {model!r}; "2,1" counts a bias between raters')
    table = _table(ratings)
    complete = table[~np.isnan(table).any(axis=1)]
    n, k = complete.shape
    n_dropped = len(table) - n
    if n < 2:
        return IntraclassCorrelation(UNDEFINED, UNDEFINED, UNDEFINED, n, k, n_dropped)
    between, raters, residual = _mean_squares(complete)
    bias = k * (raters - residual) / n if model == "2,1" else 0.0
    below = between + (k - 1) * residual + bias
    scale = float(np.abs(complete).max()) ** 2 * 1e-24
    if below <= scale:
        return IntraclassCorrelation(UNDEFINED, UNDEFINED, UNDEFINED, n, k, n_dropped)
    value = (between - residual) / below
    if residual <= scale and (model == "3,1" or raters <= scale):
        return IntraclassCorrelation(1.0, 1.0, 1.0, n, k, n_dropped)
    tail = (1 + confidence) / 2
    interval = _interval_absolute if model == "2,1" else _interval_consistency
    low, high = interval(between, raters, residual=max(residual, scale), value=value, n=n, k=k, tail=tail)
    return IntraclassCorrelation(value, low, high, n, k, n_dropped)


def _chance_corrected(
    codes: NDArray[np.int64], n_categories: int, *, confidence: float, guess: Literal["fleiss", "gwet"]
) -> Agreement:
    """Fleiss' κ and AC1 differ in `chance`, the agreement that a rating of each category expects by chance."""
    n_raters = codes.shape[1]
    counts = (codes[:, :, None] == np.arange(n_categories)).sum(axis=1)  # (subjects, categories)
    counts = counts[counts.sum(axis=1) > 0]
    given = counts.sum(axis=1)
    several = given >= 2
    n, n_several = len(counts), int(several.sum())
    if n_several == 0:
        return _undefined(0, n_raters)
    shares = counts / given[:, None]
    habit = shares.mean(axis=0)
    chance = habit if guess == "fleiss" else (1 - habit) / max(n_categories - 1, 1)
    pairs = np.where(several, given * (given - 1), 1)
    agreed = np.where(several, (counts * (counts - 1)).sum(axis=1) / pairs, 0.0)
    observed, expected = float(agreed.sum() / n_several), float(habit @ chance)
    if math.isclose(expected, 1.0, abs_tol=1e-12):
        return _undefined(n_several, n_raters, observed=observed, expected=expected)
    value = (observed - expected) / (1 - expected)
    # Each subject's share in the coefficient, with the change of the expected agreement that it brings (linearised).
    share = (n / n_several) * np.where(several, agreed - expected, 0.0) / (1 - expected)
    share = share - 2 * (1 - value) * (shares @ chance - expected) / (1 - expected)
    if n < 2:
        return Agreement(value, UNDEFINED, UNDEFINED, UNDEFINED, observed, expected, n_several, n_raters)
    error = math.sqrt(float(((share - value) ** 2).sum()) / (n * (n - 1)))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    return Agreement(value, error, value - half, min(value + half, 1.0), observed, expected, n_several, n_raters)


def _credit(n_categories: int, weights: Weighting) -> NDArray[np.float64]:
    """Agreement, 0 to 1, that a pair of categories counts for."""
    power = {"none": 0, "linear": 1, "quadratic": 2}.get(weights)
    if power is None:
        raise ConfigError(f'weights must be "none", "linear" or "quadratic", got {weights!r}; choose one of them')
    if power == 0 or n_categories < 2:
        return np.eye(n_categories)
    place = np.arange(n_categories)
    apart = np.abs(place[:, None] - place[None, :]) / (n_categories - 1)
    return np.asarray(1 - apart**power, dtype=np.float64)


def _mean_squares(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """Between subjects, between raters, residual: the two-way analysis of variance without replication."""
    n, k = table.shape
    subjects, raters, middle = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - subjects[:, None] - raters[None, :] + middle
    return (
        float(k * ((subjects - middle) ** 2).sum() / (n - 1)),
        float(n * ((raters - middle) ** 2).sum() / (k - 1)),
        float((rest**2).sum() / ((n - 1) * (k - 1))),
    )


def _interval_consistency(
    between: float, raters: float, *, residual: float, value: float, n: int, k: int, tail: float
) -> tuple[float, float]:
    ratio = between / residual
    free = (n - 1) * (k - 1)
    low = ratio / float(stats.f.ppf(tail, n - 1, free))
    high = ratio * float(stats.f.ppf(tail, free, n - 1))
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _interval_absolute(
    between: float, raters: float, *, residual: float, value: float, n: int, k: int, tail: float
) -> tuple[float, float]:
    """Satterthwaite's degrees of freedom for the sum of two mean squares."""
    bias, rest = k * value * raters / residual, n * (1 + (k - 1) * value) - k * value
    free = (k - 1) * (n - 1) * (bias + rest) ** 2 / ((n - 1) * bias**2 + rest**2)
    upper, lower = float(stats.f.ppf(tail, n - 1, free)), float(stats.f.ppf(tail, free, n - 1))
    noise = k * raters + (k * n - k - n) * residual
    return (
        n * (between - upper * residual) / (upper * noise + n * between),
        n * (lower * between - residual) / (noise + n * lower * between),
    )


def _codes(
    ratings: ArrayLike, categories: Sequence[float] | None, *, confidence: float
) -> tuple[NDArray[np.int64], int]:
    """Positions `(subjects, raters)` in the list of categories, -1 where missing, and the length of that list."""
    _check_confidence(confidence)
    table = _table(ratings)
    missing = np.isnan(table)
    seen = np.unique(table[~missing])
    known = seen if categories is None else np.asarray(categories, dtype=np.float64)
    if np.unique(known).size != known.size:
        raise ConfigError(f"categories must be distinct, got {list(known)}; name each once")
    unknown = np.setdiff1d(seen, known)
    if unknown.size:
        raise ConfigError(f"ratings must be among the categories {known.tolist()}, got {unknown.tolist()}; add them")
    codes = np.full(table.shape, -1, dtype=np.int64)
    for place, category in enumerate(known):
        codes[table == category] = place
    return codes, int(known.size)


def _table(ratings: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ConfigError(
            f"ratings must be a table (subjects, raters) with two raters or more, got shape {table.shape}; "
            "put one rater in each column"
        )
    if np.isinf(table).any():
        raise ConfigError(f"ratings must be finite or nan (missing), got {int(np.isinf(table).sum())} infinite values")
    return table


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence must lie between 0 and 1, got {confidence}; 0.95 is customary")


def _undefined(
    n_subjects: int, n_raters: int, *, observed: float = UNDEFINED, expected: float = UNDEFINED
) -> Agreement:
    return Agreement(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED, observed, expected, n_subjects, n_raters)
