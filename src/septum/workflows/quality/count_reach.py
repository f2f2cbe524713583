"""How far counts may be off, learnt from few images of which some may have failed.

The insight: counts miss by a factor, and not as often upwards as downwards. An interval that may miss one count in ten
must not have its ends set by one failed image in ten, so what lies far beyond the others counts as lying at their edge;
what so few images leave open is added as Student's t does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

COVERAGE = 0.9
"""Share of counts that an interval is to hold."""


_NORMAL = 1.4826  # standard deviations for each median absolute one, of normal deviations


_EDGE = 3.0  # robust deviations at which a miss counts, however far beyond it lies


_RATIO_EDGE = 1.5  # the same for the usual ratio, which the common images are to decide


_LEAST = 0.05  # least robust deviation of a logarithm: smaller ones are luck


_ALIKE = 4.0  # images thought to miss upwards as far as downwards


def usual_ratio(annotated: ArrayLike, found: ArrayLike) -> float:
    """Annotated objects for each found one, by which a count is corrected; 1 without images.

    The mean of the images' logarithms, weighted by the square root of their objects (the fewer of both); those that lie
    far from the median count as lying at the edge (Huber 1981, Robust Statistics).

    Args:
        annotated, found: `(n,)` objects of each image.

    >>> usual_ratio([22, 11, 43, 15], [20, 10, 39, 148])  # the last one failed
    1.07...
    """
    more, less = np.asarray(annotated, np.float64) + 1, np.asarray(found, np.float64) + 1
    if not len(more):
        return 1.0
    ratios, weights = np.log(more / less), np.sqrt(np.minimum(more, less))
    middle = _weighted_median(ratios, weights)
    far = _RATIO_EDGE * max(_NORMAL * float(np.median(np.abs(ratios - middle))), _LEAST)
    return math.exp(float(np.average(np.clip(ratios, middle - far, middle + far), weights=weights)))


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, share, values[order]))


@dataclass(frozen=True)
class Reach:
    """How far counts may be off.

    Args:
        below, above: logarithm of the factor, for a count of `usual` and more; further for fewer, where chance weighs
            more.
        usual: objects that an image holds in the middle.
    """

    below: float
    above: float
    usual: float

    @classmethod
    def of(cls, expected: ArrayLike, annotated: ArrayLike) -> Reach:
        """From the counts `(n,)` of at least two images, each expected from the others, and the true ones."""
        from scipy.special import stdtrit

        guess, truth = np.asarray(expected, np.float64), np.asarray(annotated, np.float64)
        usual, n = float(np.median(guess)), len(guess)
        misses = np.log((truth + 1) / (guess + 1)) / _unit(guess, usual)
        edge = _EDGE * max(_NORMAL * float(np.median(np.abs(misses))), _LEAST)
        squares = np.clip(misses, -edge, edge) ** 2
        spread = float(squares.sum()) / (n - 1)
        below, above = (
            math.sqrt((2 * float(squares[side].sum()) + _ALIKE * spread) / (n + _ALIKE))
            for side in (misses < 0, misses > 0)
        )
        wide = float(stdtrit(n - 1, (1 + COVERAGE) / 2)) * math.sqrt(1 + 1 / n)
        return cls(wide * below, wide * above, usual)

    def interval(self, expected: float) -> tuple[float, float]:
        """Lowest and highest likely count around an expected one.

        >>> Reach(math.log(2), math.log(4), 10.0).interval(20.0)
        (9.5, 83.0)
        """
        unit = float(_unit(np.array(expected), self.usual))
        low, high = ((expected + 1) * math.exp(side * unit) - 1 for side in (-self.below, self.above))
        return max(0.0, low), high


def _unit(expected: NDArray[np.float64], usual: float) -> NDArray[np.float64]:
    """How much farther a count is off than one of many objects: below the usual number as the root of chance."""
    return np.asarray(np.maximum(1.0, np.sqrt((usual + 1) / (expected + 1))))
