"""Which values are black and which white when an image is opened.

The insight: what lies around the body is not what a person wants to see, but it holds a large share of the values. Air
of a CT and the dark rim of a radiograph stretch the window downwards, and everything within the body becomes pale.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Image

SOFTEST_HU = -300.0
"""Hounsfield units below which a voxel is air, lung or the table's foam; those have presets of their own."""

MOST_RIM = 0.3
"""Share of a picture up to which its dark rim is left out; a larger one is the ground that small objects lie on."""

_SAMPLE = 200_000
_COARSE = {2: 256, 3: 48}
_BINS = 128


def windows_of(image: Image) -> list[dict[str, Any]]:
    """Range and first window of each channel: `low`, `high` and `window`."""
    hounsfield = modality(image) == "ct"
    return [window(channel, hounsfield=hounsfield) for channel in image.array]


def window(values: NDArray[Any], *, hounsfield: bool = False) -> dict[str, Any]:
    """Range of a channel `(y, x)` or `(z, y, x)`, and a window that shows most of what is no ground.

    That is the middle 99 percent of its values; without the dark rim of a picture that fills its frame (`rim_of`); and
    of a CT in Hounsfield units the middle 96 percent above `SOFTEST_HU`.
    """
    finite = _sample(values)
    if not finite.size:
        return {"low": 0.0, "high": 1.0, "window": [0.0, 1.0]}
    low, first, last, high = np.percentile(finite, [0, 0.5, 99.5, 100]).tolist()
    body = finite[finite > SOFTEST_HU] if hounsfield else finite[:0]
    if body.size > finite.size // 100:
        first, last = np.percentile(body, [2, 98]).tolist()
    elif (inner := _inside(values, (first, last))) is not None:
        first, last = inner
    last = last if last > first else first + 1
    return {"low": low, "high": high, "window": [first, last]}


def modality(image: Image) -> str:
    """ "ct" where the values are those of Hounsfield units, else empty: presets of windows make sense for it alone."""
    array = image.array
    if image.grid.ndim != 3 or len(array) != 1 or array.dtype.kind not in "if":
        return ""
    finite = _sample(array[0])
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    return "ct" if -3100 <= low <= -500 and 200 <= high <= 32767 else ""


def rim_of(values: NDArray[Any], *, threshold: float) -> NDArray[np.bool_]:
    """What is darker than `threshold` and hangs together with the edge of the picture.

    >>> rim_of(np.array([[0, 9, 9, 9], [0, 9, 1, 9], [0, 9, 9, 9]]), threshold=5).astype(int).tolist()
    [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    """
    from scipy import ndimage

    pieces, _ = ndimage.label(values < threshold)
    ends = [np.unique(pieces.take(end, axis=axis)) for axis in range(values.ndim) for end in (0, -1)]
    found: NDArray[np.bool_] = np.isin(pieces, np.unique(np.concatenate(ends))) & (pieces > 0)
    return found


def _inside(values: NDArray[Any], middle: tuple[float, float]) -> tuple[float, float] | None:
    """The window of what lies within the dark rim, a tenth wider below; None where there is no rim to leave out."""
    if middle[1] <= middle[0] or values.ndim not in _COARSE:
        return None
    steps = tuple(slice(None, None, max(1, n // _COARSE[values.ndim])) for n in values.shape)
    small = np.nan_to_num(values[steps].astype(np.float32), nan=middle[0], posinf=middle[1], neginf=middle[0])
    rim = rim_of(small, threshold=_between(np.clip(small, *middle)))
    if not 0 < rim.mean() <= MOST_RIM:
        return None
    first, last = np.percentile(small[~rim], [0.5, 99.5]).tolist()
    return max(middle[0], first - 0.1 * (last - first)), last


def _between(values: NDArray[Any]) -> float:
    """The threshold that parts dark from bright best (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=_BINS)
    middles = np.array([(a + b) / 2 for a, b in pairwise(edges)])
    below, total = np.cumsum(counts), np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (total[-1] * below - total * below[-1]) ** 2 / (below * (below[-1] - below))
    return float(edges[1:][np.nan_to_num(apart, nan=0.0, posinf=0.0).argmax()])


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    """Finite values, evenly taken."""
    step = max(1, values.size // _SAMPLE)
    taken = values.reshape(-1)[::step] if values.flags.c_contiguous else values.flat[::step]
    found: NDArray[np.float64] = np.asarray(taken)[np.isfinite(taken)].astype(np.float64)
    return found
