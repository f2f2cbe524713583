"""Whether a probability means what it says: Brier score, expected calibration error, reliability curve.

The insight: all of them are sums over fine bins of confidence, so cases stream: a voxel is looked at once and then
forgotten. `CalibrationCounts` of several cases add up; the equal-width and the equal-mass ("adaptive") error are both
read from the same sums.

Probabilities are either of one class against the rest (`prob` has the shape of the labels) or channel first over all
classes, in which case the *confidence* is the largest probability and an event is that its class is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import as_labels
from septum.metrics.summary import UNDEFINED

FINE_BINS = 10_000  # equal-mass bins are exact up to 1/10000 of probability; three float64 rows of it are 240 kB
_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class CalibrationCounts:
    """Sums over voxels; add the counts of several cases with `+`.

    Args:
        n: `(B,)` voxels per bin of confidence, of equal width over [0, 1]; `B` is `FINE_BINS` until they are `merged`.
        confidence: `(B,)` sum of their confidence.
        events: `(B,)` how many of them were right.
        squared: sum over voxels of the squared error (over all classes where there are several).
    """

    n: NDArray[np.int64]
    confidence: NDArray[np.float64]
    events: NDArray[np.int64]
    squared: float

    def __add__(self, other: CalibrationCounts) -> CalibrationCounts:
        return CalibrationCounts(
            self.n + other.n,
            self.confidence + other.confidence,
            self.events + other.events,
            self.squared + other.squared,
        )

    @property
    def voxels(self) -> int:
        """Voxels that were counted."""
        return int(self.n.sum())

    def merged(self, n_bins: int) -> CalibrationCounts:
        """The same in fewer bins, for keeping the counts of many cases.

        Raises:
            ConfigError: not a divisor of the number of bins.
        """
        _check_bins(n_bins, self.n.size)
        n, confidence, events = (a.reshape(n_bins, -1).sum(axis=1) for a in (self.n, self.confidence, self.events))
        return CalibrationCounts(n, confidence, events, self.squared)


@dataclass(frozen=True, eq=False)
class Reliability:
    """The reliability curve: bins that hold voxels, in order of confidence.

    Args:
        confidence: `(B,)` mean confidence of each bin, in [0, 1].
        frequency: `(B,)` fraction of its voxels that were right, in [0, 1].
        n: `(B,)` voxels in it.
    """

    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]
    n: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Mean distance of frequency from confidence over voxels (ECE); nan without voxels."""
        total = int(self.n.sum())
        gap = np.abs(self.frequency - self.confidence)
        return float((self.n * gap).sum() / total) if total else UNDEFINED

    @property
    def largest_error(self) -> float:
        """Largest distance of frequency from confidence over bins (MCE); nan without voxels."""
        return float(np.abs(self.frequency - self.confidence).max()) if self.n.size else UNDEFINED


def calibration_counts(
    prob: ArrayLike, reference: ArrayLike, *, label: int = 1, ignore: int | None = None
) -> CalibrationCounts:
    """Count one case.

    Args:
        prob: probability of `label`, of the shape of `reference`; or `(C, *shape)` with one channel per label
            0 … C − 1, in [0, 1].
        reference: integer labels.
        label: the class that `prob` speaks of where it has no channels.
        ignore: voxels that carry this value in the reference are left out.

    Raises:
        GeometryError: shapes that do not fit, labels that are not integer, or (with channels) labels without a channel.
        ConfigError: probabilities outside [0, 1] or nan.

    >>> counts = calibration_counts([0.9, 0.8, 0.1], [1, 0, 0])
    >>> round(brier(counts), 3)
    0.22
    """
    p, ref = np.asarray(prob), as_labels(reference, "reference")
    channels = p.ndim == ref.ndim + 1
    if (p.shape[1:] if channels else p.shape) != ref.shape:
        raise GeometryError(
            f"prob must have the shape of reference {ref.shape}, or that after a first axis of classes, got {p.shape}; "
            "resample one of them"
        )
    p, ref = p.reshape(*p.shape[:1], -1) if channels else p.reshape(-1), ref.reshape(-1)
    total = _nothing()
    for start in range(0, ref.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        labels, chance = ref[part], np.asarray(p[..., part], dtype=np.float64)
        if ignore is not None:
            keep = labels != ignore
            labels, chance = labels[keep], chance[..., keep]
        total = total + (_count_classes(chance, labels) if channels else _count(chance, labels == label))
    return total


def brier(counts: CalibrationCounts) -> float:
    """Mean squared distance of the probabilities from what was true; nan without voxels.

    In [0, 1] for one class, in [0, 2] for several (the sum over classes). Source: Brier 1950, Mon Weather Rev 78:1.

    >>> round(brier(calibration_counts([0.5, 1.0], [1, 1])), 3)
    0.125
    """
    return counts.squared / counts.voxels if counts.voxels else UNDEFINED


def reliability(counts: CalibrationCounts, *, n_bins: int = 10, adaptive: bool = False) -> Reliability:
    """The reliability curve, from bins of equal width or, `adaptive`, of (nearly) equal numbers of voxels.

    Args:
        counts: from `calibration_counts`, of one case or added up over many.
        n_bins: number of bins; for equal width a divisor of the bins of `counts`, so that no voxel is torn apart.
        adaptive: equal numbers of voxels; voxels with the same confidence (up to 1 / `FINE_BINS`) stay together, so
            that there may be fewer bins.

    Raises:
        ConfigError: a number of bins out of range.

    Source: Guo et al. 2017, ICML; adaptive bins: Nixon et al. 2019, CVPR workshops.

    >>> reliability(calibration_counts([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1])).expected_error
    0.25
    """
    _check_bins(n_bins, n_bins if adaptive else counts.n.size)
    if adaptive:
        before = np.cumsum(counts.n) - counts.n / 2
        place = np.minimum(before * n_bins // max(counts.voxels, 1), n_bins - 1).astype(np.int64)
    else:
        place = np.arange(counts.n.size) // (counts.n.size // n_bins)
    n = np.bincount(place, counts.n, minlength=n_bins).astype(np.int64)
    confidence = np.bincount(place, counts.confidence, minlength=n_bins)
    events = np.bincount(place, counts.events, minlength=n_bins)
    held = n > 0
    return Reliability(confidence[held] / n[held], events[held] / n[held], n[held])


def expected_calibration_error(counts: CalibrationCounts, *, n_bins: int = 10, adaptive: bool = False) -> float:
    """Mean distance between confidence and frequency, in [0, 1]; nan without voxels. See `reliability`.

    >>> expected_calibration_error(calibration_counts([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1]))
    0.25
    """
    return reliability(counts, n_bins=n_bins, adaptive=adaptive).expected_error


def _check_bins(n_bins: int, whole: int) -> None:
    if n_bins < 1 or whole % n_bins:
        raise ConfigError(f"n_bins must be a divisor of {whole}, got {n_bins}; 10 and 20 are customary")


def _nothing() -> CalibrationCounts:
    return CalibrationCounts(np.zeros(FINE_BINS, np.int64), np.zeros(FINE_BINS), np.zeros(FINE_BINS, np.int64), 0.0)


def _count(confidence: NDArray[np.float64], event: NDArray[np.bool_]) -> CalibrationCounts:
    _check(confidence)
    return _binned(confidence, event, squared=float(((confidence - event) ** 2).sum()))


def _count_classes(prob: NDArray[np.float64], labels: NDArray[np.int64]) -> CalibrationCounts:
    _check(prob)
    if labels.size and (labels.min() < 0 or labels.max() >= len(prob)):
        raise GeometryError(
            f"reference must hold labels 0 to {len(prob) - 1}, one per channel of prob, got {labels.min()} to "
            f"{labels.max()}; name the value to leave out as `ignore`"
        )
    best = prob.argmax(axis=0)
    voxel = np.arange(labels.size)
    # Σ_c (p_c − y_c)² = Σ p_c² − 2 p_y + 1: no one-hot array.
    squared = float((prob**2).sum() - 2 * prob[labels, voxel].sum() + labels.size)
    return _binned(prob[best, voxel], best == labels, squared=squared)


def _binned(confidence: NDArray[np.float64], event: NDArray[np.bool_], *, squared: float) -> CalibrationCounts:
    place = np.minimum((confidence * FINE_BINS).astype(np.int64), FINE_BINS - 1)
    return CalibrationCounts(
        np.bincount(place, minlength=FINE_BINS),
        np.bincount(place, weights=confidence, minlength=FINE_BINS).astype(np.float64),
        np.bincount(place[event], minlength=FINE_BINS),
        squared,
    )


def _check(prob: NDArray[np.float64]) -> None:
    if prob.size and not (prob.min() >= 0 and prob.max() <= 1):
        raise ConfigError(
            f"prob must lie between 0 and 1, got {prob.min()} to {prob.max()}; apply a softmax or sigmoid first"
        )
