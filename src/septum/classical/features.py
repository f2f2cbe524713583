"""Feature vectors of voxels: channels, smoothed channels, position; read in blocks, sampled, or as a histogram.

The insight: what is stored is one image per channel and smoothing; positions are made when a block is read, and one
plain channel is not copied at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.classical.landscape import smoothed
from septum.geometry.arrays import Float64Array
from septum.options import at_least


@dataclass(frozen=True, eq=False)
class Features:
    """Images that are features, and the position beside them.

    Args:
        stack: images of the spatial shape: the channels, then the smoothed ones.
        channels: how many of them are channels.
        scale: what each is divided by.
        axes_scale: per axis what an index is multiplied with to be a feature; empty where position is none.
    """

    stack: tuple[NDArray[Any], ...]
    channels: int
    scale: tuple[float, ...]
    axes_scale: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return self.stack[0].shape

    @property
    def is_single(self) -> bool:
        """Whether one plain channel is the only feature."""
        return len(self.stack) == 1 and not self.axes_scale

    def blocks(self, voxels: int) -> Iterator[slice]:
        """Slices of the first axis that hold about so many voxels each."""
        rows = max(voxels // max(int(np.prod(self.shape[1:])), 1), 1)
        for start in range(0, self.shape[0], rows):
            yield slice(start, min(start + rows, self.shape[0]))

    def rows(self, rows: slice) -> NDArray[np.float32]:
        """Feature vectors `(F, N)` of a slice of the first axis."""
        shape = (rows.stop - rows.start, *self.shape[1:])
        out = np.empty((len(self.stack) + len(self.axes_scale), *shape), np.float32)
        for image, divisor, into in zip(self.stack, self.scale, out, strict=False):
            np.divide(image[rows], divisor, out=into, casting="unsafe")
        for axis, factor in enumerate(self.axes_scale):
            first = rows.start if axis == 0 else 0
            index = (first + np.arange(shape[axis])) * factor
            out[len(self.stack) + axis] = index.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        return out.reshape(len(out), -1)

    def sample(self, count: int, generator: np.random.Generator) -> Float64Array:
        """At most `count` feature vectors `(n, F)` of voxels drawn without repetition; all where there are fewer."""
        total = int(np.prod(self.shape))
        flat = np.arange(total) if total <= count else np.sort(generator.choice(total, count, replace=False))
        place = np.unravel_index(flat, self.shape)
        columns: list[NDArray[Any]] = [
            image[place] / divisor for image, divisor in zip(self.stack, self.scale, strict=True)
        ]
        columns += [place[axis] * factor for axis, factor in enumerate(self.axes_scale)]
        return np.stack(columns, axis=1).astype(np.float64)

    def histogram(self, bins: int) -> tuple[Float64Array, Float64Array]:
        """Mean value `(n, 1)` and number `(n,)` of the voxels in each bin of the single feature that is not empty."""
        image = self.stack[0]
        lowest, highest = float(image.min()), float(image.max())
        factor = (bins - 1e-3) / (highest - lowest) if highest > lowest else 0.0
        counts, sums = np.zeros(bins), np.zeros(bins)
        for rows in self.blocks(1 << 18):
            values = image[rows].reshape(-1).astype(np.float64)
            values -= lowest
            index = (values * factor).astype(np.int32)
            counts += np.bincount(index, minlength=bins)
            sums += np.bincount(index, values, minlength=bins)
        full = counts > 0
        return (lowest + sums[full] / counts[full])[:, None], counts[full]

    def intensity(self, means: Float64Array) -> Float64Array:
        """Mean over the channels of the means `(k, F)` of classes, in the image's units."""
        channels = means[:, : self.channels] * np.array(self.scale[: self.channels])
        return np.asarray(channels.mean(axis=1))


def feature_stack(
    image: NDArray[Any], *, spacing: Sequence[float], smoothed_mm: Sequence[float], position: float
) -> Features:
    """The features of `(C, *spatial)`: channels, channels smoothed by each Gaussian, position where it counts.

    Several features are divided by their standard deviations (constant ones by 1).

    >>> features = feature_stack(np.ones((2, 4, 4)), spacing=(1, 1), smoothed_mm=(1.0,), position=0)
    >>> features.channels, len(features.stack), features.shape
    (2, 4, (4, 4))
    """
    widths = [at_least(float(width), 0, name="smoothed_mm", above=True) for width in smoothed_mm]
    stack = [*image, *(smoothed(channel, spacing=spacing, sigma_mm=width) for width in widths for channel in image)]
    extent = max(n * s for n, s in zip(image.shape[1:], spacing, strict=True))
    axes = tuple(position * s / extent * np.sqrt(12) for s in spacing) if position > 0 else ()
    single = len(stack) == 1 and not axes
    scale = (1.0,) if single else tuple(float(f.std(dtype=np.float64)) or 1.0 for f in stack)
    return Features(tuple(stack), len(image), scale, axes)
