"""What becomes of the cases in which a score is 0/0, and how many scores become one line of a table.

The insight: how empty masks are counted moves a mean more than most networks do, so it is decided once, here, in a
table that can be read, and every summary carries the number of values that the table left undefined.

**The default, argued.** When neither mask holds the structure, Dice is 0/0. Scoring such a case as 1 rewards a
network that finds nothing, and lets a data set of mostly empty cases reach any mean; scoring it as 0 punishes a correct
answer. It is therefore *undefined*: left out of the mean and counted beside it (`n_undefined`, and one count per
row of the table). A structure predicted where there is none, and one that was missed altogether, are not undefined:
Dice is 0 by its own formula, and they stay in. A *distance* to a structure that is not there has no value at all: it is
undefined, and only its count shows the miss, which is why distances are never reported without Dice or the counts
beside them. Whoever ranks methods by a distance takes the policy "penalise", in which a miss costs the diagonal of the
image. (Maier-Hein et al. 2024, "Metrics reloaded", Nature Methods 21:195,
asks for the same: decide, say so, and count.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError

UNDEFINED = float("nan")
_MOST_KEPT = 10_000_000  # drawn numbers that are kept for the next score (20 MB)


@dataclass(frozen=True)
class EmptyCase:
    """One row of the table: which mask is empty, what that means, and the value every score takes there."""

    name: str
    reference_empty: bool
    prediction_empty: bool
    meaning: str
    values: Mapping[str, float]


def _row(where: tuple[str, bool, bool], meaning: str, *values: Mapping[str, float]) -> EmptyCase:
    merged = {name: value for some in values for name, value in some.items()}
    return EmptyCase(*where, meaning, MappingProxyType(merged))


WORST = float("inf")
"""A cell of the table: the largest value that is possible, which for a distance is the diagonal of the array."""

_BOTH = ("both empty", True, True)
_REFERENCE = ("reference empty", True, False)
_PREDICTION = ("prediction empty", False, True)
_NOTHING = "nothing to find and nothing found"
_FALSE_ALARM = "something found where there is nothing"
_MISSED = "missed altogether"


def _same(value: float, *names: str) -> dict[str, float]:
    return dict.fromkeys(names, value)


_OVERLAP = ("dice", "iou", "generalised_dice", "cl_dice", "boundary_iou", "surface_dice")
_FRACTIONS = (*_OVERLAP, "precision", "sensitivity")
_DISTANCES = (
    "hausdorff",
    "hausdorff_percentile",
    "average_surface_distance",
    "average_symmetric_surface_distance",
    "mean_absolute_surface_distance",
)

# THE table. `UNDEFINED` values are left out of means and counted; tests pin every cell.
EMPTY_CASES: tuple[EmptyCase, ...] = (
    _row(
        _BOTH,
        f"{_NOTHING}: every overlap score is 0/0, and there is no surface to measure from",
        _same(UNDEFINED, *_FRACTIONS, *_DISTANCES, "volume_difference_percent"),
    ),
    _row(
        _REFERENCE,
        f"{_FALSE_ALARM}: overlap 0; sensitivity is 0/0; no surface to measure to",
        _same(0.0, *_OVERLAP, "precision"),
        _same(UNDEFINED, "sensitivity", *_DISTANCES, "volume_difference_percent"),
    ),
    _row(
        _PREDICTION,
        f"{_MISSED}: overlap 0; precision is 0/0; no surface to measure to",
        _same(0.0, *_OVERLAP, "sensitivity"),
        _same(UNDEFINED, "precision", *_DISTANCES),
        {"volume_difference_percent": -100.0},
    ),
)

_AGREED = _row(
    _BOTH,
    f"{_NOTHING}: counted as perfect",
    _same(1.0, *_FRACTIONS),
    _same(0.0, *_DISTANCES, "volume_difference_percent"),
)

# The choices, by name; the first is the default. "perfect" rewards an empty answer to an empty question, as many
# challenges do; "penalise" also gives a missed structure and a false alarm the worst value there is, so that no case
# ever leaves the mean (only the relative volume of a false alarm has no worst value and stays undefined).
POLICIES: Mapping[str, tuple[EmptyCase, ...]] = MappingProxyType(
    {
        "undefined": EMPTY_CASES,
        "perfect": (_AGREED, *EMPTY_CASES[1:]),
        "penalise": (
            _AGREED,
            _row(
                _REFERENCE,
                f"{_FALSE_ALARM}: the worst value of every score",
                _same(0.0, *_FRACTIONS),
                _same(WORST, *_DISTANCES),
                {"volume_difference_percent": UNDEFINED},
            ),
            _row(
                _PREDICTION,
                f"{_MISSED}: the worst value of every score",
                _same(0.0, *_FRACTIONS),
                _same(WORST, *_DISTANCES),
                {"volume_difference_percent": -100.0},
            ),
        ),
    }
)


def empty_value(
    metric: str, case: EmptyCase | None, *, policy: str = "undefined", worst: float = WORST
) -> float | None:
    """What a score is worth when a mask is empty; None when neither is, so that its formula applies.

    Args:
        metric: name of a column of `EMPTY_CASES`.
        case: of `empty_case`.
        policy: name in `POLICIES`.
        worst: replaces `WORST`.

    Raises:
        ConfigError: an unknown policy.

    >>> empty_value("hausdorff", EMPTY_CASES[2], policy="penalise", worst=250.0)
    250.0
    """
    if policy not in POLICIES:
        raise ConfigError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if case is None:
        return None
    value = next(row for row in POLICIES[policy] if row.name == case.name).values[metric]
    return worst if value == WORST else value


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


FEWEST_FOR_INTERVAL = 6
"""Groups below which a report shows no interval: of five normal values the interval that says 95 % holds the mean they
come from in 84 % of trials, of three in 75 % (4000 trials, seed 0), and it reads as a promise."""


class _Grouped(Protocol):
    @property
    def n_groups(self) -> int: ...

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Result = TypeVar("Result", bound=_Grouped)


def without_few(result: Result) -> Result:
    """A summary, comparison or agreement as a report shows it: no interval of fewer than six groups.

    >>> without_few(summarise([0.9, 0.8, 0.7])).mean_ci_low
    nan
    """
    if result.n_groups >= FEWEST_FOR_INTERVAL:
        return result
    intervals = [one.name for one in fields(result) if one.name.endswith(("_ci_low", "_ci_high"))]
    return replace(result, **dict.fromkeys(intervals, UNDEFINED))


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
    _check_settings(scores, groups, n_bootstrap=n_bootstrap, confidence=confidence)
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


def _check_settings(scores: NDArray[Any], groups: Sequence[Any] | None, *, n_bootstrap: int, confidence: float) -> None:
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
    means, medians = np.empty(n_bootstrap), np.empty(n_bootstrap)
    step = max(1, 2_000_000 // scores.size)  # resamples at a time: bounds memory to a few tens of MB
    start = 0
    for drawn in _draws(n_groups, n_bootstrap, seed=seed, step=step):
        part = slice(start, start + len(drawn))
        times = drawn[:, keys]
        running = np.cumsum(times, axis=1, dtype=np.int64)
        total = running[:, -1]
        means[part] = (times.astype(np.float64) @ scores) / total  # whole numbers would miss the fast product
        lower = (running > ((total - 1) // 2)[:, None]).argmax(axis=1)
        upper = (running > (total // 2)[:, None]).argmax(axis=1)
        medians[part] = (scores[lower] + scores[upper]) / 2
        start = part.stop
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    mean_low, mean_high = np.quantile(means, tails)
    median_low, median_high = np.quantile(medians, tails)
    return (float(mean_low), float(mean_high)), (float(median_low), float(median_high))


def _draws(n_groups: int, n_bootstrap: int, *, seed: int, step: int) -> Iterator[NDArray[np.integer]]:
    """Blocks `(resamples, groups)` of how often each group is drawn; the same for every score of the same cases."""
    if n_groups < 1 << 16 and n_groups * n_bootstrap <= _MOST_KEPT:
        kept = _kept_draws(n_groups, n_bootstrap, seed=seed)
        for start in range(0, n_bootstrap, step):
            yield kept[start : start + step]
        return
    rng = np.random.default_rng(seed)
    for start in range(0, n_bootstrap, step):
        yield rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=min(step, n_bootstrap - start))


@lru_cache(maxsize=2)
def _kept_draws(n_groups: int, n_bootstrap: int, *, seed: int) -> NDArray[np.integer]:
    """All draws of a seed, two bytes each: one score of a table after the other asks for them."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_bootstrap).astype(np.uint16)
