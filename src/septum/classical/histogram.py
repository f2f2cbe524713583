"""Twelve automatic thresholds as functions of one histogram.

The insight: all of them look at the histogram only, and that has a few hundred entries, so the image is read once and
every method costs next to nothing, in any dimension and for any type of number. Bins follow the image's own range and
steps; a method sees bin numbers, never intensities, so scaling the image or adding to it cannot change a mask. What a
library offers on histograms (scikit-image: Otsu, isodata, Yen) runs there; the others are written from their papers,
because SimpleITK offers them on images only and counts the voxels again each time.

Every function takes counts `(B,)` and returns the last bin of the *lower* class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from septum.classical import filters
from septum.errors import DatasetError
from septum.geometry.arrays import Float64Array

_CHUNK = 1 << 18  # samples whose bins are computed at a time: they stay in the cache
_EDGE = 1e-4  # of a bin: an intensity on an edge belongs to the upper bin, whatever rounding does
_ROUNDS = 10_000  # of smoothing until a histogram has two peaks


def count_bins(image: NDArray[Any], *, bins: int) -> tuple[NDArray[np.int64], float, float]:
    """Counts of the histogram, the lower edge of its first bin, and the width of a bin.

    Where the intensities are at most `bins` evenly spaced steps (any 8-bit image), each step is a bin: bins narrower
    than the steps would leave gaps that look like valleys. Otherwise `bins` even bins reach from the smallest to the
    largest intensity. The width is 0 where all intensities are alike; the counts are then all in the first bin.

    >>> counts, low, width = count_bins(np.array([[3, 4, 4, 6]]), bins=256)
    >>> counts.tolist(), low, width
    ([1, 2, 0, 1], 2.5, 1.0)
    """
    low, high = float(image.min()), float(image.max())
    if not high > low:
        return np.array([image.size], dtype=np.int64), low, 0.0
    flat = image.reshape(-1)
    small = image.dtype.kind in "iu" and image.dtype.itemsize <= 2
    values, counts = _count_values(image, int(low), high=int(high)) if small else (_few_values(flat, bins), None)
    width = 0.0 if values is None else _even_step(values, bins)
    size = round((high - low) / width) + 1 if width else bins
    low, width = (low - width / 2, width) if width else (low, (high - low) / bins)
    if counts is not None and values is not None:
        place = _place(values, low, width=width, size=size)
        return np.bincount(place, weights=counts, minlength=size).astype(np.int64), low, width
    total = np.zeros(size, dtype=np.int64)
    for start in range(0, flat.size, _CHUNK):
        total += np.bincount(_place(flat[start : start + _CHUNK], low, width=width, size=size), minlength=size)
    return total, low, width


def _place(values: NDArray[Any], low: float, *, width: float, size: int) -> NDArray[np.intp]:
    """The bin of each value."""
    return np.minimum(((values.astype(np.float64) - low) / width + _EDGE).astype(np.intp), size - 1)


def _count_values(image: NDArray[Any], low: int, *, high: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values that occur of an integer type of one or two bytes, and how often; OpenCV counts."""
    every = filters.count_values(image, low=low, high=high)
    present = np.flatnonzero(every)
    return present + low, every[present]


def _few_values(flat: NDArray[Any], most: int) -> NDArray[Any] | None:
    """The values that occur, or None when they are more than `most`; a sample answers first for most images."""
    if np.unique(flat[:: max(1, flat.size // 4096)]).size > most:
        return None
    found = flat[:0]
    for start in range(0, flat.size, _CHUNK):
        found = np.union1d(found, np.unique(flat[start : start + _CHUNK]))
        if found.size > most:
            return None
    return found


def _even_step(values: NDArray[Any], bins: int) -> float:
    """The step between values that are all whole steps apart, when at most `bins` steps hold them all; else 0."""
    offsets = values.astype(np.float64) - float(values[0])
    step = float(np.diff(offsets).min())
    whole = offsets / step
    return step if round(whole[-1]) < bins and np.abs(whole - np.rint(whole)).max() < 1e-2 else 0.0


def edge_value(index: int, low: float, *, width: float) -> float:
    """The smallest intensity that belongs to the bin after `index`.

    >>> round(edge_value(2, 10.0, width=0.5), 3)
    11.5
    """
    return low + (index + 1 - _EDGE) * width


def otsu(counts: NDArray[Any]) -> int:
    """Largest variance between the classes. Otsu 1979, IEEE Trans. SMC 9:62. Runs scikit-image on the histogram.

    >>> otsu(np.array([4, 4, 0, 0, 0, 4, 4]))
    1
    """
    from skimage.filters import threshold_otsu

    return int(threshold_otsu(hist=(counts, np.arange(counts.size))))


def multi_otsu(counts: NDArray[Any], *, classes: int) -> tuple[int, ...]:
    """The `classes - 1` thresholds of largest variance between the classes, ascending.

    Exact by dynamic programming over the bins, `O(classes · B²)` (Liao et al. 2001, J. Inf. Sci. Eng. 17:713, give the
    criterion): scikit-image tries every combination, which takes minutes for six classes.

    >>> multi_otsu(np.array([9, 1, 0, 9, 0, 1, 9]), classes=3)
    (1, 3)
    """
    size = counts.size
    mass = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    moment = np.concatenate([[0.0], np.cumsum(counts * np.arange(size, dtype=np.float64))])
    weight = mass[None, :] - mass[:, None]  # of the bins a..b-1, at [a, b]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[None, :] - moment[:, None]) ** 2 / weight
    between[~(weight > 0)] = -np.inf  # a class without a sample is none
    best, choice = between[0], []
    for _ in range(classes - 1):
        total = best[:, None] + between
        choice.append(np.argmax(total, axis=0))
        best = np.max(total, axis=0)
    edges, end = [], size
    for starts in reversed(choice):
        end = int(starts[end])
        edges.append(end - 1)
    return tuple(reversed(edges))


def huang(counts: NDArray[Any]) -> int:
    """Least fuzziness by Shannon's function. Huang & Wang 1995, Pattern Recognition 28:41.

    >>> huang(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    4
    """
    first, last = _ends(counts)
    h = counts[first : last + 1].astype(np.float64)
    index = np.arange(h.size, dtype=np.float64)
    below, above = _means(h)
    apart = np.abs(index[None, :] - np.where(index[None, :] <= index[:-1, None], below[:, None], above[:, None]))
    member = 1 / (1 + apart / (h.size - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        unsure = -member * np.log(member) - np.where(member < 1, (1 - member) * np.log(1 - member), 0.0)
    return first + int(np.argmin(unsure @ h))


def intermodes(counts: NDArray[Any]) -> int:
    """Half way between the two peaks of the smoothed histogram. Prewitt & Mendelsohn 1966, Ann. NY Acad. Sci. 128:1035.

    Raises:
        DatasetError: when smoothing leaves fewer than two peaks.

    >>> intermodes(np.array([1, 8, 1, 0, 0, 0, 1, 8, 1]))
    4
    """
    _, (first, second) = _two_peaks(counts)
    return (first + second) // 2


def minimum(counts: NDArray[Any]) -> int:
    """The lowest bin between the two peaks of the smoothed histogram; source and error as `intermodes`.

    >>> minimum(np.array([1, 8, 3, 2, 1, 2, 3, 8, 1]))
    4
    """
    smooth, (first, second) = _two_peaks(counts)
    return first + int(np.argmin(smooth[first : second + 1]))


def isodata(counts: NDArray[Any]) -> int:
    """Half way between the means of both classes. Ridler & Calvard 1978, IEEE Trans. SMC 8:630. Runs scikit-image.

    >>> isodata(np.array([1, 8, 1, 0, 0, 0, 1, 8, 1]))
    4
    """
    from skimage.filters import threshold_isodata

    return int(threshold_isodata(hist=(counts, np.arange(counts.size, dtype=np.float64))))


def kittler_illingworth(counts: NDArray[Any]) -> int:
    """Least error of two normal distributions. Kittler & Illingworth 1986, Pattern Recognition 19:41.

    The deepest local minimum of the criterion is taken, since at either end it only says that one class is empty. The
    variance of a bin's width (1/12) is added to both, so that a class of one single intensity has one too.

    >>> kittler_illingworth(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    4
    """
    h = counts / counts.sum()
    index = np.arange(h.size)
    p = np.cumsum(h)[:-1]
    q = 1 - p
    below, above = _means(h)
    square = np.cumsum(h * index**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = square[:-1] / p - below**2 + 1 / 12
        high = (square[-1] - square[:-1]) / q - above**2 + 1 / 12
        cost = p * np.log(low) + q * np.log(high) - 2 * (p * np.log(p) + q * np.log(q))
    first, last = _ends(counts)
    inner = cost[first:last]
    dips = [i for i in range(1, inner.size - 1) if inner[i - 1] >= inner[i] <= inner[i + 1] and inner[i] < inner[0]]
    return first + (min(dips, key=lambda i: inner[i]) if dips else int(np.argmin(inner)))


def li(counts: NDArray[Any]) -> int:
    """Least cross entropy between image and mask. Li & Lee 1993, Pattern Recognition 26:617; intensity 0 is the
    smallest of the image.

    >>> li(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    4
    """
    h = counts.astype(np.float64)
    centre: Float64Array = np.arange(h.size, dtype=np.float64) + 0.5
    moment = np.cumsum(h * centre)
    below, above = _means(h, centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = -moment[:-1] * np.log(below) - (moment[-1] - moment[:-1]) * np.log(above)
    return _argmin(cost, counts)


def maximum_entropy(counts: NDArray[Any]) -> int:
    """Largest sum of the entropies of both classes. Kapur, Sahoo & Wong 1985, CVGIP 29:273.

    >>> maximum_entropy(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    3
    """
    return _renyi(counts, 1.0)


def moments(counts: NDArray[Any]) -> int:
    """The two-valued image with the same first three moments. Tsai 1985, CVGIP 29:377.

    >>> moments(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    4
    """
    h = counts / counts.sum()
    index = np.arange(h.size, dtype=np.float64)
    m1, m2, m3 = (float((h * index**k).sum()) for k in (1, 2, 3))
    spread = m2 - m1 * m1
    c0, c1 = (m1 * m3 - m2 * m2) / spread, (m1 * m2 - m3) / spread
    root = math.sqrt(max(c1 * c1 - 4 * c0, 0.0))
    low, high = 0.5 * (-c1 - root), 0.5 * (-c1 + root)
    share = (high - m1) / (high - low)  # of the samples, in the lower class
    return min(int(np.flatnonzero(np.cumsum(h) > share)[0]), int(h.size) - 2)


def renyi_entropy(counts: NDArray[Any]) -> int:
    """Rényi's entropies of order 1/2, 1 and 2, combined. Sahoo, Wilkins & Yeager 1997, Pattern Recognition 30:71.

    >>> renyi_entropy(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    3
    """
    t = sorted((_renyi(counts, 0.5), _renyi(counts, 1.0), _renyi(counts, 2.0)))
    near = (t[1] - t[0] <= 5, t[2] - t[1] <= 5)
    weights = {(True, True): (1, 2, 1), (False, False): (1, 2, 1), (True, False): (0, 1, 3), (False, True): (3, 1, 0)}
    b1, b2, b3 = weights[near]
    share = np.cumsum(counts) / counts.sum()
    low, high = float(share[t[0]]), float(share[t[2]])
    middle = 0.25 * (high - low)
    return math.floor(t[0] * (low + middle * b1) + t[1] * middle * b2 + t[2] * (1 - high + middle * b3))


def shanbhag(counts: NDArray[Any]) -> int:
    """Both classes carry the same information, membership being fuzzy. Shanbhag 1994, CVGIP 56:414.

    >>> shanbhag(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    4
    """
    h = counts / counts.sum()
    first, last = _ends(counts)
    below = np.cumsum(h)
    above = 1 - below
    cost = np.full(h.size - 1, np.inf)
    for t in range(first, last):
        low, high = 0.5 / below[t], 0.5 / above[t]
        under, over = slice(1, t + 1), slice(t + 1, last + 1)
        inside = -low * float((h[under] * np.log1p(-low * below[: t + 1][:-1])).sum()) if t else 0.0
        rest = h[over]
        outside = -high * float((rest[rest > 0] * np.log1p(-high * above[over][rest > 0])).sum())
        cost[t] = abs(inside - outside)
    return int(np.argmin(cost))


def triangle(counts: NDArray[Any]) -> int:
    """Farthest from the line between the peak and the end of the longer tail. Zack, Rogers & Latt 1977,
    J. Histochem. Cytochem. 25:741.

    >>> triangle(np.array([0, 9, 2, 1, 1, 1, 1]))
    2
    """
    first, last = _ends(counts)
    peak = int(np.argmax(counts))
    if last - peak >= peak - first:
        index = np.arange(peak, last + 1)
        far = _distance(counts, peak, end=last, index=index)
        return int(index[np.argmax(far)]) if far.max() > 0 else peak
    index = np.arange(first, peak + 1)
    far = _distance(counts, peak, end=first, index=index)
    return max(int(index[np.argmax(far)]) - 1, first)  # the farthest bin belongs to the class of the peak


def yen(counts: NDArray[Any]) -> int:
    """Largest entropic correlation. Yen, Chang & Chang 1995, IEEE TIP 4:370. Runs scikit-image on the histogram.

    >>> yen(np.array([1, 4, 8, 4, 1, 0, 0, 0, 1, 2, 4, 2, 1]))
    3
    """
    from skimage.filters import threshold_yen

    return int(threshold_yen(hist=(counts, np.arange(counts.size))))


METHODS: dict[str, Callable[[NDArray[Any]], int]] = {
    "huang": huang,
    "intermodes": intermodes,
    "isodata": isodata,
    "kittler-illingworth": kittler_illingworth,
    "li": li,
    "maximum-entropy": maximum_entropy,
    "minimum": minimum,
    "moments": moments,
    "otsu": otsu,
    "renyi-entropy": renyi_entropy,
    "shanbhag": shanbhag,
    "triangle": triangle,
    "yen": yen,
}


def _ends(counts: NDArray[Any]) -> tuple[int, int]:
    """First and last bin that hold a sample."""
    held = np.flatnonzero(counts)
    return int(held[0]), int(held[-1])


def _means(h: Float64Array, index: Float64Array | None = None) -> tuple[Float64Array, Float64Array]:
    """Mean bin up to each threshold, and beyond it; nan where that class is empty."""
    place = np.arange(h.size, dtype=np.float64) if index is None else index
    mass, moment = np.cumsum(h), np.cumsum(h * place)
    with np.errstate(divide="ignore", invalid="ignore"):
        return moment[:-1] / mass[:-1], (moment[-1] - moment[:-1]) / (mass[-1] - mass[:-1])


def _argmin(cost: Float64Array, counts: NDArray[Any]) -> int:
    """The threshold of least cost at which both classes hold a sample."""
    first, last = _ends(counts)
    return first + int(np.nanargmin(cost[first:last]))


def _renyi(counts: NDArray[Any], order: float) -> int:
    """The threshold of the largest sum of both classes' Rényi entropies; order 1 is Shannon's."""
    h = counts / counts.sum()
    first, last = _ends(counts)
    p = np.cumsum(h)[:-1]
    q = 1 - p
    with np.errstate(divide="ignore", invalid="ignore"):
        if order == 1:
            logs = np.cumsum(np.where(h > 0, h * np.log(np.where(h > 0, h, 1)), 0.0))
            total = np.log(p) - logs[:-1] / p + np.log(q) - (logs[-1] - logs[:-1]) / q
        else:
            power = np.cumsum(h**order)
            total = np.log(power[:-1] / p**order) + np.log((power[-1] - power[:-1]) / q**order)
            total /= 1 - order
    return first + int(np.nanargmax(total[first:last]))


def _two_peaks(counts: NDArray[Any]) -> tuple[Float64Array, tuple[int, int]]:
    """The histogram smoothed by three-bin means until two peaks are left, and where they are."""
    smooth = np.concatenate([[0.0], counts.astype(np.float64), [0.0]])
    for _ in range(_ROUNDS):
        inner = smooth[1:-1]
        peaks = find_peaks(smooth)[0] - 1
        if peaks.size == 2:
            return inner, (int(peaks[0]), int(peaks[1]))
        if peaks.size < 2:
            break
        smooth[1:-1] = (smooth[:-2] + inner + smooth[2:]) / 3
    raise DatasetError(
        "the histogram must have two peaks for this method, got another number after smoothing; "
        "choose another method, such as otsu or triangle"
    )


def _distance(counts: NDArray[Any], peak: int, *, end: int, index: NDArray[np.int64]) -> Float64Array:
    """Height of the line from the peak to `end` above the histogram, up to a factor."""
    slope = (float(counts[end]) - float(counts[peak])) / (end - peak) if end != peak else 0.0
    line: Float64Array = counts[peak] + slope * (index - peak) - counts[index]
    return line
