"""Thresholds: global, automatic, local, and with hysteresis.

The insight: a global threshold is one number, and nearly all the time goes into reading the image, so the histogram is
counted once in the cache (`histogram.count_bins`) and the mask is one comparison in the image's own type. A local
threshold is the same comparison against a smoothed image.

Methods that look at the histogram see relative intensities only: scaling the image, or adding to it, leaves the mask
as it is. An image in which all intensities are alike has nothing that stands out: its mask is empty (automatic
methods), and every sample of a multi-class map is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical import filters, histogram
from septum.classical.adjacency import connected_parts
from septum.errors import ConfigError
from septum.geometry.arrays import Mask, Spacing, grey_image, radius_voxels, spacing_mm
from septum.options import at_least, one_of

SIDES = ("bright", "dark")
RARER = "rarer"
"""The side that holds fewer samples: bright cells in one image, dark ones in the next."""
BINS = 256
_ROUNDING = 2e-6  # of the range: what single precision may add to or take from a mean


def manual(image: ArrayLike, *, low: float | None = None, high: float | None = None) -> Mask:
    """Samples whose intensity lies between `low` and `high`, both included; None leaves that side open.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        low, high: in the image's own units (HU for CT).

    Raises:
        ConfigError: when both are None, or `low` is above `high`.

    >>> manual(np.array([[1, 2, 3]]), low=2).tolist()
    [[False, True, True]]
    """
    array = grey_image(image)
    if low is None and high is None:
        raise ConfigError("low or high must be given, got neither; choose an intensity")
    if low is not None and high is not None and not low <= high:
        raise ConfigError(f"low must not be above high, got {low} and {high}; exchange them")
    mask = np.ones(array.shape, bool) if low is None else _at_least(array, float(low))
    if high is not None:
        mask &= array <= _as_own_type(array, float(high), rounding=math.floor)
    return mask


def automatic_value(image: ArrayLike, *, method: str = "otsu", bins: int = BINS) -> float | None:
    """The threshold that `method` finds: the smallest intensity of the upper class; None when all are alike.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        method: one of `histogram.METHODS`.
        bins: of the histogram, from the smallest to the largest intensity.

    Raises:
        DatasetError: for "intermodes" and "minimum", when the histogram has no two peaks.

    Runs `septum.classical.histogram`; faster than SimpleITK and scikit-image, which count the voxels more slowly.

    >>> round(automatic_value([[0, 1, 8, 9]]), 3)
    1.5
    >>> automatic_value([[3, 3, 3]]) is None
    True
    """
    array = grey_image(image)
    one_of(method, tuple(histogram.METHODS), name="method")
    counts, low, width = histogram.count_bins(array, bins=_bins(bins))
    if width == 0:
        return None
    return histogram.edge_value(histogram.METHODS[method](counts), low, width=width)


def automatic(image: ArrayLike, *, method: str = "otsu", side: str = "bright", bins: int = BINS) -> Mask:
    """One class of an automatic threshold: the upper (`side="bright"`), the lower ("dark") or the smaller one ("rarer";
    of equals the upper); see `automatic_value`.

    >>> automatic(np.array([[0, 1, 9, 8]])).tolist()
    [[False, False, True, True]]
    """
    one_of(side, (*SIDES, RARER), name="side")
    value = automatic_value(image, method=method, bins=bins)
    if value is None:
        return np.zeros(np.shape(image), bool)
    mask = _at_least(np.asarray(image), value)
    dark = side == "dark" or (side == RARER and 2 * np.count_nonzero(mask) > mask.size)
    return ~mask if dark else mask


def multi_otsu_values(image: ArrayLike, *, classes: int = 3, bins: int = BINS) -> tuple[float, ...] | None:
    """The `classes - 1` thresholds of Otsu's criterion, ascending, as in `automatic_value`; None when all are alike.

    Raises:
        ConfigError: fewer than two classes, or more than there are different intensities (as the histogram sees them).

    >>> [round(value, 1) for value in multi_otsu_values([[0, 0, 4, 4, 8, 8]], classes=3)]
    [2.0, 6.0]
    """
    array = grey_image(image)
    at_least(classes, 2, name="classes")
    counts, low, width = histogram.count_bins(array, bins=_bins(bins))
    if width == 0:
        return None
    distinct = int(np.count_nonzero(counts))
    if classes > distinct:
        raise ConfigError(f"classes must be at most the {distinct} different intensities, got {classes}; choose fewer")
    found = histogram.multi_otsu(counts, classes=int(classes))
    return tuple(histogram.edge_value(index, low, width=width) for index in found)


def multi_otsu(image: ArrayLike, *, classes: int = 3, bins: int = BINS) -> NDArray[np.uint8]:
    """Labels 0 (darkest) … `classes - 1` (brightest) of largest variance between the classes; errors as
    `multi_otsu_values`.

    >>> multi_otsu(np.array([[0, 5, 9, 1]])).tolist()
    [[0, 1, 2, 0]]
    """
    array = grey_image(image)
    labels = np.zeros(array.shape, np.uint8)
    for value in multi_otsu_values(array, classes=classes, bins=bins) or ():
        labels += _at_least(array, value)
    return labels


def hysteresis(
    image: ArrayLike, *, low: float | None = None, high: float | None = None, side: str = "bright", bins: int = BINS
) -> Mask:
    """Samples beyond the weak threshold that are connected (faces) with one beyond the strong threshold.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        low, high: intensities; None takes the two thresholds of three-class Otsu.
        side: "bright": at least `low`, connected with at least `high`; "dark": at most `high`, connected with `low`.
        bins: of the histogram for thresholds that are not given.

    Raises:
        ConfigError: `low` above `high`, or one of them missing and the image has two different intensities only.

    Source: Canny 1986, IEEE TPAMI 8:679. Runs `connected-components-3d`, faster than scikit-image.

    >>> hysteresis([[0, 5, 9, 0, 5]], low=4, high=8).tolist()
    [[False, True, True, False, False]]
    """
    array = grey_image(image)
    one_of(side, SIDES, name="side")
    if low is None or high is None:
        found = _two_levels(array, bins)
        if found is None:
            return np.zeros(array.shape, bool)
        low, high = found[0] if low is None else low, found[1] if high is None else high
    if low > high:
        raise ConfigError(f"low must not be above high, got {low} and {high}; exchange them")
    if side == "bright":
        weak, strong = _at_least(array, low), _at_least(array, high)
    else:
        weak, strong = ~_at_least(array, high), ~_at_least(array, low)
    components, count = connected_parts(np.ascontiguousarray(weak))
    keep = np.zeros(count + 1, bool)
    keep[components[strong & weak]] = True
    keep[0] = False
    mask: Mask = keep[components]
    return mask


def _two_levels(array: NDArray[Any], bins: int) -> tuple[float, ...] | None:
    """The thresholds of three-class Otsu; None when all intensities are alike."""
    try:
        return multi_otsu_values(array, bins=bins)
    except ConfigError:
        raise ConfigError(
            "low and high must both be given for an image of two different intensities, got less; choose both"
        ) from None


def local_mean(
    image: ArrayLike, *, spacing: Spacing = None, radius_mm: float = 15.0, offset: float = 0.0, side: str = "bright"
) -> Mask:
    """Above (`side="dark"`: below) the mean of the window around each sample.

    Args:
        image: `spatial`, 2-D or 3-D, one channel.
        spacing: mm per axis.
        radius_mm: half-width of the (box) window.
        offset: share of the image's intensity range by which a sample must stand out.
        side: "bright" or "dark".

    The image continues mirrored beyond its border. Where all samples of the window are alike none stands out: a
    difference below two millionths of the image's range counts as none. Runs OpenCV.

    >>> local_mean([[0, 9, 0, 100, 109, 100]], radius_mm=1.0).tolist()
    [[False, True, False, True, True, False]]
    """
    x, scale, step = _shifted(image, spacing)
    size = _window(radius_mm, step)
    return _stands_out(x, filters.box_mean(x, size), offset=offset, side=side, scale=scale)


def local_gaussian(
    image: ArrayLike, *, spacing: Spacing = None, sigma_mm: float = 8.0, offset: float = 0.0, side: str = "bright"
) -> Mask:
    """As `local_mean`, with Gaussian weights of standard deviation `sigma_mm`. Runs OpenCV.

    >>> local_gaussian([[0, 9, 0, 100, 109, 100]], sigma_mm=1.0).tolist()
    [[False, False, False, True, True, False]]
    """
    x, scale, step = _shifted(image, spacing)
    at_least(sigma_mm, 0, name="sigma_mm", above=True)
    mean = filters.gaussian(x, [sigma_mm / s for s in step], mode="mirror")
    return _stands_out(x, mean, offset=offset, side=side, scale=scale)


def niblack(
    image: ArrayLike, *, spacing: Spacing = None, radius_mm: float = 15.0, k: float = 0.2, side: str = "bright"
) -> Mask:
    """Above mean + k · deviation of the window ("dark": below mean - k · deviation).

    Source: Niblack 1986, An Introduction to Digital Image Processing. Arguments as `local_mean`. Two box
    means of OpenCV; scikit-image's integral image takes several times the time and memory.

    >>> niblack([[0, 9, 0, 100, 109, 100]], radius_mm=1.0).tolist()
    [[False, True, False, True, True, False]]
    """
    x, mean, deviation = _statistics(image, spacing, radius_mm=radius_mm, turned=_is_dark(side))
    return x > mean + np.float32(k) * deviation


def sauvola(
    image: ArrayLike, *, spacing: Spacing = None, radius_mm: float = 15.0, k: float = 0.2, side: str = "dark"
) -> Mask:
    """Below mean · (1 + k (deviation / R - 1)) of the window, for dark structures on a bright ground.

    Intensities count from 0 (smallest of the image) to 1 (largest), R is 1/2; "bright" turns the image over first.
    Source: Sauvola & Pietikäinen 2000, Pattern Recognition 33:225. Otherwise as `niblack`.

    >>> sauvola([[9, 9, 0, 9, 9]], radius_mm=2.0).tolist()
    [[False, False, True, False, False]]
    """
    x, mean, deviation = _statistics(image, spacing, radius_mm=radius_mm, turned=not _is_dark(side))
    return x < mean * (1 + np.float32(k) * (deviation / np.float32(0.5) - 1))


def phansalkar(
    image: ArrayLike,
    *,
    spacing: Spacing = None,
    radius_mm: float = 15.0,
    k: float = 0.25,
    p: float = 3.0,
    q: float = 10.0,
    side: str = "dark",
) -> Mask:
    """As `sauvola`, for images of little contrast: below mean · (1 + p · exp(-q · mean) + k (deviation / R - 1)).

    Source: Phansalkar et al. 2011, Int. Conf. Communications and Signal Processing, 218. No library has it.

    >>> phansalkar([[9, 9, 0, 9, 9]], radius_mm=2.0).tolist()
    [[False, False, True, False, False]]
    """
    x, mean, deviation = _statistics(image, spacing, radius_mm=radius_mm, turned=not _is_dark(side))
    lift = np.float32(p) * np.exp(np.float32(-q) * mean)
    mask: Mask = x < mean * (1 + lift + np.float32(k) * (deviation / np.float32(0.5) - 1))
    return mask


def _bins(bins: int) -> int:
    if not 2 <= bins <= 65536:
        raise ConfigError(f"bins must lie between 2 and 65536, got {bins}; 256 suits most images")
    return int(bins)


def _as_own_type(array: NDArray[Any], value: float, *, rounding: Any) -> Any:
    """`value` as an integer for integer images, so that the comparison stays in the image's own type."""
    if array.dtype.kind == "f":
        return value
    info = np.iinfo(array.dtype)
    return int(rounding(min(max(value, info.min - 1), info.max + 1)))


def _at_least(array: NDArray[Any], value: float) -> Mask:
    mask: Mask = np.asarray(array) >= _as_own_type(array, value, rounding=math.ceil)
    return mask


def _relative(image: ArrayLike, spacing: Spacing) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """Intensities from 0 to 1 over the image's own range, and the spacing."""
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    low, high = float(array.min()), float(array.max())
    if not high > low:
        return np.zeros(array.shape, np.float32), step
    x = array.astype(np.float32)
    x -= np.float32(low)
    x /= np.float32(high - low)
    return x, step


def _is_dark(side: str) -> bool:
    return one_of(side, SIDES, name="side") == "dark"


def _window(radius_mm: float, step: tuple[float, ...]) -> list[int]:
    at_least(radius_mm, 0, name="radius_mm", above=True)
    return [2 * r + 1 for r in radius_voxels(radius_mm, step)]


def _shifted(image: ArrayLike, spacing: Spacing) -> tuple[NDArray[Any], float, tuple[float, ...]]:
    """Intensities in their own units, moved near 0 where they lie far from it, their range, and the spacing.

    Moved, because single precision would not tell small differences of large numbers apart. 8- and 16-bit integers
    stay what they are.
    """
    array = grey_image(image)
    step = spacing_mm(spacing, array.ndim)
    low, high = array.min(), array.max()
    scale = float(high) - float(low)
    if max(abs(float(low)), abs(float(high))) > 2 * scale:
        array = array - low
    return (array if array.dtype.itemsize <= 2 else array.astype(np.float32)), scale, step


def _stands_out(x: NDArray[Any], level: NDArray[np.float32], *, offset: float, side: str, scale: float) -> Mask:
    """Above (dark: below) the level by the share `offset` of the range `scale`, and by more than rounding. `level` is
    overwritten."""
    least = np.float32((offset + _ROUNDING) * scale)
    if _is_dark(side):
        level -= least
        return np.asarray(x < level)
    level += least
    return np.asarray(x > level)


def _statistics(
    image: ArrayLike, spacing: Spacing, *, radius_mm: float, turned: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Relative intensities (turned over where asked for), and mean and standard deviation of each window."""
    x, step = _relative(image, spacing)
    if turned and x.any():
        x = np.float32(1) - x
    size = _window(radius_mm, step)
    mean = filters.box_mean(x, size)
    deviation = filters.box_mean(x * x, size)
    deviation -= mean * mean
    np.maximum(deviation, 0, out=deviation)
    return x, mean, np.sqrt(deviation, out=deviation)
