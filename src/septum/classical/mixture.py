"""Clustering of weighted values: exact k-means in one dimension, fuzzy c-means, mixtures of normal distributions.

The insight: scikit-learn's mixture knows no weights, so a histogram would have to be unfolded into its voxels again.
With weights a pass over 1024 bins replaces a pass over millions of voxels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from septum.geometry.arrays import Float64Array


def exact_kmeans(values: Float64Array, weights: Float64Array, *, k: int) -> NDArray[np.int64]:
    """The division of ascending values into `k` intervals with the least weighted squared distance to their means.

    Args:
        values: `(N,)`, ascending, N at least k.
        weights: `(N,)`, positive.

    Returns:
        `(N,)` class 0…k-1 of each value.

    Dynamic programming over the last interval's start, O(k N²) as whole-array operations (Wang and Song 2011).

    >>> exact_kmeans(np.array([0.0, 1.0, 10.0, 11.0]), np.ones(4), k=2).tolist()
    [0, 0, 1, 1]
    """
    n = len(values)
    centred = values - np.average(values, weights=weights)
    weight, first, second = (np.concatenate([[0.0], np.cumsum(weights * centred**power)]) for power in (0, 1, 2))
    start, end = np.arange(n)[:, None], np.arange(1, n + 1)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (second[end] - second[start]) - (first[end] - first[start]) ** 2 / (weight[end] - weight[start])
    inside = np.where(start < end, inside, np.inf)  # cost of the values start … end-1 as one class
    best = inside[0].copy()
    begins = np.zeros((k, n), np.int64)
    for level in range(1, k):
        before = np.concatenate([[np.inf], best[:-1]])
        total = before[:, None] + inside
        begins[level] = total.argmin(axis=0)
        best = total[begins[level], np.arange(n)]
    member = np.zeros(n, np.int64)
    stop = n
    for level in range(k - 1, -1, -1):
        begin = int(begins[level, stop - 1]) if level else 0
        member[begin:stop] = level
        stop = begin
    return member


def fuzzy_members(
    values: Float64Array, weights: Float64Array, *, start: Float64Array, steps: int = 300
) -> Float64Array:
    """Membership `(k, N)` of fuzzy c-means with exponent 2 for `(N, F)` values, from start means `(k, F)`.

    Each column sums to 1. Iterates until no mean moves by more than 10⁻⁶ of the values' spread (Bezdek 1981, ch. 3).

    >>> values = np.array([[0.0], [0.0], [10.0]])
    >>> fuzzy_members(values, np.ones(3), start=np.array([[1.0], [9.0]])).round(2).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    means = start
    small = 1e-6 * float(values.std()) + 1e-300
    for _ in range(steps):
        members = _memberships(values, means)
        squared = members**2 * weights
        moved = (squared @ values) / squared.sum(axis=1, keepdims=True)
        shift = float(np.abs(moved - means).max())
        means = moved
        if shift <= small:
            break
    return _memberships(values, means)


def _memberships(values: Float64Array, means: Float64Array) -> Float64Array:
    distance = np.stack([((values - mean) ** 2).sum(axis=1) for mean in means])
    near = 1 / np.maximum(distance, 1e-12 * float(distance.max()) + 1e-300)
    return np.asarray(near / near.sum(axis=0))


def normal_mixture(
    values: Float64Array,
    weights: Float64Array,
    *,
    means: Float64Array,
    variances: Float64Array,
    shares: Float64Array,
    steps: int = 500,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Means, variances and shares `(k,)` of the most likely mixture of normal distributions of weighted values `(N,)`.

    Expectation and maximisation from the given start, until the mean log likelihood gains less than 10⁻⁷. Variances
    stay above 10⁻⁶ of the whole variance, so that no class shrinks to one value (Dempster et al. 1977).

    >>> values = np.array([-1.0, 1.0, 99.0, 101.0])
    >>> start = {"means": np.array([10.0, 80.0]), "variances": np.ones(2), "shares": np.full(2, 0.5)}
    >>> found = normal_mixture(values, np.ones(4), **start)
    >>> found[0].round(3).tolist(), found[1].round(3).tolist(), found[2].round(3).tolist()
    ([0.0, 100.0], [1.003, 1.003], [0.5, 0.5])
    """
    total = weights.sum()
    middle = np.average(values, weights=weights)
    floor = 1e-6 * float(np.average((values - middle) ** 2, weights=weights)) or 1.0
    before = -np.inf
    for _ in range(steps):
        log = np.log(np.maximum(shares, 1e-300))[:, None] - 0.5 * (
            np.log(2 * np.pi * variances)[:, None] + (values - means[:, None]) ** 2 / variances[:, None]
        )
        top = log.max(axis=0)
        density = np.exp(log - top)
        sums = density.sum(axis=0)
        likelihood = float((weights * (top + np.log(sums))).sum() / total)
        belongs = density / sums * weights
        size = np.maximum(belongs.sum(axis=1), 1e-300)
        means = belongs @ values / size
        variances = (belongs * (values - means[:, None]) ** 2).sum(axis=1) / size + floor
        shares = size / total
        if likelihood - before < 1e-7:
            break
        before = likelihood
    return means, variances, shares
