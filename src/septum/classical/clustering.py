"""Clustering of intensities: k-means, fuzzy c-means and mixtures of normal distributions, for one channel or many.

The insight: one channel is a histogram, and on a histogram k-means has an exact answer: the best classes are intervals,
and dynamic programming finds the best of all divisions, so there is no start to choose and no luck. Several features
are clustered on a seeded sample. Either way every voxel is then assigned block by block, so memory stays bounded.

Classes are numbered 0…k-1 from dark to bright (mean intensity over channels): a class means the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical import mixture
from septum.classical.features import Features, feature_stack
from septum.classical.potts import smooth_classes
from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array, Spacing, channels_image, spacing_mm
from septum.options import at_least, one_of

ClassNumbers = NDArray[np.uint8]
KINDS = ("kmeans", "fuzzy", "mixture")
_BINS = 1024
_SAMPLE = 50_000
_BLOCK = 1 << 20
_MOST = 64


@dataclass(frozen=True, eq=False)
class Clusters:
    """Classes of feature vectors, in order of intensity.

    Args:
        kind: "kmeans", "fuzzy" or "mixture".
        means: `(k, F)`.
        covariances: `(k, F, F)`; for k-means and fuzzy c-means the spread of the members, of no use for assigning.
        weights: `(k,)` share of each class.
    """

    kind: str
    means: Float64Array
    covariances: Float64Array
    weights: Float64Array

    def costs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(k, N)` cost of each class for feature vectors `(F, N)`; the cheapest is the class.

        Squared distances for k-means and fuzzy c-means, -2 log of weight × density for a mixture.
        """
        out = np.empty((len(self.means), features.shape[1]), np.float32)
        for index, mean in enumerate(self.means):
            difference = features - mean.astype(np.float32)[:, None]
            if self.kind == "mixture":
                covariance = self.covariances[index]
                whiten = np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)
                difference = whiten @ difference
            np.einsum("fn,fn->n", difference, difference, out=out[index])
            if self.kind == "mixture":
                _, log_determinant = np.linalg.slogdet(self.covariances[index])
                out[index] += np.float32(log_determinant - 2 * np.log(max(self.weights[index], 1e-300)))
        return out


def cluster(
    image: ArrayLike,
    *,
    kind: str = "kmeans",
    classes: int = 3,
    most: int = 8,
    smoothed_mm: Sequence[float] | None = None,
    position: float = 0.0,
    regularity: float = 0.0,
    seed: int = 0,
    spacing: Spacing = None,
) -> ClassNumbers:
    """Classes 0…k-1 of the voxels, from dark to bright.

    Args:
        image: `(C, *spatial)` with 2 or 3 spatial axes, finite. Several features are standardised first.
        kind: "kmeans" (least squared distances), "fuzzy" (fuzzy c-means with exponent 2, the largest membership) or
            "mixture" (normal distributions with full covariances, the most probable).
        classes: k, 1 to 64, not more than there are distinct values; 0 lets the data choose among 2 to `most`: the
            least k² |W| (W: scatter within the classes) for k-means and fuzzy c-means, the least Bayesian information
            criterion for mixtures.
        smoothed_mm: standard deviations in mm of Gaussians; each channel smoothed by each becomes a feature.
        position: weight of the position: the coordinates in mm become features, scaled so that the image's longest
            side has this many standard deviations of a feature as its own; 0 for none.
        regularity: strength of a Markov random field (Potts model), 0 for none; 1 is about as much as a class costs
            that lies one standard deviation away. Nearer neighbours (in mm) weigh more.
        seed: of the sample; not used for one channel without further features, which is exact.
        spacing: mm per spatial axis.

    Returns:
        uint8 of the spatial shape. A constant image is class 0 everywhere when k is chosen by the data or 1.

    One channel: own code on a histogram of 1024 bins (no library clusters weighted values exactly). Several features:
    scikit-learn (KMeans, GaussianMixture) on at most 50 000 voxels; fuzzy c-means is own code.

    Raises:
        GeometryError: impossible shape or spacing.
        ConfigError: k larger than the number of distinct values, options out of range.

    Source: Wang and Song 2011, The R Journal 3:29 (exact k-means in one dimension); Bezdek 1981 (fuzzy c-means);
    Marriott 1971, Biometrics 27:501; Schwarz 1978; Besag 1986, J. R. Stat. Soc. B 48:259 (Markov random field).

    >>> cluster([[[0, 1, 50, 51, 99]]], classes=3).tolist()
    [[0, 0, 1, 1, 2]]
    """
    array = channels_image(image)
    step = spacing_mm(spacing, array.ndim - 1)
    one_of(kind, KINDS, name="kind")
    at_least(regularity, 0, name="regularity")
    at_least(position, 0, name="position")
    tried = _tried(classes, most)
    features = feature_stack(array, spacing=step, smoothed_mm=smoothed_mm or (), position=position)
    found = fit(features, kind=kind, tried=tried, exact=classes != 0, seed=seed)
    if regularity == 0:
        return nearest_class(features, found)
    return smooth_classes(
        lambda rows: _log_costs(found, features.rows(rows)), features.shape, spacing=step, strength=regularity
    )


def fit(features: Features, *, kind: str, tried: Sequence[int], exact: bool, seed: int) -> Clusters:
    """The clusters of the best of the numbers `tried`; with `exact` a number that is too large is an error.

    >>> features = feature_stack(np.array([[[0.0, 1.0, 8.0, 9.0]]]), spacing=(1, 1), smoothed_mm=(), position=0)
    >>> fit(features, kind="kmeans", tried=[2], exact=True, seed=0).means.tolist()
    [[0.5], [8.5]]
    """
    values, weights = _values(features, seed)
    distinct = _distinct(values, max(tried))
    if exact and tried[0] > distinct:
        raise ConfigError(
            f"classes must not be more than the distinct values, {distinct}, got {tried[0]}; choose fewer classes"
        )
    options = [k for k in tried if k <= distinct] or [1]
    fits = [_FITS[kind](values, weights, k, seed) for k in options]
    scores = [_score(found, values, weights=weights) for found in fits] if len(fits) > 1 else [0.0]
    best = fits[int(np.argmax(scores))]
    order = np.argsort(features.intensity(best.means), kind="stable")
    return Clusters(best.kind, best.means[order], best.covariances[order], best.weights[order])


def nearest_class(features: Features, clusters: Clusters) -> ClassNumbers:
    """The cheapest class of every voxel, block by block; one feature is compared with the limits between classes.

    >>> features = feature_stack(np.array([[[0.0, 1.0, 8.0, 9.0]]]), spacing=(1, 1), smoothed_mm=(), position=0)
    >>> nearest_class(features, fit(features, kind="kmeans", tried=[2], exact=True, seed=0)).tolist()
    [[0, 0, 1, 1]]
    """
    k = len(clusters.means)
    out = np.zeros(features.shape, np.uint8)
    if k == 1:
        return out
    limits = _limits(clusters) if features.is_single else None
    if limits is not None:
        return _between_limits(features, limits)
    for rows in features.blocks(_BLOCK):
        costs = clusters.costs(features.rows(rows))
        out[rows] = costs.argmin(axis=0).astype(np.uint8).reshape(out[rows].shape)
    return out


def _tried(classes: int, most: int) -> list[int]:
    if classes == 0:
        if not 2 <= most <= _MOST:
            raise ConfigError(f"most must be 2 to {_MOST}, got {most}; choose another value")
        return list(range(2, most + 1))
    if not 1 <= classes <= _MOST:
        raise ConfigError(
            f"classes must be 1 to {_MOST}, or 0 to let the data choose, got {classes}; choose another value"
        )
    return [classes]


def _values(features: Features, seed: int) -> tuple[Float64Array, Float64Array]:
    """What is clustered: means `(N, F)` of the bins of one feature with their counts, or a sample with weights 1."""
    if features.is_single:
        return features.histogram(_BINS)
    sample = features.sample(_SAMPLE, np.random.default_rng(seed))
    return sample, np.ones(len(sample))


def _distinct(values: Float64Array, enough: int) -> int:
    """Number of distinct feature vectors, counted up to where it is certain that there are enough."""
    first = np.unique(values[:1000], axis=0)
    return len(first) if len(first) >= enough else len(np.unique(values, axis=0))


def _kmeans(values: Float64Array, weights: Float64Array, k: int, seed: int) -> Clusters:
    if values.shape[1] == 1:
        member = mixture.exact_kmeans(values[:, 0], weights, k=k)
    else:
        from sklearn.cluster import KMeans

        member = KMeans(k, n_init=3, random_state=seed).fit(values).labels_
    return _from_members(np.eye(k)[member].T * weights, values, kind="kmeans")


def _fuzzy(values: Float64Array, weights: Float64Array, k: int, seed: int) -> Clusters:
    start = _kmeans(values, weights, k, seed).means
    return _from_members(mixture.fuzzy_members(values, weights, start=start) * weights, values, kind="fuzzy")


def _mixture(values: Float64Array, weights: Float64Array, k: int, seed: int) -> Clusters:
    if values.shape[1] == 1:
        start = _kmeans(values, weights, k, seed)
        means, variances, shares = mixture.normal_mixture(
            values[:, 0], weights, means=start.means[:, 0], variances=start.covariances[:, 0, 0], shares=start.weights
        )
        return Clusters("mixture", means[:, None], variances[:, None, None], shares)
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(k, random_state=seed, reg_covar=1e-4, max_iter=300).fit(values)
    return Clusters("mixture", model.means_, model.covariances_, model.weights_)


_FITS: dict[str, Callable[[Float64Array, Float64Array, int, int], Clusters]] = {
    "kmeans": _kmeans,
    "fuzzy": _fuzzy,
    "mixture": _mixture,
}


def _from_members(members: Float64Array, values: Float64Array, *, kind: str) -> Clusters:
    """Means, spreads and shares from (weighted) membership `(k, N)`."""
    if kind == "fuzzy":
        squared = members**2 / np.maximum(members.sum(axis=0), 1e-300)
        means = (squared @ values) / squared.sum(axis=1, keepdims=True)
    else:
        means = (members @ values) / members.sum(axis=1, keepdims=True)
    size = members.sum(axis=1)
    floor = _floor(values)
    covariances = []
    for mean, member, n in zip(means, members, size, strict=True):
        difference = values - mean
        covariances.append((difference * member[:, None]).T @ difference / n + floor * np.eye(values.shape[1]))
    return Clusters(kind, means, np.array(covariances), size / size.sum())


def _floor(values: Float64Array) -> float:
    """A variance that is next to nothing for these values, so that no class shrinks to a point."""
    return 1e-6 * float(((values - values.mean(axis=0)) ** 2).mean()) or 1.0


def _score(found: Clusters, values: Float64Array, *, weights: Float64Array) -> float:
    """The larger the better: minus Marriott's criterion, log(k² |W|), or minus the Bayesian information criterion."""
    k, dimensions = found.means.shape
    total = float(weights.sum())
    costs = found.costs(values.T.astype(np.float32)).astype(np.float64)
    if found.kind == "mixture":
        half = -0.5 * (costs + dimensions * np.log(2 * np.pi))
        top = half.max(axis=0)
        likelihood = float((weights * (top + np.log(np.exp(half - top).sum(axis=0)))).sum())
        free = k * (dimensions + dimensions * (dimensions + 1) / 2) + k - 1
        return float(2 * likelihood - free * np.log(total))
    difference = values - found.means[costs.argmin(axis=0)]
    within = (difference * weights[:, None]).T @ difference / total
    return -float(2 * np.log(k) + np.linalg.slogdet(within + _floor(values) * np.eye(dimensions))[1])


def _limits(clusters: Clusters) -> Float64Array | None:
    """The k-1 limits between the classes of one feature; None where classes are not intervals in order."""
    means = clusters.means[:, 0]
    return None if clusters.kind == "mixture" else (means[1:] + means[:-1]) / 2


def _between_limits(features: Features, limits: Float64Array) -> ClassNumbers:
    out = np.zeros(features.shape, np.uint8)
    channel = features.stack[0]
    for rows in features.blocks(1 << 18):
        part, into = channel[rows], out[rows]
        for limit in limits:
            # Integers above a limit are those above its floor: compared in their own type.
            into += part > (int(np.floor(limit)) if part.dtype.kind in "iu" else part.dtype.type(limit))
    return out


def _log_costs(clusters: Clusters, features: NDArray[Any]) -> NDArray[np.float32]:
    """Costs in the units of the Markov random field: half the squared distance in standard deviations of a class."""
    costs = clusters.costs(features.astype(np.float32, copy=False))
    if clusters.kind != "mixture":
        within = np.average(np.trace(clusters.covariances, axis1=1, axis2=2), weights=clusters.weights)
        costs /= np.float32(max(within, 1e-12))
    costs *= np.float32(0.5)
    return costs
