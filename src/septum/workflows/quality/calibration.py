"""From what a network says of its own mask to the Dice that the mask is likely to have, with an interval.

The insight: two looks at an image, by two networks or by one of its mirrored copies, give two masks, and the Dice
between them goes up and down with the Dice against the truth; it is only too high, because looks share mistakes. Where
there is one look, its probabilities contain a Dice, too, the one its mask has if they are right. So the model has two
numbers, which bend that promise by as much as held-out cases show and fall back to "believe it" where they are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from septum.geometry.arrays import Float64Array

COVERAGE = 0.9
"""Share of cases whose Dice the interval is meant to hold."""


FEWEST = 6
"""Held-out cases below which no interval is given."""


_TOLERANCE = 0.05  # of Dice: residuals beyond it count less and less (soft L1)


_SHIFT = 1.0  # pull of the shift to 0


_SLOPES = {"expected": 4.0, "agreement": 20.0}  # of the slope to 1: a handful hardly turns the line of two looks


_LEAST = 0.05  # part of the interval's width that does not shrink as the estimate nears 1


@dataclass(frozen=True)
class Calibration:
    """Dice = sigmoid(shift + slope · logit(expected) + weight · (logit(agreement) - logit(expected))).

    Args:
        shift, slope, weight: as above; weight is 0 where agreement is not used, else the slope, so that the line
            is one of the agreement alone (old models: any).
        width: half the interval, in units of (1 - Dice + 0.05); None where no interval can be given.
        below: how far below their estimates all but one of ten masks lie at most, in the same units.
        coverage: share of cases that the interval is to hold: 0.9, or n / (n + 1) where that is less.
        cases: held-out cases, with a mask that is not empty, that it rests on.
        error: mean absolute error with each of them held out.
        both_ends: widths are in units of sqrt(Dice · (1 - Dice)) + 0.05 instead: what finds ruined masks as surely as
            good ones is unsure between them only.
    """

    shift: float
    slope: float
    weight: float
    width: float | None
    coverage: float
    cases: int
    error: float
    below: float | None = None
    both_ends: bool = False

    def estimate(self, expected: float, agreement: float = math.nan) -> float:
        """The likely Dice; nan where `expected` is (or `agreement`, if it is used)."""
        parameters = (self.shift, self.slope, self.weight)
        return float(_curve(np.array(parameters), np.array([expected]), z=np.array([agreement]))[0])

    def floor(self, estimate: float) -> float:
        """The Dice that nine of ten masks with this estimate reach; nan where no interval can be given."""
        if self.below is None or math.isnan(estimate):
            return self.interval(estimate)[0]
        return estimate - self.below * float(_scale(np.array(estimate), self.both_ends))

    def interval(self, estimate: float) -> tuple[float, float]:
        """Lowest and highest likely Dice around an estimate; nan where no interval can be given."""
        if self.width is None or math.isnan(estimate):
            return math.nan, math.nan
        half = self.width * float(_scale(np.array(estimate), self.both_ends))
        return max(0.0, estimate - half), min(1.0, estimate + half)


def calibrate(
    expected: ArrayLike,
    dice: ArrayLike,
    *,
    agreement: ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    weights: ArrayLike | None = None,
    both_ends: bool = False,
) -> tuple[Calibration, Float64Array]:
    """The calibration that held-out cases show, and what it says of each of them when fitted on the others.

    Args:
        expected: Dice that the probabilities promise, one per case, in 0 to 1.
        dice: the true Dice.
        agreement: mean Dice between networks or mirrored copies, to be used too.
        groups: cases of one group (an image with several classes, its spoiled copies, a patient) are held out together.
        weights: how much each case counts, positive; 1 each where not given.
        both_ends: as of `Calibration`.

    Raises:
        ValueError: when no case is given, or a number is not finite.

    Source of the interval: split conformal prediction with leave-one-out residuals (the jackknife), scaled by
    1 - Dice + 0.05 because bad masks are harder to grade than good ones; Barber et al. 2021, Ann Stat 49:486.
    """
    x, d = np.asarray(expected, dtype=np.float64), np.asarray(dice, dtype=np.float64)
    z = x if agreement is None else np.asarray(agreement, dtype=np.float64)
    if not len(d) or not all(np.isfinite(v).all() for v in (x, d, z)):
        raise ValueError("calibrate needs at least one case and finite numbers")
    w = np.ones(len(d)) if weights is None else np.asarray(weights, dtype=np.float64)
    promised, pull = _logit(z), _SLOPES["expected" if agreement is None else "agreement"]
    kinds = np.unique(np.array([str(g) for g in (groups or range(len(d)))]), return_inverse=True)[1]
    held_out = _held_out(promised, d=d, w=w, kinds=kinds, pull=pull)
    n = int(kinds.max()) + 1
    scale, coverage = _scale(held_out, both_ends), min(COVERAGE, n / (n + 1))
    shift, slope = _fit(promised, d=d, w=w, pull=pull)
    found = Calibration(
        float(shift),
        float(slope),
        0.0 if agreement is None else float(slope),
        width=_quantile(np.abs(held_out - d) / scale, w, share=coverage) if n >= FEWEST else None,
        coverage=coverage,
        cases=len(d),
        error=float(np.average(np.abs(held_out - d), weights=w)),
        below=_quantile((held_out - d) / scale, w, share=coverage) if n >= FEWEST else None,
        both_ends=both_ends,
    )
    return found, held_out


def _quantile(misses: Float64Array, weights: Float64Array, *, share: float) -> float:
    """The miss that a share of the cases and one more do not exceed, by weight; the largest where there are too few."""
    order = np.argsort(misses)
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, share * (reached[-1] + 1) - 1e-9))
    return float(misses[order][min(place, len(order) - 1)])


def _held_out(
    promised: Float64Array, *, d: Float64Array, w: Float64Array, kinds: NDArray[np.intp], pull: float
) -> Float64Array:
    """The estimate of each case by a fit on the other groups; of the only group by the prior."""
    out = np.empty(len(d))
    for kind in range(int(kinds.max()) + 1):
        mine = kinds == kind
        out[mine] = _line(_fit(promised[~mine], d=d[~mine], w=w[~mine], pull=pull), promised[mine])
    return out


def _fit(promised: Float64Array, *, d: Float64Array, w: Float64Array, pull: float) -> Float64Array:
    """Shift and slope, this one pulled to 1; 0 and 1 where there is no case."""
    centre = np.array([0.0, 1.0])
    if not len(d):
        return centre

    def misfit(p: Float64Array) -> Float64Array:
        miss = (_line(p, promised) - d) / _TOLERANCE
        soft = np.sign(miss) * np.sqrt(2 * w * (np.sqrt(1 + miss**2) - 1))
        return np.concatenate([soft, np.sqrt([_SHIFT, pull]) * (p - centre)])

    return np.asarray(least_squares(misfit, centre, bounds=([-5.0, 0.0], [5.0, 5.0])).x)


def _line(p: Float64Array, promised: Float64Array) -> Float64Array:
    """Dice from a promise: both as log-odds, a straight line between them."""
    return np.asarray(1 / (1 + np.exp(-(p[0] + p[1] * promised))))


def _curve(p: Float64Array, x: Float64Array, *, z: Float64Array) -> Float64Array:
    line = _logit(x)
    pull = p[2] * (_logit(z) - line) if p[2] else 0.0
    return np.asarray(1 / (1 + np.exp(-(p[0] + p[1] * line + pull))))


def _logit(values: Float64Array) -> Float64Array:
    kept = np.clip(values, 0.01, 0.995)
    return np.asarray(np.log(kept / (1 - kept)))


def _scale(estimate: Float64Array, both_ends: bool) -> Float64Array:
    return np.asarray((np.sqrt(estimate * (1 - estimate)) if both_ends else 1 - estimate) + _LEAST)
