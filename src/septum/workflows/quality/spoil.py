"""Images spoiled on purpose, with the masks that are then true: what teaches an estimate how failures look.

The insight: held-out images are too much like those of the training to show a network fail, yet failures are what an
estimate is for. A copy that is blurred, inverted or of another scale costs one prediction and no annotation, and its
true mask is known: it is the image's own, moved where the copy was moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.geometry.arrays import Float32Array, LabelArray

Way = Callable[[Float32Array, LabelArray, np.random.Generator], tuple[Float32Array, LabelArray]]

_KNOTS = 6  # of the curve from the intensities of one modality to those of another


def spoil(
    array: NDArray[Any], labels: LabelArray, *, way: str, rng: np.random.Generator
) -> tuple[Float32Array, LabelArray]:
    """An image and its labels, spoiled in one way.

    Args:
        array: intensities, `(C, *spatial)`, any type; what is not finite counts as the smallest finite value.
        labels: integer labels of shape `spatial`.
        way: a name of `WAYS`.
        rng: decides how strongly, and where.

    Returns:
        New arrays; "cropped" is smaller along one axis, all others keep the shape.

    >>> image = np.arange(16.0).reshape(1, 4, 4)
    >>> spoil(image, np.ones((4, 4), int), way="inverted", rng=np.random.default_rng(0))[0][0, 0]
    array([15., 14., 13., 12.], dtype=float32)
    """
    values = array.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = values[finite].min() if finite.any() else 0.0
    found, truth = WAYS[way](values, labels, rng)
    return np.asarray(found, dtype=np.float32), truth


def _noise(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """Normal noise of 0.4 to 1.6 deviations of the image."""
    width = float(values.std()) * rng.uniform(0.4, 1.6)
    return values + rng.normal(0, width, values.shape).astype(np.float32), labels


def _blur(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """A Gaussian of 1 % to 4 % of the shorter side of a plane."""
    width = rng.uniform(0.01, 0.04) * min(values.shape[-2:])
    return ndimage.gaussian_filter(values, (0, *(width,) * (values.ndim - 1))), labels


def _inverted(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """Bright becomes dark."""
    return values.max() + values.min() - values, labels


def _contrast(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """A power of the intensities that pulls them to the dark or to the bright end."""
    low, high = _range(values)
    power = float(rng.choice([rng.uniform(0.25, 0.5), rng.uniform(2, 4)]))
    return (np.clip((values - low) / (high - low), 0, 1) ** power * (high - low) + low).astype(np.float32), labels


def _bias(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """A smooth field, from bright to dark across the image by a factor of 4 to 16."""
    low, _ = _range(values)
    place = np.indices(values.shape[1:], dtype=np.float32)
    slopes = rng.normal(size=values.ndim - 1)
    field = sum(s * (p / max(1, n - 1) - 0.5) for s, p, n in zip(slopes, place, values.shape[1:], strict=True))
    field = np.asarray(field) / max(float(np.abs(field).max()), 1e-6)
    return ((values - low) * np.exp(field * rng.uniform(0.7, 1.4)) + low).astype(np.float32), labels


def _scale(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """Half or twice the magnification in the same frame; what is missing at half is mirrored in."""
    factor = float(rng.choice([0.5, 2.0]))
    centre = [rng.uniform(0.35, 0.65) * n for n in labels.shape]
    axes = [np.rint((np.arange(n) - n / 2) / factor + c).astype(int) for n, c in zip(labels.shape, centre, strict=True)]
    index = np.ix_(*[_mirrored(axis, n) for axis, n in zip(axes, labels.shape, strict=True)])
    if factor < 1:
        values = ndimage.gaussian_filter(values, (0, *(1.0,) * labels.ndim))
    return np.stack([channel[index] for channel in values]), labels[index]


def _cropped(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """Cut through the middle of what is labelled, along one of the two axes of a plane."""
    axis = labels.ndim - 1 - int(rng.integers(2))
    held = np.flatnonzero((labels > 0).any(axis=tuple(a for a in range(labels.ndim) if a != axis)))
    n = labels.shape[axis]
    cut = int(np.clip(np.median(held) if len(held) else n // 2, n // 4, n - n // 4))
    part = slice(0, cut) if rng.integers(2) else slice(cut, n)
    index = tuple(part if a == axis else slice(None) for a in range(labels.ndim))
    return np.ascontiguousarray(values[(slice(None), *index)]), np.ascontiguousarray(labels[index])


def _modality(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """The intensities of another modality: a curve that rises and falls."""
    low, high = _range(values)
    levels = rng.permutation(np.linspace(0, 1, _KNOTS))
    knots = np.linspace(0, 1, _KNOTS)
    return (np.interp((values - low) / (high - low), knots, levels) * (high - low) + low).astype(np.float32), labels


def _empty(values: Float32Array, labels: LabelArray, rng: np.random.Generator) -> tuple[Float32Array, LabelArray]:
    """Nothing but the noise of the image: no structure is there."""
    grain = ndimage.gaussian_filter(rng.normal(size=values.shape), (0, *(0.7,) * (values.ndim - 1)))
    spread = float(values.std()) * rng.uniform(0.02, 0.5)
    return (float(np.median(values)) + spread * grain).astype(np.float32), np.zeros_like(labels)


WAYS: dict[str, Way] = {
    "noise": _noise,
    "blur": _blur,
    "inverted": _inverted,
    "contrast": _contrast,
    "bias": _bias,
    "scale": _scale,
    "cropped": _cropped,
    "modality": _modality,
    "empty": _empty,
}
"""Ways in which an image is spoiled."""


def _range(values: Float32Array) -> tuple[float, float]:
    """The range of the intensities without their outermost hundredths; never empty."""
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    return low, high if high > low else low + 1.0


def _mirrored(index: NDArray[np.int_], n: int) -> NDArray[np.int_]:
    """Indices beyond an axis of length n, mirrored back into it."""
    period = max(1, 2 * n)
    folded = np.mod(index, period)
    return np.where(folded < n, folded, period - 1 - folded)
